#include "dsp/spectral.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/mel.h"
#include "dsp/mfcc.h"

enum { FRAME = UT_SPECTRAL_FRAME, POINTS = 512, BINS = POINTS / 2 + 1, BANDS = 26 };

static const float BIN_HZ = (float)UT_SPECTRAL_RATE / POINTS;
/* Below this share of the frame's mean power there is only rounding: 100 dB down. */
static const float RELATIVE_FLOOR = 1e-10f;

struct ut_spectral {
    ut_mel *mel;
    int has_last;
    float window[FRAME];
    float cosine[UT_MFCC_COUNT][BANDS]; /* DCT and lifter */
    float frame[POINTS];
    float bands[BANDS];
    float power[BINS];
    float magnitude[BINS];
    float last[BINS];
    float scratch[]; /* of the mel, which is enough for its transform alone, too */
};

ut_spectral *ut_spectral_create(void)
{
    ut_mel_options options = {.rate = UT_SPECTRAL_RATE,
                              .frame = FRAME,
                              .fft = POINTS,
                              .hop = UT_SPECTRAL_HOP,
                              .bands = BANDS,
                              .low = 20.0f,
                              .high = 8000.0f,
                              .scale = UT_MEL_HTK,
                              .window = UT_WINDOW_HAMMING,
                              .magnitude = true,
                              .emphasis = 0.97f};
    ut_mel *mel = NULL;
    ut_spectral *s = NULL;
    if (ut_mel_create(&options, &mel, NULL) == UT_OK)
        s = calloc(1, sizeof *s + ut_mel_scratch(mel) * sizeof(float));
    if (!s) {
        ut_mel_destroy(mel);
        return NULL;
    }
    s->mel = mel;
    ut_window_fill(UT_WINDOW_HANN_PERIODIC, FRAME, s->window);
    for (int c = 0; c < UT_MFCC_COUNT; c++)
        ut_mfcc_cosine((size_t)c + 1, BANDS, sqrt(2.0 / BANDS), true, s->cosine[c]);
    return s;
}

void ut_spectral_destroy(ut_spectral *spectral)
{
    if (!spectral)
        return;
    ut_mel_destroy(spectral->mel);
    free(spectral);
}

void ut_spectral_reset(ut_spectral *spectral)
{
    spectral->has_last = 0;
}

static void cepstrum(ut_spectral *s, const float *pcm, float *mfcc)
{
    ut_mel_frame(s->mel, pcm, s->bands, s->scratch);
    float top = 0.0f;
    for (int b = 0; b < BANDS; b++)
        top = fmaxf(top, s->bands[b]);
    for (int b = 0; b < BANDS; b++)
        s->bands[b] = logf(fmaxf(s->bands[b], 1e-5f * top));
    for (int c = 0; c < UT_MFCC_COUNT; c++) {
        float sum = 0.0f;
        for (int b = 0; b < BANDS; b++)
            sum += s->cosine[c][b] * s->bands[b];
        mfcc[c] = sum;
    }
}

/* Distance to the last frame's spectrum, both of unit length. */
static float flux(ut_spectral *s, double total)
{
    float factor = (float)(1.0 / sqrt(total)), sum = 0.0f;
    for (int k = 0; k < BINS; k++) {
        s->magnitude[k] = sqrtf(s->power[k]) * factor;
        float d = s->magnitude[k] - s->last[k];
        sum += d * d;
    }
    float value = s->has_last ? sqrtf(sum) : 0.0f;
    memcpy(s->last, s->magnitude, sizeof s->last);
    s->has_last = 1;
    return value;
}

/* Least squares through the power in decibels below 5 kHz; bin 0 is left out. */
static void slope_and_flatness(const float *power, double total, ut_spectral_frame *out)
{
    int top = (int)(5000.0f / BIN_HZ);
    float floor = (float)(total / BINS) * RELATIVE_FLOOR;
    double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0, logs = 0.0;
    for (int k = 1; k < BINS; k++) {
        float value = logf(fmaxf(power[k], floor));
        logs += value;
        if (k > top)
            continue;
        double khz = k * BIN_HZ / 1000.0, db = 4.3429448 * value;
        x += khz;
        y += db;
        xx += khz * khz;
        xy += khz * db;
    }
    out->slope_db_per_khz = (float)((top * xy - x * y) / (top * xx - x * x));
    double mean = (total - power[0]) / (BINS - 1);
    out->flatness = mean > 0.0 ? (float)(exp(logs / (BINS - 1)) / mean) : 0.0f;
}

static void shape(ut_spectral *s, double total, ut_spectral_frame *out)
{
    double weighted = 0.0, below = 0.0, low = 0.0, high = 0.0;
    int rolloff = -1;
    for (int k = 0; k < BINS; k++) {
        float hz = (float)k * BIN_HZ;
        weighted += (double)hz * s->power[k];
        below += s->power[k];
        if (rolloff < 0 && below >= 0.85 * total)
            rolloff = k;
        if (hz >= 50.0f && hz < 1000.0f)
            low += s->power[k];
        else if (hz >= 1000.0f && hz < 5000.0f)
            high += s->power[k];
    }
    double floor = total * (double)RELATIVE_FLOOR;
    out->centroid_hz = (float)(weighted / total);
    out->rolloff_hz = (float)(rolloff < 0 ? BINS - 1 : rolloff) * BIN_HZ;
    out->alpha_db = (float)(10.0 * log10((low + floor) / (high + floor)));
}

int ut_spectral_run(ut_spectral *spectral, const float *pcm, ut_spectral_frame *out)
{
    ut_spectral *s = spectral;
    for (int i = 0; i < FRAME; i++)
        s->frame[i] = pcm[i] * s->window[i];
    ut_fft_power(ut_mel_transform(s->mel), s->frame, s->power, s->scratch);
    double total = 0.0;
    for (int k = 0; k < BINS; k++)
        total += s->power[k];
    memset(out, 0, sizeof *out);
    if (!(total > 1e-30)) {
        s->has_last = 0;
        return 0;
    }
    out->flux = flux(s, total);
    shape(s, total, out);
    slope_and_flatness(s->power, total, out);
    cepstrum(s, pcm, out->mfcc);
    return 1;
}
