#include "emotion/explain.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

enum { VOICE_CUES = 4 };

/* How people say that a measurement is above or below the usual; only what people can hear. */
static const struct {
    const char *name, *more, *less;
} phrases[] = {
    {"loudness_mean_db", "louder", "quieter"},
    {"loudness_std_db", "louder and softer by turns", "more even in loudness"},
    {"pitch_mean_hz", "higher in pitch", "lower in pitch"},
    {"pitch_std_semitones", "livelier in melody", "flatter in melody"},
    {"pitch_range_semitones", "wider in pitch range", "narrower in pitch range"},
    {"articulation_rate_sps", "faster", "slower"},
    {"pause_share", "more halting", "more fluent"},
    {"hnr_mean_db", "clearer in voice", "rougher in voice"},
    {"jitter_local", "shakier in voice", "steadier in voice"},
    {"spectral_centroid_mean_hz", "brighter", "darker"},
};

static int phrase_of(const char *name)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (strcmp(phrases[i].name, name) == 0)
            return (int)i;
    return -1;
}

static const char *degree(float relative)
{
    float size = fabsf(relative);
    return size >= 3 ? "very much " : size >= 2 ? "much " : "";
}

/* Inserts by falling strength; the list is short. */
static size_t strongest(const ut_utterance *u, const ut_feature *best[VOICE_CUES])
{
    size_t n = 0;
    for (size_t i = 0; i < u->feature_count; i++) {
        const ut_feature *f = &u->features[i];
        if (!(fabsf(f->relative) >= 1) || phrase_of(f->name) < 0)
            continue;
        size_t at = n < VOICE_CUES ? n++ : VOICE_CUES;
        for (; at > 0 && fabsf(best[at - 1]->relative) < fabsf(f->relative); at--)
            if (at < VOICE_CUES)
                best[at] = best[at - 1];
        if (at < VOICE_CUES)
            best[at] = f;
    }
    return n;
}

static ut_status add_voice_cues(ut_conversation *c, ut_utterance *u, ut_error *err)
{
    const ut_feature *best[VOICE_CUES];
    size_t n = strongest(u, best);
    ut_emotion *e = &u->emotion;
    ut_cue *cues = UT_ARENA_NEW(c->arena, ut_cue, e->cue_count + n);
    if (!cues)
        return ut_fail_memory(err, "emotion");
    if (e->cue_count)
        memcpy(cues, e->cues, e->cue_count * sizeof *cues);
    for (size_t i = 0; i < n; i++) {
        ut_buf text;
        ut_buf_init(&text, 256);
        int at = phrase_of(best[i]->name);
        ut_buf_addf(&text, "%s%s than this speaker's usual", degree(best[i]->relative),
                    best[i]->relative > 0 ? phrases[at].more : phrases[at].less);
        const char *copy = ut_arena_strdup(c->arena, ut_buf_text(&text));
        ut_buf_free(&text);
        if (!copy)
            return ut_fail_memory(err, "emotion");
        cues[e->cue_count + i] =
            (ut_cue){best[i]->name, copy, best[i]->value, best[i]->relative, NAN};
    }
    e->cues = cues;
    e->cue_count += n;
    return UT_OK;
}

static int best_label(const float p[UT_EMOTIONS])
{
    int best = 0;
    for (int i = 1; i < UT_EMOTIONS; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

static void say_experts(ut_buf *b, const ut_emotion *e)
{
    static const char *const subjects[UT_EXPERTS] = {
        "the voice sounds", "the words read", "the turns before suggest", "similar examples are",
        "the language model says"};
    bool first = true;
    for (int x = 0; x < UT_EXPERTS; x++) {
        const ut_opinion *o = &e->opinions[x];
        if (!o->present || o->weight < 0.05f)
            continue;
        int label = best_label(o->probabilities);
        ut_buf_addf(b, "%s%s %s (%.0f %%, counted %.0f %%)", first ? "" : "; ", subjects[x],
                    ut_emotion_name((ut_emotion_label)label), 100.0 * o->probabilities[label],
                    100.0 * o->weight);
        first = false;
    }
}

ut_status ut_explain(ut_conversation *c, ut_utterance *u, ut_error *err)
{
    UT_TRY(add_voice_cues(c, u, err));
    ut_emotion *e = &u->emotion;
    ut_buf b;
    ut_buf_init(&b, 8192);
    ut_buf_addf(&b, "%s (%.0f %%): ", ut_emotion_name(e->label),
                100.0 * e->probabilities[e->label]);
    say_experts(&b, e);
    bool voice = false;
    for (size_t i = 0; i < e->cue_count; i++) {
        if (isfinite(e->cues[i].effect))
            continue;
        ut_buf_addf(&b, "%s %s", voice ? "," : ". The voice is", e->cues[i].text);
        voice = true;
    }
    bool words = false;
    for (size_t i = 0; i < e->cue_count; i++) {
        if (!isfinite(e->cues[i].effect))
            continue;
        ut_buf_addf(&b, "%s \"%s\"", words ? "," : ". Words that moved it:", e->cues[i].name);
        words = true;
    }
    if (e->example_count)
        ut_buf_addf(&b, ". Nearest example, %s: \"%s\" (distance %.2f)",
                    ut_emotion_name(e->examples[0].label), e->examples[0].text,
                    (double)e->examples[0].distance);
    const char *reason = e->opinions[UT_EXPERT_LANGUAGE_MODEL].reason;
    if (reason && e->opinions[UT_EXPERT_LANGUAGE_MODEL].weight > 0)
        ut_buf_addf(&b, ". The language model's reason, in its own words and not checked: \"%s\"",
                    reason);
    ut_buf_adds(&b, ".");
    e->explanation = ut_buf_status(&b) == UT_OK ? ut_arena_strdup(c->arena, ut_buf_text(&b)) : NULL;
    ut_buf_free(&b);
    return e->explanation ? UT_OK : ut_fail_memory(err, "emotion");
}
