#include "serve/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

void ut_fault_set(ut_fault *fault, int status, const char *code, const char *hint,
                  const char *format, ...)
{
    if (fault->status)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    ut_tidy(fault->message);
    fault->status = status;
    fault->code = code;
    fault->hint = hint;
}

void ut_fault_draining(ut_fault *fault)
{
    fault->retry_after = 10;
    ut_fault_set(fault, 503, "draining", "ask another instance, or later",
                 "the service is being stopped");
}

/* What the program's own messages say of a remedy stands in the message. */
typedef struct row {
    ut_status status;
    int http;
    const char *code, *hint;
} row;
static const row table[] = {
    {UT_ERR_USAGE, 400, "bad_option", "see the options in /openapi.json"},
    {UT_ERR_CONFIG, 400, "bad_option", "see the options in /openapi.json"},
    {UT_ERR_FORMAT, 422, "not_audio", "send a whole recording: WAV, FLAC, Ogg, Opus, MP3, M4A ..."},
    {UT_ERR_UNSUPPORTED, 415, "unsupported_audio", "convert it to WAV, FLAC, Ogg, Opus or MP3"},
    {UT_ERR_LIMIT, 413, "too_long", "send it in parts"},
    {UT_ERR_CANCELLED, 409, "cancelled", "send it again if it is still wanted"},
    {UT_ERR_MEMORY, 503, "out_of_memory", "try again later"},
};

/* Only of sound is it the client who sent what is malformed; of a model or a knowledge base not. */
static const row *find(const ut_error *error)
{
    bool malformed = error->status == UT_ERR_FORMAT || error->status == UT_ERR_UNSUPPORTED;
    if (malformed && strcmp(error->where, "audio") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == error->status)
            return &table[i];
    return NULL;
}

static void set_internal(ut_fault *fault)
{
    ut_fault_set(fault, 500, "internal", "the service's own log says more",
                 "the service could not do it");
}

bool ut_fault_is_internal(const ut_error *error)
{
    return !find(error);
}

void ut_fault_from(ut_fault *fault, const ut_error *error)
{
    const row *r = find(error);
    if (r)
        ut_fault_set(fault, r->http, r->code, r->hint, "%s", error->message);
    else
        set_internal(fault);
}

void ut_fault_internal(ut_fault *fault, const ut_error *error)
{
    if (error->status == UT_ERR_MEMORY) {
        ut_fault_from(fault, error);
        return;
    }
    ut_log(UT_LOG_ERROR, "%s", error->message);
    set_internal(fault);
}

json_t *ut_fault_json(const ut_fault *fault)
{
    return json_pack("{s:s, s:s, s:s}", "code", fault->code, "message", fault->message, "hint",
                     fault->hint);
}

json_t *ut_fault_openai(const ut_fault *fault)
{
    const char *type = fault->status == 401   ? "authentication_error"
                       : fault->status == 429 ? "rate_limit_error"
                       : fault->status >= 500 ? "server_error"
                                              : "invalid_request_error";
    return json_pack("{s:{s:s, s:s, s:n, s:s}}", "error", "message", fault->message, "type", type,
                     "param", "code", fault->code);
}
