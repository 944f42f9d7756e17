/* A document that was written and read back is the same bytes; a document with anything wrong is
 * refused with the place named. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "conversation/conversation.h"

static ut_conversation *sample(void)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    ut_arena *a = c->arena;
    c->id = "calls/first";
    c->source.file = "calls/first.wav";
    c->source.sha256 = "00ff";
    c->source.duration = 12.3456;
    c->source.rate = 8000;
    c->source.channels = 1;
    c->language = "en";
    c->speakers = UT_ARENA_NEW(a, const char *, 2);
    c->speakers[0] = "SPEAKER_00";
    c->speakers[1] = "SPEAKER_01";
    c->speaker_count = 2;
    c->utterances = UT_ARENA_NEW(a, ut_utterance, 2);
    c->utterance_count = 2;
    ut_utterance *u = &c->utterances[0];
    *u = (ut_utterance){.start = 0.1234,
                        .end = 2.0 / 3,
                        .speaker = 1,
                        .speaker_confidence = 0.87654f,
                        .text = "Żółć \"quoted\" </script>",
                        .text_confidence = 1 / 3.0f};
    u->words = UT_ARENA_NEW(a, ut_word, 1);
    u->word_count = 1;
    u->words[0] = (ut_word){"Żółć", 0.2, 0.5, 0.99f, true, 1};
    u->features = UT_ARENA_NEW(a, ut_feature, 2);
    u->feature_count = 2;
    u->features[0] = (ut_feature){"pitch_mean_hz", 123.456789f, -1.23456f};
    u->features[1] = (ut_feature){"pause_share", NAN, NAN};
    u->voice = (ut_embedding){"voice", UT_ARENA_NEW(a, float, 3), 3};
    for (int i = 0; i < 3; i++)
        u->voice.values[i] = sinf((float)i) / 3;
    ut_emotion *e = &u->emotion;
    e->present = true;
    e->label = UT_ANGRY;
    for (int i = 0; i < UT_EMOTIONS; i++)
        e->probabilities[i] = 0.2f;
    e->opinions[UT_EXPERT_TEXT].present = true;
    e->opinions[UT_EXPERT_TEXT].weight = 0.75f;
    ut_opinion *asked = &e->opinions[UT_EXPERT_LANGUAGE_MODEL];
    asked->present = true;
    asked->probabilities[UT_SAD] = 1;
    asked->reason = "the pause before \"fine\"";
    asked->grounds = 1u << UT_GROUNDS_WORDS | 1u << UT_GROUNDS_TURNS;
    e->explanation = "because";
    e->cues = UT_ARENA_NEW(a, ut_cue, 1);
    e->cue_count = 1;
    e->cues[0] = (ut_cue){"loudness", "louder than usual", 70, 2, 0.5f};
    e->examples = UT_ARENA_NEW(a, ut_example, 1);
    e->example_count = 1;
    e->examples[0] = (ut_example){"an example", UT_SAD, 0.25f, "starter"};
    c->utterances[1] = (ut_utterance){.start = 3,
                                      .end = 4,
                                      .speaker = -1,
                                      .text = "",
                                      .speaker_confidence = NAN,
                                      .text_confidence = NAN};
    assert_int_equal(ut_conversation_add_model(c, "speech", "silero", "aa"), UT_OK);
    assert_int_equal(ut_conversation_add_model(c, "speech", "other", NULL), UT_OK);
    assert_int_equal(ut_conversation_add_setting(c, "beam_size", "5"), UT_OK);
    assert_int_equal(ut_conversation_add_note(c, "no %s", "recogniser"), UT_OK);
    assert_int_equal(ut_conversation_add_note(c, "no %s", "recogniser"), UT_OK);
    return c;
}

static void reads_back_to_the_same_bytes(void **state)
{
    (void)state;
    ut_conversation *c = sample();
    assert_int_equal(c->model_count, 1);
    assert_int_equal(c->note_count, 1);
    json_t *json = ut_conversation_to_json(c);
    char *text = ut_json_text(json);
    json_t *parsed;
    ut_error err;
    assert_int_equal(ut_json_parse(text, strlen(text), "x", &parsed, &err), UT_OK);
    ut_conversation *back;
    assert_int_equal(ut_conversation_from_json(parsed, "x", &back, &err), UT_OK);
    json_t *again = ut_conversation_to_json(back);
    char *same = ut_json_text(again);
    assert_string_equal(text, same);
    assert_memory_equal(c->utterances[0].voice.values, back->utterances[0].voice.values, 12);
    assert_int_equal(back->utterances[1].speaker, -1);
    free(text);
    free(same);
    json_decref(json);
    json_decref(parsed);
    json_decref(again);
    ut_conversation_destroy(back);
    ut_conversation_destroy(c);
}

/* Sets or deletes one member somewhere and expects the reader to name it. */
static void refused(const char *path[], json_t *value, const char *expected)
{
    ut_conversation *c = sample();
    json_t *json = ut_conversation_to_json(c);
    json_t *at = json;
    size_t i = 0;
    for (; path[i + 1]; i++) {
        at = json_is_array(at) ? json_array_get(at, (size_t)(path[i][0] - '0'))
                               : json_object_get(at, path[i]);
        assert_non_null(at);
    }
    if (value)
        json_object_set_new(at, path[i], value);
    else
        json_object_del(at, path[i]);
    ut_conversation *out;
    ut_error err = {0};
    ut_status status = ut_conversation_from_json(json, "doc.json", &out, &err);
    assert_int_not_equal(status, UT_OK);
    assert_non_null(strstr(err.message, "doc.json"));
    if (!strstr(err.message, expected))
        print_error("%s does not hold %s\n", err.message, expected);
    assert_non_null(strstr(err.message, expected));
    json_decref(json);
    ut_conversation_destroy(c);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    refused((const char *[]){"format", NULL}, json_string("other"), "not a conversation");
    refused((const char *[]){"version", NULL}, json_integer(99), "version 99");
    refused((const char *[]){"utterances", NULL}, NULL, "utterances");
    refused((const char *[]){"utterances", "0", "end", NULL}, json_real(0.01), "end");
    refused((const char *[]){"utterances", "0", "speaker", NULL}, json_string("X"), "speaker");
    refused((const char *[]){"utterances", "0", "emotion", "label", NULL}, json_string("X"),
            "emotion label");
    refused((const char *[]){"utterances", "0", "emotion", "probabilities", "sad", NULL},
            json_real(1.5), "sad");
    refused((const char *[]){"utterances", "0", "voice", "f32", NULL}, json_string("AAAA!AAA"),
            "embedding");
}

static void labels_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < UT_EMOTIONS; i++)
        assert_int_equal(ut_emotion_from_name(ut_emotion_name((ut_emotion_label)i)), i);
    assert_int_equal(ut_emotion_from_name("Non_Neutral"), UT_NON_NEUTRAL);
    assert_int_equal(ut_emotion_from_name("bored"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_to_the_same_bytes),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(labels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
