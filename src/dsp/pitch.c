#include "dsp/pitch.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/fft.h"
#include "dsp/mel.h"

enum { CANDIDATES = 15 };

/* Candidate 0 is "unvoiced". */
typedef struct candidates {
    float hz[CANDIDATES];
    float strength[CANDIDATES];
    uint8_t from[CANDIDATES]; /* best candidate of the frame before */
    uint8_t count;
} candidates;

typedef struct tracker {
    const ut_pitch_options *options;
    size_t window;
    size_t longest; /* lag, samples */
    size_t points;
    ut_fft *fft;
    float *taper;       /* [window] */
    float *correlation; /* of the taper, [points] */
    float *frame, *r, *re, *im, *scratch;
} tracker;

ut_pitch_options ut_pitch_defaults(int rate)
{
    return (ut_pitch_options){.rate = rate,
                              .floor_hz = 75.0f,
                              .ceiling_hz = 600.0f,
                              .hop = 0.01f,
                              .silence_threshold = 0.03f,
                              .voicing_threshold = 0.45f,
                              .octave_cost = 0.01f,
                              .octave_jump_cost = 0.35f,
                              .voiced_unvoiced_cost = 0.14f};
}

static size_t window_samples(const ut_pitch_options *o)
{
    return (size_t)(3.0 * o->rate / o->floor_hz) / 2 * 2;
}

static size_t hop_samples(const ut_pitch_options *o)
{
    return (size_t)lrint((double)o->hop * o->rate);
}

size_t ut_pitch_frames(const ut_pitch_options *options, size_t n)
{
    size_t window = window_samples(options);
    return n < window ? 0 : (n - window) / hop_samples(options) + 1;
}

size_t ut_pitch_centre(const ut_pitch_options *options, size_t frame)
{
    return window_samples(options) / 2 + frame * hop_samples(options);
}

/* r[0 .. points) of x[points], whose second part is zeros. */
static void autocorrelate(tracker *t, const float *x, float *r)
{
    ut_fft_forward(t->fft, x, t->re, t->im, t->scratch);
    for (size_t k = 0; k <= t->points / 2; k++) {
        t->re[k] = t->re[k] * t->re[k] + t->im[k] * t->im[k];
        t->im[k] = 0.0f;
    }
    ut_fft_inverse(t->fft, t->re, t->im, r, t->scratch);
}

static void tracker_close(tracker *t)
{
    ut_fft_destroy(t->fft);
    free(t->taper);
}

static ut_status tracker_open(tracker *t, const ut_pitch_options *options, ut_error *err)
{
    memset(t, 0, sizeof *t);
    t->options = options;
    t->window = window_samples(options);
    t->longest = t->window / 3 + 2;
    for (t->points = 1; t->points < t->window + t->window / 2;)
        t->points *= 2;
    t->fft = ut_fft_create((int)t->points);
    if (!t->fft)
        return ut_fail_memory(err, "pitch");
    size_t half = t->points / 2 + 1;
    size_t scratch = ut_fft_scratch(t->fft);
    t->taper = calloc(t->window + 3 * t->points + 2 * half + scratch, sizeof(float));
    if (!t->taper)
        return ut_fail_memory(err, "pitch");
    t->correlation = t->taper + t->window;
    t->frame = t->correlation + t->points;
    t->r = t->frame + t->points;
    t->re = t->r + t->points;
    t->im = t->re + half;
    t->scratch = t->im + half;
    ut_window_fill(UT_WINDOW_HANN, (int)t->window, t->taper);
    memcpy(t->frame, t->taper, t->window * sizeof(float));
    autocorrelate(t, t->frame, t->correlation);
    for (size_t i = t->points; i > 0; i--)
        t->correlation[i - 1] /= t->correlation[0];
    return UT_OK;
}

/* Keeps the strongest when there are too many. */
static void add_candidate(candidates *c, float hz, float strength)
{
    int at = c->count;
    if (at == CANDIDATES) {
        at = 1;
        for (int i = 2; i < CANDIDATES; i++)
            if (c->strength[i] < c->strength[at])
                at = i;
        if (c->strength[at] >= strength)
            return;
    } else {
        c->count++;
    }
    c->hz[at] = hz;
    c->strength[at] = strength;
}

/* Peaks of the normalised autocorrelation of one frame, which is tapered already. A parabola
 * through three points places them; Praat's windowed sine changed neither the agreement with Praat
 * (96.9 % of the frames of 40 EmoDB clips voiced alike, median difference 0.05 semitones) nor the
 * harmonics. */
static void find_peaks(tracker *t, candidates *c)
{
    const ut_pitch_options *o = t->options;
    autocorrelate(t, t->frame, t->r);
    if (!(t->r[0] > 0.0f))
        return;
    float *r = t->r, power = r[0];
    for (size_t i = 0; i <= t->longest; i++)
        r[i] /= power * t->correlation[i];
    for (size_t i = 2; i < t->longest; i++) {
        if (r[i] <= 0.5f * o->voicing_threshold || r[i] <= r[i - 1] || r[i] < r[i + 1])
            continue;
        float slope = 0.5f * (r[i + 1] - r[i - 1]);
        float bend = 2.0f * r[i] - r[i - 1] - r[i + 1];
        float hz = (float)o->rate / ((float)i + slope / bend);
        float strength = r[i] + 0.5f * slope * slope / bend;
        if (hz > o->ceiling_hz || hz < o->floor_hz)
            continue;
        add_candidate(c, hz, strength > 1.0f ? 1.0f / strength : strength);
    }
}

static void analyse_frame(tracker *t, const float *pcm, float mean, float peak, candidates *c)
{
    const ut_pitch_options *o = t->options;
    float local = 0.0f;
    double sum = 0.0;
    for (size_t i = 0; i < t->window; i++)
        sum += pcm[i];
    float middle = (float)(sum / (double)t->window);
    /* Loudness is judged within one longest period about the centre. */
    size_t period = t->window / 6;
    for (size_t i = t->window / 2 - period; i < t->window / 2 + period; i++)
        local = fmaxf(local, fabsf(pcm[i] - mean));
    for (size_t i = 0; i < t->window; i++)
        t->frame[i] = (pcm[i] - middle) * t->taper[i];
    float silence = 2.0f - local / peak / (o->silence_threshold / (1.0f + o->voicing_threshold));
    c->count = 1;
    c->hz[0] = 0.0f;
    c->strength[0] = o->voicing_threshold + fmaxf(0.0f, silence);
    find_peaks(t, c);
}

static float cost_between(const ut_pitch_options *o, float before, float after)
{
    float scale = 0.01f / o->hop;
    if (before == 0.0f && after == 0.0f)
        return 0.0f;
    if (before == 0.0f || after == 0.0f)
        return o->voiced_unvoiced_cost * scale;
    return o->octave_jump_cost * scale * fabsf(log2f(before / after));
}

static float own_score(const ut_pitch_options *o, const candidates *c, int i)
{
    return c->hz[i] == 0.0f ? c->strength[i]
                            : c->strength[i] - o->octave_cost * log2f(o->ceiling_hz / c->hz[i]);
}

/* The path of the greatest sum of strengths less the costs of its transitions (Viterbi). */
static void find_path(const ut_pitch_options *o, candidates *all, size_t frames,
                      ut_pitch_frame *out)
{
    float score[CANDIDATES], next[CANDIDATES];
    for (int i = 0; i < all[0].count; i++)
        score[i] = own_score(o, &all[0], i);
    for (size_t f = 1; f < frames; f++) {
        candidates *c = &all[f];
        const candidates *p = &all[f - 1];
        for (int i = 0; i < c->count; i++) {
            float best = -INFINITY;
            for (int q = 0; q < p->count; q++) {
                float value = score[q] - cost_between(o, p->hz[q], c->hz[i]);
                if (value > best) {
                    best = value;
                    c->from[i] = (uint8_t)q;
                }
            }
            next[i] = best + own_score(o, c, i);
        }
        memcpy(score, next, sizeof score);
    }
    int at = 0;
    for (int i = 1; i < all[frames - 1].count; i++)
        if (score[i] > score[at])
            at = i;
    for (size_t f = frames; f > 0; f--) {
        const candidates *c = &all[f - 1];
        out[f - 1].hz = c->hz[at];
        out[f - 1].strength = c->hz[at] > 0.0f ? c->strength[at] : 0.0f;
        at = c->from[at];
    }
}

ut_status ut_pitch_track(const ut_pitch_options *options, const float *pcm, size_t n,
                         ut_pitch_frame *frames, ut_error *err)
{
    size_t count = ut_pitch_frames(options, n);
    if (count == 0)
        return UT_OK;
    tracker t;
    candidates *all = calloc(count, sizeof *all);
    ut_status status = tracker_open(&t, options, err);
    if (status == UT_OK && !all)
        status = ut_fail_memory(err, "pitch");
    if (status != UT_OK)
        goto done;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += pcm[i];
    float mean = (float)(sum / (double)n), peak = 0.0f;
    for (size_t i = 0; i < n; i++)
        peak = fmaxf(peak, fabsf(pcm[i] - mean));
    if (!(peak > 0.0f)) {
        memset(frames, 0, count * sizeof *frames);
        goto done;
    }
    for (size_t f = 0; f < count; f++)
        analyse_frame(&t, pcm + f * hop_samples(options), mean, peak, &all[f]);
    find_path(options, all, count, frames);
done:
    tracker_close(&t);
    free(all);
    return status;
}
