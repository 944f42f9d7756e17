/* A safetensors file taken apart and put together again with another header: for files that lack a
 * tensor, or hold one of another shape or type, whose bytes still add up. */
#ifndef UT_TEST_WEIGHTS_EDIT_H
#define UT_TEST_WEIGHTS_EDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ut_weights_copy {
    json_t *header; /* to be changed at will */
    uint8_t *data;
    size_t length;
} ut_weights_copy;

/* False if the file cannot be read. */
bool ut_weights_copy_read(const char *path, ut_weights_copy *copy);
void ut_weights_copy_free(ut_weights_copy *copy);

/* The path of a nameless file that holds the copy, less what is cut off its end; NULL where that
 * fails. Good until the next call. */
const char *ut_weights_copy_path(const ut_weights_copy *copy, size_t cut);

/* The name of the header's index-th tensor, in its order; NULL behind the last. */
const char *ut_weights_copy_name(const ut_weights_copy *copy, size_t index);

/* The same bytes as another type of the same width, or with one more dimension in front. False
 * where there is none. */
bool ut_weights_copy_retype(ut_weights_copy *copy, const char *name);
bool ut_weights_copy_reshape(ut_weights_copy *copy, const char *name);

#endif
