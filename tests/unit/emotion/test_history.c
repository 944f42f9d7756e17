/* What was said before the recording counts as if it had been heard in it. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emotion/judge.h"
#include "emotion/refine_internal.h"
#include "models/static_embedding/static_embedding.h"

static ut_static_embedding *encoder;
static ut_text_expert *text_expert;
static ut_context_expert *context_expert;

static const char *const said[] = {
    "Hello, what can I do for you?",  "I hate you, you lied to me!", "I am so sorry.",
    "You are a liar and I hate you!", "We will send it again.",      "Stop it."};
enum { TURNS = 6 };

static int setup(void **state)
{
    (void)state;
    const char *vectors = ut_test_source("models/text/static.safetensors");
    const char *text = ut_test_source("models/text/emotion-static.safetensors");
    const char *context = ut_test_source("models/text/context.safetensors");
    return ut_static_embedding_open(vectors, &encoder, NULL) != UT_OK ||
           ut_text_expert_open(text, &text_expert, NULL) != UT_OK ||
           ut_context_expert_open(context, &context_expert, NULL) != UT_OK;
}

static int teardown(void **state)
{
    (void)state;
    ut_context_expert_close(context_expert);
    ut_text_expert_close(text_expert);
    ut_static_embedding_close(encoder);
    return 0;
}

static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    (void)context;
    return ut_static_embedding_embed(encoder, text, out, err);
}

/* The first `count` turns in order, the first `before` of them as history; speakers take turns. */
static ut_conversation *judge(size_t before, size_t count, bool ahead, const char *const names[2],
                              const int *emotions)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->language = "en";
    c->speakers = UT_ARENA_NEW(c->arena, const char *, 2);
    c->speakers[0] = "SPEAKER_00";
    c->speakers[1] = "SPEAKER_01";
    c->speaker_count = 2;
    c->history = UT_ARENA_NEW(c->arena, ut_earlier_turn, TURNS);
    c->history_count = before;
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, TURNS);
    c->utterance_count = count - before;
    for (size_t i = 0; i < before; i++)
        c->history[i] = (ut_earlier_turn){names[i % 2], said[i], emotions ? emotions[i] : -1};
    for (size_t i = 0; i < c->utterance_count; i++) {
        ut_utterance *u = &c->utterances[i];
        const char *text = said[before + i];
        *u = (ut_utterance){.start = 4.0 * (double)i,
                            .end = 4.0 * (double)i + 3,
                            .speaker = (int)((before + i) % 2),
                            .text = text,
                            .text_confidence = 1};
        float *values = UT_ARENA_NEW(c->arena, float, UT_TEXT_DIMENSIONS);
        assert_int_equal(embed(NULL, text, values, NULL), UT_OK);
        u->text_embedding = (ut_embedding){"s", values, UT_TEXT_DIMENSIONS};
    }
    const ut_judge_models models = {
        .text_model = "s", .text = text_expert, .context = context_expert, .embed = embed};
    ut_judge_options options = ut_judge_defaults();
    options.ahead = ahead;
    assert_int_equal(ut_judge(&models, &options, c, NULL), UT_OK);
    return c;
}

static ut_conversation *judged(size_t before, const char *const names[2], const int *emotions)
{
    return judge(before, TURNS, true, names, emotions);
}

static const char *const same[] = {"SPEAKER_00", "SPEAKER_01"};

static void earlier_turns_count_as_turns(void **state)
{
    (void)state;
    ut_conversation *whole = judged(0, same, NULL);
    for (size_t before = 1; before < TURNS; before++) {
        ut_conversation *parted = judged(before, same, NULL);
        for (size_t i = 0; i < parted->utterance_count; i++) {
            const ut_emotion *a = &whole->utterances[before + i].emotion;
            const ut_emotion *b = &parted->utterances[i].emotion;
            assert_true(b->opinions[UT_EXPERT_CONTEXT].present);
            assert_memory_equal(a->opinions[UT_EXPERT_CONTEXT].probabilities,
                                b->opinions[UT_EXPERT_CONTEXT].probabilities,
                                sizeof a->probabilities);
            assert_memory_equal(a->probabilities, b->probabilities, sizeof a->probabilities);
        }
        ut_conversation_destroy(parted);
    }
    ut_conversation_destroy(whole);
}

/* Live, what is said of a turn stays when others follow; otherwise those two turns after count. */
static void later_turns_count_unless_live(void **state)
{
    (void)state;
    for (int ahead = 0; ahead < 2; ahead++) {
        ut_conversation *whole = judge(0, TURNS, ahead, same, NULL);
        for (size_t count = 1; count < TURNS; count++) {
            ut_conversation *cut = judge(0, count, ahead, same, NULL);
            for (size_t i = 0; i < count; i++) {
                const ut_emotion *a = &whole->utterances[i].emotion;
                const ut_emotion *b = &cut->utterances[i].emotion;
                bool equal =
                    memcmp(a->probabilities, b->probabilities, sizeof a->probabilities) == 0;
                assert_int_equal(equal, !ahead || i + UT_CONTEXT_AFTER < count);
            }
            ut_conversation_destroy(cut);
        }
        ut_conversation_destroy(whole);
    }
}

/* The turns after that it leaned on are named by how far into the recording they are. */
static void cues_name_later_turns(void **state)
{
    (void)state;
    size_t found[2] = {0};
    for (int ahead = 0; ahead < 2; ahead++) {
        ut_conversation *c = judge(0, TURNS, ahead, same, NULL);
        for (size_t i = 0; i < c->utterance_count; i++) {
            const ut_emotion *e = &c->utterances[i].emotion;
            for (size_t k = 0; k < e->cue_count; k++)
                found[ahead] += strncmp(e->cues[k].name, "turn ", 5) == 0 &&
                                e->cues[k].value > (float)i && strstr(e->cues[k].text, "after");
        }
        ut_conversation_destroy(c);
    }
    assert_int_equal(found[0], 0);
    assert_true(found[1] > 0);
}

static float angry(ut_conversation *c)
{
    float p = c->utterances[0].emotion.opinions[UT_EXPERT_CONTEXT].probabilities[UT_ANGRY];
    ut_conversation_destroy(c);
    return p;
}

static void who_said_it_and_how_counts_too(void **state)
{
    (void)state;
    static const char *const others[] = {"agent", "customer"};
    static const int calm[TURNS] = {UT_NEUTRAL, UT_NEUTRAL, UT_NEUTRAL,
                                    UT_NEUTRAL, UT_NEUTRAL, UT_NEUTRAL};
    static const int furious[TURNS] = {UT_ANGRY, UT_ANGRY, UT_ANGRY, UT_ANGRY, UT_ANGRY, UT_ANGRY};
    float known = angry(judged(5, same, NULL));
    assert_true(fabsf(known - angry(judged(5, others, NULL))) > 1e-4f);
    float low = angry(judged(5, same, calm));
    float high = angry(judged(5, same, furious));
    assert_true(low < high);
}

/* The turns that it leaned on are named by how far before the recording they were. */
static void cues_name_earlier_turns(void **state)
{
    (void)state;
    ut_conversation *c = judged(5, same, NULL);
    const ut_emotion *e = &c->utterances[0].emotion;
    size_t found = 0;
    for (size_t i = 0; i < e->cue_count; i++)
        found += strncmp(e->cues[i].name, "turn -", 6) == 0 && e->cues[i].value < 0;
    assert_true(found > 0);
    ut_conversation_destroy(c);
}

static void the_language_model_is_shown_them(void **state)
{
    (void)state;
    ut_conversation *c = judged(5, same, NULL);
    c->history[4].emotion = UT_NEUTRAL;
    ut_refine_call call = {.asked = {0}, .asked_count = 1};
    assert_true(ut_refine_write(c, NULL, &call));
    assert_null(strstr(call.prompt, said[0])); /* five turns before: too far back */
    for (size_t i = 1; i < TURNS; i++)
        assert_non_null(strstr(call.prompt, said[i]));
    assert_non_null(strstr(call.prompt, "\"emotion\":\"neutral\""));
    free(call.prompt);
    ut_conversation_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earlier_turns_count_as_turns),
        cmocka_unit_test(later_turns_count_unless_live),
        cmocka_unit_test(cues_name_later_turns),
        cmocka_unit_test(who_said_it_and_how_counts_too),
        cmocka_unit_test(cues_name_earlier_turns),
        cmocka_unit_test(the_language_model_is_shown_them),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
