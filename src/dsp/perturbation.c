#include "dsp/perturbation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const double SHORTEST = 0.0001, LONGEST = 0.02; /* periods, seconds */
static const double LENGTHS = 1.3, AMPLITUDES = 1.6;   /* neighbours' greatest ratios */
static const double REACH = 0.2;                       /* of a period, about a pulse */

/* Values in a row; linked[i] where i and i + 1 may be compared. */
typedef struct series {
    double *values;
    bool *linked;
    size_t count;
} series;

static bool series_open(series *s, size_t most)
{
    s->count = 0;
    s->values = calloc(most + 1, sizeof *s->values);
    s->linked = calloc(most + 1, sizeof *s->linked);
    return s->values && s->linked;
}

static void series_close(series *s)
{
    free(s->values);
    free(s->linked);
}

static bool is_period(double seconds)
{
    return seconds >= SHORTEST && seconds <= LONGEST;
}

static bool alike(double a, double b, double most)
{
    return a > b ? a <= b * most : b <= a * most;
}

/* Mean difference of linked neighbours. */
static double mean_step(const series *s)
{
    double sum = 0.0;
    size_t seen = 0;
    for (size_t i = 1; i < s->count; i++)
        if (s->linked[i - 1]) {
            sum += fabs(s->values[i] - s->values[i - 1]);
            seen++;
        }
    return seen ? sum / (double)seen : NAN;
}

/* Mean difference of a value from the mean of the `around` about it, where all of them are linked.
 */
static double mean_excursion(const series *s, size_t around)
{
    double sum = 0.0;
    size_t seen = 0, links = 0;
    for (size_t i = 1; i < s->count; i++) {
        links = s->linked[i - 1] ? links + 1 : 0;
        if (links + 1 < around)
            continue;
        const double *first = s->values + i + 1 - around;
        double mean = 0.0;
        for (size_t q = 0; q < around; q++)
            mean += first[q];
        sum += fabs(first[around / 2] - mean / (double)around);
        seen++;
    }
    return seen ? sum / (double)seen : NAN;
}

/* ------------------------------------------------------------------------- lengths */

/* An interval is a period if it resembles a neighbour, or lies at the end of the whole row. */
static bool counts(const double *lengths, size_t count, size_t i)
{
    if (!is_period(lengths[i]))
        return false;
    return i == 0 || i + 1 == count || alike(lengths[i], lengths[i - 1], LENGTHS) ||
           alike(lengths[i], lengths[i + 1], LENGTHS);
}

static void measure_periods(const series *lengths, ut_jitter *out)
{
    double squares = 0.0, mean = 0.0;
    for (size_t i = 0; i < lengths->count; i++) {
        if (!counts(lengths->values, lengths->count, i))
            continue;
        double d = lengths->values[i] - mean;
        mean += d / (double)++out->periods;
        squares += d * (lengths->values[i] - mean);
    }
    if (out->periods > 0)
        out->mean = mean;
    if (out->periods > 1)
        out->deviation = sqrt(squares / (double)(out->periods - 1));
}

ut_status ut_jitter_measure(const double *times, size_t count, ut_jitter *out, ut_error *err)
{
    *out = (ut_jitter){0, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    series lengths;
    if (!series_open(&lengths, count)) {
        series_close(&lengths);
        return ut_fail_memory(err, "jitter");
    }
    for (size_t i = 0; i + 1 < count; i++) {
        double *v = lengths.values + i;
        *v = times[i + 1] - times[i];
        if (i > 0)
            lengths.linked[i - 1] =
                is_period(v[-1]) && is_period(v[0]) && alike(v[-1], v[0], LENGTHS);
        lengths.count++;
    }
    measure_periods(&lengths, out);
    out->local_absolute = mean_step(&lengths);
    out->local = out->local_absolute / out->mean;
    out->rap = mean_excursion(&lengths, 3) / out->mean;
    out->ppq5 = mean_excursion(&lengths, 5) / out->mean;
    /* (b - a) - (c - b) is three times b's difference from the three's mean. */
    out->ddp = 3.0 * out->rap;
    series_close(&lengths);
    return UT_OK;
}

/* ---------------------------------------------------------------------- amplitudes */

static double amplitude(const float *pcm, size_t n, double rate, double time, double before,
                        double after)
{
    double at = time * rate - 0.5, left = REACH * before * rate, right = REACH * after * rate;
    double power = 0.0, weights = 0.0;
    size_t from = (size_t)fmax(ceil(at - left), 0.0),
           end = (size_t)fmax(floor(at + right) + 1, 0.0);
    for (size_t i = from; i < end && i < n; i++) {
        double beside = (double)i - at;
        double weight = 0.5 + 0.5 * cos(M_PI * beside / (beside < 0.0 ? left : right));
        double value = weight * pcm[i];
        power += value * value;
        weights += weight * weight;
    }
    return weights > 0.0 ? sqrt(power / weights) : 0.0;
}

/* Of the pulses between two periods that resemble each other. */
static void measure_amplitudes(const double *times, size_t count, const float *pcm, size_t n,
                               double rate, series *out)
{
    double last = 0.0;
    for (size_t i = 1; i + 1 < count; i++) {
        double before = times[i] - times[i - 1], after = times[i + 1] - times[i];
        if (!is_period(before) || !is_period(after) || !alike(before, after, LENGTHS))
            continue;
        double *v = out->values + out->count;
        *v = amplitude(pcm, n, rate, times[i], before, after);
        if (out->count > 0)
            out->linked[out->count - 1] =
                is_period(times[i] - last) && v[-1] > 0.0 && alike(v[-1], v[0], AMPLITUDES);
        last = times[i];
        out->count++;
    }
}

static double mean_decibels(const series *s)
{
    double sum = 0.0;
    size_t seen = 0;
    for (size_t i = 1; i < s->count; i++)
        if (s->linked[i - 1]) {
            sum += fabs(20.0 * log10(s->values[i] / s->values[i - 1]));
            seen++;
        }
    return seen ? sum / (double)seen : NAN;
}

ut_status ut_shimmer_measure(const double *times, size_t count, const float *pcm, size_t n,
                             int rate, ut_shimmer *out, ut_error *err)
{
    *out = (ut_shimmer){NAN, NAN, NAN, NAN, NAN, NAN};
    series heights;
    if (!series_open(&heights, count)) {
        series_close(&heights);
        return ut_fail_memory(err, "shimmer");
    }
    measure_amplitudes(times, count, pcm, n, rate, &heights);
    /* Praat's values are shares of the mean of all amplitudes but the last. */
    double mean = NAN, sum = 0.0;
    for (size_t i = 0; i + 1 < heights.count; i++)
        sum += heights.values[i];
    if (heights.count > 1)
        mean = sum / (double)(heights.count - 1);
    out->local = mean_step(&heights) / mean;
    out->local_db = mean_decibels(&heights);
    out->apq3 = mean_excursion(&heights, 3) / mean;
    out->apq5 = mean_excursion(&heights, 5) / mean;
    out->apq11 = mean_excursion(&heights, 11) / mean;
    out->dda = 3.0 * out->apq3;
    series_close(&heights);
    return UT_OK;
}
