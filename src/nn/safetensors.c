/* safetensors: u64 length of a JSON header, the header {name: {dtype, shape, data_offsets}}, data.
 * https://github.com/huggingface/safetensors#format */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "nn/weights_internal.h"

static bool dtype_of(const char *name, ut_dtype *dtype)
{
    for (int i = UT_F32; i <= UT_U8; i++)
        if (strcmp(ut_dtype_name((ut_dtype)i), name) == 0) {
            *dtype = (ut_dtype)i;
            return true;
        }
    if (strcmp(name, "BOOL") == 0) {
        *dtype = UT_U8;
        return true;
    }
    return false;
}

static ut_status add_metadata(ut_weights *weights, json_t *object, ut_error *err)
{
    size_t count = json_object_size(object);
    weights->metadata =
        ut_arena_alloc(weights->arena, count ? count : 1, sizeof *weights->metadata);
    if (!weights->metadata)
        return ut_fail_memory(err, "weights");
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            continue;
        char *name = ut_arena_strdup(weights->arena, key);
        char *text = ut_arena_strdup(weights->arena, json_string_value(value));
        if (!name || !text)
            return ut_fail_memory(err, "weights");
        weights->metadata[weights->metadata_count].key = name;
        weights->metadata[weights->metadata_count++].value = text;
    }
    return UT_OK;
}

/* Types that no kernel reads (8-bit floats) and ranks above UT_RANK are left out, not refused: the
 * network that needs such a tensor reports it as missing. */
static ut_status add_tensor(ut_weights *weights, const char *name, json_t *object,
                            const uint8_t *data, size_t length, ut_error *err)
{
    json_t *shape = json_object_get(object, "shape");
    json_t *offsets = json_object_get(object, "data_offsets");
    const char *type = json_string_value(json_object_get(object, "dtype"));
    if (!type || !json_is_array(shape) || json_array_size(offsets) != 2 ||
        !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return ut_weights_damaged(weights, "a tensor without dtype, shape or offsets", err);
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > length)
        return ut_weights_damaged(weights, "a tensor reaches beyond the end", err);
    ut_tensor tensor = {.data = data + begin, .rank = (int)json_array_size(shape)};
    if (json_array_size(shape) > UT_RANK || !dtype_of(type, &tensor.dtype))
        return UT_OK;
    for (int i = 0; i < tensor.rank; i++) {
        json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size))
            return ut_weights_damaged(weights, "a dimension is no integer", err);
        tensor.shape[i] = json_integer_value(size);
    }
    size_t bytes;
    if (!ut_tensor_bytes(tensor.dtype, tensor.rank, tensor.shape, &bytes) ||
        bytes != (size_t)(end - begin))
        return ut_weights_damaged(weights, "a tensor's shape and bytes disagree", err);
    char *copy = ut_arena_strdup(weights->arena, name);
    if (!copy)
        return ut_fail_memory(err, "weights");
    return ut_weights_add(weights, copy, &tensor, err);
}

ut_status ut_read_safetensors(ut_weights *weights, ut_error *err)
{
    uint64_t header = 0;
    for (int i = 7; i >= 0; i--)
        header = header << 8 | weights->data[i];
    if (header > weights->length - 8 || header > UT_LIMIT_JSON_BYTES)
        return ut_weights_damaged(weights, "its header is cut short", err);
    json_t *root = NULL;
    UT_TRY(
        ut_json_parse((const char *)weights->data + 8, (size_t)header, weights->path, &root, err));
    const uint8_t *data = weights->data + 8 + header;
    size_t length = weights->length - 8 - (size_t)header;
    ut_status status = UT_OK;
    if (!json_is_object(root))
        status = ut_weights_damaged(weights, "its header is no object", err);
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        if (status != UT_OK)
            break;
        if (strcmp(name, "__metadata__") == 0)
            status = add_metadata(weights, value, err);
        else
            status = add_tensor(weights, name, value, data, length, err);
    }
    json_decref(root);
    return status;
}
