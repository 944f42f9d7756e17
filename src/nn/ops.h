/* The operations networks are written in. Pure functions on float arrays (row-major, caller's
 * memory, no allocation, no threads inside), running on the kernel table of nn/kernels.h.
 *
 * Shapes are written [rows, columns]. Outputs must not overlap inputs unless said. Results are the
 * same for one instruction set whatever the machine's load or thread count. */
#ifndef UT_NN_OPS_H
#define UT_NN_OPS_H

#include "nn/tensor.h"

/* y[m, n] = x[m, k] W[n, k]^T + bias[n]. W: rank 2 (or rank 3 with a last dimension of 1), F32 or
 * F16 or BF16 or scaled I8 or I16; bias F32 or NULL. m = 1..8 take the bandwidth-bound path
 * (weights read once). */
void ut_linear(float *y, const float *x, int m, const ut_tensor *w, const float *bias);

/* The same on plain floats with row strides: c[m, n] = a[m, k] b[n, k]^T (+ c if accumulate). */
void ut_matmul_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n,
                  int k, int accumulate);
/* c[m, n] = a[m, k] b[k, n] (+ c if accumulate). */
void ut_matmul_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n,
                  int k, int accumulate);

float ut_dot(const float *a, const float *b, size_t n);
/* y += alpha * x */
void ut_axpy(float *y, float alpha, const float *x, size_t n);

/* Rows normalised to mean 0, variance 1, times gamma plus beta (either may be NULL). In place is
 * fine. */
void ut_layer_norm(float *y, const float *x, int m, int n, const float *gamma, const float *beta,
                   float eps);
/* Each row of x[m, n] with stride ldx becomes a distribution, in place. */
void ut_softmax(float *x, int ldx, int m, int n);
/* log of the sum of exponentials of x[n]. */
float ut_log_sum_exp(const float *x, size_t n);

/* In place, element by element. gelu is the exact one (erf). */
void ut_gelu(float *x, size_t n);
void ut_relu(float *x, size_t n);
void ut_leaky_relu(float *x, size_t n, float slope);
void ut_sigmoid(float *x, size_t n);
void ut_tanh(float *x, size_t n);
void ut_exp(float *x, size_t n);

/* One-dimensional convolution, PyTorch's Conv1d: x[cin, t], w[cout, cin, kernel] (F32 or F16),
 * y[cout, tout], tout = ut_conv1d_length(). `scratch` holds ut_conv1d_scratch() floats. */
int ut_conv1d_length(int t, int kernel, int stride, int padding, int dilation);
size_t ut_conv1d_scratch(int cin, int kernel, int tout);
void ut_conv1d(float *y, const float *x, int cin, int t, const ut_tensor *w, const float *bias,
               int stride, int padding, int dilation, float *scratch);

/* LSTM layer, one direction, PyTorch's gate order (i, f, g, o): x[t, input] -> y[t, hidden] with
 * row stride ldy (so that two directions interleave). h[hidden] and c[hidden] carry the state in
 * and out. `reverse` runs from the last row to the first. Biases may be NULL. scratch:
 * ut_lstm_scratch() floats. */
size_t ut_lstm_scratch(int t, int hidden);
void ut_lstm(float *y, int ldy, const float *x, int t, int input, int hidden, const ut_tensor *w_ih,
             const ut_tensor *w_hh, const float *b_ih, const float *b_hh, float *h, float *c,
             int reverse, float *scratch);

#endif
