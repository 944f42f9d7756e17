/* Filling error objects. Every module reports through these two functions.
 *
 * Thread rule: an ut_error belongs to one call at a time. */
#ifndef UT_BASE_ERROR_H
#define UT_BASE_ERROR_H

#include <stdbool.h>

#include "undertone_status.h"

/* Fills `err` (may be NULL) and returns `status`, so that a failing function ends with
 * `return ut_fail(err, UT_ERR_FORMAT, "audio", "%s is not audio; ...", path);`. The message is
 * tidied (a path may hold anything). */
ut_status ut_fail(ut_error *err, ut_status status, const char *where, const char *format, ...)
    UT_PRINTF(4, 5);

/* The same with the text of errno appended, and what to do about it. */
ut_status ut_fail_errno(ut_error *err, ut_status status, const char *where, const char *format, ...)
    UT_PRINTF(4, 5);

/* Makes `line` safe for a terminal and valid UTF-8: control characters and bytes that are no UTF-8
 * become '?'. */
void ut_tidy(char *line);

/* Whether all of `text` is UTF-8 (what RFC 3629 allows). */
bool ut_is_utf8(const char *text);

/* UT_ERR_MEMORY with a message that states what was being allocated. */
ut_status ut_fail_memory(ut_error *err, const char *where);

/* The static analyzer cannot see that a failure is never UT_OK; this tells it. */
#ifdef __clang_analyzer__
#define ut_fail(err, status, ...) ((void)(ut_fail)((err), (status), __VA_ARGS__), (status))
#define ut_fail_errno(err, status, ...)                                                            \
    ((void)(ut_fail_errno)((err), (status), __VA_ARGS__), (status))
#define ut_fail_memory(err, where) ((void)(ut_fail_memory)((err), (where)), UT_ERR_MEMORY)
#endif

/* Returns from the enclosing function when `call` fails. For functions with nothing to clean up. */
#define UT_TRY(call)                                                                               \
    do {                                                                                           \
        ut_status ut_try_status_ = (call);                                                         \
        if (ut_try_status_ != UT_OK)                                                               \
            return ut_try_status_;                                                                 \
    } while (0)

#endif
