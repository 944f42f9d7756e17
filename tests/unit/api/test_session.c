/* What a session can be told: how to take recordings, what was said before, what they are called,
 * to stop. */
#include "ut_test.h"

#include <string.h>

#include "audio/reader.h"
#include "audio/write.h"
#include "undertone.h"

enum { SECONDS = 20 }; /* of the sample, with both its speakers */

static ut_engine *engine;

static bool cut_sample(const char *path)
{
    static float pcm[SECONDS * UT_AUDIO_RATE];
    ut_audio *audio;
    size_t got = 0;
    const char *whole = ut_test_source("data/raw/watch_repair.flac");
    if (ut_audio_open(whole, UT_AUDIO_MIX, &audio, NULL) != UT_OK)
        return false;
    bool cut = ut_audio_read(audio, pcm, SECONDS * UT_AUDIO_RATE, &got, NULL) == UT_OK &&
               ut_wav_write(path, pcm, got, 1, UT_AUDIO_RATE, UT_WAV_S16, NULL) == UT_OK;
    ut_audio_close(audio);
    return cut;
}

static int setup(void **state)
{
    ut_options options = ut_options_default();
    if (ut_test_folder_make(state) != 0 || !cut_sample(ut_test_in_folder("talk.wav")))
        return 1;
    options.asr_model = "none";
    options.vad_model = options.speaker_model = options.text_model = "bundled";
    return ut_engine_open(&options, &engine, NULL) != UT_OK;
}

static int teardown(void **state)
{
    ut_engine_close(engine);
    return ut_test_folder_remove(state);
}

static const char *sample(void)
{
    return ut_test_in_folder("talk.wav");
}

static ut_result *analysed(ut_session *session)
{
    ut_error err;
    ut_result *result;
    if (ut_session_analyze(session, sample(), &result, &err) != UT_OK)
        fail_msg("%s", err.message);
    return result;
}

static void options_are_the_sessions_own(void **state)
{
    (void)state;
    ut_session *plain = ut_session_create(engine);
    ut_session *other = ut_session_create(engine);
    char language[] = "de";
    ut_options options = ut_options_default();
    options.num_speakers = 1;
    options.language = language;
    assert_int_equal(ut_session_set_options(other, &options, NULL), UT_OK);
    memset(language, 'x', sizeof language - 1); /* it was copied */
    ut_result *one = analysed(other);
    ut_result *two = analysed(plain);
    assert_string_equal(ut_result_language(one), "de");
    assert_string_equal(ut_result_language(two), "");
    bool others = false;
    for (size_t i = 0; i < ut_result_count(one); i++)
        assert_string_equal(ut_result_utterance(one, i).speaker, "SPEAKER_00");
    for (size_t i = 0; i < ut_result_count(two); i++)
        others = others || strcmp(ut_result_utterance(two, i).speaker, "SPEAKER_00") != 0;
    assert_true(others);
    ut_result_destroy(one);
    ut_result_destroy(two);
    ut_session_destroy(plain);
    ut_session_destroy(other);
}

static void a_recording_may_be_too_long(void **state)
{
    (void)state;
    ut_error err;
    ut_result *result;
    ut_session *session = ut_session_create(engine);
    ut_options options = ut_options_default();
    options.max_duration = 15;
    assert_int_equal(ut_session_set_options(session, &options, NULL), UT_OK);
    assert_int_equal(ut_session_analyze(session, sample(), &result, &err), UT_ERR_LIMIT);
    assert_non_null(strstr(err.message, "15 seconds"));
    ut_session_destroy(session);
}

static void names_and_history_stand_in_the_document(void **state)
{
    (void)state;
    ut_session *session = ut_session_create(engine);
    const ut_past_turn turns[] = {{"agent", "Good morning.", -1}, {"SPEAKER_00", "Hm.", 3}};
    assert_int_equal(ut_session_set_history(session, turns, 2, NULL), UT_OK);
    assert_int_equal(ut_session_set_name(session, "call 7.wav", NULL), UT_OK);
    ut_result *result = analysed(session);
    const char *json = ut_result_json(result);
    assert_non_null(strstr(json, "\"id\": \"call 7\""));
    assert_non_null(strstr(json, "\"file\": \"call 7.wav\""));
    assert_non_null(strstr(json, "\"text\": \"Good morning.\""));
    assert_non_null(strstr(json, "\"emotion\": \"neutral\"\n    }\n  ]"));
    ut_result_destroy(result);
    ut_session_destroy(session);
}

static void bad_history_is_refused(void **state)
{
    (void)state;
    static char long_text[UT_HISTORY_TEXT + 2];
    static ut_past_turn many[UT_HISTORY_TURNS + 1];
    memset(long_text, 'a', sizeof long_text - 1);
    for (size_t i = 0; i <= UT_HISTORY_TURNS; i++)
        many[i] = (ut_past_turn){"a", "b", -1};
    const ut_past_turn odd[] = {
        {"a", long_text, -1}, {"\xff", "b", -1}, {"a", NULL, -1}, {"a", "b", 5}};
    const ut_status expected[] = {UT_ERR_LIMIT, UT_ERR_FORMAT, UT_ERR_USAGE, UT_ERR_USAGE};
    ut_session *session = ut_session_create(engine);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(ut_session_set_history(session, &odd[i], 1, NULL), expected[i]);
    assert_int_equal(ut_session_set_history(session, many, UT_HISTORY_TURNS + 1, NULL),
                     UT_ERR_LIMIT);
    assert_int_equal(ut_session_set_history(session, many, UT_HISTORY_TURNS, NULL), UT_OK);
    assert_int_equal(ut_session_set_name(session, "\xff", NULL), UT_ERR_FORMAT);
    ut_session_destroy(session);
}

static void a_transcript_is_the_first_step_alone(void **state)
{
    (void)state;
    ut_result *words;
    ut_session *session = ut_session_create(engine);
    assert_int_equal(ut_session_transcribe(session, sample(), &words, NULL), UT_OK);
    ut_result *whole = analysed(session);
    assert_int_equal(ut_result_count(words), ut_result_count(whole));
    assert_near(ut_result_utterance(words, 1).start, ut_result_utterance(whole, 1).start, 0);
    assert_non_null(strstr(ut_result_json(words), "\"emotion\": null"));
    ut_result_destroy(words);
    ut_result_destroy(whole);
    ut_session_destroy(session);
}

/* A wish to stop that comes before the work is not forgotten, and holds once. */
static void stopping_early_counts(void **state)
{
    (void)state;
    ut_result *result;
    ut_session *session = ut_session_create(engine);
    ut_session_cancel(session);
    assert_int_equal(ut_session_analyze(session, sample(), &result, NULL), UT_ERR_CANCELLED);
    ut_result_destroy(analysed(session));
    ut_session_destroy(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_the_sessions_own),
        cmocka_unit_test(a_recording_may_be_too_long),
        cmocka_unit_test(names_and_history_stand_in_the_document),
        cmocka_unit_test(bad_history_is_refused),
        cmocka_unit_test(a_transcript_is_the_first_step_alone),
        cmocka_unit_test(stopping_early_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
