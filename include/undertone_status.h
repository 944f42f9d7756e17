/* Statuses and the error object of Undertone, shared by the public API and every module.
 *
 * A fallible function returns ut_status and, where it takes an ut_error, fills it on failure with
 * one sentence that names the thing at fault and what to do about it. NULL is accepted for the
 * error. */
#ifndef UNDERTONE_STATUS_H
#define UNDERTONE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/*        name            text shown to people */
#define UT_STATUS_MAP(X)                                                                           \
    X(OK, "success")                                                                               \
    X(ERR_USAGE, "wrong usage")                                                                    \
    X(ERR_CONFIG, "malformed configuration")                                                       \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_IO, "input or output failed")                                                            \
    X(ERR_FORMAT, "malformed data")                                                                \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_LIMIT, "over a limit")                                                                   \
    X(ERR_MISMATCH, "contents do not match their hash")                                            \
    X(ERR_MEMORY, "out of memory")                                                                 \
    X(ERR_NETWORK, "network failed")                                                               \
    X(ERR_CANCELLED, "cancelled")                                                                  \
    X(ERR_INTERNAL, "internal error")

typedef enum ut_status {
#define UT_STATUS_ENUM(name, text) UT_##name,
    UT_STATUS_MAP(UT_STATUS_ENUM)
#undef UT_STATUS_ENUM
} ut_status;

typedef struct ut_error {
    ut_status status;
    char where[48];     /* module that noticed, e.g. "audio" */
    char message[1024]; /* one sentence, UTF-8, no newline */
} ut_error;

#if defined(__GNUC__)
#define UT_MUST_CHECK __attribute__((warn_unused_result))
#define UT_PRINTF(at, first) __attribute__((format(printf, at, first)))
#define UT_API __attribute__((visibility("default")))
#else
#define UT_MUST_CHECK
#define UT_PRINTF(at, first)
#define UT_API
#endif

/* The text of a status; static storage, never NULL. */
UT_API const char *ut_status_text(ut_status status);

#ifdef __cplusplus
}
#endif

#endif
