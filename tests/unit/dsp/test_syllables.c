/* Syllables and pauses of made-up speech that has as many as it has. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/syllables.h"

enum { RATE = UT_SYLLABLES_RATE, SECONDS = 8, N = SECONDS * RATE };

/* Five swells a second of a voice at 150 Hz, or of noise, from second `begin` to `end`. */
static void speak(float *x, double begin, double end, double gain, bool voiced)
{
    for (size_t t = (size_t)(begin * RATE); t < (size_t)(end * RATE); t++) {
        double at = (double)t / RATE - begin, swell = 0.05 + pow(sin(M_PI * 5.0 * at), 2.0);
        double y = 0.0;
        for (int h = 1; h <= 10; h++)
            y += sin(2.0 * M_PI * 150.0 * h * at) / h;
        x[t] = (float)(gain * swell * (voiced ? y : (double)ut_test_noise()));
    }
}

static float *silence(void)
{
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    return x;
}

static ut_syllables find(const float *x, size_t n)
{
    ut_pitch_options o = ut_syllables_pitch();
    ut_pitch_frame *pitch = calloc(ut_pitch_frames(&o, n) + 1, sizeof *pitch);
    ut_syllables found;
    assert_non_null(pitch);
    assert_int_equal(ut_pitch_track(&o, x, n, pitch, NULL), UT_OK);
    assert_int_equal(ut_syllables_find(x, n, &o, pitch, &found, NULL), UT_OK);
    free(pitch);
    return found;
}

/* Silence before and behind is no pause, and a gap of a quarter second is none either. */
static void test_counts(void **unused)
{
    (void)unused;
    float *x = silence();
    speak(x, 1.0, 2.0, 0.1, true);
    speak(x, 2.25, 3.25, 0.1, true);
    speak(x, 4.25, 6.25, 0.1, true);
    ut_syllables s = find(x, N);
    assert_int_equal(s.count, 20);
    assert_int_equal(s.pauses, 1);
    assert_near(s.paused, 1.0, 0.15);
    assert_near(s.phonation, 4.25, 0.25);
    for (size_t i = 0; i < N; i++)
        x[i] *= 0x1p-7f;
    ut_syllables soft = find(x, N);
    assert_int_equal(soft.count, 20);
    assert_near(soft.phonation, s.phonation, 1e-12);
    free(x);
}

static void test_noise_has_no_nuclei(void **unused)
{
    (void)unused;
    float *x = silence();
    speak(x, 1.0, 3.0, 0.3, true);
    speak(x, 4.0, 6.0, 0.3, false);
    ut_syllables s = find(x, N);
    assert_in_range(s.count, 10, 11);
    assert_int_equal(s.pauses, 1);
    assert_near(s.phonation, 4.0, 0.25);
    free(x);
}

/* What is 25 dB below the loudest does not sound, nor does a click. */
static void test_faint_and_short(void **unused)
{
    (void)unused;
    float *x = silence();
    speak(x, 1.0, 3.0, 0.3, true);
    speak(x, 4.0, 6.0, 0.3 * 0.04, true);
    x[(size_t)(3.5 * RATE)] = 0.05f;
    ut_syllables s = find(x, N);
    assert_int_equal(s.count, 10);
    assert_int_equal(s.pauses, 0);
    assert_near(s.phonation, 2.0, 0.15);
    free(x);
}

static void test_nothing(void **unused)
{
    (void)unused;
    float *x = silence();
    ut_syllables s = find(x, N);
    assert_true(s.count == 0 && s.pauses == 0 && s.phonation == 0.0 && s.paused == 0.0);
    for (size_t i = 0; i < UT_SYLLABLES_SHORTEST; i++)
        x[i] = 0.1f * ut_test_noise();
    s = find(x, UT_SYLLABLES_SHORTEST);
    assert_int_equal(s.count, 0);
    assert_near(s.phonation, (double)UT_SYLLABLES_SHORTEST / RATE, 1e-12);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_noise_has_no_nuclei),
        cmocka_unit_test(test_faint_and_short),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
