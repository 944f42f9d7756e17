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

#define UT_ANY ((int64_t)-1) /* size */

UT_MUST_CHECK ut_status ut_weights_open(const char *path, ut_weights **weights, ut_error *err);
/* The same from memory that outlives the weights; `name` is for messages. */
UT_MUST_CHECK ut_status ut_weights_parse(const uint8_t *data, size_t length, const char *name,
                                         ut_weights **weights, ut_error *err);
void ut_weights_close(ut_weights *weights); /* NULL is fine */

/* Writes safetensors: the tensors in this order (those without a value are left out), each with its
 * name, and __metadata__. Whole under the final name, or not at all. */
typedef struct ut_weights_item {
    const char *name;
    ut_tensor tensor;
} ut_weights_item;
typedef struct ut_weights_note {
    const char *key, *value; /* UTF-8 */
} ut_weights_note;
UT_MUST_CHECK ut_status ut_weights_write(const char *path, const ut_weights_item *items,
                                         size_t count, const ut_weights_note *notes,
                                         size_t note_count, ut_error *err);

/* NULL if there is none of that name. PyTorch names are the dotted path through nested dictionaries
 * ("state_dict.lstm.weight_ih_l0"); CTranslate2 aliases are resolved. */
const ut_tensor *ut_weights_find(const ut_weights *weights, const char *name);
/* A tensor's size in one dimension; UT_ANY if there is no such tensor: for the shapes of others in
 * a table, which then still tells what is missing. */
int64_t ut_weights_size(const ut_weights *weights, const char *name, int dimension);
size_t ut_weights_count(const ut_weights *weights);
const char *ut_weights_name(const ut_weights *weights, size_t index);
/* safetensors __metadata__, NULL if absent. */
const char *ut_weights_metadata(const ut_weights *weights, const char *key);
const char *ut_weights_path(const ut_weights *weights);

/* Binding: a table of {name in the file, member, rank, shape, raw}. `name` may hold one %d for the
 * layer. A shape of UT_ANY matches every size. Values are floats as ut_linear takes them (F32, F16,
 * BF16, or I8 or I16 with scales), or of any type where `raw` is set. All tensors that are missing,
 * misshapen or of another type are reported together. */
typedef struct ut_binding {
    const char *name;
    size_t member; /* offsetof(object, a ut_tensor) */
    int rank;
    int64_t shape[UT_RANK];
    bool raw;
} ut_binding;

typedef struct ut_binder {
    const ut_weights *weights;
    int problems;
    char message[896];
} ut_binder;

void ut_binder_init(ut_binder *binder, const ut_weights *weights);
void ut_bind(ut_binder *binder, void *object, const ut_binding *table, size_t count, int layer);
UT_MUST_CHECK ut_status ut_binder_finish(const ut_binder *binder, ut_error *err);

/* Opens and binds in one, for a network of one table. The weights stay NULL where it fails. */
UT_MUST_CHECK ut_status ut_weights_open_bound(const char *path, void *object,
                                              const ut_binding *table, size_t count,
                                              ut_weights **weights, ut_error *err);

#endif
