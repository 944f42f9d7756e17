/* `undertone features`: acoustic features of recordings as one table. */
#ifndef UT_PIPELINE_FEATURES_H
#define UT_PIPELINE_FEATURES_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"
#include "undertone_status.h"

typedef enum ut_feature_level {
    UT_LEVEL_UTTERANCE, /* a row each recording, ten minutes at most */
    UT_LEVEL_WINDOWS,   /* a row each window; a recording that is shorter is one window */
    UT_LEVEL_FRAMES,    /* a row each frame of the set */
} ut_feature_level;

typedef struct ut_feature_request {
    const char *const *paths; /* recordings, or folders of them */
    size_t count;
    const char *set; /* dsp/feature_sets.h */
    ut_feature_level level;
    double window, step; /* seconds, of windows */
    const char *output;  /* report/table.h; NULL: CSV to `sink` */
    const ut_sink *sink;
    /* How many recordings there are; of each: how far it is; that it is done, after so many seconds
     * of work, or why it failed. */
    void (*started)(void *context, size_t files);
    void (*progress)(void *context, const char *file, double done);
    void (*finished)(void *context, const char *file, double seconds, double work,
                     const ut_error *failure, const char *warning);
    void *context;
    const atomic_bool *cancelled;
} ut_feature_request;

/* A recording that fails is told of, and the rows of the others stay; of itself it has none,
 * wherever it failed. *failed counts them. No file is written where all fail. Memory grows with the
 * window, or is that of ten minutes. Errors: UT_ERR_USAGE (set, level, window, the table's name),
 * UT_ERR_CANCELLED, ... */
UT_MUST_CHECK ut_status ut_run_features(const ut_feature_request *request, size_t *failed,
                                        ut_error *err);

#endif
