/* What an answer of the language model must be, exactly. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "emotion/refine_internal.h"

static bool wrong(ut_refine_call *call, const char *what)
{
    snprintf(call->fault, sizeof call->fault, "%s", what);
    return false;
}

/* Many models put JSON between the marks of a code block even where they are told not to. */
static void unfence(const char **text, size_t *length)
{
    const char *from = *text;
    const char *to = from + *length;
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if (to - from >= 6 && strncmp(from, "```", 3) == 0 && strncmp(to - 3, "```", 3) == 0) {
        const char *line = memchr(from, '\n', (size_t)(to - from));
        from = line ? line + 1 : from;
        to -= 3;
    }
    *text = from;
    *length = (size_t)(to - from);
}

/* Five numbers of [0, 1], brought to add up to 1: few models do sums, and what they say of one
 * label beside another stands all the same. Those that are far from it say nothing. */
static bool read_probabilities(const json_t *item, ut_refine_answer *answer, ut_refine_call *call)
{
    double sum = 0;
    for (int i = 0; i < UT_EMOTIONS; i++) {
        const json_t *value = json_object_get(item, ut_emotion_name((ut_emotion_label)i));
        double p = json_number_value(value);
        if (!json_is_number(value))
            return wrong(call, "a probability is missing or no number");
        if (!isfinite(p) || p < 0 || p > 1)
            return wrong(call, "a probability is not in 0 to 1");
        answer->probabilities[i] = (float)p;
        sum += p;
    }
    if (sum < 0.5 || sum > 2)
        return wrong(call, "the five probabilities are far from adding up to 1");
    for (int i = 0; i < UT_EMOTIONS; i++)
        answer->probabilities[i] /= (float)sum;
    return true;
}

/* One line, cut between characters. */
static void copy_reason(const char *text, char reason[UT_REFINE_REASON])
{
    size_t n = 0;
    for (; *text && n + 1 < UT_REFINE_REASON; text++)
        reason[n++] = (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text;
    while (*text && n && (*text & 0xC0) == 0x80) {
        text--;
        n--;
    }
    reason[n] = 0;
}

static bool read_grounds(const json_t *array, unsigned *grounds, ut_refine_call *call)
{
    size_t i;
    json_t *item;
    *grounds = 0;
    if (!json_is_array(array))
        return wrong(call, "\"grounds\" is no list");
    json_array_foreach(array, i, item)
    {
        int found = -1;
        for (int g = 0; json_is_string(item) && g < UT_GROUNDS; g++)
            if (strcmp(json_string_value(item), ut_grounds_name((ut_grounds)g)) == 0)
                found = g;
        if (found < 0)
            return wrong(call, "\"grounds\" holds something that is not in the list");
        *grounds |= 1u << found;
    }
    return true;
}

static bool read_item(const json_t *item, ut_refine_call *call, bool *seen)
{
    const json_t *id = json_object_get(item, "id");
    const json_t *reason = json_object_get(item, "reason");
    size_t at = 0;
    if (!json_is_integer(id))
        return wrong(call, "an entry has no id");
    while (at < call->id_count && call->ids[at] != json_integer_value(id))
        at++;
    if (at == call->id_count || seen[at])
        return wrong(call, "an id was not asked for, or stands twice");
    seen[at] = true;
    if (json_object_size(item) != UT_EMOTIONS + 3)
        return wrong(call, "an entry has members that were not asked for, or lacks some");
    if (!json_is_string(reason))
        return wrong(call, "\"reason\" is no text");
    copy_reason(json_string_value(reason), call->answers[at].reason);
    return read_probabilities(item, &call->answers[at], call) &&
           read_grounds(json_object_get(item, "grounds"), &call->answers[at].grounds, call);
}

static bool read_items(const json_t *root, ut_refine_call *call)
{
    const json_t *items = json_object_get(root, "utterances");
    bool seen[UT_REFINE_MOST] = {false};
    if (!json_is_array(items) || json_object_size(root) != 1)
        return wrong(call, "the answer is no object with \"utterances\" alone");
    if (json_array_size(items) != call->id_count)
        return wrong(call, "the number of entries is not that of the ids asked for");
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) if (!read_item(item, call, seen)) return false;
    return true;
}

bool ut_refine_read(const char *text, ut_refine_call *call)
{
    json_error_t e;
    size_t length = strlen(text);
    unfence(&text, &length);
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return wrong(call, "the answer is not JSON");
    call->answered = read_items(root, call);
    json_decref(root);
    if (call->answered)
        call->fault[0] = 0;
    return call->answered;
}

bool ut_refine_completion(const json_t *reply, const char **text, uint64_t *tokens_in,
                          uint64_t *tokens_out)
{
    const json_t *message =
        json_object_get(json_array_get(json_object_get(reply, "choices"), 0), "message");
    const json_t *usage = json_object_get(reply, "usage");
    json_int_t in = json_integer_value(json_object_get(usage, "prompt_tokens"));
    json_int_t out = json_integer_value(json_object_get(usage, "completion_tokens"));
    *text = json_string_value(json_object_get(message, "content"));
    *tokens_in = in > 0 ? (uint64_t)in : 0;
    *tokens_out = out > 0 ? (uint64_t)out : 0;
    return *text != NULL;
}
