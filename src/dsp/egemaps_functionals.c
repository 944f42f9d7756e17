/* eGeMAPS: 88 functionals of the contours. */
#include <math.h>
#include <string.h>

#include "dsp/egemaps_internal.h"
#include "dsp/functionals.h"

static const double HOP = 0.01;
static const size_t SHORTEST_SEGMENT = 3;

#define MEAN_AND_NORM(name) name "_amean", name "_stddevNorm"
#define CONTOUR_STATISTICS(name)                                                                   \
    MEAN_AND_NORM(name), name "_percentile20.0", name "_percentile50.0", name "_percentile80.0",   \
        name "_pctlrange0-2", name "_meanRisingSlope", name "_stddevRisingSlope",                  \
        name "_meanFallingSlope", name "_stddevFallingSlope"

static const char *const FUNCTIONALS[UT_EGEMAPS_FUNCTIONALS] = {
    CONTOUR_STATISTICS("F0semitoneFrom27.5Hz_sma3nz"),
    CONTOUR_STATISTICS("loudness_sma3"),
    MEAN_AND_NORM("spectralFlux_sma3"),
    MEAN_AND_NORM("mfcc1_sma3"),
    MEAN_AND_NORM("mfcc2_sma3"),
    MEAN_AND_NORM("mfcc3_sma3"),
    MEAN_AND_NORM("mfcc4_sma3"),
    MEAN_AND_NORM("jitterLocal_sma3nz"),
    MEAN_AND_NORM("shimmerLocaldB_sma3nz"),
    MEAN_AND_NORM("HNRdBACF_sma3nz"),
    MEAN_AND_NORM("logRelF0-H1-H2_sma3nz"),
    MEAN_AND_NORM("logRelF0-H1-A3_sma3nz"),
    MEAN_AND_NORM("F1frequency_sma3nz"),
    MEAN_AND_NORM("F1bandwidth_sma3nz"),
    MEAN_AND_NORM("F1amplitudeLogRelF0_sma3nz"),
    MEAN_AND_NORM("F2frequency_sma3nz"),
    MEAN_AND_NORM("F2bandwidth_sma3nz"),
    MEAN_AND_NORM("F2amplitudeLogRelF0_sma3nz"),
    MEAN_AND_NORM("F3frequency_sma3nz"),
    MEAN_AND_NORM("F3bandwidth_sma3nz"),
    MEAN_AND_NORM("F3amplitudeLogRelF0_sma3nz"),
    MEAN_AND_NORM("alphaRatioV_sma3nz"),
    MEAN_AND_NORM("hammarbergIndexV_sma3nz"),
    MEAN_AND_NORM("slopeV0-500_sma3nz"),
    MEAN_AND_NORM("slopeV500-1500_sma3nz"),
    MEAN_AND_NORM("spectralFluxV_sma3nz"),
    MEAN_AND_NORM("mfcc1V_sma3nz"),
    MEAN_AND_NORM("mfcc2V_sma3nz"),
    MEAN_AND_NORM("mfcc3V_sma3nz"),
    MEAN_AND_NORM("mfcc4V_sma3nz"),
    "alphaRatioUV_sma3nz_amean",
    "hammarbergIndexUV_sma3nz_amean",
    "slopeUV0-500_sma3nz_amean",
    "slopeUV500-1500_sma3nz_amean",
    "spectralFluxUV_sma3nz_amean",
    "loudnessPeaksPerSec",
    "VoicedSegmentsPerSec",
    "MeanVoicedSegmentLengthSec",
    "StddevVoicedSegmentLengthSec",
    "MeanUnvoicedSegmentLength",
    "StddevUnvoicedSegmentLength",
    "equivalentSoundLevel_dBp",
};

const char *ut_egemaps_functional_name(size_t index)
{
    return index < UT_EGEMAPS_FUNCTIONALS ? FUNCTIONALS[index] : NULL;
}

void ut_gemaps_smooth(const float *x, size_t n, bool skip, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0.0f;
        int count = 0;
        for (int q = -1; q <= 1; q++) {
            size_t at = q < 0 && i == 0 ? 0 : i + (size_t)(q + 1) - 1;
            float value = x[at < n ? at : n - 1];
            if (skip && value == 0.0f)
                continue;
            sum += value;
            count++;
        }
        out[i] = count && !(skip && x[i] == 0.0f) ? sum / (float)count : 0.0f;
    }
}

/* Where the values go, one after the other, and the two scratch contours. */
typedef struct writer {
    const ut_gemaps_contours *c;
    float *gated, *smooth;
    float *values;
    size_t at;
} writer;

static void put(writer *w, double value)
{
    w->values[w->at++] = (float)value;
}

static size_t drop_zeros(float *x, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0.0f)
            x[kept++] = x[i];
    return kept;
}

static const float *short_row(const writer *w, int descriptor)
{
    return w->c->short_rows + (size_t)descriptor * w->c->short_frames;
}

static const float *long_row(const writer *w, int descriptor)
{
    return w->c->long_rows + (size_t)(descriptor - SHORT_DESCRIPTORS) * w->c->frames;
}

static void put_mean(writer *w, size_t n, bool norm)
{
    ut_moments m = ut_moments_of(w->smooth, n);
    put(w, m.mean);
    if (norm)
        put(w, ut_coefficient_of_variation(m));
}

/* The ten of pitch and loudness, of smooth[n]; returns the number of peaks. */
static size_t put_contour(writer *w, size_t n)
{
    ut_slopes slopes = ut_slopes_of(w->smooth, n, HOP);
    put_mean(w, n, true);
    ut_sort(w->smooth, n);
    double low = ut_quantile(w->smooth, n, 0.2), high = ut_quantile(w->smooth, n, 0.8);
    put(w, low);
    put(w, ut_quantile(w->smooth, n, 0.5));
    put(w, high);
    put(w, high - low);
    put(w, slopes.rising.mean);
    put(w, slopes.rising.deviation);
    put(w, slopes.falling.mean);
    put(w, slopes.falling.deviation);
    return slopes.peaks;
}

/* Of voiced frames alone, or of the others but the last. */
static void put_gated(writer *w, const float *row, bool voiced)
{
    size_t n = w->c->frames - !voiced;
    for (size_t f = 0; f < n; f++)
        w->gated[f] = (w->c->hz[f] > 0.0f) == voiced ? row[f] : 0.0f;
    ut_gemaps_smooth(w->gated, n, true, w->smooth);
    put_mean(w, drop_zeros(w->smooth, n), voiced);
}

static void put_long(writer *w, int descriptor)
{
    size_t n = w->c->frames;
    ut_gemaps_smooth(long_row(w, descriptor), n, true, w->smooth);
    put_mean(w, drop_zeros(w->smooth, n), true);
}

/* Lengths of the stretches of three frames and more that are voiced (or not), one frame less than
 * they have; a gap of one frame in a voice is none. openSMILE leaves the last frames out. */
static void put_segments(writer *w, bool voiced, bool rate)
{
    const float *hz = w->c->hz;
    size_t left_out = voiced ? 2 : 1, n = w->c->frames > left_out ? w->c->frames - left_out : 0;
    size_t count = 0, begin = 0, end = 0; /* of the stretch at hand */
    for (size_t f = 0; f <= n; f++) {
        if (f < n && (hz[f] > 0.0f) == voiced) {
            begin = end && (f == end || (voiced && f == end + 1)) ? begin : f;
            end = f + 1;
        } else if (end && (f == n || !voiced || f > end)) {
            if (end - begin >= SHORTEST_SEGMENT)
                w->smooth[count++] = (float)(HOP * (double)(end - begin - 1));
            end = 0;
        }
    }
    ut_moments m = ut_moments_of(w->smooth, count);
    double seconds = HOP * (double)(w->c->frames - 1);
    if (rate)
        put(w, seconds > 0.0 ? (double)count / seconds : 0.0);
    put(w, m.mean);
    put(w, m.deviation);
}

void ut_gemaps_functionals(const ut_gemaps_contours *contours, float *scratch, float *values)
{
    writer w = {contours, scratch, scratch + contours->short_frames, values, 0};
    ut_gemaps_smooth(long_row(&w, F0), contours->frames, true, w.smooth);
    put_contour(&w, drop_zeros(w.smooth, contours->frames));
    ut_gemaps_smooth(short_row(&w, LOUDNESS), contours->short_frames, false, w.smooth);
    size_t peaks = put_contour(&w, contours->short_frames);
    for (int d = FLUX; d <= MFCC_4; d++) {
        ut_gemaps_smooth(short_row(&w, d), contours->short_frames, false, w.smooth);
        put_mean(&w, contours->short_frames, true);
    }
    for (int d = JITTER; d <= H1_A3; d++)
        put_long(&w, d);
    for (int i = 0; i < UT_GEMAPS_FORMANTS; i++) {
        put_gated(&w, long_row(&w, FORMANT_1 + 3 * i), true);
        put_gated(&w, long_row(&w, FORMANT_1 + 3 * i + 1), true);
        put_long(&w, FORMANT_1 + 3 * i + 2);
    }
    for (int d = ALPHA_RATIO; d <= MFCC_4; d++)
        put_gated(&w, short_row(&w, d), true);
    for (int d = ALPHA_RATIO; d <= FLUX; d++)
        put_gated(&w, short_row(&w, d), false);
    put(&w, (double)peaks / (HOP * (double)contours->short_frames));
    put_segments(&w, true, true);
    put_segments(&w, false, false);
    put(&w, 10.0 * log10(fmax(contours->power, 1e-12)));
}
