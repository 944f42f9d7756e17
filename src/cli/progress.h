/* Progress on standard error: a bar with the time left per stage on a terminal, one plain line for
 * each finished file when piped. Thread-safe. */
#ifndef UT_CLI_PROGRESS_H
#define UT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* `files` in all; `quiet` shows nothing. */
void ut_progress_start(size_t files, bool quiet);
/* A file's stage goes on. */
void ut_progress_update(const char *file, const char *stage, double done);
/* A file is done, after so many seconds of work; `seconds` of audio, negative if nothing
 * had to be done. */
void ut_progress_file(const char *file, bool ok, double seconds, double work);
void ut_progress_end(void);

#endif
