/* eGeMAPS' jitter and shimmer: period after period is followed through the voiced signal by
 * matching its waveform, and what is new in each frame's 10 ms is compared. */
#include <math.h>
#include <string.h>

#include "dsp/egemaps_internal.h"
#include "nn/ops.h"

static const float SEARCH = 0.1f; /* of the period the pitch tells */
static const float MATCH = 0.5f;  /* least correlation of neighbours */

typedef struct follower {
    const float *pcm;
    size_t n, at;          /* where the period not yet measured begins */
    float length, height;  /* of the last period; 0: none */
    float jitter, shimmer; /* of the last frame that had periods */
} follower;

typedef struct change {
    double steps, sum;
    int count;
} change;

static float correlation(const float *x, size_t width, size_t lag)
{
    float own = ut_dot(x, x, width), other = ut_dot(x + lag, x + lag, width);
    float both = ut_dot(x, x + lag, width);
    return own > 0.0f && other > 0.0f ? both / sqrtf(own * other) : 0.0f;
}

/* The lag near `period` at which x repeats best, between samples; *match is how well. */
static float best_lag(const float *x, float period, float *match)
{
    size_t low = (size_t)((1.0f - SEARCH) * period), high = (size_t)((1.0f + SEARCH) * period) + 1;
    size_t width = (size_t)period, at = low;
    float best = -1.0f;
    for (size_t lag = low; lag <= high; lag++) {
        float value = correlation(x, width, lag);
        if (value > best) {
            best = value;
            at = lag;
        }
    }
    *match = best;
    float before = correlation(x, width, at - 1), after = correlation(x, width, at + 1);
    float bend = 2.0f * best - before - after;
    return (float)at +
           (bend > 0.0f && at > low && at < high ? 0.5f * (after - before) / bend : 0.0f);
}

static float height_of(const float *x, size_t count)
{
    float low = x[0], high = x[0];
    for (size_t i = 1; i < count; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    return high - low;
}

static void compare(change *c, float before, float now)
{
    c->steps += fabs((double)before - now);
    c->sum += 0.5 * ((double)before + now);
    c->count++;
}

static void follow_frame(follower *f, size_t begin, float period)
{
    change lengths = {0}, heights = {0};
    size_t end = begin + UT_GEMAPS_HOP;
    size_t reach = (size_t)((2.0f + 2.0f * SEARCH) * period) + 3;
    for (bool is_first = true; f->at + reach + 1 < f->n; is_first = false) {
        if (is_first ? f->at >= end : f->at + reach > end)
            break;
        float match, lag = best_lag(f->pcm + f->at, period, &match);
        size_t step = (size_t)lrintf(lag);
        float height = height_of(f->pcm + f->at, step);
        if (match >= MATCH) {
            if (f->length > 0.0f)
                compare(&lengths, f->length, lag);
            if (f->height > 0.0f && height > 0.0f)
                compare(&heights, f->height, height);
            f->length = lag;
            f->height = height;
        } else {
            f->length = f->height = 0.0f;
        }
        f->at += step;
    }
    if (lengths.count)
        f->jitter = (float)(lengths.steps / lengths.sum);
    if (heights.count)
        f->shimmer = (float)(20.0 * log10(1.0 + heights.steps / heights.sum));
}

void ut_gemaps_periods(const float *pcm, size_t n, const float *hz, size_t frames, float *jitter,
                       float *shimmer)
{
    follower f = {.pcm = pcm, .n = n};
    for (size_t i = 0; i < frames; i++) {
        jitter[i] = shimmer[i] = 0.0f;
        if (hz[i] == 0.0f)
            continue;
        if (i == 0 || hz[i - 1] == 0.0f)
            f = (follower){.pcm = pcm, .n = n, .at = i * UT_GEMAPS_HOP};
        follow_frame(&f, i * UT_GEMAPS_HOP, (float)UT_EGEMAPS_RATE / hz[i]);
        jitter[i] = f.jitter;
        shimmer[i] = f.shimmer;
    }
}
