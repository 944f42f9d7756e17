/* The search over a decoder that is a hash of its tokens, against openai-whisper's beam search and
 * rules over the same (tools/golden/whisper_search.py). */
#include "ut_test.h"

#include <stdio.h>

#include "fake_whisper.h"
#include "speech/recognize_internal.h"

typedef struct hashed {
    int seed, ending;
} hashed;

static void hash_logits(void *context, const int *tokens, int count, float *logits)
{
    const hashed *model = context;
    uint32_t h = 2166136261u ^ (uint32_t)model->seed * 2654435761u;
    for (int i = 0; i < count; i++)
        h = (h ^ (uint32_t)tokens[i]) * 16777619u;
    for (uint32_t i = 0; i < FAKE_VOCABULARY; i++) {
        uint32_t x = h + i * 0x9E3779B9u;
        x = (x ^ x >> 16) * 0x7FEB352Du;
        x = (x ^ x >> 15) * 0x846CA68Bu;
        x ^= x >> 16;
        logits[i] = (float)(x >> 8) * 0x1p-21f - 4.0f - (i >= FAKE_TIMESTAMP ? 2.75f : 0.0f);
    }
    logits[FAKE_END] += model->ending ? 0.25f * (float)(count - 8) : -50.0f;
}

static void test_beam(void **unused)
{
    (void)unused;
    hashed model;
    ut_recognizer *recognizer;
    ut_recognizer_session *session;
    fake_reset(hash_logits, &model);
    assert_int_equal(ut_recognizer_open("", &recognizer, NULL), UT_OK);
    assert_int_equal(ut_recognizer_session_create(recognizer, &session, NULL), UT_OK);
    FILE *f = fopen(ut_test_source("tests/golden/speech/data/search.txt"), "r");
    assert_non_null(f);
    ut_recognize_options options = ut_recognize_defaults();
    int timestamps, count, cases = 0;
    double sum;
    while (fscanf(f, "%d %d %d %d %lf %d", &model.seed, &options.beam, &timestamps, &model.ending,
                  &sum, &count) == 6) {
        fake_reset(hash_logits, &model);
        options.timestamps = timestamps;
        const int prompt[] = {FAKE_START, FAKE_LANGUAGE, FAKE_TRANSCRIBE, FAKE_NO_TIMESTAMPS};
        memcpy(session->prompt, prompt, sizeof prompt);
        session->prompt_count = timestamps ? 3 : 4;
        assert_int_equal(ut_search(session, &options, 0.0f, NULL), UT_OK);
        int token, differences = 0;
        for (int i = 0; i < count; i++) {
            assert_int_equal(fscanf(f, "%d", &token), 1);
            differences += i >= session->best.count || session->best.tokens[i] != token;
        }
        if (differences > 0 || session->best.count != count)
            fail_msg("case %d: %d tokens for %d, %d differ", model.seed, session->best.count, count,
                     differences);
        assert_near(session->best.sum, sum, 1e-3);
        cases++;
    }
    fclose(f);
    assert_int_equal(cases, 48);
    ut_recognizer_session_destroy(session);
    ut_recognizer_close(recognizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_beam)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
