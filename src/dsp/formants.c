#include "dsp/formants.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/downsample.h"

enum { RATE = UT_DOWNSAMPLE_TO, POLES = 2 * UT_FORMANTS, WINDOW = 550, SHORTEST = POLES + 1 };

static const double CEILING = 5500.0;
static const double EMPHASIS = 50.0; /* hertz */
static const double MARGIN = 50.0;   /* a resonance as near to 0 or to the ceiling is none */

/* Whether windows fill a signal exactly, and in which of two samples a frame's middle lies that is
 * on the edge between them, hangs on the rounding: the operations are those whose results are
 * Praat's to the last digit. */
static const double BETWEEN = 1.0 / RATE;

static bool fills_window(size_t count)
{
    return (double)count * BETWEEN >= (double)WINDOW / RATE;
}

size_t ut_formant_frames(size_t n)
{
    size_t count = ut_downsample_count(n);
    if (!fills_window(count))
        return count >= SHORTEST;
    return (size_t)(((double)count * BETWEEN - (double)WINDOW / RATE) / UT_FORMANTS_HOP) + 1;
}

double ut_formant_time(size_t n, size_t frame)
{
    double all = (double)ut_downsample_count(n) * BETWEEN, first = ut_downsample_first(n);
    if (!fills_window(ut_downsample_count(n)))
        return first + 0.5 * all;
    double middle = first - 0.5 * BETWEEN + 0.5 * all;
    return middle - 0.5 * (double)(ut_formant_frames(n) - 1) * UT_FORMANTS_HOP +
           (double)frame * UT_FORMANTS_HOP;
}

/* taper[width]: a Gaussian that ends at e^-12, less that. */
static void make_taper(double *taper, size_t width)
{
    double edge = exp(-12.0);
    for (size_t i = 0; i < width; i++) {
        double d = ((double)i - 0.5 * (double)(width - 1)) / (double)(width + 1);
        taper[i] = (exp(-48.0 * d * d) - edge) / (1.0 - edge);
    }
}

/* x[width]: what lies under the window, tapered. */
static void analyse(double *x, size_t width, ut_formant_frame *frame)
{
    double work[2 * WINDOW], a[POLES + 1];
    ut_lpc_formant found[POLES];
    ut_lpc_burg(x, width, POLES, a, work);
    frame->count = ut_lpc_formants(a, POLES, RATE, MARGIN, CEILING - MARGIN, found);
    memcpy(frame->formants, found, (size_t)frame->count * sizeof *found);
}

/* A sound shorter than a window is one frame, under a window of its own length. */
static void analyse_all(const double *low, size_t n, ut_formant_frame *frames)
{
    double taper[WINDOW], x[WINDOW];
    ptrdiff_t count = (ptrdiff_t)ut_downsample_count(n);
    size_t width = fills_window((size_t)count) ? WINDOW : (size_t)count;
    make_taper(taper, width);
    for (size_t f = 0; f < ut_formant_frames(n); f++) {
        double right = (ut_formant_time(n, f) - ut_downsample_first(n)) / BETWEEN + 1.0;
        ptrdiff_t from = width < WINDOW ? 0 : (ptrdiff_t)floor(right) - WINDOW / 2;
        for (size_t i = 0; i < width; i++) {
            ptrdiff_t at = from + (ptrdiff_t)i;
            x[i] = at < 0 || at >= count ? 0.0 : low[at] * taper[i];
        }
        analyse(x, width, &frames[f]);
    }
}

ut_status ut_formant_track(const float *pcm, size_t n, ut_formant_frame *frames, ut_error *err)
{
    double *low;
    if (ut_formant_frames(n) == 0)
        return UT_OK;
    UT_TRY(ut_downsample(pcm, n, &low, err));
    double share = exp(-2.0 * M_PI * EMPHASIS / RATE);
    for (size_t i = ut_downsample_count(n) - 1; i > 0; i--)
        low[i] -= share * low[i - 1];
    analyse_all(low, n, frames);
    free(low);
    return UT_OK;
}
