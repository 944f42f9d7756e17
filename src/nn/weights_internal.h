/* What the readers of the single formats share: the table they fill, and bounds-checked reading. */
#ifndef UT_NN_WEIGHTS_INTERNAL_H
#define UT_NN_WEIGHTS_INTERNAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/file.h"
#include "nn/weights.h"

typedef struct ut_weights_entry {
    const char *name;
    ut_tensor tensor;
} ut_weights_entry;

struct ut_weights {
    ut_mapping mapping; /* empty when parsed from memory */
    const uint8_t *data;
    size_t length;
    const char *path;
    ut_arena *arena;           /* names and copies */
    ut_weights_entry *entries; /* sorted by name once opened */
    size_t count;
    size_t capacity;
    struct {
        const char *key;
        const char *value;
    } * metadata;
    size_t metadata_count;
};

/* Adds a tensor; `name` lives as long as the weights. */
UT_MUST_CHECK ut_status ut_weights_add(ut_weights *weights, const char *name,
                                       const ut_tensor *tensor, ut_error *err);

/* Bytes of a tensor of that type and shape; false if a dimension is negative or it overflows. */
bool ut_tensor_bytes(ut_dtype dtype, int rank, const int64_t *shape, size_t *bytes);

/* "<path> is damaged (<what>); fetch it again". */
ut_status ut_weights_damaged(const ut_weights *weights, const char *what, ut_error *err);

UT_MUST_CHECK ut_status ut_read_safetensors(ut_weights *weights, ut_error *err);
UT_MUST_CHECK ut_status ut_read_ctranslate2(ut_weights *weights, ut_error *err);
UT_MUST_CHECK ut_status ut_read_checkpoint_zip(ut_weights *weights, ut_error *err);
UT_MUST_CHECK ut_status ut_read_checkpoint_stream(ut_weights *weights, ut_error *err);

#endif
