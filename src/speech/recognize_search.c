/* Beam search and sampling over the decoder, after openai-whisper's decoding.py. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "speech/recognize_internal.h"

enum { FIRST_TIMESTAMP_MOST = 50 /* the first timestamp lies within 1 s */ };

typedef struct candidate {
    double sum;
    float log_probability;
    int beam, token;
} candidate;

static void forbid(float *logits, int from, int to)
{
    for (int i = from; i < to; i++)
        logits[i] = -INFINITY;
}

/* Timestamps come in pairs, never go back, and are taken when together they are likelier than any
 * text token. */
static void timestamp_rules(const ut_whisper_tokens *t, const hypothesis *text, float *logits,
                            int vocabulary)
{
    int n = text->count;
    bool last = n > 0 && text->tokens[n - 1] >= t->timestamp;
    bool before = n < 2 || text->tokens[n - 2] >= t->timestamp;
    if (last)
        forbid(logits, before ? t->timestamp : 0, before ? vocabulary : t->end);
    for (int i = n - 1; i >= 0; i--)
        if (text->tokens[i] >= t->timestamp) {
            forbid(logits, t->timestamp, text->tokens[i] + (last && !before ? 0 : 1));
            break;
        }
    if (n == 0) {
        forbid(logits, 0, t->timestamp);
        if (t->timestamp + FIRST_TIMESTAMP_MOST + 1 < vocabulary)
            forbid(logits, t->timestamp + FIRST_TIMESTAMP_MOST + 1, vocabulary);
    }
    float top = -INFINITY;
    for (int i = 0; i < t->timestamp; i++)
        top = logits[i] > top ? logits[i] : top;
    if (ut_log_sum_exp(logits + t->timestamp, (size_t)(vocabulary - t->timestamp)) > top)
        forbid(logits, 0, t->timestamp);
}

void ut_search_rules(const ut_recognizer_session *s, const ut_recognize_options *options,
                     const hypothesis *text, float *logits)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    int vocabulary = ut_whisper_get_dims(s->model)->vocabulary;
    for (int i = 0; i < vocabulary; i++)
        if (s->forbidden[i])
            logits[i] = -INFINITY;
    if (text->count == 0) {
        size_t count;
        const int *first = ut_whisper_suppressed(s->model, true, &count);
        for (size_t i = 0; i < count; i++)
            logits[first[i]] = -INFINITY;
    }
    if (options->timestamps)
        timestamp_rules(t, text, logits, vocabulary);
    else
        forbid(logits, t->timestamp, vocabulary);
    float sum = ut_log_sum_exp(logits, (size_t)vocabulary);
    for (int i = 0; i < vocabulary; i++)
        logits[i] -= sum;
}

/* The `count` likeliest tokens of a row join candidates[*filled], which stay sorted; equal ones
 * keep the order of beams and tokens. */
static void collect(candidate *candidates, int *filled, int most, const float *row, int vocabulary,
                    int count, int beam, double sum)
{
    candidate top[UT_WHISPER_ROWS + 1];
    int n = 0;
    for (int token = 0; token < vocabulary; token++) {
        float p = row[token];
        if (!(p > -INFINITY) || (n == count && p <= top[n - 1].log_probability))
            continue;
        int at = n < count ? n++ : n - 1;
        for (; at > 0 && top[at - 1].log_probability < p; at--)
            top[at] = top[at - 1];
        top[at] = (candidate){sum + p, p, beam, token};
    }
    for (int i = 0; i < n; i++) {
        if (*filled == most && top[i].sum <= candidates[most - 1].sum)
            continue;
        int at = *filled < most ? (*filled)++ : most - 1;
        for (; at > 0 && candidates[at - 1].sum < top[i].sum; at--)
            candidates[at] = candidates[at - 1];
        candidates[at] = top[i];
    }
}

static void extend(hypothesis *to, const hypothesis *from, const candidate *c, bool end)
{
    memmove(to->tokens, from->tokens, (size_t)from->count * sizeof *to->tokens);
    memmove(to->log_probabilities, from->log_probabilities,
            (size_t)from->count * sizeof *to->log_probabilities);
    to->count = from->count;
    to->tokens[to->count] = c->token;
    to->log_probabilities[to->count] = c->log_probability;
    to->count += end ? 0 : 1;
    to->sum = c->sum;
}

/* Mean log-probability of a hypothesis: what beams are ranked by (length penalty 1). */
static double rank(const hypothesis *h)
{
    return h->sum / (h->count > 0 ? h->count : 1);
}

/* Runs the prompt; leaves the logits behind its last token in row 0. */
static void start(ut_recognizer_session *s)
{
    ut_whisper_row rows[UT_LONGEST_PROMPT];
    memset(s->history, 0, sizeof s->history);
    for (int i = 0; i < s->prompt_count; i++)
        rows[i] = (ut_whisper_row){s->prompt[i], i, s->history[0][0]};
    ut_whisper_decode(s->state, rows, s->prompt_count, 1, s->logits);
    s->beams[0][0].count = 0;
    s->beams[0][0].sum = 0.0;
}

/* The next token of every beam of side `now`. */
static void step(ut_recognizer_session *s, int now, int count)
{
    ut_whisper_row rows[UT_WHISPER_ROWS];
    for (int b = 0; b < count; b++) {
        const hypothesis *h = &s->beams[now][b];
        int position = s->prompt_count + h->count - 1;
        s->history[now][b][position] = (uint8_t)b;
        rows[b] = (ut_whisper_row){h->tokens[h->count - 1], position, s->history[now][b]};
    }
    ut_whisper_decode(s->state, rows, count, count, s->logits);
}

static ut_status cancelled(const ut_recognize_options *options, ut_error *err)
{
    if (options->cancelled && options->cancelled(options->context))
        return ut_fail(err, UT_ERR_CANCELLED, "recognize", "recognition was cancelled");
    return UT_OK;
}

static ut_status search_beam(ut_recognizer_session *s, const ut_recognize_options *options,
                             int width, ut_error *err)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    int vocabulary = ut_whisper_get_dims(s->model)->vocabulary;
    int live = 1, done = 0, now = 0;
    start(s);
    while (true) {
        candidate best[2 * UT_WHISPER_ROWS];
        int filled = 0, next = 0;
        for (int b = 0; b < live; b++) {
            float *row = s->logits + (size_t)b * vocabulary;
            ut_search_rules(s, options, &s->beams[now][b], row);
            collect(best, &filled, 2 * width, row, vocabulary, width + 1, b, s->beams[now][b].sum);
        }
        for (int i = 0; i < filled && next < width; i++) {
            const hypothesis *from = &s->beams[now][best[i].beam];
            if (best[i].token == t->end) {
                if (done < width)
                    extend(&s->finished[done++], from, &best[i], true);
                continue;
            }
            extend(&s->beams[!now][next], from, &best[i], false);
            memcpy(s->history[!now][next++], s->history[now][best[i].beam],
                   UT_WHISPER_CONTEXT * sizeof s->history[0][0][0]);
        }
        now = !now;
        live = next;
        if (done >= width || live == 0 || s->beams[now][0].count >= UT_LONGEST_TEXT)
            break;
        UT_TRY(cancelled(options, err));
        step(s, now, live);
    }
    for (int b = 0; b < live && done < width; b++)
        s->finished[done++] = s->beams[now][b];
    int best = 0;
    for (int i = 1; i < done; i++)
        if (rank(&s->finished[i]) > rank(&s->finished[best]))
            best = i;
    if (done > 0)
        s->best = s->finished[best];
    else
        s->best.count = 0;
    return UT_OK;
}

/* SplitMix64 (Steele et al. 2014): a seed a draw, the same on every machine. */
static double uniform(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

/* A token from softmax(log-probabilities / temperature). */
static int sample(const float *row, int vocabulary, float temperature, uint64_t *seed)
{
    float top = -INFINITY;
    for (int i = 0; i < vocabulary; i++)
        top = row[i] > top ? row[i] : top;
    double sum = 0.0;
    for (int i = 0; i < vocabulary; i++)
        if (row[i] > top - 20.0f * temperature)
            sum += (double)expf((row[i] - top) / temperature);
    double left = uniform(seed) * sum;
    int last = 0;
    for (int i = 0; i < vocabulary; i++)
        if (row[i] > top - 20.0f * temperature) {
            left -= (double)expf((row[i] - top) / temperature);
            last = i;
            if (left <= 0.0)
                break;
        }
    return last;
}

static ut_status search_samples(ut_recognizer_session *s, const ut_recognize_options *options,
                                int width, float temperature, ut_error *err)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    int vocabulary = ut_whisper_get_dims(s->model)->vocabulary;
    uint64_t seed = (uint64_t)lrintf(temperature * 1000.0f) + 1;
    int done = 0, live = width;
    start(s);
    for (int b = 1; b < width; b++) {
        memcpy(s->logits + (size_t)b * vocabulary, s->logits,
               (size_t)vocabulary * sizeof *s->logits);
        s->beams[0][b].count = 0;
        s->beams[0][b].sum = 0.0;
    }
    while (live > 0) {
        int kept = 0;
        for (int b = 0; b < live; b++) {
            float *row = s->logits + (size_t)b * vocabulary;
            hypothesis *h = &s->beams[0][b];
            ut_search_rules(s, options, h, row);
            int token = sample(row, vocabulary, temperature, &seed);
            candidate c = {h->sum + row[token], row[token], b, token};
            if (token == t->end || h->count >= UT_LONGEST_TEXT - 1) {
                extend(&s->finished[done++], h, &c, token == t->end);
                continue;
            }
            extend(&s->beams[0][kept], h, &c, false);
            if (kept != b)
                memcpy(s->history[0][kept], s->history[0][b], sizeof s->history[0][b]);
            kept++;
        }
        live = kept;
        UT_TRY(cancelled(options, err));
        if (live > 0)
            step(s, 0, live);
    }
    int best = 0;
    for (int i = 1; i < done; i++)
        if (rank(&s->finished[i]) > rank(&s->finished[best]))
            best = i;
    s->best = s->finished[best];
    return UT_OK;
}

ut_status ut_search(ut_recognizer_session *s, const ut_recognize_options *options,
                    float temperature, ut_error *err)
{
    int width = options->beam < 1                 ? 1
                : options->beam > UT_WHISPER_ROWS ? UT_WHISPER_ROWS
                                                  : options->beam;
    if (temperature > 0.0f)
        return search_samples(s, options, width, temperature, err);
    return search_beam(s, options, width, err);
}
