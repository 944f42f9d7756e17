#include "dsp/egemaps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/egemaps_internal.h"

static const size_t LONGEST = (size_t)600 * UT_EGEMAPS_RATE;
static const float LOUDEST = 1e9f; /* powers of more might not fit */

static const char *const DESCRIPTORS[UT_EGEMAPS_DESCRIPTORS] = {
    "Loudness_sma3",
    "alphaRatio_sma3",
    "hammarbergIndex_sma3",
    "slope0-500_sma3",
    "slope500-1500_sma3",
    "spectralFlux_sma3",
    "mfcc1_sma3",
    "mfcc2_sma3",
    "mfcc3_sma3",
    "mfcc4_sma3",
    "F0semitoneFrom27.5Hz_sma3nz",
    "jitterLocal_sma3nz",
    "shimmerLocaldB_sma3nz",
    "HNRdBACF_sma3nz",
    "logRelF0-H1-H2_sma3nz",
    "logRelF0-H1-A3_sma3nz",
    "F1frequency_sma3nz",
    "F1bandwidth_sma3nz",
    "F1amplitudeLogRelF0_sma3nz",
    "F2frequency_sma3nz",
    "F2bandwidth_sma3nz",
    "F2amplitudeLogRelF0_sma3nz",
    "F3frequency_sma3nz",
    "F3bandwidth_sma3nz",
    "F3amplitudeLogRelF0_sma3nz",
};

const char *ut_egemaps_descriptor_name(size_t index)
{
    return index < UT_EGEMAPS_DESCRIPTORS ? DESCRIPTORS[index] : NULL;
}

size_t ut_egemaps_frames(size_t n)
{
    return n < UT_EGEMAPS_SHORTEST ? 0 : (n - UT_EGEMAPS_SHORTEST) / UT_GEMAPS_HOP + 1;
}

static ut_status check(const float *pcm, size_t n, ut_error *err)
{
    if (n < UT_EGEMAPS_SHORTEST)
        return ut_fail(err, UT_ERR_FORMAT, "egemaps",
                       "%.0f ms of sound are less than the 60 ms that eGeMAPS needs",
                       1000.0 * (double)n / UT_EGEMAPS_RATE);
    if (n > LONGEST)
        return ut_fail(err, UT_ERR_LIMIT, "egemaps",
                       "an utterance of %.0f s is longer than 600 s; cut it",
                       (double)n / UT_EGEMAPS_RATE);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(pcm[i]) <= LOUDEST))
            return ut_fail(err, UT_ERR_FORMAT, "egemaps",
                           "sample %zu is %g, and sound is -1 .. 1; decode the recording again", i,
                           (double)pcm[i]);
    return UT_OK;
}

static ut_status measure_short(const float *pcm, ut_gemaps_contours *c, ut_error *err)
{
    ut_gemaps_short *s = ut_gemaps_short_create();
    if (!s)
        return ut_fail_memory(err, "egemaps");
    for (size_t f = 0; f < c->short_frames; f++) {
        const float *x = pcm + f * UT_GEMAPS_HOP;
        float values[SHORT_DESCRIPTORS];
        double power = 0.0;
        ut_gemaps_short_run(s, x, values);
        for (int d = 0; d < SHORT_DESCRIPTORS; d++)
            c->short_rows[(size_t)d * c->short_frames + f] = values[d];
        for (int i = 0; i < UT_GEMAPS_SHORT; i++)
            power += (double)x[i] * x[i];
        c->power += power / UT_GEMAPS_SHORT;
    }
    c->power /= (double)c->short_frames;
    ut_gemaps_short_destroy(s);
    return UT_OK;
}

/* *memory holds all contours and `extra` floats behind them. */
static ut_status measure(const float *pcm, size_t n, bool every_formant, size_t extra,
                         ut_gemaps_contours *c, float **memory, ut_error *err)
{
    UT_TRY(check(pcm, n, err));
    *c = (ut_gemaps_contours){.short_frames = (n - UT_GEMAPS_SHORT) / UT_GEMAPS_HOP + 1,
                              .frames = ut_egemaps_frames(n)};
    size_t rows = SHORT_DESCRIPTORS * c->short_frames + (LONG_DESCRIPTORS + 1) * c->frames;
    *memory = calloc(rows + extra * c->short_frames, sizeof **memory);
    if (!*memory)
        return ut_fail_memory(err, "egemaps");
    c->short_rows = *memory;
    c->long_rows = c->short_rows + SHORT_DESCRIPTORS * c->short_frames;
    c->hz = c->long_rows + LONG_DESCRIPTORS * c->frames;
    ut_status status = measure_short(pcm, c, err);
    if (status == UT_OK)
        status = ut_gemaps_long_run(pcm, n, every_formant, c, err);
    if (status != UT_OK)
        free(*memory);
    return status;
}

ut_status ut_egemaps_functionals(const float *pcm, size_t n, float *values, ut_error *err)
{
    ut_gemaps_contours c;
    float *memory;
    UT_TRY(measure(pcm, n, false, 2, &c, &memory, err));
    ut_gemaps_functionals(&c, c.hz + c.frames, values);
    free(memory);
    return UT_OK;
}

ut_status ut_egemaps_descriptors(const float *pcm, size_t n, float *rows, ut_error *err)
{
    ut_gemaps_contours c;
    float *memory;
    UT_TRY(measure(pcm, n, true, 1, &c, &memory, err));
    float *smooth = c.hz + c.frames;
    for (int d = 0; d < UT_EGEMAPS_DESCRIPTORS; d++) {
        bool is_short = d < SHORT_DESCRIPTORS;
        const float *contour = is_short ? c.short_rows + (size_t)d * c.short_frames
                                        : c.long_rows + (size_t)(d - SHORT_DESCRIPTORS) * c.frames;
        ut_gemaps_smooth(contour, is_short ? c.short_frames : c.frames, !is_short, smooth);
        for (size_t f = 0; f < c.frames; f++)
            rows[f * UT_EGEMAPS_DESCRIPTORS + (size_t)d] = smooth[f];
    }
    free(memory);
    return UT_OK;
}
