#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ut_status_text(ut_status status)
{
    static const char *const texts[] = {
#define UT_STATUS_TEXT(name, text) [UT_##name] = text,
        UT_STATUS_MAP(UT_STATUS_TEXT)
#undef UT_STATUS_TEXT
    };
    unsigned index = (unsigned)status;
    return index < sizeof texts / sizeof *texts ? texts[index] : "unknown status";
}

static void fill(ut_error *err, ut_status status, const char *where, const char *format,
                 va_list arguments)
{
    err->status = status;
    snprintf(err->where, sizeof err->where, "%s", where);
    vsnprintf(err->message, sizeof err->message, format, arguments);
}

static void tidy(ut_error *err)
{
    for (char *c = err->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

ut_status(ut_fail)(ut_error *err, ut_status status, const char *where, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, where, format, arguments);
        va_end(arguments);
        tidy(err);
    }
    return status;
}

ut_status(ut_fail_errno)(ut_error *err, ut_status status, const char *where, const char *format,
                         ...)
{
    int code = errno;
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, where, format, arguments);
        va_end(arguments);
        size_t used = strlen(err->message);
        char text[128];
        snprintf(err->message + used, sizeof err->message - used, ": %s",
                 strerror_r(code, text, sizeof text));
        tidy(err);
    }
    return status;
}

ut_status(ut_fail_memory)(ut_error *err, const char *where)
{
    return ut_fail(err, UT_ERR_MEMORY, where,
                   "out of memory; close other programs or lower --jobs");
}
