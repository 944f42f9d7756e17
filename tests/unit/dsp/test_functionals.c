/* Statistics of contours that can be worked out by hand. */
#include "ut_test.h"

#include <math.h>

#include "dsp/functionals.h"

static void test_moments(void **unused)
{
    (void)unused;
    static const float x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    ut_moments m = ut_moments_of(x, 8);
    assert_near(m.mean, 5.0, 1e-12);
    assert_near(m.deviation, 2.0, 1e-12);
    assert_near(ut_coefficient_of_variation(m), 0.4, 1e-12);
    static const float below[] = {-1, -3};
    assert_near(ut_coefficient_of_variation(ut_moments_of(below, 2)), -0.5, 1e-12);
    static const float around[] = {-1, 1};
    assert_near(ut_coefficient_of_variation(ut_moments_of(around, 2)), 0.0, 0.0);
    m = ut_moments_of(NULL, 0);
    assert_near(m.mean, 0.0, 0.0);
    assert_near(m.deviation, 0.0, 0.0);
}

static void test_quantiles(void **unused)
{
    (void)unused;
    float x[] = {50, 10, 30, 20, 40};
    ut_sort(x, 5);
    assert_near(x[0], 10.0, 0.0);
    assert_near(ut_quantile(x, 5, 0.5), 30.0, 1e-6);
    assert_near(ut_quantile(x, 5, 0.2), 18.0, 1e-5);
    assert_near(ut_quantile(x, 5, 0.8), 42.0, 1e-5);
    assert_near(ut_quantile(x, 5, 1.0), 50.0, 1e-6);
    assert_near(ut_quantile(x, 1, 0.7), 10.0, 0.0);
    assert_near(ut_quantile(x, 0, 0.7), 0.0, 0.0);
}

/* A zigzag: up by 1 in 10 steps, down by 1 in 20, `turns` times. */
static size_t zigzag(float *x, int turns)
{
    size_t n = 0;
    for (int t = 0; t < turns; t++) {
        for (int i = 0; i < 10; i++)
            x[n++] = (float)i / 10.0f;
        for (int i = 0; i < 20; i++)
            x[n++] = 1.0f - (float)i / 20.0f;
    }
    x[n++] = 0.0f;
    return n;
}

static void test_slopes(void **unused)
{
    (void)unused;
    float x[256];
    size_t n = zigzag(x, 5);
    ut_slopes s = ut_slopes_of(x, n, 0.01);
    assert_int_equal(s.peaks, 5);
    assert_near(s.rising.mean, 10.0, 1e-3);
    assert_near(s.rising.deviation, 0.0, 1e-3);
    /* A ripple below a tenth of the range makes no peak. */
    for (size_t i = 0; i < n; i++)
        x[i] += i % 2 ? 0.03f : 0.0f;
    assert_int_equal(ut_slopes_of(x, n, 0.01).peaks, 5);
}

static void test_flat_and_short(void **unused)
{
    (void)unused;
    static const float flat[] = {3, 3, 3, 3, 3}, rising[] = {1, 2, 3, 4};
    for (size_t n = 0; n <= 5; n++) {
        ut_slopes s = ut_slopes_of(flat, n, 0.01);
        assert_int_equal(s.peaks, 0);
        assert_near(s.rising.mean, 0.0, 0.0);
        assert_near(s.falling.deviation, 0.0, 0.0);
    }
    assert_int_equal(ut_slopes_of(rising, 4, 0.01).peaks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_flat_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
