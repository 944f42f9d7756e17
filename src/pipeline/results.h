/* Result files of a conversation: <output_dir>/<id>/conversation.json and its exports, each written
 * whole or not at all. */
#ifndef UT_PIPELINE_RESULTS_H
#define UT_PIPELINE_RESULTS_H

#include "conversation/conversation.h"

/* conversation.json, and source.json beside it, which remembers where the recording lay
 * (`recording` is absolute or relative to the working folder; NULL leaves source.json alone). */
UT_MUST_CHECK ut_status ut_results_write_document(const ut_conversation *c, const char *output_dir,
                                                  const char *recording, ut_error *err);

/* CSV, subtitles, RTTM ... and the HTML report; `recording` is embedded in it unless NULL. */
UT_MUST_CHECK ut_status ut_results_write_exports(const ut_conversation *c, const char *output_dir,
                                                 const char *recording, ut_error *err);

/* Reads a conversation.json. */
UT_MUST_CHECK ut_status ut_results_read(const char *path, ut_conversation **c, ut_error *err);

/* The recording of a document: below `audio_dir` when given, else as source.json says. free(). */
UT_MUST_CHECK ut_status ut_results_recording(const ut_conversation *c, const char *document,
                                             const char *audio_dir, char **path, ut_error *err);

#endif
