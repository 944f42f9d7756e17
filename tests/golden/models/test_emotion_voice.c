/* The bundled acoustic experts against PyTorch's values on the same weights
 * (tools/golden/voice.py). */
#include "ut_test.h"

#include <stdlib.h>

#include "models/emotion_voice/voice_head.h"
#include "models/emotion_voice/voice_net.h"

enum { RECORDED = UT_VOICE_DIM + 2 * UT_VOICE_CLASSES, FRAMES = 40 };

/* The generator of tools/golden/voice.py. */
static void uniform(float *out, size_t count, uint32_t x)
{
    for (size_t i = 0; i < count; i++) {
        x = 1664525u * x + 1013904223u;
        out[i] = (float)((double)(x >> 8) / 8388608.0 - 1.0);
    }
}

static void compare(const float *want, const float *voice, const float *unknown, const float *known)
{
    for (int i = 0; i < UT_VOICE_DIM; i++)
        assert_near(voice[i], want[i], 2e-3);
    for (int i = 0; i < UT_VOICE_CLASSES; i++) {
        assert_near(unknown[i], want[UT_VOICE_DIM + i], 1e-3);
        assert_near(known[i], want[UT_VOICE_DIM + UT_VOICE_CLASSES + i], 1e-3);
    }
}

static void check_head(const char *weights, const char *golden)
{
    ut_voice_head *head = NULL;
    ut_error err;
    const int *layers;
    size_t count;
    assert_int_equal(ut_voice_head_open(ut_test_source(weights), &head, &err), UT_OK);
    float *want = ut_test_npy(ut_test_source(golden), &count, NULL);
    assert_int_equal(count, RECORDED);
    size_t n = FRAMES * ut_voice_head_width(head);
    size_t used = ut_voice_head_layers(head, &layers);
    const float *given[40] = {NULL};
    float *x = malloc(n * sizeof *x);
    float *scratch = malloc(ut_voice_head_scratch(head) * sizeof *scratch);
    assert_true(x && scratch);
    uniform(x, n, 7);
    for (size_t i = 0; i < used; i++) {
        float *layer = malloc(n * sizeof *layer);
        assert_non_null(layer);
        for (size_t k = 0; k < n; k++)
            layer[k] = x[k] * (float)(1 + layers[i]) + (float)(3 * layers[i]);
        given[layers[i]] = layer;
    }
    float voice[UT_VOICE_DIM];
    float half[UT_VOICE_DIM];
    float unknown[UT_VOICE_CLASSES];
    float known[UT_VOICE_CLASSES];
    ut_voice_head_pool(head, given, 10, 33, voice, scratch);
    for (int i = 0; i < UT_VOICE_DIM; i++)
        half[i] = voice[i] / 2;
    ut_voice_head_classify(head, voice, NULL, unknown);
    ut_voice_head_classify(head, voice, half, known);
    compare(want, voice, unknown, known);
    for (size_t i = 0; i < used; i++)
        free((void *)given[layers[i]]);
    free(x);
    free(scratch);
    free(want);
    ut_voice_head_close(head);
}

static void test_head_base(void **state)
{
    (void)state;
    check_head("models/emotion_voice/whisper-base-voice.safetensors",
               "tests/golden/models/data/voice_base.npy");
}

static void test_head_tiny(void **state)
{
    (void)state;
    check_head("models/emotion_voice/whisper-tiny.en-voice.safetensors",
               "tests/golden/models/data/voice_tiny.en.npy");
}

static void test_net(void **state)
{
    (void)state;
    enum { N = 37123 };
    ut_voice_net *net = NULL;
    ut_error err;
    size_t count;
    assert_int_equal(
        ut_voice_net_open(ut_test_source("models/emotion_voice/voice-net.safetensors"), &net, &err),
        UT_OK);
    float *want =
        ut_test_npy(ut_test_source("tests/golden/models/data/voice_net.npy"), &count, NULL);
    assert_int_equal(count, RECORDED);
    float *pcm = malloc(N * sizeof *pcm);
    float *scratch = malloc(ut_voice_net_scratch(net) * sizeof *scratch);
    assert_true(pcm && scratch);
    uniform(pcm, N, 11);
    for (int i = 0; i < N; i++)
        pcm[i] *= i / 4000 % 2 ? 0.32f : 0.02f;
    float voice[UT_VOICE_DIM];
    float half[UT_VOICE_DIM];
    float unknown[UT_VOICE_CLASSES];
    float known[UT_VOICE_CLASSES];
    ut_voice_net_embed(net, pcm, N, scratch, voice);
    for (int i = 0; i < UT_VOICE_DIM; i++)
        half[i] = voice[i] / 2;
    ut_voice_net_classify(net, voice, NULL, unknown);
    ut_voice_net_classify(net, voice, half, known);
    compare(want, voice, unknown, known);
    free(pcm);
    free(scratch);
    free(want);
    ut_voice_net_close(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_base),
        cmocka_unit_test(test_head_tiny),
        cmocka_unit_test(test_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
