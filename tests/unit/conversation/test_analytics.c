/* Analytics against figures worked out by hand. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/analytics.h"

typedef struct line {
    double start, end;
    int speaker;
    ut_emotion_label label;
} line;

static const char *const names[] = {"A", "B", "C"};

static ut_conversation *talk(const line *lines, size_t count, double duration)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->id = "t";
    c->source.file = "t.wav";
    c->source.duration = duration;
    c->speaker_count = 3;
    c->speakers = UT_ARENA_NEW(c->arena, const char *, 3);
    memcpy((void *)c->speakers, (const void *)names, sizeof names);
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, count + 1);
    c->utterance_count = count;
    for (size_t i = 0; i < count; i++) {
        ut_utterance *u = &c->utterances[i];
        *u = (ut_utterance){.start = lines[i].start,
                            .end = lines[i].end,
                            .speaker = lines[i].speaker,
                            .text = "",
                            .speaker_confidence = NAN,
                            .text_confidence = NAN};
        u->emotion.present = true;
        u->emotion.label = lines[i].label;
        u->emotion.probabilities[lines[i].label] = 1;
        u->emotion.explanation = "";
    }
    return c;
}

static const ut_analytics *measure(ut_conversation *c)
{
    assert_int_equal(ut_conversation_measure(c, NULL), UT_OK);
    return c->analytics;
}

static void counts_time_overlaps_and_silences(void **state)
{
    (void)state;
    /* A 0-4, B 3-6 (takes the floor), A 5-5.5 (within B's), silence 6-8, A 8-10, A 9-10.5 (over
     * its own, no overlap), unknown 12-13: 1.5 s after. */
    static const line lines[] = {
        {0, 4, 0, UT_SAD},      {3, 6, 1, UT_SAD},        {5, 5.5, 0, UT_SAD},
        {8, 10, 0, UT_NEUTRAL}, {9, 10.5, 0, UT_NEUTRAL}, {12, 13, -1, UT_HAPPY},
    };
    ut_conversation *c = talk(lines, 6, 16);
    const ut_analytics *a = measure(c);
    assert_near(a->talkers[0].talk_time, 7, 1e-9);
    assert_near(a->talkers[1].talk_time, 3, 1e-9);
    assert_near(a->talkers[2].talk_time, 0, 1e-9);
    assert_near(a->talkers[0].talk_share, 0.7, 1e-9);
    assert_near(a->speech, 6 + 2.5 + 1, 1e-9);
    assert_near(a->overlap, 1 + 0.5, 1e-9);
    assert_int_equal(a->silence_count, 2);
    assert_near(a->silence, 2 + 1.5, 1e-9);
    assert_near(a->silences[0].start, 6, 1e-9);
    assert_near(a->silences[0].end, 8, 1e-9);
    assert_int_equal(a->silences[0].after, 1);
    assert_int_equal(a->silences[0].before, 0);
    assert_int_equal(a->silences[1].before, -1);
    assert_int_equal(a->interruption_count, 1);
    assert_int_equal(a->interruptions[0].by, 1);
    assert_int_equal(a->interruptions[0].of, 0);
    assert_int_equal(a->interruptions[0].utterance, 1);
    assert_near(a->interruptions[0].time, 3, 1e-9);
    assert_near(a->interruptions[0].overlap, 1, 1e-9);
    assert_int_equal(a->talkers[1].interrupted, 1);
    assert_int_equal(a->talkers[0].was_interrupted, 1);
    assert_int_equal(a->talkers[0].interjections, 1);
    assert_int_equal(a->talkers[0].interrupted, 0);
    assert_int_equal(a->talkers[0].turns, 2); /* 0-4, and 5-10.5 */
    assert_int_equal(a->talkers[0].utterances, 4);
    ut_conversation_destroy(c);
}

static void the_bounds_are_the_defined_ones(void **state)
{
    (void)state;
    /* 0.2 s is an interruption, 0.199 not; 1 s is a silence, 0.999 not. */
    static const line at[] = {{0, 2, 0, 0}, {1.8, 3, 1, 0}, {4, 5, 0, 0}};
    static const line below[] = {{0, 2, 0, 0}, {1.801, 3, 1, 0}, {3.999, 5, 0, 0}};
    ut_conversation *c = talk(at, 3, 5);
    assert_int_equal(measure(c)->interruption_count, 1);
    assert_int_equal(c->analytics->silence_count, 1);
    ut_conversation_destroy(c);
    c = talk(below, 3, 5);
    assert_int_equal(measure(c)->interruption_count, 0);
    assert_int_equal(c->analytics->silence_count, 0);
    ut_conversation_destroy(c);
    /* C interrupts of two others the one that goes on longer; a long utterance still holds the
     * floor when a shorter one of the same speaker lies after its beginning. */
    static const line three[] = {{0, 3, 0, 0}, {1, 3.5, 1, 0}, {2, 5, 2, 0}};
    c = talk(three, 3, 5);
    const ut_analytics *a = measure(c);
    assert_int_equal(a->interruption_count, 2);
    assert_int_equal(a->interruptions[1].by, 2);
    assert_int_equal(a->interruptions[1].of, 1);
    assert_near(a->interruptions[1].overlap, 1.5, 1e-9);
    ut_conversation_destroy(c);
    static const line held[] = {{0, 4, 0, 0}, {1, 2, 0, 0}, {3, 6, 1, 0}};
    c = talk(held, 3, 6);
    assert_int_equal(measure(c)->interruption_count, 1);
    assert_near(c->analytics->interruptions[0].overlap, 1, 1e-9);
    ut_conversation_destroy(c);
}

static void measures_how_they_talked(void **state)
{
    (void)state;
    static const line lines[] = {{0, 3, 0, 0}, {3, 4, 1, 0}, {4, 5, 0, 0}};
    ut_conversation *c = talk(lines, 3, 5);
    ut_feature first[] = {{"speech_rate_sps", 4, NAN}, {"loudness_mean_db", -20, NAN}};
    ut_feature third[] = {{"loudness_mean_db", -28, NAN}, {"speech_rate_sps", NAN, NAN}};
    ut_word words[] = {
        {"a", 0, 1, 1, false, 0}, {"b", 1, 2, 1, false, 0}, {"c", 2, 3, 1, false, 0}};
    c->utterances[0].features = first;
    c->utterances[2].features = third;
    c->utterances[0].feature_count = c->utterances[2].feature_count = 2;
    c->utterances[0].words = words;
    c->utterances[0].word_count = 3;
    const ut_talker *t = measure(c)->talkers;
    assert_int_equal(t[0].words, 3);
    assert_near(t[0].words_per_minute, 60, 1e-9); /* three in the three seconds with words */
    assert_near(t[0].syllables_per_second, 4, 1e-9);
    assert_near(t[0].loudness_db, (-20.0 * 3 - 28) / 4, 1e-9);
    assert_true(isnan(t[1].words_per_minute) && isnan(t[1].loudness_db));
    ut_conversation_destroy(c);
}

static void follows_the_emotions(void **state)
{
    (void)state;
    /* Quarters of 4 s. A angry 2-6: two seconds in each of the first two; B happy 6-8; A sad
     * 14-16. */
    static const line lines[] = {{2, 6, 0, UT_ANGRY}, {6, 8, 1, UT_HAPPY}, {14, 16, 0, UT_SAD}};
    ut_conversation *c = talk(lines, 3, 16);
    const ut_analytics *a = measure(c);
    assert_near(a->quarters[0].probabilities[UT_ANGRY], 1, 1e-9);
    assert_near(a->quarters[1].probabilities[UT_ANGRY], 0.5, 1e-9);
    assert_near(a->quarters[1].probabilities[UT_HAPPY], 0.5, 1e-9);
    assert_near(a->quarters[2].seconds, 0, 1e-9);
    assert_near(a->quarters[3].probabilities[UT_SAD], 1, 1e-9);
    assert_near(a->talkers[0].quarters[1].probabilities[UT_ANGRY], 1, 1e-9);
    assert_near(a->talkers[0].mood.probabilities[UT_ANGRY], 4.0 / 6, 1e-9);
    assert_near(a->talkers[1].quarters[0].seconds, 0, 1e-9);
    ut_conversation_destroy(c);
}

static void finds_where_it_turns(void **state)
{
    (void)state;
    enum { N = 24 };
    line lines[N];
    /* A: six neutral, then six angry; B neutral all the while but for one happy utterance, which is
     * no turn: of three, one moves the mean by 1/3. */
    for (int i = 0; i < N; i++)
        lines[i] = (line){i, i + 0.5, i % 2,
                          i % 2 == 0 && i >= 12 ? UT_ANGRY
                          : i == 13             ? UT_HAPPY
                                                : UT_NEUTRAL};
    ut_conversation *c = talk(lines, N, N);
    const ut_analytics *a = measure(c);
    assert_int_equal(a->turning_point_count, 1);
    const ut_turning_point *t = a->turning_points;
    assert_int_equal(t->utterance, 12);
    assert_near(t->time, 12, 1e-9);
    assert_int_equal(t->speaker, 0);
    assert_int_equal(t->from, UT_NEUTRAL);
    assert_int_equal(t->to, UT_ANGRY);
    assert_near(t->change, 1, 1e-9);
    ut_conversation_destroy(c);
    c = talk(lines, 12, 12); /* nothing turns before */
    assert_int_equal(measure(c)->turning_point_count, 0);
    ut_conversation_destroy(c);
    c = talk(lines, 0, 0);
    assert_near(measure(c)->speech, 0, 1e-9);
    ut_conversation_destroy(c);
}

static void stands_in_the_document(void **state)
{
    (void)state;
    static const line lines[] = {
        {0, 4.0004, 0, UT_SAD}, {3.1239, 6.2, 1, UT_ANGRY}, {9, 10, -1, 0}};
    ut_conversation *c = talk(lines, 3, 12.3456);
    for (int k = 0; k < UT_EMOTIONS; k++)
        c->utterances[0].emotion.probabilities[k] = (float)(k + 1) / 15;
    measure(c);
    ut_buf one, two;
    ut_buf_init(&one, 0);
    ut_buf_init(&two, 0);
    assert_int_equal(ut_conversation_write(c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &one}, NULL),
                     UT_OK);
    assert_non_null(strstr(one.data, "\"analytics\": {"));
    assert_non_null(strstr(one.data, "\"overlap\": 0.876"));
    ut_conversation *back;
    assert_int_equal(ut_conversation_parse(one.data, one.length, "x", &back, NULL), UT_OK);
    assert_int_equal(
        ut_conversation_write(back, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &two}, NULL), UT_OK);
    assert_string_equal(one.data, two.data);
    assert_int_equal(ut_conversation_settle(&back, NULL), UT_OK);
    assert_non_null(back->analytics);
    ut_conversation_destroy(back);
    ut_conversation_destroy(c);
    ut_buf_free(&one);
    ut_buf_free(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_time_overlaps_and_silences),
        cmocka_unit_test(the_bounds_are_the_defined_ones),
        cmocka_unit_test(measures_how_they_talked),
        cmocka_unit_test(follows_the_emotions),
        cmocka_unit_test(finds_where_it_turns),
        cmocka_unit_test(stands_in_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
