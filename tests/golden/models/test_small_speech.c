/* The bundled speech detector and speaker network against PyTorch (tools/golden/small_speech.py).
 */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/speaker_small/speaker_small.h"
#include "models/vad_small/vad_small.h"

enum { SAMPLES = 51200, STEPS = SAMPLES / UT_VAD_SMALL_STEP };

static void make_signal(float *pcm)
{
    uint32_t state = 1;
    for (int i = 0; i < SAMPLES; i++) {
        state = 1664525u * state + 1013904223u;
        const double saw = (i * (120 + i / 1600 % 5 * 15)) % 16000 / 16000.0 - 0.5;
        const double level = i / 4000 % 4 == 0 ? 0.001 : 0.3;
        pcm[i] = (float)(level * saw + 0.002 * (state / 4294967296.0 - 0.5));
    }
}

static ut_vad_small *open_vad(void)
{
    ut_vad_small *model = NULL;
    ut_error err;
    const char *path = ut_test_source("models/speech/vad-small.safetensors");
    if (ut_vad_small_open(path, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    return model;
}

static void test_vad_equals_pytorch(void **state)
{
    (void)state;
    static float pcm[SAMPLES];
    size_t count;
    make_signal(pcm);
    float *expected =
        ut_test_npy(ut_test_source("tests/golden/models/data/vad_small.npy"), &count, NULL);
    assert_int_equal(count, STEPS);
    ut_vad_small *model = open_vad();
    ut_vad_small_state stream;
    memset(&stream, 0, sizeof stream);
    for (int i = 0; i < STEPS; i++) {
        const float got = ut_vad_small_step(model, &stream, pcm + i * UT_VAD_SMALL_STEP);
        assert_near(got, expected[i], 1e-3);
    }
    ut_vad_small_close(model);
    free(expected);
}

static void test_vad_takes_samples_that_are_not_finite_for_silence(void **state)
{
    (void)state;
    float broken[UT_VAD_SMALL_STEP], silent[UT_VAD_SMALL_STEP];
    for (int i = 0; i < UT_VAD_SMALL_STEP; i++) {
        broken[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
        silent[i] = 0.0f;
    }
    ut_vad_small *model = open_vad();
    ut_vad_small_state a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    float last = 1.0f;
    for (int i = 0; i < 20; i++) {
        last = ut_vad_small_step(model, &a, broken);
        assert_near(last, ut_vad_small_step(model, &b, silent), 0.0);
    }
    assert_true(last < 0.2f);
    ut_vad_small_close(model);
}

static void test_speaker_equals_pytorch(void **state)
{
    (void)state;
    enum { COUNT = 3, VALUES = UT_SPEAKER_SMALL_PARTIAL * UT_SPEAKER_SMALL_BANDS };
    static const int starts[COUNT] = {0, 8000, 20000};
    static float pcm[SAMPLES], features[COUNT * VALUES], got[COUNT * UT_SPEAKER_SMALL_SIZE];
    size_t count;
    make_signal(pcm);
    float *expected =
        ut_test_npy(ut_test_source("tests/golden/models/data/speaker_small.npy"), &count, NULL);
    assert_int_equal(count, COUNT * UT_SPEAKER_SMALL_SIZE);
    ut_speaker_small *model = NULL;
    ut_error err;
    const char *path = ut_test_source("models/speech/speaker-small.safetensors");
    if (ut_speaker_small_open(path, &model, &err) != UT_OK)
        fail_msg("%s", err.message);
    float *scratch = malloc(ut_speaker_small_scratch(COUNT) * sizeof *scratch);
    assert_non_null(scratch);
    for (int i = 0; i < COUNT; i++)
        ut_speaker_small_features(model, pcm + starts[i], UT_SPEAKER_SMALL_PARTIAL,
                                  features + i * VALUES);
    ut_speaker_small_embed(model, features, COUNT, got, scratch);
    for (size_t i = 0; i < count; i++)
        assert_near(got[i], expected[i], 1e-3);
    free(scratch);
    free(expected);
    ut_speaker_small_close(model);
}

static void test_weights_of_another_shape_are_refused(void **state)
{
    (void)state;
    ut_vad_small *vad = NULL;
    ut_speaker_small *speaker = NULL;
    ut_error err;
    const char *wrong = ut_test_source("models/speech/speaker-small.safetensors");
    assert_int_not_equal(ut_vad_small_open(wrong, &vad, &err), UT_OK);
    assert_null(vad);
    wrong = ut_test_source("models/speech/vad-small.safetensors");
    assert_int_not_equal(ut_speaker_small_open(wrong, &speaker, &err), UT_OK);
    assert_null(speaker);
    assert_non_null(strstr(err.message, "vad-small"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vad_equals_pytorch),
        cmocka_unit_test(test_vad_takes_samples_that_are_not_finite_for_silence),
        cmocka_unit_test(test_speaker_equals_pytorch),
        cmocka_unit_test(test_weights_of_another_shape_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
