/* Pulses, jitter, shimmer and harmonicity of signals whose answers are known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/harmonicity.h"
#include "dsp/perturbation.h"
#include "dsp/pulses.h"
#include "dsp/voice_report.h"

enum { RATE = 16000, N = 2 * RATE };

static void test_names(void **unused)
{
    (void)unused;
    assert_null(ut_voice_report_name(UT_VOICE_REPORT));
    for (size_t i = 0; i < UT_VOICE_REPORT; i++)
        for (size_t q = 0; q < i; q++)
            assert_string_not_equal(ut_voice_report_name(i), ut_voice_report_name(q));
}

/* ------------------------------------------------------------------------- jitter */

static ut_jitter jitter_of(const double *lengths, size_t count)
{
    double times[32] = {0.5};
    ut_jitter j;
    assert_true(count < 32);
    for (size_t i = 0; i < count; i++)
        times[i + 1] = times[i] + lengths[i];
    assert_int_equal(ut_jitter_measure(times, count + 1, &j, NULL), UT_OK);
    return j;
}

static void test_jitter(void **unused)
{
    (void)unused;
    const double turns[] = {0.010, 0.011, 0.010, 0.011, 0.010, 0.011};
    ut_jitter j = jitter_of(turns, 6);
    assert_int_equal(j.periods, 6);
    assert_near(j.mean, 0.0105, 1e-12);
    assert_near(j.deviation, 0.0005 * sqrt(6.0 / 5.0), 1e-12);
    assert_near(j.local_absolute, 0.001, 1e-12);
    assert_near(j.local, 0.001 / 0.0105, 1e-10);
    assert_near(j.rap, 0.002 / 3.0 / 0.0105, 1e-10);
    assert_near(j.ddp, 3.0 * j.rap, 1e-12);
    assert_near(j.ppq5, 0.0004 / 0.0105, 1e-10);

    /* A pause and a jump by half: neither is a period's neighbour, and one period stands alone. */
    const double broken[] = {0.010, 0.010, 0.010, 0.3, 0.015, 0.010, 0.010, 0.012};
    j = jitter_of(broken, 8);
    assert_int_equal(j.periods, 6);
    assert_near(j.local_absolute, 0.002 / 4.0, 1e-12);
    assert_near(j.rap, 0.5 * (0.0 + 0.002 / 3.0) / j.mean, 1e-10);
    assert_true(isnan(j.ppq5));
}

static void test_nothing_to_compare(void **unused)
{
    (void)unused;
    const double alone[] = {0.010}, apart[] = {0.010, 0.5, 0.010};
    assert_true(isnan(jitter_of(alone, 1).local));
    assert_int_equal(jitter_of(alone, 1).periods, 1);
    assert_true(isnan(jitter_of(apart, 3).local));
    for (size_t count = 0; count < 3; count++) {
        ut_jitter j;
        ut_shimmer s;
        float pcm[64] = {0};
        const double times[] = {0.001, 0.002};
        assert_int_equal(ut_jitter_measure(times, count < 2 ? count : 2, &j, NULL), UT_OK);
        assert_int_equal(ut_shimmer_measure(times, count < 2 ? count : 2, pcm, 64, RATE, &s, NULL),
                         UT_OK);
        assert_true(isnan(s.local) && isnan(s.local_db) && isnan(s.apq11) && isnan(j.rap));
    }
}

/* ------------------------------------------------------------------------ shimmer */

/* Periods of 10 ms whose samples are all of one height. */
static void test_shimmer(void **unused)
{
    (void)unused;
    enum { PERIOD = RATE / 100, COUNT = 40 };
    static float pcm[COUNT * PERIOD];
    static double times[COUNT];
    ut_shimmer s;
    for (size_t p = 0; p < COUNT; p++) {
        times[p] = ((double)p + 0.5) / 100.0;
        for (size_t i = 0; i < PERIOD; i++)
            pcm[p * PERIOD + i] = p % 2 ? 0.3f : -0.25f;
    }
    assert_int_equal(ut_shimmer_measure(times, COUNT, pcm, COUNT * PERIOD, RATE, &s, NULL), UT_OK);
    /* 38 pulses lie between two periods; of all but the last, 19 are of 0.3. */
    double mean = (19.0 * 0.3 + 18.0 * 0.25) / 37.0;
    assert_near(s.local, 0.05 / mean, 1e-6);
    assert_near(s.local_db, 20.0 * log10(0.3 / 0.25), 1e-5);
    assert_near(s.apq3, 0.1 / 3.0 / mean, 1e-6);
    assert_near(s.dda, 0.1 / mean, 1e-6);
    assert_near(s.apq5, 0.05 * 2.0 / 5.0 / mean, 1e-6);
    assert_near(s.apq11, 0.05 * 6.0 / 11.0 / mean, 1e-6);

    /* A step of more than 1.6 is not counted. */
    for (size_t i = COUNT / 2 * PERIOD; i < COUNT * PERIOD; i++)
        pcm[i] *= 3.0f;
    assert_int_equal(ut_shimmer_measure(times, COUNT, pcm, COUNT * PERIOD, RATE, &s, NULL), UT_OK);
    assert_near(s.local_db, 20.0 * log10(0.3 / 0.25), 1e-5);

    /* Silence has no ratios. */
    memset(pcm, 0, sizeof pcm);
    assert_int_equal(ut_shimmer_measure(times, COUNT, pcm, COUNT * PERIOD, RATE, &s, NULL), UT_OK);
    assert_true(isnan(s.local) && isnan(s.local_db));
}

/* ------------------------------------------------------------------------- pulses */

/* Decaying strokes `period` samples apart between two moments, silence around. */
static float *strokes(size_t period, size_t from, size_t to)
{
    float *x = calloc(N, sizeof *x);
    assert_non_null(x);
    for (size_t at = from; at < to; at += period)
        for (size_t i = 0; i < 400 && at + i < N; i++)
            x[at + i] -= (float)(0.5 * exp(-(double)i / 20.0) * cos((double)i / 4.0));
    return x;
}

static ut_pulses pulses_of(const float *x, size_t n)
{
    ut_pitch_options o = ut_pitch_defaults(RATE);
    size_t frames = ut_pitch_frames(&o, n);
    ut_pitch_frame *pitch = calloc(frames + 1, sizeof *pitch);
    ut_pulses pulses;
    assert_non_null(pitch);
    assert_int_equal(ut_pitch_track(&o, x, n, pitch, NULL), UT_OK);
    assert_int_equal(ut_pulses_find(&o, x, n, pitch, frames, &pulses, NULL), UT_OK);
    free(pitch);
    return pulses;
}

static void test_pulses(void **unused)
{
    (void)unused;
    static const size_t periods[] = {160, 101, 80};
    for (size_t p = 0; p < 3; p++) {
        float *x = strokes(periods[p], 8000, 24000);
        ut_pulses pulses = pulses_of(x, N);
        double length = (double)periods[p] / RATE, all = 1.0 / length;
        assert_in_range(pulses.count, (size_t)(all - 3.0), (size_t)(all + 3.0));
        for (size_t i = 0; i < pulses.count; i++) {
            double phase = (pulses.times[i] - 8000.5 / RATE) / length;
            if (i > 1 && i + 2 < pulses.count) {
                assert_near(phase, round(phase), 0.1);
                assert_near(pulses.times[i] - pulses.times[i - 1], length, 1e-6);
            }
        }
        ut_pulses_free(&pulses);
        free(x);
    }
}

/* Up to both ends of the signal, where windows reach beyond it. */
static void test_pulses_to_the_ends(void **unused)
{
    (void)unused;
    float *x = strokes(205, 0, N);
    for (size_t n = N - 500; n < N; n += 37) {
        ut_pulses pulses = pulses_of(x, n);
        assert_in_range(pulses.count, n / 205 - 2, n / 205 + 2);
        for (size_t i = 1; i < pulses.count; i++)
            assert_true(pulses.times[i] > pulses.times[i - 1]);
        ut_pulses_free(&pulses);
    }
    free(x);
}

/* --------------------------------------------------------------------- harmonicity */

/* A tone with noise of a known share of the power; its own level does not matter. */
static void test_harmonicity(void **unused)
{
    (void)unused;
    float *x = calloc(N, sizeof *x), *noise = ut_test_floats(N);
    double *db = calloc(ut_harmonicity_frames(RATE, N), sizeof *db);
    assert_true(x && db);
    static const double ratios[] = {5.0, 10.0, 20.0};
    for (size_t r = 0; r < 3; r++)
        for (int soft = 0; soft < 2; soft++) {
            double gain = soft ? 1e-3 : 0.2, sum = 0.0;
            for (size_t i = 0; i < N; i++) {
                double tone = sqrt(2.0) * sin(2.0 * M_PI * 150.0 * (double)i / RATE);
                double hiss = sqrt(3.0) * noise[i] * pow(10.0, -ratios[r] / 20.0);
                x[i] = (float)(gain * (tone + hiss));
            }
            assert_int_equal(ut_harmonicity_track(RATE, x, N, db, NULL), UT_OK);
            for (size_t f = 0; f < ut_harmonicity_frames(RATE, N); f++)
                sum += db[f];
            /* The best of the lags flatters a little. */
            assert_near(sum / (double)ut_harmonicity_frames(RATE, N), ratios[r], 1.5);
        }
    free(db);
    free(noise);
    free(x);
}

static void test_silence_and_short_ones(void **unused)
{
    (void)unused;
    float x[N] = {0}, values[UT_VOICE_REPORT];
    static const size_t lengths[] = {0, 1, 400, 426, 427, 640, N};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], frames = ut_harmonicity_frames(RATE, n);
        double db[N / 100];
        assert_true(frames < N / 100 && (frames > 0) == (n > 426));
        assert_int_equal(ut_harmonicity_track(RATE, x, n, db, NULL), UT_OK);
        for (size_t f = 0; f < frames; f++)
            assert_true(isnan(db[f]));
        assert_int_equal(ut_voice_report(RATE, x, n, values, NULL), UT_OK);
        assert_true(values[0] == 0.0f && values[1] == 0.0f);
        for (size_t v = 2; v < UT_VOICE_REPORT; v++)
            assert_true(isnan(values[v]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_nothing_to_compare),
        cmocka_unit_test(test_shimmer),
        cmocka_unit_test(test_pulses),
        cmocka_unit_test(test_pulses_to_the_ends),
        cmocka_unit_test(test_harmonicity),
        cmocka_unit_test(test_silence_and_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
