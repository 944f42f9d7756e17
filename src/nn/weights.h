/* Weights files, opened read-only: safetensors, CTranslate2 binary (version 6), PyTorch checkpoints
 * (zip, and the older stream; tensors only, foreign objects skipped, nothing executed).
 *
 * The format is told by the contents. A ut_weights is immutable after opening and may be shared
 * between threads; its tensors point into the mapped file (or into memory it owns, where the file's
 * bytes cannot be used in place) and live as long as it. */
#ifndef UT_NN_WEIGHTS_H
#define UT_NN_WEIGHTS_H

#include <stdbool.h>

#include "nn/tensor.h"

typedef struct ut_weights ut_weights;

UT_MUST_CHECK ut_status ut_weights_open(const char *path, ut_weights **weights, ut_error *err);
/* The same from memory that outlives the weights; `name` is for messages. */
UT_MUST_CHECK ut_status ut_weights_parse(const uint8_t *data, size_t length, const char *name,
                                         ut_weights **weights, ut_error *err);
void ut_weights_close(ut_weights *weights); /* NULL is fine */

/* NULL if there is none of that name. PyTorch names are the dotted path through nested dictionaries
 * ("state_dict.lstm.weight_ih_l0"); CTranslate2 aliases are resolved. */
const ut_tensor *ut_weights_find(const ut_weights *weights, const char *name);
size_t ut_weights_count(const ut_weights *weights);
const char *ut_weights_name(const ut_weights *weights, size_t index);
/* safetensors __metadata__, NULL if absent. */
const char *ut_weights_metadata(const ut_weights *weights, const char *key);
const char *ut_weights_path(const ut_weights *weights);

/* Binding: a table of {name in the file, member, shape}. `name` may hold one %d for the layer. A
 * shape of UT_ANY matches every size. All missing and misshapen tensors are reported together. */
#define UT_ANY ((int64_t)-1)
typedef struct ut_binding {
    const char *name;
    size_t member; /* offsetof(object, a ut_tensor) */
    int rank;
    int64_t shape[UT_RANK];
    bool optional; /* absent: the member stays zero */
} ut_binding;

typedef struct ut_binder {
    const ut_weights *weights;
    int problems;
    char message[896];
} ut_binder;

void ut_binder_init(ut_binder *binder, const ut_weights *weights);
void ut_bind(ut_binder *binder, void *object, const ut_binding *table, size_t count, int layer);
UT_MUST_CHECK ut_status ut_binder_finish(const ut_binder *binder, ut_error *err);

#endif
