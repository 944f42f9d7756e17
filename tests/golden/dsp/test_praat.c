/* Resampling, formants, intensity, syllables, pitch and voice report against Praat, recorded by
 * tools/golden/dsp_praat.py (tests/e2e/test_praat.py asks the Praat that is installed). */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/downsample.h"
#include "dsp/formants.h"
#include "dsp/harmonicity.h"
#include "dsp/intensity.h"
#include "dsp/pulses.h"
#include "dsp/syllables.h"
#include "dsp/voice_report.h"

/* Samples of the signal that the resampled one was made of. */
enum { LOW = 4001 };

static float *recorded(const char *name, size_t *count)
{
    char path[64];
    snprintf(path, sizeof path, "tests/golden/dsp/data/praat_%s.npy", name);
    return ut_test_npy(ut_test_source(path), count, NULL);
}

/* Recorded in single precision. */
static void assert_same(double ours, float theirs)
{
    if (isnan(theirs))
        assert_true(isnan(ours));
    else
        assert_near(ours, theirs, 1e-6 * fabs((double)theirs) + 1e-9);
}

static void test_resampling(void **unused)
{
    (void)unused;
    size_t n, count;
    float *pcm = recorded("signal", &n), *expected = recorded("low", &count);
    double *low;
    assert_int_equal(ut_downsample_count(LOW), count);
    assert_near(ut_downsample_first(LOW), 3.125e-5, 1e-12);
    assert_int_equal(ut_downsample(pcm, LOW, &low, NULL), UT_OK);
    for (size_t i = 0; i < count; i++)
        assert_same(low[i], expected[i]);
    free(low);
    free(expected);
    free(pcm);
}

static void test_formants(void **unused)
{
    (void)unused;
    enum { WIDTH = 2 * UT_FORMANTS };
    size_t n, count;
    float *pcm = recorded("signal", &n), *expected = recorded("formants", &count);
    ut_formant_frame *frames = calloc(ut_formant_frames(n), sizeof *frames);
    assert_non_null(frames);
    assert_int_equal(ut_formant_frames(n) * WIDTH, count);
    assert_near(ut_formant_time(n, 0), 0.02509375, 1e-9);
    assert_int_equal(ut_formant_track(pcm, n, frames, NULL), UT_OK);
    for (size_t f = 0; f < count / WIDTH; f++)
        for (int i = 0; i < UT_FORMANTS; i++) {
            bool there = i < frames[f].count;
            const float *cell = expected + f * WIDTH + 2 * i;
            assert_same(there ? frames[f].formants[i].hz : NAN, cell[0]);
            assert_same(there ? frames[f].formants[i].bandwidth : NAN, cell[1]);
        }
    free(frames);
    free(expected);
    free(pcm);
}

static void test_intensity(void **unused)
{
    (void)unused;
    size_t n, count;
    float *pcm = recorded("signal", &n), *expected = recorded("intensity", &count);
    double *db = calloc(count, sizeof *db);
    assert_non_null(db);
    assert_int_equal(ut_intensity_frames(75.0, n), count);
    assert_near(ut_intensity_time(75.0, n, 0), 0.04676041666666656, 1e-12);
    assert_int_equal(ut_intensity_track(75.0, pcm, n, db, NULL), UT_OK);
    for (size_t f = 0; f < count; f++)
        assert_same(db[f], expected[f]);
    free(db);
    free(expected);
    free(pcm);
}

static void test_syllables(void **unused)
{
    (void)unused;
    size_t n, count;
    float *pcm = recorded("signal", &n), *expected = recorded("syllables", &count);
    ut_pitch_options o = ut_syllables_pitch();
    ut_pitch_frame *pitch = calloc(ut_pitch_frames(&o, n), sizeof *pitch);
    ut_syllables s;
    assert_non_null(pitch);
    assert_int_equal(ut_pitch_track(&o, pcm, n, pitch, NULL), UT_OK);
    assert_int_equal(ut_syllables_find(pcm, n, &o, pitch, &s, NULL), UT_OK);
    assert_int_equal(s.count, (int)expected[0]);
    assert_int_equal(s.pauses, (int)expected[1]);
    assert_same(s.phonation, expected[2]);
    assert_same(s.paused, expected[3]);
    free(pitch);
    free(expected);
    free(pcm);
}

static void test_pitch_and_pulses(void **unused)
{
    (void)unused;
    size_t n, count, pulse_count;
    float *pcm = recorded("signal", &n), *expected = recorded("pitch", &count);
    float *times = recorded("pulses", &pulse_count);
    ut_pitch_options o = ut_pitch_defaults(16000);
    size_t frames = ut_pitch_frames(&o, n);
    ut_pitch_frame *pitch = calloc(frames, sizeof *pitch);
    assert_non_null(pitch);
    assert_int_equal(2 * frames, count);
    assert_near(ut_pitch_time(&o, n, 0), 0.02009375, 1e-12);
    assert_int_equal(ut_pitch_track(&o, pcm, n, pitch, NULL), UT_OK);
    for (size_t f = 0; f < frames; f++) {
        bool voiced = pitch[f].hz > 0.0;
        assert_same(voiced ? pitch[f].hz : NAN, expected[2 * f]);
        assert_same(voiced ? pitch[f].strength : NAN, expected[2 * f + 1]);
    }
    ut_pulses pulses;
    assert_int_equal(ut_pulses_find(&o, pcm, n, pitch, frames, &pulses, NULL), UT_OK);
    assert_int_equal(pulses.count, pulse_count);
    for (size_t i = 0; i < pulse_count; i++)
        assert_same(pulses.times[i], times[i]);
    ut_pulses_free(&pulses);
    free(pitch);
    free(times);
    free(expected);
    free(pcm);
}

static void test_voice_report(void **unused)
{
    (void)unused;
    size_t n, frames, count;
    float *pcm = recorded("signal", &n), *expected = recorded("harmonicity", &frames);
    float *whole = recorded("report", &count), values[UT_VOICE_REPORT];
    double *db = calloc(frames, sizeof *db);
    assert_non_null(db);
    assert_int_equal(ut_harmonicity_frames(16000, n), frames);
    assert_near(ut_harmonicity_time(16000, n, 0), 0.01509375, 1e-12);
    assert_int_equal(ut_harmonicity_track(16000, pcm, n, db, NULL), UT_OK);
    for (size_t f = 0; f < frames; f++)
        assert_same(db[f], expected[f]);
    assert_int_equal(count, UT_VOICE_REPORT);
    assert_int_equal(ut_voice_report(16000, pcm, n, values, NULL), UT_OK);
    for (size_t i = 0; i < count; i++)
        assert_same((double)values[i], whole[i]);
    free(db);
    free(whole);
    free(expected);
    free(pcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resampling),       cmocka_unit_test(test_formants),
        cmocka_unit_test(test_intensity),        cmocka_unit_test(test_syllables),
        cmocka_unit_test(test_pitch_and_pulses), cmocka_unit_test(test_voice_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
