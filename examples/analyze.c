/* Who said what in a recording, and how they felt: analyze call.wav [recogniser] */
#include <stdio.h>

#include <undertone.h>

int main(int argc, char **argv)
{
    ut_error error;
    ut_options options = ut_options_default();
    ut_engine *engine;
    ut_result *result = NULL;
    if (argc < 2)
        return 2;
    if (argc > 2)
        options.asr_model = argv[2];
    if (ut_engine_open(&options, &engine, &error) != UT_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    ut_session *session = ut_session_create(engine);
    ut_status status = ut_session_analyze(session, argv[1], &result, &error);
    if (status != UT_OK)
        fprintf(stderr, "%s\n", error.message);
    for (size_t i = 0; status == UT_OK && i < ut_result_count(result); i++) {
        ut_utterance_info u = ut_result_utterance(result, i);
        printf("%6.1f %s %s: %s\n", u.start, u.speaker, u.emotion, u.text);
    }
    ut_result_destroy(result);
    ut_session_destroy(session);
    ut_engine_close(engine);
    return status != UT_OK;
}
