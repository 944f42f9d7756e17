/* eGeMAPS in frames of 20 ms: loudness, the spectrum's balance and shape, cepstrum, formants. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/egemaps_internal.h"
#include "dsp/fft.h"
#include "dsp/lpc.h"
#include "dsp/mel.h"
#include "dsp/mfcc.h"
#include "nn/ops.h"

enum {
    FRAME = UT_GEMAPS_SHORT,
    POINTS = UT_GEMAPS_SHORT_FFT,
    BINS = POINTS / 2 + 1,
    BEFORE = (POINTS - FRAME) / 2, /* zeros in front of the frame: openSMILE centres it */
    BANDS = 26,
    CEPSTRA = 4,
    ORDER = 11,
    LPC_RATE = 11000,
    LPC_POINTS = 352, /* of the inverse transform: 512 / 16000 s at 11 kHz */
    LPC_FRAME = 220,  /* 20 ms of it */
    LPC_BINS = 110,   /* below 3.4 kHz */
    FLUX_BINS = 160,  /* below 5 kHz */
    HZ_1000 = 32,     /* bins */
    HZ_2000 = 64,
    HZ_5000 = 160,
    FIRST_MEL_BIN = 2,
};

static const double BIN_HZ = 16000.0 / POINTS;
static const double COMPRESSION = 0.33;
/* Of band powers, and of the power spectrum: what openSMILE gives for digital silence. */
static const float BAND_FLOOR = 1e-9f, POWER_FLOOR = 1e-14f;

struct ut_gemaps_short {
    ut_fft *resample;
    ut_mel *mel;
    int has_last;
    float window[FRAME];
    float hearing[BANDS];         /* factor of a band's compressed power */
    float cosine[CEPSTRA][BANDS]; /* and lifter */
    float frame[POINTS];
    float re[BINS], im[BINS], power[BINS], magnitude[BINS], last[BINS];
    float narrow[LPC_POINTS];
    float scratch[]; /* of the larger transform */
};

/* Equal loudness after H. Hermansky, "Perceptual linear predictive (PLP) analysis of speech"
 * (1990), with a steeper fall above 4.6 kHz than the one printed there; scale, corner and order
 * were fitted to openSMILE's loudness of 30 recordings (largest residue 0.02 % of the loudness). */
static double equal_loudness(double hz)
{
    double w2 = 4.0 * M_PI * M_PI * hz * hz;
    double low = (w2 + 56.8e6) * w2 * w2 / ((w2 + 6.3e6) * (w2 + 6.3e6) * (w2 + 0.38e9));
    return low / (1.0 + pow(hz / 4607.575, 7.0105));
}

static void prepare_bands(ut_gemaps_short *s)
{
    double low = log1p(20.0 / 700.0), step = (log1p(8000.0 / 700.0) - low) / (BANDS + 1);
    for (int b = 0; b < BANDS; b++) {
        double hz = 700.0 * expm1(low + (b + 1) * step);
        s->hearing[b] = (float)(0.06901881 * pow(equal_loudness(hz), COMPRESSION));
    }
    for (int c = 1; c <= CEPSTRA; c++)
        ut_mfcc_cosine((size_t)c, BANDS, sqrt(2.0 / BANDS), true, s->cosine[c - 1]);
}

ut_gemaps_short *ut_gemaps_short_create(void)
{
    ut_mel_options options = {.rate = UT_EGEMAPS_RATE,
                              .frame = FRAME,
                              .fft = POINTS,
                              .hop = UT_GEMAPS_HOP,
                              .bands = BANDS,
                              .low = 20.0f,
                              .high = 8000.0f,
                              .scale = UT_MEL_HTK,
                              .warped = true,
                              .window = UT_WINDOW_HAMMING};
    ut_fft *resample = ut_fft_create(LPC_POINTS);
    ut_mel *mel = NULL;
    ut_gemaps_short *s = NULL;
    if (resample && ut_mel_create(&options, &mel, NULL) == UT_OK) {
        size_t one = ut_fft_scratch(ut_mel_transform(mel)), other = ut_fft_scratch(resample);
        s = calloc(1, sizeof *s + (one > other ? one : other) * sizeof(float));
    }
    if (!s) {
        ut_mel_destroy(mel);
        ut_fft_destroy(resample);
        return NULL;
    }
    s->resample = resample;
    s->mel = mel;
    ut_window_fill(UT_WINDOW_HAMMING, FRAME, s->window);
    prepare_bands(s);
    return s;
}

void ut_gemaps_short_destroy(ut_gemaps_short *s)
{
    if (!s)
        return;
    ut_mel_destroy(s->mel);
    ut_fft_destroy(s->resample);
    free(s);
}

static void transform(ut_gemaps_short *s, const float *pcm)
{
    for (int i = 0; i < FRAME; i++)
        s->frame[BEFORE + i] = pcm[i] * s->window[i];
    ut_fft_forward(ut_mel_transform(s->mel), s->frame, s->re, s->im, s->scratch);
}

static float sum_of(const float *x, int from, int to)
{
    double sum = 0.0;
    for (int k = from; k < to; k++)
        sum += x[k];
    return (float)sum;
}

static float top_of(const float *x, int from, int to)
{
    float top = 0.0f;
    for (int k = from; k < to; k++)
        top = fmaxf(top, x[k]);
    return top;
}

static float ratio_db(float a, float b)
{
    return a > 0.0f && b > 0.0f ? 10.0f * log10f(a / b) : 0.0f;
}

/* Least squares through the power in dB of the bins first .. last. The number of points that
 * openSMILE puts into the formula is the width of the band in bins, one less than there are: the
 * line is a little too steep, and moves with the level by 0.0008 dB/Hz per dB. */
static float slope(const float *db, int first, int last)
{
    double n = last - first, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (int k = first; k <= last; k++) {
        double hz = k * BIN_HZ;
        x += hz;
        y += db[k];
        xx += hz * hz;
        xy += hz * db[k];
    }
    return (float)((n * xy - x * y) / (n * xx - x * x));
}

static float flux(ut_gemaps_short *s)
{
    double sum = 0.0;
    for (int k = 0; k < FLUX_BINS; k++) {
        float d = s->magnitude[k] - s->last[k];
        sum += (double)d * d;
    }
    memcpy(s->last, s->magnitude, sizeof s->last);
    float value = s->has_last ? (float)sqrt(sum / FLUX_BINS) : 0.0f;
    s->has_last = 1;
    return value;
}

static void loudness_and_cepstrum(ut_gemaps_short *s, float *values)
{
    float bands[BANDS], loudness = 0.0f;
    memset(s->power, 0, FIRST_MEL_BIN * sizeof *s->power);
    ut_mel_apply(s->mel, s->power, bands);
    for (int b = 0; b < BANDS; b++) {
        bands[b] = logf(fmaxf(bands[b], BAND_FLOOR));
        loudness += s->hearing[b] * expf((float)COMPRESSION * bands[b]);
    }
    values[LOUDNESS] = loudness;
    for (int c = 0; c < CEPSTRA; c++)
        values[MFCC_1 + c] = ut_dot(s->cosine[c], bands, BANDS);
}

void ut_gemaps_short_run(ut_gemaps_short *s, const float *pcm, float *values)
{
    float db[HZ_2000];
    transform(s, pcm);
    for (int k = 0; k < BINS; k++) {
        s->power[k] = s->re[k] * s->re[k] + s->im[k] * s->im[k];
        s->magnitude[k] = sqrtf(s->power[k]);
    }
    for (int k = 0; k < HZ_2000; k++)
        db[k] = 10.0f * log10f(fmaxf(s->power[k], POWER_FLOOR));
    values[ALPHA_RATIO] =
        ratio_db(sum_of(s->power, HZ_1000, HZ_5000 + 1), sum_of(s->power, 0, HZ_1000));
    values[HAMMARBERG] =
        ratio_db(top_of(s->power, 0, HZ_2000), top_of(s->power, HZ_2000, HZ_5000 + 1));
    values[SLOPE_LOW] = slope(db, 0, 16);
    values[SLOPE_HIGH] = slope(db, 16, 48);
    values[FLUX] = flux(s);
    loudness_and_cepstrum(s, values);
}

/* ------------------------------------------------------------------------------- formants */

/* Linear prediction of the frame at 11 kHz. Three of openSMILE's ways are kept, without which the
 * values are other ones: only bins below 3.4 kHz go back into the time domain (the lowest counts
 * twice), of 20 ms that begin 6 ms before the frame, and the polynomial whose roots are taken has
 * the predictor's coefficients with their signs turned. */
static void predictor(ut_gemaps_short *s, const float *pcm, double *a)
{
    transform(s, pcm);
    memset(s->re + LPC_BINS, 0, (LPC_POINTS / 2 + 1 - LPC_BINS) * sizeof *s->re);
    memset(s->im + LPC_BINS, 0, (LPC_POINTS / 2 + 1 - LPC_BINS) * sizeof *s->im);
    s->re[0] *= 2.0f;
    ut_fft_inverse(s->resample, s->re, s->im, s->narrow, s->scratch);
    double r[ORDER + 1];
    for (int lag = 0; lag <= ORDER; lag++)
        r[lag] = (double)ut_dot(s->narrow, s->narrow + lag, (size_t)(LPC_FRAME - lag));
    ut_lpc_levinson(r, ORDER, a);
    for (int i = 1; i <= ORDER; i++)
        a[i] = -a[i];
}

void ut_gemaps_short_formants(ut_gemaps_short *s, const float *pcm, ut_gemaps_formants *formants)
{
    double a[ORDER + 1];
    ut_lpc_formant found[ORDER];
    predictor(s, pcm, a);
    int count = ut_lpc_formants(a, ORDER, LPC_RATE, 50.0, 5450.0, found);
    memset(formants, 0, sizeof *formants);
    for (int i = 0; i < count && i < UT_GEMAPS_FORMANTS; i++) {
        formants->hz[i] = (float)found[i].hz;
        formants->bandwidth[i] = (float)found[i].bandwidth;
    }
}
