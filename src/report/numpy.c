#include "report/numpy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "text/normalize.h"

enum { HEADER = 192, BLOCK = 1 << 16 };

ut_status ut_spool_open(const char *folder, ut_spool *spool, ut_error *err)
{
    *spool = (ut_spool){0};
    return ut_file_scratch(folder, &spool->file, err);
}

ut_status ut_spool_put(ut_spool *spool, const void *bytes, size_t count, ut_error *err)
{
    if (fwrite(bytes, 1, count, spool->file) != count)
        return ut_fail_errno(err, UT_ERR_IO, "table", "cannot write a scratch file");
    spool->crc = (uint32_t)crc32_z(spool->crc, bytes, count);
    spool->bytes += count;
    return UT_OK;
}

static size_t letters_of(const char *text)
{
    size_t letters = 0, length = strlen(text);
    for (size_t at = 0; at < length; letters++)
        (void)ut_utf8_next(text, length, &at);
    return letters;
}

ut_status ut_spool_texts(ut_spool *spool, const char *const *texts, size_t count, size_t *letters,
                         ut_error *err)
{
    *letters = 1;
    for (size_t i = 0; i < count; i++)
        *letters = letters_of(texts[i]) > *letters ? letters_of(texts[i]) : *letters;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]), at = 0;
        for (size_t q = 0; q < *letters; q++) {
            uint32_t letter = at < length ? ut_utf8_next(texts[i], length, &at) : 0;
            UT_TRY(ut_spool_put(spool, &letter, sizeof letter, err));
        }
    }
    return UT_OK;
}

ut_status ut_spool_return(ut_spool *spool, const ut_spool *then, ut_error *err)
{
    if (fflush(spool->file) != 0 || ftruncate(fileno(spool->file), (off_t)then->bytes) != 0 ||
        fseeko(spool->file, (off_t)then->bytes, SEEK_SET) != 0)
        return ut_fail_errno(err, UT_ERR_IO, "table", "cannot write a scratch file");
    *spool = *then;
    return UT_OK;
}

void ut_spool_close(ut_spool *spool)
{
    if (spool->file)
        fclose(spool->file);
    *spool = (ut_spool){0};
}

/* The magic, the header's length, and a dictionary padded so that the data is aligned. */
static void fill_header(const ut_npy *a, char header[HEADER + 1])
{
    static const char begin[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(HEADER - 10), 0};
    char shape[48], text[HEADER - 10];
    if (a->columns)
        snprintf(shape, sizeof shape, "%" PRIu64 ", %" PRIu64, a->rows, a->columns);
    else
        snprintf(shape, sizeof shape, "%" PRIu64 ",", a->rows);
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", a->type,
             shape);
    memcpy(header, begin, sizeof begin);
    snprintf(header + 10, HEADER - 9, "%-*s\n", HEADER - 11, text);
}

ut_status ut_spool_copy(const ut_spool *spool, const ut_sink *sink, ut_error *err)
{
    char *block = malloc(BLOCK);
    if (!block)
        return ut_fail_memory(err, "table");
    rewind(spool->file);
    ut_status status = UT_OK;
    size_t got;
    while (status == UT_OK && (got = fread(block, 1, BLOCK, spool->file)) > 0)
        status = sink->put(sink->context, block, got, err);
    if (status == UT_OK && ferror(spool->file))
        status = ut_fail_errno(err, UT_ERR_IO, "table", "cannot read a scratch file");
    free(block);
    return status;
}

ut_status ut_npy_write(const ut_npy *array, const ut_sink *sink, ut_error *err)
{
    char header[HEADER + 1];
    fill_header(array, header);
    /* Flushing tells of a full disk before anything is written. */
    if (fflush(array->spool->file) != 0)
        return ut_fail_errno(err, UT_ERR_IO, "table", "cannot write a scratch file");
    UT_TRY(sink->put(sink->context, header, HEADER, err));
    return ut_spool_copy(array->spool, sink, err);
}

static void little(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* What a zip's local header (from its fourth byte on) and its directory have in common: version,
 * flags, method, time, date (1980-01-01), checksum, sizes, length of the name, of extras. */
static void fill_entry(uint8_t out[26], const ut_npy *array)
{
    char header[HEADER + 1];
    fill_header(array, header);
    uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)header, HEADER);
    uint64_t size = array->spool->bytes + HEADER;
    memset(out, 0, 26);
    little(out, 20, 2);
    little(out + 8, 0x21, 2);
    little(out + 10, crc32_combine(crc, array->spool->crc, (z_off_t)array->spool->bytes), 4);
    little(out + 14, size, 4);
    little(out + 18, size, 4);
    little(out + 22, strlen(array->member), 2);
}

static ut_status write_directory(const ut_npy *arrays, size_t count, const ut_sink *sink,
                                 ut_error *err)
{
    uint64_t offset = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t entry[46] = "PK\1\2\24\0";
        fill_entry(entry + 6, &arrays[i]);
        little(entry + 42, offset, 4);
        UT_TRY(sink->put(sink->context, entry, sizeof entry, err));
        UT_TRY(sink->put(sink->context, arrays[i].member, strlen(arrays[i].member), err));
        offset += 30 + strlen(arrays[i].member) + HEADER + arrays[i].spool->bytes;
        length += sizeof entry + strlen(arrays[i].member);
    }
    uint8_t end[22] = "PK\5\6";
    little(end + 8, count, 2);
    little(end + 10, count, 2);
    little(end + 12, length, 4);
    little(end + 16, offset, 4);
    return sink->put(sink->context, end, sizeof end, err);
}

ut_status ut_npz_write(const ut_npy *arrays, size_t count, const ut_sink *sink, ut_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += arrays[i].spool->bytes + 2 * (uint64_t)HEADER;
    if (total > UINT32_MAX)
        return ut_fail(err, UT_ERR_LIMIT, "table",
                       "an .npz of more than 4 GiB cannot be written; take .npy or fewer files");
    for (size_t i = 0; i < count; i++) {
        uint8_t local[30] = "PK\3\4";
        fill_entry(local + 4, &arrays[i]);
        UT_TRY(sink->put(sink->context, local, sizeof local, err));
        UT_TRY(sink->put(sink->context, arrays[i].member, strlen(arrays[i].member), err));
        UT_TRY(ut_npy_write(&arrays[i], sink, err));
    }
    return write_directory(arrays, count, sink, err);
}
