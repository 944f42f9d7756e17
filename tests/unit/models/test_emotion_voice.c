/* The acoustic experts' behaviour: level, length, bad samples, bad files. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/emotion_voice/voice_head.h"
#include "models/emotion_voice/voice_net.h"

#define NET "models/emotion_voice/voice-net.safetensors"

static void tone(float *pcm, size_t count, float level)
{
    for (size_t i = 0; i < count; i++)
        pcm[i] = level * (float)(sin((double)i * 0.07) * (1.0 + sin((double)i * 0.0007)));
}

static void test_gain(void **state)
{
    (void)state;
    enum { N = 16000 };
    static float pcm[2 * N];
    for (int i = 0; i < N; i++)
        pcm[i] = i % 2 ? 0.1f : -0.1f;
    float alone = ut_voice_gain(pcm, N);
    assert_near(alone * 0.1f, pow(10.0, -26.0 / 20.0), 1e-6);
    assert_near(ut_voice_gain(pcm, 2 * N), alone, 1e-5); /* silence counts for nothing */
    pcm[77] = NAN;
    pcm[78] = INFINITY;
    assert_near(ut_voice_gain(pcm, N), alone, 0.01);
    memset(pcm, 0, sizeof pcm);
    assert_near(ut_voice_gain(pcm, N), 1.0, 0.0);
    assert_near(ut_voice_gain(pcm, 0), 1.0, 0.0);
}

static void test_net_level_and_length(void **state)
{
    (void)state;
    enum { N = 30 * 16000 };
    ut_voice_net *net = NULL;
    ut_error err;
    assert_int_equal(ut_voice_net_open(ut_test_source(NET), &net, &err), UT_OK);
    float *pcm = malloc(N * sizeof *pcm);
    float *scratch = malloc(ut_voice_net_scratch(net) * sizeof *scratch);
    assert_true(pcm && scratch);
    float loud[UT_VOICE_DIM];
    float quiet[UT_VOICE_DIM];
    float p[UT_VOICE_CLASSES];
    tone(pcm, 32000, 0.4f);
    ut_voice_net_embed(net, pcm, 32000, scratch, loud);
    tone(pcm, 32000, 0.0004f);
    ut_voice_net_embed(net, pcm, 32000, scratch, quiet);
    for (int i = 0; i < UT_VOICE_DIM; i++)
        assert_near(loud[i], quiet[i], 1e-2);
    static const size_t LENGTHS[] = {0, 1, 399, 400, 401, 720, 16000, UT_VOICE_NET_SAMPLES, N};
    for (size_t k = 0; k < sizeof LENGTHS / sizeof LENGTHS[0]; k++) {
        tone(pcm, N, 0.1f);
        pcm[0] = NAN;
        ut_voice_net_embed(net, pcm, LENGTHS[k], scratch, loud);
        ut_voice_net_classify(net, loud, k % 2 ? loud : NULL, p);
        float sum = 0.0f;
        for (int i = 0; i < UT_VOICE_CLASSES; i++) {
            assert_true(p[i] >= 0.0f && p[i] <= 1.0f);
            sum += p[i];
        }
        assert_near(sum, 1.0, 1e-5);
    }
    free(pcm);
    free(scratch);
    ut_voice_net_close(net);
}

static void test_wrong_files(void **state)
{
    (void)state;
    ut_voice_net *net = NULL;
    ut_voice_head *head = NULL;
    ut_error err;
    assert_int_not_equal(ut_voice_net_open("no-such-file.safetensors", &net, &err), UT_OK);
    assert_null(net);
    assert_int_not_equal(ut_voice_head_open(ut_test_source(NET), &head, &err), UT_OK);
    assert_null(head);
    assert_non_null(strstr(err.message, "voice-net"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gain),
        cmocka_unit_test(test_net_level_and_length),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
