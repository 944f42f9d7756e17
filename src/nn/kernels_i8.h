/* Kernels for bytes: products of many small integer vectors, for searching among them.
 *
 * A table of its own beside nn/kernels.h, chosen the same way (UT_ISA=ref forces the plain twins,
 * UT_ISA=avx2 leaves AVX-512 out). Integer sums are exact, so all sets give the same results. */
#ifndef UT_NN_KERNELS_I8_H
#define UT_NN_KERNELS_I8_H

#include <stddef.h>
#include <stdint.h>

/* Rows are kept in panels of 16, four values of each row side by side, as the dot-product
 * instructions want them: panels[row / 16][k / 4][row % 16][k % 4], values plus 128. */
enum { UT_PANEL = 16, UT_PANEL_STEP = 4, UT_PANEL_ZERO = 128 };

/* Where value `k` of `row` lies; `width` is the padded length of a row, a multiple of 4. */
static inline size_t ut_panel_at(size_t row, size_t k, size_t width)
{
    return row / UT_PANEL * UT_PANEL * width + k / UT_PANEL_STEP * UT_PANEL_STEP * UT_PANEL +
           row % UT_PANEL * UT_PANEL_STEP + k % UT_PANEL_STEP;
}

typedef struct ut_kernels_i8 {
    const char *name; /* "ref", "avx2", "avx512" */

    /* c[m, n] (ldc) = a[m, k] (lda) panels[n, k]^T. Values of a and of panels (less 128) lie in
     * -127..127; n is a multiple of 16, k of 4. */
    void (*product)(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panels, int m,
                    int n, int k);
    /* c[i] = a[k] rows[index[i]]^T for some rows that lie one after the other, k bytes each, values
     * plus 128 too; k is a multiple of 4. */
    void (*gather)(int32_t *c, const int8_t *a, const uint8_t *rows, const uint16_t *index,
                   int count, int k);
    /* Indices i of those with scale[i] * c[i] + weight * more[i] >= least, ascending; returns how
     * many. n is a multiple of 16. */
    int (*select)(const int32_t *c, const float *scale, float weight, const float *more,
                  float least, int n, uint16_t *index);
} ut_kernels_i8;

extern const ut_kernels_i8 ut_kernels_i8_ref;
#if defined(__x86_64__)
extern const ut_kernels_i8 ut_kernels_i8_avx2;
extern const ut_kernels_i8 ut_kernels_i8_avx512;
#endif

/* The table in use; the first call chooses, any thread may call. */
const ut_kernels_i8 *ut_kernels_i8_get(void);

#endif
