/* The bundled networks' files with edits that the input tells: tensors gone, of other types, shapes
 * and places, values overwritten, the end cut off. What a reader accepts is used once.
 *
 * Input: which reader, how much is cut off (two bytes, in 64ths of the file's length), then edits
 * of six bytes each: what, which tensor, which dimension or byte, value (three bytes). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundled_readers.h"
#include "weights_edit.h"

enum { EDIT = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_dtype(json_t *tensor, unsigned which)
{
    static const char *const types[] = {"F32", "F16", "BF16", "F64", "I8",
                                        "I16", "I32", "I64",  "U8",  "F8_E4M3"};
    json_object_set_new(tensor, "dtype", json_string(types[which % 10]));
}

/* Its bytes follow the shape, so that the container's own check lets it through. */
static void set_size(json_t *tensor, unsigned dimension, uint32_t value)
{
    json_t *shape = json_object_get(tensor, "shape"), *offsets;
    offsets = json_object_get(tensor, "data_offsets");
    const char *type = json_string_value(json_object_get(tensor, "dtype"));
    if (!json_array_size(shape) || !type)
        return;
    json_array_set_new(shape, dimension % json_array_size(shape), json_integer(value));
    json_int_t bytes = strchr(type, '8') ? 1 : strstr(type, "16") ? 2 : strstr(type, "32") ? 4 : 8;
    for (size_t i = 0; i < json_array_size(shape) && bytes < (json_int_t)1 << 32; i++)
        bytes *= json_integer_value(json_array_get(shape, i));
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_array_set_new(offsets, 1, json_integer(begin + bytes));
}

static void move(json_t *tensor, uint32_t value)
{
    json_t *offsets = json_object_get(tensor, "data_offsets");
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    json_array_set_new(offsets, 0, json_integer(value));
    json_array_set_new(offsets, 1, json_integer(value + end - begin));
}

static void overwrite(ut_weights_copy *copy, const json_t *tensor, unsigned at, uint32_t value)
{
    json_t *offsets = json_object_get(tensor, "data_offsets");
    size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0)) + 4 * (size_t)at;
    if (copy->length >= 4 && begin <= copy->length - 4) {
        value <<= 8; /* a float's sign, exponent and upper digits */
        memcpy(copy->data + begin, &value, 4);
    }
}

static void edit(ut_weights_copy *copy, const uint8_t *e)
{
    const char *name = ut_weights_copy_name(copy, e[1]);
    json_t *tensor = name ? json_object_get(copy->header, name) : NULL;
    uint32_t value = e[3] | (uint32_t)e[4] << 8 | (uint32_t)e[5] << 16;
    if (!tensor)
        return;
    switch (e[0] % 5) {
    case 0:
        json_object_del(copy->header, name);
        break;
    case 1:
        set_dtype(tensor, e[2]);
        break;
    case 2:
        set_size(tensor, e[2], value);
        break;
    case 3:
        move(tensor, value);
        break;
    default:
        overwrite(copy, tensor, e[2], value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *root = getenv("UT_SOURCE_DIR");
    char file[4096];
    ut_weights_copy copy;
    ut_error err;
    if (size < 3)
        return 0;
    const ut_bundled_reader *reader = &ut_bundled_readers[data[0] % UT_BUNDLED_READERS];
    snprintf(file, sizeof file, "%s/%s", root ? root : ".", reader->file);
    if (!ut_weights_copy_read(file, &copy))
        abort();
    for (size_t at = 3; at + EDIT <= size; at += EDIT)
        edit(&copy, data + at);
    const char *path =
        ut_weights_copy_path(&copy, copy.length / 64 * (data[1] | (size_t)data[2] << 8));
    if (!path)
        abort();
    (void)!reader->open(path, &err);
    ut_weights_copy_free(&copy);
    return 0;
}
