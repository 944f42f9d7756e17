/* `undertone train`: labelled utterances into a file of heads that `run --model` takes. */
#ifndef UT_PIPELINE_TRAIN_H
#define UT_PIPELINE_TRAIN_H

#include <stdatomic.h>

#include "base/buf.h"
#include "pipeline/settings.h"

/* What training tells while it works; called one at a time. */
typedef struct ut_train_observer {
    void *context;
    void (*say)(void *context, bool warning, const char *line);
    void (*progress)(void *context, const char *stage, double done);
} ut_train_observer;

/* Trains on settings->train_data_path, chooses and calibrates on val_data_path, and writes
 * model_output_path with a card and learning curves beside it. `summary` gets the scores for
 * people. A training that was stopped or failed keeps its state beside the model; the same settings
 * go on from there. */
UT_MUST_CHECK ut_status ut_run_train(const ut_settings *settings, const ut_train_observer *observer,
                                     atomic_bool *cancelled, ut_buf *summary, ut_error *err);

#endif
