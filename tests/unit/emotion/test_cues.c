/* A cue's effect is what the decision itself does when the cue is taken out: the same conversation
 * is judged again with the cue really gone, and the probability must move as the cue said. */
#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/features.h"
#include "emotion/baseline.h"
#include "emotion/cues.h"
#include "emotion/judge.h"
#include "models/static_embedding/static_embedding.h"

enum { TURNS = 40, LOUD = 30 };

/* Anger grows with the voice's first value: smooth, as an expert's opinion is. */
static void hear_by_size(const void *model, const float *voice, const float *baseline,
                         float p[UT_EMOTIONS])
{
    (void)model;
    float x = voice[0] - (baseline ? baseline[0] : 0);
    float angry = 1 / (1 + expf(2 - x));
    for (int i = 0; i < UT_EMOTIONS; i++)
        p[i] = (1 - angry) / 4;
    p[UT_ANGRY] = angry;
}

/* One speaker whose voice follows the loudness: one decibel, a quarter of a unit. */
static ut_conversation *talk(float loudness, float pitch)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->speakers = UT_ARENA_NEW(c->arena, const char *, 1);
    c->speakers[0] = "SPEAKER_00";
    c->speaker_count = 1;
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, TURNS);
    c->utterance_count = TURNS;
    for (size_t i = 0; i < TURNS; i++) {
        ut_utterance *u = &c->utterances[i];
        *u = (ut_utterance){.start = (double)i * 3, .end = (double)i * 3 + 2.5, .text = ""};
        float db = i == LOUD ? loudness : 60 + 4 * sinf((float)i);
        float hz = i == LOUD ? pitch : 150 + 20 * cosf(2.1f * (float)i);
        u->features = UT_ARENA_NEW(c->arena, ut_feature, 2);
        u->feature_count = 2;
        u->features[0] = (ut_feature){"loudness_mean_db", db, NAN};
        u->features[1] = (ut_feature){"pitch_mean_hz", hz, NAN};
        u->voice = (ut_embedding){"v", UT_ARENA_NEW(c->arena, float, 2), 2};
        u->voice.values[0] = (db - 60) / 4;
        u->voice.values[1] = 0;
    }
    ut_baseline_relative(c);
    ut_judge_models models = {.voice_model = "v", .voice_dim = 2, .hear = hear_by_size};
    ut_judge_options options = ut_judge_defaults();
    assert_int_equal(ut_judge(&models, &options, c, NULL), UT_OK);
    return c;
}

static const ut_cue *cue_named(const ut_emotion *e, const char *name)
{
    for (size_t i = 0; i < e->cue_count; i++)
        if (strcmp(e->cues[i].name, name) == 0)
            return &e->cues[i];
    return NULL;
}

static void removing_the_loudness_moves_the_probability_as_said(void **state)
{
    (void)state;
    ut_conversation *loud = talk(76, 260);
    const ut_emotion *e = &loud->utterances[LOUD].emotion;
    const ut_cue *cue = cue_named(e, "loudness_mean_db");
    assert_int_equal(e->label, UT_ANGRY);
    assert_non_null(cue);
    assert_true(cue->effect > 0.1f);
    char said[32];
    snprintf(said, sizeof said, "usual (+%.0f %%)", 100.0 * (double)cue->effect);
    assert_non_null(strstr(e->explanation, said));

    /* The same words in the usual loudness. The cue counts as three deviations at most and the
     * slope is drawn to zero, so it claims somewhat less than all of it. */
    ut_conversation *usual = talk(60, 260);
    float fell =
        e->probabilities[UT_ANGRY] - usual->utterances[LOUD].emotion.probabilities[UT_ANGRY];
    assert_true(cue->effect < fell + 0.02f);
    assert_true(cue->effect > 0.4f * fell);

    /* The pitch is as far out, but the voice's feeling does not follow it. */
    const ut_cue *pitch = cue_named(e, "pitch_mean_hz");
    assert_non_null(pitch);
    assert_true(fabsf(pitch->effect) < 0.2f * cue->effect);
    ut_conversation_destroy(usual);
    ut_conversation_destroy(loud);
}

static void a_voice_that_is_not_asked_moves_nothing(void **state)
{
    (void)state;
    ut_conversation *c = talk(76, 150);
    ut_judge_models models = {.voice_model = "v", .voice_dim = 2, .hear = hear_by_size};
    ut_judge_options options = ut_judge_defaults();
    options.audio = false;
    assert_int_equal(ut_judge(&models, &options, c, NULL), UT_OK);
    const ut_cue *cue = cue_named(&c->utterances[LOUD].emotion, "loudness_mean_db");
    assert_non_null(cue);
    assert_near(cue->effect, 0, 1e-9);
    ut_conversation_destroy(c);
}

static void a_voice_that_is_no_number_has_no_say(void **state)
{
    (void)state;
    ut_conversation *c = talk(76, 150);
    c->utterances[3].voice.values[1] = NAN;
    c->utterances[4].voice.values[0] = INFINITY;
    c->utterances[5].features[0].relative = NAN;
    ut_judge_models models = {.voice_model = "v", .voice_dim = 2, .hear = hear_by_size};
    ut_judge_options options = ut_judge_defaults();
    assert_int_equal(ut_judge(&models, &options, c, NULL), UT_OK);
    for (size_t i = 0; i < TURNS; i++) {
        const ut_emotion *e = &c->utterances[i].emotion;
        float sum = 0;
        for (int k = 0; k < UT_EMOTIONS; k++)
            sum += e->probabilities[k];
        assert_near(sum, 1, 1e-5);
        assert_int_equal(e->opinions[UT_EXPERT_ACOUSTIC].present, i != 3 && i != 4);
        for (size_t k = 0; k < e->cue_count; k++)
            assert_true(isfinite(e->cues[k].effect));
    }
    ut_conversation_destroy(c);
}

/* Every phrase is about a measurement that there is: a name that nothing is measured under would
 * never be heard of. */
static void every_phrase_is_about_something_measured(void **state)
{
    (void)state;
    size_t heard = 0;
    for (size_t k = 0; k < ut_acoustic_feature_count(); k++) {
        ut_conversation *c = talk(60, 150);
        for (size_t i = 0; i < TURNS; i++) {
            ut_utterance *u = &c->utterances[i];
            u->features[0].name = u->features[1].name = ut_acoustic_feature_name(k);
            u->features[0].relative = i == LOUD ? 2.0f : 0.0f;
            u->features[1].relative = NAN;
        }
        ut_judge_models models = {.voice_model = "v", .voice_dim = 2, .hear = hear_by_size};
        ut_judge_options options = ut_judge_defaults();
        assert_int_equal(ut_judge(&models, &options, c, NULL), UT_OK);
        heard += cue_named(&c->utterances[LOUD].emotion, ut_acoustic_feature_name(k)) != NULL;
        ut_conversation_destroy(c);
    }
    assert_int_equal(heard, UT_VOICE_CUES);
}

/* --- words, with the bundled text expert ------------------------------------------------------ */

static ut_status embed(void *context, const char *text, float *out, ut_error *err)
{
    return ut_static_embedding_embed(context, text, out, err);
}

/* Two speakers in turn, the last turn speaker 0's. */
static ut_conversation *dialogue(ut_static_embedding *encoder, const ut_judge_models *models,
                                 const char *language, const char *const texts[], size_t count)
{
    ut_conversation *c;
    ut_error err;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->language = language;
    c->speakers = UT_ARENA_NEW(c->arena, const char *, 2);
    c->speakers[0] = "SPEAKER_00";
    c->speakers[1] = "SPEAKER_01";
    c->speaker_count = 2;
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, count);
    c->utterance_count = count;
    for (size_t i = 0; i < count; i++) {
        ut_utterance *u = &c->utterances[i];
        *u = (ut_utterance){.start = 4.0 * (double)i,
                            .end = 4.0 * (double)i + 3,
                            .speaker = (int)((count - 1 - i) % 2),
                            .text = texts[i],
                            .text_confidence = 1};
        u->text_embedding = (ut_embedding){"s", UT_ARENA_NEW(c->arena, float, UT_TEXT_DIMENSIONS),
                                           UT_TEXT_DIMENSIONS};
        assert_int_equal(embed(encoder, texts[i], u->text_embedding.values, &err), UT_OK);
    }
    ut_judge_options options = ut_judge_defaults();
    if (ut_judge(models, &options, c, &err) != UT_OK)
        fail_msg("%s", err.message);
    return c;
}

static ut_conversation *say(ut_static_embedding *encoder, const ut_text_expert *expert,
                            const char *language, const char *text)
{
    ut_judge_models models = {
        .text_model = "s", .text = expert, .embed = embed, .embed_context = encoder};
    return dialogue(encoder, &models, language, &text, 1);
}

static void removing_a_word_moves_the_probability_as_said(void **state)
{
    (void)state;
    ut_static_embedding *encoder;
    ut_text_expert *expert;
    ut_error err;
    const char *vectors = ut_test_source("models/text/static.safetensors");
    assert_int_equal(ut_static_embedding_open(vectors, &encoder, &err), UT_OK);
    const char *weights = ut_test_source("models/text/emotion-static.safetensors");
    assert_int_equal(ut_text_expert_open(weights, &expert, &err), UT_OK);
    ut_conversation *with = say(encoder, expert, "en", "I am furious with you!");
    ut_conversation *without = say(encoder, expert, "en", "I am with you!");
    const ut_emotion *e = &with->utterances[0].emotion;
    assert_int_equal(e->label, UT_ANGRY);
    const ut_cue *cue = cue_named(e, "furious");
    assert_non_null(cue);
    float fell =
        e->probabilities[UT_ANGRY] - without->utterances[0].emotion.probabilities[UT_ANGRY];
    assert_near(cue->effect, fell, 0.05);
    ut_conversation_destroy(without);
    ut_conversation_destroy(with);

    /* Of a language that the expert never read, its words move nothing. */
    ut_conversation *other = say(encoder, expert, "de", "I am furious with you!");
    assert_int_equal(other->utterances[0].emotion.label, UT_NEUTRAL);
    assert_int_equal(other->utterances[0].emotion.cue_count, 0);
    ut_conversation_destroy(other);
    ut_text_expert_close(expert);
    ut_static_embedding_close(encoder);
}

static void removing_a_turn_moves_the_probability_as_said(void **state)
{
    (void)state;
    static const char *const texts[] = {"I hate you, you ruined everything again!",
                                        "You are a liar and I hate you!", "Stop it."};
    ut_static_embedding *encoder;
    ut_text_expert *text;
    ut_context_expert *context;
    ut_error err;
    const char *vectors = ut_test_source("models/text/static.safetensors");
    assert_int_equal(ut_static_embedding_open(vectors, &encoder, &err), UT_OK);
    const char *weights = ut_test_source("models/text/emotion-static.safetensors");
    assert_int_equal(ut_text_expert_open(weights, &text, &err), UT_OK);
    weights = ut_test_source("models/text/context.safetensors");
    assert_int_equal(ut_context_expert_open(weights, &context, &err), UT_OK);
    ut_judge_models models = {.text_model = "s", .text = text, .context = context};
    ut_conversation *with = dialogue(encoder, &models, "en", texts, 3);
    ut_conversation *without = dialogue(encoder, &models, "en", texts + 1, 2);
    const ut_emotion *e = &with->utterances[2].emotion;
    const ut_cue *cue = cue_named(e, "turn 0");
    assert_non_null(cue);
    assert_string_equal(cue->text, "two turns before, by the same speaker");
    assert_near(cue->value, 0, 0);
    float fell =
        e->probabilities[e->label] - without->utterances[1].emotion.probabilities[e->label];
    assert_true(fabsf(fell) >= 0.02f);
    assert_near(cue->effect, fell, 1e-5);
    char said[96];
    snprintf(said, sizeof said, "two turns before, by the same speaker (%+.0f %%)",
             100.0 * (double)cue->effect);
    assert_non_null(strstr(e->explanation, ". It leaned on"));
    assert_non_null(strstr(e->explanation, said));
    ut_conversation_destroy(without);
    ut_conversation_destroy(with);
    ut_context_expert_close(context);
    ut_text_expert_close(text);
    ut_static_embedding_close(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removing_the_loudness_moves_the_probability_as_said),
        cmocka_unit_test(a_voice_that_is_not_asked_moves_nothing),
        cmocka_unit_test(a_voice_that_is_no_number_has_no_say),
        cmocka_unit_test(every_phrase_is_about_something_measured),
        cmocka_unit_test(removing_a_word_moves_the_probability_as_said),
        cmocka_unit_test(removing_a_turn_moves_the_probability_as_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
