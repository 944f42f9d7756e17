/* AVX2: vpmaddubsw saturates where an unsigned byte above 127 meets a large value, so the signs go
 * over to `a` first: |x| * sign(a, x), with sums of two at most 2 * 127 * 127. */
#include <immintrin.h>
#include <string.h>

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

/* Bytes `at` .. of a row, and those of `a`; behind the end come zeros. */
static inline __m256i load_some(const void *bytes, int count, int zero)
{
    uint8_t some[HALF];
    memset(some, zero, sizeof some);
    memcpy(some, bytes, (size_t)count);
    return _mm256_loadu_si256((const __m256i *)(const void *)some);
}

static inline __m256i add_row(__m256i sum, __m256i bytes, __m256i a)
{
    __m256i x = _mm256_xor_si256(bytes, _mm256_set1_epi8((char)UT_PANEL_ZERO));
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(a, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline int32_t sum8(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_unpackhi_epi64(s, s));
    return _mm_cvtsi128_si32(s) + _mm_extract_epi32(s, 1);
}

static void gather(int32_t *c, const int8_t *a, const uint8_t *rows, const uint16_t *index,
                   int count, int k)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)index[i] * k;
        __m256i sum = _mm256_setzero_si256();
        int p = 0;
        for (; p + HALF <= k; p += HALF)
            sum = add_row(sum, _mm256_loadu_si256((const __m256i *)(const void *)(row + p)),
                          _mm256_loadu_si256((const __m256i *)(const void *)(a + p)));
        if (p < k)
            sum =
                add_row(sum, load_some(row + p, k - p, UT_PANEL_ZERO), load_some(a + p, k - p, 0));
        c[i] = sum8(sum);
    }
}

static int select_above(const int32_t *c, const float *scale, float weight, const float *more,
                        float least, int n, uint16_t *index)
{
    const __m256 limit = _mm256_set1_ps(least);
    const __m256 weights = _mm256_set1_ps(weight);
    int found = 0;
    for (int i = 0; i < n; i += 8) {
        __m256i sums = _mm256_loadu_si256((const __m256i *)(const void *)(c + i));
        __m256 added = _mm256_mul_ps(weights, _mm256_loadu_ps(more + i));
        __m256 value = _mm256_fmadd_ps(_mm256_loadu_ps(scale + i), _mm256_cvtepi32_ps(sums), added);
        unsigned above = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(value, limit, _CMP_GE_OQ));
        for (; above; above &= above - 1)
            index[found++] = (uint16_t)(i + __builtin_ctz(above));
    }
    return found;
}

const ut_kernels_i8 ut_kernels_i8_avx2 = {
    .name = "avx2", .product = product, .gather = gather, .select = select_above};
