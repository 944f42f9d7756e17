/* Cepstral coefficients in three conventions against openSMILE (HTK's), kaldi-native-fbank and
 * librosa, recorded by tools/golden/dsp_mfcc_peers.py. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>

#include "dsp/mfcc.h"

enum { RATE = 16000 };

static float *signal_of(size_t *n)
{
    return ut_test_npy(ut_test_source("tests/golden/dsp/data/mfcc_peers_signal.npy"), n, NULL);
}

static ut_mfcc *create(ut_mfcc_kind kind)
{
    ut_mfcc *mfcc = NULL;
    assert_int_equal(ut_mfcc_create(kind, RATE, &mfcc, NULL), UT_OK);
    return mfcc;
}

static float *run(const ut_mfcc *mfcc, const float *pcm, size_t n)
{
    float *rows = calloc(ut_mfcc_frames(mfcc, n) * ut_mfcc_count(mfcc) + 1, sizeof *rows);
    assert_non_null(rows);
    assert_int_equal(ut_mfcc_run(mfcc, pcm, n, rows, NULL), UT_OK);
    return rows;
}

static void compare(ut_mfcc_kind kind, const char *file)
{
    size_t n, count, shape[4];
    float *pcm = signal_of(&n);
    float *expected = ut_test_npy(ut_test_source(file), &count, shape);
    ut_mfcc *mfcc = create(kind);
    size_t width = ut_mfcc_count(mfcc);
    float *rows = run(mfcc, pcm, n);
    assert_int_equal(ut_mfcc_frames(mfcc, n), shape[0]);
    for (size_t f = 0; f < shape[0]; f++)
        for (size_t c = 0; c < width; c++)
            assert_near(rows[f * width + c], expected[f * shape[1] + c], 2e-3);
    ut_mfcc_destroy(mfcc);
    free(rows);
    free(expected);
    free(pcm);
}

static void test_htk(void **unused)
{
    (void)unused;
    compare(UT_MFCC_HTK, "tests/golden/dsp/data/mfcc_peers_htk.npy");
}

static void test_kaldi(void **unused)
{
    (void)unused;
    compare(UT_MFCC_KALDI, "tests/golden/dsp/data/mfcc_peers_kaldi.npy");
}

static void test_librosa(void **unused)
{
    (void)unused;
    compare(UT_MFCC_LIBROSA, "tests/golden/dsp/data/mfcc_peers_librosa.npy");
}

/* openSMILE's second differences of the very last frame are its own; HTK repeats the end there. */
static void test_deltas(void **unused)
{
    (void)unused;
    enum { WIDTH = 13, ALL = 3 * WIDTH };
    size_t n, count, shape[4];
    float *pcm = signal_of(&n);
    float *expected =
        ut_test_npy(ut_test_source("tests/golden/dsp/data/mfcc_peers_htk.npy"), &count, shape);
    assert_int_equal(shape[1], ALL);
    ut_mfcc *mfcc = create(UT_MFCC_HTK);
    float *rows = run(mfcc, pcm, n);
    float *deltas = calloc(2 * shape[0] * WIDTH, sizeof *deltas);
    float *second = deltas + shape[0] * WIDTH;
    ut_mfcc_deltas(rows, WIDTH, shape[0], WIDTH, deltas, WIDTH);
    ut_mfcc_deltas(deltas, WIDTH, shape[0], WIDTH, second, WIDTH);
    for (size_t f = 0; f < shape[0]; f++)
        for (size_t c = 0; c < WIDTH; c++) {
            assert_near(deltas[f * WIDTH + c], expected[f * ALL + WIDTH + c], 2e-3);
            if (f + 1 < shape[0])
                assert_near(second[f * WIDTH + c], expected[f * ALL + 2 * WIDTH + c], 2e-3);
        }
    ut_mfcc_destroy(mfcc);
    free(deltas);
    free(rows);
    free(expected);
    free(pcm);
}

/* 40 dB less: c0 moves, the rest stays, where nothing lies at a floor. */
static void test_level(void **unused)
{
    (void)unused;
    size_t n;
    float *pcm = signal_of(&n);
    for (ut_mfcc_kind kind = UT_MFCC_HTK; kind <= UT_MFCC_LIBROSA; kind++) {
        ut_mfcc *mfcc = create(kind);
        size_t width = ut_mfcc_count(mfcc), frames = ut_mfcc_frames(mfcc, 2000);
        float *soft = calloc(2000, sizeof *soft);
        for (size_t i = 0; i < 2000; i++)
            soft[i] = 0.01f * pcm[i];
        float *loud_rows = run(mfcc, pcm, 2000), *soft_rows = run(mfcc, soft, 2000);
        for (size_t i = 0; i < frames * width; i++) {
            bool is_c0 = ut_mfcc_number(mfcc, i % width) == 0;
            double difference = (double)loud_rows[i] - soft_rows[i];
            if (is_c0)
                assert_true(difference > 9.0);
            else
                assert_near(difference, 0.0, 0.02);
        }
        free(soft_rows);
        free(loud_rows);
        free(soft);
        ut_mfcc_destroy(mfcc);
    }
    free(pcm);
}

static void test_nothing_to_measure(void **unused)
{
    (void)unused;
    ut_error err = {0};
    ut_mfcc *mfcc = NULL;
    assert_int_equal(ut_mfcc_create(UT_MFCC_HTK, 4000, &mfcc, &err), UT_ERR_USAGE);
    mfcc = create(UT_MFCC_KALDI);
    assert_int_equal(ut_mfcc_frames(mfcc, 399), 0);
    assert_int_equal(ut_mfcc_run(mfcc, NULL, 0, NULL, NULL), UT_OK);
    float zeros[400] = {0};
    float *rows = run(mfcc, zeros, 400);
    for (size_t c = 0; c < ut_mfcc_count(mfcc); c++)
        assert_true(isfinite(rows[c]));
    free(rows);
    ut_mfcc_destroy(mfcc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_htk),     cmocka_unit_test(test_kaldi),
        cmocka_unit_test(test_librosa), cmocka_unit_test(test_deltas),

        cmocka_unit_test(test_level),   cmocka_unit_test(test_nothing_to_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
