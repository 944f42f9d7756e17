#include "train/text_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/layers.h"

enum { D = UT_TEXT_DIMENSIONS, Z = UT_TEXT_LABELS };

/* Where the parts of the scratch lie; [batch, ...] each. */
typedef struct layout {
    float *pre, *h, *mask, *dh; /* [hidden] */
    float *z, *dz;              /* [5] */
    float *transposed;          /* [hidden] */
} layout;

static layout lay_out(const ut_text_model *m)
{
    const size_t wide = (size_t)m->batch * (size_t)m->hidden;
    const size_t narrow = (size_t)m->batch * Z;
    float *at = m->scratch;
    return (layout){at,
                    at + wide,
                    at + 2 * wide,
                    at + 3 * wide,
                    at + 5 * wide,
                    at + 5 * wide + narrow,
                    at + 4 * wide};
}

ut_status ut_text_model_create(int hidden, size_t buckets, int batch, ut_text_model *m,
                               ut_error *err)
{
    const ut_block blocks[UT_TEXT_BLOCKS] = {
        {"input.weight", 2, {hidden, D}, 1, 0.01f, 0, 0},
        {"input.bias", 1, {hidden}, 1, 0.01f, 0, 0},
        {"output.weight", 2, {Z, hidden}, 1, 0.01f, 0, 0},
        {"output.bias", 1, {Z}, 1, 0.01f, 0, 0},
        {"ngram", 2, {(int64_t)buckets, Z}, 2, 0, 0, 0},
    };
    *m = (ut_text_model){.hidden = hidden,
                         .buckets = buckets,
                         .batch = batch,
                         .dropout = 0.3f,
                         .smoothing = 0.05f,
                         .ridge = 1e-5f};
    UT_TRY(ut_parameters_create(blocks, UT_TEXT_BLOCKS, &m->parameters, err));
    m->scratch = malloc((size_t)batch * (5 * (size_t)hidden + 2 * Z) * sizeof *m->scratch);
    if (m->scratch)
        return UT_OK;
    ut_parameters_free(&m->parameters);
    return ut_fail_memory(err, "train");
}

void ut_text_model_free(ut_text_model *m)
{
    ut_parameters_free(&m->parameters);
    free(m->scratch);
    *m = (ut_text_model){0};
}

void ut_text_model_begin(ut_text_model *m, ut_random *random)
{
    const int inputs[UT_TEXT_NGRAM] = {D, D, m->hidden, m->hidden};
    for (size_t b = 0; b < UT_TEXT_NGRAM; b++) /* the n-grams begin at 0 */
        ut_parameters_begin(&m->parameters, b, inputs[b], random);
}

/* l->h of x, and l->z without the n-grams. */
static void forward(const ut_text_model *m, const layout *l, const float *x, int n)
{
    const ut_parameters *p = &m->parameters;
    const size_t count = (size_t)n * (size_t)m->hidden;
    ut_linear_forward(l->pre, x, ut_parameters_values(p, UT_TEXT_INPUT),
                      ut_parameters_values(p, UT_TEXT_INPUT_BIAS), n, m->hidden, D);
    ut_relu_forward(l->h, l->pre, count);
    ut_multiply(l->h, l->h, l->mask, count);
    ut_linear_forward(l->z, l->h, ut_parameters_values(p, UT_TEXT_OUTPUT),
                      ut_parameters_values(p, UT_TEXT_OUTPUT_BIAS), n, Z, m->hidden);
}

/* Adds a text's buckets of table[buckets, 5] to z[5], or, backward, dz[5] to its buckets. */
static void grams(const ut_text_model *m, const ut_grams *g, size_t row, float *table, float *z,
                  bool backward)
{
    const size_t first = g->starts[row];
    const size_t last = g->starts[row + 1];
    const float share = 1 / sqrtf((float)(last - first));
    for (size_t i = first; i < last; i++) {
        float *bucket = table + g->hashes[i] % m->buckets * Z;
        for (int k = 0; k < Z; k++)
            *(backward ? &bucket[k] : &z[k]) += share * (backward ? z[k] : bucket[k]);
    }
}

void ut_text_model_logits(const ut_text_model *m, const float *x, const size_t *rows, int n,
                          const ut_grams *g, float *logits)
{
    layout l = lay_out(m);
    for (size_t i = 0; i < (size_t)n * (size_t)m->hidden; i++)
        l.mask[i] = 1;
    forward(m, &l, x, n);
    memcpy(logits, l.z, (size_t)n * Z * sizeof *logits);
    float *table = ut_parameters_values(&m->parameters, UT_TEXT_NGRAM);
    for (int i = 0; i < n; i++)
        grams(m, g, rows[i], table, logits + i * Z, false);
}

double ut_text_model_loss(ut_text_model *m, const float *x, const size_t *rows, int n,
                          const ut_grams *g, const int *emotions, ut_random *random)
{
    layout l = lay_out(m);
    ut_parameters *p = &m->parameters;
    const size_t count = (size_t)n * (size_t)m->hidden;
    float *table = ut_parameters_values(p, UT_TEXT_NGRAM);
    float *d_table = ut_parameters_gradients(p, UT_TEXT_NGRAM);
    double loss = 0;
    ut_dropout_mask(l.mask, count, m->dropout, random);
    forward(m, &l, x, n);
    memset(l.dz, 0, (size_t)n * Z * sizeof *l.dz);
    for (int i = 0; i < n; i++) {
        grams(m, g, rows[i], table, l.z + i * Z, false);
        loss += ut_set_cross_entropy(l.z + i * Z, Z, 1u << emotions[i], m->smoothing,
                                     1.0f / (float)n, l.dz + i * Z);
        grams(m, g, rows[i], d_table, l.dz + i * Z, true);
    }
    double squares = 0;
    for (size_t i = 0; i < m->buckets * Z; i++) {
        squares += (double)table[i] * table[i];
        d_table[i] += 2 * m->ridge * table[i];
    }
    ut_linear_backward(l.dh, ut_parameters_gradients(p, UT_TEXT_OUTPUT),
                       ut_parameters_gradients(p, UT_TEXT_OUTPUT_BIAS), l.dz, l.h,
                       ut_parameters_values(p, UT_TEXT_OUTPUT), n, Z, m->hidden, l.transposed);
    ut_multiply(l.dh, l.dh, l.mask, count);
    ut_relu_backward(l.dh, l.dh, l.pre, count);
    ut_linear_backward(NULL, ut_parameters_gradients(p, UT_TEXT_INPUT),
                       ut_parameters_gradients(p, UT_TEXT_INPUT_BIAS), l.dh, x,
                       ut_parameters_values(p, UT_TEXT_INPUT), n, m->hidden, D, l.transposed);
    return loss + (double)m->ridge * squares;
}
