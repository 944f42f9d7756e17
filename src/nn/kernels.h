/* The kernel table: one set of function pointers per instruction set, chosen once from cpuid.
 *
 * Every kernel has a plain C twin in kernels_ref.c, and tests/unit/nn compares the two over odd
 * sizes. UT_ISA=ref in the environment forces the twins. Nothing else in the program uses
 * intrinsics. */
#ifndef UT_NN_KERNELS_H
#define UT_NN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nn/tensor.h"

typedef struct ut_kernels {
    const char *name; /* "ref", "avx2" */

    /* c[m, n] (ldc) = a[m, k] (lda) b[n, k]^T (ldb) + bias[n] or + c (accumulate). b of `dtype`
     * F32, F16 or BF16, any alignment. m of 9 and more. */
    void (*gemm_nt)(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                    ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate);
    /* The same for m of 1..8: each row of b is read once. */
    void (*gemv_nt)(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                    ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate);
    /* c[m, n] = a[m, k] b[k, n] (+ c). */
    void (*gemm_nn)(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
                    int n, int k, int accumulate);
    float (*dot)(const float *a, const float *b, size_t n);
    void (*axpy)(float *y, float alpha, const float *x, size_t n);
    void (*exp)(float *x, size_t n);
    void (*gelu)(float *x, size_t n);
    void (*sigmoid)(float *x, size_t n);
    void (*tanh)(float *x, size_t n);
    void (*softmax)(float *x, size_t n); /* one row, in place */
    void (*layer_norm)(float *y, const float *x, int n, const float *gamma, const float *beta,
                       float eps); /* one row */
} ut_kernels;

extern const ut_kernels ut_kernels_ref;
#if defined(__x86_64__)
extern const ut_kernels ut_kernels_avx2;
#endif

/* The table in use; the first call chooses, any thread may call. */
const ut_kernels *ut_kernels_get(void);

#endif
