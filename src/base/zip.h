/* Reading zip archives (wheels, PyTorch checkpoints) from memory: stored and deflated entries,
 * zip64. Nothing in an archive is ever executed, and entry names never become paths here.
 *
 * The archive's memory must outlive the reader. Immutable after opening, so threads may share it.
 */
#ifndef UT_BASE_ZIP_H
#define UT_BASE_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

typedef struct ut_zip_entry {
    char *name; /* owned by the reader, terminated; may hold any bytes but zero */
    uint64_t offset;
    uint64_t packed;
    uint64_t size;
    uint32_t crc;
    int method; /* 0 stored, 8 deflated */
} ut_zip_entry;

typedef struct ut_zip {
    const uint8_t *data;
    size_t length;
    ut_zip_entry *entries;
    size_t count;
} ut_zip;

/* Reads the directory; `name` is for messages. Free with ut_zip_close(). */
UT_MUST_CHECK ut_status ut_zip_open(const uint8_t *data, size_t length, const char *name,
                                    ut_zip *zip, ut_error *err);
void ut_zip_close(ut_zip *zip);
const ut_zip_entry *ut_zip_find(const ut_zip *zip, const char *name);

/* The bytes of a stored entry in place; NULL if it is compressed or out of bounds. */
const uint8_t *ut_zip_stored(const ut_zip *zip, const ut_zip_entry *entry);

/* Hands the entry's bytes to `sink` in blocks; checks size and CRC at the end. A sink's failure
 * ends it. */
typedef ut_status (*ut_zip_sink)(void *context, const uint8_t *bytes, size_t count, ut_error *err);
UT_MUST_CHECK ut_status ut_zip_extract(const ut_zip *zip, const ut_zip_entry *entry,
                                       ut_zip_sink sink, void *context, ut_error *err);

#endif
