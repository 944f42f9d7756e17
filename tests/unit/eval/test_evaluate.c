/* Which prediction scores which truth, who belongs to whom, and what is wrong with a document. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "eval/groups.h"

static ut_conversation *conversation(const char *id, const char *file, size_t utterances)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->id = id;
    c->source.file = file;
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, utterances + 1);
    return c;
}

static void utter(ut_conversation *c, double start, double end, ut_emotion_label label, float p,
                  const char *text)
{
    ut_utterance *u = &c->utterances[c->utterance_count++];
    *u = (ut_utterance){.start = start, .end = end, .speaker = -1, .text = text};
    u->emotion.present = true;
    u->emotion.label = label;
    for (int k = 0; k < UT_EMOTIONS; k++)
        u->emotion.probabilities[k] = k == (int)label ? p : (1 - p) / 4;
}

static ut_truth *truth_of(const char *text)
{
    ut_truth *truth = NULL;
    ut_error err = {0};
    if (ut_truth_parse(text, strlen(text), "gt.json", &truth, &err) != UT_OK)
        fail_msg("%s", err.message);
    return truth;
}

static void scores_by_overlap(void **state)
{
    (void)state;
    ut_conversation *c = conversation("a", "a.wav", 4);
    utter(c, 0, 3, UT_SAD, 0.6f, "one two");
    utter(c, 3, 4, UT_ANGRY, 0.9f, "Three!");
    utter(c, 10, 11, UT_HAPPY, 0.9f, "four");
    utter(c, 20, 21, UT_HAPPY, 0.9f, "");
    ut_truth *truth = truth_of(
        "{\"a.wav\": ["
        "{\"start\": 1, \"end\": 4, \"emotion\": \"sad\", \"text\": \"one two\"}," /* 2 s sad, 1 s
                                                                                      angry */
        "{\"start\": 2.5, \"end\": 4, \"emotion\": \"sad\", \"text\": \"three\"}," /* angry wins */
        "{\"start\": 5, \"end\": 9, \"emotion\": \"happy\", \"text\": \"\"},"      /* missed */
        "{\"start\": 9, \"end\": 10.5, \"emotion\": \"happy\", \"text\": \"five\"}]}");
    const ut_conversation *all[] = {c};
    ut_evaluation *e;
    assert_int_equal(ut_evaluate(truth, all, 1, &e, NULL), UT_OK);
    assert_int_equal(e->score_count, 4);
    assert_int_equal(e->scores[0].predicted, UT_SAD);
    assert_near(e->scores[0].probabilities[UT_SAD], (2 * 0.6 + 0.025) / 3, 1e-6);
    assert_int_equal(e->scores[1].predicted, UT_ANGRY);
    assert_int_equal(e->scores[2].predicted, UT_METRICS_MISSED);
    assert_int_equal(e->scores[3].predicted, UT_HAPPY);
    assert_int_equal(e->missed, 1);
    assert_int_equal(e->extra, 1);
    assert_near(e->emotions.accuracy, 0.5, 1e-12);
    assert_int_equal(e->calibration.count, 3);
    assert_int_equal(e->wer.reference_words, 4);
    assert_int_equal(e->wer.substitutions, 1);
    assert_near(ut_wer_rate(&e->wer), 0.25, 1e-12);

    json_t *json = ut_evaluation_to_json(e);
    assert_non_null(json);
    assert_near(ut_json_number_or(json, "accuracy", -1), 0.5, 1e-12);
    assert_int_equal(ut_json_number_or(json, "missed", -1), 1);
    assert_int_equal(json_array_size(json_object_get(json, "scores")), 4);
    json_decref(json);

    ut_buf table;
    ut_buf_init(&table, 0);
    assert_int_equal(ut_evaluation_table(e, &table), UT_OK);
    assert_non_null(strstr(table.data, "accuracy                   50.0 %"));
    assert_non_null(strstr(table.data, "1 missed"));
    for (char *line = table.data, *end; (end = strchr(line, '\n')); line = end + 1)
        assert_true(end - line <= 80);
    ut_buf_free(&table);
    ut_evaluation_free(e);
    ut_truth_free(truth);
    ut_conversation_destroy(c);
}

/* An entry has the set of its longest overlap; one without a set has no part. */
static void label_sets_are_counted(void **state)
{
    (void)state;
    ut_conversation *c = conversation("a", "a.wav", 4);
    utter(c, 0, 3, UT_SAD, 0.6f, "");
    utter(c, 3, 4, UT_ANGRY, 0.9f, "");
    utter(c, 5, 6, UT_HAPPY, 0.9f, "");
    utter(c, 7, 8, UT_HAPPY, 0.9f, "");
    c->utterances[0].emotion.label_set = 1u << UT_SAD | 1u << UT_NEUTRAL | 1u << UT_ANGRY;
    c->utterances[1].emotion.label_set = 1u << UT_ANGRY;
    c->utterances[2].emotion.label_set = 1u << UT_HAPPY;
    ut_truth *truth = truth_of("{\"a.wav\": [{\"start\": 1, \"end\": 4, \"emotion\": \"neutral\"},"
                               "{\"start\": 2.9, \"end\": 4, \"emotion\": \"sad\"},"
                               "{\"start\": 5, \"end\": 6, \"emotion\": \"happy\"},"
                               "{\"start\": 7, \"end\": 8, \"emotion\": \"happy\"}]}");
    const ut_conversation *all[] = {c};
    ut_evaluation *e;
    assert_int_equal(ut_evaluate(truth, all, 1, &e, NULL), UT_OK);
    assert_int_equal(e->sets.count, 3);
    assert_int_equal(e->sets.covered, 2);
    assert_int_equal(e->sets.labels, 5);
    json_t *json = ut_evaluation_to_json(e);
    assert_non_null(json);
    json_t *sets = json_object_get(json, "label_sets");
    assert_near(ut_json_number_or(sets, "coverage", -1), 2 / 3.0, 1e-12);
    assert_near(ut_json_number_or(sets, "mean_size", -1), 5 / 3.0, 1e-12);
    json_t *sad = json_object_get(json_object_get(sets, "classes"), "sad");
    assert_near(ut_json_number_or(sad, "coverage", -1), 0, 0);
    assert_true(json_is_null(
        json_object_get(json_object_get(json_object_get(sets, "classes"), "angry"), "coverage")));
    json_decref(json);
    ut_buf table;
    ut_buf_init(&table, 0);
    assert_int_equal(ut_evaluation_table(e, &table), UT_OK);
    assert_non_null(strstr(table.data, "truth in its label set     66.7 %"));
    ut_buf_free(&table);
    ut_evaluation_free(e);
    ut_truth_free(truth);
    ut_conversation_destroy(c);
}

/* By speaker as the truth names them, else as the program does; by length; by the recogniser's
 * confidence. */
static void groups(void **state)
{
    (void)state;
    ut_conversation *c = conversation("a", "a.wav", 4);
    utter(c, 0, 0.5, UT_SAD, 0.9f, "x");
    utter(c, 1, 2.5, UT_ANGRY, 0.9f, "x");
    utter(c, 3, 4.2, UT_HAPPY, 0.9f, "x");
    utter(c, 5, 14, UT_HAPPY, 0.9f, "x");
    static const float confidence[] = {0.3f, 0.6f, 0.65f, NAN};
    static const char *speakers[] = {"S0", "S1"};
    c->speakers = speakers;
    c->speaker_count = 2;
    for (int i = 0; i < 4; i++) {
        c->utterances[i].text_confidence = confidence[i];
        c->utterances[i].speaker = i % 2;
    }
    ut_truth *truth = truth_of(
        "{\"a.wav\": [{\"start\": 0, \"end\": 0.5, \"emotion\": \"sad\", \"speaker\": \"Ann\"},"
        "{\"start\": 1, \"end\": 2.5, \"emotion\": \"sad\", \"speaker\": \"Ann\"},"
        "{\"start\": 3, \"end\": 4.2, \"emotion\": \"happy\"},"
        "{\"start\": 5, \"end\": 14, \"emotion\": \"happy\"}]}");
    const ut_conversation *all[] = {c};
    ut_evaluation *e;
    assert_int_equal(ut_evaluate(truth, all, 1, &e, NULL), UT_OK);
    static const struct {
        ut_grouping by;
        const char *name;
        size_t count, correct;
    } want[] = {{UT_BY_SPEAKER, "Ann", 2, 1},          {UT_BY_SPEAKER, "S0", 1, 1},
                {UT_BY_SPEAKER, "S1", 1, 1},           {UT_BY_DURATION, "below 1 s", 1, 1},
                {UT_BY_DURATION, "1-2 s", 2, 1},       {UT_BY_DURATION, "8 s and more", 1, 1},
                {UT_BY_CONFIDENCE, "below 0.5", 1, 1}, {UT_BY_CONFIDENCE, "0.5-0.7", 2, 1}};
    assert_int_equal(e->group_count, sizeof want / sizeof *want);
    for (size_t i = 0; i < e->group_count; i++) {
        assert_int_equal(e->groups[i].by, want[i].by);
        assert_string_equal(e->groups[i].name, want[i].name);
        assert_int_equal(e->groups[i].emotions.count, want[i].count);
        assert_int_equal(e->groups[i].emotions.correct, want[i].correct);
    }
    json_t *json = ut_evaluation_to_json(e);
    assert_non_null(json);
    const json_t *speakers_of = json_object_get(json_object_get(json, "groups"), "speaker");
    assert_int_equal(json_array_size(speakers_of), 3);
    assert_near(ut_json_number_or(json_array_get(speakers_of, 0), "accuracy", -1), 0.5, 1e-12);
    json_decref(json);
    ut_buf table;
    ut_buf_init(&table, 0);
    assert_int_equal(ut_evaluation_table(e, &table), UT_OK);
    assert_non_null(strstr(table.data, "by duration"));
    assert_non_null(strstr(table.data, "below 0.5"));
    ut_buf_free(&table);
    ut_evaluation_free(e);
    ut_truth_free(truth);
    c->speakers = NULL;
    ut_conversation_destroy(c);
}

static void finds_partners(void **state)
{
    (void)state;
    ut_conversation *a = conversation("x/a", "x/a.wav", 1), *b = conversation("y/a", "y/a.wav", 1);
    ut_conversation *d = conversation("z/d", "z/d.wav", 2);
    utter(a, 0, 1, UT_SAD, 0.9f, "");
    utter(b, 0, 1, UT_HAPPY, 0.9f, "");
    utter(d, 0, 1, UT_ANGRY, 0.9f, "");
    utter(d, 1, 9, UT_NEUTRAL, 0.9f, "");
    const ut_conversation *all[] = {a, b, d};
    ut_truth *truth = truth_of("{\"y/a.wav\": [{\"emotion\": \"happy\"}], "
                               "\"d.wav\": [{\"emotion\": \"neutral\"}], "
                               "\"a.wav\": [{\"emotion\": \"sad\"}]}");
    ut_evaluation *e;
    assert_int_equal(ut_evaluate(truth, all, 3, &e, NULL), UT_OK);
    assert_int_equal(e->file_count, 2);
    assert_near(e->emotions.accuracy, 1, 0);
    /* "a.wav" might be either of two */
    assert_int_equal(e->truth_without_conversation_count, 1);
    assert_string_equal(e->truth_without_conversation[0], "a.wav");
    assert_int_equal(e->conversations_without_truth_count, 1);
    assert_string_equal(e->conversations_without_truth[0], "x/a.wav");
    ut_evaluation_free(e);
    ut_truth_free(truth);

    truth = truth_of("{\"none.wav\": [{\"emotion\": \"sad\"}]}");
    ut_error err;
    assert_int_equal(ut_evaluate(truth, all, 3, &e, &err), UT_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "none.wav"));
    ut_truth_free(truth);
    ut_conversation_destroy(a);
    ut_conversation_destroy(b);
    ut_conversation_destroy(d);
}

static void refused(const char *text, const char *expected)
{
    ut_truth *truth;
    ut_error err = {0};
    assert_int_not_equal(ut_truth_parse(text, strlen(text), "gt.json", &truth, &err), UT_OK);
    assert_non_null(strstr(err.message, "gt.json"));
    if (!strstr(err.message, expected))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, expected));
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    refused("", "line 1");
    refused("[]", "names recordings");
    refused("{}", "names recordings");
    refused("{\"a.wav\":\n 5}", "line 1: \"a.wav\": must be a list");
    refused("{\"a.wav\": [{\"emotion\": \"sad\"}],\n\n\"b.wav\": []}", "line 3: \"b.wav\"");
    refused("{\"a.wav\": [\n{\"start\": 0, \"end\": 1, \"emotion\": \"sad\"},\n"
            "{\"start\": 0, \"end\": 1, \"emotion\": \"bored\"}]}",
            "line 3: \"a.wav\", entry 2: emotion must be one of");
    refused("{\"\\\"[,\": [{\"emotion\": \"sad\"}], \"b\": [\n\n\n{\"start\": 2, \"end\": 1, "
            "\"emotion\": \"sad\"}]}",
            "line 4: \"b\", entry 1: end must be later");
    refused("{\"a\": [{\"start\": 2, \"emotion\": \"sad\"}]}", "only one of start and end");
    refused("{\"a\": [{\"emotion\": \"sad\"}, {\"emotion\": \"sad\"}]}", "not its only entry");
    refused("{\"a\": [{\"emotion\": \"sad\", \"txt\": \"x\"}]}", "member other than");
    refused("{\"a\": [{\"emotion\": \"sad\", \"text\": 5}]}", "must be strings");
    refused("{\"a\": [{\"start\": -1, \"end\": 1, \"emotion\": \"sad\"}]}", "seconds from 0");
    refused("{\"a\": [7]}", "is no object");
    refused("{\"\": [{\"emotion\": \"sad\"}]}", "has no name");
}

static void reads_the_sample(void **state)
{
    (void)state;
    ut_truth *truth;
    assert_int_equal(ut_truth_load(ut_test_source("data/ground_truth.json"), &truth, NULL), UT_OK);
    assert_int_equal(truth->count, 1);
    assert_true(truth->files[0].count > 10);
    ut_truth_free(truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_by_overlap),
        cmocka_unit_test(label_sets_are_counted),
        cmocka_unit_test(groups),
        cmocka_unit_test(finds_partners),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(reads_the_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
