#include "nn/ops.h"

#include <math.h>
#include <string.h>

#include "nn/kernels.h"

enum { SMALL_M = 8, QUANTIZED_BLOCK = 4096 };

static void product(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                    ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate)
{
    const ut_kernels *kernels = ut_kernels_get();
    if (m <= SMALL_M)
        kernels->gemv_nt(c, ldc, a, lda, b, ldb, dtype, bias, m, n, k, accumulate);
    else
        kernels->gemm_nt(c, ldc, a, lda, b, ldb, dtype, bias, m, n, k, accumulate);
}

/* W dequantised a block of rows and columns at a time, 16 KiB on the stack. */
static void linear_quantized(float *y, const float *x, int m, const ut_tensor *w, const float *bias,
                             int n, int k)
{
    float block[QUANTIZED_BLOCK];
    int width = k < QUANTIZED_BLOCK ? k : QUANTIZED_BLOCK;
    int height = QUANTIZED_BLOCK / width;
    for (int j = 0; j < n; j += height) {
        int rows = n - j < height ? n - j : height;
        for (int p = 0; p < k; p += width) {
            int columns = k - p < width ? k - p : width;
            for (int r = 0; r < rows; r++)
                ut_tensor_to_f32(w, (size_t)(j + r) * k + p, (size_t)columns,
                                 block + (size_t)r * columns);
            product(y + j, n, x + p, k, block, columns, UT_F32, bias && p == 0 ? bias + j : NULL, m,
                    rows, columns, p > 0);
        }
    }
}

void ut_linear(float *y, const float *x, int m, const ut_tensor *w, const float *bias)
{
    int n = (int)w->shape[0];
    int k = (int)w->shape[1];
    if (m <= 0 || n <= 0)
        return;
    if (k <= 0 || !(w->dtype == UT_F32 || w->dtype == UT_F16 || w->dtype == UT_BF16)) {
        if (k > 0 && w->scale)
            linear_quantized(y, x, m, w, bias, n, k);
        return;
    }
    product(y, n, x, k, w->data, k, w->dtype, bias, m, n, k, 0);
}

void ut_matmul_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n,
                  int k, int accumulate)
{
    product(c, ldc, a, lda, b, ldb, UT_F32, NULL, m, n, k, accumulate);
}

void ut_matmul_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n,
                  int k, int accumulate)
{
    ut_kernels_get()->gemm_nn(c, ldc, a, lda, b, ldb, m, n, k, accumulate);
}

float ut_dot(const float *a, const float *b, size_t n)
{
    return ut_kernels_get()->dot(a, b, n);
}

void ut_axpy(float *y, float alpha, const float *x, size_t n)
{
    ut_kernels_get()->axpy(y, alpha, x, n);
}

void ut_layer_norm(float *y, const float *x, int m, int n, const float *gamma, const float *beta,
                   float eps)
{
    const ut_kernels *kernels = ut_kernels_get();
    for (int i = 0; i < m; i++)
        kernels->layer_norm(y + (size_t)i * n, x + (size_t)i * n, n, gamma, beta, eps);
}

void ut_softmax(float *x, int ldx, int m, int n)
{
    const ut_kernels *kernels = ut_kernels_get();
    for (int i = 0; i < m; i++)
        kernels->softmax(x + (size_t)i * ldx, (size_t)n);
}

float ut_log_sum_exp(const float *x, size_t n)
{
    if (n == 0)
        return -INFINITY;
    float top = x[0];
    for (size_t i = 1; i < n; i++)
        if (x[i] > top)
            top = x[i];
    if (isinf(top))
        return top;
    const ut_kernels *kernels = ut_kernels_get();
    float block[256];
    double sum = 0.0;
    for (size_t i = 0; i < n; i += 256) {
        size_t count = n - i < 256 ? n - i : 256;
        for (size_t q = 0; q < count; q++)
            block[q] = x[i + q] - top;
        kernels->exp(block, count);
        float part = 0.0f;
        for (size_t q = 0; q < count; q++)
            part += block[q];
        sum += part;
    }
    return top + (float)log(sum);
}

void ut_gelu(float *x, size_t n)
{
    ut_kernels_get()->gelu(x, n);
}

void ut_relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

void ut_leaky_relu(float *x, size_t n, float slope)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0.0f ? x[i] : slope * x[i];
}

void ut_sigmoid(float *x, size_t n)
{
    ut_kernels_get()->sigmoid(x, n);
}

void ut_tanh(float *x, size_t n)
{
    ut_kernels_get()->tanh(x, n);
}

void ut_exp(float *x, size_t n)
{
    ut_kernels_get()->exp(x, n);
}

int ut_conv1d_length(int t, int kernel, int stride, int padding, int dilation)
{
    int64_t span = (int64_t)t + 2 * (int64_t)padding - (int64_t)dilation * (kernel - 1) - 1;
    return span < 0 || stride <= 0 ? 0 : (int)(span / stride + 1);
}

size_t ut_conv1d_scratch(int cin, int kernel, int tout)
{
    size_t row = (size_t)cin * (size_t)kernel;
    /* The patches, one row a step; and the filters as floats come a row at a time behind them. */
    return row * (size_t)tout + row;
}

/* The input patch of every output step as one row [cin * kernel], zeros where it hangs over. */
static void patches(float *rows, const float *x, int cin, int t, int kernel, int tout, int stride,
                    int padding, int dilation)
{
    for (int o = 0; o < tout; o++) {
        float *row = rows + (size_t)o * cin * kernel;
        int start = o * stride - padding;
        for (int c = 0; c < cin; c++)
            for (int q = 0; q < kernel; q++) {
                int at = start + q * dilation;
                *row++ = at >= 0 && at < t ? x[(size_t)c * t + at] : 0.0f;
            }
    }
}

void ut_conv1d(float *y, const float *x, int cin, int t, const ut_tensor *w, const float *bias,
               int stride, int padding, int dilation, float *scratch)
{
    int cout = (int)w->shape[0];
    int kernel = (int)w->shape[2];
    int tout = ut_conv1d_length(t, kernel, stride, padding, dilation);
    int k = cin * kernel;
    if (tout <= 0 || cout <= 0 || k <= 0)
        return;
    patches(scratch, x, cin, t, kernel, tout, stride, padding, dilation);
    if (w->dtype == UT_F32 && ((uintptr_t)w->data & 3) == 0) {
        product(y, tout, (const float *)w->data, k, scratch, k, UT_F32, NULL, cout, tout, k, 0);
    } else {
        float *filter = scratch + (size_t)k * tout;
        for (int c = 0; c < cout; c++) {
            ut_tensor_to_f32(w, (size_t)c * k, (size_t)k, filter);
            product(y + (size_t)c * tout, tout, filter, k, scratch, k, UT_F32, NULL, 1, tout, k, 0);
        }
    }
    for (int c = 0; bias && c < cout; c++)
        for (int o = 0; o < tout; o++)
            y[(size_t)c * tout + o] += bias[c];
}

size_t ut_lstm_scratch(int t, int hidden)
{
    return (size_t)4 * (size_t)hidden * (size_t)t;
}

/* One step from the gates' sums (i, f, g, o): c and h in, c and h out. */
static void lstm_step(const ut_kernels *kernels, float *gates, int hidden, float *h, float *c)
{
    float *i = gates;
    float *f = gates + hidden;
    float *g = gates + 2 * (size_t)hidden;
    float *o = gates + 3 * (size_t)hidden;
    kernels->sigmoid(i, 2 * (size_t)hidden);
    kernels->tanh(g, (size_t)hidden);
    kernels->sigmoid(o, (size_t)hidden);
    for (int q = 0; q < hidden; q++) {
        c[q] = f[q] * c[q] + i[q] * g[q];
        h[q] = c[q];
    }
    kernels->tanh(h, (size_t)hidden);
    for (int q = 0; q < hidden; q++)
        h[q] *= o[q];
}

void ut_lstm(float *y, int ldy, const float *x, int t, int input, int hidden, const ut_tensor *w_ih,
             const ut_tensor *w_hh, const float *b_ih, const float *b_hh, float *h, float *c,
             int reverse, float *scratch)
{
    (void)input;
    const ut_kernels *kernels = ut_kernels_get();
    int gates = 4 * hidden;
    /* All steps' input parts in one product; the recurrent part is a step's own. */
    ut_linear(scratch, x, t, w_ih, b_ih);
    for (int s = 0; s < t; s++) {
        int at = reverse ? t - 1 - s : s;
        float *row = scratch + (size_t)at * gates;
        kernels->gemv_nt(row, gates, h, hidden, w_hh->data, hidden, w_hh->dtype, b_hh, 1, gates,
                         hidden, 1);
        lstm_step(kernels, row, hidden, h, c);
        memcpy(y + (size_t)at * ldy, h, (size_t)hidden * sizeof *h);
    }
}
