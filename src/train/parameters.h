/* The parameters of a head while it is trained: one stretch of memory, named blocks in it, and
 * beside each value its gradient and the two moments of AdamW. */
#ifndef UT_TRAIN_PARAMETERS_H
#define UT_TRAIN_PARAMETERS_H

#include <stdint.h>

#include "base/random.h"
#include "nn/weights.h"

enum { UT_PARAMETER_BLOCKS = 8 };

typedef struct ut_block {
    const char *name; /* "project.weight" */
    int rank;
    int64_t shape[3];
    float rate;  /* factor on the learning rate */
    float decay; /* of the weights */
    size_t offset, count;
} ut_block;

typedef struct ut_parameters {
    ut_block blocks[UT_PARAMETER_BLOCKS];
    size_t block_count;
    size_t count;
    float *values, *gradients, *first, *second; /* [count] each */
    long step;                                  /* of AdamW, so far */
} ut_parameters;

/* Takes name, rank, shape, rate and decay of the blocks; everything is 0 at first. */
UT_MUST_CHECK ut_status ut_parameters_create(const ut_block *blocks, size_t count,
                                             ut_parameters *parameters, ut_error *err);
void ut_parameters_free(ut_parameters *parameters);

/* Where a block's values and gradients lie. */
float *ut_parameters_values(const ut_parameters *parameters, size_t block);
float *ut_parameters_gradients(const ut_parameters *parameters, size_t block);

/* Fills blocks[block] with uniform values in +-1/sqrt(inputs), as PyTorch's Linear begins. */
void ut_parameters_begin(ut_parameters *parameters, size_t block, int inputs, ut_random *random);

/* One step of AdamW over all blocks; the gradients are 0 afterwards. */
void ut_parameters_step(ut_parameters *parameters, float rate);

#endif
