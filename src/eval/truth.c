#include "eval/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"

#define LATEST_SECONDS 1e7

typedef struct reader {
    ut_truth *truth;
    const char *text; /* of the document, to find line numbers */
    size_t length;
    const char *name;
    ut_error *err;
} reader;

/* Line of the value number `entry` inside the top member number `member` of a document that is
 * already known to be valid (entry -1: of the member's key). */
static size_t find_line(const char *text, size_t length, size_t member, long entry)
{
    size_t line = 1, key = 0;
    long item = 0;
    int depth = 0;
    bool is_key = true; /* the next string at depth 1 */
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\n') {
            line++;
            continue;
        }
        if (strchr(" \t\r", c))
            continue;
        if (depth == 1 && c == ',') {
            key++;
            is_key = true;
        } else if (depth == 1 && c == '"' && is_key) {
            if (key == member && entry < 0)
                return line;
            is_key = false;
        } else if (depth == 2 && c == ',') {
            item += key == member;
        } else if (depth == 2 && key == member && item == entry) {
            return line;
        }
        if (c == '"') {
            for (i++; i < length && text[i] != '"'; i++)
                i += text[i] == '\\';
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return line;
}

static ut_status wrong(reader *r, size_t member, long entry, const char *what)
{
    size_t line = find_line(r->text, r->length, member, entry);
    const char *key = r->truth->files[member].name;
    if (entry < 0)
        return ut_fail(r->err, UT_ERR_FORMAT, "ground truth", "%s: line %zu: \"%.200s\": %s",
                       r->name, line, key, what);
    return ut_fail(r->err, UT_ERR_FORMAT, "ground truth", "%s: line %zu: \"%.200s\", entry %ld: %s",
                   r->name, line, key, entry + 1, what);
}

static bool only_known(json_t *entry)
{
    const char *key;
    json_t *value;
    json_object_foreach(entry, key, value)
    {
        if (strcmp(key, "start") != 0 && strcmp(key, "end") != 0 && strcmp(key, "speaker") != 0 &&
            strcmp(key, "emotion") != 0 && strcmp(key, "text") != 0)
            return false;
    }
    return true;
}

static bool valid_time(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= 0 &&
           json_number_value(value) <= LATEST_SECONDS;
}

/* What is wrong with the entry, NULL if nothing. */
static const char *fault(json_t *json, size_t count)
{
    if (!json_is_object(json))
        return "is no object; write {\"start\": 0.5, \"end\": 2, \"speaker\": \"A\", \"emotion\": "
               "\"neutral\"}";
    if (!only_known(json))
        return "has a member other than start, end, speaker, emotion and text; remove or correct "
               "it";
    const json_t *start = json_object_get(json, "start"), *end = json_object_get(json, "end");
    if ((start == NULL) != (end == NULL))
        return "has only one of start and end; give both, or neither for the whole file";
    if (!start && count > 1)
        return "has no times, so it labels the whole file, but is not its only entry";
    if (start && (!valid_time(start) || !valid_time(end)))
        return "start and end must be seconds from 0";
    if (start && json_number_value(end) <= json_number_value(start))
        return "end must be later than start";
    const char *emotion = json_string_value(json_object_get(json, "emotion"));
    if (!emotion || ut_emotion_from_name(emotion) < 0)
        return "emotion must be one of sad, happy, angry, neutral, non-neutral";
    const json_t *speaker = json_object_get(json, "speaker"), *text = json_object_get(json, "text");
    if ((speaker && !json_is_string(speaker)) || (text && !json_is_string(text)))
        return "speaker and text must be strings";
    return NULL;
}

static ut_status read_file(reader *r, size_t member, const char *key, json_t *array)
{
    ut_truth_file *file = &r->truth->files[member];
    ut_arena *arena = r->truth->arena;
    file->name = ut_arena_strdup(arena, key);
    if (!file->name)
        return ut_fail_memory(r->err, "ground truth");
    if (!*key)
        return wrong(r, member, -1, "has no name; the key is the recording's file name");
    size_t count = json_array_size(array);
    if (!count)
        return wrong(r, member, -1, "must be a list with at least one entry");
    file->entries = UT_ARENA_NEW(arena, ut_truth_entry, count);
    if (!file->entries)
        return ut_fail_memory(r->err, "ground truth");
    file->count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *json = json_array_get(array, i);
        const char *what = fault(json, count);
        if (what)
            return wrong(r, member, (long)i, what);
        const char *speaker = json_string_value(json_object_get(json, "speaker"));
        const char *text = json_string_value(json_object_get(json, "text"));
        file->entries[i] = (ut_truth_entry){.start = ut_json_number_or(json, "start", NAN),
                                            .end = ut_json_number_or(json, "end", NAN),
                                            .speaker = ut_arena_strdup(arena, speaker),
                                            .emotion = (ut_emotion_label)ut_emotion_from_name(
                                                ut_json_string_or(json, "emotion", "neutral")),
                                            .text = ut_arena_strdup(arena, text)};
        if ((speaker && !file->entries[i].speaker) || (text && !file->entries[i].text))
            return ut_fail_memory(r->err, "ground truth");
    }
    file->whole = isnan(file->entries[0].start);
    return UT_OK;
}

ut_status ut_truth_parse(const char *text, size_t length, const char *name, ut_truth **truth,
                         ut_error *err)
{
    json_t *json;
    UT_TRY(ut_json_parse(text, length, name, &json, err));
    ut_status status = UT_OK;
    ut_arena *arena = ut_arena_create(0);
    ut_truth *t = arena ? UT_ARENA_NEW(arena, ut_truth, 1) : NULL;
    size_t count = json_object_size(json);
    if (!t) {
        status = ut_fail_memory(err, "ground truth");
        goto done;
    }
    if (!count) {
        status = ut_fail(err, UT_ERR_FORMAT, "ground truth",
                         "%s: line 1: must be an object that names recordings: {\"file.wav\": "
                         "[{\"start\": 0.5, \"end\": 2, \"speaker\": \"A\", \"emotion\": "
                         "\"neutral\"}]}",
                         name);
        goto done;
    }
    t->arena = arena;
    t->files = UT_ARENA_NEW(arena, ut_truth_file, count);
    if (!t->files) {
        status = ut_fail_memory(err, "ground truth");
        goto done;
    }
    reader r = {t, text, length, name, err};
    const char *key;
    json_t *array;
    json_object_foreach(json, key, array)
    {
        if (status == UT_OK)
            status = read_file(&r, t->count++, key, array);
    }
done:
    json_decref(json);
    if (status == UT_OK)
        *truth = t;
    else
        ut_arena_destroy(arena);
    return status;
}

ut_status ut_truth_load(const char *path, ut_truth **truth, ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, &length, err));
    ut_status status = ut_truth_parse(text, length, path, truth, err);
    free(text);
    return status;
}

void ut_truth_free(ut_truth *truth)
{
    if (truth)
        ut_arena_destroy(truth->arena);
}
