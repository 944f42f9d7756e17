/* Runs the steps over many recordings, several at once, one bad file failing alone. */
#ifndef UT_PIPELINE_RUN_H
#define UT_PIPELINE_RUN_H

#include "pipeline/inputs.h"
#include "pipeline/settings.h"
#include "pipeline/steps.h"

typedef enum ut_run_kind {
    UT_RUN_TRANSCRIBE,
    UT_RUN_EXTRACT,
    UT_RUN_ANALYZE,
    UT_RUN_ALL
} ut_run_kind;

/* What a run tells while it works; called from its threads, one at a time per file. */
typedef struct ut_run_observer {
    void *context;
    void (*progress)(void *context, const ut_input *input, const char *stage, double done);
    void (*finished)(void *context, const ut_input *input, const ut_conversation *c,
                     double work_seconds, const ut_error *failure); /* c or failure is NULL */
} ut_run_observer;

/* `inputs` are recordings (transcribe, all) or documents (extract, analyze). Returns how many
 * failed. */
size_t ut_run(const ut_engine *engine, const ut_settings *settings, ut_run_kind kind,
              const ut_inputs *inputs, const ut_run_observer *observer, atomic_bool *cancelled);

/* Whether `ground_truth` can be read, before hours are spent on what is to be scored with it. */
UT_MUST_CHECK ut_status ut_run_check_truth(const char *ground_truth, ut_error *err);

/* Scores the documents below `predictions` against `ground_truth`: writes the scores to `output` as
 * JSON, pictures beside it, and gives the table for people (free()). */
UT_MUST_CHECK ut_status ut_run_evaluate(const char *predictions, const char *ground_truth,
                                        const char *output, char **table, ut_error *err);

#endif
