/* The plain C twins: short and obviously right, the measure of the fast ones. */
#include <math.h>
#include <string.h>

#include "nn/kernels.h"

enum { BLOCK = 256 };

/* `count` values of row memory `b` (of `dtype`) from `first` on. */
static void row_part(float *out, const void *b, size_t first, int count, ut_dtype dtype)
{
    ut_tensor view = {.data = b, .dtype = dtype, .rank = 1, .shape = {1, 1, 1, 1}};
    ut_tensor_to_f32(&view, first, (size_t)count, out);
}

static void product_nt(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                       ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate)
{
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < m; i++) {
            float *out = &c[(size_t)i * ldc + j];
            *out = (accumulate ? *out : 0.0f) + (bias ? bias[j] : 0.0f);
        }
        for (int p = 0; p < k; p += BLOCK) {
            float row[BLOCK];
            int count = k - p < BLOCK ? k - p : BLOCK;
            row_part(row, b, (size_t)j * ldb + p, count, dtype);
            for (int i = 0; i < m; i++) {
                const float *x = a + (size_t)i * lda + p;
                float sum = 0.0f;
                for (int q = 0; q < count; q++)
                    sum += x[q] * row[q];
                c[(size_t)i * ldc + j] += sum;
            }
        }
    }
}

static void product_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
                       int n, int k, int accumulate)
{
    for (int i = 0; i < m; i++) {
        float *out = c + (size_t)i * ldc;
        if (!accumulate)
            memset(out, 0, (size_t)n * sizeof *out);
        for (int p = 0; p < k; p++) {
            float x = a[(size_t)i * lda + p];
            const float *row = b + (size_t)p * ldb;
            for (int j = 0; j < n; j++)
                out[j] += x * row[j];
        }
    }
}

static float dot(const float *a, const float *b, size_t n)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void axpy(float *y, float alpha, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

static void exponential(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = expf(x[i]);
}

static void gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678118654752f));
}

static void sigmoid(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1.0f / (1.0f + expf(-x[i]));
}

static void hyperbolic_tangent(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tanhf(x[i]);
}

static void softmax(float *x, size_t n)
{
    if (n == 0)
        return;
    float top = x[0];
    for (size_t i = 1; i < n; i++)
        if (x[i] > top)
            top = x[i];
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - top);
        sum += x[i];
    }
    float factor = 1.0f / sum;
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

static void layer_norm(float *y, const float *x, int n, const float *gamma, const float *beta,
                       float eps)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    float mean = (float)(sum / n);
    double squares = 0.0;
    for (int i = 0; i < n; i++)
        squares += (double)(x[i] - mean) * (x[i] - mean);
    float factor = (float)(1.0 / sqrt(squares / n + eps));
    for (int i = 0; i < n; i++) {
        float value = (x[i] - mean) * factor;
        y[i] = value * (gamma ? gamma[i] : 1.0f) + (beta ? beta[i] : 0.0f);
    }
}

const ut_kernels ut_kernels_ref = {
    .name = "ref",
    .gemm_nt = product_nt,
    .gemv_nt = product_nt,
    .gemm_nn = product_nn,
    .dot = dot,
    .axpy = axpy,
    .exp = exponential,
    .gelu = gelu,
    .sigmoid = sigmoid,
    .tanh = hyperbolic_tangent,
    .softmax = softmax,
    .layer_norm = layer_norm,
};
