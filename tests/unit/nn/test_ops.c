/* The operations against sums written out here in double precision, and the number conversions. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernels.h"
#include "nn/ops.h"

static void test_half(void **unused)
{
    (void)unused;
    assert_true(ut_f16_to_f32(0x3c00) == 1.0f);
    assert_true(ut_f16_to_f32(0xc000) == -2.0f);
    assert_true(ut_f16_to_f32(0x0001) == 0x1p-24f);
    assert_true(isinf(ut_f16_to_f32(0x7c00)));
    assert_int_equal(ut_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(ut_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(ut_f32_to_f16(0x1p-25f), 0x0000); /* a tie goes to even */
    assert_int_equal(ut_f32_to_f16(0x1.8p-24f), 0x0002);
    for (uint32_t half = 0; half < 65536; half++) {
        float value = ut_f16_to_f32((uint16_t)half);
        if (isnan(value))
            assert_true(isnan(ut_f16_to_f32(ut_f32_to_f16(value))));
        else
            assert_int_equal(ut_f32_to_f16(value), half);
    }
}

static void test_linear_types(void **unused)
{
    (void)unused;
    enum { M = 3, N = 7, K = 21 };
    float *x = ut_test_floats(M * K);
    float *w = ut_test_floats(N * K);
    float *bias = ut_test_floats(N);
    uint16_t half[N * K];
    uint16_t brain[N * K];
    int8_t bytes[N * K];
    int16_t shorts[N * K];
    float scale[N], fine[N];
    for (int i = 0; i < N * K; i++) {
        half[i] = ut_f32_to_f16(w[i]);
        uint32_t bits;
        memcpy(&bits, &w[i], 4);
        brain[i] = (uint16_t)(bits >> 16);
        bytes[i] = (int8_t)lrintf(w[i] * 127.0f);
        shorts[i] = (int16_t)lrintf(w[i] * 1024.0f);
    }
    for (int j = 0; j < N; j++) {
        scale[j] = 127.0f;
        fine[j] = 1024.0f;
    }
    const ut_tensor kinds[] = {
        {.data = w, .dtype = UT_F32, .rank = 2, .shape = {N, K, 1, 1}},
        {.data = half, .dtype = UT_F16, .rank = 2, .shape = {N, K, 1, 1}},
        {.data = brain, .dtype = UT_BF16, .rank = 3, .shape = {N, K, 1, 1}},
        {.data = bytes, .dtype = UT_I8, .rank = 2, .shape = {N, K, 1, 1}, .scale = scale},
        {.data = shorts, .dtype = UT_I16, .rank = 2, .shape = {N, K, 1, 1}, .scale = fine},
    };
    const double tolerances[] = {1e-5, 5e-3, 5e-2, 5e-2, 5e-3};
    for (int kind = 0; kind < 5; kind++) {
        float y[M * N];
        ut_linear(y, x, M, &kinds[kind], bias);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double sum = bias[j];
                for (int p = 0; p < K; p++)
                    sum += (double)x[i * K + p] * w[j * K + p];
                assert_near(y[i * N + j], sum, tolerances[kind]);
            }
    }
    free(x);
    free(w);
    free(bias);
}

static void test_wide_i8(void **unused)
{
    (void)unused;
    enum { N = 3, K = 5000 };
    float *x = ut_test_floats(K);
    int8_t *bytes = malloc(N * K);
    assert_non_null(bytes);
    float scale[N] = {10.0f, 20.0f, 30.0f};
    for (int i = 0; i < N * K; i++)
        bytes[i] = (int8_t)(ut_test_noise() * 127.0f);
    const ut_tensor w = {
        .data = bytes, .dtype = UT_I8, .rank = 2, .shape = {N, K, 1, 1}, .scale = scale};
    float y[N];
    ut_linear(y, x, 1, &w, NULL);
    for (int j = 0; j < N; j++) {
        double sum = 0.0;
        for (int p = 0; p < K; p++)
            sum += (double)x[p] * bytes[j * K + p] / scale[j];
        assert_near(y[j], sum, 1e-3 * (1.0 + fabs(sum)));
    }
    free(x);
    free(bytes);
}

static void test_conv(void **unused)
{
    (void)unused;
    enum { CIN = 3, T = 29, COUT = 5 };
    static const int cases[][4] = {
        {3, 1, 1, 1}, {3, 2, 1, 1}, {5, 3, 0, 2}, {1, 1, 0, 1}, {7, 10, 4, 1}};
    float *x = ut_test_floats(CIN * T);
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        int kernel = cases[q][0], stride = cases[q][1], padding = cases[q][2],
            dilation = cases[q][3];
        int tout = ut_conv1d_length(T, kernel, stride, padding, dilation);
        assert_int_equal(tout, (T + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1);
        float *w = ut_test_floats((size_t)COUT * CIN * kernel);
        uint16_t *half = malloc((size_t)COUT * CIN * kernel * 2);
        assert_non_null(half);
        for (int i = 0; i < COUT * CIN * kernel; i++)
            half[i] = ut_f32_to_f16(w[i]);
        float *bias = ut_test_floats(COUT);
        float *scratch = malloc(ut_conv1d_scratch(CIN, kernel, tout) * sizeof *scratch);
        float *y = malloc((size_t)COUT * tout * sizeof *y);
        assert_true(scratch && y);
        for (int type = 0; type < 2; type++) {
            ut_tensor weight = {.data = type ? (void *)half : (void *)w,
                                .dtype = type ? UT_F16 : UT_F32,
                                .rank = 3,
                                .shape = {COUT, CIN, kernel, 1}};
            ut_conv1d(y, x, CIN, T, &weight, bias, stride, padding, dilation, scratch);
            for (int c = 0; c < COUT; c++)
                for (int o = 0; o < tout; o++) {
                    double sum = bias[c];
                    for (int i = 0; i < CIN; i++)
                        for (int p = 0; p < kernel; p++) {
                            int at = o * stride - padding + p * dilation;
                            if (at >= 0 && at < T)
                                sum += (double)x[i * T + at] * w[(c * CIN + i) * kernel + p];
                        }
                    assert_near(y[c * tout + o], sum, type ? 1e-2 : 1e-5);
                }
        }
        free(w);
        free(half);
        free(bias);
        free(scratch);
        free(y);
    }
    free(x);
}

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static void test_lstm(void **unused)
{
    (void)unused;
    enum { T = 6, INPUT = 5, HIDDEN = 4, LDY = 9 };
    float *x = ut_test_floats(T * INPUT);
    float *w_ih = ut_test_floats(4 * HIDDEN * INPUT);
    float *w_hh = ut_test_floats(4 * HIDDEN * HIDDEN);
    float *b_ih = ut_test_floats(4 * HIDDEN);
    float *b_hh = ut_test_floats(4 * HIDDEN);
    const ut_tensor ih = {.data = w_ih, .rank = 2, .shape = {4 * HIDDEN, INPUT, 1, 1}};
    const ut_tensor hh = {.data = w_hh, .rank = 2, .shape = {4 * HIDDEN, HIDDEN, 1, 1}};
    for (int reverse = 0; reverse < 2; reverse++) {
        float y[T * LDY], h[HIDDEN] = {0}, c[HIDDEN] = {0};
        float scratch[4 * HIDDEN * T];
        assert_int_equal(ut_lstm_scratch(T, HIDDEN), 4 * HIDDEN * T);
        ut_lstm(y, LDY, x, T, INPUT, HIDDEN, &ih, &hh, b_ih, b_hh, h, c, reverse, scratch);
        double wh[HIDDEN] = {0}, wc[HIDDEN] = {0};
        for (int s = 0; s < T; s++) {
            int at = reverse ? T - 1 - s : s;
            double gates[4 * HIDDEN];
            for (int g = 0; g < 4 * HIDDEN; g++) {
                gates[g] = (double)b_ih[g] + b_hh[g];
                for (int p = 0; p < INPUT; p++)
                    gates[g] += (double)w_ih[g * INPUT + p] * x[at * INPUT + p];
                for (int p = 0; p < HIDDEN; p++)
                    gates[g] += (double)w_hh[g * HIDDEN + p] * wh[p];
            }
            for (int q = 0; q < HIDDEN; q++) {
                wc[q] = logistic(gates[HIDDEN + q]) * wc[q] +
                        logistic(gates[q]) * tanh(gates[2 * HIDDEN + q]);
                wh[q] = logistic(gates[3 * HIDDEN + q]) * tanh(wc[q]);
            }
            for (int q = 0; q < HIDDEN; q++)
                assert_near(y[at * LDY + q], wh[q], 1e-5);
        }
        for (int q = 0; q < HIDDEN; q++) {
            assert_near(h[q], wh[q], 1e-5);
            assert_near(c[q], wc[q], 1e-5);
        }
    }
    free(x);
    free(w_ih);
    free(w_hh);
    free(b_ih);
    free(b_hh);
}

static void test_log_sum_exp(void **unused)
{
    (void)unused;
    float *x = ut_test_floats(1000);
    double sum = 0.0;
    for (int i = 0; i < 1000; i++) {
        x[i] = 40.0f * x[i] + 500.0f;
        sum += exp((double)x[i] - 500.0);
    }
    assert_near(ut_log_sum_exp(x, 1000), 500.0 + log(sum), 1e-4);
    x[0] = x[1] = -INFINITY;
    assert_true(isinf(ut_log_sum_exp(x, 2)) && ut_log_sum_exp(x, 2) < 0);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),    cmocka_unit_test(test_linear_types),
        cmocka_unit_test(test_wide_i8), cmocka_unit_test(test_conv),
        cmocka_unit_test(test_lstm),    cmocka_unit_test(test_log_sum_exp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
