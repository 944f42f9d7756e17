#include "models/vad_small/logmel.h"

#include <math.h>
#include <string.h>

enum { BINS = UT_LOGMEL_FFT / 2 + 1 };

static const double PI = 3.14159265358979323846;

static double mel_of(double hertz)
{
    return 2595.0 * log10(1.0 + hertz / 700.0);
}

static double hertz_of(double mel)
{
    return 700.0 * (pow(10.0, mel / 2595.0) - 1.0);
}

static void init_filter(ut_logmel *tables, int band)
{
    const double low = mel_of(60.0);
    const double step = (mel_of(7600.0) - low) / (UT_LOGMEL_BANDS + 1);
    const double left = hertz_of(low + step * band);
    const double centre = hertz_of(low + step * (band + 1));
    const double right = hertz_of(low + step * (band + 2));
    tables->first[band] = BINS;
    tables->last[band] = -1;
    for (int bin = 0; bin < BINS; bin++) {
        const double hertz = bin * 16000.0 / UT_LOGMEL_FFT;
        const double rise = (hertz - left) / (centre - left);
        const double fall = (right - hertz) / (right - centre);
        const double weight = fmax(0.0, fmin(rise, fall));
        tables->filters[band][bin] = (float)weight;
        if (weight > 0.0) {
            if (tables->first[band] > bin)
                tables->first[band] = bin;
            tables->last[band] = bin;
        }
    }
}

void ut_logmel_init(ut_logmel *tables)
{
    for (int i = 0; i < UT_LOGMEL_FRAME; i++)
        tables->window[i] = (float)(0.5 - 0.5 * cos(2.0 * PI * i / UT_LOGMEL_FRAME));
    for (int i = 0; i < UT_LOGMEL_FFT / 2; i++) {
        tables->cosine[i] = (float)cos(2.0 * PI * i / UT_LOGMEL_FFT);
        tables->sine[i] = (float)-sin(2.0 * PI * i / UT_LOGMEL_FFT);
    }
    for (int band = 0; band < UT_LOGMEL_BANDS; band++)
        init_filter(tables, band);
}

/* Decimation in frequency, results in bit-reversed order. Two real frames would fit one complex
 * transform; at 25 kflop a frame it is not worth the bookkeeping. */
static void transform(const ut_logmel *tables, float *re, float *im)
{
    for (int half = UT_LOGMEL_FFT / 2, stride = 1; half > 0; half /= 2, stride *= 2) {
        for (int base = 0; base < UT_LOGMEL_FFT; base += 2 * half) {
            for (int i = 0; i < half; i++) {
                const int a = base + i, b = a + half;
                const float c = tables->cosine[i * stride], s = tables->sine[i * stride];
                const float dr = re[a] - re[b], di = im[a] - im[b];
                re[a] += re[b];
                im[a] += im[b];
                re[b] = dr * c - di * s;
                im[b] = dr * s + di * c;
            }
        }
    }
}

static int reversed(int bin)
{
    int out = 0;
    for (int bit = 1; bit < UT_LOGMEL_FFT; bit *= 2) {
        out = 2 * out + (bin & 1);
        bin >>= 1;
    }
    return out;
}

void ut_logmel_frame(const ut_logmel *tables, const float *pcm, float *mel)
{
    float re[UT_LOGMEL_FFT], im[UT_LOGMEL_FFT], power[BINS];
    for (int i = 0; i < UT_LOGMEL_FRAME; i++)
        re[i] = pcm[i] * tables->window[i];
    memset(re + UT_LOGMEL_FRAME, 0, (UT_LOGMEL_FFT - UT_LOGMEL_FRAME) * sizeof *re);
    memset(im, 0, sizeof im);
    transform(tables, re, im);
    for (int bin = 0; bin < BINS; bin++) {
        const int at = reversed(bin);
        power[bin] = re[at] * re[at] + im[at] * im[at];
    }
    for (int band = 0; band < UT_LOGMEL_BANDS; band++) {
        float sum = 0.0f;
        for (int bin = tables->first[band]; bin <= tables->last[band]; bin++)
            sum += tables->filters[band][bin] * power[bin];
        mel[band] = logf(sum + 1e-10f);
    }
}
