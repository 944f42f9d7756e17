#include "models/resemblyzer/resemblyzer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/mel.h"
#include "models/lstm/lstm.h"
#include "nn/ops.h"

enum { LAYERS = 3, SIZE = UT_RESEMBLYZER_SIZE };

struct ut_resemblyzer {
    ut_mel *mel;
    ut_lstm_layer layer[LAYERS];
    float *weight; /* [256, 256] */
    float *bias;   /* [256] */
};

void ut_resemblyzer_close(ut_resemblyzer *model)
{
    if (!model)
        return;
    ut_mel_destroy(model->mel);
    for (int i = 0; i < LAYERS; i++)
        ut_lstm_layer_free(&model->layer[i]);
    free(model->weight);
    free(model->bias);
    free(model);
}

static ut_status read_all(const ut_weights *weights, ut_resemblyzer *model, ut_error *err)
{
    ut_mel_options options = {.rate = 16000,
                              .frame = UT_RESEMBLYZER_FRAME,
                              .fft = UT_RESEMBLYZER_FRAME,
                              .hop = UT_RESEMBLYZER_HOP,
                              .bands = UT_RESEMBLYZER_BANDS,
                              .scale = UT_MEL_SLANEY,
                              .window = UT_WINDOW_HANN_PERIODIC,
                              .area = true};
    UT_TRY(ut_mel_create(&options, &model->mel, err));
    for (int i = 0; i < LAYERS; i++)
        UT_TRY(ut_lstm_layer_read(&model->layer[i], weights, "model_state.lstm.", i, "",
                                  i ? SIZE : UT_RESEMBLYZER_BANDS, SIZE, err));
    UT_TRY(ut_weights_floats(weights, "model_state.linear.weight", (size_t)SIZE * SIZE,
                             &model->weight, err));
    return ut_weights_floats(weights, "model_state.linear.bias", SIZE, &model->bias, err);
}

ut_status ut_resemblyzer_open(const char *path, ut_resemblyzer **model, ut_error *err)
{
    ut_weights *weights = NULL;
    *model = NULL;
    UT_TRY(ut_weights_open(path, &weights, err));
    ut_resemblyzer *made = calloc(1, sizeof *made);
    ut_status status = made ? read_all(weights, made, err) : ut_fail_memory(err, "resemblyzer");
    ut_weights_close(weights);
    if (status != UT_OK)
        ut_resemblyzer_close(made);
    else
        *model = made;
    return status;
}

void ut_resemblyzer_features(const ut_resemblyzer *model, const float *pcm, int count,
                             float *features)
{
    float scratch[UT_MEL_SCRATCH(UT_RESEMBLYZER_FRAME)];
    ut_mel_run(model->mel, pcm, count, features, scratch);
}

size_t ut_resemblyzer_scratch(int count)
{
    ut_lstm_layer shape = {.input = SIZE, .hidden = SIZE};
    size_t rows = (size_t)UT_RESEMBLYZER_PARTIAL * (size_t)count;
    return 2 * rows * SIZE + ut_lstm_layer_scratch(&shape, UT_RESEMBLYZER_PARTIAL, count);
}

void ut_resemblyzer_embed(const ut_resemblyzer *model, const float *features, int count,
                          float *embeddings, float *scratch)
{
    enum { STEPS = UT_RESEMBLYZER_PARTIAL, BANDS = UT_RESEMBLYZER_BANDS };
    size_t rows = (size_t)STEPS * (size_t)count;
    float *a = scratch, *b = a + rows * SIZE, *rest = b + rows * SIZE;
    for (int i = 0; i < count; i++)
        for (int t = 0; t < STEPS; t++)
            memcpy(a + ((size_t)t * (size_t)count + (size_t)i) * BANDS,
                   features + ((size_t)i * STEPS + (size_t)t) * BANDS, BANDS * sizeof *a);
    for (int i = 0; i < LAYERS; i++) {
        ut_lstm_layer_run(&model->layer[i], a, STEPS, count, b, SIZE, 0, rest);
        float *swap = a;
        a = b;
        b = swap;
    }
    const float *last = a + (rows - (size_t)count) * SIZE;
    for (int i = 0; i < count; i++) {
        float *out = embeddings + (size_t)i * SIZE;
        memcpy(out, model->bias, SIZE * sizeof *out);
        ut_matmul_nt(out, SIZE, last + (size_t)i * SIZE, SIZE, model->weight, SIZE, 1, SIZE, SIZE,
                     1);
        ut_relu(out, SIZE);
        float norm = sqrtf(ut_dot(out, out, SIZE));
        float scale = norm > 0.0f && isfinite(norm) ? 1.0f / norm : 0.0f;
        for (int k = 0; k < SIZE; k++)
            out[k] = isfinite(out[k]) ? out[k] * scale : 0.0f;
    }
}
