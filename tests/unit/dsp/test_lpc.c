/* Linear prediction of signals whose resonances are known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/lpc.h"

enum { ORDER = 6, N = 4000 };
static const double RATE = 10000.0;
static const double HZ[] = {500.0, 1500.0, 2600.0}, BANDWIDTH[] = {60.0, 90.0, 150.0};

/* Three resonators in a row, as 1 / a. */
static void resonators(double *a)
{
    double b[ORDER + 1] = {1.0};
    for (int i = 0; i < 3; i++) {
        double r = exp(-M_PI * BANDWIDTH[i] / RATE), p = -2.0 * r * cos(2.0 * M_PI * HZ[i] / RATE);
        for (int k = ORDER; k > 0; k--)
            b[k] += p * b[k - 1] + (k > 1 ? r * r * b[k - 2] : 0.0);
    }
    for (int k = 0; k <= ORDER; k++)
        a[k] = b[k];
}

/* What the resonators make of one impulse, or of noise. */
static double *ring(bool noise)
{
    double a[ORDER + 1], *x = calloc(N, sizeof *x);
    assert_non_null(x);
    resonators(a);
    for (int t = 0; t < N; t++) {
        x[t] = noise ? (double)ut_test_noise() : t == 0;
        for (int k = 1; k <= ORDER && k <= t; k++)
            x[t] -= a[k] * x[t - k];
    }
    return x;
}

static void expect_resonances(const double *a, double tolerance)
{
    ut_lpc_formant found[ORDER];
    assert_int_equal(ut_lpc_formants(a, ORDER, RATE, 50.0, 4950.0, found), 3);
    for (int i = 0; i < 3; i++) {
        assert_near(found[i].hz, HZ[i], tolerance);
        assert_near(found[i].bandwidth, BANDWIDTH[i], tolerance);
    }
    assert_int_equal(ut_lpc_formants(a, ORDER, RATE, 1000.0, 2000.0, found), 1);
    assert_near(found[0].hz, HZ[1], tolerance);
}

static void test_levinson(void **unused)
{
    (void)unused;
    double *x = ring(false), r[ORDER + 1], a[ORDER + 1];
    for (int lag = 0; lag <= ORDER; lag++) {
        r[lag] = 0.0;
        for (int t = lag; t < N; t++)
            r[lag] += x[t] * x[t - lag];
    }
    ut_lpc_levinson(r, ORDER, a);
    expect_resonances(a, 0.01);
    free(x);
}

static void test_burg(void **unused)
{
    (void)unused;
    double *x = ring(true), *work = calloc(2 * N, sizeof *work), a[ORDER + 1], first[ORDER + 1];
    assert_non_null(work);
    ut_lpc_burg(x, N, ORDER, first, work);
    expect_resonances(first, 20.0);
    for (int t = 0; t < N; t++)
        x[t] *= 1e-6;
    ut_lpc_burg(x, N, ORDER, a, work);
    for (int k = 0; k <= ORDER; k++)
        assert_near(a[k], first[k], 1e-9);
    free(work);
    free(x);
}

static void test_nothing_to_predict(void **unused)
{
    (void)unused;
    double r[ORDER + 1] = {0}, x[8] = {0}, work[16], a[ORDER + 1];
    ut_lpc_formant found[ORDER];
    ut_lpc_levinson(r, ORDER, a);
    assert_int_equal(ut_lpc_formants(a, ORDER, RATE, 0.0, 5000.0, found), 0);
    for (size_t n = 0; n <= 8; n++) {
        ut_lpc_burg(x, n, ORDER, a, work);
        assert_int_equal(ut_lpc_formants(a, ORDER, RATE, 0.0, 5000.0, found), 0);
    }
}

/* Of polynomials of random roots each comes back. */
static void test_roots(void **unused)
{
    (void)unused;
    for (int turn = 0; turn < 300; turn++) {
        int pairs = 1 + turn % 7;
        double a[UT_LPC_ORDER_MOST + 1] = {1.0}, hz[7], bandwidth[7];
        for (int i = 0; i < pairs; i++) {
            hz[i] = 500.0 * i + 200.0 + 150.0 * (double)ut_test_noise();
            double r = 0.9 + 0.09 * (double)ut_test_noise();
            bandwidth[i] = -log(r) * RATE / M_PI;
            for (int k = 2 * i + 2; k > 0; k--)
                a[k] += -2.0 * r * cos(2.0 * M_PI * hz[i] / RATE) * a[k - 1] +
                        (k > 1 ? r * r * a[k - 2] : 0.0);
        }
        ut_lpc_formant found[UT_LPC_ORDER_MOST];
        assert_int_equal(ut_lpc_formants(a, 2 * pairs, RATE, 0.0, 5000.0, found), pairs);
        for (int i = 0; i < pairs; i++) {
            assert_near(found[i].hz, hz[i], 0.1);
            assert_near(found[i].bandwidth, bandwidth[i], 0.1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levinson),
        cmocka_unit_test(test_burg),
        cmocka_unit_test(test_nothing_to_predict),
        cmocka_unit_test(test_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
