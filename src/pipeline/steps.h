/* The steps: transcribe, extract, analyze. Each takes a conversation, adds its own part, and never
 * changes another's; each ends with the document as it will be written, so that running the steps
 * one by one from files gives the same bytes as running them together.
 *
 * An engine is immutable and shared; a step belongs to one thread. */
#ifndef UT_PIPELINE_STEPS_H
#define UT_PIPELINE_STEPS_H

#include <stdatomic.h>

#include "conversation/conversation.h"
#include "pipeline/inputs.h"
#include "undertone.h"

typedef struct ut_step {
    const ut_engine *engine;
    const ut_options *options; /* of this step; NULL: the engine's */
    ut_progress progress;      /* may be NULL */
    void *context;
    atomic_bool *cancelled; /* may be NULL */
    /* What was said before the recording: ut_steps_all() writes it into the document, where analyze
     * finds it. */
    const ut_past_turn *history;
    size_t history_count;
    bool labels_only; /* no cues, explanations and combined embeddings */
} ut_step;

/* The note of a conversation that no recogniser heard. */
extern const char ut_note_voice_only[];

UT_MUST_CHECK ut_status ut_step_transcribe(const ut_step *step, const ut_input *input,
                                           ut_conversation **conversation, ut_error *err);
/* `path`: the recording that the conversation came from; its hash is compared. */
UT_MUST_CHECK ut_status ut_step_extract(const ut_step *step, const char *path, ut_conversation *c,
                                        ut_error *err);
UT_MUST_CHECK ut_status ut_step_analyze(const ut_step *step, ut_conversation *c, ut_error *err);

/* All three, the document written and read between them. */
UT_MUST_CHECK ut_status ut_steps_all(const ut_step *step, const ut_input *input,
                                     ut_conversation **conversation, ut_error *err);

/* The options in force; belong to the step or its engine. */
const ut_options *ut_step_options(const ut_step *step);

/* UT_ERR_CANCELLED when the person asked to stop. */
UT_MUST_CHECK ut_status ut_step_check(const ut_step *step, ut_error *err);
void ut_step_report(const ut_step *step, const char *stage, double done);

#endif
