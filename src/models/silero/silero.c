#include "models/silero/silero.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/lstm/lstm.h"
#include "nn/ops.h"

enum {
    INPUT = UT_SILERO_CONTEXT + UT_SILERO_STEP, /* 576 */
    PADDED = INPUT + 64,                        /* reflected on the right */
    POINTS = 256,
    BINS = POINTS / 2 + 1,
    FRAMES = 4, /* (PADDED - POINTS) / 128 + 1 */
    HIDDEN = UT_SILERO_HIDDEN
};

/* Convolutions of width 3 and padding 1: channels in and out, stride, frames out. */
static const struct {
    int in, out, stride, frames;
} SHAPE[4] = {{BINS, 128, 1, 4}, {128, 64, 2, 2}, {64, 64, 2, 1}, {64, 128, 1, 1}};

struct ut_silero {
    float *basis;     /* [2 BINS, POINTS], real parts and then imaginary ones */
    float *weight[4]; /* [out, 3, in]: a frame's three columns lie behind one another */
    float *bias[4];
    float *w_ih, *w_hh, *gate_bias; /* [512, 128], [512, 128], [512] */
    float *final;                   /* [128] */
    float final_bias;
};

void ut_silero_close(ut_silero *model)
{
    if (!model)
        return;
    free(model->basis);
    for (int i = 0; i < 4; i++) {
        free(model->weight[i]);
        free(model->bias[i]);
    }
    free(model->w_ih);
    free(model->w_hh);
    free(model->gate_bias);
    free(model->final);
    free(model);
}

/* Conv1d's [out, in, 3] as [out, 3, in]. */
static ut_status read_conv(const ut_weights *weights, int i, ut_silero *model, ut_error *err)
{
    static const char *const NAMES[4][2] = {{"conv1.weight", "conv1.bias"},
                                            {"conv2.weight", "conv2.bias"},
                                            {"conv3.weight", "conv3.bias"},
                                            {"conv4.weight", "conv4.bias"}};
    int in = SHAPE[i].in, out = SHAPE[i].out;
    size_t count = (size_t)out * (size_t)in * 3;
    float *raw = NULL;
    UT_TRY(ut_weights_floats(weights, NAMES[i][1], (size_t)out, &model->bias[i], err));
    UT_TRY(ut_weights_floats(weights, NAMES[i][0], count, &raw, err));
    model->weight[i] = malloc(count * sizeof(float));
    if (model->weight[i]) {
        for (int o = 0; o < out; o++)
            for (int c = 0; c < in; c++)
                for (int k = 0; k < 3; k++)
                    model->weight[i][(o * 3 + k) * in + c] = raw[(o * in + c) * 3 + k];
    }
    free(raw);
    return model->weight[i] ? UT_OK : ut_fail_memory(err, "silero");
}

static ut_status read_all(const ut_weights *weights, ut_silero *model, ut_error *err)
{
    float *second = NULL, *last = NULL;
    UT_TRY(ut_weights_floats(weights, "stft_conv.weight", 2 * (size_t)BINS * POINTS, &model->basis,
                             err));
    for (int i = 0; i < 4; i++)
        UT_TRY(read_conv(weights, i, model, err));
    UT_TRY(
        ut_weights_floats(weights, "lstm_cell.weight_ih", 4 * HIDDEN * HIDDEN, &model->w_ih, err));
    UT_TRY(
        ut_weights_floats(weights, "lstm_cell.weight_hh", 4 * HIDDEN * HIDDEN, &model->w_hh, err));
    UT_TRY(ut_weights_floats(weights, "lstm_cell.bias_ih", 4 * HIDDEN, &model->gate_bias, err));
    UT_TRY(ut_weights_floats(weights, "final_conv.weight", HIDDEN, &model->final, err));
    UT_TRY(ut_weights_floats(weights, "lstm_cell.bias_hh", 4 * HIDDEN, &second, err));
    ut_axpy(model->gate_bias, 1.0f, second, 4 * HIDDEN);
    free(second);
    UT_TRY(ut_weights_floats(weights, "final_conv.bias", 1, &last, err));
    model->final_bias = last[0];
    free(last);
    return UT_OK;
}

ut_status ut_silero_open(const char *path, ut_silero **model, ut_error *err)
{
    ut_weights *weights = NULL;
    *model = NULL;
    UT_TRY(ut_weights_open(path, &weights, err));
    ut_silero *made = calloc(1, sizeof *made);
    ut_status status = made ? read_all(weights, made, err) : ut_fail_memory(err, "silero");
    ut_weights_close(weights);
    if (status != UT_OK)
        ut_silero_close(made);
    else
        *model = made;
    return status;
}

/* Magnitude spectra of the four frames, magnitude[FRAMES, BINS]. */
static void spectrum(const ut_silero *model, const float *input, float *magnitude)
{
    float complex_[FRAMES * 2 * BINS];
    ut_matmul_nt(complex_, 2 * BINS, input, 128, model->basis, POINTS, FRAMES, 2 * BINS, POINTS, 0);
    for (int f = 0; f < FRAMES; f++) {
        const float *row = complex_ + f * 2 * BINS;
        for (int k = 0; k < BINS; k++)
            magnitude[f * BINS + k] = sqrtf(row[k] * row[k] + row[BINS + k] * row[BINS + k]);
    }
}

/* x[frames, in] -> y[SHAPE[i].frames, out], ReLU included. `rows` holds a padded copy of x. */
static void convolve(const ut_silero *model, int i, const float *x, int frames, float *y)
{
    float rows[(FRAMES + 2) * BINS];
    int in = SHAPE[i].in, out = SHAPE[i].out, made = SHAPE[i].frames;
    memset(rows, 0, (size_t)in * sizeof *rows);
    memcpy(rows + in, x, (size_t)frames * (size_t)in * sizeof *rows);
    memset(rows + ((size_t)frames + 1) * (size_t)in, 0, (size_t)in * sizeof *rows);
    for (int f = 0; f < made; f++)
        memcpy(y + f * out, model->bias[i], (size_t)out * sizeof *y);
    ut_matmul_nt(y, out, rows, SHAPE[i].stride * in, model->weight[i], 3 * in, made, out, 3 * in,
                 1);
    ut_relu(y, (size_t)made * (size_t)out);
}

float ut_silero_step(const ut_silero *model, ut_silero_state *state, const float *pcm)
{
    float input[PADDED], a[FRAMES * BINS], b[FRAMES * 128], gates[4 * HIDDEN], h[HIDDEN];
    memcpy(input, state->context, sizeof state->context);
    for (int i = 0; i < UT_SILERO_STEP; i++)
        input[UT_SILERO_CONTEXT + i] = isfinite(pcm[i]) ? pcm[i] : 0.0f;
    memcpy(state->context, input + INPUT - UT_SILERO_CONTEXT, sizeof state->context);
    for (int i = 0; i < PADDED - INPUT; i++)
        input[INPUT + i] = input[INPUT - 2 - i];

    spectrum(model, input, a);
    convolve(model, 0, a, 4, b);
    convolve(model, 1, b, 4, a);
    convolve(model, 2, a, 2, b);
    convolve(model, 3, b, 1, a);

    memcpy(gates, model->gate_bias, sizeof gates);
    ut_matmul_nt(gates, 4 * HIDDEN, a, HIDDEN, model->w_ih, HIDDEN, 1, 4 * HIDDEN, HIDDEN, 1);
    ut_matmul_nt(gates, 4 * HIDDEN, state->h, HIDDEN, model->w_hh, HIDDEN, 1, 4 * HIDDEN, HIDDEN,
                 1);
    ut_sigmoid(gates, 2 * HIDDEN);
    ut_tanh(gates + 2 * HIDDEN, HIDDEN);
    ut_sigmoid(gates + 3 * HIDDEN, HIDDEN);
    for (int i = 0; i < HIDDEN; i++) {
        state->c[i] = gates[HIDDEN + i] * state->c[i] + gates[i] * gates[2 * HIDDEN + i];
        h[i] = state->c[i];
    }
    ut_tanh(h, HIDDEN);
    for (int i = 0; i < HIDDEN; i++)
        state->h[i] = h[i] * gates[3 * HIDDEN + i];
    memcpy(h, state->h, sizeof h);
    ut_relu(h, HIDDEN);
    float score = ut_dot(h, model->final, HIDDEN) + model->final_bias;
    ut_sigmoid(&score, 1);
    return score;
}
