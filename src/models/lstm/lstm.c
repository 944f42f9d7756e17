#include "models/lstm/lstm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"

ut_status ut_weights_floats(const ut_weights *weights, const char *name, size_t count,
                            float **values, ut_error *err)
{
    const ut_tensor *tensor = ut_weights_find(weights, name);
    *values = NULL;
    if (!tensor || ut_tensor_count(tensor) != count)
        return ut_fail(err, UT_ERR_FORMAT, "models",
                       "%s: tensor '%s' is %s (expected %zu values); pull the model again",
                       ut_weights_path(weights), name, tensor ? "of another size" : "missing",
                       count);
    if (tensor->dtype != UT_F32 && tensor->dtype != UT_F16)
        return ut_fail(err, UT_ERR_FORMAT, "models",
                       "%s: tensor '%s' does not hold floating-point values; pull the model again",
                       ut_weights_path(weights), name);
    float *copy = malloc(count * sizeof *copy);
    if (!copy)
        return ut_fail_memory(err, "models");
    ut_tensor_to_f32(tensor, 0, count, copy);
    *values = copy;
    return UT_OK;
}

ut_status ut_lstm_layer_read(ut_lstm_layer *layer, const ut_weights *weights, const char *prefix,
                             int index, const char *suffix, int input, int hidden, ut_error *err)
{
    char name[128];
    float *second = NULL;
    size_t gates = 4 * (size_t)hidden;
    *layer = (ut_lstm_layer){.input = input, .hidden = hidden};
    snprintf(name, sizeof name, "%sweight_ih_l%d%s", prefix, index, suffix);
    UT_TRY(ut_weights_floats(weights, name, gates * (size_t)input, &layer->w_ih, err));
    snprintf(name, sizeof name, "%sweight_hh_l%d%s", prefix, index, suffix);
    UT_TRY(ut_weights_floats(weights, name, gates * (size_t)hidden, &layer->w_hh, err));
    snprintf(name, sizeof name, "%sbias_ih_l%d%s", prefix, index, suffix);
    UT_TRY(ut_weights_floats(weights, name, gates, &layer->bias, err));
    snprintf(name, sizeof name, "%sbias_hh_l%d%s", prefix, index, suffix);
    UT_TRY(ut_weights_floats(weights, name, gates, &second, err));
    ut_axpy(layer->bias, 1.0f, second, gates);
    free(second);
    return UT_OK;
}

void ut_lstm_layer_free(ut_lstm_layer *layer)
{
    free(layer->w_ih);
    free(layer->w_hh);
    free(layer->bias);
    *layer = (ut_lstm_layer){0};
}

size_t ut_lstm_layer_scratch(const ut_lstm_layer *layer, int steps, int batch)
{
    size_t hidden = (size_t)layer->hidden;
    return (size_t)batch * hidden * (4 * (size_t)steps + 2);
}

/* One sequence's cell at one step: gates[4 hidden] in place, c and h renewed. */
static void advance(float *gates, float *c, float *h, int hidden)
{
    float *in = gates, *forget = gates + hidden, *cell = gates + 2 * hidden;
    float *out = gates + 3 * hidden;
    ut_sigmoid(in, 2 * (size_t)hidden);
    ut_tanh(cell, (size_t)hidden);
    ut_sigmoid(out, (size_t)hidden);
    for (int i = 0; i < hidden; i++) {
        c[i] = forget[i] * c[i] + in[i] * cell[i];
        h[i] = c[i];
    }
    ut_tanh(h, (size_t)hidden);
    for (int i = 0; i < hidden; i++)
        h[i] *= out[i];
}

void ut_lstm_layer_run(const ut_lstm_layer *layer, const float *x, int steps, int batch, float *y,
                       int ldy, int reverse, float *scratch)
{
    int hidden = layer->hidden, width = 4 * hidden;
    float *gates = scratch;
    float *h = gates + (size_t)steps * (size_t)batch * (size_t)width;
    float *c = h + (size_t)batch * (size_t)hidden;
    memset(h, 0, 2 * (size_t)batch * (size_t)hidden * sizeof *h);
    for (int row = 0; row < steps * batch; row++)
        memcpy(gates + (size_t)row * (size_t)width, layer->bias, (size_t)width * sizeof *gates);
    ut_matmul_nt(gates, width, x, layer->input, layer->w_ih, layer->input, steps * batch, width,
                 layer->input, 1);
    for (int i = 0; i < steps; i++) {
        int step = reverse ? steps - 1 - i : i;
        float *now = gates + (size_t)step * (size_t)batch * (size_t)width;
        if (i > 0)
            ut_matmul_nt(now, width, h, hidden, layer->w_hh, hidden, batch, width, hidden, 1);
        for (int b = 0; b < batch; b++) {
            float *state = h + (size_t)b * (size_t)hidden;
            advance(now + (size_t)b * (size_t)width, c + (size_t)b * (size_t)hidden, state, hidden);
            memcpy(y + ((size_t)step * (size_t)batch + (size_t)b) * (size_t)ldy, state,
                   (size_t)hidden * sizeof *y);
        }
    }
}
