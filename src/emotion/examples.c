#include "emotion/examples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "nn/ops.h"

enum { MOST = 20000 };

struct ut_examples {
    ut_arena *arena;
    const char *source, *model;
    size_t dim, count;
    const char **texts;
    ut_emotion_label *labels;
    float *vectors; /* [count, dim], unit length */
};

static ut_status add_line(ut_examples *x, const char *line, size_t length, size_t number,
                          const char *path, ut_judge_embed embed, void *context, ut_error *err)
{
    char name[512];
    snprintf(name, sizeof name, "%.400s, line %zu", path, number);
    json_t *json;
    UT_TRY(ut_json_parse(line, length, name, &json, err));
    const char *text = ut_json_string_or(json, "text", "");
    int label = ut_emotion_from_name(ut_json_string_or(json, "label", ""));
    ut_status status = UT_OK;
    float *vector = x->vectors + x->count * x->dim;
    if (!*text || label < 0)
        status = ut_fail(err, UT_ERR_FORMAT, "emotion",
                         "%s needs a \"text\" and a \"label\" of the five emotions", name);
    else if (!(x->texts[x->count] = ut_arena_strdup(x->arena, text)))
        status = ut_fail_memory(err, "emotion");
    else
        status = embed(context, text, vector, err);
    if (status == UT_OK) {
        float norm = sqrtf(ut_dot(vector, vector, x->dim));
        for (size_t d = 0; d < x->dim && norm > 0; d++)
            vector[d] /= norm;
        x->labels[x->count++] = (ut_emotion_label)label;
    }
    json_decref(json);
    return status;
}

static ut_status read_lines(ut_examples *x, const char *text, const char *path,
                            ut_judge_embed embed, void *context, ut_error *err)
{
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    if (lines + 1 > MOST)
        return ut_fail(err, UT_ERR_LIMIT, "emotion", "%s has over %d lines", path, MOST);
    x->texts = UT_ARENA_NEW(x->arena, const char *, lines + 1);
    x->labels = UT_ARENA_NEW(x->arena, ut_emotion_label, lines + 1);
    x->vectors = UT_ARENA_NEW(x->arena, float, (lines + 1) * x->dim);
    if (!x->texts || !x->labels || !x->vectors)
        return ut_fail_memory(err, "emotion");
    size_t number = 1;
    for (const char *p = text; *p; number++) {
        size_t length = strcspn(p, "\n");
        if (length)
            UT_TRY(add_line(x, p, length, number, path, embed, context, err));
        p += length + (p[length] == '\n');
    }
    return UT_OK;
}

ut_status ut_examples_open(const char *path, const char *source, const char *model, size_t dim,
                           ut_judge_embed embed, void *context, ut_examples **examples,
                           ut_error *err)
{
    char *text;
    UT_TRY(ut_file_read(path, 16 * UT_MIB, &text, NULL, err));
    ut_arena *arena = ut_arena_create(0);
    ut_examples *x = arena ? UT_ARENA_NEW(arena, ut_examples, 1) : NULL;
    ut_status status = UT_OK;
    if (!x) {
        status = ut_fail_memory(err, "emotion");
    } else {
        x->arena = arena;
        x->dim = dim;
        x->source = ut_arena_strdup(arena, source);
        x->model = ut_arena_strdup(arena, model);
        status = x->source && x->model ? read_lines(x, text, path, embed, context, err)
                                       : ut_fail_memory(err, "emotion");
    }
    free(text);
    if (status != UT_OK)
        ut_arena_destroy(arena);
    else
        *examples = x;
    return status;
}

void ut_examples_close(ut_examples *examples)
{
    if (examples)
        ut_arena_destroy(examples->arena);
}

size_t ut_examples_count(const ut_examples *examples)
{
    return examples->count;
}

size_t ut_examples_nearest(const void *examples, const char *model, const float *embedding,
                           size_t n, size_t k, ut_example *out)
{
    const ut_examples *x = examples;
    float norm = sqrtf(ut_dot(embedding, embedding, n));
    if (n != x->dim || strcmp(model, x->model) != 0 || norm <= 0)
        return 0;
    size_t found = 0;
    for (size_t i = 0; i < x->count; i++) {
        float distance = 1 - ut_dot(x->vectors + i * n, embedding, n) / norm;
        size_t at = found < k ? found++ : k;
        for (; at > 0 && out[at - 1].distance > distance; at--)
            if (at < k)
                out[at] = out[at - 1];
        if (at < k)
            out[at] = (ut_example){x->texts[i], x->labels[i], distance, x->source};
    }
    return found;
}
