#include "emotion/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "store/store.h"

enum { MOST_WANTED = 64 };

struct ut_examples {
    ut_store *store;
    ut_judge_embed embed;
    void *context;
    size_t dim;
};

static void scale_to_unit(float *vector, size_t n)
{
    float norm = sqrtf(ut_dot(vector, vector, n));
    for (size_t i = 0; i < n && norm > 0; i++)
        vector[i] /= norm;
}

static ut_status embed_unit(void *examples, const char *text, float *vector, ut_error *err)
{
    const ut_examples *x = examples;
    UT_TRY(x->embed(x->context, text, vector, err));
    scale_to_unit(vector, x->dim);
    return UT_OK;
}

ut_status ut_examples_open(const char *path, const char *source, const char *model, size_t dim,
                           ut_judge_embed embed, void *context, ut_examples **examples,
                           ut_error *err)
{
    ut_examples *x = calloc(1, sizeof *x);
    if (!x)
        return ut_fail_memory(err, "emotion");
    *x = (ut_examples){NULL, embed, context, dim};
    ut_status status =
        ut_store_open(NULL, UT_STORE_WRITE, (ut_store_space){model, dim}, NULL, &x->store, err);
    if (status == UT_OK)
        status = ut_store_import(x->store, path, source, embed_unit, x, NULL, err);
    if (status != UT_OK)
        ut_examples_close(x);
    else
        *examples = x;
    return status;
}

void ut_examples_close(ut_examples *examples)
{
    if (!examples)
        return;
    ut_store_close(examples->store);
    free(examples);
}

size_t ut_examples_count(const ut_examples *examples)
{
    size_t count;
    return ut_store_count(examples->store, &count, NULL) == UT_OK ? count : 0;
}

size_t ut_examples_nearest(const void *examples, const char *model, const float *embedding,
                           size_t n, size_t k, ut_arena *arena, ut_example *out)
{
    const ut_examples *x = examples;
    ut_store_hit hits[MOST_WANTED];
    size_t found = 0;
    if (n != x->dim || strcmp(model, ut_store_space_of(x->store).model) != 0)
        return 0;
    float *unit = UT_ARENA_NEW(arena, float, n);
    if (!unit)
        return 0;
    memcpy(unit, embedding, n * sizeof *unit);
    scale_to_unit(unit, n);
    ut_store_query query = {.vectors = unit,
                            .count = 1,
                            .k = k < MOST_WANTED ? k : MOST_WANTED,
                            .filter = {.labels = UT_STORE_LABELLED}};
    if (ut_store_nearest(x->store, &query, arena, hits, &found, NULL) != UT_OK)
        return 0;
    for (size_t i = 0; i < found; i++)
        out[i] = (ut_example){hits[i].item.text, (ut_emotion_label)hits[i].item.label,
                              hits[i].distance, hits[i].item.source};
    return found;
}
