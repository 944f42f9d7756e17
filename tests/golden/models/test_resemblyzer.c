/* Resemblyzer's voice encoder against PyTorch, its features against librosa. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/resemblyzer/resemblyzer.h"
#include "speech_sound.h"
#include "ut_test.h"

static void equals_torch(void **state)
{
    (void)state;
    const char *folder = ut_test_model("resemble-ai/Resemblyzer");
    char path[1024];
    if (!folder)
        UT_SKIP("Resemblyzer", "its weights were not pulled");
    snprintf(path, sizeof path, "%s/pretrained.pt", folder);
    ut_error err;
    ut_resemblyzer *model = NULL;
    if (ut_resemblyzer_open(path, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    enum { FRAMES = UT_RESEMBLYZER_PARTIAL, BANDS = UT_RESEMBLYZER_BANDS };
    size_t count, mel_count;
    float *golden =
        ut_test_npy(ut_test_source("tests/golden/models/data/resemblyzer.npy"), &count, NULL);
    float *mel = ut_test_npy(ut_test_source("tests/golden/models/data/resemblyzer_mel.npy"),
                             &mel_count, NULL);
    assert_int_equal(count, UT_RESEMBLYZER_SIZE);
    float *pcm = ut_speech_sound(16000 * 2);
    float *features = malloc(3 * FRAMES * BANDS * sizeof *features);
    float *scratch = malloc(ut_resemblyzer_scratch(3) * sizeof *scratch);
    float out[3 * UT_RESEMBLYZER_SIZE];
    ut_resemblyzer_features(model, pcm, FRAMES, features);
    for (size_t i = 0; i < mel_count; i++)
        assert_near(features[i / BANDS * 16 * BANDS + i % BANDS], mel[i], 1e-4 + 1e-4 * mel[i]);
    memset(features + FRAMES * BANDS, 0, FRAMES * BANDS * sizeof *features);
    memcpy(features + 2 * FRAMES * BANDS, features, FRAMES * BANDS * sizeof *features);
    ut_resemblyzer_embed(model, features, 3, out, scratch);
    for (size_t i = 0; i < count; i++) {
        assert_near(out[i], golden[i], 1e-4);
        assert_near(out[2 * count + i], golden[i], 1e-4);
    }
    free(golden);
    free(mel);
    free(pcm);
    free(features);
    free(scratch);
    ut_resemblyzer_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
