#include "dsp/voice_quality.h"

#include <math.h>

#include "nn/ops.h"

enum { FEWEST = 10 };

typedef struct sums {
    double length, length_step, height, height_step;
    int lengths, length_steps, heights, height_steps;
} sums;

/* Normalised correlation of x[0 .. width) with x[lag .. lag + width). */
static float match(const float *x, size_t width, size_t lag)
{
    float own = ut_dot(x, x, width), other = ut_dot(x + lag, x + lag, width);
    float both = ut_dot(x, x + lag, width);
    return own > 0.0f && other > 0.0f ? both / sqrtf(own * other) : 0.0f;
}

/* The lag near `period` at which the waveform repeats best; 0 if it does not. */
static float best_lag(const float *x, size_t left, float period)
{
    size_t low = (size_t)(0.8f * period), high = (size_t)(1.25f * period) + 1;
    size_t width = (size_t)period;
    if (low < 2 || width + high + 1 >= left)
        return 0.0f;
    float best = 0.0f;
    size_t at = 0;
    for (size_t lag = low; lag <= high; lag++) {
        float value = match(x, width, lag);
        if (value > best) {
            best = value;
            at = lag;
        }
    }
    if (best < 0.3f || at == low || at == high)
        return 0.0f;
    float before = match(x, width, at - 1), after = match(x, width, at + 1);
    float bend = 2.0f * best - before - after;
    return (float)at + (bend > 0.0f ? 0.5f * (after - before) / bend : 0.0f);
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

static void add_pair(double *sum, int *count, float before, float now, float most)
{
    float ratio = before > now ? before / now : now / before;
    if (ratio > most)
        return;
    *sum += fabs((double)before - now);
    ++*count;
}

static size_t centre(const ut_pitch_options *o, size_t n, size_t frame)
{
    return (size_t)(ut_pitch_time(o, n, frame) * o->rate);
}

/* Period after period through samples begin .. end of one voiced stretch. */
static void follow(const ut_pitch_options *o, const float *pcm, size_t n,
                   const ut_pitch_frame *pitch, size_t first, size_t last, sums *s)
{
    size_t hop = (size_t)(o->hop * o->rate), begin = centre(o, n, first);
    size_t at = begin, end = centre(o, n, last);
    float length = 0.0f, height = 0.0f;
    while (at <= end && at < n) {
        size_t frame = first + (at - begin + hop / 2) / hop;
        frame = frame > last ? last : frame;
        float lag = best_lag(pcm + at, n - at, (float)(o->rate / pitch[frame].hz));
        if (lag == 0.0f) {
            length = height = 0.0f;
            at += hop;
            continue;
        }
        size_t step = (size_t)lrintf(lag);
        float tall = height_of(pcm + at, step);
        s->length += lag;
        s->lengths++;
        s->height += tall;
        s->heights++;
        if (length > 0.0f)
            add_pair(&s->length_step, &s->length_steps, length, lag, 1.3f);
        if (height > 0.0f && tall > 0.0f)
            add_pair(&s->height_step, &s->height_steps, height, tall, 1.6f);
        length = lag;
        height = tall;
        at += step;
    }
}

ut_voice_quality ut_voice_quality_measure(const ut_pitch_options *options, const float *pcm,
                                          size_t n, const ut_pitch_frame *pitch, size_t frames)
{
    sums s = {0};
    for (size_t f = 0; f < frames; f++) {
        if (pitch[f].hz <= 0.0)
            continue;
        size_t last = f;
        while (last + 1 < frames && pitch[last + 1].hz > 0.0)
            last++;
        follow(options, pcm, n, pitch, f, last, &s);
        f = last;
    }
    ut_voice_quality q = {NAN, NAN};
    if (s.length_steps >= FEWEST)
        q.jitter_percent = (float)(100.0 * s.length_step / s.length_steps / (s.length / s.lengths));
    if (s.height_steps >= FEWEST && s.height > 0.0)
        q.shimmer_percent =
            (float)(100.0 * s.height_step / s.height_steps / (s.height / s.heights));
    return q;
}
