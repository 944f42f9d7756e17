/* The CTranslate2 binary, version 6 (OpenNMT CTranslate2, python/ctranslate2/specs/model_spec.py).
 *
 * Little endian: u32 version, string specification, u32 revision, u32 count; per variable string
 * name, u8 rank, u32 per dimension, u8 type, u32 bytes, data; u32 count of aliases, two strings
 * each. A string is a u16 length that counts a closing zero, then the bytes. Nothing is aligned. */
#include <string.h>

#include "base/error.h"
#include "nn/weights_internal.h"

typedef struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed; /* sticky, so that a row of reads needs one check */
} reader;

static uint32_t read_uint(reader *in, int bytes)
{
    uint32_t value = 0;
    if (in->end - in->at < bytes) {
        in->failed = true;
        return 0;
    }
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | in->at[i];
    in->at += bytes;
    return value;
}

static const uint8_t *read_bytes(reader *in, size_t count)
{
    if (in->failed || (size_t)(in->end - in->at) < count) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *bytes = in->at;
    in->at += count;
    return bytes;
}

/* Points into the file; NULL unless it ends with its zero byte. */
static const char *read_string(reader *in)
{
    size_t length = read_uint(in, 2);
    const char *text = (const char *)read_bytes(in, length);
    if (!text || length == 0 || strnlen(text, length) != length - 1) {
        in->failed = true;
        return NULL;
    }
    return text;
}

static ut_status read_variable(ut_weights *weights, reader *in, ut_error *err)
{
    static const ut_dtype types[] = {UT_F32, UT_I8, UT_I16, UT_I32, UT_F16, UT_BF16};
    const char *name = read_string(in);
    uint32_t rank = read_uint(in, 1);
    ut_tensor tensor = {.rank = (int)rank};
    if (rank > UT_RANK)
        return ut_weights_damaged(weights, "a variable of more than four dimensions", err);
    for (uint32_t i = 0; i < rank; i++)
        tensor.shape[i] = read_uint(in, 4);
    uint32_t type = read_uint(in, 1);
    uint32_t stated = read_uint(in, 4);
    tensor.data = read_bytes(in, stated);
    if (in->failed)
        return ut_weights_damaged(weights, "it ends within a variable", err);
    if (type >= sizeof types / sizeof *types)
        return ut_weights_damaged(weights, "a variable of unknown type", err);
    tensor.dtype = types[type];
    size_t bytes;
    if (!ut_tensor_bytes(tensor.dtype, tensor.rank, tensor.shape, &bytes) || bytes != stated)
        return ut_weights_damaged(weights, "a variable's shape and bytes disagree", err);
    return ut_weights_add(weights, name, &tensor, err);
}

static const ut_tensor *find_before(const ut_weights *weights, size_t count, const char *name,
                                    size_t length, const char *ending)
{
    for (size_t i = 0; i < count; i++) {
        const char *other = weights->entries[i].name;
        if (strncmp(other, name, length) == 0 && strcmp(other + length, ending) == 0)
            return &weights->entries[i].tensor;
    }
    return NULL;
}

/* Quantised weights carry "<name>_scale": one factor a row (int8) or one for all (int16). Copied,
 * because the file's are unaligned. */
static ut_status link_scales(ut_weights *weights, ut_error *err)
{
    for (size_t i = 0; i < weights->count; i++) {
        ut_weights_entry *entry = &weights->entries[i];
        ut_dtype dtype = entry->tensor.dtype;
        if ((dtype != UT_I8 && dtype != UT_I16) || entry->tensor.rank == 0 ||
            ut_tensor_count(&entry->tensor) == 0)
            continue;
        const ut_tensor *scale =
            find_before(weights, weights->count, entry->name, strlen(entry->name), "_scale");
        if (!scale)
            continue;
        size_t rows = (size_t)entry->tensor.shape[0];
        size_t given = ut_tensor_count(scale);
        if (scale->dtype != UT_F32 || (given != rows && given != 1))
            return ut_weights_damaged(weights, "a scale does not fit its variable", err);
        float *values = UT_ARENA_NEW(weights->arena, float, rows);
        if (!values)
            return ut_fail_memory(err, "weights");
        ut_tensor_to_f32(scale, 0, given, values);
        for (size_t r = given; r < rows; r++)
            values[r] = values[0];
        entry->tensor.scale = values;
    }
    return UT_OK;
}

static ut_status read_aliases(ut_weights *weights, reader *in, ut_error *err)
{
    uint32_t count = read_uint(in, 4);
    size_t variables = weights->count;
    for (uint32_t i = 0; i < count && !in->failed; i++) {
        const char *alias = read_string(in);
        const char *name = read_string(in);
        if (in->failed)
            break;
        const ut_tensor *tensor = find_before(weights, variables, name, strlen(name), "");
        if (!tensor)
            return ut_weights_damaged(weights, "an alias of nothing", err);
        ut_tensor copy = *tensor;
        UT_TRY(ut_weights_add(weights, alias, &copy, err));
    }
    return in->failed ? ut_weights_damaged(weights, "it ends within its aliases", err) : UT_OK;
}

ut_status ut_read_ctranslate2(ut_weights *weights, ut_error *err)
{
    reader in = {.at = weights->data, .end = weights->data + weights->length};
    read_uint(&in, 4);
    read_string(&in);
    read_uint(&in, 4);
    uint32_t count = read_uint(&in, 4);
    if (in.failed)
        return ut_weights_damaged(weights, "its header is cut short", err);
    for (uint32_t i = 0; i < count; i++)
        UT_TRY(read_variable(weights, &in, err));
    UT_TRY(link_scales(weights, err));
    return read_aliases(weights, &in, err);
}
