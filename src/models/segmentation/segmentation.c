#include "models/segmentation/segmentation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/lstm/lstm.h"
#include "nn/ops.h"

enum {
    KERNEL = 251,
    HALF = KERNEL / 2,
    FILTERS = 80,
    STRIDE = 10,
    CHANNELS = 60,
    TAPS = 5,
    LAYERS = 4,
    HIDDEN = 128,
    WIDE = 2 * HIDDEN,
    FRAMES = UT_SEGMENTATION_FRAMES,
    SPEAKERS = UT_SEGMENTATION_SPEAKERS,
    LENGTH0 = (UT_SEGMENTATION_WINDOW - KERNEL) / STRIDE + 1, /* 7975 */
    POOLED0 = LENGTH0 / 3,                                    /* 2658 */
    LENGTH1 = POOLED0 - TAPS + 1,
    POOLED1 = LENGTH1 / 3, /* 884 */
    LENGTH2 = POOLED1 - TAPS + 1
};
_Static_assert(LENGTH2 / 3 == FRAMES, "SincNet's frames");

struct ut_segmentation {
    float *sinc;                   /* [80, 251] */
    float *conv[2];                /* [60, 5 * in], a frame's columns behind one another */
    float *conv_bias[2];           /* [60] */
    float *scale[3], *shift[3];    /* of the instance norms */
    float *wav_scale, *wav_shift;  /* [1] */
    ut_lstm_layer lstm[LAYERS][2]; /* forwards, backwards */
    float *linear[2], *linear_bias[2];
    float *classifier, *classifier_bias;
};

void ut_segmentation_close(ut_segmentation *model)
{
    if (!model)
        return;
    free(model->sinc);
    free(model->wav_scale);
    free(model->wav_shift);
    for (int i = 0; i < 2; i++) {
        free(model->conv[i]);
        free(model->conv_bias[i]);
        free(model->linear[i]);
        free(model->linear_bias[i]);
    }
    for (int i = 0; i < 3; i++) {
        free(model->scale[i]);
        free(model->shift[i]);
    }
    for (int i = 0; i < LAYERS; i++)
        for (int d = 0; d < 2; d++)
            ut_lstm_layer_free(&model->lstm[i][d]);
    free(model->classifier);
    free(model->classifier_bias);
    free(model);
}

/* The sinc filters from their cut-off frequencies: 40 even ones and then 40 odd ones (Pariente et
 * al., "Filterbank design for end-to-end speech separation", 2020). */
static void make_sinc(const float *low, const float *band, const float *window, const float *time,
                      float *sinc)
{
    for (int f = 0; f < FILTERS / 2; f++) {
        double from = 50.0 + fabs((double)low[f]);
        double to = fmin(fmax(from + 50.0 + fabs((double)band[f]), 50.0), 8000.0);
        double width = 2.0 * (to - from);
        float *even = sinc + (size_t)f * KERNEL, *odd = even + (size_t)(FILTERS / 2) * KERNEL;
        for (int i = 0; i < HALF; i++) {
            double t = (double)time[i], scale = (double)window[i] / (t / 2.0) / width;
            even[i] = (float)((sin(to * t) - sin(from * t)) * scale);
            odd[i] = (float)((cos(from * t) - cos(to * t)) * scale);
            even[KERNEL - 1 - i] = even[i];
            odd[KERNEL - 1 - i] = -odd[i];
        }
        even[HALF] = 1.0f;
        odd[HALF] = 0.0f;
    }
}

static ut_status read_sinc(const ut_weights *weights, ut_segmentation *model, ut_error *err)
{
    static const struct {
        const char *name;
        size_t count;
    } PARTS[4] = {{"state_dict.sincnet.conv1d.0.filterbank.low_hz_", FILTERS / 2},
                  {"state_dict.sincnet.conv1d.0.filterbank.band_hz_", FILTERS / 2},
                  {"state_dict.sincnet.conv1d.0.filterbank.window_", HALF},
                  {"state_dict.sincnet.conv1d.0.filterbank.n_", HALF}};
    float *part[4] = {NULL, NULL, NULL, NULL};
    ut_status status = UT_OK;
    for (int i = 0; i < 4 && status == UT_OK; i++)
        status = ut_weights_floats(weights, PARTS[i].name, PARTS[i].count, &part[i], err);
    if (status == UT_OK) {
        model->sinc = malloc((size_t)FILTERS * KERNEL * sizeof *model->sinc);
        if (model->sinc)
            make_sinc(part[0], part[1], part[2], part[3], model->sinc);
        else
            status = ut_fail_memory(err, "segmentation");
    }
    for (int i = 0; i < 4; i++)
        free(part[i]);
    return status;
}

/* Conv1d's [60, in, 5] as [60, 5, in]. */
static ut_status read_conv(const ut_weights *weights, const char *name, int in, float **conv,
                           ut_error *err)
{
    size_t count = (size_t)CHANNELS * (size_t)in * TAPS;
    float *raw = NULL;
    UT_TRY(ut_weights_floats(weights, name, count, &raw, err));
    *conv = malloc(count * sizeof **conv);
    if (*conv) {
        for (int o = 0; o < CHANNELS; o++)
            for (int c = 0; c < in; c++)
                for (int k = 0; k < TAPS; k++)
                    (*conv)[(o * TAPS + k) * in + c] = raw[(o * in + c) * TAPS + k];
    }
    free(raw);
    return *conv ? UT_OK : ut_fail_memory(err, "segmentation");
}

static ut_status read_all(const ut_weights *weights, ut_segmentation *model, ut_error *err)
{
    static const char S[] = "state_dict.lstm.";
    UT_TRY(read_sinc(weights, model, err));
    UT_TRY(read_conv(weights, "state_dict.sincnet.conv1d.1.weight", FILTERS, &model->conv[0], err));
    UT_TRY(
        read_conv(weights, "state_dict.sincnet.conv1d.2.weight", CHANNELS, &model->conv[1], err));
    const struct {
        const char *name;
        size_t count;
        float **into;
    } plain[] = {
        {"sincnet.wav_norm1d.weight", 1, &model->wav_scale},
        {"sincnet.wav_norm1d.bias", 1, &model->wav_shift},
        {"sincnet.conv1d.1.bias", CHANNELS, &model->conv_bias[0]},
        {"sincnet.conv1d.2.bias", CHANNELS, &model->conv_bias[1]},
        {"sincnet.norm1d.0.weight", FILTERS, &model->scale[0]},
        {"sincnet.norm1d.0.bias", FILTERS, &model->shift[0]},
        {"sincnet.norm1d.1.weight", CHANNELS, &model->scale[1]},
        {"sincnet.norm1d.1.bias", CHANNELS, &model->shift[1]},
        {"sincnet.norm1d.2.weight", CHANNELS, &model->scale[2]},
        {"sincnet.norm1d.2.bias", CHANNELS, &model->shift[2]},
        {"linear.0.weight", (size_t)HIDDEN * WIDE, &model->linear[0]},
        {"linear.0.bias", HIDDEN, &model->linear_bias[0]},
        {"linear.1.weight", (size_t)HIDDEN * HIDDEN, &model->linear[1]},
        {"linear.1.bias", HIDDEN, &model->linear_bias[1]},
        {"classifier.weight", (size_t)SPEAKERS * HIDDEN, &model->classifier},
        {"classifier.bias", SPEAKERS, &model->classifier_bias},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        char name[96] = "state_dict.";
        memcpy(name + 11, plain[i].name, strlen(plain[i].name) + 1);
        UT_TRY(ut_weights_floats(weights, name, plain[i].count, plain[i].into, err));
    }
    for (int i = 0; i < LAYERS; i++)
        for (int d = 0; d < 2; d++)
            UT_TRY(ut_lstm_layer_read(&model->lstm[i][d], weights, S, i, d ? "_reverse" : "",
                                      i ? WIDE : CHANNELS, HIDDEN, err));
    return UT_OK;
}

ut_status ut_segmentation_open(const char *path, ut_segmentation **model, ut_error *err)
{
    ut_weights *weights = NULL;
    *model = NULL;
    UT_TRY(ut_weights_open(path, &weights, err));
    ut_segmentation *made = calloc(1, sizeof *made);
    ut_status status = made ? read_all(weights, made, err) : ut_fail_memory(err, "segmentation");
    ut_weights_close(weights);
    if (status != UT_OK)
        ut_segmentation_close(made);
    else
        *model = made;
    return status;
}

/* Each column of x[rows, columns] to mean 0 and variance 1 over the rows, then affine, then leaky
 * ReLU (none if slope is 1). */
static void instance_norm(float *x, int rows, int columns, const float *scale, const float *shift,
                          float slope)
{
    double sum[FILTERS] = {0}, square[FILTERS] = {0};
    float gain[FILTERS], offset[FILTERS];
    for (int t = 0; t < rows; t++) {
        const float *row = x + (size_t)t * (size_t)columns;
        for (int c = 0; c < columns; c++) {
            sum[c] += (double)row[c];
            square[c] += (double)row[c] * (double)row[c];
        }
    }
    for (int c = 0; c < columns; c++) {
        double mean = sum[c] / rows, variance = fmax(square[c] / rows - mean * mean, 0.0);
        double g = (double)scale[c] / sqrt(variance + 1e-5);
        gain[c] = (float)g;
        offset[c] = (float)((double)shift[c] - mean * g);
    }
    for (int t = 0; t < rows; t++) {
        float *row = x + (size_t)t * (size_t)columns;
        for (int c = 0; c < columns; c++) {
            float value = row[c] * gain[c] + offset[c];
            row[c] = value >= 0.0f ? value : value * slope;
        }
    }
}

/* y[rows / 3, columns]: the largest of three rows; in place is fine. */
static void pool(float *y, const float *x, int rows, int columns, int magnitude)
{
    for (int t = 0; t < rows / 3; t++) {
        const float *from = x + (size_t)t * 3 * (size_t)columns;
        float *to = y + (size_t)t * (size_t)columns;
        for (int c = 0; c < columns; c++) {
            float a = from[c], b = from[c + columns], d = from[c + 2 * columns];
            if (magnitude) {
                a = fabsf(a);
                b = fabsf(b);
                d = fabsf(d);
            }
            to[c] = fmaxf(a, fmaxf(b, d));
        }
    }
}

/* wave[WINDOW] -> out[FRAMES] rows of CHANNELS, `stride` floats apart. */
static void sincnet(const ut_segmentation *model, const float *pcm, float *out, size_t stride,
                    float *scratch)
{
    float *wave = scratch, *a = wave + UT_SEGMENTATION_WINDOW, *b = a + (size_t)LENGTH0 * FILTERS;
    memcpy(wave, pcm, UT_SEGMENTATION_WINDOW * sizeof *wave);
    instance_norm(wave, UT_SEGMENTATION_WINDOW, 1, model->wav_scale, model->wav_shift, 1.0f);
    /* Rows of the products overlap in memory: a convolution without a copy. */
    ut_matmul_nt(a, FILTERS, wave, STRIDE, model->sinc, KERNEL, LENGTH0, FILTERS, KERNEL, 0);
    pool(a, a, LENGTH0, FILTERS, 1);
    instance_norm(a, POOLED0, FILTERS, model->scale[0], model->shift[0], 0.01f);
    for (int i = 0; i < 2; i++) {
        int in = i ? CHANNELS : FILTERS, length = i ? LENGTH2 : LENGTH1;
        for (int t = 0; t < length; t++)
            memcpy(b + (size_t)t * CHANNELS, model->conv_bias[i], CHANNELS * sizeof *b);
        ut_matmul_nt(b, CHANNELS, a, in, model->conv[i], TAPS * in, length, CHANNELS, TAPS * in, 1);
        pool(a, b, length, CHANNELS, 0);
        instance_norm(a, length / 3, CHANNELS, model->scale[i + 1], model->shift[i + 1], 0.01f);
    }
    for (int t = 0; t < FRAMES; t++)
        memcpy(out + (size_t)t * stride, a + (size_t)t * CHANNELS, CHANNELS * sizeof *out);
}

size_t ut_segmentation_scratch(int count)
{
    ut_lstm_layer shape = {.input = WIDE, .hidden = HIDDEN};
    size_t rows = (size_t)FRAMES * (size_t)count;
    size_t front = UT_SEGMENTATION_WINDOW + (size_t)LENGTH0 * FILTERS + (size_t)LENGTH1 * CHANNELS;
    size_t back = ut_lstm_layer_scratch(&shape, FRAMES, count);
    return 2 * rows * WIDE + (front > back ? front : back);
}

/* y[rows, n] = x[rows, k] w^T + bias */
static void affine(float *y, const float *x, int rows, const float *w, const float *bias, int n,
                   int k)
{
    for (int t = 0; t < rows; t++)
        memcpy(y + (size_t)t * (size_t)n, bias, (size_t)n * sizeof *y);
    ut_matmul_nt(y, n, x, k, w, k, rows, n, k, 1);
}

void ut_segmentation_run(const ut_segmentation *model, const float *const *windows, int count,
                         float *probabilities, float *scratch)
{
    size_t rows = (size_t)FRAMES * (size_t)count;
    float *a = scratch, *b = a + rows * WIDE, *rest = b + rows * WIDE;
    for (int i = 0; i < count; i++)
        sincnet(model, windows[i], a + (size_t)i * CHANNELS, (size_t)count * CHANNELS, rest);
    for (int i = 0; i < LAYERS; i++) {
        ut_lstm_layer_run(&model->lstm[i][0], a, FRAMES, count, b, WIDE, 0, rest);
        ut_lstm_layer_run(&model->lstm[i][1], a, FRAMES, count, b + HIDDEN, WIDE, 1, rest);
        float *swap = a;
        a = b;
        b = swap;
    }
    affine(b, a, (int)rows, model->linear[0], model->linear_bias[0], HIDDEN, WIDE);
    ut_leaky_relu(b, rows * HIDDEN, 0.01f);
    affine(a, b, (int)rows, model->linear[1], model->linear_bias[1], HIDDEN, HIDDEN);
    ut_leaky_relu(a, rows * HIDDEN, 0.01f);
    affine(b, a, (int)rows, model->classifier, model->classifier_bias, SPEAKERS, HIDDEN);
    ut_sigmoid(b, rows * SPEAKERS);
    for (int i = 0; i < count; i++)
        for (int t = 0; t < FRAMES; t++)
            memcpy(probabilities + ((size_t)i * FRAMES + (size_t)t) * SPEAKERS,
                   b + ((size_t)t * (size_t)count + (size_t)i) * SPEAKERS,
                   SPEAKERS * sizeof *probabilities);
}
