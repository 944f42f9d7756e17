/* `undertone report`: pages of results that are there already. */
#ifndef UT_PIPELINE_REPORT_H
#define UT_PIPELINE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_report_request {
    const char *const
        *paths; /* folders of results, conversation.json files, scores (results.json) */
    size_t count;
    const char *output_dir; /* NULL: beside the results */
    const char *audio_dir;  /* where recordings lie; NULL: as source.json says */
    bool embed;             /* the recordings */
    /* Of each page: its path, or NULL and why it was not written. May be NULL. */
    void (*written)(void *context, const char *path, const ut_error *failure);
    void *context;
} ut_report_request;

/* One page each conversation, one for a collection (more than one conversation, or a folder), one
 * each for scores. A conversation that fails is told of and left out; *failed counts them. */
UT_MUST_CHECK ut_status ut_run_report(const ut_report_request *request, size_t *failed,
                                      ut_error *err);

#endif
