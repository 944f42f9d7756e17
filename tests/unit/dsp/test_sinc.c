/* Between samples stands what the sine they were taken of has there. */
#include "ut_test.h"

#include <math.h>

#include "dsp/sinc.h"

enum { N = 400 };

static void test_values_and_peaks(void **unused)
{
    (void)unused;
    double y[N], where;
    for (int period = 7; period < 60; period += 11) {
        for (int i = 0; i < N; i++)
            y[i] = cos(2.0 * M_PI * (i - 200.37) / period);
        for (double x = 150.1; x < 250.0; x += 7.7)
            assert_near(ut_sinc_at(y, N, x, 70), cos(2.0 * M_PI * (x - 200.37) / period), 1e-3);
        assert_near(ut_sinc_peak(y, N, 200, 70, &where), 1.0, 1e-3);
        assert_near(where, 200.37, 1e-3);
    }
    assert_near(ut_sinc_at(y, N, 17.0, 70), y[17], 0.0);
    assert_near(ut_sinc_at(y, N, -3.0, 70), y[0], 0.0);
    assert_near(ut_sinc_at(y, N, 1e6, 70), y[N - 1], 0.0);
}

/* A sample away from the end it is a line, two away a cubic, which has a parabola exactly. */
static void test_near_the_ends(void **unused)
{
    (void)unused;
    double y[9];
    for (int i = 0; i < 9; i++)
        y[i] = i * i;
    assert_near(ut_sinc_at(y, 9, 7.25, 70), 0.75 * 49.0 + 0.25 * 64.0, 1e-12);
    assert_near(ut_sinc_at(y, 9, 0.5, 70), 0.5, 1e-12);
    assert_near(ut_sinc_at(y, 9, 6.25, 70), 6.25 * 6.25, 1e-12);
    assert_near(ut_sinc_at(y, 9, 1.75, 70), 1.75 * 1.75, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_and_peaks),
                                       cmocka_unit_test(test_near_the_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
