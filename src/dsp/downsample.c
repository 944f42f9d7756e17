#include "dsp/downsample.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "dsp/lowpass.h"
#include "dsp/sinc.h"

/* 11 samples for 16. Where they lie is told in 22nds of a sample, which both rates divide. */
enum { UP = 11, DOWN = 16, PARTS = 2 * UP, STEP = 2 * DOWN };
enum { DEPTH = 50, TAPS = 2 * DEPTH };
enum { PADDING = 1000 }; /* samples of silence on both sides */

size_t ut_downsample_count(size_t n)
{
    return (UP * n + DOWN / 2) / DOWN;
}

/* In 22nds of a sample behind the middle of pcm[0]; from -5 to 10. */
static ptrdiff_t first_part(size_t n)
{
    return UP * ((ptrdiff_t)n - 1) - DOWN * ((ptrdiff_t)ut_downsample_count(n) - 1);
}

double ut_downsample_first(size_t n)
{
    double all = (double)(ut_downsample_count(n) - 1) / UT_DOWNSAMPLE_TO;
    return 0.5 * ((double)n / UT_DOWNSAMPLE_FROM - all);
}

/* rows[PARTS][TAPS]: the weights of the samples around a place so many parts behind one. */
static void make_rows(double *rows)
{
    for (int p = 0; p < PARTS; p++) {
        double share = (double)p / PARTS;
        for (int k = 0; k < TAPS; k++) {
            double d = k - DEPTH + 1 - share, width = (d > 0 ? 1.0 - share : share) + DEPTH;
            double sinc = d == 0.0 ? 1.0 : sin(M_PI * d) / (M_PI * d);
            rows[p * TAPS + k] = sinc * (0.5 + 0.5 * cos(M_PI * d / width));
        }
    }
}

/* Sample i of the `count` at 11 kHz takes the place of x[i], which none of those after it needs any
 * more: the padding keeps them behind it. */
static void interpolate(double *x, size_t n, size_t count, const double *rows)
{
    const double *y = x + PADDING;
    ptrdiff_t place = first_part(n);
    for (size_t i = 0; i < count; i++, place += STEP) {
        ptrdiff_t left = place / PARTS, part = place % PARTS; /* where place < 0 beside the end */
        if (left + 1 < DEPTH || (size_t)left + 1 + DEPTH > n) {
            x[i] = ut_sinc_at(y, n, (double)place / PARTS, DEPTH);
            continue;
        }
        const double *row = rows + part * TAPS, *from = y + left + 1 - DEPTH;
        double sum = 0.0;
        for (int k = 0; k < TAPS; k++)
            sum += row[k] * from[k];
        x[i] = sum;
    }
}

ut_status ut_downsample(const float *pcm, size_t n, double **out, ut_error *err)
{
    size_t points = ut_lowpass_points(n + (size_t)2 * PADDING), count = ut_downsample_count(n);
    double *x = calloc(points, sizeof *x), *rows = malloc((size_t)PARTS * TAPS * sizeof *rows);
    ut_status status = x && rows ? UT_OK : ut_fail_memory(err, "downsample");
    if (status != UT_OK)
        goto done;
    for (size_t i = 0; i < n; i++)
        x[PADDING + i] = pcm[i];
    /* One number less than the share: so it is in Praat, where counting begins at 1. */
    status = ut_lowpass(x, points, points / DOWN * UP - 1, err);
    if (status != UT_OK)
        goto done;
    make_rows(rows);
    interpolate(x, n, count, rows);
    *out = realloc(x, (count ? count : 1) * sizeof *x);
    if (!*out)
        *out = x;
    x = NULL;
done:
    free(x);
    free(rows);
    return status;
}
