/* The `context` of a request: what was said before the recording. */
#ifndef UT_SERVE_HISTORY_H
#define UT_SERVE_HISTORY_H

#include "base/arena.h"
#include "undertone.h"

/* Parses {"conversation_history": [{"speaker", "text", "emotion"?}, ...]}; turns live in the arena.
 * UT_ERR_FORMAT and UT_ERR_LIMIT name what is wrong. */
UT_MUST_CHECK ut_status ut_history_parse(const char *text, size_t length, ut_arena *arena,
                                         ut_past_turn **turns, size_t *count, ut_error *err);

#endif
