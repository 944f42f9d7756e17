/* Acoustic features on signals whose answers are known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/features.h"
#include "dsp/pitch.h"

enum { RATE = 16000, MOST = 128 };

static float value_of(const float *values, const char *name)
{
    for (size_t i = 0; i < ut_acoustic_feature_count(); i++)
        if (strcmp(ut_acoustic_feature_name(i), name) == 0)
            return values[i];
    fail_msg("no feature %s", name);
    return NAN;
}

static void measure(const float *pcm, size_t n, float *values)
{
    ut_error err = {0};
    assert_true(ut_acoustic_feature_count() <= MOST);
    if (ut_acoustic_features(pcm, n, RATE, values, &err) != UT_OK)
        fail_msg("%s", err.message);
}

/* Ten harmonics that fall off, at `hz` rising by `octaves` over the length; bursts of `syllable`
 * seconds with as much rest when it is not 0. */
static float *voice(size_t n, double hz, double octaves, double syllable)
{
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    double phase = 0.0;
    for (size_t i = 0; i < n; i++) {
        double t = (double)i / RATE;
        phase += 2.0 * M_PI * hz * exp2(octaves * (double)i / (double)n) / RATE;
        double gain = 0.2;
        if (syllable > 0.0)
            gain *= pow(sin(M_PI * t / (2.0 * syllable)), 2.0) + 1e-3;
        for (int h = 1; h <= 10; h++)
            x[i] += (float)(gain * sin(h * phase) / h);
    }
    return x;
}

static void test_table(void **unused)
{
    (void)unused;
    size_t count = ut_acoustic_feature_count();
    assert_in_range(count, 60, 80);
    assert_null(ut_acoustic_feature_name(count));
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(ut_acoustic_feature_meaning(i)) > 3);
        assert_non_null(ut_acoustic_feature_unit(i));
        for (size_t q = 0; q < i; q++)
            assert_string_not_equal(ut_acoustic_feature_name(i), ut_acoustic_feature_name(q));
    }
}

static void test_steady_voice(void **unused)
{
    (void)unused;
    static const double pitches[] = {90.0, 133.3, 220.0, 410.0};
    for (int p = 0; p < 4; p++) {
        float values[MOST];
        float *x = voice(2 * RATE, pitches[p], 0.0, 0.0);
        measure(x, 2 * RATE, values);
        assert_near(value_of(values, "pitch_mean_hz"), pitches[p], 0.005 * pitches[p]);
        assert_near(value_of(values, "pitch_std_semitones"), 0.0, 0.05);
        assert_near(value_of(values, "voiced_share"), 1.0, 1e-6);
        assert_near(value_of(values, "pause_share"), 0.0, 1e-6);
        /* A window of three periods blurs a deep voice by 1 % (Boersma 1993, 20 dB). */
        assert_true(value_of(values, "hnr_mean_db") > (pitches[p] < 100.0 ? 19.0f : 33.0f));
        assert_near(value_of(values, "jitter_percent"), 0.0, 0.5);
        assert_near(value_of(values, "shimmer_percent"), 0.0, 2.0);
        /* Sum of the squares of 0.2 / h over ten harmonics, halved. */
        assert_near(value_of(values, "loudness_mean_db"), -15.1, 0.3);
        free(x);
    }
}

static void test_glide(void **unused)
{
    (void)unused;
    float values[MOST];
    float *x = voice(2 * RATE, 120.0, 1.0, 0.0);
    measure(x, 2 * RATE, values);
    assert_near(value_of(values, "pitch_slope_semitones_per_s"), 6.0, 0.1);
    assert_near(value_of(values, "pitch_range_semitones"), 0.9 * 12.0, 0.3);
    free(x);
}

static void test_rhythm(void **unused)
{
    (void)unused;
    /* Five syllables a second for two seconds, one second of silence, the same again. */
    size_t part = 2 * RATE, n = 5 * RATE;
    float values[MOST];
    float *syllables = voice(part, 150.0, 0.0, 0.1);
    float *x = calloc(n, sizeof *x);
    assert_non_null(x);
    memcpy(x, syllables, part * sizeof *x);
    memcpy(x + 3 * RATE, syllables, part * sizeof *x);
    measure(x, n, values);
    assert_near(value_of(values, "pause_share"), 0.2, 0.03);
    assert_near(value_of(values, "pause_rate_ps"), 0.2, 1e-6);
    assert_near(value_of(values, "speech_rate_sps"), 4.0, 0.21);
    assert_near(value_of(values, "articulation_rate_sps"), 5.0, 0.3);
    free(syllables);
    free(x);
}

static void test_level_does_not_matter(void **unused)
{
    (void)unused;
    float loud[MOST], soft[MOST];
    size_t n = 3 * RATE;
    float *x = voice(n, 140.0, 0.5, 0.12);
    measure(x, n, loud);
    for (size_t i = 0; i < n; i++)
        x[i] *= 0.01f;
    measure(x, n, soft);
    for (size_t i = 0; i < ut_acoustic_feature_count(); i++) {
        const char *name = ut_acoustic_feature_name(i);
        double shift = strcmp(name, "loudness_mean_db") == 0 ? -40.0 : 0.0;
        assert_near(soft[i], loud[i] + shift, 2e-3 * (1.0 + fabs((double)loud[i])));
    }
    free(x);
}

static void test_spectrum(void **unused)
{
    (void)unused;
    float values[MOST];
    float *x = calloc(RATE, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < RATE; i++)
        x[i] = 0.3f * sinf(2.0f * (float)M_PI * 3000.0f * (float)i / RATE);
    measure(x, RATE, values);
    assert_near(value_of(values, "spectral_centroid_mean_hz"), 3000.0, 10.0);
    assert_near(value_of(values, "spectral_rolloff_mean_hz"), 3000.0, 40.0);
    assert_true(value_of(values, "spectral_flatness_mean") < 1e-3f);
    assert_true(value_of(values, "alpha_ratio_mean_db") < -20.0f);
    uint32_t state = 7;
    for (int i = 0; i < RATE; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state / 2147483648.0f;
    }
    measure(x, RATE, values);
    assert_near(value_of(values, "spectral_centroid_mean_hz"), 4000.0, 150.0);
    assert_true(value_of(values, "spectral_flatness_mean") > 0.5f);
    assert_near(value_of(values, "spectral_slope_mean_db_per_khz"), 0.0, 0.3);
    assert_true(value_of(values, "voiced_share") < 0.05f);
    free(x);
}

static void test_nothing_to_measure(void **unused)
{
    (void)unused;
    float values[MOST];
    float *x = calloc(RATE, sizeof *x);
    assert_non_null(x);
    static const size_t lengths[] = {0, 1, 399, 400, 639, 640, RATE};
    for (size_t q = 0; q < sizeof lengths / sizeof *lengths; q++) {
        measure(x, lengths[q], values);
        for (size_t i = 0; i < ut_acoustic_feature_count(); i++)
            assert_true(isnan(values[i]));
    }
    ut_error err = {0};
    assert_int_equal(ut_acoustic_features(x, RATE, 8000, values, &err), UT_ERR_UNSUPPORTED);
    x[77] = NAN;
    assert_int_equal(ut_acoustic_features(x, RATE, RATE, values, &err), UT_ERR_FORMAT);
    x[77] = 1.0f; /* a click */
    measure(x, RATE, values);
    assert_true(isnan(value_of(values, "jitter_percent")));
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_steady_voice),
        cmocka_unit_test(test_glide),
        cmocka_unit_test(test_rhythm),
        cmocka_unit_test(test_level_does_not_matter),
        cmocka_unit_test(test_spectrum),
        cmocka_unit_test(test_nothing_to_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
