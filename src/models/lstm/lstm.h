/* LSTM layers over several sequences at once, so that the recurrent weights are read once a step
 * for all of them: one sequence alone waits for memory, eight cost little more than one.
 *
 * PyTorch's gate order (i, f, g, o). Plain float arrays, row-major, caller's memory, no allocation.
 */
#ifndef UT_MODELS_LSTM_LSTM_H
#define UT_MODELS_LSTM_LSTM_H

#include <stddef.h>

#include "nn/weights.h"

/* One direction of one layer; weights are owned copies (checkpoint bytes may be unaligned). */
typedef struct ut_lstm_layer {
    int input, hidden;
    float *w_ih; /* [4 hidden, input] */
    float *w_hh; /* [4 hidden, hidden] */
    float *bias; /* [4 hidden], both biases summed */
} ut_lstm_layer;

/* Reads <prefix>weight_ih_l<layer><suffix> and so on. */
UT_MUST_CHECK ut_status ut_lstm_layer_read(ut_lstm_layer *layer, const ut_weights *weights,
                                           const char *prefix, int index, const char *suffix,
                                           int input, int hidden, ut_error *err);
void ut_lstm_layer_free(ut_lstm_layer *layer);

/* A whole tensor of the expected number of values as floats in new memory (free()). */
UT_MUST_CHECK ut_status ut_weights_floats(const ut_weights *weights, const char *name, size_t count,
                                          float **values, ut_error *err);

/* Floats of scratch: gates, state and cells. */
size_t ut_lstm_layer_scratch(const ut_lstm_layer *layer, int steps, int batch);

/* x[steps, batch, input] -> y[steps, batch, ..] with `ldy` floats between rows; starts from zero.
 */
void ut_lstm_layer_run(const ut_lstm_layer *layer, const float *x, int steps, int batch, float *y,
                       int ldy, int reverse, float *scratch);

#endif
