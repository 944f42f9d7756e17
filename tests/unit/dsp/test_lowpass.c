/* The cut of a whole spectrum against the sums that define it, and the way to 11 kHz that rests on
 * it. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/downsample.h"
#include "dsp/lowpass.h"

/* What ut_lowpass() promises, by the definition of the transform. */
static void by_definition(const double *x, size_t points, size_t kept, double *out)
{
    for (size_t t = 0; t < points; t++)
        out[t] = 0.0;
    for (size_t k = 0; k < points / 2; k++) {
        double re = 0.0, im = 0.0, share = k ? 2.0 / (double)points : 1.0 / (double)points;
        for (size_t t = 0; t < points; t++) {
            double angle = 2.0 * M_PI * (double)(k * t % points) / (double)points;
            re += x[t] * cos(angle);
            im -= x[t] * sin(angle);
        }
        for (size_t t = 0; t < points; t++) {
            double angle = 2.0 * M_PI * (double)(k * t % points) / (double)points;
            if (2 * k < kept)
                out[t] += share * re * cos(angle);
            if (k && 2 * k + 1 < kept)
                out[t] -= share * im * sin(angle);
        }
    }
}

static void test_cut_by_definition(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {4, 8, 16, 32, 64, 256, 512};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        const size_t kept[] = {0, 1, 2, 3, n / 4, n / 2 - 1, n / 2, n / 2 + 1, 11 * n / 16 - 1, n};
        double *x = calloc(2 * n, sizeof *x), *expected = x + n;
        assert_non_null(x);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            for (size_t t = 0; t < n; t++)
                x[t] = (double)ut_test_noise();
            by_definition(x, n, kept[i], expected);
            assert_int_equal(ut_lowpass(x, n, kept[i], NULL), UT_OK);
            for (size_t t = 0; t < n; t++)
                assert_near(x[t], expected[t], 1e-12);
        }
        free(x);
    }
}

/* Beyond the table of fine roots: tones of whole numbers of periods stay or go, whole. */
static void test_long(void **unused)
{
    (void)unused;
    enum { N = 1 << 18, LOW = 1000, HIGH = 90113 };
    double *x = calloc(N, sizeof *x);
    assert_non_null(x);
    for (size_t t = 0; t < N; t++)
        x[t] = sin(2.0 * M_PI * (double)(LOW * t % N) / N) +
               1e6 * cos(2.0 * M_PI * (double)(HIGH * t % N) / N);
    assert_int_equal(ut_lowpass(x, N, 2 * HIGH, NULL), UT_OK);
    for (size_t t = 0; t < N; t++)
        assert_near(x[t], sin(2.0 * M_PI * (double)(LOW * t % N) / N), 1e-8);
    assert_int_equal(ut_lowpass_points(1), 4);
    assert_int_equal(ut_lowpass_points(4096), 4096);
    assert_int_equal(ut_lowpass_points(4097), 8192);
    free(x);
}

static void test_places(void **unused)
{
    (void)unused;
    assert_int_equal(ut_downsample_count(1), 1);
    assert_int_equal(ut_downsample_count(1000), 688); /* of 687.5 */
    assert_int_equal(ut_downsample_count(9600000), 6600000);
    for (size_t n = 1; n < 40; n++) {
        double last =
            ut_downsample_first(n) + (double)(ut_downsample_count(n) - 1) / UT_DOWNSAMPLE_TO;
        assert_near(ut_downsample_first(n) + last, (double)n / UT_DOWNSAMPLE_FROM, 1e-12);
    }
}

/* Of a tone below 5500 Hz and a louder one above, the first stays; at the ends, where the sum
 * begins out of nothing, not to all digits. */
static void test_two_tones(void **unused)
{
    (void)unused;
    enum { N = 32003, END = 1000 };
    double low = 2.0 * M_PI * 1234.5, high = 2.0 * M_PI * 6100.0, *out;
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    for (size_t t = 0; t < N; t++) {
        double at = ((double)t + 0.5) / UT_DOWNSAMPLE_FROM;
        x[t] = (float)(0.1 * sin(low * at) + 0.4 * sin(high * at));
    }
    assert_int_equal(ut_downsample(x, N, &out, NULL), UT_OK);
    for (size_t i = END; i < ut_downsample_count(N) - END; i++) {
        double at = ut_downsample_first(N) + (double)i / UT_DOWNSAMPLE_TO;
        assert_near(out[i], 0.1 * sin(low * at), 5e-4);
    }
    free(out);
    free(x);
}

/* Every length up to more than the reach of the interpolation: all within the signal. */
static void test_short(void **unused)
{
    (void)unused;
    for (size_t n = 1; n <= 160; n++) {
        float *x = malloc(n * sizeof *x);
        double *out;
        assert_non_null(x);
        for (size_t t = 0; t < n; t++)
            x[t] = 1.0f;
        assert_int_equal(ut_downsample(x, n, &out, NULL), UT_OK);
        for (size_t i = 0; i < ut_downsample_count(n); i++)
            assert_true(fabs(out[i]) < 1.3);
        free(out);
        free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_by_definition),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_two_tones),
        cmocka_unit_test(test_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
