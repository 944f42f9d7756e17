/* The voice head: rows into batches, and scores on the validation set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "train/heads.h"
#include "train/weighting.h"

enum { BASELINES = 4, C = UT_VOICE_CLASSES, V = UT_VOICE_DIM };

/* A head that starts from another keeps more of it. */
static const float RATE = 1e-3f;
static const float RATE_FROM_ANOTHER = 3e-4f;

typedef struct rows {
    const ut_dataset *d;
    const ut_features *f;
    size_t *speaker; /* [count] */
    size_t speakers;
    int *emotion; /* [count] */
} rows;

typedef struct voice_fit {
    rows train, validation;
    ut_voice_model *model;
    double *weights;         /* [train rows] */
    float *mean, *deviation; /* [dim] */
    float *baselines;        /* [speakers, BASELINES, dim], standardised */
    size_t *by_speaker;      /* train rows in the order of their speakers */
    size_t *speaker_first;   /* [speakers + 1] into by_speaker */
    size_t *picked;          /* [train rows] */
    float *x, *b;            /* [batch, dim] */
    float *before, *one;     /* [batch, dim], [dim] */
    unsigned *ways, *others;
    size_t *order;
    float *v;     /* [validation rows, V] */
    float *means; /* [validation speakers, V] */
    double *logp; /* [2, validation rows, C] */
    int *guess;   /* [validation rows] */
} voice_fit;

static ut_status make_rows(const ut_voice_set *set, rows *r, ut_error *err)
{
    *r = (rows){.d = set->dataset, .f = set->features};
    const size_t n = r->f->count;
    r->speaker = calloc(n + 1, sizeof *r->speaker);
    r->emotion = calloc(n + 1, sizeof *r->emotion);
    if (!r->speaker || !r->emotion)
        return ut_fail_memory(err, "train");
    for (size_t i = 0; i < n; i++)
        r->emotion[i] = r->d->samples[r->f->samples[i]].label.emotion;
    return ut_number_speakers(r->d, r->f->samples, n, r->speaker, &r->speakers, err);
}

/* A row's features, standardised. */
static void read_row(const voice_fit *t, const rows *r, size_t row, int which, float *out)
{
    const size_t dim = r->f->dim;
    const ut_tensor half = {.data = r->f->values + (row * UT_CUTS + (size_t)which) * dim,
                            .dtype = UT_F16,
                            .rank = 1,
                            .shape = {(int64_t)dim, 1, 1, 1}};
    ut_tensor_to_f32(&half, 0, dim, out);
    for (size_t i = 0; i < dim; i++)
        out[i] = (out[i] - t->mean[i]) / t->deviation[i];
}

static ut_status standardise(voice_fit *t, ut_error *err)
{
    const rows *r = &t->train;
    const size_t dim = r->f->dim;
    const double n = (double)r->f->count;
    double *sums = calloc(2 * dim, sizeof *sums);
    if (!sums)
        return ut_fail_memory(err, "train");
    for (size_t row = 0; row < r->f->count; row++)
        for (size_t i = 0; i < dim; i++) {
            double x = ut_f16_to_f32(r->f->values[row * UT_CUTS * dim + i]);
            sums[i] += x;
            sums[dim + i] += x * x;
        }
    for (size_t i = 0; i < dim; i++) {
        double mean = sums[i] / n;
        t->mean[i] = (float)mean;
        t->deviation[i] = (float)sqrt(fmax(sums[dim + i] / n - mean * mean, 0)) + 1e-3f;
    }
    free(sums);
    return UT_OK;
}

static void sort_by_speaker(voice_fit *t)
{
    const rows *r = &t->train;
    size_t n = 0;
    for (size_t i = 0; i < r->f->count; i++)
        t->speaker_first[r->speaker[i] + 1]++;
    for (size_t s = 0; s < r->speakers; s++)
        t->speaker_first[s + 1] += t->speaker_first[s];
    for (size_t s = 0; s < r->speakers; s++)
        t->picked[s] = t->speaker_first[s];
    for (; n < r->f->count; n++)
        t->by_speaker[t->picked[r->speaker[n]]++] = n;
}

/* Means over a few utterances of each speaker, as a conversation would give them. */
static void draw_baselines(void *self, ut_random *random)
{
    voice_fit *t = self;
    const size_t dim = t->train.f->dim;
    for (size_t s = 0; s < t->train.speakers; s++) {
        const size_t *mine = t->by_speaker + t->speaker_first[s];
        const size_t n = t->speaker_first[s + 1] - t->speaker_first[s];
        for (int k = 0; k < BASELINES; k++) {
            float *mean = t->baselines + (s * BASELINES + (size_t)k) * dim;
            size_t take = 6 + ut_random_below(random, 34);
            take = take < n ? take : n;
            memcpy(t->picked, mine, n * sizeof *mine);
            memset(mean, 0, dim * sizeof *mean);
            for (size_t i = 0; i < take; i++) {
                size_t at = i + ut_random_below(random, n - i);
                size_t row = t->picked[at];
                t->picked[at] = t->picked[i];
                read_row(t, &t->train, row, UT_CUT_SPEECH, t->one);
                ut_axpy(mean, 1 / (float)take, t->one, dim);
            }
        }
    }
}

static int draw_cut(ut_random *random)
{
    double u = ut_random_unit(random);
    return u < 0.5 ? UT_CUT_SPEECH : u < 0.7 ? UT_CUT_WHOLE : UT_CUT_PART;
}

/* x[i] = mix * x[i] + (1 - mix) * x[order[i]], the rows as they were before. */
static void mix_rows(float *x, const size_t *order, size_t n, size_t dim, float mix, float *before)
{
    memcpy(before, x, n * dim * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        const float *own = before + i * dim;
        const float *other = before + order[i] * dim;
        for (size_t k = 0; k < dim; k++)
            x[i * dim + k] = mix * own[k] + (1 - mix) * other[k];
    }
}

static double loss(void *self, const size_t *chosen, size_t n, ut_random *random)
{
    voice_fit *t = self;
    const size_t dim = t->train.f->dim;
    for (size_t i = 0; i < n; i++) {
        const size_t row = chosen[i];
        const size_t base = t->train.speaker[row] * BASELINES + ut_random_below(random, BASELINES);
        read_row(t, &t->train, row, draw_cut(random), t->x + i * dim);
        memcpy(t->b + i * dim, t->baselines + base * dim, dim * sizeof *t->b);
        t->ways[i] = t->train.d->samples[t->train.f->samples[row]].label.ways;
        t->order[i] = i;
    }
    const float mix = (float)ut_random_beta(random, 0.4);
    ut_random_shuffle(random, t->order, n);
    mix_rows(t->x, t->order, n, dim, mix, t->before);
    mix_rows(t->b, t->order, n, dim, mix, t->before);
    for (size_t i = 0; i < n; i++)
        t->others[i] = t->ways[t->order[i]];
    const ut_voice_batch batch = {t->x, t->b, t->ways, t->others, (int)n, mix};
    return ut_voice_model_loss(t->model, &batch, random);
}

/* t->logp of every validation row, for an unknown speaker and with the speaker's mean off. */
static void judge_all(voice_fit *t)
{
    const rows *r = &t->validation;
    const size_t n = r->f->count;
    const size_t dim = r->f->dim;
    const size_t batch = (size_t)t->model->batch;
    for (size_t at = 0; at < n; at += batch) {
        size_t some = n - at < batch ? n - at : batch;
        for (size_t i = 0; i < some; i++)
            read_row(t, r, at + i, UT_CUT_SPEECH, t->x + i * dim);
        ut_voice_model_embed(t->model, t->x, (int)some, t->v + at * V);
        ut_voice_model_judge(t->model, t->v + at * V, (int)some, false, t->logp + at * C);
    }
    memset(t->means, 0, r->speakers * V * sizeof *t->means);
    memset(t->picked, 0, r->speakers * sizeof *t->picked);
    for (size_t i = 0; i < n; i++) {
        ut_axpy(t->means + r->speaker[i] * V, 1, t->v + i * V, V);
        t->picked[r->speaker[i]]++;
    }
    for (size_t i = 0; i < n; i++)
        ut_axpy(t->v + i * V, -1 / (float)t->picked[r->speaker[i]], t->means + r->speaker[i] * V,
                V);
    for (size_t at = 0; at < n; at += batch)
        ut_voice_model_judge(t->model, t->v + at * V, (int)(n - at < batch ? n - at : batch), true,
                             t->logp + (n + at) * C);
}

static int highest(const double *p, int count)
{
    int best = 0;
    for (int k = 1; k < count; k++)
        best = p[k] > p[best] ? k : best;
    return best;
}

/* Scores of one of the two ways of judging. */
static void score(const voice_fit *t, int known, ut_classification *scores)
{
    const rows *r = &t->validation;
    const size_t n = r->f->count;
    for (size_t i = 0; i < n; i++)
        t->guess[i] = highest(t->logp + ((size_t)known * n + i) * C, C);
    ut_classify(r->emotion, t->guess, n, C, scores);
}

/* Mean cross-entropy with the logarithms divided by a temperature. */
static double cross_entropy(const voice_fit *t, int known, double temperature)
{
    const rows *r = &t->validation;
    const size_t n = r->f->count;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double *logp = t->logp + ((size_t)known * n + i) * C;
        double all = 0;
        for (int k = 0; k < C; k++)
            all += exp(logp[k] / temperature);
        sum += log(all) - logp[r->emotion[i]] / temperature;
    }
    return sum / (double)n;
}

static void validate(void *self, ut_epoch *epoch)
{
    voice_fit *t = self;
    ut_classification scores[2];
    judge_all(t);
    score(t, 0, &scores[0]);
    score(t, 1, &scores[1]);
    epoch->uar = (float)((scores[0].uar + scores[1].uar) / 2);
    epoch->validation = (float)((cross_entropy(t, 0, 1) + cross_entropy(t, 1, 1)) / 2);
}

static float fit_temperature(const voice_fit *t, int known)
{
    double best = 1;
    double least = INFINITY;
    for (int i = 0; i < 60; i++) {
        double heat = 0.3 * pow(10, i / 59.0);
        double now = cross_entropy(t, known, heat);
        if (now < least) {
            least = now;
            best = heat;
        }
    }
    return (float)best;
}

static ut_status calibrate(voice_fit *t, ut_trained_voice *trained, ut_error *err)
{
    const rows *r = &t->validation;
    const size_t n = r->f->count;
    double *confidence = calloc(n + 1, sizeof *confidence);
    int *right = calloc(n + 1, sizeof *right);
    ut_status status = confidence && right ? UT_OK : ut_fail_memory(err, "train");
    judge_all(t);
    for (int known = 0; known < 2 && status == UT_OK; known++) {
        ut_calibration calibration;
        trained->temperature[known] = fit_temperature(t, known);
        score(t, known, &trained->scores[known]);
        for (size_t i = 0; i < n; i++) {
            const double *logp = t->logp + ((size_t)known * n + i) * C;
            double all = 0;
            for (int k = 0; k < C; k++)
                all += exp((logp[k] - logp[t->guess[i]]) / trained->temperature[known]);
            confidence[i] = 1 / all;
            right[i] = t->guess[i] == r->emotion[i];
        }
        ut_calibrate(confidence, right, n, &calibration);
        trained->ece[known] = calibration.ece;
    }
    free(confidence);
    free(right);
    return status;
}

/* Copies the blocks from a weights file of the same structure. */
static ut_status start_from(const char *path, ut_voice_model *m, ut_error *err)
{
    ut_weights *w;
    UT_TRY(ut_weights_open(path, &w, err));
    ut_status status = UT_OK;
    for (size_t b = 0; b < m->parameters.block_count && status == UT_OK; b++) {
        const ut_block *block = &m->parameters.blocks[b];
        const ut_tensor *t = ut_weights_find(w, block->name);
        if (!block->count)
            continue;
        if (t && ut_tensor_count(t) == block->count)
            ut_tensor_to_f32(t, 0, block->count, ut_parameters_values(&m->parameters, b));
        else
            status = ut_fail(err, UT_ERR_MISMATCH, "train",
                             "%s has no %s of the right size to start from; train without --init",
                             path, block->name);
    }
    ut_weights_close(w);
    return status;
}

static ut_status allocate(voice_fit *t, ut_error *err)
{
    const size_t dim = t->train.f->dim;
    const size_t n = t->train.f->count;
    const size_t m = t->validation.f->count;
    const size_t batch = (size_t)t->model->batch;
    t->weights = calloc(n + 1, sizeof *t->weights);
    t->mean = calloc(dim, sizeof *t->mean);
    t->deviation = calloc(dim, sizeof *t->deviation);
    t->baselines = calloc(t->train.speakers * BASELINES + 1, dim * sizeof *t->baselines);
    t->by_speaker = calloc(n + 1, sizeof *t->by_speaker);
    t->speaker_first = calloc(t->train.speakers + 2, sizeof *t->speaker_first);
    t->picked = calloc((n > m ? n : m) + 1, sizeof *t->picked);
    t->x = calloc(batch, dim * sizeof *t->x);
    t->b = calloc(batch, dim * sizeof *t->b);
    t->before = calloc(batch, dim * sizeof *t->before);
    t->one = calloc(dim, sizeof *t->one);
    t->ways = calloc(batch, sizeof *t->ways);
    t->others = calloc(batch, sizeof *t->others);
    t->order = calloc(batch, sizeof *t->order);
    t->v = calloc(m + 1, V * sizeof *t->v);
    t->means = calloc(t->validation.speakers + 1, V * sizeof *t->means);
    t->logp = calloc(2 * (m + 1), C * sizeof *t->logp);
    t->guess = calloc(m + 1, sizeof *t->guess);
    bool all = t->weights && t->mean && t->deviation && t->baselines && t->by_speaker &&
               t->speaker_first && t->picked && t->x && t->b && t->before && t->one && t->ways &&
               t->others && t->order && t->v && t->means && t->logp && t->guess;
    return all ? UT_OK : ut_fail_memory(err, "train");
}

static void release(voice_fit *t)
{
    rows *sets[] = {&t->train, &t->validation};
    for (size_t i = 0; i < 2; i++) {
        free(sets[i]->speaker);
        free(sets[i]->emotion);
    }
    void *const all[] = {t->weights,       t->mean,   t->deviation, t->baselines, t->by_speaker,
                         t->speaker_first, t->picked, t->x,         t->b,         t->before,
                         t->one,           t->ways,   t->others,    t->order,     t->v,
                         t->means,         t->logp,   t->guess};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static ut_status prepare(voice_fit *t, const ut_head_options *o, ut_error *err)
{
    UT_TRY(allocate(t, err));
    UT_TRY(standardise(t, err));
    sort_by_speaker(t);
    ut_random random = ut_random_seeded(o->fit.seed, UINT64_MAX);
    ut_voice_model_begin(t->model, &random);
    if (o->init) {
        UT_TRY(start_from(o->init, t->model, err));
        ut_voice_model_fold(t->model, t->mean, t->deviation, true);
    }
    return ut_weigh_samples(t->train.d, t->train.f->samples, t->train.f->count, t->weights, err);
}

ut_status ut_train_voice(const ut_voice_set *train, const ut_voice_set *validation, bool project,
                         const ut_head_options *o, ut_trained_voice *trained, ut_error *err)
{
    const size_t n = train->features->count;
    voice_fit t = {.model = &trained->model};
    *trained = (ut_trained_voice){0};
    UT_TRY(
        ut_voice_model_create((int)train->features->dim, project, ut_fit_batch(n), t.model, err));
    ut_status status = make_rows(train, &t.train, err);
    if (status == UT_OK)
        status = make_rows(validation, &t.validation, err);
    if (status == UT_OK)
        status = prepare(&t, o, err);
    const ut_trainee trainee = {.name = "voice",
                                .self = &t,
                                .parameters = &trained->model.parameters,
                                .weights = t.weights,
                                .rows = n,
                                .batch = trained->model.batch,
                                .epochs = o->epochs ? o->epochs : 30,
                                .patience = 10,
                                .rate = o->init ? RATE_FROM_ANOTHER : RATE,
                                .begin = draw_baselines,
                                .loss = loss,
                                .validate = validate};
    if (status == UT_OK)
        status = ut_fit(&trainee, &o->fit, &trained->history, err);
    if (status == UT_OK)
        status = calibrate(&t, trained, err);
    if (status == UT_OK)
        ut_voice_model_fold(&trained->model, t.mean, t.deviation, false);
    else
        ut_trained_voice_free(trained);
    release(&t);
    return status;
}

void ut_trained_voice_free(ut_trained_voice *trained)
{
    ut_voice_model_free(&trained->model);
}
