/* Step 3: the emotion of each utterance, and why; and all steps together. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "conversation/analytics.h"
#include "emotion/judge.h"
#include "pipeline/engine.h"
#include "pipeline/knowledge.h"
#include "pipeline/language_model.h"
#include "pipeline/steps.h"

ut_status ut_step_check(const ut_step *step, ut_error *err)
{
    if (step->cancelled && *step->cancelled)
        return ut_fail(err, UT_ERR_CANCELLED, "pipeline", "stopped");
    return UT_OK;
}

const ut_options *ut_step_options(const ut_step *step)
{
    return step->options ? step->options : &step->engine->options;
}

void ut_step_report(const ut_step *step, const char *stage, double done)
{
    if (step->progress)
        step->progress(step->context, stage, done < 0 ? 0 : done > 1 ? 1 : done);
}

static ut_status add_history(ut_conversation *c, const ut_past_turn *turns, size_t count,
                             ut_error *err)
{
    ut_earlier_turn *copies = UT_ARENA_NEW(c->arena, ut_earlier_turn, count + 1);
    bool whole = copies != NULL;
    for (size_t i = 0; whole && i < count; i++) {
        copies[i] = (ut_earlier_turn){ut_arena_strdup(c->arena, turns[i].speaker),
                                      ut_arena_strdup(c->arena, turns[i].text), turns[i].emotion};
        whole = copies[i].speaker && copies[i].text;
    }
    if (!whole)
        return ut_fail_memory(err, "analyze");
    c->history = copies;
    c->history_count = count;
    return UT_OK;
}

/* The combined embedding of every utterance that has a part of it. */
static ut_status combine_all(const ut_engine *e, ut_conversation *c, const char *voice_model,
                             ut_error *err)
{
    char name[UT_COMBINED_NAME];
    ut_combined space = e->space;
    space.voice_model = voice_model;
    ut_combined_name(&space, name);
    const char *kept = ut_arena_strdup(c->arena, name);
    for (size_t i = 0; kept && i < c->utterance_count; i++) {
        ut_utterance *u = &c->utterances[i];
        float vector[UT_COMBINED_DIM];
        if (!ut_combine(&space, &u->text_embedding, &u->voice, vector))
            continue;
        float *values = UT_ARENA_NEW(c->arena, float, UT_COMBINED_DIM);
        if (!values)
            return ut_fail_memory(err, "analyze");
        memcpy(values, vector, sizeof vector);
        u->combined = (ut_embedding){kept, values, UT_COMBINED_DIM};
    }
    return kept ? UT_OK : ut_fail_memory(err, "analyze");
}

/* The acoustic expert that fits the voice embeddings which the document holds. */
static void hear_head(const void *head, const float *voice, const float *baseline,
                      float p[UT_EMOTIONS])
{
    ut_voice_head_classify(head, voice, baseline, p);
}

static void hear_net(const void *net, const float *voice, const float *baseline,
                     float p[UT_EMOTIONS])
{
    ut_voice_net_classify(net, voice, baseline, p);
}

static void hear_own(const void *classifier, const float *voice, const float *baseline,
                     float p[UT_EMOTIONS])
{
    ut_voice_classify(classifier, voice, baseline, p);
}

/* Takes the acoustic expert that the document's voice embeddings were made for. */
static ut_status choose_acoustic(const ut_engine *e, ut_conversation *c, ut_judge_models *models)
{
    const char *made_by = NULL;
    for (size_t i = 0; !made_by && i < c->utterance_count; i++)
        made_by = c->utterances[i].voice.model;
    for (size_t h = 0; made_by && h < e->head_count; h++) {
        if (strcmp(e->heads[h].mark, made_by) != 0)
            continue;
        models->acoustic = e->heads[h].head;
        models->voice_model = e->heads[h].mark;
        models->voice_dim = ut_voice_head_dim(e->heads[h].head);
        models->hear = hear_head;
        return ut_conversation_add_model(c, "emotion voice", e->heads[h].name, e->heads[h].sha256);
    }
    if (made_by && strcmp(made_by, e->voice_net_mark) != 0)
        UT_TRY(ut_conversation_add_note(
            c,
            "its voices were heard by %s, which is not there (another edition means something "
            "else): they were not judged; transcribe it again",
            made_by));
    models->acoustic = e->voice_net;
    models->voice_model = e->voice_net_mark;
    models->voice_dim = ut_voice_net_dim(e->voice_net);
    models->hear = hear_net;
    if (!e->own.classifier)
        return ut_engine_record(e, c, "voice");
    models->acoustic = e->own.classifier;
    models->hear = hear_own;
    return ut_conversation_add_model(c, "emotion voice", e->own.name, e->own.sha256);
}

/* Vectors of one encoder mean nothing to the experts trained on another's, nor do those of other
 * weights. A name without an edition, of a document that another program wrote, is believed. */
static ut_status check_encoder(const ut_engine *e, ut_conversation *c, ut_error *err)
{
    const char *wanted = e->own.classifier ? e->voice_net_mark : e->own.name;
    for (size_t i = 0; e->own.info.voice.name && i < c->utterance_count; i++) {
        const ut_embedding *made = &c->utterances[i].voice;
        if (made->count && strcmp(made->model, wanted) != 0)
            return ut_fail(err, UT_ERR_USAGE, "analyze",
                           "the voices in %s were heard by %s, not by the head in %s; transcribe "
                           "it again with the same --model",
                           c->id, made->model, e->own.path);
    }
    for (size_t i = 0; i < c->utterance_count; i++) {
        ut_embedding *made = &c->utterances[i].text_embedding;
        if (made->count && strcmp(made->model, e->text_model) == 0)
            made->model = e->text_mark;
        if (made->count && strcmp(made->model, e->text_mark) != 0)
            return ut_fail(
                err, UT_ERR_USAGE, "analyze",
                "%s was extracted with the text encoder %s, but %s is in use; give the same "
                "--text_model, or extract again",
                c->id, made->model, e->text_mark);
    }
    return UT_OK;
}

/* Kept without a label, for search and history; a knowledge base that fails costs nothing else. Why
 * it did is for the log alone, as in ut_judge(). */
static ut_status file_away(const ut_engine *e, ut_conversation *c, ut_error *err)
{
    ut_error failure;
    if (ut_knowledge_add(e->store, &e->store_space, c, NULL, NULL, NULL, NULL, &failure) == UT_OK)
        return UT_OK;
    ut_log(UT_LOG_WARNING, "not added to the knowledge base: %s", failure.message);
    if (ut_conversation_add_note(c, "not added to the knowledge base, the log says why") != UT_OK)
        return ut_fail_memory(err, "analyze");
    return UT_OK;
}

ut_status ut_step_analyze(const ut_step *step, ut_conversation *c, ut_error *err)
{
    const ut_engine *e = step->engine;
    const ut_options *o = ut_step_options(step);
    ut_judge_models models = {.text_model = e->text_mark,
                              .text = e->text_expert,
                              .context = e->context_expert,
                              .embed = ut_engine_embed,
                              .embed_context = (void *)(uintptr_t)e};
    if (e->examples) {
        models.examples = e->examples;
        models.recall = ut_examples_recall;
    }
    if (e->refiner && o->modalities & UT_MODALITY_TEXT) {
        models.refine_context = (void *)(uintptr_t)step;
        models.refine = ut_language_model_refine;
    }
    if (choose_acoustic(e, c, &models) != UT_OK)
        return ut_fail_memory(err, "analyze");
    UT_TRY(check_encoder(e, c, err));
    ut_judge_options options = ut_judge_defaults();
    options.audio = o->modalities & UT_MODALITY_AUDIO;
    options.text = o->modalities & UT_MODALITY_TEXT;
    options.context = o->modalities & UT_MODALITY_CONTEXT;
    options.retrieval = o->retrieval;
    options.ahead = !o->causal;
    options.explain = !step->labels_only;
    UT_TRY(ut_step_check(step, err));
    ut_step_report(step, "analyze", 0);
    if (!step->labels_only)
        UT_TRY(combine_all(e, c, models.voice_model, err));
    UT_TRY(ut_judge(&models, &options, c, err));
    if (!step->labels_only)
        UT_TRY(ut_conversation_measure(c, err));
    if (e->store && !step->labels_only)
        UT_TRY(file_away(e, c, err));
    ut_step_report(step, "analyze", 1);
    return ut_engine_record(e, c, "emotion") == UT_OK ? UT_OK : ut_fail_memory(err, "analyze");
}

ut_status ut_steps_all(const ut_step *step, const ut_input *input, ut_conversation **conversation,
                       ut_error *err)
{
    ut_conversation *c = NULL;
    ut_status status = ut_step_transcribe(step, input, &c, err);
    if (status == UT_OK && step->history_count)
        status = add_history(c, step->history, step->history_count, err);
    if (status == UT_OK)
        status = ut_conversation_settle(&c, err);
    if (status == UT_OK)
        status = ut_step_extract(step, input->path, c, err);
    if (status == UT_OK)
        status = ut_conversation_settle(&c, err);
    if (status == UT_OK)
        status = ut_step_analyze(step, c, err);
    if (status == UT_OK)
        *conversation = c;
    else
        ut_conversation_destroy(c);
    return status;
}
