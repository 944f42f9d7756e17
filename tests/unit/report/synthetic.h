/* A conversation with everything in it, made up for the tests of the report module. */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include "ut_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "conversation/analytics.h"

static const char *const synthetic_texts[] = {
    "Good morning, this is the \"Harbor\" desk, how can I help you today?",
    "Well, I was told that the parcel would be here on Monday, and nobody came; I waited at home "
    "for the whole day, then I called twice and was cut off both times, which is not what I pay "
    "for.",
    "I am sorry to hear that <b>truly</b> & sincerely </script><script>alert(1)</script>",
    "No! That is simply not good enough.",
    "Let me look, please: one moment...",
    "Oh, it is there already? That is wonderful, thank you so much!",
    "",
    "=1+1, \xC5\xBB\xC3\xB3\xC5\x82\xC4\x87 \xE2\x80\xA8 \xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
};

static inline void synthetic_words(ut_arena *arena, ut_utterance *u)
{
    size_t capacity = 0, length = strlen(u->text);
    for (size_t i = 0; i < length; i++)
        capacity += u->text[i] == ' ';
    u->words = UT_ARENA_NEW(arena, ut_word, capacity + 2);
    const char *at = u->text;
    while (*at) {
        size_t n = strcspn(at, " ");
        if (n) {
            double scale = (u->end - u->start) / (double)length;
            u->words[u->word_count++] =
                (ut_word){ut_arena_strndup(arena, at, n),
                          u->start + scale * (double)(at - u->text),
                          u->start + scale * (double)(at - u->text + (long)n),
                          0.5f + 0.07f * (float)(u->word_count % 8),
                          false,
                          u->speaker};
        }
        at += n + (at[n] == ' ');
    }
}

static inline void synthetic_emotion(ut_arena *arena, ut_utterance *u, size_t i)
{
    ut_emotion *e = &u->emotion;
    e->present = true;
    e->label = (ut_emotion_label)((i * 3 + i / 5) % UT_EMOTIONS);
    float top = 0.4f + 0.05f * (float)(i % 11);
    for (int k = 0; k < UT_EMOTIONS; k++)
        e->probabilities[k] = k == (int)e->label ? top : (1 - top) / 4;
    for (int x = 0; x < UT_EXPERTS - 1; x++) {
        e->opinions[x].present = true;
        e->opinions[x].weight = x == 0 ? 0.4f : 0.2f;
        for (int k = 0; k < UT_EMOTIONS; k++)
            e->opinions[x].probabilities[k] = k == (x + (int)i) % UT_EMOTIONS ? 0.6f : 0.1f;
    }
    e->explanation = "Heard as this because the voice is much louder than this speaker's usual and "
                     "the words resemble labelled examples.";
    e->cues = UT_ARENA_NEW(arena, ut_cue, 2);
    e->cue_count = 2;
    e->cues[0] =
        (ut_cue){"loudness_mean_db", "much louder than this speaker's usual", -18.25f, 2.1f, 0.8f};
    e->cues[1] = (ut_cue){"pitch_mean_hz", "lower than this speaker's usual", 141.5f, -0.7f, -0.2f};
    e->examples = UT_ARENA_NEW(arena, ut_example, 2);
    e->example_count = 2;
    e->examples[0] = (ut_example){"I have been waiting for hours!", UT_ANGRY, 0.2134f, "starter"};
    e->examples[1] = (ut_example){"What a lovely surprise.", UT_HAPPY, 0.4f, "starter"};
}

/* `count` utterances of two to three speakers; the caller destroys it. */
static inline ut_conversation *synthetic(size_t count)
{
    ut_conversation *c;
    assert_int_equal(ut_conversation_create(&c, NULL), UT_OK);
    ut_arena *a = c->arena;
    c->id = "calls/first one";
    c->source.file = "calls/first one.wav";
    c->source.sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    c->source.rate = 16000;
    c->source.channels = 1;
    c->language = "en";
    c->speaker_count = 2;
    c->speakers = UT_ARENA_NEW(a, const char *, 2);
    c->speakers[0] = "SPEAKER_00";
    c->speakers[1] = "SPEAKER_01";
    c->utterance_count = count;
    c->utterances = UT_ARENA_NEW(a, ut_utterance, count + 1);
    double time = 0.5;
    for (size_t i = 0; i < count; i++) {
        ut_utterance *u = &c->utterances[i];
        u->text = synthetic_texts[i % 8];
        u->start = time;
        u->end = time + 0.8 + 0.055 * (double)strlen(u->text);
        time = u->end + 0.3 * (double)(i % 4);
        u->speaker = i % 17 == 9 ? -1 : (int)(i % 2);
        u->speaker_confidence = u->speaker < 0 ? NAN : 0.9f;
        u->text_confidence = *u->text ? 0.8f : NAN;
        synthetic_words(a, u);
        if (i % 13 != 12)
            synthetic_emotion(a, u, i);
        u->features = UT_ARENA_NEW(a, ut_feature, 2);
        u->feature_count = 2;
        u->features[0] = (ut_feature){"pitch_mean_hz", 180.25f, -0.5f};
        u->features[1] = (ut_feature){"loudness_mean_db", -20.5f, NAN};
    }
    c->source.duration = time + 1;
    assert_int_equal(ut_conversation_measure(c, NULL), UT_OK);
    assert_int_equal(ut_conversation_add_model(c, "recognition", "whisper-base", "00ab"), UT_OK);
    assert_int_equal(ut_conversation_add_model(c, "speech", "silero", NULL), UT_OK);
    assert_int_equal(ut_conversation_add_setting(c, "beam_size", "5"), UT_OK);
    assert_int_equal(ut_conversation_add_note(c, "a note for the person"), UT_OK);
    return c;
}

#endif
