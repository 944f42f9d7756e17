/* The text head: texts into vectors and hashes, rows into batches, calibration. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "nn/ops.h"
#include "train/heads.h"
#include "train/layers.h"
#include "train/weighting.h"

enum { D = UT_TEXT_DIMENSIONS, C = UT_TEXT_LABELS, EMBEDDED_AT_ONCE = 64 };

static const float RATE = 1e-3f;
static const float RATE_FROM_ANOTHER = 3e-4f;

/* ------------------------------------------------------------------------------- texts */

typedef struct hashes {
    uint32_t *values;
    size_t count, capacity;
    bool failed;
} hashes;

static void add_hash(void *context, uint32_t hash)
{
    hashes *h = context;
    if (ut_grow(&h->values, &h->capacity, h->count + 1, sizeof *h->values))
        h->values[h->count++] = hash;
    else
        h->failed = true;
}

static ut_status hash_all(ut_text_set *set, ut_error *err)
{
    hashes h = {0};
    ut_status status = UT_OK;
    for (size_t i = 0; i < set->count && status == UT_OK; i++) {
        set->starts[i] = h.count;
        status = ut_text_grams(set->dataset->samples[set->samples[i]].text, add_hash, &h, err);
        if (status == UT_OK && h.failed)
            status = ut_fail_memory(err, "train");
    }
    set->starts[set->count] = h.count;
    set->hashes = h.values;
    return status;
}

static ut_status embed_all(ut_text_set *set, ut_embed_texts embed, void *context,
                           atomic_bool *cancelled, ut_error *err)
{
    for (size_t at = 0; at < set->count; at += EMBEDDED_AT_ONCE) {
        const char *texts[EMBEDDED_AT_ONCE];
        size_t n = 0;
        if (cancelled && atomic_load(cancelled))
            return ut_fail(err, UT_ERR_CANCELLED, "train", "stopped");
        for (; n < EMBEDDED_AT_ONCE && at + n < set->count; n++)
            texts[n] = set->dataset->samples[set->samples[at + n]].text;
        UT_TRY(embed(context, texts, n, set->vectors + at * D, err));
        for (size_t i = 0; i < n * D; i++)
            if (!isfinite(set->vectors[at * D + i]))
                return ut_fail(err, UT_ERR_FORMAT, "train",
                               "%s: the vector of its text is no number; remove the row",
                               set->dataset->samples[set->samples[at + i / D]].place);
    }
    return UT_OK;
}

ut_status ut_text_set_make(const ut_dataset *d, ut_embed_texts embed, void *context,
                           atomic_bool *cancelled, ut_text_set *set, ut_error *err)
{
    *set = (ut_text_set){.dataset = d};
    set->samples = calloc(d->count + 1, sizeof *set->samples);
    set->starts = calloc(d->count + 1, sizeof *set->starts);
    ut_status status = set->samples && set->starts ? UT_OK : ut_fail_memory(err, "train");
    for (size_t i = 0; status == UT_OK && i < d->count; i++)
        if (d->samples[i].text)
            set->samples[set->count++] = i;
    if (status == UT_OK && !(set->vectors = calloc(set->count + 1, D * sizeof *set->vectors)))
        status = ut_fail_memory(err, "train");
    if (status == UT_OK)
        status = hash_all(set, err);
    if (status == UT_OK)
        status = embed_all(set, embed, context, cancelled, err);
    if (status != UT_OK)
        ut_text_set_free(set);
    return status;
}

void ut_text_set_free(ut_text_set *set)
{
    free(set->samples);
    free(set->vectors);
    free(set->hashes);
    free(set->starts);
    *set = (ut_text_set){0};
}

/* ----------------------------------------------------------------------------- fitting */

typedef struct text_fit {
    const ut_text_set *train, *validation;
    ut_text_model *model;
    double *weights; /* [train] */
    float *x;        /* [batch, D] */
    int *emotions;   /* [batch] */
    size_t *order;   /* [batch] */
    float *logits;   /* [validation, C] */
    int *truth, *guess;
} text_fit;

static int emotion_of(const ut_text_set *set, size_t row)
{
    return set->dataset->samples[set->samples[row]].label.emotion;
}

static double loss(void *self, const size_t *chosen, size_t n, ut_random *random)
{
    text_fit *t = self;
    const ut_grams grams = {t->train->hashes, t->train->starts};
    for (size_t i = 0; i < n; i++) {
        memcpy(t->x + i * D, t->train->vectors + chosen[i] * D, D * sizeof *t->x);
        t->emotions[i] = emotion_of(t->train, chosen[i]);
    }
    return ut_text_model_loss(t->model, t->x, chosen, (int)n, &grams, t->emotions, random);
}

static void judge_all(text_fit *t)
{
    const ut_grams grams = {t->validation->hashes, t->validation->starts};
    const size_t n = t->validation->count;
    const size_t batch = (size_t)t->model->batch;
    for (size_t at = 0; at < n; at += batch) {
        size_t some = n - at < batch ? n - at : batch;
        for (size_t i = 0; i < some; i++)
            t->order[i] = at + i;
        ut_text_model_logits(t->model, t->validation->vectors + at * D, t->order, (int)some, &grams,
                             t->logits + at * C);
    }
}

/* Mean cross-entropy of softmax(logits * scale + prior); adds its gradient by scale and prior to
 * gradient[6] where that is given. */
static double cross_entropy(const text_fit *t, const float *calibration, float *gradient)
{
    const size_t n = t->validation->count;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float z[C];
        float dz[C] = {0};
        for (int k = 0; k < C; k++)
            z[k] = t->logits[i * C + (size_t)k] * calibration[0] + calibration[1 + k];
        sum += ut_set_cross_entropy(z, C, 1u << t->truth[i], 0, 1, dz);
        for (int k = 0; gradient && k < C; k++) {
            gradient[0] += dz[k] * t->logits[i * C + (size_t)k] / (float)n;
            gradient[1 + k] += dz[k] / (float)n;
        }
    }
    return sum / (double)n;
}

static void classify(text_fit *t, const float *calibration, ut_classification *scores)
{
    const size_t n = t->validation->count;
    for (size_t i = 0; i < n; i++) {
        const float *z = t->logits + i * C;
        int best = 0;
        for (int k = 1; k < C; k++)
            if (z[k] * calibration[0] + calibration[1 + k] >
                z[best] * calibration[0] + calibration[1 + best])
                best = k;
        t->guess[i] = best;
    }
    ut_classify(t->truth, t->guess, n, C, scores);
}

static void validate(void *self, ut_epoch *epoch)
{
    text_fit *t = self;
    const float plain[1 + C] = {1};
    ut_classification scores;
    judge_all(t);
    classify(t, plain, &scores);
    epoch->uar = (float)scores.uar;
    epoch->validation = (float)cross_entropy(t, plain, NULL);
}

/* Scale and prior of least cross-entropy, with a little pull towards no prior, as
 * tools/train/text_emotion.py. The problem is convex: full steps of AdamW reach it. */
static void fit_calibration(const text_fit *t, float calibration[1 + C])
{
    float first[1 + C] = {0};
    float second[1 + C] = {0};
    memset(calibration, 0, (1 + C) * sizeof *calibration);
    calibration[0] = 1;
    for (int step = 1; step <= 600; step++) {
        float gradient[1 + C] = {0};
        (void)cross_entropy(t, calibration, gradient);
        for (int k = 0; k < C; k++)
            gradient[1 + k] += 2e-3f * calibration[1 + k];
        ut_adamw(calibration, gradient, first, second, 1 + C,
                 0.02f * (1 - (float)step / 600.0f) + 1e-4f, 0, step);
        calibration[0] = fmaxf(calibration[0], 0.05f);
    }
}

/* Cross-entropy of someone who knows only how often each emotion occurs in the set. */
static double prior_entropy(const text_fit *t)
{
    double counts[C] = {0};
    const size_t n = t->validation->count;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        counts[t->truth[i]]++;
    for (int k = 0; k < C; k++)
        if (counts[k] > 0)
            sum -= counts[k] / (double)n * log(counts[k] / (double)n);
    return sum;
}

static ut_status calibrate(text_fit *t, ut_trained_text *trained, ut_error *err)
{
    const size_t n = t->validation->count;
    float calibration[1 + C];
    ut_calibration reliability;
    double *confidence = calloc(n + 1, sizeof *confidence);
    int *right = calloc(n + 1, sizeof *right);
    if (!confidence || !right) {
        free(confidence);
        free(right);
        return ut_fail_memory(err, "train");
    }
    judge_all(t);
    fit_calibration(t, calibration);
    classify(t, calibration, &trained->scores);
    for (size_t i = 0; i < n; i++) {
        float z[C];
        for (int k = 0; k < C; k++)
            z[k] = t->logits[i * C + (size_t)k] * calibration[0] + calibration[1 + k];
        ut_softmax(z, C, 1, C);
        confidence[i] = z[t->guess[i]];
        right[i] = t->guess[i] == t->truth[i];
    }
    ut_calibrate(confidence, right, n, &reliability);
    trained->ece = reliability.ece;
    trained->gain = prior_entropy(t) - cross_entropy(t, calibration, NULL);
    trained->scale = calibration[0];
    memcpy(trained->prior, calibration + 1, sizeof trained->prior);
    free(confidence);
    free(right);
    return UT_OK;
}

/* The blocks of a text expert's file; its n-grams are whole numbers with one scale. */
static ut_status start_from(const char *path, ut_text_model *m, ut_error *err)
{
    ut_weights *w;
    float scale = 0;
    UT_TRY(ut_weights_open(path, &w, err));
    ut_status status = UT_OK;
    const ut_tensor *s = ut_weights_find(w, "ngram_scale");
    if (s)
        ut_tensor_to_f32(s, 0, 1, &scale);
    for (size_t b = 0; b < UT_TEXT_BLOCKS && status == UT_OK; b++) {
        const ut_block *block = &m->parameters.blocks[b];
        const ut_tensor *t = ut_weights_find(w, block->name);
        float *values = ut_parameters_values(&m->parameters, b);
        if (!t || ut_tensor_count(t) != block->count || (b == UT_TEXT_NGRAM && t->dtype != UT_I8))
            status = ut_fail(err, UT_ERR_MISMATCH, "train",
                             "%s has no %s of the right size to start from; train without --init",
                             path, block->name);
        else if (b != UT_TEXT_NGRAM)
            ut_tensor_to_f32(t, 0, block->count, values);
        else
            for (size_t i = 0; i < block->count; i++)
                values[i] = scale * (float)((const int8_t *)t->data)[i];
    }
    ut_weights_close(w);
    return status;
}

static ut_status prepare(text_fit *t, const ut_head_options *o, ut_error *err)
{
    const size_t batch = (size_t)t->model->batch;
    const size_t m = t->validation->count;
    t->weights = calloc(t->train->count + 1, sizeof *t->weights);
    t->x = calloc(batch, D * sizeof *t->x);
    t->emotions = calloc(batch, sizeof *t->emotions);
    t->order = calloc(batch, sizeof *t->order);
    t->logits = calloc(m + 1, C * sizeof *t->logits);
    t->truth = calloc(m + 1, sizeof *t->truth);
    t->guess = calloc(m + 1, sizeof *t->guess);
    if (!t->weights || !t->x || !t->emotions || !t->order || !t->logits || !t->truth || !t->guess)
        return ut_fail_memory(err, "train");
    for (size_t i = 0; i < m; i++)
        t->truth[i] = emotion_of(t->validation, i);
    ut_random random = ut_random_seeded(o->fit.seed, UINT64_MAX - 1);
    ut_text_model_begin(t->model, &random);
    if (o->init)
        UT_TRY(start_from(o->init, t->model, err));
    return ut_weigh_samples(t->train->dataset, t->train->samples, t->train->count, t->weights, err);
}

ut_status ut_train_text(const ut_text_set *train, const ut_text_set *validation,
                        const ut_head_options *o, ut_trained_text *trained, ut_error *err)
{
    text_fit t = {.train = train, .validation = validation, .model = &trained->model};
    *trained = (ut_trained_text){0};
    UT_TRY(ut_text_model_create(UT_TEXT_HIDDEN, UT_TEXT_BUCKETS, ut_fit_batch(train->count),
                                t.model, err));
    ut_status status = prepare(&t, o, err);
    const ut_trainee trainee = {.name = "text",
                                .self = &t,
                                .parameters = &trained->model.parameters,
                                .weights = t.weights,
                                .rows = train->count,
                                .batch = trained->model.batch,
                                .epochs = o->epochs ? o->epochs : 12,
                                .patience = 5,
                                .rate = o->init ? RATE_FROM_ANOTHER : RATE,
                                .loss = loss,
                                .validate = validate};
    if (status == UT_OK)
        status = ut_fit(&trainee, &o->fit, &trained->history, err);
    if (status == UT_OK)
        status = calibrate(&t, trained, err);
    if (status != UT_OK)
        ut_trained_text_free(trained);
    void *const all[] = {t.weights, t.x, t.emotions, t.order, t.logits, t.truth, t.guess};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    return status;
}

void ut_trained_text_free(ut_trained_text *trained)
{
    ut_text_model_free(&trained->model);
}
