/* Tensors as weights files hold them: a view of memory that somebody else owns.
 *
 * Row-major, the last dimension contiguous. Data need not be aligned (CTranslate2 files are not),
 * so kernels use unaligned loads and everything else goes through ut_tensor_to_f32(). */
#ifndef UT_NN_TENSOR_H
#define UT_NN_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

typedef enum ut_dtype {
    UT_F32,
    UT_F16,
    UT_BF16,
    UT_F64,
    UT_I8,
    UT_I16,
    UT_I32,
    UT_I64,
    UT_U8
} ut_dtype;

enum { UT_RANK = 4 };

typedef struct ut_tensor {
    const void *data;
    ut_dtype dtype;
    int rank;
    int64_t shape[UT_RANK]; /* dimensions beyond rank are 1 */
    const float *scale; /* UT_I8, UT_I16: value = integer / scale[row] (CTranslate2), else NULL */
} ut_tensor;

size_t ut_dtype_size(ut_dtype dtype);
/* As safetensors spells it: "F32", "BF16" ... */
const char *ut_dtype_name(ut_dtype dtype);
/* Number of values. */
size_t ut_tensor_count(const ut_tensor *tensor);
/* Converts `count` values from `first` on (F32, F16, BF16, F64, scaled I8 and I16). Other
 * types give 0. */
void ut_tensor_to_f32(const ut_tensor *tensor, size_t first, size_t count, float *out);

/* IEEE half <-> single, round to nearest even. */
float ut_f16_to_f32(uint16_t half);
uint16_t ut_f32_to_f16(float value);

#endif
