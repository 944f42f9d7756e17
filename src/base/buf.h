/* A growable byte buffer with a maximum, always terminated by a zero byte so that it reads as a
 * string.
 *
 * Appending never fails visibly at once: the first failure (no memory, over the maximum) is
 * remembered, later appends do nothing, and ut_buf_status() tells at the end. One thread at a time.
 */
#ifndef UT_BASE_BUF_H
#define UT_BASE_BUF_H

#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_buf {
    char *data; /* never NULL after the first append; owned */
    size_t length;
    size_t capacity;
    size_t maximum; /* 0: 1 GiB */
    ut_status status;
} ut_buf;

void ut_buf_init(ut_buf *buf, size_t maximum);
void ut_buf_free(ut_buf *buf);
void ut_buf_clear(ut_buf *buf);
void ut_buf_add(ut_buf *buf, const void *bytes, size_t count);
void ut_buf_adds(ut_buf *buf, const char *text);
void ut_buf_addf(ut_buf *buf, const char *format, ...) UT_PRINTF(2, 3);
/* A path as part of a URI (RFC 3986): other bytes than letters, digits and -._~/ become %XX. */
void ut_buf_add_uri(ut_buf *buf, const char *path);
/* `value` with 0 to 9 decimals and always a point, whatever the locale; nothing for NAN, for
 * infinities and beyond +-1e9. */
void ut_buf_add_fixed(ut_buf *buf, double value, int decimals);

/* UT_OK, UT_ERR_MEMORY or UT_ERR_LIMIT. */
UT_MUST_CHECK ut_status ut_buf_status(const ut_buf *buf);

/* The text, "" when nothing was added. Belongs to the buffer. */
const char *ut_buf_text(const ut_buf *buf);

/* Where bytes go piece by piece, so that no whole need be held: into a file (ut_output_put), a
 * buffer (ut_buf_put). After a failure nothing more is put. */
typedef struct ut_sink {
    ut_status (*put)(void *context, const void *bytes, size_t count, ut_error *err);
    void *context;
} ut_sink;

/* Appends; `buf` is a ut_buf. UT_ERR_MEMORY, UT_ERR_LIMIT. */
UT_MUST_CHECK ut_status ut_buf_put(void *buf, const void *bytes, size_t count, ut_error *err);

/* Grows *items to hold at least `need` elements of `size` bytes (doubling); false when out of
 * memory. */
int ut_grow(void *items, size_t *capacity, size_t need, size_t size);

#endif
