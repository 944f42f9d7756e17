#include "dsp/mel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct filter {
    int first, count; /* bins */
    int offset;       /* into weights */
} filter;

struct ut_mel {
    ut_mel_options options;
    ut_fft *fft;
    float *window;
    filter *filters;
    float *weights;
};

ut_mel_options ut_mel_defaults(void)
{
    return (ut_mel_options){.rate = 16000,
                            .frame = 400,
                            .fft = 512,
                            .hop = 160,
                            .bands = 40,
                            .low = 60,
                            .high = 7600,
                            .scale = UT_MEL_HTK,
                            .window = UT_WINDOW_HANN_PERIODIC,
                            .log_floor = 1e-10f,
                            .add_floor = true};
}

void ut_window_fill(ut_window kind, int n, float *window)
{
    double span = kind == UT_WINDOW_HANN_PERIODIC ? n : n - 1;
    double base = kind == UT_WINDOW_HAMMING ? 0.54 : 0.5;
    for (int i = 0; i < n; i++)
        window[i] = span > 0 ? (float)(base - (1 - base) * cos(2 * M_PI * i / span)) : 1;
}

static double to_mel(ut_mel_scale scale, double hertz)
{
    if (scale == UT_MEL_HTK)
        return 2595 * log10(1 + hertz / 700);
    return hertz < 1000 ? hertz * 3 / 200 : 15 + log(hertz / 1000) * 27 / log(6.4);
}

static double to_hertz(ut_mel_scale scale, double mel)
{
    if (scale == UT_MEL_HTK)
        return 700 * (pow(10, mel / 2595) - 1);
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

/* Triangles in hertz between neighbouring mel points, as librosa's filters.mel; only the bins where
 * one is above zero are kept. */
static ut_status make_filters(ut_mel *mel, ut_error *err)
{
    const ut_mel_options *o = &mel->options;
    int bins = o->fft / 2 + 1;
    mel->filters = calloc((size_t)o->bands, sizeof *mel->filters);
    mel->weights = calloc((size_t)o->bands * (size_t)bins, sizeof *mel->weights);
    if (!mel->filters || !mel->weights)
        return ut_fail_memory(err, "mel");
    double low = to_mel(o->scale, o->low);
    double step = (to_mel(o->scale, o->high) - low) / (o->bands + 1);
    int used = 0;
    for (int b = 0; b < o->bands; b++) {
        double left = to_hertz(o->scale, low + b * step);
        double centre = to_hertz(o->scale, low + (b + 1) * step);
        double right = to_hertz(o->scale, low + (b + 2) * step);
        double scale = o->area ? 2 / (right - left) : 1;
        filter *f = &mel->filters[b];
        f->offset = used;
        for (int k = 0; k < bins; k++) {
            double hertz = (double)k * o->rate / o->fft;
            double weight =
                fmin((hertz - left) / (centre - left), (right - hertz) / (right - centre));
            if (weight <= 0)
                continue;
            if (!f->count)
                f->first = k;
            f->count++;
            mel->weights[used++] = (float)(weight * scale);
        }
    }
    return UT_OK;
}

ut_status ut_mel_create(const ut_mel_options *options, ut_mel **out, ut_error *err)
{
    ut_mel_options o = *options;
    if (o.high <= 0)
        o.high = (float)o.rate / 2;
    if (o.rate < 1 || o.frame < 1 || o.fft < o.frame || o.fft > 65536 || o.hop < 1 || o.bands < 1 ||
        o.bands > 256 || o.low < 0 || o.low >= o.high)
        return ut_fail(err, UT_ERR_USAGE, "mel", "a mel front end of these sizes makes no sense");
    ut_mel *mel = calloc(1, sizeof *mel);
    if (!mel)
        return ut_fail_memory(err, "mel");
    mel->options = o;
    mel->fft = ut_fft_create(o.fft);
    mel->window = malloc((size_t)o.frame * sizeof *mel->window);
    ut_status status =
        mel->fft && mel->window ? make_filters(mel, err) : ut_fail_memory(err, "mel");
    if (status != UT_OK) {
        ut_mel_destroy(mel);
        return status;
    }
    ut_window_fill(o.window, o.frame, mel->window);
    *out = mel;
    return UT_OK;
}

void ut_mel_destroy(ut_mel *mel)
{
    if (!mel)
        return;
    ut_fft_destroy(mel->fft);
    free(mel->window);
    free(mel->filters);
    free(mel->weights);
    free(mel);
}

const ut_mel_options *ut_mel_get(const ut_mel *mel)
{
    return &mel->options;
}

int ut_mel_frames(const ut_mel *mel, size_t n)
{
    size_t frame = (size_t)mel->options.frame;
    return n < frame ? 0 : (int)((n - frame) / (size_t)mel->options.hop) + 1;
}

size_t ut_mel_scratch(const ut_mel *mel)
{
    return UT_MEL_SCRATCH((size_t)mel->options.fft);
}

void ut_mel_apply(const ut_mel *mel, const float *spectrum, float *out)
{
    float floor = mel->options.log_floor, added = mel->options.add_floor ? floor : 0.0f;
    for (int b = 0; b < mel->options.bands; b++) {
        const filter *f = &mel->filters[b];
        const float *w = mel->weights + f->offset;
        float sum = 0;
        for (int k = 0; k < f->count; k++)
            sum += w[k] * spectrum[f->first + k];
        sum += added;
        out[b] = floor > 0 ? logf(sum > floor ? sum : floor) : sum;
    }
}

void ut_mel_frame(const ut_mel *mel, const float *pcm, float *out, float *scratch)
{
    const ut_mel_options *o = &mel->options;
    float *frame = scratch;
    float *spectrum = frame + o->fft;
    for (int i = 0; i < o->frame; i++)
        frame[i] = pcm[i] * mel->window[i];
    memset(frame + o->frame, 0, (size_t)(o->fft - o->frame) * sizeof *frame);
    ut_fft_power(mel->fft, frame, spectrum, spectrum + o->fft / 2 + 1);
    for (int k = 0; o->magnitude && k <= o->fft / 2; k++)
        spectrum[k] = sqrtf(spectrum[k]);
    ut_mel_apply(mel, spectrum, out);
}

void ut_mel_run(const ut_mel *mel, const float *pcm, int count, float *out, float *scratch)
{
    for (int i = 0; i < count; i++)
        ut_mel_frame(mel, pcm + (size_t)i * (size_t)mel->options.hop,
                     out + (size_t)i * (size_t)mel->options.bands, scratch);
}

void ut_mel_filters(const ut_mel *mel, float *filters)
{
    int bins = mel->options.fft / 2 + 1;
    memset(filters, 0, (size_t)mel->options.bands * (size_t)bins * sizeof *filters);
    for (int b = 0; b < mel->options.bands; b++) {
        const filter *f = &mel->filters[b];
        memcpy(filters + (size_t)b * (size_t)bins + f->first, mel->weights + f->offset,
               (size_t)f->count * sizeof *filters);
    }
}
