#include "serve/history.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "conversation/conversation.h"

static ut_status read_emotion(const json_t *value, size_t index, int *label, ut_error *err)
{
    *label = -1;
    if (!value || json_is_null(value))
        return UT_OK;
    *label = json_is_string(value) ? ut_emotion_from_name(json_string_value(value)) : -1;
    return *label >= 0 ? UT_OK
                       : ut_fail(err, UT_ERR_FORMAT, "history",
                                 "context: turn %zu: emotion is one of sad, happy, angry, neutral, "
                                 "non-neutral, or absent",
                                 index);
}

static ut_status read_turn(const json_t *item, size_t index, ut_arena *arena, ut_past_turn *turn,
                           ut_error *err)
{
    const char *speaker = json_string_value(json_object_get(item, "speaker"));
    const char *text = json_string_value(json_object_get(item, "text"));
    const char *key;
    json_t *value;
    if (!speaker || !text)
        return ut_fail(err, UT_ERR_FORMAT, "history",
                       "context: turn %zu must have \"speaker\" and \"text\", both strings", index);
    json_object_foreach((json_t *)(uintptr_t)item, key, value)
    {
        if (strcmp(key, "speaker") != 0 && strcmp(key, "text") != 0 && strcmp(key, "emotion") != 0)
            return ut_fail(err, UT_ERR_FORMAT, "history",
                           "context: turn %zu has a member \"%.40s\"; there are speaker, text and "
                           "emotion",
                           index, key);
    }
    if (strlen(speaker) > UT_HISTORY_NAME || strlen(text) > UT_HISTORY_TEXT)
        return ut_fail(err, UT_ERR_LIMIT, "history",
                       "context: turn %zu is too long: a text has at most %d bytes, a speaker's "
                       "name %d",
                       index, UT_HISTORY_TEXT, UT_HISTORY_NAME);
    UT_TRY(read_emotion(json_object_get(item, "emotion"), index, &turn->emotion, err));
    turn->speaker = ut_arena_strdup(arena, speaker);
    turn->text = ut_arena_strdup(arena, text);
    return turn->speaker && turn->text ? UT_OK : ut_fail_memory(err, "history");
}

static ut_status read_turns(const json_t *json, ut_arena *arena, ut_past_turn **turns,
                            size_t *count, ut_error *err)
{
    const json_t *list = json_object_get(json, "conversation_history");
    size_t n = json_array_size(list);
    if (!json_is_object(json) || json_object_size(json) != (list != NULL) ||
        (list && !json_is_array(list)))
        return ut_fail(err, UT_ERR_FORMAT, "history",
                       "context is {\"conversation_history\": [...]} and nothing else");
    if (n > UT_HISTORY_TURNS)
        return ut_fail(err, UT_ERR_LIMIT, "history",
                       "context: conversation_history has %zu turns; at most %d count, send the "
                       "last ones",
                       n, UT_HISTORY_TURNS);
    *turns = UT_ARENA_NEW(arena, ut_past_turn, n + 1);
    if (!*turns)
        return ut_fail_memory(err, "history");
    for (size_t i = 0; i < n; i++)
        UT_TRY(read_turn(json_array_get(list, i), i, arena, &(*turns)[i], err));
    *count = n;
    return UT_OK;
}

ut_status ut_history_parse(const char *text, size_t length, ut_arena *arena, ut_past_turn **turns,
                           size_t *count, ut_error *err)
{
    json_t *json;
    *turns = NULL;
    *count = 0;
    UT_TRY(ut_json_parse(text, length, "context", &json, err));
    ut_status status = read_turns(json, arena, turns, count, err);
    json_decref(json);
    return status;
}
