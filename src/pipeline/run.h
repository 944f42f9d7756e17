/* Runs the steps over many recordings, several at once, one bad file failing alone. */
#ifndef UT_PIPELINE_RUN_H
#define UT_PIPELINE_RUN_H

#include "pipeline/inputs.h"
#include "pipeline/records.h"
#include "pipeline/settings.h"
#include "pipeline/steps.h"

typedef enum ut_run_kind {
    UT_RUN_TRANSCRIBE,
    UT_RUN_EXTRACT,
    UT_RUN_ANALYZE,
    UT_RUN_ALL
} ut_run_kind;

/* What a run tells while it works; called from its threads, one at a time per file. Any but
 * `finished` may be NULL. */
typedef struct ut_run_observer {
    void *context;
    bool wants_documents; /* `finished` gets the document of a file without work, too */
    /* Which models were chosen; none is open in `choice`. Called once, before any work. */
    void (*planned)(void *context, const ut_engine *choice);
    /* Models were opened, and are about to be closed. */
    void (*opened)(void *context, const ut_engine *engine);
    void (*closing)(void *context, const ut_engine *engine);
    void (*progress)(void *context, const ut_input *input, const char *stage, double done);
    /* `failure` is NULL where all is well; `c` is NULL then only if the file was `unchanged` and no
     * document was wanted. */
    void (*finished)(void *context, const ut_input *input, const ut_conversation *c,
                     double work_seconds, bool unchanged, const ut_error *failure);
} ut_run_observer;

typedef struct ut_run_outcome {
    char id[UT_RUN_ID]; /* of the record */
    size_t failed;
    size_t unchanged; /* files for which nothing had to be done */
} ut_run_outcome;

/* `inputs` are recordings (transcribe, all) or documents (extract, analyze). What an earlier run
 * made from the same inputs, settings and models is taken from the cache. A failure of the whole
 * run (records, models) is returned; one of a file is counted and told to the observer. */
UT_MUST_CHECK ut_status ut_run(const ut_settings *settings, ut_run_kind kind,
                               const ut_inputs *inputs, const ut_run_observer *observer,
                               atomic_bool *cancelled, ut_run_outcome *outcome, ut_error *err);

/* Keeps the scores (a file of ut_run_evaluate()) in the record of the run that they belong to. */
UT_MUST_CHECK ut_status ut_run_note_scores(const ut_settings *settings, const char *id,
                                           const char *scores, ut_error *err);

/* Whether `ground_truth` can be read, before hours are spent on what is to be scored with it. */
UT_MUST_CHECK ut_status ut_run_check_truth(const char *ground_truth, ut_error *err);

/* Scores the documents below `predictions` against `ground_truth`: writes the scores to `output` as
 * JSON, pictures beside it, and gives the table for people (free()). */
UT_MUST_CHECK ut_status ut_run_evaluate(const char *predictions, const char *ground_truth,
                                        const char *output, char **table, ut_error *err);

/* Compares two files of scores; writes the comparison to `output` as JSON (NULL: nowhere), and
 * gives the table for people (free()). */
UT_MUST_CHECK ut_status ut_run_compare(const char *first, const char *second, const char *output,
                                       char **table, ut_error *err);

#endif
