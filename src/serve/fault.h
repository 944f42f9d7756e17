/* What is told to a client whose request cannot be served: {"code", "message", "hint"}. */
#ifndef UT_SERVE_FAULT_H
#define UT_SERVE_FAULT_H

#include <jansson.h>
#include <stdbool.h>

#include "undertone_status.h"

typedef struct ut_fault {
    int status;       /* of HTTP; 0: no fault */
    const char *code; /* "too_large": for programs; a literal */
    const char *hint; /* what to do about it; a literal */
    char message[1024];
    int retry_after; /* seconds; 0: not told */
} ut_fault;

/* Only the first fault of a request counts: later calls do nothing. */
void ut_fault_set(ut_fault *fault, int status, const char *code, const char *hint,
                  const char *format, ...) UT_PRINTF(5, 6);

/* 503: what came while the service is being stopped. */
void ut_fault_draining(ut_fault *fault);

/* From an error while a recording is analysed: what is wrong with it, or with the service. */
void ut_fault_from(ut_fault *fault, const ut_error *error);
/* From one that no client can have made; what it says goes into the service's own log alone. */
void ut_fault_internal(ut_fault *fault, const ut_error *error);
/* Whether ut_fault_from() makes such a one. */
bool ut_fault_is_internal(const ut_error *error);

/* New reference; NULL when out of memory. */
json_t *ut_fault_json(const ut_fault *fault);
/* The same in OpenAI's form. */
json_t *ut_fault_openai(const ut_fault *fault);

#endif
