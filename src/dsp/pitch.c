#include "dsp/pitch.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/fft.h"
#include "dsp/sinc.h"

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
    size_t period;   /* longest, samples */
    size_t half;     /* of a window, samples */
    size_t longest;  /* lag that is looked at */
    size_t reliable; /* lags below are: half a window (Boersma 1993) */
    size_t points;
    ut_fft *fft;
    float *taper; /* [2 half] */
    float *frame, *re, *im, *scratch;
    double *correlation; /* of the taper, [reliable + 1] */
    double *r;           /* of a frame by that, [2 reliable + 1]: lags -reliable .. reliable */
} tracker;

ut_pitch_options ut_pitch_defaults(int rate)
{
    return (ut_pitch_options){.rate = rate,
                              .floor_hz = 75.0,
                              .ceiling_hz = 600.0,
                              .hop = 0.01,
                              .silence_threshold = 0.03,
                              .voicing_threshold = 0.45,
                              .octave_cost = 0.01,
                              .octave_jump_cost = 0.35,
                              .voiced_unvoiced_cost = 0.14};
}

size_t ut_pitch_frames(const ut_pitch_options *options, size_t n)
{
    double window = 3.0 / options->floor_hz, seconds = (double)n * (1.0 / options->rate);
    return seconds < window ? 0 : (size_t)((seconds - window) / options->hop) + 1;
}

double ut_pitch_time(const ut_pitch_options *options, size_t n, size_t frame)
{
    double all = (double)(ut_pitch_frames(options, n) - 1) * options->hop;
    return 0.5 * ((double)n / options->rate - all) + (double)frame * options->hop;
}

/* r[0 .. reliable] of t->frame, whose second part is zeros. */
static void autocorrelate(tracker *t, double *r)
{
    ut_fft_forward(t->fft, t->frame, t->re, t->im, t->scratch);
    for (size_t k = 0; k <= t->points / 2; k++) {
        t->re[k] = t->re[k] * t->re[k] + t->im[k] * t->im[k];
        t->im[k] = 0.0f;
    }
    float *lags = t->scratch + ut_fft_scratch(t->fft);
    ut_fft_inverse(t->fft, t->re, t->im, lags, t->scratch);
    for (size_t i = 0; i <= t->reliable; i++)
        r[i] = lags[i];
}

static void tracker_close(tracker *t)
{
    ut_fft_destroy(t->fft);
    free(t->taper);
    free(t->r);
}

static ut_status tracker_open(tracker *t, const ut_pitch_options *options, ut_error *err)
{
    memset(t, 0, sizeof *t);
    t->options = options;
    t->period = (size_t)(options->rate / options->floor_hz);
    t->half = (size_t)(3.0 / options->floor_hz * options->rate) / 2 - 1;
    t->longest = 2 * t->half / 3 + 2;
    t->reliable = t->half;
    for (t->points = 1; t->points < 3 * t->half;)
        t->points *= 2;
    t->fft = ut_fft_create((int)t->points);
    if (!t->fft)
        return ut_fail_memory(err, "pitch");
    size_t half = t->points / 2 + 1, scratch = ut_fft_scratch(t->fft) + t->points;
    t->taper = calloc(2 * t->half + t->points + 2 * half + scratch, sizeof *t->taper);
    t->r = calloc(3 * t->reliable + 2, sizeof *t->r);
    if (!t->taper || !t->r)
        return ut_fail_memory(err, "pitch");
    t->frame = t->taper + 2 * t->half;
    t->re = t->frame + t->points;
    t->im = t->re + half;
    t->scratch = t->im + half;
    t->correlation = t->r + 2 * t->reliable + 1;
    for (size_t i = 0; i < 2 * t->half; i++) {
        double angle = 2.0 * M_PI * (double)(i + 1) / (double)(2 * t->half + 1);
        t->taper[i] = t->frame[i] = (float)(0.5 - 0.5 * cos(angle));
    }
    autocorrelate(t, t->correlation);
    for (size_t i = t->reliable + 1; i > 0; i--)
        t->correlation[i - 1] /= t->correlation[0];
    return UT_OK;
}

/* What a candidate is worth beside the others of its frame. */
static double worth(const ut_pitch_options *o, double hz, double strength)
{
    return strength + o->octave_cost * log2(hz);
}

/* Keeps the most worthy when there are too many. */
static void add_candidate(const ut_pitch_options *o, candidates *c, double hz, double strength)
{
    int at = c->count;
    if (at == CANDIDATES) {
        at = 1;
        for (int i = 2; i < CANDIDATES; i++)
            if (worth(o, c->hz[i], c->strength[i]) < worth(o, c->hz[at], c->strength[at]))
                at = i;
        if (worth(o, c->hz[at], c->strength[at]) >= worth(o, hz, strength))
            return;
    } else {
        c->count++;
    }
    c->hz[at] = (float)hz;
    c->strength[at] = (float)strength;
}

/* Peaks of the normalised autocorrelation of one frame, which is tapered already. */
static void find_peaks(tracker *t, candidates *c)
{
    const ut_pitch_options *o = t->options;
    double *r = t->r + t->reliable;
    size_t n = 2 * t->reliable + 1;
    autocorrelate(t, r);
    double power = r[0];
    if (!(power > 0.0))
        return;
    for (size_t i = 0; i <= t->reliable; i++)
        r[-(ptrdiff_t)i] = r[i] /= power * t->correlation[i];
    for (size_t i = 2; i < t->longest && i < t->reliable; i++) {
        if (r[i] <= 0.5 * o->voicing_threshold || r[i] <= r[i - 1] || r[i] < r[i + 1])
            continue;
        double lag, strength = ut_sinc_peak(t->r, n, i + t->reliable, 70, &lag);
        lag -= (double)t->reliable;
        if (o->rate / lag < o->ceiling_hz)
            add_candidate(o, c, o->rate / lag, strength > 1.0 ? 1.0 / strength : strength);
    }
}

/* Samples before the signal and behind it count as none. */
static void analyse_frame(tracker *t, const float *pcm, size_t n, double time, double peak,
                          candidates *c)
{
    const ut_pitch_options *o = t->options;
    size_t right = (size_t)(time * o->rate + 0.5); /* the sample behind the middle */
    size_t from = right - t->half, width = 2 * t->half;
    double sum = 0.0, local = 0.0;
    for (size_t i = right - t->period; i < right + t->period && i < n; i++)
        sum += pcm[i];
    float mean = (float)(sum / (double)(2 * t->period));
    for (size_t i = 0; i < width && from + i < n; i++)
        t->frame[i] = (pcm[from + i] - mean) * t->taper[i];
    /* Loudness is judged within half a longest period about the middle. */
    size_t near = t->period / 2 + 1;
    for (size_t i = t->half - near; i < t->half + near; i++)
        local = fmax(local, fabs((double)t->frame[i]));
    double loud = fmin(local / peak, 1.0);
    double silence = 2.0 - loud / (o->silence_threshold / (1.0 + o->voicing_threshold));
    c->count = 1;
    c->hz[0] = 0.0f;
    c->strength[0] = (float)(o->voicing_threshold + fmax(0.0, silence));
    if (local > 0.0)
        find_peaks(t, c);
}

static double cost_between(const ut_pitch_options *o, float before, float after)
{
    double scale = 0.01 / o->hop;
    if (before == 0.0f && after == 0.0f)
        return 0.0;
    if (before == 0.0f || after == 0.0f)
        return o->voiced_unvoiced_cost * scale;
    return o->octave_jump_cost * scale * fabs(log2((double)before / after));
}

static double own_score(const ut_pitch_options *o, const candidates *c, int i)
{
    return c->hz[i] == 0.0f ? c->strength[i]
                            : c->strength[i] - o->octave_cost * log2(o->ceiling_hz / c->hz[i]);
}

/* The path of the greatest sum of strengths less the costs of its transitions (Viterbi). */
static void find_path(const ut_pitch_options *o, candidates *all, size_t frames,
                      ut_pitch_frame *out)
{
    double score[CANDIDATES], next[CANDIDATES];
    for (int i = 0; i < all[0].count; i++)
        score[i] = own_score(o, &all[0], i);
    for (size_t f = 1; f < frames; f++) {
        candidates *c = &all[f];
        const candidates *p = &all[f - 1];
        for (int i = 0; i < c->count; i++) {
            double best = -INFINITY;
            for (int q = 0; q < p->count; q++) {
                double value = score[q] - cost_between(o, p->hz[q], c->hz[i]);
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
    double sum = 0.0, peak = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += pcm[i];
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak, fabs(pcm[i] - sum / (double)n));
    if (!(peak > 0.0)) {
        memset(frames, 0, count * sizeof *frames);
        goto done;
    }
    for (size_t f = 0; f < count; f++)
        analyse_frame(&t, pcm, n, ut_pitch_time(options, n, f), peak, &all[f]);
    find_path(options, all, count, frames);
done:
    tracker_close(&t);
    free(all);
    return status;
}
