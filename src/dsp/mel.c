#include "dsp/mel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

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
    double power = kind == UT_WINDOW_POVEY ? 0.85 : 1.0;
    for (int i = 0; i < n; i++)
        window[i] = span > 0 ? (float)pow(base - (1 - base) * cos(2 * M_PI * i / span), power) : 1;
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

/* Triangles between neighbouring mel points, as librosa's filters.mel or HTK's; only the bins where
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
            double weight = o->warped ? 1 - fabs((to_mel(o->scale, hertz) - low) / step - (b + 1))
                                      : fmin((hertz - left) / (centre - left),
                                             (right - hertz) / (right - centre));
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
    for (int i = 0; o.gain > 0 && i < o.frame; i++)
        mel->window[i] *= o.gain;
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

const ut_fft *ut_mel_transform(const ut_mel *mel)
{
    return mel->fft;
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

static inline float finish(const ut_mel *mel, float sum)
{
    float floor = mel->options.log_floor;
    sum += mel->options.add_floor ? floor : 0.0f;
    return floor > 0 ? logf(sum > floor ? sum : floor) : sum;
}

void ut_mel_apply(const ut_mel *mel, const float *spectrum, float *out)
{
    for (int b = 0; b < mel->options.bands; b++) {
        const filter *f = &mel->filters[b];
        const float *w = mel->weights + f->offset;
        float sum = 0;
        for (int k = 0; k < f->count; k++)
            sum += w[k] * spectrum[f->first + k];
        out[b] = finish(mel, sum);
    }
}

/* What is taken off a frame's samples. */
static float mean_of(const ut_mel *mel, const float *pcm)
{
    const ut_mel_options *o = &mel->options;
    double sum = 0;
    for (int i = 0; o->centred && i < o->frame; i++)
        sum += pcm[i];
    return (float)(sum / o->frame);
}

/* A frame, ready for the transform. */
static void cut(const ut_mel *mel, const float *pcm, float *out)
{
    const ut_mel_options *o = &mel->options;
    float mean = mean_of(mel, pcm);
    for (int i = 0; i < o->frame; i++) {
        float before = pcm[i ? i - 1 : 0] - mean;
        out[i] = (pcm[i] - mean - o->emphasis * before) * mel->window[i];
    }
    memset(out + o->frame, 0, (size_t)(o->fft - o->frame) * sizeof *out);
}

/* Sample by sample beside one another: x[k][i] is y[i][k]. */
static void turn(const quad x[4], quad y[4])
{
    quad a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    quad b = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    quad c = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    quad d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
    y[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    y[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    y[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    y[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/* Four frames a hop apart, out[fft]: the same operations as cut()'s. */
static void cut_four(const ut_mel *mel, const float *pcm, quad *out)
{
    const ut_mel_options *o = &mel->options;
    const float *frames[4];
    quad mean, before;
    for (int k = 0; k < 4; k++) {
        frames[k] = pcm + (size_t)k * (size_t)o->hop;
        mean[k] = mean_of(mel, frames[k]);
        before[k] = frames[k][0] - mean[k];
    }
    for (int i = 0; i < o->frame; i += 4) {
        int n = o->frame - i < 4 ? o->frame - i : 4;
        quad x[4] = {0}, y[4];
        for (int k = 0; k < 4; k++)
            if (n == 4)
                x[k] = *(const quad *)(frames[k] + i);
            else
                memcpy(&x[k], frames[k] + i, (size_t)n * sizeof(float));
        turn(x, y);
        for (int j = 0; j < n; j++) {
            quad now = y[j] - mean;
            out[i + j] = (now - o->emphasis * before) * mel->window[i + j];
            before = now;
        }
    }
    memset(out + o->frame, 0, (size_t)(o->fft - o->frame) * sizeof *out);
}

static void magnitudes(const ut_mel *mel, float *spectrum, int count)
{
    for (int k = 0; mel->options.magnitude && k < count; k++)
        spectrum[k] = sqrtf(spectrum[k]);
}

void ut_mel_frame(const ut_mel *mel, const float *pcm, float *out, float *scratch)
{
    int bins = mel->options.fft / 2 + 1;
    float *frame = scratch;
    float *spectrum = frame + mel->options.fft;
    cut(mel, pcm, frame);
    ut_fft_power(mel->fft, frame, spectrum, spectrum + bins);
    magnitudes(mel, spectrum, bins);
    ut_mel_apply(mel, spectrum, out);
}

static void four_frames(const ut_mel *mel, const float *pcm, float *out, float *scratch)
{
    const ut_mel_options *o = &mel->options;
    int bins = o->fft / 2 + 1;
    float *frames = scratch;
    float *spectrum = frames + 4 * o->fft;
    cut_four(mel, pcm, (quad *)frames);
    ut_fft_power4(mel->fft, frames, spectrum, spectrum + 4 * bins);
    magnitudes(mel, spectrum, 4 * bins);
    for (int b = 0; b < o->bands; b++) {
        const filter *f = &mel->filters[b];
        const quad *power = (const quad *)spectrum + f->first;
        const float *w = mel->weights + f->offset;
        quad sum = {0};
        for (int k = 0; k < f->count; k++)
            sum += w[k] * power[k];
        for (int i = 0; i < 4; i++)
            out[i * o->bands + b] = finish(mel, sum[i]);
    }
}

void ut_mel_run(const ut_mel *mel, const float *pcm, int count, float *out, float *scratch)
{
    size_t hop = (size_t)mel->options.hop, bands = (size_t)mel->options.bands;
    int done = 0;
    for (; done + 4 <= count; done += 4)
        four_frames(mel, pcm + (size_t)done * hop, out + (size_t)done * bands, scratch);
    for (; done < count; done++)
        ut_mel_frame(mel, pcm + (size_t)done * hop, out + (size_t)done * bands, scratch);
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
