/* eGeMAPS on signals whose answers are known. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/egemaps.h"

enum { RATE = UT_EGEMAPS_RATE, N = 2 * RATE };

static float functional(const float *values, const char *name)
{
    for (size_t i = 0; i < UT_EGEMAPS_FUNCTIONALS; i++)
        if (strcmp(ut_egemaps_functional_name(i), name) == 0)
            return values[i];
    fail_msg("no functional %s", name);
    return NAN;
}

static float *silence(size_t n)
{
    float *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

/* Pulses through resonances of 100 Hz at 600, 1700 and 2800 Hz; each period and each height is off
 * by the shares in turn. */
static float *voice(double hz, double period_off, double height_off)
{
    static const double FORMANTS[] = {600.0, 1700.0, 2800.0};
    float *x = silence(N);
    double at = 0.0;
    for (int k = 0; at < N - 1; k++) {
        double sign = k % 2 ? 1.0 : -1.0, period = RATE / hz * (1.0 + sign * period_off);
        for (int i = (int)ceil(at); i < N && i < at + 1600; i++) {
            double t = (i - at) / RATE, sum = 0.0;
            for (int f = 0; f < 3; f++)
                sum += exp(-M_PI * 100.0 * t) * sin(2.0 * M_PI * FORMANTS[f] * t) / (f + 1);
            x[i] += (float)(0.15 * (1.0 + sign * height_off) * sum);
        }
        at += period;
    }
    return x;
}

static void scale(float *x, size_t n, float gain)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= gain;
}

static void measure(const float *x, size_t n, float *values)
{
    ut_error err = {0};
    if (ut_egemaps_functionals(x, n, values, &err) != UT_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < UT_EGEMAPS_FUNCTIONALS; i++)
        if (!isfinite(values[i]))
            fail_msg("%s is %f", ut_egemaps_functional_name((size_t)i), (double)values[i]);
}

static void test_names(void **unused)
{
    (void)unused;
    assert_string_equal(ut_egemaps_descriptor_name(0), "Loudness_sma3");
    assert_string_equal(ut_egemaps_descriptor_name(24), "F3amplitudeLogRelF0_sma3nz");
    assert_null(ut_egemaps_descriptor_name(25));
    assert_string_equal(ut_egemaps_functional_name(0), "F0semitoneFrom27.5Hz_sma3nz_amean");
    assert_string_equal(ut_egemaps_functional_name(87), "equivalentSoundLevel_dBp");
    assert_null(ut_egemaps_functional_name(88));
    for (size_t i = 0; i < 88; i++)
        for (size_t q = 0; q < i; q++)
            assert_string_not_equal(ut_egemaps_functional_name(i), ut_egemaps_functional_name(q));
}

static void test_pitch_and_harmonicity(void **unused)
{
    (void)unused;
    static const double pitches[] = {90.0, 133.3, 220.0, 410.0};
    for (int p = 0; p < 4; p++) {
        float values[UT_EGEMAPS_FUNCTIONALS], *x = voice(pitches[p], 0.0, 0.0);
        measure(x, N, values);
        double semitones = 12.0 * log2(pitches[p] / 27.5);
        assert_near(functional(values, "F0semitoneFrom27.5Hz_sma3nz_amean"), semitones, 0.1);
        assert_near(functional(values, "F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2"), 0.0, 0.1);
        assert_near(functional(values, "MeanUnvoicedSegmentLength"), 0.0, 0.0);
        /* Nothing but the window (Gaussian, 0.4 of half its 60 ms) makes the autocorrelation
         * fall: by this much after one period. */
        double periods = 1.0 / (pitches[p] * 0.4 * 0.030), r = exp(-0.25 * periods * periods);
        assert_near(functional(values, "HNRdBACF_sma3nz_amean"), 10.0 * log10(r / (1.0 - r)), 1.2);
        free(x);
    }
}

/* Periods and heights that are off by a share in turn differ by twice that from their neighbours.
 */
static void test_jitter_and_shimmer(void **unused)
{
    (void)unused;
    for (int i = 1; i <= 3; i++) {
        double share = 0.01 * i;
        float values[UT_EGEMAPS_FUNCTIONALS], *x = voice(125.0, share, 0.0);
        measure(x, N, values);
        assert_near(functional(values, "jitterLocal_sma3nz_amean"), 2.0 * share, 0.002);
        free(x);
        x = voice(125.0, 0.0, 5.0 * share);
        measure(x, N, values);
        double expected = 20.0 * log10(1.0 + 10.0 * share); /* a pulse rings into the next */
        assert_near(functional(values, "shimmerLocaldB_sma3nz_amean"), expected, 0.25 * expected);
        free(x);
    }
}

static bool follows_level(const char *name)
{
    return strstr(name, "loudness_") || strstr(name, "spectralFlux") || strstr(name, "slope") ||
           strstr(name, "equivalentSoundLevel");
}

/* 40 dB less: the same voice. */
static void test_level(void **unused)
{
    (void)unused;
    float loud[UT_EGEMAPS_FUNCTIONALS], quiet[UT_EGEMAPS_FUNCTIONALS];
    float *x = voice(180.0, 0.01, 0.1);
    measure(x, N, loud);
    scale(x, N, 0.01f);
    measure(x, N, quiet);
    for (size_t i = 0; i < UT_EGEMAPS_FUNCTIONALS; i++) {
        const char *name = ut_egemaps_functional_name(i);
        if (!follows_level(name))
            assert_near(quiet[i], loud[i], 1e-3 * fabs((double)loud[i]) + 1e-5);
        else if (strstr(name, "slope") && strstr(name, "_amean"))
            assert_near(quiet[i], loud[i], 40.0 * 0.0008 + 1e-4);
        else if (strstr(name, "_stddevNorm") && !strstr(name, "slope"))
            assert_near(quiet[i], loud[i], 1e-3);
    }
    const char *level = "equivalentSoundLevel_dBp", *flux = "spectralFlux_sma3_amean";
    assert_near(functional(quiet, level), functional(loud, level) - 40.0f, 1e-3);
    assert_near(functional(quiet, flux), 0.01f * functional(loud, flux), 1e-5);
    double exponent = 2.0 * 0.33; /* of the amplitude */
    assert_near(functional(quiet, "loudness_sma3_amean"),
                functional(loud, "loudness_sma3_amean") * powf(0.01f, (float)exponent), 1e-3);
    free(x);
}

/* Voice, half a second of nothing, voice: two segments. */
static void test_segments(void **unused)
{
    (void)unused;
    float values[UT_EGEMAPS_FUNCTIONALS], *x = voice(150.0, 0.0, 0.0);
    memset(x + 12000, 0, 8000 * sizeof *x);
    measure(x, N, values);
    assert_near(functional(values, "VoicedSegmentsPerSec"), 2.0 / 1.93, 0.01);
    assert_near(functional(values, "MeanVoicedSegmentLengthSec"), 0.73, 0.04);
    assert_near(functional(values, "MeanUnvoicedSegmentLength"), 0.48, 0.06);
    free(x);
}

/* Whatever comes in, what goes out is finite; what cannot be measured is said. */
static void test_odd_signals(void **unused)
{
    (void)unused;
    float values[UT_EGEMAPS_FUNCTIONALS], *x = silence(N), *noise = ut_test_floats(N);
    measure(x, N, values); /* silence */
    assert_near(functional(values, "F0semitoneFrom27.5Hz_sma3nz_amean"), 0.0, 0.0);
    assert_near(functional(values, "VoicedSegmentsPerSec"), 0.0, 0.0);
    for (int kind = 0; kind < 6; kind++) {
        for (int i = 0; i < N; i++) {
            float tone = sinf(2.0f * (float)M_PI * 200.0f * (float)(i % RATE) / RATE);
            float kinds[] = {1.0f,        i % 2 ? -1.0f : 1.0f,      (float)(i == N / 2),
                             1e9f * tone, copysignf(1.0f, noise[i]), 1e-20f * tone};
            x[i] = kinds[kind];
        }
        for (size_t n = UT_EGEMAPS_SHORTEST; n <= N; n += n < 1400 ? 37 : 9973)
            measure(x, n, values);
    }
    ut_error err;
    for (size_t n = 0; n < UT_EGEMAPS_SHORTEST; n += 137)
        assert_int_equal(ut_egemaps_functionals(x, n, values, &err), UT_ERR_FORMAT);
    static const float none[] = {NAN, INFINITY, -1e20f};
    for (int i = 0; i < 3; i++) {
        x[N - 1] = none[i];
        assert_int_equal(ut_egemaps_functionals(x, N, values, &err), UT_ERR_FORMAT);
        assert_non_null(strstr(err.message, "sample 31999"));
    }
    free(noise);
    free(x);
}

static void test_descriptors(void **unused)
{
    (void)unused;
    assert_int_equal(ut_egemaps_frames(0), 0);
    assert_int_equal(ut_egemaps_frames(UT_EGEMAPS_SHORTEST - 1), 0);
    assert_int_equal(ut_egemaps_frames(UT_EGEMAPS_SHORTEST), 1);
    size_t frames = ut_egemaps_frames(N);
    assert_int_equal(frames, 195);
    float *x = voice(150.0, 0.0, 0.0), *rows = calloc(frames, UT_EGEMAPS_DESCRIPTORS * sizeof *x);
    float values[UT_EGEMAPS_FUNCTIONALS];
    assert_non_null(rows);
    assert_int_equal(ut_egemaps_descriptors(x, N, rows, NULL), UT_OK);
    measure(x, N, values);
    double sum = 0.0;
    for (size_t f = 0; f < frames; f++)
        sum += (double)rows[f * UT_EGEMAPS_DESCRIPTORS + 10];
    assert_near(sum / (double)frames, values[0], 1e-3);
    free(rows);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_pitch_and_harmonicity),
        cmocka_unit_test(test_jitter_and_shimmer),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_odd_signals),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
