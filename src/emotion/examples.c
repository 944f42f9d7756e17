#include "emotion/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "nn/ops.h"
#include "nn/weights.h"
#include "store/store.h"

enum { MOST_WANTED = 64 };

struct ut_examples {
    ut_store *store;
    size_t dim;
};

/* What makes the vectors while the lines are read. */
typedef struct maker {
    const ut_examples_from *from;
    const ut_tensor *made; /* [lines, dim], or NULL: by the encoder */
    size_t next;           /* row of it */
} maker;

static void scale_to_unit(float *vector, size_t n)
{
    float norm = sqrtf(ut_dot(vector, vector, n));
    for (size_t i = 0; i < n && norm > 0; i++)
        vector[i] /= norm;
}

static ut_status make_vector(void *context, const char *text, float *vector, ut_error *err)
{
    maker *m = context;
    size_t dim = m->from->dim;
    if (m->made && m->next < (size_t)m->made->shape[0])
        ut_tensor_to_f32(m->made, m->next++ * dim, dim, vector);
    else
        UT_TRY(m->from->embed(m->from->context, text, vector, err));
    scale_to_unit(vector, dim);
    return UT_OK;
}

static bool is(const ut_weights *weights, const char *key, const char *hash)
{
    const char *value = ut_weights_metadata(weights, key);
    return value && strcmp(value, hash) == 0;
}

/* The vectors made before, if they are of these lines by this encoder. */
static ut_status find_made(const ut_examples_from *from, ut_weights **weights,
                           const ut_tensor **made, ut_error *err)
{
    char hash[UT_SHA256_HEX];
    if (!from->vectors || !ut_file_exists(from->vectors))
        return UT_OK;
    UT_TRY(ut_weights_open(from->vectors, weights, err));
    UT_TRY(ut_sha256_file(from->path, hash, err));
    const ut_tensor *vectors = ut_weights_find(*weights, "vectors");
    if (vectors && vectors->rank == 2 && vectors->shape[1] == (int64_t)from->dim &&
        is(*weights, "examples_sha256", hash) &&
        is(*weights, "encoder_sha256", from->encoder_sha256))
        *made = vectors;
    return UT_OK;
}

ut_status ut_examples_open(const ut_examples_from *from, ut_examples **examples, ut_error *err)
{
    ut_examples *x = calloc(1, sizeof *x);
    if (!x)
        return ut_fail_memory(err, "emotion");
    x->dim = from->dim;
    ut_weights *weights = NULL;
    maker m = {.from = from};
    const ut_store_space space = {from->model, from->dim};
    ut_status status = find_made(from, &weights, &m.made, err);
    if (status == UT_OK)
        status = ut_store_open(NULL, UT_STORE_WRITE, space, NULL, &x->store, err);
    if (status == UT_OK)
        status = ut_store_import(x->store, from->path, from->name, make_vector, &m, NULL, err);
    ut_weights_close(weights);
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
