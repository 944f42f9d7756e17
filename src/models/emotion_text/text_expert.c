#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "models/emotion_text/head.h"
#include "text/normalize.h"

enum { MAX_CUE_WORDS = 48, MAX_CUE_TEXT = 4096 };

struct ut_text_expert {
    ut_weights *weights;
    ut_text_head head;            /* of the sentence's vector */
    ut_tensor ngram, ngram_scale; /* I8 [buckets, 5], [1] */
    float bucket_scale;
};

static ut_status bind(ut_text_expert *e, ut_error *err)
{
    const ut_binding ngrams[] = {
        {"ngram", offsetof(ut_text_expert, ngram), 2, {UT_ANY, UT_TEXT_LABELS}, true},
        {"ngram_scale", offsetof(ut_text_expert, ngram_scale), 1, {1}, false},
    };
    ut_binder binder;
    ut_binder_init(&binder, e->weights);
    ut_text_head_bind(&e->head, &binder, "input", UT_TEXT_DIMENSIONS);
    ut_bind(&binder, e, ngrams, sizeof ngrams / sizeof *ngrams, 0);
    UT_TRY(ut_binder_finish(&binder, err));
    if (e->ngram.dtype != UT_I8 || e->ngram.shape[0] < 1)
        return ut_fail(err, UT_ERR_FORMAT, "emotion_text",
                       "ngram of %s is no table of I8; install Undertone again",
                       ut_weights_path(e->weights));
    ut_tensor_to_f32(&e->ngram_scale, 0, 1, &e->bucket_scale);
    return ut_text_head_load(&e->head, e->weights, err);
}

ut_status ut_text_expert_open(const char *path, ut_text_expert **expert, ut_error *err)
{
    *expert = NULL;
    ut_text_expert *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "emotion_text");
    ut_status status = ut_weights_open(path, &e->weights, err);
    if (status == UT_OK)
        status = bind(e, err);
    if (status != UT_OK)
        ut_text_expert_close(e);
    else
        *expert = e;
    return status;
}

void ut_text_expert_close(ut_text_expert *e)
{
    if (!e)
        return;
    ut_weights_close(e->weights);
    free(e);
}

static uint32_t fnv1a(uint32_t h, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)bytes[i]) * 16777619u;
    return h;
}

static void add_bucket(const ut_text_expert *e, uint32_t h, float *sum)
{
    const size_t bucket = h % (uint32_t)e->ngram.shape[0];
    const int8_t *row = (const int8_t *)e->ngram.data + bucket * UT_TEXT_LABELS;
    for (int i = 0; i < UT_TEXT_LABELS; i++)
        sum[i] += (float)row[i];
}

ut_status ut_text_grams(const char *text, void (*found)(void *context, uint32_t hash),
                        void *context, ut_error *err)
{
    const uint32_t basis = 2166136261u;
    uint32_t pair = 0; /* state of the hash of "word " */
    ut_buf words;
    ut_buf_init(&words, 0);
    ut_text_basic_words(text, strlen(text), true, &words);
    if (ut_buf_status(&words) != UT_OK) {
        ut_buf_free(&words);
        return ut_fail_memory(err, "emotion_text");
    }
    const char *data = ut_buf_text(&words);
    for (size_t at = 0; at < words.length;) {
        const char *end = memchr(data + at, '\n', words.length - at);
        size_t n = (size_t)(end - data) - at;
        if (at > 0)
            found(context, fnv1a(pair, data + at, n));
        uint32_t h = fnv1a(basis, data + at, n);
        found(context, h);
        pair = fnv1a(h, " ", 1);
        at += n + 1;
    }
    if (!words.length)
        found(context, 0);
    ut_buf_free(&words);
    return UT_OK;
}

typedef struct gram_sum {
    const ut_text_expert *expert;
    float values[UT_TEXT_LABELS];
    size_t count;
} gram_sum;

static void add_gram(void *context, uint32_t hash)
{
    gram_sum *sum = context;
    add_bucket(sum->expert, hash, sum->values);
    sum->count++;
}

/* Adds the n-gram part: sum over words and pairs of words, over the root of their number. */
static ut_status add_ngrams(const ut_text_expert *e, const char *text, float *logits, ut_error *err)
{
    gram_sum sum = {.expert = e};
    UT_TRY(ut_text_grams(text, add_gram, &sum, err));
    for (int i = 0; i < UT_TEXT_LABELS; i++)
        logits[i] += e->bucket_scale * sum.values[i] / sqrtf((float)sum.count);
    return UT_OK;
}

ut_status ut_text_expert_classify(const ut_text_expert *e, const char *text, const float *embedding,
                                  float *p, ut_error *err)
{
    ut_text_head_logits(&e->head, embedding, p);
    UT_TRY(add_ngrams(e, text, p, err));
    ut_text_head_calibrate(&e->head, p);
    return UT_OK;
}

static float log_odds(float p)
{
    const float tiny = 1e-6f;
    p = p < tiny ? tiny : p > 1 - tiny ? 1 - tiny : p;
    return logf(p / (1 - p));
}

/* White-space separated words of the text; their number. */
static size_t find_words(const char *text, size_t length, ut_text_cue *words)
{
    size_t count = 0;
    for (size_t at = 0; at < length && count < MAX_CUE_WORDS;) {
        while (at < length && strchr(" \t\r\n", text[at]))
            at++;
        size_t start = at;
        while (at < length && !strchr(" \t\r\n", text[at]))
            at++;
        if (at > start)
            words[count++] = (ut_text_cue){start, at - start, 0};
    }
    return count;
}

static int stronger(const void *a, const void *b)
{
    const ut_text_cue *x = a;
    const ut_text_cue *y = b;
    const float fx = fabsf(x->effect);
    const float fy = fabsf(y->effect);
    if (fx != fy)
        return fx < fy ? 1 : -1;
    return x->start < y->start ? -1 : 1;
}

ut_status ut_text_expert_cues(const ut_text_expert *e, const char *text, const float *embedding,
                              int label, ut_text_embed embed, void *context, ut_text_cue *cues,
                              size_t maximum, size_t *count, ut_error *err)
{
    ut_text_cue words[MAX_CUE_WORDS];
    char rest[MAX_CUE_TEXT];
    float vector[UT_TEXT_DIMENSIONS];
    float p[UT_TEXT_LABELS];
    *count = 0;
    if (label < 0 || label >= UT_TEXT_LABELS)
        return ut_fail(err, UT_ERR_USAGE, "emotion_text", "label %d is none of the five", label);
    size_t length = strnlen(text, sizeof rest - 1);
    size_t n = find_words(text, length, words);
    UT_TRY(ut_text_expert_classify(e, text, embedding, p, err));
    const float whole = log_odds(p[label]);
    for (size_t i = 0; i < n; i++) {
        const size_t after = words[i].start + words[i].length;
        memcpy(rest, text, words[i].start);
        memcpy(rest + words[i].start, text + after, length - after);
        rest[length - words[i].length] = 0;
        if (embed)
            UT_TRY(embed(context, rest, vector, err));
        UT_TRY(ut_text_expert_classify(e, rest, embed ? vector : embedding, p, err));
        words[i].effect = whole - log_odds(p[label]);
    }
    qsort(words, n, sizeof *words, stronger);
    *count = n < maximum ? n : maximum;
    if (*count > 0)
        memcpy(cues, words, *count * sizeof *words);
    return UT_OK;
}
