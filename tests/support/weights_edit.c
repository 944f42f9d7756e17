#include "weights_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool ut_weights_copy_read(const char *path, ut_weights_copy *copy)
{
    memset(copy, 0, sizeof *copy);
    uint8_t size[8];
    FILE *file = fopen(path, "rb");
    if (!file || fread(size, 1, 8, file) != 8 || fseek(file, 0, SEEK_END) != 0) {
        if (file)
            fclose(file);
        return false;
    }
    size_t header = 0, total = (size_t)ftell(file);
    for (int i = 7; i >= 0; i--)
        header = header << 8 | size[i];
    uint8_t *bytes = header < total ? malloc(total) : NULL;
    rewind(file);
    bool read = bytes && fread(bytes, 1, total, file) == total;
    fclose(file);
    if (read) {
        copy->header = json_loadb((const char *)bytes + 8, header, 0, NULL);
        copy->length = total - 8 - header;
        memmove(bytes, bytes + 8 + header, copy->length);
    }
    copy->data = bytes;
    return copy->header != NULL;
}

void ut_weights_copy_free(ut_weights_copy *copy)
{
    json_decref(copy->header);
    free(copy->data);
}

const char *ut_weights_copy_path(const ut_weights_copy *copy, size_t cut)
{
    static int fd = -1;
    static char path[64];
    if (fd >= 0)
        close(fd);
    fd = memfd_create("weights", MFD_CLOEXEC);
    char *text = json_dumps(copy->header, JSON_COMPACT);
    size_t header = text ? strlen(text) : 0, total = 8 + header + copy->length;
    uint8_t size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (uint8_t)(header >> 8 * i);
    bool written = text && fd >= 0 && write(fd, size, 8) == 8 &&
                   write(fd, text, header) == (ssize_t)header &&
                   write(fd, copy->data, copy->length) == (ssize_t)copy->length &&
                   ftruncate(fd, (off_t)(cut < total ? total - cut : 0)) == 0;
    free(text);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return written ? path : NULL;
}

const char *ut_weights_copy_name(const ut_weights_copy *copy, size_t index)
{
    const char *name;
    json_t *value;
    json_object_foreach(copy->header, name, value)
    {
        if (json_object_get(value, "dtype") && index-- == 0)
            return name;
    }
    return NULL;
}

bool ut_weights_copy_retype(ut_weights_copy *copy, const char *name)
{
    static const char *const others[][2] = {
        {"F32", "I32"}, {"F16", "I16"}, {"I8", "U8"}, {"U8", "I8"}};
    json_t *tensor = json_object_get(copy->header, name);
    const char *type = json_string_value(json_object_get(tensor, "dtype"));
    for (size_t i = 0; type && i < sizeof others / sizeof *others; i++)
        if (strcmp(type, others[i][0]) == 0)
            return json_object_set_new(tensor, "dtype", json_string(others[i][1])) == 0;
    return false;
}

bool ut_weights_copy_reshape(ut_weights_copy *copy, const char *name)
{
    json_t *shape = json_object_get(json_object_get(copy->header, name), "shape");
    return json_array_insert_new(shape, 0, json_integer(1)) == 0;
}
