/* eGeMAPSv02 against openSMILE's, recorded by tools/golden/dsp_egemaps.py of three seconds of the
 * sample recording. How far the two agree on recorded speech: docs/features.md. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/egemaps.h"

enum { WIDTH = UT_EGEMAPS_DESCRIPTORS, F0 = 10 };

typedef struct recording {
    size_t n, frames, expected_frames;
    float *pcm, *rows, *expected;
} recording;

static int setup(void **state)
{
    recording *r = calloc(1, sizeof *r);
    size_t shape[4], count;
    assert_non_null(r);
    r->pcm = ut_test_npy(ut_test_source("tests/golden/dsp/data/egemaps_signal.npy"), &r->n, NULL);
    r->expected =
        ut_test_npy(ut_test_source("tests/golden/dsp/data/egemaps_lld.npy"), &count, shape);
    r->expected_frames = shape[0];
    r->frames = ut_egemaps_frames(r->n);
    r->rows = calloc(r->frames, WIDTH * sizeof *r->rows);
    assert_non_null(r->rows);
    assert_int_equal(ut_egemaps_descriptors(r->pcm, r->n, r->rows, NULL), UT_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    recording *r = *state;
    free(r->rows);
    free(r->expected);
    free(r->pcm);
    free(r);
    return 0;
}

static bool close_to(double value, double expected)
{
    return fabs(value - expected) <= 0.01 * fabs(expected) + 1e-6;
}

/* openSMILE makes one frame more, of which a part lies behind the end. */
static void test_shape(void **state)
{
    const recording *r = *state;
    assert_int_equal(r->frames + 1, r->expected_frames);
}

static void test_loudness_spectrum_and_cepstrum(void **state)
{
    const recording *r = *state;
    for (size_t d = 0; d < F0; d++) {
        size_t close = 0;
        for (size_t f = 0; f < r->frames; f++)
            close += close_to((double)r->rows[f * WIDTH + d], (double)r->expected[f * WIDTH + d]);
        if ((double)close < 0.995 * (double)r->frames)
            fail_msg("%s: %zu of %zu", ut_egemaps_descriptor_name(d), close, r->frames);
    }
}

static double correlation(const recording *r, size_t d)
{
    double n = 0.0, a = 0.0, b = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;
    for (size_t f = 0; f < r->frames; f++) {
        const float *x = r->rows + f * WIDTH, *y = r->expected + f * WIDTH;
        if (x[F0] == 0.0f || y[F0] == 0.0f)
            continue;
        double u = (double)x[d], v = (double)y[d];
        n++;
        a += u;
        b += v;
        aa += u * u;
        bb += v * v;
        ab += u * v;
    }
    assert_true(n > 100.0);
    return (n * ab - a * b) / sqrt((n * aa - a * a) * (n * bb - b * b));
}

static void test_voice(void **state)
{
    const recording *r = *state;
    size_t same = 0;
    for (size_t f = 0; f < r->frames; f++)
        same += (r->rows[f * WIDTH + F0] > 0.0f) == (r->expected[f * WIDTH + F0] > 0.0f);
    assert_true((double)same >= 0.99 * (double)r->frames);
    for (size_t d = F0; d < WIDTH; d++) {
        double found = correlation(r, d);
        if (!(found >= 0.97))
            fail_msg("%s: r %.4f", ut_egemaps_descriptor_name(d), found);
    }
}

/* Those of voice alone rest on which frames are voiced, and on what is found there. */
static bool is_exact(const char *name)
{
    static const char *const BEGINNINGS[] = {
        "loudness", "spectralFlux_",        "spectralFluxV_",
        "mfcc",     "alphaRatioV",          "hammarbergIndexV",
        "slopeV",   "equivalentSoundLevel", "F0semitoneFrom27.5Hz_sma3nz_percentile"};
    for (size_t i = 0; i < sizeof BEGINNINGS / sizeof *BEGINNINGS; i++)
        if (strncmp(name, BEGINNINGS[i], strlen(BEGINNINGS[i])) == 0)
            return true;
    return false;
}

static void test_functionals(void **state)
{
    const recording *r = *state;
    float values[UT_EGEMAPS_FUNCTIONALS];
    size_t count;
    float *expected =
        ut_test_npy(ut_test_source("tests/golden/dsp/data/egemaps_func.npy"), &count, NULL);
    assert_int_equal(count, UT_EGEMAPS_FUNCTIONALS);
    assert_int_equal(ut_egemaps_functionals(r->pcm, r->n, values, NULL), UT_OK);
    for (size_t i = 0; i < count; i++) {
        const char *name = ut_egemaps_functional_name(i);
        if (is_exact(name) && !close_to((double)values[i], (double)expected[i]))
            fail_msg("%s: %f, not %f", name, (double)values[i], (double)expected[i]);
    }
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_loudness_spectrum_and_cepstrum),
        cmocka_unit_test(test_voice),
        cmocka_unit_test(test_functionals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
