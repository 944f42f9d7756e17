#include "train/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/layers.h"

ut_status ut_parameters_create(const ut_block *blocks, size_t count, ut_parameters *p,
                               ut_error *err)
{
    *p = (ut_parameters){.block_count = count};
    for (size_t i = 0; i < count; i++) {
        ut_block *b = &p->blocks[i];
        *b = blocks[i];
        b->offset = p->count;
        b->count = 1;
        for (int d = 0; d < b->rank; d++)
            b->count *= (size_t)b->shape[d];
        p->count += b->count;
    }
    p->values = calloc(4 * p->count, sizeof *p->values);
    if (!p->values)
        return ut_fail_memory(err, "train");
    p->gradients = p->values + p->count;
    p->first = p->gradients + p->count;
    p->second = p->first + p->count;
    return UT_OK;
}

void ut_parameters_free(ut_parameters *p)
{
    free(p->values);
    *p = (ut_parameters){0};
}

float *ut_parameters_values(const ut_parameters *p, size_t block)
{
    return p->values + p->blocks[block].offset;
}

float *ut_parameters_gradients(const ut_parameters *p, size_t block)
{
    return p->gradients + p->blocks[block].offset;
}

void ut_parameters_begin(ut_parameters *p, size_t block, int inputs, ut_random *random)
{
    float *values = ut_parameters_values(p, block);
    double bound = 1 / sqrt((double)inputs);
    for (size_t i = 0; i < p->blocks[block].count; i++)
        values[i] = (float)((2 * ut_random_unit(random) - 1) * bound);
}

void ut_parameters_step(ut_parameters *p, float rate)
{
    p->step++;
    for (size_t i = 0; i < p->block_count; i++) {
        const ut_block *b = &p->blocks[i];
        ut_adamw(p->values + b->offset, p->gradients + b->offset, p->first + b->offset,
                 p->second + b->offset, b->count, rate * b->rate, b->decay, p->step);
    }
    memset(p->gradients, 0, p->count * sizeof *p->gradients);
}
