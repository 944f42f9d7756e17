#include "models/static_embedding/static_embedding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "nn/weights.h"
#include "text/wordpiece.h"

enum { MAX_ROW = 512, MAX_OUT = 1024, MAX_TOKENS = 254 };

struct ut_static_embedding {
    ut_weights *weights;
    ut_wordpiece *tokenizer;
    ut_tensor rows;       /* [pieces, n] I8 */
    ut_tensor row_scale;  /* [pieces] F16 */
    ut_tensor projection; /* [out, n] */
    ut_tensor bias;       /* [out] */
    ut_tensor vocabulary; /* [bytes] U8, one piece a line */
};

static ut_status bind(ut_static_embedding *e, ut_error *err)
{
#define MEMBER(m) offsetof(ut_static_embedding, m)
    const int64_t pieces = ut_weights_size(e->weights, "rows", 0);
    const int64_t n = ut_weights_size(e->weights, "rows", 1);
    const int64_t out = ut_weights_size(e->weights, "projection", 0);
    const ut_binding table[] = {
        {"rows", MEMBER(rows), 2, {UT_ANY, UT_ANY}, true},
        {"row_scale", MEMBER(row_scale), 1, {pieces}, false},
        {"projection", MEMBER(projection), 2, {UT_ANY, n}, false},
        {"bias", MEMBER(bias), 1, {out}, false},
        {"vocabulary", MEMBER(vocabulary), 1, {UT_ANY}, true},
    };
#undef MEMBER
    ut_binder binder;
    ut_binder_init(&binder, e->weights);
    ut_bind(&binder, e, table, sizeof table / sizeof *table, 0);
    UT_TRY(ut_binder_finish(&binder, err));
    const char *path = ut_weights_path(e->weights);
    if (e->rows.dtype != UT_I8 || e->vocabulary.dtype != UT_U8 || n > MAX_ROW || out > MAX_OUT)
        return ut_fail(err, UT_ERR_FORMAT, "static_embedding",
                       "%s has rows or a vocabulary of another type, or vectors of more than %d "
                       "values; install Undertone again",
                       path, MAX_OUT);
    UT_TRY(ut_wordpiece_parse(e->vocabulary.data, (size_t)e->vocabulary.shape[0], path, true,
                              &e->tokenizer, err));
    if (ut_wordpiece_count(e->tokenizer) != (size_t)e->rows.shape[0])
        return ut_fail(err, UT_ERR_FORMAT, "static_embedding",
                       "%s has another number of rows than word pieces; install Undertone again",
                       path);
    return UT_OK;
}

ut_status ut_static_embedding_open(const char *path, ut_static_embedding **embedding, ut_error *err)
{
    *embedding = NULL;
    ut_static_embedding *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "static_embedding");
    ut_status status = ut_weights_open(path, &e->weights, err);
    if (status == UT_OK)
        status = bind(e, err);
    if (status != UT_OK)
        ut_static_embedding_close(e);
    else
        *embedding = e;
    return status;
}

void ut_static_embedding_close(ut_static_embedding *e)
{
    if (!e)
        return;
    ut_wordpiece_close(e->tokenizer);
    ut_weights_close(e->weights);
    free(e);
}

size_t ut_static_embedding_dimensions(const ut_static_embedding *e)
{
    return (size_t)e->projection.shape[0];
}

const char *ut_static_embedding_name(const ut_static_embedding *e)
{
    const char *name = ut_weights_metadata(e->weights, "name");
    return name ? name : "undertone-static";
}

ut_status ut_static_embedding_embed(const ut_static_embedding *e, const char *text, float *out,
                                    ut_error *err)
{
    int32_t ids[MAX_TOKENS];
    float mean[MAX_ROW] = {0};
    float bias[MAX_OUT];
    size_t count = 0;
    const size_t n = (size_t)e->rows.shape[1];
    const size_t d = (size_t)e->projection.shape[0];
    UT_TRY(ut_wordpiece_encode(e->tokenizer, text, strlen(text), false, ids, MAX_TOKENS, &count,
                               NULL, err));
    for (size_t i = 0; i < count; i++) {
        float scale;
        ut_tensor_to_f32(&e->row_scale, (size_t)ids[i], 1, &scale);
        const int8_t *r = (const int8_t *)e->rows.data + (size_t)ids[i] * n;
        for (size_t j = 0; j < n; j++)
            mean[j] += scale * (float)r[j] / (float)count;
    }
    ut_tensor_to_f32(&e->bias, 0, d, bias);
    ut_linear(out, mean, 1, &e->projection, bias);
    float norm = sqrtf(ut_dot(out, out, d));
    for (size_t i = 0; i < d; i++)
        out[i] /= norm > 1e-12f ? norm : 1e-12f;
    return UT_OK;
}
