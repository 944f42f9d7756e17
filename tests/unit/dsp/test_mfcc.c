/* Cepstral coefficients: frames that reach over the ends of the signal, and the matrix of cosines.
 */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/mfcc.h"

static float *rows_of(const ut_mfcc *mfcc, const float *pcm, size_t n)
{
    float *rows = malloc(ut_mfcc_frames(mfcc, n) * ut_mfcc_count(mfcc) * sizeof *rows);
    assert_non_null(rows);
    assert_int_equal(ut_mfcc_run(mfcc, pcm, n, rows, NULL), UT_OK);
    return rows;
}

/* Zeros stand before and behind: the same signal with zeros of its own gives the same frames. */
static void zeros_stand_around_a_signal(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 100, 511, 512, 1000, 1024, 1025, 2047, 2048, 3000, 9999};
    ut_mfcc *mfcc;
    assert_int_equal(ut_mfcc_create(UT_MFCC_LIBROSA, 16000, &mfcc, NULL), UT_OK);
    size_t hop = ut_mfcc_hop(mfcc), count = ut_mfcc_count(mfcc), more = 6;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], wide = n + 2 * more * hop;
        float *pcm = ut_test_floats(n);
        float *around = calloc(wide, sizeof *around);
        assert_non_null(around);
        memcpy(around + more * hop, pcm, n * sizeof *pcm);
        float *rows = rows_of(mfcc, pcm, n), *same = rows_of(mfcc, around, wide);
        assert_int_equal(ut_mfcc_frames(mfcc, n), n / hop + 1);
        for (size_t j = 0; j < ut_mfcc_frames(mfcc, n) * count; j++)
            assert_near(rows[j], same[more * count + j], 1e-3); /* of up to 600 */
        free(same);
        free(rows);
        free(around);
        free(pcm);
    }
    ut_mfcc_destroy(mfcc);
}

static void cosines_are_orthonormal(void **state)
{
    (void)state;
    enum { BANDS = 26 };
    float rows[BANDS][BANDS], lifted[BANDS];
    for (size_t c = 0; c < BANDS; c++)
        ut_mfcc_cosine(c, BANDS, sqrt((c ? 2.0 : 1.0) / BANDS), false, rows[c]);
    for (size_t c = 0; c < BANDS; c++)
        for (size_t d = 0; d < BANDS; d++) {
            double sum = 0;
            for (size_t b = 0; b < BANDS; b++)
                sum += (double)rows[c][b] * rows[d][b];
            assert_near(sum, c == d, 1e-6);
        }
    ut_mfcc_cosine(11, BANDS, sqrt(2.0 / BANDS), true, lifted); /* 1 + 22 / 2 at its top */
    for (size_t b = 0; b < BANDS; b++)
        assert_near(lifted[b], 12 * rows[11][b], 1e-5);
}

/* An empty signal needs no place: with zeros around it there is a frame of it all the same. */
static void nothing_is_a_frame_of_zeros(void **state)
{
    (void)state;
    for (ut_mfcc_kind kind = UT_MFCC_HTK; kind <= UT_MFCC_LIBROSA; kind++) {
        ut_mfcc *mfcc;
        assert_int_equal(ut_mfcc_create(kind, 16000, &mfcc, NULL), UT_OK);
        size_t frames = ut_mfcc_frames(mfcc, 0), count = ut_mfcc_count(mfcc);
        assert_int_equal(frames, kind == UT_MFCC_LIBROSA);
        float *rows = calloc(frames * count + 1, sizeof *rows), zero = 0;
        float *same = calloc(frames * count + 1, sizeof *same);
        assert_true(rows && same);
        assert_int_equal(ut_mfcc_run(mfcc, NULL, 0, rows, NULL), UT_OK);
        if (frames)
            assert_int_equal(ut_mfcc_run(mfcc, &zero, 1, same, NULL), UT_OK);
        for (size_t i = 0; i < frames * count; i++)
            assert_true(rows[i] == same[i]);
        free(rows);
        free(same);
        ut_mfcc_destroy(mfcc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_stand_around_a_signal),
        cmocka_unit_test(cosines_are_orthonormal),
        cmocka_unit_test(nothing_is_a_frame_of_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
