/* AVX2: vpmaddubsw saturates where an unsigned byte above 127 meets a large value, so the signs go
 * over to `a` first: |x| * sign(a, x), with sums of two at most 2 * 127 * 127. */
#include <immintrin.h>

#include "nn/kernels_i8.h"

enum { HALF = 32, ROWS = 4 };

/* 8 of the 16 rows of a panel, 4 values each, times the same 4 values of `a`. */
static inline __m256i add_products(__m256i sum, __m256i x, __m256i size, const int8_t *a)
{
    int32_t bits;
    __builtin_memcpy(&bits, a, sizeof bits);
    __m256i values = _mm256_sign_epi8(_mm256_set1_epi32(bits), x);
    __m256i pairs = _mm256_maddubs_epi16(size, values);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* `rows` (a constant where it is called) rows of `a` and half a panel. */
static inline __attribute__((always_inline)) void
tile(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panel, int rows, int k)
{
    const __m256i zero = _mm256_set1_epi8((char)UT_PANEL_ZERO);
    __m256i sums[ROWS];
    for (int i = 0; i < rows; i++)
        sums[i] = _mm256_setzero_si256();
    for (int p = 0; p < k; p += UT_PANEL_STEP, panel += (size_t)2 * HALF) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)panel);
        __m256i x = _mm256_xor_si256(bytes, zero);
        __m256i size = _mm256_abs_epi8(x);
        for (int i = 0; i < rows; i++)
            sums[i] = add_products(sums[i], x, size, a + (size_t)i * lda + p);
    }
    for (int i = 0; i < rows; i++)
        _mm256_storeu_si256((__m256i *)(void *)(c + (size_t)i * ldc), sums[i]);
}

static void product(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panels, int m,
                    int n, int k)
{
    for (int j = 0; j < n; j += UT_PANEL / 2) {
        const uint8_t *panel =
            panels + (size_t)(j / UT_PANEL) * UT_PANEL * k + (j % UT_PANEL ? HALF : 0);
        int i = 0;
        for (; i + ROWS <= m; i += ROWS)
            tile(c + (size_t)i * ldc + j, ldc, a + (size_t)i * lda, lda, panel, ROWS, k);
        for (; i < m; i++)
            tile(c + (size_t)i * ldc + j, ldc, a + (size_t)i * lda, lda, panel, 1, k);
    }
}

static int select_above(const int32_t *c, const float *scale, float least, int n, uint16_t *index)
{
    const __m256 limit = _mm256_set1_ps(least);
    int found = 0;
    for (int i = 0; i < n; i += 8) {
        __m256i sums = _mm256_loadu_si256((const __m256i *)(const void *)(c + i));
        __m256 value = _mm256_mul_ps(_mm256_loadu_ps(scale + i), _mm256_cvtepi32_ps(sums));
        unsigned above = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(value, limit, _CMP_GE_OQ));
        for (; above; above &= above - 1)
            index[found++] = (uint16_t)(i + __builtin_ctz(above));
    }
    return found;
}

const ut_kernels_i8 ut_kernels_i8_avx2 = {
    .name = "avx2", .product = product, .select = select_above};
