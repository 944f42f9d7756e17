#include "dsp/formants.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* From 16 to 11 kHz: 11 samples for 16. REACH samples on both sides go into each of them. */
enum { PHASES = 11, ADVANCE = 16, REACH = 500, TAPS = 2 * REACH };
/* A window and the step between two at 16 kHz; the window at 11 kHz. */
enum { LENGTH = UT_FORMANTS_RATE / 20, HOP = UT_FORMANTS_RATE / 160 };
enum { POLES = 2 * UT_FORMANTS, WINDOW = 550 };

static const double CEILING = 5500.0, RATE = 11000.0;
static const double EMPHASIS = 50.0; /* hertz */
static const double MARGIN = 50.0;   /* a resonance as near to 0 or to the ceiling is none */

size_t ut_formant_frames(size_t n)
{
    return n < LENGTH ? 0 : (n - LENGTH) / HOP + 1;
}

double ut_formant_time(size_t n, size_t frame)
{
    double all = (double)(ut_formant_frames(n) - 1) * UT_FORMANTS_HOP;
    return 0.5 * ((double)n / UT_FORMANTS_RATE - all) + (double)frame * UT_FORMANTS_HOP;
}

/* The sound below the ceiling at 11 kHz, in the middle of pcm's time. */
typedef struct low_band {
    double *samples;
    size_t count;
    double first; /* second of samples[0] */
} low_band;

/* All below the ceiling, nothing above: a sine x / x under a raised cosine. Sample i lies
 * `at` + i * 16 / 11 samples into pcm, so that eleven rows of weights serve all. */
static void resample(const float *pcm, size_t n, double at, float *weights, low_band *low)
{
    static const double CUT = 2.0 * 5500.0 / UT_FORMANTS_RATE;
    for (int p = 0; p < PHASES; p++) {
        double place = at + (double)p * ADVANCE / PHASES, share = place - floor(place);
        for (int k = 0; k < TAPS; k++) {
            double d = k - REACH + 1 - share, x = M_PI * CUT * d;
            double sinc = fabs(x) < 1e-9 ? 1.0 : sin(x) / x;
            weights[p * TAPS + k] = (float)(CUT * sinc * (0.5 + 0.5 * cos(M_PI * d / REACH)));
        }
    }
    for (size_t i = 0; i < low->count; i++) {
        double place = at + (double)(i % PHASES) * ADVANCE / PHASES;
        ptrdiff_t from = (ptrdiff_t)floor(place) + (ptrdiff_t)(i / PHASES * ADVANCE) - REACH + 1;
        const float *w = weights + i % PHASES * TAPS;
        double sum = 0.0;
        ptrdiff_t begin = from < 0 ? -from : 0;
        ptrdiff_t end = from + TAPS > (ptrdiff_t)n ? (ptrdiff_t)n - from : TAPS;
        for (ptrdiff_t k = begin; k < end; k++)
            sum += (double)w[k] * pcm[from + k];
        low->samples[i] = sum;
    }
}

static ut_status low_band_open(low_band *low, const float *pcm, size_t n, ut_error *err)
{
    double seconds = (double)n / UT_FORMANTS_RATE;
    low->count = (size_t)(seconds * RATE + 0.5);
    low->first = 0.5 * (seconds - (double)(low->count - 1) / RATE);
    low->samples = calloc(low->count, sizeof *low->samples);
    float *weights = calloc((size_t)PHASES * TAPS, sizeof *weights);
    if (!low->samples || !weights) {
        free(low->samples);
        free(weights);
        return ut_fail_memory(err, "formants");
    }
    resample(pcm, n, low->first * UT_FORMANTS_RATE - 0.5, weights, low);
    free(weights);
    double share = exp(-2.0 * M_PI * EMPHASIS / RATE);
    for (size_t i = low->count - 1; i > 0; i--)
        low->samples[i] -= share * low->samples[i - 1];
    return UT_OK;
}

/* A Gaussian that ends at e^-12, less that. */
static void make_taper(double *taper)
{
    double edge = exp(-12.0);
    for (int i = 0; i < WINDOW; i++) {
        double d = (i - 0.5 * (WINDOW - 1)) / (WINDOW + 1);
        taper[i] = (exp(-48.0 * d * d) - edge) / (1.0 - edge);
    }
}

static void analyse(const low_band *low, double time, const double *taper, ut_formant_frame *frame)
{
    double x[WINDOW], work[2 * WINDOW], a[POLES + 1];
    ut_lpc_formant found[POLES];
    ptrdiff_t from = (ptrdiff_t)floor((time - low->first) * RATE) + 1 - WINDOW / 2;
    for (int i = 0; i < WINDOW; i++) {
        ptrdiff_t at = from + i;
        x[i] = at < 0 || at >= (ptrdiff_t)low->count ? 0.0 : low->samples[at] * taper[i];
    }
    ut_lpc_burg(x, WINDOW, POLES, a, work);
    frame->count = ut_lpc_formants(a, POLES, RATE, MARGIN, CEILING - MARGIN, found);
    memcpy(frame->formants, found, (size_t)frame->count * sizeof *found);
}

ut_status ut_formant_track(const float *pcm, size_t n, ut_formant_frame *frames, ut_error *err)
{
    size_t count = ut_formant_frames(n);
    if (count == 0)
        return UT_OK;
    low_band low;
    double taper[WINDOW];
    UT_TRY(low_band_open(&low, pcm, n, err));
    make_taper(taper);
    for (size_t f = 0; f < count; f++)
        analyse(&low, ut_formant_time(n, f), taper, &frames[f]);
    free(low.samples);
    return UT_OK;
}
