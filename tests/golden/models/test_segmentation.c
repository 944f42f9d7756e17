/* pyannote's segmentation against PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/segmentation/segmentation.h"
#include "speech_sound.h"
#include "ut_test.h"

static void equals_torch(void **state)
{
    (void)state;
    const char *folder = ut_test_model("pyannote/segmentation");
    char path[1024];
    if (!folder)
        UT_SKIP("segmentation", "its weights were not pulled");
    snprintf(path, sizeof path, "%s/pytorch_model.bin", folder);
    ut_error err;
    ut_segmentation *model = NULL;
    if (ut_segmentation_open(path, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    enum { VALUES = UT_SEGMENTATION_FRAMES * UT_SEGMENTATION_SPEAKERS };
    size_t count;
    float *golden =
        ut_test_npy(ut_test_source("tests/golden/models/data/segmentation.npy"), &count, NULL);
    assert_int_equal(count, VALUES);
    float *pcm = ut_speech_sound(UT_SEGMENTATION_WINDOW);
    float *silence = calloc(UT_SEGMENTATION_WINDOW, sizeof *silence);
    float *scratch = malloc(ut_segmentation_scratch(3) * sizeof *scratch);
    float *out = malloc(3 * VALUES * sizeof *out);
    const float *windows[3] = {pcm, silence, pcm};
    ut_segmentation_run(model, windows, 3, out, scratch);
    for (size_t i = 0; i < count; i++) {
        assert_near(out[i], golden[i], 1e-3);
        assert_near(out[2 * VALUES + i], golden[i], 1e-3);
        assert_true(out[VALUES + i] >= 0.0f && out[VALUES + i] <= 0.5f);
    }
    ut_segmentation_run(model, windows, 1, out, scratch);
    for (size_t i = 0; i < count; i++)
        assert_near(out[i], golden[i], 1e-3);
    free(golden);
    free(pcm);
    free(silence);
    free(scratch);
    free(out);
    ut_segmentation_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
