#include "emotion/explain.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

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
        "the voice sounds", "the words read", "the turns around it suggest", "similar examples are",
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

typedef enum cue_kind { VOICE, WORD, TURN } cue_kind;

static cue_kind kind_of(const ut_cue *cue)
{
    return isfinite(cue->relative) ? VOICE : isfinite(cue->value) ? TURN : WORD;
}

/* The cues of one kind, each with the points of probability that it gave the label or took. */
static void say_cues(ut_buf *b, const ut_emotion *e, cue_kind kind, const char *opening)
{
    bool first = true;
    const char *quote = kind == WORD ? "\"" : "";
    for (size_t i = 0; i < e->cue_count; i++) {
        const ut_cue *cue = &e->cues[i];
        if (kind_of(cue) != kind)
            continue;
        ut_buf_addf(b, "%s %s%s%s", first ? opening : ",", quote,
                    kind == WORD ? cue->name : cue->text, quote);
        if (fabsf(cue->effect) >= 0.005f)
            ut_buf_addf(b, " (%+.0f %%)", 100.0 * cue->effect);
        first = false;
    }
}

ut_status ut_explain(ut_conversation *c, ut_utterance *u, ut_error *err)
{
    ut_emotion *e = &u->emotion;
    ut_buf b;
    ut_buf_init(&b, 8192);
    ut_buf_addf(&b, "%s (%.0f %%): ", ut_emotion_name(e->label),
                100.0 * e->probabilities[e->label]);
    say_experts(&b, e);
    say_cues(&b, e, VOICE, ". The voice is");
    say_cues(&b, e, WORD, ". Words that moved it:");
    say_cues(&b, e, TURN, ". It leaned on");
    if (e->example_count) {
        const ut_example *x = &e->examples[0];
        bool words = x->text[0];
        ut_buf_addf(&b, ". Nearest example, %s%s%s%s (distance %.2f)", ut_emotion_name(x->label),
                    words ? ": \"" : "", x->text, words ? "\"" : "", (double)x->distance);
    }
    const char *reason = e->opinions[UT_EXPERT_LANGUAGE_MODEL].reason;
    if (reason && e->opinions[UT_EXPERT_LANGUAGE_MODEL].weight > 0)
        ut_buf_addf(&b, ". The language model's reason, in its own words and not checked: \"%s\"",
                    reason);
    ut_buf_adds(&b, ".");
    e->explanation = ut_buf_status(&b) == UT_OK ? ut_arena_strdup(c->arena, ut_buf_text(&b)) : NULL;
    ut_buf_free(&b);
    return e->explanation ? UT_OK : ut_fail_memory(err, "emotion");
}
