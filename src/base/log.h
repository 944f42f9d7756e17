/* Messages to the person, on standard error: one line each, thread-safe. Standard output belongs to
 * results alone. */
#ifndef UT_BASE_LOG_H
#define UT_BASE_LOG_H

#include "undertone_status.h"

typedef enum ut_log_level { UT_LOG_ERROR, UT_LOG_WARNING, UT_LOG_INFO, UT_LOG_DEBUG } ut_log_level;

/* Messages above `level` are dropped; UT_LOG_INFO at start. */
void ut_log_set_level(ut_log_level level);
void ut_log(ut_log_level level, const char *format, ...) UT_PRINTF(2, 3);
/* A line that must be wiped before the next message (a progress bar) registers how to wipe it. */
void ut_log_set_before(void (*before)(void));
/* Also gets every line that is shown (a run's record keeps them); NULL ends it. Called one at a
 * time, and must not log. */
void ut_log_set_sink(void (*sink)(void *context, ut_log_level level, const char *line),
                     void *context);

#endif
