/* The example of undertone.h, as a user would write it; runs on the sample with whatever is
 * installed. */
#include "ut_test.h"

#include <string.h>

#include "undertone.h"

static void analyses_the_sample(void **state)
{
    (void)state;
    ut_error error;
    ut_options options = ut_options_default();
    options.asr_model = "none"; /* quick, and there on every machine */
    options.vad_model = options.speaker_model = options.text_model = "bundled";
    ut_engine *engine;
    ut_result *result = NULL;
    if (ut_engine_open(&options, &engine, &error) != UT_OK)
        fail_msg("%s", error.message);
    assert_non_null(strstr(ut_engine_summary(engine), "voice only"));
    ut_session *session = ut_session_create(engine);
    const char *path = ut_test_source("data/raw/watch_repair.flac");
    if (ut_session_analyze(session, path, &result, &error) != UT_OK)
        fail_msg("%s", error.message);
    assert_true(ut_result_count(result) > 5);
    for (size_t i = 0; i < ut_result_count(result); i++) {
        ut_utterance_info u = ut_result_utterance(result, i);
        assert_true(u.start < u.end && u.end <= ut_result_duration(result) + 0.001);
        assert_non_null(strstr(u.explanation, u.emotion));
    }
    assert_non_null(strstr(ut_result_json(result), "undertone-conversation"));
    ut_result_destroy(result);
    result = NULL;
    assert_int_equal(ut_session_analyze(session, "/no/such/file.wav", &result, &error),
                     UT_ERR_NOT_FOUND);
    assert_null(result);
    ut_session_destroy(session);
    ut_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(analyses_the_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
