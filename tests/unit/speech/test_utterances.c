/* Words to speakers and utterances out of both. */
#include <math.h>
#include <string.h>

#include "speech/utterances.h"
#include "ut_test.h"

static const ut_turn TURNS[] = {{0.0, 4.0, 0, 0.9f}, {4.0, 8.0, 1, 0.8f}, {7.5, 12.0, 0, 0.7f}};

static ut_word word(const char *text, double start, double end)
{
    return (ut_word){.text = text, .start = start, .end = end, .probability = 0.5f, .speaker = -1};
}

static void nearest_turn(void **state)
{
    (void)state;
    ut_word words[] = {word("One.", 0.1, 0.5),  word("two.", 3.8, 4.1), word("Three", 4.5, 5.0),
                       word("four.", 7.0, 7.4), word("Five", 9.0, 9.5), word("six", 30.0, 31.0)};
    ut_words_to_speakers(words, 6, TURNS, 3);
    const int expected[] = {0, 0, 1, 1, 0, 0};
    for (int i = 0; i < 6; i++)
        assert_int_equal(words[i].speaker, expected[i]);
    ut_words_to_speakers(words, 6, NULL, 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(words[i].speaker, 0);
}

static void a_stray_word_is_not_flipped(void **state)
{
    (void)state;
    const ut_turn turns[] = {{0, 1.0, 0, 1}, {1.0, 1.3, 1, 1}, {1.3, 3.0, 0, 1}};
    ut_word words[] = {word("I", 0.5, 0.7), word("really", 0.7, 1.0), word("do", 1.02, 1.28),
                       word("think", 1.3, 1.6), word("so.", 1.6, 2.0)};
    ut_words_to_speakers(words, 5, turns, 3);
    for (int i = 0; i < 5; i++)
        assert_int_equal(words[i].speaker, 0);
    /* Set off by punctuation and a pause it stays. */
    ut_word reply[] = {word("Ready?", 0.2, 0.7), word("Yes.", 1.02, 1.28), word("Good.", 1.6, 2.0)};
    ut_words_to_speakers(reply, 3, turns, 3);
    assert_int_equal(reply[1].speaker, 1);
}

static void a_border_goes_to_the_sentence_end(void **state)
{
    (void)state;
    const ut_turn turns[] = {{0, 1.0, 0, 1}, {1.0, 3.0, 1, 1}};
    ut_word words[] = {word("How", 0.2, 0.4), word("are", 0.4, 0.9), word("you?", 1.05, 1.2),
                       word("Fine", 1.3, 1.6), word("thanks", 1.6, 2.0)};
    ut_words_to_speakers(words, 5, turns, 2);
    assert_int_equal(words[2].speaker, 0);
    assert_int_equal(words[3].speaker, 1);
    /* A first word whose turn was given to the other party, alone. */
    const ut_turn late[] = {{0, 1.0, 1, 1}, {1.0, 1.4, 0, 0.1f}, {1.4, 3.0, 1, 1}};
    ut_word first[] = {word("car.", 0.5, 0.9), word("About", 1.2, 1.38), word("how", 1.4, 1.6),
                       word("many", 1.6, 1.8)};
    ut_words_to_speakers(first, 4, late, 3);
    assert_int_equal(first[1].speaker, 1);
    ut_words_to_speakers(first + 1, 3, late, 3);
    assert_int_equal(first[1].speaker, 1);
}

static void utterances_cut(void **state)
{
    (void)state;
    ut_arena *arena = ut_arena_create(0);
    ut_word words[] = {word("Hello", 0.1, 0.5), word("there.", 0.6, 1.0), word("How", 2.5, 2.7),
                       word("are", 2.7, 2.9),   word("you?", 2.9, 3.5),   word("Fine.", 4.5, 5.0)};
    ut_utterance *u;
    size_t count;
    ut_words_to_speakers(words, 6, TURNS, 3);
    assert_int_equal(
        ut_utterances_from_words(arena, words, 6, TURNS, 3, NULL, true, &u, &count, NULL), UT_OK);
    assert_int_equal(count, 3);
    assert_string_equal(u[0].text, "Hello there.");
    assert_string_equal(u[1].text, "How are you?");
    assert_string_equal(u[2].text, "Fine.");
    assert_int_equal(u[2].speaker, 1);
    assert_near(u[0].speaker_confidence, 0.9, 1e-6);
    assert_near(u[1].start, 2.5, 0);
    assert_near(u[1].end, 3.5, 0);
    assert_near(u[1].text_confidence, 0.5, 1e-6);
    assert_ptr_equal(u[1].words, words + 2);
    assert_int_equal(
        ut_utterances_from_words(arena, words, 2, TURNS, 3, NULL, false, &u, &count, NULL), UT_OK);
    assert_string_equal(u[0].text, "Hellothere.");
    assert_int_equal(
        ut_utterances_from_words(arena, NULL, 0, TURNS, 3, NULL, true, &u, &count, NULL), UT_OK);
    assert_int_equal(count, 0);
    ut_arena_destroy(arena);
}

/* Every word in exactly one utterance, in order, none too long, whatever the input. */
static void every_word_once(void **state)
{
    (void)state;
    enum { N = 3000 };
    static ut_word words[N];
    static ut_turn turns[200];
    const char *texts[] = {"so", "well,", "then.", "why?", "and"};
    uint32_t random = 3;
    double at = 0.0;
    for (int i = 0; i < N; i++) {
        random = random * 1664525u + 1013904223u;
        double gap = (random >> 24) > 240 ? 1.0 : 0.01;
        words[i] = word(texts[(random >> 16) % 5], at + gap, at + gap + 0.3);
        at += gap + 0.3;
    }
    for (int i = 0; i < 200; i++)
        turns[i] = (ut_turn){at * i / 200, at * (i + 1.2) / 200, i % 3, 0.5f};
    ut_arena *arena = ut_arena_create(0);
    ut_utterance *u;
    size_t count, next = 0;
    ut_words_to_speakers(words, N, turns, 200);
    assert_int_equal(
        ut_utterances_from_words(arena, words, N, turns, 200, NULL, true, &u, &count, NULL), UT_OK);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(u[i].words, words + next);
        assert_true(u[i].word_count > 0);
        for (size_t k = 0; k < u[i].word_count; k++)
            assert_int_equal(u[i].words[k].speaker, u[i].speaker);
        assert_true(u[i].end - u[i].start <= ut_utterance_defaults().longest + 1e-9);
        assert_false(isnan(u[i].speaker_confidence));
        next += u[i].word_count;
    }
    assert_int_equal(next, N);
    ut_arena_destroy(arena);
}

static void from_turns(void **state)
{
    (void)state;
    const ut_turn turns[] = {{0, 1, 0, 1},   {1.3, 2, 0, 0.5f}, {2.1, 3, 1, 1},
                             {3.1, 4, 0, 1}, {4.1, 44, 1, 1},   {10, 11, 0, 1}};
    ut_arena *arena = ut_arena_create(0);
    ut_utterance *u;
    size_t count;
    assert_int_equal(ut_utterances_from_turns(arena, turns, 6, NULL, &u, &count, NULL), UT_OK);
    assert_int_equal(count, 7);
    assert_near(u[0].end, 2.0, 0);
    assert_near(u[0].speaker_confidence, (1.0 + 0.7 * 0.5) / 1.7, 1e-6);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || u[i].start >= u[i - 1].start);
        assert_true(u[i].end - u[i].start <= 15.0);
        assert_string_equal(u[i].text, "");
    }
    assert_int_equal(ut_utterances_from_turns(arena, NULL, 0, NULL, &u, &count, NULL), UT_OK);
    assert_int_equal(count, 0);
    ut_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_turn),
        cmocka_unit_test(a_stray_word_is_not_flipped),
        cmocka_unit_test(a_border_goes_to_the_sentence_end),
        cmocka_unit_test(utterances_cut),
        cmocka_unit_test(every_word_once),
        cmocka_unit_test(from_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
