#include "dsp/intensity.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

static const double BETWEEN = 1.0 / UT_INTENSITY_RATE;
static const double THRESHOLD = 4e-10; /* of hearing, as a square */

static double window_of(double lowest)
{
    return 6.4 / lowest;
}

double ut_intensity_hop(double lowest)
{
    return 0.8 / lowest;
}

size_t ut_intensity_frames(double lowest, size_t n)
{
    double room = (double)n * BETWEEN - window_of(lowest);
    return room < 0.0 ? 0 : (size_t)(room / ut_intensity_hop(lowest)) + 1;
}

/* In this order of operations, since a frame's middle may lie on the edge between two samples. */
double ut_intensity_time(double lowest, size_t n, size_t frame)
{
    double middle = 0.5 * ((double)n * BETWEEN), hop = ut_intensity_hop(lowest);
    double first = middle - 0.5 * ((double)ut_intensity_frames(lowest, n) * hop) + 0.5 * hop;
    return first + (double)frame * hop;
}

/* The modified Bessel function of the first kind, of order 0. */
static double bessel(double x)
{
    double sum = 1.0, term = 1.0;
    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= (0.5 * x / k) * (0.5 * x / k);
        sum += term;
    }
    return sum;
}

/* taper[2 half + 1], whose side lobes are 190 dB down. */
static void make_taper(double *taper, size_t half, double width)
{
    static const double SHAPE = 2.0 * M_PI * M_PI + 0.5;
    for (size_t i = 0; i <= 2 * half; i++) {
        double at = ((double)i - (double)half) / (0.5 * width);
        taper[i] = bessel(SHAPE * sqrt(fmax(0.0, 1.0 - at * at)));
    }
}

/* About sample `centre`, with what of the window lies within the signal. */
static double level_at(const float *pcm, size_t n, size_t centre, const double *taper, size_t half)
{
    size_t from = centre > half ? centre - half : 0, to = centre + half + 1;
    if (to > n)
        to = n;
    double sum = 0.0, squares = 0.0, weight = 0.0;
    for (size_t i = from; i < to; i++)
        sum += pcm[i];
    double mean = sum / (double)(to - from);
    const double *w = taper + (from + half - centre);
    for (size_t i = from; i < to; i++) {
        double x = pcm[i] - mean;
        squares += w[i - from] * x * x;
        weight += w[i - from];
    }
    double power = squares / weight / THRESHOLD;
    return power < 1e-30 ? UT_INTENSITY_SILENCE : 10.0 * log10(power);
}

ut_status ut_intensity_track(double lowest, const float *pcm, size_t n, double *db, ut_error *err)
{
    double width = window_of(lowest) * UT_INTENSITY_RATE;
    size_t half = (size_t)(0.5 * width), count = ut_intensity_frames(lowest, n);
    double *taper = malloc((2 * half + 1) * sizeof *taper);
    if (!taper)
        return ut_fail_memory(err, "intensity");
    make_taper(taper, half, width);
    for (size_t f = 0; f < count; f++) {
        /* Counted from 1, as Praat does, whose rounding this is. */
        double at = (ut_intensity_time(lowest, n, f) - 0.5 * BETWEEN) / BETWEEN + 1.0;
        db[f] = level_at(pcm, n, (size_t)(at + 0.5) - 1, taper, half);
    }
    free(taper);
    return UT_OK;
}
