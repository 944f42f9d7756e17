/* Result files of a conversation: <output_dir>/<id>/conversation.json and its exports, each written
 * whole or not at all. */
#ifndef UT_PIPELINE_RESULTS_H
#define UT_PIPELINE_RESULTS_H

#include <stdbool.h>

#include "conversation/conversation.h"

/* Files that were written: each <name> in the result's folder with its sha-256. */
typedef struct ut_results {
    const char *output_dir;
    const char *id;
    json_t *written; /* {"conversation.json": "<sha-256>", ...}; the caller's */
} ut_results;

/* <output_dir>/<id>/<name> (free()), NULL when out of memory. */
char *ut_results_path(const ut_results *r, const char *name);

/* Makes the folder. */
UT_MUST_CHECK ut_status ut_results_prepare(const ut_results *r, ut_error *err);
/* Removes what a killed run left half written in it. */
void ut_results_sweep(const ut_results *r);

/* conversation.json: `text` as it is. */
UT_MUST_CHECK ut_status ut_results_write_document(ut_results *r, const char *text, size_t length,
                                                  ut_error *err);

/* source.json, which remembers where the recording lay (absolute, or relative to the working
 * folder). *changed is set if it did not say so already. */
UT_MUST_CHECK ut_status ut_results_write_source(ut_results *r, const char *recording, bool *changed,
                                                ut_error *err);

/* CSV, subtitles, RTTM ... and the HTML report; `recording` is embedded in it unless NULL. */
UT_MUST_CHECK ut_status ut_results_write_exports(ut_results *r, const ut_conversation *c,
                                                 const char *recording, ut_error *err);

/* Pages, whole or absent: a conversation's, with the recording unless it is NULL, and that of the
 * scores of an evaluation. */
UT_MUST_CHECK ut_status ut_results_write_page(const char *path, const ut_conversation *c,
                                              const char *recording, ut_error *err);
UT_MUST_CHECK ut_status ut_results_write_scores_page(const char *path, const json_t *scores,
                                                     ut_error *err);

/* Reads a conversation.json. */
UT_MUST_CHECK ut_status ut_results_read(const char *path, ut_conversation **c, ut_error *err);

/* The recording of a document: below `audio_dir` when given, else as source.json says. free(). */
UT_MUST_CHECK ut_status ut_results_recording(const ut_conversation *c, const char *document,
                                             const char *audio_dir, char **path, ut_error *err);

#endif
