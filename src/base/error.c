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

/* Bytes of the character at `s`, 0 if there is none that UTF-8 allows: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last;       /* of the leading byte */
        unsigned char low, high, length; /* of the second byte; of the whole */
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        if (*s < forms[f].first || *s > forms[f].last)
            continue;
        for (size_t i = 1; i < forms[f].length; i++)
            if (s[i] < (i == 1 ? forms[f].low : 0x80) || s[i] > (i == 1 ? forms[f].high : 0xbf))
                return 0;
        return forms[f].length;
    }
    return 0;
}

bool ut_is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t n; *s; s += n)
        if ((n = utf8_length(s)) == 0)
            return false;
    return true;
}

void ut_tidy(char *line)
{
    unsigned char *s = (unsigned char *)line;
    for (size_t n; *s; s += n) {
        n = utf8_length(s);
        /* U+0080 to U+009F are control characters, too: some terminals obey them. */
        bool control = n == 0 || (n == 1 && (*s < 0x20 || *s == 0x7f)) ||
                       (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
        n = n ? n : 1;
        if (control)
            memset(s, '?', n);
    }
}

/* What a person can do about an errno of the file system. */
static const char *remedy(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
        return "; check the path";
    case EACCES:
    case EPERM:
        return "; check who may read and write there";
    case EROFS:
        return "; choose another place";
    case ENOSPC:
    case EDQUOT:
        return "; make room there or choose another place";
    case EFBIG:
        return "; raise the limit on the size of files (ulimit -f)";
    case EMFILE:
    case ENFILE:
        return "; lower --jobs or raise the limit on open files (ulimit -n)";
    case ENAMETOOLONG:
        return "; use a shorter name";
    default:
        return "";
    }
}

ut_status(ut_fail)(ut_error *err, ut_status status, const char *where, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, where, format, arguments);
        va_end(arguments);
        ut_tidy(err->message);
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
        snprintf(err->message + used, sizeof err->message - used, ": %s%s",
                 strerror_r(code, text, sizeof text), remedy(code));
        ut_tidy(err->message);
    }
    return status;
}

ut_status(ut_fail_memory)(ut_error *err, const char *where)
{
    return ut_fail(err, UT_ERR_MEMORY, where,
                   "out of memory; close other programs or lower --jobs");
}
