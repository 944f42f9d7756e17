/* silero against PyTorch: on synthetic sound, and on the recording with published probabilities. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "models/silero/silero.h"
#include "speech_sound.h"
#include "ut_test.h"

static const char *weights(void)
{
    static char path[1024];
    const char *folder = ut_test_model("snakers4/silero-vad");
    if (!folder)
        return ut_test_data("models/silero-vad/silero_vad_16k.safetensors");
    snprintf(path, sizeof path, "%s/silero_vad_16k.safetensors", folder);
    return path;
}

static ut_silero *open_model(void)
{
    ut_error err;
    ut_silero *model = NULL;
    const char *path = weights();
    if (!path)
        UT_SKIP("silero", "its weights are not here");
    if (ut_silero_open(path, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    return model;
}

static void equals_torch(void **state)
{
    (void)state;
    ut_silero *model = open_model();
    ut_silero_state stream = {0};
    size_t count;
    float *pcm = ut_speech_sound(32000);
    float *golden =
        ut_test_npy(ut_test_source("tests/golden/models/data/silero.npy"), &count, NULL);
    assert_int_equal(count, 62);
    for (size_t i = 0; i < count; i++)
        assert_near(ut_silero_step(model, &stream, pcm + i * UT_SILERO_STEP), golden[i], 1e-4);
    free(golden);
    free(pcm);
    ut_silero_close(model);
}

/* The published probabilities were made with the TorchScript file of the same release, whose
 * weights are others than the safetensors file's (conv1 differs by up to 4): the two need only hear
 * the same speech. */
static void hears_what_the_published_network_hears(void **state)
{
    (void)state;
    const char *probabilities = ut_test_data("models/silero-vad/jfk_probs_from_jit_512.npy");
    const char *recording = ut_test_data("models/whisper-tiny.en-partial/jfk.wav");
    if (!probabilities || !recording)
        UT_SKIP("silero on jfk.wav", "the recording is not here");
    ut_silero *model = open_model();
    ut_silero_state stream = {0};
    size_t same = 0;
    size_t count;
    float *golden = ut_test_npy(probabilities, &count, NULL);
    char *bytes = NULL;
    size_t length = 0;
    ut_error err;
    assert_int_equal(ut_file_read(recording, 1 << 20, &bytes, &length, &err), UT_OK);
    const char *data = memmem(bytes, length, "data", 4);
    assert_non_null(data);
    size_t total = (size_t)(bytes + length - data - 8) / 2;
    for (size_t i = 0; i < count; i++) {
        float pcm[UT_SILERO_STEP] = {0};
        for (size_t k = 0; k < UT_SILERO_STEP && i * UT_SILERO_STEP + k < total; k++) {
            int16_t sample;
            memcpy(&sample, data + 8 + 2 * (i * UT_SILERO_STEP + k), sizeof sample);
            pcm[k] = (float)sample / 32768.0f;
        }
        same += (ut_silero_step(model, &stream, pcm) >= 0.5f) == (golden[i] >= 0.5f);
    }
    assert_true(same >= count * 95 / 100);
    free(bytes);
    free(golden);
    ut_silero_close(model);
}

static void survives_anything(void **state)
{
    (void)state;
    ut_silero *model = open_model();
    ut_silero_state stream = {0};
    float pcm[UT_SILERO_STEP];
    for (int kind = 0; kind < 5; kind++) {
        const float value[] = {0.0f, 1.0f, NAN, INFINITY, 1e30f};
        for (int i = 0; i < UT_SILERO_STEP; i++)
            pcm[i] = value[kind];
        for (int i = 0; i < 4; i++) {
            float score = ut_silero_step(model, &stream, pcm);
            if (kind < 4)
                assert_true(score >= 0.0f && score <= 1.0f);
        }
    }
    ut_silero_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_torch),
        cmocka_unit_test(hears_what_the_published_network_hears),
        cmocka_unit_test(survives_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
