/* What the two files of a run share: the run, and the way of one file through it. */
#ifndef UT_PIPELINE_RUN_INTERNAL_H
#define UT_PIPELINE_RUN_INTERNAL_H

#include <pthread.h>

#include "pipeline/cache.h"
#include "pipeline/run.h"

typedef struct ut_running {
    const ut_settings *settings;
    ut_run_kind kind;
    const ut_inputs *inputs;
    const ut_run_observer *observer;
    atomic_bool *cancelled;
    ut_records *records;
    ut_cache_plan plan;
    ut_stage first, last; /* steps, without the report */
    bool report;          /* exports are written, too */
    int reuse_before;     /* stages below take what the cache has */
    int compute_from;     /* stages below may only take it: --only */
    atomic_size_t failed, unchanged;

    /* Engines are opened when the first file needs them. */
    pthread_mutex_t lock;
    ut_engine *engines[UT_STAGES];
    unsigned parts[UT_STAGES]; /* of each engine */
    size_t engine_count;
    ut_status fatal; /* not UT_OK: the whole run fails */
    ut_error failure;
} ut_running;

/* The engine for a stage; opened with what the later stages need, so that this happens once. */
UT_MUST_CHECK ut_status ut_run_engine(ut_running *run, ut_stage stage, const ut_engine **engine,
                                      ut_error *err);

/* Takes one file from first to last step and writes its results. *c gets the document if work was
 * done or the observer wants it. */
UT_MUST_CHECK ut_status ut_run_file(ut_running *run, const ut_input *input, ut_conversation **c,
                                    bool *unchanged, ut_error *err);

#endif
