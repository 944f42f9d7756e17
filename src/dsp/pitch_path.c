#include "dsp/pitch_path.h"

#include <math.h>
#include <string.h>

#include "dsp/sinc.h"

enum {
    ROUGH = 30, /* samples on each side that a first look at a peak takes */
    FINE = 70,
    FINEST = 700, /* where a period is hardly more than three samples */
};

typedef struct peak {
    double hz, worth;
    size_t lag;
} peak;

/* Where a parabola through a peak and its neighbours has its top. */
static double top_of(const double *r, size_t i)
{
    double before = r[i - 1], after = r[i + 1];
    return (double)i + 0.5 * (after - before) / (2.0 * r[i] - before - after);
}

static double as_strength(double r)
{
    return r > 1.0 ? 1.0 / r : r;
}

static double worth_of(const ut_pitch_options *o, const double *r, size_t lags, double lag)
{
    double value = ut_sinc_at(r - lags, 2 * lags + 1, (double)lags + lag, ROUGH);
    return as_strength(value) + o->octave_cost * log2(o->rate / lag);
}

/* The most worthy peaks, those above the ceiling among them, in the order of their lags. Peaks are
 * weighed only once there are too many. */
static int find_peaks(const ut_pitch_options *o, const double *r, size_t lags, size_t longest,
                      peak peaks[UT_PITCH_CANDIDATES - 1])
{
    int count = 0, weighed = 0;
    for (size_t i = 2; i <= longest && i < lags; i++) {
        if (r[i] <= 0.5 * o->voicing_threshold || r[i] <= r[i - 1] || r[i] < r[i + 1])
            continue;
        double lag = top_of(r, i);
        peak found = {.hz = o->rate / lag, .lag = i};
        if (count < UT_PITCH_CANDIDATES - 1) {
            peaks[count++] = found;
            continue;
        }
        for (; weighed < count; weighed++)
            peaks[weighed].worth = worth_of(o, r, lags, o->rate / peaks[weighed].hz);
        found.worth = worth_of(o, r, lags, lag);
        int least = 0;
        for (int q = 1; q < count; q++)
            if (peaks[q].worth < peaks[least].worth)
                least = q;
        if (found.worth > peaks[least].worth)
            peaks[least] = found;
    }
    return count;
}

void ut_pitch_find_candidates(const ut_pitch_options *options, const double *r, size_t lags,
                              size_t longest, double loudness, ut_pitch_candidates *out)
{
    peak peaks[UT_PITCH_CANDIDATES - 1];
    const ut_pitch_options *o = options;
    int count = loudness > 0.0 ? find_peaks(o, r, lags, longest, peaks) : 0;
    double silence = 0.0;
    if (o->silence_threshold > 0.0)
        silence = 2.0 - loudness * (1.0 + o->voicing_threshold) / o->silence_threshold;
    out->count = 1;
    out->hz[0] = 0.0;
    out->strength[0] = o->voicing_threshold + fmax(0.0, silence);
    for (int i = 0; i < count; i++) {
        double lag, value, limit = 0.3 * o->rate;
        if (peaks[i].hz > 1.5 * o->ceiling_hz)
            continue;
        value = ut_sinc_peak(r - lags, 2 * lags + 1, lags + peaks[i].lag,
                             peaks[i].hz > limit ? FINEST : FINE, &lag);
        lag -= (double)lags;
        if (o->rate / lag > o->ceiling_hz)
            continue;
        out->hz[out->count] = o->rate / lag;
        out->strength[out->count++] = as_strength(value);
    }
}

static double cost_between(const ut_pitch_options *o, double before, double after)
{
    double scale = 0.01 / o->hop;
    if (before == 0.0 && after == 0.0)
        return 0.0;
    if (before == 0.0 || after == 0.0)
        return o->voiced_unvoiced_cost * scale;
    return o->octave_jump_cost * scale * fabs(log2(before / after));
}

static double own_score(const ut_pitch_options *o, const ut_pitch_candidates *c, int i)
{
    return c->hz[i] == 0.0 ? c->strength[i]
                           : c->strength[i] - o->octave_cost * log2(o->ceiling_hz / c->hz[i]);
}

void ut_pitch_find_path(const ut_pitch_options *options, ut_pitch_candidates *all, size_t frames,
                        ut_pitch_frame *out)
{
    const ut_pitch_options *o = options;
    double score[UT_PITCH_CANDIDATES], next[UT_PITCH_CANDIDATES];
    for (int i = 0; i < all[0].count; i++)
        score[i] = own_score(o, &all[0], i);
    for (size_t f = 1; f < frames; f++) {
        ut_pitch_candidates *c = &all[f];
        const ut_pitch_candidates *p = &all[f - 1];
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
        const ut_pitch_candidates *c = &all[f - 1];
        out[f - 1].hz = c->hz[at];
        out[f - 1].strength = c->hz[at] > 0.0 ? c->strength[at] : 0.0;
        at = c->from[at];
    }
}
