#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { DEFAULT_MAXIMUM = 1 << 30 };

void ut_buf_init(ut_buf *buf, size_t maximum)
{
    *buf = (ut_buf){.maximum = maximum ? maximum : DEFAULT_MAXIMUM};
}

void ut_buf_free(ut_buf *buf)
{
    free(buf->data);
    *buf = (ut_buf){.maximum = buf->maximum};
}

void ut_buf_clear(ut_buf *buf)
{
    buf->length = 0;
    buf->status = UT_OK;
    if (buf->data)
        buf->data[0] = 0;
}

static int reserve(ut_buf *buf, size_t more)
{
    if (buf->status != UT_OK)
        return 0;
    if (more > buf->maximum - buf->length) {
        buf->status = UT_ERR_LIMIT;
        return 0;
    }
    size_t need = buf->length + more + 1;
    if (need <= buf->capacity)
        return 1;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->status = UT_ERR_MEMORY;
        return 0;
    }
    buf->data = data;
    buf->capacity = capacity;
    return 1;
}

void ut_buf_add(ut_buf *buf, const void *bytes, size_t count)
{
    if (!reserve(buf, count))
        return;
    if (count)
        memcpy(buf->data + buf->length, bytes, count);
    buf->length += count;
    buf->data[buf->length] = 0;
}

void ut_buf_adds(ut_buf *buf, const char *text)
{
    ut_buf_add(buf, text, strlen(text));
}

void ut_buf_addf(ut_buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (count < 0 || !reserve(buf, (size_t)count))
        return;
    va_start(arguments, format);
    vsnprintf(buf->data + buf->length, (size_t)count + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)count;
}

void ut_buf_add_uri(ut_buf *buf, const char *path)
{
    for (; *path; path++) {
        unsigned char b = (unsigned char)*path;
        bool plain = (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') ||
                     strchr("-._~/", b);
        if (plain)
            ut_buf_add(buf, path, 1);
        else
            ut_buf_addf(buf, "%%%02X", b);
    }
}

void ut_buf_add_fixed(ut_buf *buf, double value, int decimals)
{
    if (!(fabs(value) <= 1e9))
        return;
    long long scale = 1;
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    long long units = llround(value * (double)scale);
    const char *sign = units < 0 ? "-" : "";
    units = units < 0 ? -units : units;
    if (decimals)
        ut_buf_addf(buf, "%s%lld.%0*lld", sign, units / scale, decimals, units % scale);
    else
        ut_buf_addf(buf, "%s%lld", sign, units);
}

ut_status ut_buf_put(void *buf, const void *bytes, size_t count, ut_error *err)
{
    ut_buf_add(buf, bytes, count);
    ut_status status = ut_buf_status(buf);
    if (status == UT_ERR_LIMIT)
        return ut_fail(err, status, "buffer", "it would be larger than %zu bytes",
                       ((const ut_buf *)buf)->maximum);
    return status == UT_OK ? UT_OK : ut_fail_memory(err, "buffer");
}

ut_status ut_buf_status(const ut_buf *buf)
{
    return buf->status;
}

const char *ut_buf_text(const ut_buf *buf)
{
    return buf->data ? buf->data : "";
}

int ut_grow(void *items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return 1;
    size_t larger = *capacity ? *capacity : 16;
    while (larger < need) {
        if (larger > SIZE_MAX / 2)
            return 0;
        larger *= 2;
    }
    size_t bytes;
    void *old;
    memcpy(&old, items, sizeof old);
    if (__builtin_mul_overflow(larger, size, &bytes))
        return 0;
    void *grown = realloc(old, bytes);
    if (!grown)
        return 0;
    memcpy(items, &grown, sizeof grown);
    *capacity = larger;
    return 1;
}
