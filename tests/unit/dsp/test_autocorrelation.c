/* The autocorrelation is the sum that it is defined by. */
#include "ut_test.h"

#include <math.h>

#include "dsp/autocorrelation.h"

enum { MOST = 700 };

static double sum_at(const double *x, size_t width, size_t lag)
{
    double sum = 0.0;
    for (size_t i = 0; i + lag < width; i++)
        sum += x[i] * x[i + lag];
    return sum;
}

static void test_against_the_sum(void **unused)
{
    (void)unused;
    static const size_t widths[] = {1, 2, 3, 17, 64, 250, 638};
    double x[MOST], r[MOST];
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        size_t width = widths[w], lags = width / 2 + 3;
        ut_autocorrelation *a = ut_autocorrelation_create(width, lags);
        assert_non_null(a);
        /* What lies behind the frame must not count; a second run sees nothing of the first. */
        for (int again = 0; again < 2; again++) {
            for (size_t i = 0; i < MOST; i++)
                x[i] = sin((double)(i * i % 97) + again) + 0.2;
            ut_autocorrelation_run(a, x, r);
            for (size_t lag = 0; lag <= lags; lag++)
                assert_near(r[lag], sum_at(x, width, lag), 1e-12 * (double)width);
        }
        ut_autocorrelation_destroy(a);
    }
    ut_autocorrelation_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_sum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
