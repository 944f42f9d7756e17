#include "emotion/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "emotion/baseline.h"
#include "emotion/cues.h"
#include "emotion/explain.h"
#include "emotion/fusion.h"

enum { EVIDENCE = 5 }; /* labelled examples shown for an utterance */

typedef struct judging {
    const ut_judge_models *models;
    const ut_judge_options *options;
    ut_conversation *c;
    ut_context_turn
        *turns;       /* with the text expert's opinion: what was said before, the utterances */
    float *earlier;   /* embeddings of what was said before */
    bool *read;       /* which utterances have one */
    float *baselines; /* [speakers, voice_dim] */
    size_t *baseline_counts;
    ut_recalled *recalled; /* [utterances] */
    float trust;           /* in the language model */
} judging;

ut_judge_options ut_judge_defaults(void)
{
    return (ut_judge_options){true, true, true, true, true, true, 5};
}

/* The speaker's mean voice, NULL while it rests on too little. */
static const float *baseline_of(const judging *j, const ut_utterance *u)
{
    bool known = u->speaker >= 0 && j->baseline_counts[u->speaker] >= (size_t)j->options->baseline;
    return known ? j->baselines + (size_t)u->speaker * j->models->voice_dim : NULL;
}

static void hear(const judging *j, const ut_utterance *u, ut_opinion *o)
{
    const ut_judge_models *m = j->models;
    if (!m->hear || !j->options->audio || !ut_embedding_of(&u->voice, m->voice_model, m->voice_dim))
        return;
    ut_baseline_hear(m->hear, m->acoustic, u->voice.values, baseline_of(j, u),
                     u->speaker >= 0 ? j->baseline_counts[u->speaker] : 0, o->probabilities);
    o->present = true;
}

/* Finds the examples near to every utterance. A knowledge base that does not answer costs its vote
 * and is noted; the analysis goes on. Why is for the log alone: it names files and servers, and a
 * service's clients read the notes. */
static ut_status recall(judging *j)
{
    const ut_judge_models *m = j->models;
    ut_conversation *c = j->c;
    if (!m->recall || !j->options->retrieval)
        return UT_OK;
    ut_error failure;
    if (m->recall(m->examples, c, j->options->text, j->options->audio, EVIDENCE, j->recalled,
                  &failure) == UT_OK)
        return UT_OK;
    memset(j->recalled, 0, c->utterance_count * sizeof *j->recalled);
    ut_log(UT_LOG_WARNING, "no labelled example has a vote: %s", failure.message);
    return ut_conversation_add_note(c, "no labelled example had a vote: the knowledge base could "
                                       "not be asked, the log says why");
}

/* The text and context experts read English; nobody knows what they say of another language. */
static bool reads(const char *language)
{
    return !language || strcmp(language, "en") == 0;
}

static void reliabilities(const judging *j, const ut_utterance *u, float r[UT_EXPERTS])
{
    float heard = (float)fmin(1.0, (u->end - u->start) / 2.0);
    float understood = isfinite(u->text_confidence) ? u->text_confidence : 1;
    float nearest = u->emotion.example_count ? u->emotion.examples[0].distance : 1;
    r[UT_EXPERT_ACOUSTIC] = heard;
    r[UT_EXPERT_TEXT] = r[UT_EXPERT_CONTEXT] = reads(j->c->language) ? understood : 0;
    r[UT_EXPERT_RETRIEVAL] = understood * fmaxf(0, 1 - nearest / 0.8f);
    r[UT_EXPERT_LANGUAGE_MODEL] = j->trust;
}

/* The turn and those around it, as the context expert sees them. */
static void turns_of(const judging *j, size_t index, const ut_context_turn *turns[UT_CONTEXT_TURNS])
{
    size_t at = j->c->history_count + index;
    size_t left = j->options->ahead ? j->c->utterance_count - 1 - index : 0;
    for (size_t k = 0; k <= UT_CONTEXT_BEFORE; k++)
        turns[k] = k <= at ? &j->turns[at - k] : NULL;
    for (size_t k = 1; k <= UT_CONTEXT_AFTER; k++)
        turns[UT_CONTEXT_BEFORE + k] = k <= left ? &j->turns[at + k] : NULL;
}

static void ask_one(const judging *j, size_t index)
{
    ut_utterance *u = &j->c->utterances[index];
    ut_emotion *e = &u->emotion;
    *e = (ut_emotion){.present = true};
    hear(j, u, &e->opinions[UT_EXPERT_ACOUSTIC]);
    ut_opinion *text = &e->opinions[UT_EXPERT_TEXT];
    text->present = j->read[index] && j->options->text;
    size_t before = j->c->history_count + index;
    memcpy(text->probabilities, j->turns[before].p_text, sizeof text->probabilities);
    ut_opinion *context = &e->opinions[UT_EXPERT_CONTEXT];
    const ut_context_turn *turns[UT_CONTEXT_TURNS];
    turns_of(j, index, turns);
    bool others = turns[1] || turns[1 + UT_CONTEXT_BEFORE];
    if (j->models->context && j->options->context && others && j->read[index]) {
        ut_context_expert_classify(j->models->context, turns, context->probabilities);
        context->present = true;
    }
    const ut_recalled *recalled = &j->recalled[index];
    ut_opinion *retrieval = &e->opinions[UT_EXPERT_RETRIEVAL];
    retrieval->present = recalled->count > 0;
    memcpy(retrieval->probabilities, recalled->opinion, sizeof retrieval->probabilities);
    e->examples = recalled->examples;
    e->example_count = recalled->count;
}

static void decide_one(const judging *j, size_t index)
{
    ut_utterance *u = &j->c->utterances[index];
    ut_emotion *e = &u->emotion;
    float reliability[UT_EXPERTS];
    reliabilities(j, u, reliability);
    ut_fuse(e->opinions, reliability, e->probabilities);
    e->label_set = ut_label_set(e->probabilities);
    e->label = UT_SAD;
    for (int i = 1; i < UT_EMOTIONS; i++)
        if (e->probabilities[i] > e->probabilities[e->label])
            e->label = (ut_emotion_label)i;
}

static ut_status explain_all(const judging *j, ut_error *err)
{
    const ut_judge_models *m = j->models;
    ut_cue_slopes slopes = {0};
    ut_status status = UT_OK;
    if (m->hear)
        status = ut_cue_slopes_fit(j->c, m->voice_dim, j->baselines, &slopes, err);
    for (size_t i = 0; status == UT_OK && i < j->c->utterance_count; i++) {
        ut_utterance *u = &j->c->utterances[i];
        float reliability[UT_EXPERTS];
        reliabilities(j, u, reliability);
        size_t known = u->speaker >= 0 ? j->baseline_counts[u->speaker] : 0;
        const ut_context_turn *turns[UT_CONTEXT_TURNS];
        turns_of(j, i, turns);
        ut_cue_ground ground = {m, &slopes, baseline_of(j, u), known, reliability, turns};
        status = ut_cues_find(&ground, j->c, u, err);
        if (status == UT_OK)
            status = ut_explain(j->c, u, err);
    }
    free(slopes.values);
    return status;
}

/* A speaker of the history is the recording's of the same name, or somebody else. */
static int speaker_of(const ut_conversation *c, const char *name)
{
    for (size_t i = 0; i < c->speaker_count; i++)
        if (strcmp(c->speakers[i], name) == 0)
            return (int)i;
    for (size_t i = 0;; i++)
        if (strcmp(c->history[i].speaker, name) == 0)
            return (int)(c->speaker_count + i);
}

/* What was said before the recording. The context expert looks no further back than its window, so
 * only that much is read. A label that the caller gives weighs three times what the words say: on
 * MELD's development part, with the right labels of the turns before and the bundled encoder, the
 * context expert's weighted F1 is 55.8 without them, 56.8 at equal weight, 57.1 at three quarters,
 * and 54.4 where the label alone counts. */
static ut_status read_history(judging *j, ut_error *err)
{
    const ut_judge_models *m = j->models;
    const ut_conversation *c = j->c;
    const size_t most = UT_CONTEXT_BEFORE;
    size_t n = c->history_count;
    for (size_t i = n > most ? n - most : 0; i < n; i++) {
        const ut_earlier_turn *said = &c->history[i];
        ut_context_turn *turn = &j->turns[i];
        turn->speaker = speaker_of(c, said->speaker);
        for (int k = 0; k < UT_EMOTIONS; k++)
            turn->p_text[k] = ut_expert_prior(UT_EXPERT_TEXT)[k];
        if (m->text && m->embed && said->text[0]) {
            float *embedding = j->earlier + (n - 1 - i) * UT_TEXT_DIMENSIONS;
            UT_TRY(m->embed(m->embed_context, said->text, embedding, err));
            UT_TRY(ut_text_expert_classify(m->text, said->text, embedding, turn->p_text, err));
            turn->embedding = embedding;
        }
        for (int k = 0; k < UT_EMOTIONS && said->emotion >= 0; k++)
            turn->p_text[k] = 0.25f * turn->p_text[k] + (k == said->emotion ? 0.75f : 0);
    }
    return UT_OK;
}

static ut_status read_all(judging *j, ut_error *err)
{
    const ut_judge_models *m = j->models;
    for (size_t i = 0; i < j->c->utterance_count; i++) {
        const ut_utterance *u = &j->c->utterances[i];
        ut_context_turn *turn = &j->turns[j->c->history_count + i];
        turn->speaker = u->speaker;
        for (int k = 0; k < UT_EMOTIONS; k++)
            turn->p_text[k] = ut_expert_prior(UT_EXPERT_TEXT)[k];
        if (!m->text || !u->text[0] ||
            !ut_embedding_of(&u->text_embedding, m->text_model, UT_TEXT_DIMENSIONS))
            continue;
        turn->embedding = u->text_embedding.values;
        UT_TRY(
            ut_text_expert_classify(m->text, u->text, u->text_embedding.values, turn->p_text, err));
        j->read[i] = true;
    }
    return UT_OK;
}

ut_status ut_judge(const ut_judge_models *models, const ut_judge_options *options,
                   ut_conversation *c, ut_error *err)
{
    size_t n = c->utterance_count + 1;
    size_t speakers = c->speaker_count + 1;
    judging j = {.models = models, .options = options, .c = c};
    j.turns = calloc(c->history_count + n, sizeof *j.turns);
    j.earlier = calloc(UT_CONTEXT_BEFORE, UT_TEXT_DIMENSIONS * sizeof *j.earlier);
    j.read = calloc(n, sizeof *j.read);
    j.baselines = calloc(speakers * (models->voice_dim + 1), sizeof *j.baselines);
    j.baseline_counts = calloc(speakers, sizeof *j.baseline_counts);
    j.recalled = calloc(n, sizeof *j.recalled);
    ut_status status = UT_OK;
    if (!j.turns || !j.earlier || !j.read || !j.baselines || !j.baseline_counts || !j.recalled)
        status = ut_fail_memory(err, "emotion");
    for (size_t s = 0; status == UT_OK && models->hear && s < c->speaker_count; s++)
        j.baseline_counts[s] = ut_baseline_voice(c, (int)s, models->voice_model, models->voice_dim,
                                                 j.baselines + s * models->voice_dim);
    if (status == UT_OK)
        status = read_history(&j, err);
    if (status == UT_OK)
        status = read_all(&j, err);
    if (status == UT_OK)
        status = recall(&j);
    for (size_t i = 0; status == UT_OK && i < c->utterance_count; i++)
        ask_one(&j, i);
    for (size_t i = 0; status == UT_OK && i < c->utterance_count; i++)
        decide_one(&j, i);
    if (status == UT_OK && models->refine)
        status = models->refine(models->refine_context, c, &j.trust, err);
    for (size_t i = 0; status == UT_OK && i < c->utterance_count; i++)
        if (c->utterances[i].emotion.opinions[UT_EXPERT_LANGUAGE_MODEL].present)
            decide_one(&j, i);
    if (status == UT_OK && options->explain)
        status = explain_all(&j, err);
    free(j.recalled);
    free(j.read);
    free(j.turns);
    free(j.earlier);
    free(j.baselines);
    free(j.baseline_counts);
    return status;
}
