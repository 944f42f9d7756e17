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
    e->label_set = 1u << UT_HAPPY | 1u << UT_NON_NEUTRAL;
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

static char *written(const ut_conversation *c, ut_document_form form)
{
    ut_buf out;
    ut_buf_init(&out, 0);
    assert_int_equal(ut_conversation_write(c, form, (ut_sink){ut_buf_put, &out}, NULL), UT_OK);
    return out.data;
}

static void reads_back_to_the_same_bytes(void **state)
{
    (void)state;
    ut_conversation *c = sample();
    assert_int_equal(c->model_count, 1);
    assert_int_equal(c->note_count, 1);
    ut_earlier_turn history[] = {{"agent", "Hello \"you\"", -1}, {"SPEAKER_00", "", UT_SAD}};
    c->history = history;
    for (c->utterance_count = 0; c->utterance_count <= 2; c->utterance_count++) {
        c->history_count = c->utterance_count;
        char *text = written(c, UT_DOCUMENT_WHOLE);
        ut_error err;
        json_t *json; /* piece by piece or at once: the same text */
        assert_int_equal(ut_json_parse(text, strlen(text), "x", &json, &err), UT_OK);
        char *at_once = ut_json_text(json);
        assert_string_equal(text, at_once);
        ut_conversation *back;
        assert_int_equal(ut_conversation_parse(text, strlen(text), "x", &back, &err), UT_OK);
        char *same = written(back, UT_DOCUMENT_WHOLE);
        assert_string_equal(text, same);
        free(same);
        assert_int_equal(back->utterance_count, c->utterance_count);
        assert_int_equal(back->history_count, c->history_count);
        for (size_t i = 0; i < c->history_count; i++) {
            assert_string_equal(back->history[i].text, history[i].text);
            assert_int_equal(back->history[i].emotion, history[i].emotion);
        }
        if (c->utterance_count == 2) {
            assert_memory_equal(c->utterances[0].voice.values, back->utterances[0].voice.values,
                                12);
            assert_int_equal(back->utterances[1].speaker, -1);
            assert_int_equal(back->utterances[0].emotion.label_set,
                             1u << UT_HAPPY | 1u << UT_NON_NEUTRAL);
        }
        ut_conversation_destroy(back);
        json_decref(json);
        free(at_once);
        free(text);
    }
    c->utterance_count = 2;
    char *text = written(c, UT_DOCUMENT_WHOLE);
    assert_int_equal(ut_conversation_settle(&c, NULL), UT_OK);
    char *settled = written(c, UT_DOCUMENT_WHOLE);
    assert_string_equal(text, settled);
    free(settled);
    free(text);
    ut_conversation_destroy(c);
}

static void a_page_holds_no_embeddings(void **state)
{
    (void)state;
    ut_conversation *c = sample();
    char *text = written(c, UT_DOCUMENT_PAGE);
    json_t *json;
    assert_int_equal(ut_json_parse(text, strlen(text), "x", &json, NULL), UT_OK);
    json_t *u = json_array_get(json_object_get(json, "utterances"), 0);
    assert_non_null(json_object_get(u, "emotion"));
    assert_null(json_object_get(u, "voice"));
    assert_null(json_object_get(u, "words"));
    assert_null(strchr(text, '\n'));
    json_decref(json);
    free(text);
    ut_conversation_destroy(c);
}

static void expect_message(const char *text, const char *expected)
{
    ut_conversation *out;
    ut_error err = {0};
    assert_int_not_equal(ut_conversation_parse(text, strlen(text), "doc.json", &out, &err), UT_OK);
    if (!strstr(err.message, "doc.json") || !strstr(err.message, expected))
        print_error("%s does not hold %s\n", err.message, expected);
    assert_non_null(strstr(err.message, "doc.json"));
    assert_non_null(strstr(err.message, expected));
}

#define HEAD                                                                                       \
    "{\"format\": \"undertone-conversation\", \"version\": 1, \"id\": \"\\\"utterances\\\": "      \
    "[\",\n"                                                                                       \
    "\"source\": {\"file\": \"f\", \"duration\": 9, \"rate\": 1, \"channels\": 1, "                \
    "\"utterances\": [1]},\n"                                                                      \
    "\"speakers\": [],\n"
#define SPOKEN "{\"start\": 1, \"end\": 2, \"text\": \"a, ] } [\\\" b\"}"

static void is_cut_where_the_utterances_are(void **state)
{
    (void)state;
    static const char *const fine[] = {
        HEAD "\"utterances\": []}", HEAD "\"utterances\"\n:\n[ \n ]}",
        HEAD "\"utterances\": [" SPOKEN "\n,\n" SPOKEN "]}",
        /* the utterances first */
        "{\"utterances\": [" SPOKEN "]," /* then the head, without its brace */
    };
    static const size_t counts[] = {0, 0, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s%s", fine[i], i == 3 ? &HEAD[1] : "",
                 i == 3 ? "\"x\": 1}" : "");
        ut_conversation *c;
        ut_error err = {0};
        ut_status status = ut_conversation_parse(text, strlen(text), "doc.json", &c, &err);
        if (status != UT_OK)
            print_error("%zu: %s\n", i, err.message);
        assert_int_equal(status, UT_OK);
        assert_int_equal(c->utterance_count, counts[i]);
        assert_string_equal(c->id, "\"utterances\": [");
        if (counts[i])
            assert_string_equal(c->utterances[counts[i] - 1].text, "a, ] } [\" b");
        ut_conversation_destroy(c);
    }
    expect_message("", "line 1");
    expect_message("[]", "not a conversation");
    expect_message(HEAD "\"utterances\": 3}", "utterances is no array");
    expect_message(HEAD "\"utterances\": {}}", "utterances is no array");
    expect_message(HEAD "\"utterances\": [" SPOKEN ",]}", "line 4");
    expect_message(HEAD "\"utterances\": [,]}", "line 4");
    expect_message(HEAD "\"utterances\": [" SPOKEN ",\n" SPOKEN ",\n{\"a\" 1}]}", "line 6");
    expect_message(HEAD "\"utterances\": [" SPOKEN "\n" SPOKEN "]}", "line 5");
    expect_message(HEAD "\"utterances\": [" SPOKEN ",\n3]}", "line 5");
    expect_message(HEAD "\"utterances\": [" SPOKEN ",\n[]]}", "utterance 1");
    expect_message(HEAD "\"utterances\": [" SPOKEN "],\n\"x\" 1}", "line 5");
    expect_message(HEAD "\"utterances\": [" SPOKEN "}", "line 4");
    expect_message(HEAD "\"utterances\": [" SPOKEN, "line 4");
    expect_message(HEAD "\"utterances\": [{\"text\": \"", "line 4");
    expect_message(HEAD "\"utterances\": [],\n\"utterances\": []}", "line 5");
    expect_message(HEAD "\"utterances\": [" SPOKEN "]} x", "line 4");
}

/* Sets or deletes one member somewhere and expects the reader to name it. */
static void refused(const char *path[], json_t *value, const char *expected)
{
    ut_conversation *c = sample();
    char *whole = written(c, UT_DOCUMENT_WHOLE);
    json_t *json;
    assert_int_equal(ut_json_parse(whole, strlen(whole), "x", &json, NULL), UT_OK);
    free(whole);
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
    char *text = ut_json_text(json);
    expect_message(text, expected);
    free(text);
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
    refused((const char *[]){"utterances", "0", "emotion", "label_set", NULL},
            json_pack("[s]", "furious"), "label_set");
    refused((const char *[]){"utterances", "0", "emotion", "label_set", NULL}, json_pack("[i]", 1),
            "label_set");
    refused((const char *[]){"utterances", "0", "emotion", "label_set", NULL}, json_string("sad"),
            "label_set");
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
        cmocka_unit_test(a_page_holds_no_embeddings),
        cmocka_unit_test(is_cut_where_the_utterances_are),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(labels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
