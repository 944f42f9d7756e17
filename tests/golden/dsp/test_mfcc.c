/* Cepstral coefficients against NumPy's (tools/golden/dsp_mfcc.py). */
#include "ut_test.h"

#include <stdlib.h>

#include "dsp/spectral.h"

static void test_mfcc(void **unused)
{
    (void)unused;
    size_t n, count, shape[4];
    float *signal = ut_test_npy(ut_test_source("tests/golden/dsp/data/mfcc_signal.npy"), &n, NULL);
    float *expected =
        ut_test_npy(ut_test_source("tests/golden/dsp/data/mfcc_expected.npy"), &count, shape);
    ut_spectral *spectral = ut_spectral_create();
    assert_non_null(spectral);
    assert_int_equal(shape[1], UT_MFCC_COUNT);
    assert_int_equal(shape[0], (n - UT_SPECTRAL_FRAME) / UT_SPECTRAL_HOP + 1);
    for (size_t f = 0; f < shape[0]; f++) {
        ut_spectral_frame frame;
        assert_true(ut_spectral_run(spectral, signal + f * UT_SPECTRAL_HOP, &frame));
        for (size_t c = 0; c < UT_MFCC_COUNT; c++)
            assert_near(frame.mfcc[c], expected[f * UT_MFCC_COUNT + c], 2e-3);
    }
    ut_spectral_destroy(spectral);
    free(signal);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mfcc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
