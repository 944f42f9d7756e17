/* eGeMAPS in frames of 60 ms: pitch, harmonics-to-noise ratio, the harmonics' heights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/egemaps_internal.h"
#include "dsp/fft.h"
#include "dsp/shs.h"

enum {
    FRAME = UT_GEMAPS_LONG,
    POINTS = UT_GEMAPS_LONG_FFT,
    BINS = POINTS / 2 + 1,
    HARMONICS = 100,
    LANES = 4, /* frames that are transformed at a time */
};

static const double BIN_HZ = 16000.0 / POINTS;
static const double SIGMA = 0.4;
/* Windowed frames below -60 dB of full scale are unvoiced, as openSMILE has it. Where that would
 * leave nothing, since the loudest frame is below -54 dB, they are so from 26 dB under that frame,
 * and quiet recordings keep their pitch. */
static const float QUIET = 0.001f, LOUD = 0.002f, QUIET_SHARE = 0.05f;

typedef struct analyser {
    const float *pcm;
    ut_fft *fft;
    ut_shs *shs;
    ut_gemaps_short *formants;
    float *window; /* [FRAME], and all that follows in one allocation */
    float *frame;  /* [POINTS][LANES] */
    float *power;  /* [BINS][LANES] */
    float *re, *im, *magnitude, *correlation, *scratch;
} analyser;

static void analyser_close(analyser *a)
{
    ut_gemaps_short_destroy(a->formants);
    ut_shs_destroy(a->shs);
    ut_fft_destroy(a->fft);
    free(a->window);
}

static ut_status analyser_open(analyser *a, const float *pcm, ut_error *err)
{
    *a = (analyser){.pcm = pcm,
                    .fft = ut_fft_create(POINTS),
                    .shs = ut_shs_create(),
                    .formants = ut_gemaps_short_create()};
    size_t scratch = a->fft ? LANES * ut_fft_scratch(a->fft) : 0;
    a->window = calloc(FRAME + (LANES + 1) * POINTS + (LANES + 3) * BINS + scratch, sizeof(float));
    if (!a->fft || !a->shs || !a->formants || !a->window)
        return ut_fail_memory(err, "egemaps");
    a->frame = a->window + FRAME;
    a->correlation = a->frame + LANES * POINTS;
    a->power = a->correlation + POINTS;
    a->re = a->power + LANES * BINS;
    a->im = a->re + BINS;
    a->magnitude = a->im + BINS;
    a->scratch = a->magnitude + BINS;
    for (int i = 0; i < FRAME; i++) {
        double at = (i - (FRAME - 1) / 2.0) / (SIGMA * (FRAME - 1) / 2.0);
        a->window[i] = (float)exp(-0.5 * at * at);
    }
    return UT_OK;
}

/* Writes the windowed frame to every `stride`th float; returns the root of its mean square. */
static float cut(analyser *a, size_t frame, size_t stride, float *out)
{
    const float *x = a->pcm + frame * UT_GEMAPS_HOP;
    float power = 0.0f;
    for (int i = 0; i < FRAME; i++) {
        float value = x[i] * a->window[i];
        out[(size_t)i * stride] = value;
        power += value * value;
    }
    return sqrtf(power / FRAME);
}

static void take_magnitude(analyser *a, size_t stride, const float *power)
{
    for (size_t k = 0; k < BINS; k++)
        a->magnitude[k] = sqrtf(power[k * stride]);
}

static void transform(analyser *a, size_t frame)
{
    (void)cut(a, frame, 1, a->frame);
    memset(a->frame + FRAME, 0, (POINTS - FRAME) * sizeof *a->frame);
    ut_fft_power(a->fft, a->frame, a->power, a->scratch);
    take_magnitude(a, 1, a->power);
}

static bool is_peak(const float *y, int k)
{
    return y[k] > y[k - 1] && y[k] > y[k + 1];
}

/* Power at the peak of the autocorrelation nearest to the period, against the rest. */
static float harmonicity(analyser *a, float hz)
{
    for (int k = 0; k < BINS; k++) {
        a->re[k] = a->magnitude[k] * a->magnitude[k];
        a->im[k] = 0.0f;
    }
    ut_fft_inverse(a->fft, a->re, a->im, a->correlation, a->scratch);
    const float *r = a->correlation;
    int centre = (int)lrintf((float)UT_EGEMAPS_RATE / hz), lag = centre;
    for (int step = 0; step < centre && centre + step + 1 < POINTS / 2; step++) {
        if (is_peak(r, centre + step)) {
            lag = centre + step;
            break;
        }
        if (is_peak(r, centre - step)) {
            lag = centre - step;
            break;
        }
    }
    float periodic = fmaxf(r[lag], 1e-9f * r[0]), rest = fmaxf(r[0] - r[lag], 1e-9f * r[0]);
    return r[0] > 0.0f ? 10.0f * log10f(periodic / rest) : 0.0f;
}

typedef struct harmonic {
    float bin, db; /* where it was found, and how high against the first */
} harmonic;

/* The top of the parabola through a peak. */
static float parabola(const float *y, int k, float *bin)
{
    float bend = y[k - 1] - 2.0f * y[k] + y[k + 1], slope = 0.5f * (y[k - 1] - y[k + 1]);
    float shift = bend < 0.0f ? slope / bend : 0.0f;
    *bin = (float)k + shift;
    return y[k] - 0.5f * slope * shift;
}

/* Harmonics 1, 2 ... of `hz`: each is the peak nearest to the bin where it belongs, of two the
 * higher one (a parabola through it, but for the first), or what is there when there is no peak
 * within half the fundamental. Returns how many there are. */
static int measure_harmonics(const analyser *a, float hz, harmonic *harmonics)
{
    const float *y = a->magnitude;
    float first = 0.0f;
    int count = 0;
    for (; count < HARMONICS; count++) {
        double at = (count + 1) * (double)hz / BIN_HZ, reach = 0.5 * (double)hz / BIN_HZ;
        if (at >= BINS - 1)
            break;
        int low = (int)ceil(at - reach), high = (int)floor(at + reach), best = -1;
        int centre = (int)lrint(at);
        for (int k = low > 1 ? low : 1; k <= high && k + 1 < BINS; k++)
            if (is_peak(y, k) && (best < 0 || abs(k - centre) <= abs(best - centre)))
                best = k;
        harmonic *h = &harmonics[count];
        h->bin = (float)at;
        float height = best < 0 ? y[centre] : parabola(y, best, &h->bin);
        if (count == 0) {
            height = best < 0 ? height : y[best];
            first = fmaxf(height, 1e-12f);
        }
        h->db = 20.0f * log10f(fmaxf(height, 1e-12f) / first);
    }
    return count;
}

/* The highest harmonic within 20 % of the formant; 0 dB if there is none. */
static float formant_amplitude(const harmonic *harmonics, int count, float formant)
{
    float low = 0.8f * formant / (float)BIN_HZ, high = 1.2f * formant / (float)BIN_HZ;
    float top = -INFINITY;
    for (int h = 0; h < count; h++)
        if (harmonics[h].bin >= low && harmonics[h].bin <= high)
            top = fmaxf(top, harmonics[h].db);
    return isinf(top) ? 0.0f : top;
}

/* openSMILE counts harmonics from 0, so that its H1 and H2 are the second and third. */
static void measure_voice(analyser *a, size_t f, ut_gemaps_contours *c)
{
    harmonic h[HARMONICS];
    float hz = c->hz[f];
    float *rows = c->long_rows;
    size_t n = c->frames;
#define ROW(descriptor) rows[(size_t)((descriptor)-SHORT_DESCRIPTORS) * n + f]
    for (int i = 0; i < UT_GEMAPS_FORMANTS; i++)
        ROW(FORMANT_1 + 3 * i + 2) = UT_GEMAPS_NO_AMPLITUDE;
    if (hz == 0.0f)
        return;
    transform(a, f);
    ROW(F0) = 12.0f * log2f(hz / 27.5f);
    ROW(HNR) = harmonicity(a, hz);
    int count = measure_harmonics(a, hz, h);
    ROW(H1_H2) = count > 2 ? h[1].db - h[2].db : 0.0f;
    for (int i = 0; i < UT_GEMAPS_FORMANTS; i++) {
        float formant = ROW(FORMANT_1 + 3 * i);
        if (formant > 0.0f)
            ROW(FORMANT_1 + 3 * i + 2) = formant_amplitude(h, count, formant);
    }
    ROW(H1_A3) = count > 1 ? h[1].db - ROW(FORMANT_1 + 8) : 0.0f;
}

static void measure_formants(analyser *a, size_t f, ut_gemaps_contours *c)
{
    ut_gemaps_formants formants;
    float *rows = c->long_rows;
    size_t n = c->frames;
    ut_gemaps_short_formants(a->formants, a->pcm + f * UT_GEMAPS_HOP, &formants);
    for (int i = 0; i < UT_GEMAPS_FORMANTS; i++) {
        ROW(FORMANT_1 + 3 * i) = formants.hz[i];
        ROW(FORMANT_1 + 3 * i + 1) = formants.bandwidth[i];
    }
#undef ROW
}

static ut_status find_pitch(analyser *a, ut_gemaps_contours *c, ut_error *err)
{
    ut_shs_frame *candidates = calloc(c->frames, sizeof *candidates);
    float *level = calloc(c->frames, sizeof *level), top = 0.0f;
    ut_status status = candidates && level ? UT_OK : ut_fail_memory(err, "egemaps");
    for (size_t f = 0; status == UT_OK && f < c->frames; f += LANES) {
        size_t count = c->frames - f < LANES ? c->frames - f : LANES;
        for (size_t i = 0; i < count; i++) {
            level[f + i] = cut(a, f + i, LANES, a->frame + i);
            top = level[f + i] > top ? level[f + i] : top;
        }
        ut_fft_power4(a->fft, a->frame, a->power, a->scratch);
        for (size_t i = 0; i < count; i++) {
            take_magnitude(a, LANES, a->power + i);
            ut_shs_run(a->shs, a->magnitude, &candidates[f + i]);
        }
    }
    if (status == UT_OK)
        status = ut_shs_path(candidates, c->frames, c->hz, err);
    float quiet = top < LOUD ? QUIET_SHARE * top : QUIET;
    for (size_t f = 0; status == UT_OK && f < c->frames; f++)
        if (level[f] < quiet)
            c->hz[f] = 0.0f;
    free(candidates);
    free(level);
    return status;
}

ut_status ut_gemaps_long_run(const float *pcm, size_t n, bool every_formant,
                             ut_gemaps_contours *contours, ut_error *err)
{
    analyser a;
    ut_status status = analyser_open(&a, pcm, err);
    if (status == UT_OK)
        status = find_pitch(&a, contours, err);
    for (size_t f = 0; status == UT_OK && f < contours->frames; f++) {
        if (every_formant || contours->hz[f] > 0.0f)
            measure_formants(&a, f, contours);
        measure_voice(&a, f, contours);
    }
    if (status == UT_OK)
        ut_gemaps_periods(pcm, n, contours->hz, contours->frames,
                          contours->long_rows + (JITTER - SHORT_DESCRIPTORS) * contours->frames,
                          contours->long_rows + (SHIMMER - SHORT_DESCRIPTORS) * contours->frames);
    analyser_close(&a);
    return status;
}
