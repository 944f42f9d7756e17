#include "train/layers.h"

#include <math.h>
#include <string.h>

#include "nn/ops.h"

void ut_linear_forward(float *y, const float *x, const float *w, const float *b, int m, int n,
                       int k)
{
    for (int i = 0; i < m; i++)
        memcpy(y + (size_t)i * (size_t)n, b, (size_t)n * sizeof *y);
    ut_matmul_nt(y, n, x, k, w, k, m, n, k, 1);
}

void ut_linear_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
                        const float *w, int m, int n, int k, float *scratch)
{
    if (dx)
        ut_matmul_nn(dx, k, dy, n, w, k, m, k, n, 0);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float value = dy[(size_t)i * (size_t)n + (size_t)j];
            scratch[(size_t)j * (size_t)m + (size_t)i] = value;
            db[j] += value;
        }
    ut_matmul_nn(dw, k, scratch, m, x, k, n, k, m, 1);
}

void ut_gelu_forward(float *y, const float *x, size_t count)
{
    memcpy(y, x, count * sizeof *y);
    ut_gelu(y, count);
}

void ut_gelu_backward(float *dx, const float *dy, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double t = x[i];
        double below = 0.5 * (1 + erf(t * 0.70710678118654752));
        double density = 0.39894228040143268 * exp(-0.5 * t * t);
        dx[i] = dy[i] * (float)(below + t * density);
    }
}

void ut_relu_forward(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

void ut_relu_backward(float *dx, const float *dy, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}

void ut_dropout_mask(float *mask, size_t count, float share, ut_random *random)
{
    float kept = 1 / (1 - share);
    for (size_t i = 0; i < count; i++)
        mask[i] = share <= 0 ? 1 : ut_random_unit(random) < (double)share ? 0 : kept;
}

void ut_multiply(float *y, const float *x, const float *mask, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * mask[i];
}

double ut_set_cross_entropy(const float *z, int classes, unsigned set, float smoothing,
                            float weight, float *dz)
{
    double highest = -INFINITY;
    double within = -INFINITY; /* highest of the set, so that its sum cannot underflow */
    for (int i = 0; i < classes; i++) {
        highest = fmax(highest, z[i]);
        within = set >> i & 1 ? fmax(within, z[i]) : within;
    }
    double all = 0;
    double right = 0;
    double sum = 0;
    for (int i = 0; i < classes; i++) {
        all += exp(z[i] - highest);
        right += set >> i & 1 ? exp(z[i] - within) : 0;
        sum += z[i] - highest;
    }
    double each = (double)smoothing / classes;
    for (int i = 0; i < classes; i++) {
        double share = set >> i & 1 ? exp(z[i] - within) / right : 0;
        double target = each + (1 - (double)smoothing) * share;
        dz[i] += weight * (float)(exp(z[i] - highest) / all - target);
    }
    double loss = (1 - (double)smoothing) * (highest + log(all) - within - log(right)) +
                  (double)smoothing * (log(all) - sum / classes);
    return (double)weight * loss;
}

void ut_adamw(float *values, const float *gradients, float *first, float *second, size_t count,
              float rate, float decay, long step)
{
    const float beta1 = 0.9f;
    const float beta2 = 0.999f;
    const float eps = 1e-8f;
    double fix1 = 1 - pow((double)beta1, (double)step);
    double fix2 = sqrt(1 - pow((double)beta2, (double)step));
    float stride = (float)((double)rate / fix1);
    float keep = 1 - rate * decay;
    for (size_t i = 0; i < count; i++) {
        float g = gradients[i];
        values[i] *= keep;
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        values[i] -= stride * first[i] / (sqrtf(second[i]) / (float)fix2 + eps);
    }
}
