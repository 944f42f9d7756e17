#include "models/speaker_small/speaker_small.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "dsp/mel.h"
#include "nn/ops.h"
#include "nn/weights.h"

enum {
    LAYERS = 4,
    POINTS = 512, /* of ut_mel_defaults() */
    WIDEST = 256, /* channels */
    POOLED = 2 * WIDEST,
    FRAMES = UT_SPEAKER_SMALL_PARTIAL,
    BANDS = UT_SPEAKER_SMALL_BANDS,
    SIZE = UT_SPEAKER_SMALL_SIZE
};

static const struct {
    int in, out, kernel, dilation;
} shapes[LAYERS] = {{BANDS, 128, 5, 1}, {128, 128, 3, 2}, {128, 128, 3, 3}, {128, WIDEST, 1, 1}};

struct ut_speaker_small {
    ut_weights *weights;
    ut_tensor conv_w[LAYERS], conv_b[LAYERS];
    ut_tensor output_w, output_b;
    float bias[LAYERS][WIDEST];
    float output_bias[SIZE];
    ut_mel *mel;
};

#define MEMBER(name) offsetof(ut_speaker_small, name)
static const ut_binding bindings[] = {
    {"conv.0.weight", MEMBER(conv_w[0]), 3, {128, BANDS, 5}, false},
    {"conv.0.bias", MEMBER(conv_b[0]), 1, {128}, false},
    {"conv.1.weight", MEMBER(conv_w[1]), 3, {128, 128, 3}, false},
    {"conv.1.bias", MEMBER(conv_b[1]), 1, {128}, false},
    {"conv.2.weight", MEMBER(conv_w[2]), 3, {128, 128, 3}, false},
    {"conv.2.bias", MEMBER(conv_b[2]), 1, {128}, false},
    {"conv.3.weight", MEMBER(conv_w[3]), 3, {WIDEST, 128, 1}, false},
    {"conv.3.bias", MEMBER(conv_b[3]), 1, {WIDEST}, false},
    {"output.weight", MEMBER(output_w), 2, {SIZE, POOLED}, false},
    {"output.bias", MEMBER(output_b), 1, {SIZE}, false},
};
#undef MEMBER

ut_status ut_speaker_small_open(const char *path, ut_speaker_small **model, ut_error *err)
{
    *model = NULL;
    ut_speaker_small *m = calloc(1, sizeof *m);
    if (!m)
        return ut_fail_memory(err, "speaker_small");
    const ut_mel_options options = ut_mel_defaults();
    ut_status status = ut_mel_create(&options, &m->mel, err);
    if (status == UT_OK)
        status = ut_weights_open_bound(path, m, bindings, sizeof bindings / sizeof *bindings,
                                       &m->weights, err);
    if (status != UT_OK) {
        ut_speaker_small_close(m);
        return status;
    }
    for (int layer = 0; layer < LAYERS; layer++)
        ut_tensor_to_f32(&m->conv_b[layer], 0, (size_t)shapes[layer].out, m->bias[layer]);
    ut_tensor_to_f32(&m->output_b, 0, SIZE, m->output_bias);
    *model = m;
    return UT_OK;
}

void ut_speaker_small_close(ut_speaker_small *model)
{
    if (!model)
        return;
    ut_mel_destroy(model->mel);
    ut_weights_close(model->weights);
    free(model);
}

void ut_speaker_small_features(const ut_speaker_small *model, const float *pcm, int count,
                               float *features)
{
    float scratch[UT_MEL_SCRATCH(POINTS)];
    ut_mel_run(model->mel, pcm, count, features, scratch);
}

static size_t conv_scratch(void)
{
    size_t most = 0;
    for (int layer = 0; layer < LAYERS; layer++) {
        const size_t need = ut_conv1d_scratch(shapes[layer].in, shapes[layer].kernel, FRAMES);
        most = need > most ? need : most;
    }
    return most;
}

size_t ut_speaker_small_scratch(int count)
{
    (void)count; /* partials go through one after the other */
    return 2 * (size_t)WIDEST * FRAMES + conv_scratch();
}

/* y[BANDS, FRAMES] = half of (features[FRAMES, BANDS] less their mean). */
static void centred(const float *features, float *y)
{
    double sum = 0.0;
    for (int i = 0; i < FRAMES * BANDS; i++)
        sum += features[i];
    const float mean = (float)(sum / (FRAMES * BANDS));
    for (int frame = 0; frame < FRAMES; frame++)
        for (int band = 0; band < BANDS; band++)
            y[band * FRAMES + frame] = 0.5f * (features[frame * BANDS + band] - mean);
}

/* pooled[2 * WIDEST]: mean, then deviation, of x[WIDEST, FRAMES] over time. */
static void pool(const float *x, float *pooled)
{
    for (int channel = 0; channel < WIDEST; channel++, x += FRAMES) {
        double sum = 0.0, square = 0.0;
        for (int i = 0; i < FRAMES; i++)
            sum += x[i];
        const double mean = sum / FRAMES;
        for (int i = 0; i < FRAMES; i++)
            square += (x[i] - mean) * (x[i] - mean);
        pooled[channel] = (float)mean;
        pooled[WIDEST + channel] = (float)sqrt(square / FRAMES + 1e-5);
    }
}

void ut_speaker_small_embed(const ut_speaker_small *model, const float *features, int count,
                            float *embeddings, float *scratch)
{
    float *a = scratch, *b = a + WIDEST * FRAMES, *work = b + WIDEST * FRAMES;
    float pooled[POOLED];
    for (int partial = 0; partial < count; partial++) {
        centred(features + (size_t)partial * FRAMES * BANDS, a);
        for (int layer = 0; layer < LAYERS; layer++) {
            const int dilation = shapes[layer].dilation;
            ut_conv1d(b, a, shapes[layer].in, FRAMES, &model->conv_w[layer], model->bias[layer], 1,
                      (shapes[layer].kernel - 1) / 2 * dilation, dilation, work);
            ut_relu(b, (size_t)shapes[layer].out * FRAMES);
            float *swap = a;
            a = b;
            b = swap;
        }
        pool(a, pooled);
        float *out = embeddings + (size_t)partial * SIZE;
        ut_linear(out, pooled, 1, &model->output_w, model->output_bias);
        const float length = sqrtf(ut_dot(out, out, SIZE));
        for (int i = 0; i < SIZE; i++)
            out[i] /= length > 1e-12f ? length : 1e-12f;
    }
}
