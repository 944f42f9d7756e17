#include "base/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/limits.h"

enum { END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, BLOCK = 65536 };

static uint64_t little(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* The end record lies within the last 64 KiB, behind it a comment. */
static const uint8_t *find_end(const uint8_t *data, size_t length)
{
    if (length < END_SIZE)
        return NULL;
    size_t lowest = length > END_SIZE + 65535 ? length - END_SIZE - 65535 : 0;
    for (size_t at = length - END_SIZE + 1; at-- > lowest;)
        if (little(data + at, 4) == 0x06054b50)
            return data + at;
    return NULL;
}

/* Zip64: sizes of 0xffffffff stand in the extra field with id 1, in this order. */
static void read_extra(const uint8_t *extra, size_t length, ut_zip_entry *entry)
{
    while (length >= 4) {
        size_t size = little(extra + 2, 2);
        if (size > length - 4)
            return;
        if (little(extra, 2) == 1) {
            const uint8_t *p = extra + 4;
            const uint8_t *end = p + size;
            uint64_t *fields[] = {&entry->size, &entry->packed, &entry->offset};
            for (int i = 0; i < 3; i++)
                if (*fields[i] == 0xffffffff && end - p >= 8) {
                    *fields[i] = little(p, 8);
                    p += 8;
                }
            return;
        }
        extra += 4 + size;
        length -= 4 + size;
    }
}

static ut_status read_directory(ut_zip *zip, uint64_t at, uint64_t count, const char *name,
                                ut_error *err)
{
    if (count > UT_LIMIT_ZIP_ENTRIES)
        return ut_fail(err, UT_ERR_LIMIT, "zip", "%s holds too many files", name);
    zip->entries = calloc(count ? count : 1, sizeof *zip->entries);
    if (!zip->entries)
        return ut_fail_memory(err, "zip");
    for (uint64_t i = 0; i < count; i++) {
        if (at > zip->length || zip->length - at < CENTRAL_SIZE ||
            little(zip->data + at, 4) != 0x02014b50)
            return ut_fail(err, UT_ERR_FORMAT, "zip", "%s has a damaged directory", name);
        const uint8_t *p = zip->data + at;
        size_t name_size = little(p + 28, 2);
        size_t extra_size = little(p + 30, 2);
        size_t whole = CENTRAL_SIZE + name_size + extra_size + little(p + 32, 2);
        if (whole > zip->length - at)
            return ut_fail(err, UT_ERR_FORMAT, "zip", "%s has a damaged directory", name);
        ut_zip_entry *entry = &zip->entries[i];
        entry->method = (int)little(p + 10, 2);
        entry->crc = (uint32_t)little(p + 16, 4);
        entry->packed = little(p + 20, 4);
        entry->size = little(p + 24, 4);
        entry->offset = little(p + 42, 4);
        read_extra(p + CENTRAL_SIZE + name_size, extra_size, entry);
        entry->name = strndup((const char *)p + CENTRAL_SIZE, name_size);
        if (!entry->name)
            return ut_fail_memory(err, "zip");
        zip->count = i + 1;
        at += whole;
    }
    return UT_OK;
}

ut_status ut_zip_open(const uint8_t *data, size_t length, const char *name, ut_zip *zip,
                      ut_error *err)
{
    *zip = (ut_zip){.data = data, .length = length};
    const uint8_t *end = find_end(data, length);
    if (!end)
        return ut_fail(err, UT_ERR_FORMAT, "zip", "%s is not a zip archive or is cut short", name);
    uint64_t count = little(end + 10, 2);
    uint64_t at = little(end + 16, 4);
    if ((count == 0xffff || at == 0xffffffff) && end - data >= 20 &&
        little(end - 20, 4) == 0x07064b50) {
        uint64_t end64 = little(end - 12, 8);
        if (end64 > length || length - end64 < 56 || little(data + end64, 4) != 0x06064b50)
            return ut_fail(err, UT_ERR_FORMAT, "zip", "%s has a damaged directory", name);
        count = little(data + end64 + 32, 8);
        at = little(data + end64 + 48, 8);
    }
    ut_status status = read_directory(zip, at, count, name, err);
    if (status != UT_OK)
        ut_zip_close(zip);
    return status;
}

void ut_zip_close(ut_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++)
        free(zip->entries[i].name);
    free(zip->entries);
    *zip = (ut_zip){0};
}

const ut_zip_entry *ut_zip_find(const ut_zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->count; i++)
        if (strcmp(zip->entries[i].name, name) == 0)
            return &zip->entries[i];
    return NULL;
}

/* Where the packed bytes begin: behind the local header, whose name and extra have their own sizes.
 */
static const uint8_t *packed_bytes(const ut_zip *zip, const ut_zip_entry *entry)
{
    if (entry->offset > zip->length || zip->length - entry->offset < LOCAL_SIZE)
        return NULL;
    const uint8_t *local = zip->data + entry->offset;
    if (little(local, 4) != 0x04034b50)
        return NULL;
    uint64_t skip = LOCAL_SIZE + little(local + 26, 2) + little(local + 28, 2);
    uint64_t room = zip->length - entry->offset;
    if (skip > room || entry->packed > room - skip)
        return NULL;
    return local + skip;
}

const uint8_t *ut_zip_stored(const ut_zip *zip, const ut_zip_entry *entry)
{
    return entry->method == 0 && entry->packed == entry->size ? packed_bytes(zip, entry) : NULL;
}

static ut_status inflate_entry(const ut_zip_entry *entry, const uint8_t *bytes, ut_zip_sink sink,
                               void *context, uint32_t *crc, uint64_t *total, ut_error *err)
{
    z_stream z = {0};
    uint8_t *block = malloc(BLOCK);
    if (!block || inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        free(block);
        return ut_fail_memory(err, "zip");
    }
    ut_status status = UT_OK;
    uint64_t left = entry->packed;
    int rc = Z_OK;
    while (rc == Z_OK && status == UT_OK) {
        if (z.avail_in == 0 && left) {
            z.next_in = (Bytef *)(uintptr_t)bytes;
            z.avail_in = left > (1u << 30) ? 1u << 30 : (uInt)left;
            bytes += z.avail_in;
            left -= z.avail_in;
        }
        z.next_out = block;
        z.avail_out = BLOCK;
        rc = inflate(&z, Z_NO_FLUSH);
        size_t n = BLOCK - z.avail_out;
        *total += n;
        *crc = (uint32_t)crc32(*crc, block, (uInt)n);
        if (*total > entry->size)
            break; /* a bomb: more than the directory promised */
        if (n)
            status = sink(context, block, n, err);
    }
    inflateEnd(&z);
    free(block);
    if (status == UT_OK && rc != Z_STREAM_END)
        return ut_fail(err, UT_ERR_FORMAT, "zip", "%s is damaged inside its archive", entry->name);
    return status;
}

ut_status ut_zip_extract(const ut_zip *zip, const ut_zip_entry *entry, ut_zip_sink sink,
                         void *context, ut_error *err)
{
    const uint8_t *bytes = packed_bytes(zip, entry);
    if (!bytes || (entry->method != 0 && entry->method != 8))
        return ut_fail(err, UT_ERR_FORMAT, "zip", "%s cannot be read from its archive",
                       entry->name);
    uint32_t crc = 0;
    uint64_t total = 0;
    if (entry->method == 8) {
        UT_TRY(inflate_entry(entry, bytes, sink, context, &crc, &total, err));
    } else {
        while (total < entry->packed) {
            size_t n = entry->packed - total > BLOCK ? BLOCK : (size_t)(entry->packed - total);
            crc = (uint32_t)crc32(crc, bytes + total, (uInt)n);
            UT_TRY(sink(context, bytes + total, n, err));
            total += n;
        }
    }
    if (total != entry->size || crc != entry->crc)
        return ut_fail(err, UT_ERR_FORMAT, "zip", "%s is damaged inside its archive", entry->name);
    return UT_OK;
}
