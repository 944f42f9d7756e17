/* The writing half of safetensors.c. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "nn/weights.h"

static size_t bytes_of(const ut_tensor *t)
{
    return ut_tensor_count(t) * ut_dtype_size(t->dtype);
}

/* The header as text (free()), padded so that the data begin at a multiple of 8; NULL when out of
 * memory. */
static char *make_header(const ut_weights_item *items, size_t count, const ut_weights_note *notes,
                         size_t note_count)
{
    json_t *root = json_object();
    json_t *metadata = json_object();
    size_t at = 0;
    for (size_t i = 0; i < note_count; i++)
        json_object_set_new(metadata, notes[i].key, json_string(notes[i].value));
    json_object_set_new(root, "__metadata__", metadata);
    for (size_t i = 0; i < count; i++) {
        const ut_tensor *t = &items[i].tensor;
        const size_t bytes = bytes_of(t);
        const size_t end = at + bytes;
        json_t *shape = json_array();
        if (!bytes) {
            json_decref(shape);
            continue;
        }
        for (int d = 0; d < t->rank; d++)
            json_array_append_new(shape, json_integer(t->shape[d]));
        json_object_set_new(root, items[i].name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", ut_dtype_name(t->dtype),
                                      "shape", shape, "data_offsets", (json_int_t)at,
                                      (json_int_t)end));
        at = end;
    }
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    size_t length = text ? strlen(text) : 0;
    char *padded = text ? realloc(text, length + 9) : NULL;
    if (!padded) {
        free(text);
        return NULL;
    }
    while (length % 8)
        padded[length++] = ' ';
    padded[length] = 0;
    return padded;
}

ut_status ut_weights_write(const char *path, const ut_weights_item *items, size_t count,
                           const ut_weights_note *notes, size_t note_count, ut_error *err)
{
    ut_output *output = NULL;
    char *header = make_header(items, count, notes, note_count);
    if (!header)
        return ut_fail_memory(err, "weights");
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)strlen(header) >> 8 * i);
    ut_status status = ut_output_open(path, &output, err);
    if (status == UT_OK)
        status = ut_output_put(output, length, sizeof length, err);
    if (status == UT_OK)
        status = ut_output_put(output, header, strlen(header), err);
    for (size_t i = 0; i < count && status == UT_OK; i++)
        if (bytes_of(&items[i].tensor))
            status = ut_output_put(output, items[i].tensor.data, bytes_of(&items[i].tensor), err);
    free(header);
    if (status == UT_OK)
        return ut_output_commit(output, err);
    ut_output_discard(output);
    return status;
}
