/* The layers of the heads, forward and backward side by side, after the manner of llm.c.
 *
 * A backward function gets the gradient of the loss by its layer's output and adds the gradients by
 * parameters to dw and db; gradients by inputs are written. Pure functions on row-major floats, no
 * allocation; checked numerically (tests/unit/train) and against PyTorch (tests/golden/train). */
#ifndef UT_TRAIN_LAYERS_H
#define UT_TRAIN_LAYERS_H

#include <stddef.h>

#include "base/random.h"

/* y[m, n] = x[m, k] w[n, k]^T + b[n] */
void ut_linear_forward(float *y, const float *x, const float *w, const float *b, int m, int n,
                       int k);
/* dx (may be NULL): [m, k]. scratch: n * m floats. */
void ut_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const float *w, int m, int n, int k, float *scratch);

/* y[count] of x; dx of dy. gelu is the exact one (erf). */
void ut_gelu_forward(float *y, const float *x, size_t count);
void ut_gelu_backward(float *dx, const float *dy, const float *x, size_t count);
void ut_relu_forward(float *y, const float *x, size_t count);
void ut_relu_backward(float *dx, const float *dy, const float *x, size_t count);

/* A mask of 0 and 1 / (1 - share), 1 everywhere for a share of 0. Forward and backward both
 * multiply by it. */
void ut_dropout_mask(float *mask, size_t count, float share, ut_random *random);
void ut_multiply(float *y, const float *x, const float *mask, size_t count);

/* Cross-entropy against a set of classes (bits of `set`, at least one), any of which is right: -log
 * of the sum of their probabilities, with label smoothing as PyTorch has it (1 - s of that, s of
 * the mean of -log p over all classes). For one class it is F.cross_entropy(z, y,
 * label_smoothing=s). Returns weight * loss and adds weight * gradient to dz[classes]. */
double ut_set_cross_entropy(const float *z, int classes, unsigned set, float smoothing,
                            float weight, float *dz);

/* One step of AdamW (Loshchilov and Hutter 2019) in PyTorch's order on count values, with decay
 * `decay`, step number `step` from 1, betas 0.9 and 0.999, eps 1e-8. */
void ut_adamw(float *values, const float *gradients, float *first, float *second, size_t count,
              float rate, float decay, long step);

#endif
