/* Fusion weighs by reliability and by how much is said; baselines are the speaker's own and
 * running; explanations say what the numbers say. */
#include "ut_test.h"

#include <math.h>
#include <string.h>

#include "emotion/baseline.h"
#include "emotion/fusion.h"
#include "emotion/judge.h"

static const float neutral_words[UT_EMOTIONS] = {0.06f, 0.10f, 0.07f, 0.67f, 0.10f};
static const float angry_voice[UT_EMOTIONS] = {0.02f, 0.03f, 0.85f, 0.05f, 0.05f};

static void empty_words_do_not_drown_the_voice(void **state)
{
    (void)state;
    ut_opinion o[UT_EXPERTS] = {0};
    const float sure[UT_EXPERTS] = {1, 1, 1, 1, 1};
    float p[UT_EMOTIONS];
    o[UT_EXPERT_ACOUSTIC].present = o[UT_EXPERT_TEXT].present = true;
    memcpy(o[UT_EXPERT_ACOUSTIC].probabilities, angry_voice, sizeof angry_voice);
    memcpy(o[UT_EXPERT_TEXT].probabilities, neutral_words, sizeof neutral_words);
    ut_fuse(o, sure, p);
    assert_true(p[UT_ANGRY] > p[UT_NEUTRAL]);
    assert_near(o[0].weight + o[1].weight, 1, 1e-5);
    assert_true(o[UT_EXPERT_ACOUSTIC].weight > 0.7f);
    float sum = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        sum += p[i];
    assert_near(sum, 1, 1e-5);
}

static void a_calm_voice_does_not_silence_words(void **state)
{
    (void)state;
    const float sure[UT_EXPERTS] = {1, 1, 1, 1, 1};
    for (int felt = 0; felt < UT_EMOTIONS; felt++) {
        for (float calm = 0.3f; felt != UT_NEUTRAL && calm < 0.995f; calm += 0.05f) {
            ut_opinion o[UT_EXPERTS] = {0};
            float p[UT_EMOTIONS];
            for (int i = 0; i < UT_EMOTIONS; i++) {
                o[UT_EXPERT_ACOUSTIC].probabilities[i] = i == UT_NEUTRAL ? calm : (1 - calm) / 4;
                o[UT_EXPERT_TEXT].probabilities[i] = i == felt ? 0.6f : 0.1f;
            }
            o[UT_EXPERT_ACOUSTIC].present = o[UT_EXPERT_TEXT].present = true;
            ut_fuse(o, sure, p);
            assert_true(p[felt] > p[UT_NEUTRAL]);
        }
    }
}

static void an_unreliable_expert_counts_less(void **state)
{
    (void)state;
    float before = 1;
    for (float reliability = 1; reliability > 0.05f; reliability -= 0.2f) {
        ut_opinion o[UT_EXPERTS] = {0};
        float r[UT_EXPERTS] = {1, reliability, 0, 0, 0};
        float p[UT_EMOTIONS];
        o[0].present = o[1].present = true;
        memcpy(o[0].probabilities, neutral_words, sizeof neutral_words);
        memcpy(o[1].probabilities, angry_voice, sizeof angry_voice);
        ut_fuse(o, r, p);
        assert_true(p[UT_ANGRY] < before);
        before = p[UT_ANGRY];
    }
}

static void nobody_asked_gives_the_prior(void **state)
{
    (void)state;
    ut_opinion o[UT_EXPERTS] = {0};
    const float r[UT_EXPERTS] = {0};
    float p[UT_EMOTIONS];
    ut_fuse(o, r, p);
    for (int i = 0; i < UT_EMOTIONS; i++)
        assert_near(p[i], ut_expert_prior(UT_EXPERT_TEXT)[i], 1e-5);
}

static unsigned set_of(float sad, float happy, float angry, float neutral, float other)
{
    return ut_label_set((const float[UT_EMOTIONS]){sad, happy, angry, neutral, other});
}

static void a_set_holds_what_cannot_be_ruled_out(void **state)
{
    (void)state;
    assert_int_equal(set_of(0.005f, 0.005f, 0.98f, 0.005f, 0.005f), 1u << UT_ANGRY);
    assert_int_equal(set_of(0, 0, 0, 1, 0), 1u << UT_NEUTRAL);
    assert_int_equal(set_of(0.01f, 0.44f, 0.01f, 0.53f, 0.01f), 1u << UT_HAPPY | 1u << UT_NEUTRAL);
    /* the most probable one is there whatever its bound; a rare feeling sooner than neutral */
    unsigned even = set_of(0.2f, 0.2f, 0.2f, 0.2f, 0.2f);
    assert_int_equal(even, 1u << UT_SAD | 1u << UT_HAPPY | 1u << UT_ANGRY | 1u << UT_NON_NEUTRAL);
    assert_true(set_of(0.15f, 0.1f, 0.15f, 0.33f, 0.27f) & 1u << UT_NEUTRAL);
}

static ut_conversation *talk(size_t n)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    c->speakers = UT_ARENA_NEW(c->arena, const char *, 2);
    c->speakers[0] = "SPEAKER_00";
    c->speakers[1] = "SPEAKER_01";
    c->speaker_count = 2;
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, n);
    c->utterance_count = n;
    for (size_t i = 0; i < n; i++) {
        ut_utterance *u = &c->utterances[i];
        *u = (ut_utterance){.start = (double)i,
                            .end = (double)i + 2.5,
                            .speaker = (int)(i % 2),
                            .text = i % 2 ? "fine" : "I am furious",
                            .text_confidence = 0.9f};
        u->features = UT_ARENA_NEW(c->arena, ut_feature, 1);
        u->feature_count = 1;
        u->features[0] = (ut_feature){"loudness_mean_db", i % 2 ? 60 : 40 + (float)(i % 4), NAN};
        u->voice = (ut_embedding){"v", UT_ARENA_NEW(c->arena, float, 2), 2};
        u->voice.values[0] = i % 2 ? 1.0f : 3.0f;
    }
    return c;
}

static void baselines_are_the_speakers_own(void **state)
{
    (void)state;
    ut_conversation *c = talk(12);
    c->utterances[10].features[0].value = 80; /* speaker 0 shouts */
    ut_baseline_relative(c);
    assert_true(isnan(c->utterances[4].features[0].relative));
    assert_true(isfinite(c->utterances[6].features[0].relative));
    assert_true(c->utterances[10].features[0].relative > 3);
    assert_near(c->utterances[11].features[0].relative, 0, 1e-6);
    float mean[2];
    assert_int_equal(ut_baseline_voice(c, 0, "v", 2, mean), 6);
    assert_near(mean[0], 3, 1e-6);
    assert_int_equal(ut_baseline_voice(c, 0, "other", 2, mean), 0);
    ut_conversation_destroy(c);
}

static void hear_by_first_value(const void *model, const float *voice, const float *baseline,
                                float p[UT_EMOTIONS])
{
    (void)model;
    (void)baseline;
    for (int i = 0; i < UT_EMOTIONS; i++)
        p[i] = 0.05f;
    p[voice[0] > 2 ? UT_ANGRY : UT_NEUTRAL] = 0.8f;
}

static void judges_every_utterance_and_says_why(void **state)
{
    (void)state;
    ut_conversation *c = talk(12);
    c->utterances[10].features[0].value = 80;
    for (size_t i = 0; i < 10; i += 2)
        c->utterances[i].voice.values[0] = 1; /* speaker 0 sounds angry once */
    ut_baseline_relative(c);
    ut_judge_models models = {.voice_model = "v", .voice_dim = 2, .hear = hear_by_first_value};
    ut_judge_options options = ut_judge_defaults();
    ut_error err;
    assert_int_equal(ut_judge(&models, &options, c, &err), UT_OK);
    const ut_emotion *e = &c->utterances[10].emotion;
    assert_int_equal(e->label, UT_ANGRY);
    assert_int_equal(c->utterances[11].emotion.label, UT_NEUTRAL);
    assert_non_null(strstr(e->explanation, "the voice sounds angry (80 %"));
    assert_non_null(strstr(e->explanation, "louder than this speaker's usual"));
    assert_int_equal(e->cue_count, 1);
    options.audio = false;
    assert_int_equal(ut_judge(&models, &options, c, &err), UT_OK);
    assert_int_equal(c->utterances[10].emotion.label, UT_NEUTRAL);
    assert_false(c->utterances[10].emotion.opinions[UT_EXPERT_ACOUSTIC].present);
    ut_conversation_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_words_do_not_drown_the_voice),
        cmocka_unit_test(a_calm_voice_does_not_silence_words),
        cmocka_unit_test(an_unreliable_expert_counts_less),
        cmocka_unit_test(nobody_asked_gives_the_prior),
        cmocka_unit_test(a_set_holds_what_cannot_be_ruled_out),
        cmocka_unit_test(baselines_are_the_speakers_own),
        cmocka_unit_test(judges_every_utterance_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
