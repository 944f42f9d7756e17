/* A reader of Python pickles that executes nothing: it builds dictionaries, lists, tuples, strings
 * and integers, recognises PyTorch's tensors and storages, and turns everything else (classes,
 * floats, calls of unknown functions) into an opaque value. Protocols 0 to 5.
 *
 * Values live in the arena given. Objects may refer to each other in circles, as in Python. */
#ifndef UT_NN_PICKLE_H
#define UT_NN_PICKLE_H

#include "base/arena.h"
#include "nn/tensor.h"

typedef enum ut_pickle_kind {
    UT_PICKLE_OPAQUE,
    UT_PICKLE_INT,
    UT_PICKLE_STRING, /* also bytes */
    UT_PICKLE_LIST,
    UT_PICKLE_TUPLE,
    UT_PICKLE_DICT,    /* items: key, value, key, value ... */
    UT_PICKLE_GLOBAL,  /* text: "module name" */
    UT_PICKLE_STORAGE, /* text: its key; integer: elements; dtype */
    UT_PICKLE_TENSOR,  /* items: storage, offset, size tuple, stride tuple */
} ut_pickle_kind;

typedef struct ut_pickle_value {
    ut_pickle_kind kind;
    ut_dtype dtype;
    int64_t integer;
    const char *text; /* terminated copy; `length` without the zero */
    size_t length;
    struct ut_pickle_value **items;
    size_t count;
    size_t capacity;
} ut_pickle_value;

/* Reads one pickle; *used tells how many bytes it took. UT_ERR_FORMAT if it is malformed,
 * UT_ERR_MEMORY if the arena is exhausted. */
UT_MUST_CHECK ut_status ut_pickle_read(const uint8_t *data, size_t length, ut_arena *arena,
                                       ut_pickle_value **root, size_t *used);

#endif
