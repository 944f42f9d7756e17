#include "dsp/pulses.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

/* The next pulse is 0.8 to 1.25 periods away. It counts where the waveform repeats well enough and
 * is not all but silent beside the recording; beyond the end of a voiced stretch one more may
 * count, under stricter limits. */
static const double NEAREST = 0.8, FARTHEST = 1.25;
static const double ALIKE = 0.3, ALIKE_BEYOND = 0.7;
static const double LOUD = 0.01, LOUD_BEYOND = 0.023333;

typedef struct walker {
    const ut_pitch_options *options;
    const float *pcm;
    ptrdiff_t n;
    const ut_pitch_frame *pitch;
    ptrdiff_t frames;
    double step;  /* of a sample, seconds */
    double first; /* time of the first frame */
    double peak;  /* greatest amplitude */
    double right; /* the latest pulse that was found rightwards */
    ut_pulses *pulses;
} walker;

/* Where a waveform repeats: `alike` as 1 is the same, `loudest` of its samples there. */
typedef struct repetition {
    double time, alike, loudest;
} repetition;

/* Hertz between the frames; half a frame beyond a voiced stretch it goes on, then it is 0. */
static double pitch_at(const walker *w, double time)
{
    double at = (time - w->first) / w->options->hop;
    ptrdiff_t left = (ptrdiff_t)floor(at);
    double share = at - (double)left;
    double before = left >= 0 && left < w->frames ? w->pitch[left].hz : 0.0;
    double after = left + 1 >= 0 && left + 1 < w->frames ? w->pitch[left + 1].hz : 0.0;
    if (before > 0.0 && after > 0.0)
        return before + share * (after - before);
    return share < 0.5 ? before : after;
}

/* The sample's number, which needs not be whole; sample i is half a step behind i steps. */
static double sample_at(const walker *w, double time)
{
    return time / w->step - 0.5;
}

/* How alike two stretches of `width` samples are, by what of both lies within the signal. */
static double correlation(const walker *w, ptrdiff_t a, ptrdiff_t b, ptrdiff_t width)
{
    ptrdiff_t low = a < b ? a : b, high = a < b ? b : a;
    ptrdiff_t from = low < 0 ? -low : 0, to = high + width > w->n ? w->n - high : width;
    double one = 0.0, other = 0.0, both = 0.0;
    for (ptrdiff_t i = from; i < to; i++) {
        double x = w->pcm[a + i], y = w->pcm[b + i];
        one += x * x;
        other += y * y;
        both += x * y;
    }
    double power = one * other;
    return power > 0.0 ? both / sqrt(power) : 0.0;
}

static double loudest(const walker *w, ptrdiff_t from, ptrdiff_t width)
{
    double most = 0.0;
    for (ptrdiff_t i = from < 0 ? 0 : from; i < from + width && i < w->n; i++)
        most = fmax(most, fabs((double)w->pcm[i]));
    return most;
}

/* The best of the correlation's tops within the range, between samples by a parabola. Before the
 * range the correlation counts as 0: where it falls from the first place on, or begins below 0,
 * there is a top at the range's edge. Without any the time is a period on. */
static repetition find_repetition(const walker *w, double time, double period, bool rightwards)
{
    double low = rightwards ? NEAREST : -FARTHEST, high = rightwards ? FARTHEST : -NEAREST;
    ptrdiff_t own = (ptrdiff_t)floor(sample_at(w, time - period / 2) + 0.5);
    ptrdiff_t end = (ptrdiff_t)floor(sample_at(w, time + period / 2) + 0.5);
    ptrdiff_t from = (ptrdiff_t)floor(sample_at(w, time + (low - 0.5) * period));
    ptrdiff_t to = (ptrdiff_t)ceil(sample_at(w, time + (high - 0.5) * period));
    ptrdiff_t width = end - own + 1;
    double r[3] = {0.0, 0.0, 0.0}, best = -1.0;
    repetition found = {time + (rightwards ? period : -period), -1.0, 0.0};
    for (ptrdiff_t at = from; at <= to; at++) {
        r[0] = r[1];
        r[1] = r[2];
        r[2] = correlation(w, own, at, width);
        if (r[1] <= best || r[1] < r[0] || r[1] < r[2])
            continue;
        double bend = 2.0 * r[1] - r[0] - r[2];
        double beside = bend > 0.0 ? 0.5 * (r[2] - r[0]) / bend : 0.0;
        best = r[1];
        found.time = time + ((double)(at - 1 - own) + beside) * w->step;
        found.alike = r[1] + 0.25 * (r[2] - r[0]) * beside;
        found.loudest = loudest(w, at, width);
    }
    return found;
}

/* The greatest amplitude within half a period, between samples by a parabola. */
static double extremum(const walker *w, double time, double period)
{
    double from = floor(sample_at(w, time - period / 2));
    double to = ceil(sample_at(w, time + period / 2));
    ptrdiff_t low = from < 0.0 ? 0 : (ptrdiff_t)from, high = (ptrdiff_t)to;
    ptrdiff_t least = low, most = low;
    high = high < w->n ? high : w->n - 1;
    for (ptrdiff_t i = low; i <= high; i++) {
        if (w->pcm[i] < w->pcm[least])
            least = i;
        if (w->pcm[i] > w->pcm[most])
            most = i;
    }
    ptrdiff_t at = -w->pcm[least] > w->pcm[most] ? least : most;
    double beside = 0.0;
    if (at > low && at < high) {
        double before = w->pcm[at - 1], after = w->pcm[at + 1];
        double bend = 2.0 * (double)w->pcm[at] - before - after;
        beside = bend != 0.0 ? 0.5 * (after - before) / bend : 0.0;
    }
    return ((double)at + beside + 0.5) * w->step;
}

static bool keep(ut_pulses *pulses, double time)
{
    if (pulses->count == pulses->capacity) {
        size_t capacity = pulses->capacity ? 2 * pulses->capacity : 64;
        double *times = realloc(pulses->times, capacity * sizeof *times);
        if (!times)
            return false;
        pulses->times = times;
        pulses->capacity = capacity;
    }
    pulses->times[pulses->count++] = time;
    return true;
}

/* From the pulse at `time` to the end of the voiced stretch and one beyond. Leftwards none comes
 * near the last one of the stretch before. */
static bool walk(walker *w, double time, double end, bool rightwards)
{
    for (;;) {
        double hz = pitch_at(w, time);
        if (!(hz > 0.0))
            return true;
        repetition next = find_repetition(w, time, 1.0 / hz, rightwards);
        time = next.time;
        bool beyond = rightwards ? time > end : time < end;
        bool counts = next.alike > (beyond ? ALIKE_BEYOND : ALIKE) &&
                      next.loudest > (beyond ? LOUD_BEYOND : LOUD) * w->peak;
        if (counts && rightwards)
            w->right = time;
        if (counts && (rightwards || time - w->right > NEAREST / hz) && !keep(w->pulses, time))
            return false;
        if (beyond)
            return true;
    }
}

static bool walk_stretch(walker *w, ptrdiff_t first, ptrdiff_t last)
{
    double hop = w->options->hop;
    double begin = w->first + (double)first * hop - 0.5 * hop;
    double end = w->first + (double)last * hop + 0.5 * hop, middle = 0.5 * (begin + end);
    double time = extremum(w, middle, 1.0 / pitch_at(w, middle));
    if (!keep(w->pulses, time) || !walk(w, time, begin, false) || !walk(w, time, end, true))
        return false;
    w->right = fmax(w->right, time);
    return true;
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

ut_status ut_pulses_find(const ut_pitch_options *options, const float *pcm, size_t n,
                         const ut_pitch_frame *pitch, size_t frames, ut_pulses *pulses,
                         ut_error *err)
{
    *pulses = (ut_pulses){0};
    if (frames == 0)
        return UT_OK;
    walker w = {.options = options,
                .pcm = pcm,
                .n = (ptrdiff_t)n,
                .pitch = pitch,
                .frames = (ptrdiff_t)frames,
                .step = 1.0 / options->rate,
                .first = ut_pitch_time(options, n, 0),
                .right = -INFINITY,
                .pulses = pulses};
    w.peak = loudest(&w, 0, w.n);
    for (ptrdiff_t f = 0; f < w.frames; f++) {
        ptrdiff_t first = f;
        while (f < w.frames && pitch[f].hz > 0.0)
            f++;
        if (f > first && !walk_stretch(&w, first, f - 1))
            return ut_fail_memory(err, "pulses");
    }
    if (pulses->count)
        qsort(pulses->times, pulses->count, sizeof *pulses->times, by_time);
    return UT_OK;
}

void ut_pulses_free(ut_pulses *pulses)
{
    free(pulses->times);
    *pulses = (ut_pulses){0};
}
