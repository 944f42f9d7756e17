/* Intensity of signals whose mean square is known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/intensity.h"

enum { RATE = UT_INTENSITY_RATE, N = RATE };
static const double LOWEST = 75.0;

static double *track(const float *x, size_t n, size_t *count)
{
    *count = ut_intensity_frames(LOWEST, n);
    double *db = calloc(*count + 1, sizeof *db);
    assert_non_null(db);
    assert_int_equal(ut_intensity_track(LOWEST, x, n, db, NULL), UT_OK);
    return db;
}

/* A sine of amplitude a has a mean square of a^2 / 2; what does not move is not heard. */
static void test_sine(void **unused)
{
    (void)unused;
    size_t count;
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    static const double amplitudes[] = {0.5, 1e-2, 1e-4};
    for (size_t i = 0; i < 3; i++) {
        double a = amplitudes[i];
        for (size_t t = 0; t < N; t++)
            x[t] = (float)(0.25 + a * sin(2.0 * M_PI * 440.0 * (double)t / RATE));
        double *db = track(x, N, &count);
        assert_int_equal(count, 86);
        for (size_t f = 0; f < count; f++)
            assert_near(db[f], 10.0 * log10(0.5 * a * a / 4e-10), 0.01);
        free(db);
    }
    free(x);
}

/* A click is heard as long as the window covers it, and most in its middle. */
static void test_click(void **unused)
{
    (void)unused;
    size_t count, loudest = 0;
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    x[N / 2] = 1.0f;
    double *db = track(x, N, &count);
    for (size_t f = 0; f < count; f++) {
        double away = fabs(ut_intensity_time(LOWEST, N, f) - 0.5);
        if (away > 0.0427)
            assert_near(db[f], -300.0, 0.0);
        else if (away < 0.042)
            assert_true(db[f] > -30.0);
        loudest = db[f] > db[loudest] ? f : loudest;
    }
    assert_near(ut_intensity_time(LOWEST, N, loudest), 0.5, 0.5 * ut_intensity_hop(LOWEST));
    free(db);
    free(x);
}

static void test_places(void **unused)
{
    (void)unused;
    assert_int_equal(ut_intensity_frames(LOWEST, 0), 0);
    assert_int_equal(ut_intensity_frames(LOWEST, 1365), 0);
    assert_int_equal(ut_intensity_frames(LOWEST, 1366), 1);
    assert_near(ut_intensity_time(LOWEST, 1366, 0), 0.5 * 1366 / RATE, 1e-12);
    assert_near(ut_intensity_time(LOWEST, N, 0) + ut_intensity_time(LOWEST, N, 85), 1.0, 1e-12);
    for (size_t n = 1366; n < 3000; n++) {
        float *x = malloc(n * sizeof *x);
        size_t count;
        assert_non_null(x);
        for (size_t t = 0; t < n; t++)
            x[t] = t % 2 ? 1.0f : -1.0f;
        double *db = track(x, n, &count);
        for (size_t f = 0; f < count; f++)
            assert_near(db[f], 10.0 * log10(1.0 / 4e-10), 1e-4);
        free(db);
        free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sine),
        cmocka_unit_test(test_click),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
