/* Formants of a made-up vowel whose resonances are known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/formants.h"

enum { RATE = UT_FORMANTS_RATE, N = RATE, FRAMES = 152 };
static const double HZ[UT_FORMANTS] = {650.0, 1200.0, 2500.0, 3500.0, 4600.0};
static const double BANDWIDTH[UT_FORMANTS] = {80.0, 90.0, 120.0, 150.0, 200.0};

/* Noise whose spectrum falls by 6 dB an octave, as a voice's does, through five resonators. */
static float *vowel(float gain)
{
    float *x = calloc(N, sizeof *x);
    double *y = calloc(N, sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int t = 0; t < N; t++)
        y[t] = (t ? 0.98 * y[t - 1] : 0.0) + (double)ut_test_noise();
    for (int i = 0; i < UT_FORMANTS; i++) {
        double r = exp(-M_PI * BANDWIDTH[i] / RATE), p = 2.0 * r * cos(2.0 * M_PI * HZ[i] / RATE);
        for (int t = 0; t < N; t++)
            y[t] += (t > 0 ? p * y[t - 1] : 0.0) - (t > 1 ? r * r * y[t - 2] : 0.0);
    }
    for (int t = 0; t < N; t++)
        x[t] = (float)(y[t] * 1e-4) * gain;
    free(y);
    return x;
}

static ut_formant_frame *track(const float *x, size_t n, size_t *count)
{
    ut_error err = {0};
    *count = ut_formant_frames(n);
    ut_formant_frame *frames = calloc(*count + 1, sizeof *frames);
    assert_non_null(frames);
    if (ut_formant_track(x, n, frames, &err) != UT_OK)
        fail_msg("%s", err.message);
    return frames;
}

/* The fifth, the weakest and near the edge, is not found in some frames. */
static void test_vowel(void **unused)
{
    (void)unused;
    size_t count;
    float *x = vowel(1.0f);
    ut_formant_frame *frames = track(x, N, &count);
    assert_int_equal(count, FRAMES);
    for (int i = 0; i < 4; i++) {
        double hz = 0.0, width = 0.0;
        size_t seen = 0;
        for (size_t f = 0; f < count; f++)
            if (frames[f].count >= 4) {
                hz += frames[f].formants[i].hz;
                width += frames[f].formants[i].bandwidth;
                seen++;
            }
        assert_true(seen > count * 9 / 10);
        assert_near(hz / (double)seen, HZ[i], 0.03 * HZ[i]);
        if (i < 2)
            assert_near(width / (double)seen, BANDWIDTH[i], 0.3 * BANDWIDTH[i]);
    }
    free(frames);
    free(x);
}

/* The level of the sound does not matter; a power of two changes no digit. */
static void test_level(void **unused)
{
    (void)unused;
    size_t count;
    float *x = vowel(1.0f);
    ut_formant_frame *loud = track(x, N, &count);
    for (int t = 0; t < N; t++)
        x[t] *= 0x1p-10f;
    ut_formant_frame *soft = track(x, N, &count);
    for (size_t f = 0; f < count; f++) {
        assert_int_equal(loud[f].count, soft[f].count);
        for (int i = 0; i < loud[f].count; i++)
            assert_near(loud[f].formants[i].hz, soft[f].formants[i].hz, 1e-6);
    }
    free(soft);
    free(loud);
    free(x);
}

/* The numbers of frames are Praat's: it has 152 in a second, though 153 would fill it exactly. */
static void test_places(void **unused)
{
    (void)unused;
    assert_int_equal(ut_formant_frames(0), 0);
    assert_int_equal(ut_formant_frames(15), 0);
    assert_int_equal(ut_formant_frames(16), 1);
    assert_int_equal(ut_formant_frames(RATE / 20), 1);
    assert_near(ut_formant_time(RATE / 20, 0), 0.025 + 0.5 / 11000, 1e-9);
    assert_int_equal(ut_formant_frames(900), 2);
    assert_near(ut_formant_time(900, 0), 0.025, 1e-9);
    assert_int_equal(ut_formant_frames(1000), 3);
    assert_int_equal(ut_formant_frames(1100), 3);
    assert_near(ut_formant_time(1100, 0), 0.028125, 1e-9);
    assert_int_equal(ut_formant_frames(N), FRAMES);
    assert_near(ut_formant_time(N, 0) + ut_formant_time(N, FRAMES - 1), 1.0, 1e-9);
    assert_near(ut_formant_time(N, 1) - ut_formant_time(N, 0), 0.00625, 1e-9);
}

static void test_silence(void **unused)
{
    (void)unused;
    size_t count;
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    ut_formant_frame *frames = track(x, N, &count);
    for (size_t f = 0; f < count; f++)
        assert_int_equal(frames[f].count, 0);
    free(frames);
    frames = track(x, 10, &count);
    assert_int_equal(count, 0);
    free(frames);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vowel),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
