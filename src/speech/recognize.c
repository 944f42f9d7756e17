#include "speech/recognize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "nn/ops.h"
#include "speech/recognize_internal.h"

enum { LONGEST_BYTES = UT_LONGEST_TEXT * 64 };

/* Silence and hum bring a lone "you" at a no-speech probability of 0.84-0.97 and a mean
 * log-probability of -0.37 to -0.96, which the published rule (0.6 and -1.0) lets through. */
static const float SURE_SILENCE = 0.8f, SURE_TEXT = -0.3f;

struct ut_recognizer {
    ut_whisper *model;
};

ut_recognize_options ut_recognize_defaults(void)
{
    return (ut_recognize_options){.beam = 5,
                                  .temperatures = 6,
                                  .compression_ratio = 2.4f,
                                  .mean_log_probability = -1.0f,
                                  .no_speech = 0.6f,
                                  .words = true};
}

ut_status ut_recognizer_open(const char *dir, ut_recognizer **out, ut_error *err)
{
    *out = NULL;
    ut_recognizer *recognizer = calloc(1, sizeof *recognizer);
    if (!recognizer)
        return ut_fail_memory(err, "recognize");
    ut_status status = ut_whisper_open(dir, &recognizer->model, err);
    if (status != UT_OK)
        free(recognizer);
    else
        *out = recognizer;
    return status;
}

void ut_recognizer_close(ut_recognizer *recognizer)
{
    if (!recognizer)
        return;
    ut_whisper_close(recognizer->model);
    free(recognizer);
}

const ut_whisper *ut_recognizer_model(const ut_recognizer *recognizer)
{
    return recognizer->model;
}

/* The model's own list, and every special token but the end and the timestamps. */
static void forbid(ut_recognizer_session *s)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    size_t count;
    const int *ids = ut_whisper_suppressed(s->model, false, &count);
    for (size_t i = 0; i < count; i++)
        s->forbidden[ids[i]] = 1;
    for (int i = t->end + 1; i < t->timestamp; i++)
        s->forbidden[i] = 1;
    s->forbidden[t->end] = 0;
}

ut_status ut_recognizer_session_create(const ut_recognizer *recognizer, ut_recognizer_session **out,
                                       ut_error *err)
{
    *out = NULL;
    ut_recognizer_session *s = calloc(1, sizeof *s);
    if (!s)
        return ut_fail_memory(err, "recognize");
    s->recognizer = recognizer;
    s->model = recognizer->model;
    size_t vocabulary = (size_t)ut_whisper_get_dims(s->model)->vocabulary;
    ut_status status = ut_whisper_state_create(s->model, UT_WHISPER_ROWS, &s->state, err);
    s->logits = calloc(UT_WHISPER_ROWS * vocabulary, sizeof *s->logits);
    s->forbidden = calloc(vocabulary, 1);
    s->steps = calloc((size_t)UT_LONGEST_TEXT + 8, UT_WHISPER_FRAMES + 1);
    s->costs = calloc(2 * (UT_WHISPER_FRAMES + 1), sizeof *s->costs);
    if (status == UT_OK && !(s->logits && s->forbidden && s->steps && s->costs))
        status = ut_fail_memory(err, "recognize");
    if (status != UT_OK) {
        ut_recognizer_session_destroy(s);
        return status;
    }
    forbid(s);
    *out = s;
    return UT_OK;
}

void ut_recognizer_session_destroy(ut_recognizer_session *s)
{
    if (!s)
        return;
    ut_whisper_state_destroy(s->state);
    free(s->logits);
    free(s->forbidden);
    free(s->steps);
    free(s->costs);
    free(s);
}

const ut_whisper_state *ut_recognizer_state(const ut_recognizer_session *s)
{
    return s->state;
}

/* The logits behind the start token: how surely each language is spoken, and, returned, the
 * probability that nothing is said. */
static float hear_start(ut_recognizer_session *s, float languages[UT_MOST_LANGUAGES])
{
    static const uint8_t history[1] = {0};
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    size_t vocabulary = (size_t)ut_whisper_get_dims(s->model)->vocabulary;
    const ut_whisper_row row = {t->start, 0, history};
    ut_whisper_decode(s->state, &row, 1, 1, s->logits);
    float silence = expf(s->logits[t->no_speech] - ut_log_sum_exp(s->logits, vocabulary));
    if (t->multilingual) {
        memcpy(languages, s->logits + t->language, (size_t)t->languages * sizeof *languages);
        ut_softmax(languages, t->languages, 1, t->languages);
    } else {
        languages[0] = 1.0f;
    }
    return silence;
}

static void vote(const ut_whisper *model, ut_language_votes *votes, const float *languages,
                 float silence)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(model);
    double weight = 1.0 - (double)silence;
    for (int i = 0; i < (t->multilingual ? t->languages : 1); i++)
        votes->sums[i] += weight * (double)languages[i];
    votes->weight += weight;
}

void ut_language_elect(const ut_recognizer *recognizer, const ut_language_votes *votes,
                       char language[8], float *share)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(recognizer->model);
    int best = 0;
    for (int i = 1; t->multilingual && i < t->languages; i++)
        if (votes->sums[i] > votes->sums[best])
            best = i;
    *share = votes->weight > 0.0 ? (float)(votes->sums[best] / votes->weight) : 0.0f;
    memcpy(language, "en", 3);
    size_t length = 0;
    const char *name = ut_bpe_token(ut_whisper_bpe(recognizer->model), t->language + best, &length);
    if (t->multilingual && length > 4 && length < 12) { /* "<|en|>" */
        memcpy(language, name + 2, length - 4);
        language[length - 4] = 0;
    }
}

/* What came before, as openai-whisper's initial prompt: the last tokens of it that leave room. */
static ut_status write_before(ut_recognizer_session *s, const char *text, ut_error *err)
{
    enum { MOST = UT_LONGEST_PROMPT - 5 /* previous; start, language, task, no timestamps */ };
    char spaced[UT_BPE_MAX_BYTES + 2];
    int ids[UT_BPE_MAX_BYTES];
    size_t length = strlen(text), count;
    while (length > 0 && (unsigned char)text[length - 1] <= ' ')
        length--;
    for (; length > 0 && (unsigned char)*text <= ' '; length--)
        text++;
    if (length == 0)
        return UT_OK;
    if (length >= UT_BPE_MAX_BYTES)
        return ut_fail(err, UT_ERR_LIMIT, "recognize",
                       "the initial prompt is longer than %d bytes; the model reads its last %d "
                       "tokens only",
                       UT_BPE_MAX_BYTES - 1, MOST);
    snprintf(spaced, sizeof spaced, " %.*s", (int)length, text);
    UT_TRY(ut_bpe_encode(ut_whisper_bpe(s->model), spaced, length + 1, ids, &count, err));
    size_t from = count > MOST ? count - MOST : 0;
    s->prompt[s->prompt_count++] = ut_whisper_get_tokens(s->model)->previous;
    memcpy(s->prompt + s->prompt_count, ids + from, (count - from) * sizeof *ids);
    s->prompt_count += (int)(count - from);
    return UT_OK;
}

static ut_status write_prompt(ut_recognizer_session *s, const ut_recognize_options *options,
                              const char *language, ut_error *err)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    s->prompt_count = 0;
    if (options->initial_prompt)
        UT_TRY(write_before(s, options->initial_prompt, err));
    s->prompt_start = s->prompt_count;
    s->prompt[s->prompt_count++] = t->start;
    if (t->multilingual) {
        char name[16];
        snprintf(name, sizeof name, "<|%.8s|>", language);
        int id = ut_bpe_find(ut_whisper_bpe(s->model), name, strlen(name));
        if (id < t->language || id >= t->language + t->languages)
            return ut_fail(err, UT_ERR_USAGE, "recognize",
                           "the recogniser does not know the language %s; name one by its code "
                           "(en, de, fr ...) or leave it to be detected",
                           language);
        s->prompt[s->prompt_count++] = id;
        s->prompt[s->prompt_count++] = t->transcribe;
    } else if (strcmp(language, "en") != 0) {
        return ut_fail(err, UT_ERR_USAGE, "recognize",
                       "%s understands English only; take a multilingual model for the language %s",
                       ut_whisper_path(s->model), language);
    }
    if (!options->timestamps)
        s->prompt[s->prompt_count++] = t->no_timestamps;
    return UT_OK;
}

/* The text that was decoded, in the arena. */
static char *write_text(const ut_recognizer_session *s, ut_arena *arena, float *ratio)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    char text[LONGEST_BYTES];
    size_t used = 0, length;
    for (int i = 0; i < s->best.count; i++) {
        if (s->best.tokens[i] >= t->end)
            continue;
        const char *bytes = ut_bpe_token(ut_whisper_bpe(s->model), s->best.tokens[i], &length);
        if (used + length > sizeof text)
            break;
        memcpy(text + used, bytes, length);
        used += length;
    }
    size_t from = 0;
    while (from < used && (unsigned char)text[from] <= ' ')
        from++;
    while (used > from && (unsigned char)text[used - 1] <= ' ')
        used--;
    static const size_t room = LONGEST_BYTES + 1024;
    unsigned char packed[LONGEST_BYTES + 1024];
    uLongf packed_length = room;
    *ratio = 0.0f;
    if (used > from && compress(packed, &packed_length, (const unsigned char *)text + from,
                                (uLong)(used - from)) == Z_OK)
        *ratio = (float)(used - from) / (float)packed_length;
    return ut_arena_strndup(arena, text + from, used - from);
}

/* Temperatures 0, 0.2 ... until the text is neither a loop nor too uncertain. */
static ut_status decode(ut_recognizer_session *s, const ut_recognize_options *options,
                        ut_arena *arena, ut_recognition *result, ut_error *err)
{
    int tries = options->temperatures < 1 ? 1 : options->temperatures;
    for (int i = 0; i < tries; i++) {
        float temperature = 0.2f * (float)i;
        UT_TRY(ut_search(s, options, temperature, err));
        result->text = write_text(s, arena, &result->compression_ratio);
        if (!result->text)
            return ut_fail_memory(err, "recognize");
        result->temperature = temperature;
        result->mean_log_probability = (float)(s->best.sum / (s->best.count + 1));
        bool uncertain = result->mean_log_probability < options->mean_log_probability;
        bool doubtful = result->no_speech > SURE_SILENCE && options->no_speech < 1.0f &&
                        result->mean_log_probability < SURE_TEXT;
        if (doubtful || (result->no_speech > options->no_speech && uncertain)) {
            result->text = "";
            s->best.count = 0;
            return UT_OK;
        }
        if (!uncertain && result->compression_ratio <= options->compression_ratio)
            return UT_OK;
    }
    return UT_OK;
}

ut_status ut_recognize(ut_recognizer_session *s, const float *pcm, size_t n,
                       const ut_recognize_options *options, ut_arena *arena, ut_recognition *result,
                       ut_error *err)
{
    *result = (ut_recognition){.text = "", .probability = NAN};
    if (n > UT_WHISPER_SAMPLES)
        n = UT_WHISPER_SAMPLES;
    double seconds = (double)n / UT_WHISPER_RATE;
    float languages[UT_MOST_LANGUAGES];
    ut_language_votes votes = {.weight = 0.0};
    ut_whisper_encode(s->state, pcm, n);
    result->no_speech = hear_start(s, languages);
    vote(s->model, &votes, languages, 0.0f);
    ut_language_elect(s->recognizer, &votes, result->language, &result->language_probability);
    if (options->language) {
        size_t length = strlen(options->language);
        if (length < sizeof result->language)
            memcpy(result->language, options->language, length + 1);
        result->language_probability = 1.0f;
    }
    if (result->language_probability < options->sure_language)
        return UT_OK;
    UT_TRY(write_prompt(s, options, options->language ? options->language : result->language, err));
    UT_TRY(decode(s, options, arena, result, err));
    if (s->best.count == 0)
        return UT_OK;
    return ut_words_from_tokens(s, options->words, seconds, arena, result, err);
}

ut_status ut_recognize_language(ut_recognizer_session *s, const float *pcm, size_t n,
                                ut_language_votes *votes, ut_error *err)
{
    float languages[UT_MOST_LANGUAGES];
    if (n == 0)
        return ut_fail(err, UT_ERR_USAGE, "recognize", "a language needs samples to be heard in");
    ut_whisper_encode(s->state, pcm, n);
    float silence = hear_start(s, languages);
    vote(s->model, votes, languages, silence);
    return UT_OK;
}
