#include "train/voice_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/layers.h"

enum { V = UT_VOICE_DIM, H = UT_VOICE_HIDDEN, Z = UT_VOICE_FINE };

/* Where the parts of the scratch lie; [batch, ...] each. */
typedef struct layout {
    float *input_mask;    /* [inputs] */
    float *v, *v0;        /* [V] */
    float *u, *u_mask;    /* [V]: what a classifier gets */
    float *pre, *h;       /* [H]: before and after gelu and dropout */
    float *h_mask, *dh;   /* [H] */
    float *z, *dz;        /* [Z] */
    float *du, *dv, *dv0; /* [V] */
    float *transposed;    /* [V] */
} layout;

static size_t lay_out(const ut_voice_model *m, float *scratch, layout *l)
{
    const size_t n = (size_t)m->batch;
    float **const parts[] = {&l->input_mask, &l->v,  &l->v0,     &l->u,   &l->u_mask,
                             &l->pre,        &l->h,  &l->h_mask, &l->dh,  &l->z,
                             &l->dz,         &l->du, &l->dv,     &l->dv0, &l->transposed};
    const size_t widths[] = {(size_t)m->inputs, V, V, V, V, H, H, H, H, Z, Z, V, V, V, V};
    size_t total = 0;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        *parts[i] = scratch ? scratch + total : NULL;
        total += n * widths[i];
    }
    return total;
}

ut_status ut_voice_model_create(int inputs, bool project, int batch, ut_voice_model *m,
                                ut_error *err)
{
    const int64_t rows = project ? V : 0;
    const ut_block blocks[UT_VOICE_BLOCKS] = {
        {"project.weight", 2, {rows, inputs}, 1, 0.5f, 0, 0},
        {"project.bias", 1, {rows}, 1, 0.5f, 0, 0},
        {"hidden.weight", 3, {2, H, V}, 1, 0.1f, 0, 0},
        {"hidden.bias", 2, {2, H}, 1, 0.1f, 0, 0},
        {"out.weight", 3, {2, Z, H}, 1, 0.1f, 0, 0},
        {"out.bias", 2, {2, Z}, 1, 0.1f, 0, 0},
    };
    *m = (ut_voice_model){.inputs = inputs,
                          .project = project,
                          .batch = batch,
                          .input_dropout = 0.3f,
                          .dropout = 0.3f,
                          .smoothing = 0.1f};
    UT_TRY(ut_parameters_create(blocks, UT_VOICE_BLOCKS, &m->parameters, err));
    layout l;
    m->scratch = malloc(lay_out(m, NULL, &l) * sizeof *m->scratch);
    if (m->scratch)
        return UT_OK;
    ut_parameters_free(&m->parameters);
    return ut_fail_memory(err, "train");
}

void ut_voice_model_free(ut_voice_model *m)
{
    ut_parameters_free(&m->parameters);
    free(m->scratch);
    *m = (ut_voice_model){0};
}

void ut_voice_model_begin(ut_voice_model *m, ut_random *random)
{
    const int inputs[UT_VOICE_BLOCKS] = {m->inputs, m->inputs, V, V, H, H};
    for (size_t b = 0; b < UT_VOICE_BLOCKS; b++)
        ut_parameters_begin(&m->parameters, b, inputs[b], random);
}

static float *values(const ut_voice_model *m, size_t block)
{
    return ut_parameters_values(&m->parameters, block);
}

void ut_voice_model_embed(const ut_voice_model *m, const float *x, int n, float *v)
{
    if (m->project)
        ut_linear_forward(v, x, values(m, UT_VOICE_PROJECT), values(m, UT_VOICE_PROJECT_BIAS), n, V,
                          m->inputs);
    else
        memcpy(v, x, (size_t)n * V * sizeof *v);
}

/* One of the two classifiers on u[n, V]; l->z holds its logits. */
static void classify(const ut_voice_model *m, const layout *l, int known, int n)
{
    const size_t k = (size_t)known;
    ut_linear_forward(l->pre, l->u, values(m, UT_VOICE_HIDDEN_WEIGHT) + k * H * V,
                      values(m, UT_VOICE_HIDDEN_BIAS) + k * H, n, H, V);
    ut_gelu_forward(l->h, l->pre, (size_t)n * H);
    ut_multiply(l->h, l->h, l->h_mask, (size_t)n * H);
    ut_linear_forward(l->z, l->h, values(m, UT_VOICE_OUT_WEIGHT) + k * Z * H,
                      values(m, UT_VOICE_OUT_BIAS) + k * Z, n, Z, H);
}

/* Its gradients by the parameters, and l->du by u. */
static void classify_backward(ut_voice_model *m, const layout *l, int known, int n)
{
    const size_t k = (size_t)known;
    ut_parameters *p = &m->parameters;
    ut_linear_backward(l->dh, ut_parameters_gradients(p, UT_VOICE_OUT_WEIGHT) + k * Z * H,
                       ut_parameters_gradients(p, UT_VOICE_OUT_BIAS) + k * Z, l->dz, l->h,
                       values(m, UT_VOICE_OUT_WEIGHT) + k * Z * H, n, Z, H, l->transposed);
    ut_multiply(l->dh, l->dh, l->h_mask, (size_t)n * H);
    ut_gelu_backward(l->dh, l->dh, l->pre, (size_t)n * H);
    ut_linear_backward(l->du, ut_parameters_gradients(p, UT_VOICE_HIDDEN_WEIGHT) + k * H * V,
                       ut_parameters_gradients(p, UT_VOICE_HIDDEN_BIAS) + k * H, l->dh, l->u,
                       values(m, UT_VOICE_HIDDEN_WEIGHT) + k * H * V, n, H, V, l->transposed);
}

/* Forward and backward of one classifier; adds to l->dv and l->dv0. */
static double one_side(ut_voice_model *m, const layout *l, const ut_voice_batch *b, int known,
                       ut_random *random)
{
    const size_t count = (size_t)b->n * V;
    double loss = 0;
    ut_dropout_mask(l->u_mask, count, m->dropout, random);
    ut_dropout_mask(l->h_mask, (size_t)b->n * H, m->dropout, random);
    for (size_t i = 0; i < count; i++)
        l->u[i] = (l->v[i] - (known ? l->v0[i] : 0)) * l->u_mask[i];
    classify(m, l, known, b->n);
    memset(l->dz, 0, (size_t)b->n * Z * sizeof *l->dz);
    for (int i = 0; i < b->n; i++) {
        const float *z = l->z + i * Z;
        float *dz = l->dz + i * Z;
        float share = 1.0f / (float)b->n;
        loss += ut_set_cross_entropy(z, Z, b->ways[i], m->smoothing, b->mix * share, dz);
        loss += ut_set_cross_entropy(z, Z, b->others[i], m->smoothing, (1 - b->mix) * share, dz);
    }
    classify_backward(m, l, known, b->n);
    for (size_t i = 0; i < count; i++) {
        float d = l->du[i] * l->u_mask[i];
        l->dv[i] += d;
        l->dv0[i] -= known ? d : 0;
    }
    return loss;
}

double ut_voice_model_loss(ut_voice_model *m, const ut_voice_batch *b, ut_random *random)
{
    layout l;
    lay_out(m, m->scratch, &l);
    const size_t inputs = (size_t)b->n * (size_t)m->inputs;
    ut_dropout_mask(l.input_mask, inputs, m->input_dropout, random);
    ut_multiply(b->x, b->x, l.input_mask, inputs);
    ut_voice_model_embed(m, b->x, b->n, l.v);
    ut_voice_model_embed(m, b->baselines, b->n, l.v0);
    memset(l.dv, 0, (size_t)b->n * V * sizeof *l.dv);
    memset(l.dv0, 0, (size_t)b->n * V * sizeof *l.dv0);
    double loss = one_side(m, &l, b, 0, random) + one_side(m, &l, b, 1, random);
    if (m->project) {
        float *dw = ut_parameters_gradients(&m->parameters, UT_VOICE_PROJECT);
        float *db = ut_parameters_gradients(&m->parameters, UT_VOICE_PROJECT_BIAS);
        const float *w = values(m, UT_VOICE_PROJECT);
        ut_linear_backward(NULL, dw, db, l.dv, b->x, w, b->n, V, m->inputs, l.transposed);
        ut_linear_backward(NULL, dw, db, l.dv0, b->baselines, w, b->n, V, m->inputs, l.transposed);
    }
    return loss;
}

void ut_voice_five(const float *logits, double logp[UT_VOICE_CLASSES])
{
    double highest = logits[0];
    double all = 0;
    for (int i = 1; i < Z; i++)
        highest = fmax(highest, logits[i]);
    memset(logp, 0, UT_VOICE_CLASSES * sizeof *logp);
    for (int i = 0; i < Z; i++) {
        double e = exp(logits[i] - highest);
        logp[ut_voice_five_of_fine[i]] += e;
        all += e;
    }
    for (int k = 0; k < UT_VOICE_CLASSES; k++)
        logp[k] = log(fmax(logp[k] / all, 1e-20));
}

void ut_voice_model_judge(const ut_voice_model *m, const float *v, int n, bool known, double *logp)
{
    layout l;
    lay_out(m, m->scratch, &l);
    memcpy(l.u, v, (size_t)n * V * sizeof *v);
    for (size_t i = 0; i < (size_t)n * H; i++)
        l.h_mask[i] = 1;
    classify(m, &l, known, n);
    for (int i = 0; i < n; i++)
        ut_voice_five(l.z + i * Z, logp + i * UT_VOICE_CLASSES);
}

/* w[rows, n] and b[rows] of standardised inputs for raw ones, or back; b NULL: inputs of mean 0. */
static void fold(float *w, float *b, size_t rows, size_t n, const float *mean,
                 const float *deviation, bool back)
{
    for (size_t r = 0; r < rows; r++) {
        double shift = 0;
        for (size_t i = 0; i < n; i++) {
            float *at = &w[r * n + i];
            if (back)
                shift += (double)*at * mean[i];
            *at = back ? *at * deviation[i] : *at / deviation[i];
            if (!back)
                shift -= (double)*at * mean[i];
        }
        if (b)
            b[r] += (float)shift;
    }
}

void ut_voice_model_fold(ut_voice_model *m, const float *mean, const float *deviation, bool back)
{
    if (m->project) {
        fold(values(m, UT_VOICE_PROJECT), values(m, UT_VOICE_PROJECT_BIAS), V, (size_t)m->inputs,
             mean, deviation, back);
        return;
    }
    /* Where the speaker's mean is taken off, the mean of all is gone already. */
    float *w = values(m, UT_VOICE_HIDDEN_WEIGHT);
    fold(w, values(m, UT_VOICE_HIDDEN_BIAS), H, V, mean, deviation, back);
    fold(w + H * V, NULL, H, V, mean, deviation, back);
}
