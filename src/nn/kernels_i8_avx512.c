/* AVX-512 with VNNI: vpdpbusd multiplies 64 unsigned by 64 signed bytes and adds fours of them to
 * 16 sums. A row's bytes are the unsigned side, so that the 128 they carry costs one term a row of
 * `a`: 128 times its sum. */
#include <immintrin.h>

#include "nn/kernels_i8.h"

enum { STEP = UT_PANEL * UT_PANEL_STEP };

/* gcc 12 keeps an array of __m512i in memory but one of this type in registers. */
typedef int sums __attribute__((vector_size(64)));

static inline sums add_products(sums c, __m512i bytes, __m512i values)
{
    return (sums)_mm512_dpbusd_epi32((__m512i)c, bytes, values);
}

/* Four values of a row of `a`, 16 times over. */
static inline __m512i four(const int8_t *a)
{
    int32_t bits;
    __builtin_memcpy(&bits, a, sizeof bits);
    return _mm512_set1_epi32(bits);
}

static inline int sum_of(const int8_t *a, int k)
{
    __m512i sum = _mm512_setzero_si512();
    const __m512i ones = _mm512_set1_epi8(1);
    for (int p = 0; p < k; p += STEP) {
        __mmask64 there = k - p >= STEP ? ~(__mmask64)0 : ((__mmask64)1 << (k - p)) - 1;
        sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(there, a + p));
    }
    return _mm512_reduce_add_epi32(sum);
}

/* One row of `a` and one panel: memory sets the pace, four chains of additions keep up with it. */
static void one(int32_t *c, const int8_t *a, const uint8_t *panel, int k, int offset)
{
    sums c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
    int p = 0;
    for (; p + 16 <= k; p += 16, panel += 4 * STEP) {
        c0 = add_products(c0, _mm512_loadu_si512(panel), four(a + p));
        c1 = add_products(c1, _mm512_loadu_si512(panel + STEP), four(a + p + 4));
        c2 = add_products(c2, _mm512_loadu_si512(panel + 2 * STEP), four(a + p + 8));
        c3 = add_products(c3, _mm512_loadu_si512(panel + 3 * STEP), four(a + p + 12));
    }
    for (; p < k; p += UT_PANEL_STEP, panel += STEP)
        c0 = add_products(c0, _mm512_loadu_si512(panel), four(a + p));
    _mm512_storeu_si512(c, (__m512i)(c0 + c1 + (c2 + c3) - offset));
}

/* `rows` (a constant where it is called) rows of `a` and two panels, all sums in registers. */
static inline __attribute__((always_inline)) void tile(int32_t *c, int ldc, const int8_t *a,
                                                       int lda, const uint8_t *panel, int rows,
                                                       int k, const int *offset)
{
    const uint8_t *next = panel + (size_t)UT_PANEL * k;
    sums left[8] = {{0}}, right[8] = {{0}};
    for (int p = 0; p < k; p += UT_PANEL_STEP, panel += STEP, next += STEP) {
        __m512i x = _mm512_loadu_si512(panel);
        __m512i y = _mm512_loadu_si512(next);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            __m512i values = four(a + (size_t)i * lda + p);
            left[i] = add_products(left[i], x, values);
            right[i] = add_products(right[i], y, values);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        _mm512_storeu_si512(c + (size_t)i * ldc, (__m512i)(left[i] - offset[i]));
        _mm512_storeu_si512(c + (size_t)i * ldc + UT_PANEL, (__m512i)(right[i] - offset[i]));
    }
}

/* Up to 8 rows of `a` against all panels. */
static void strip(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panels, int rows,
                  int n, int k, const int *offset)
{
    size_t panel = (size_t)UT_PANEL * k;
    int j = 0;
    for (; j + 2 * UT_PANEL <= n; j += 2 * UT_PANEL, c += 2 * UT_PANEL, panels += 2 * panel) {
        int i = 0;
        if (rows == 8) {
            tile(c, ldc, a, lda, panels, 8, k, offset);
            continue;
        }
        for (; i + 2 <= rows; i += 2)
            tile(c + (size_t)i * ldc, ldc, a + (size_t)i * lda, lda, panels, 2, k, offset + i);
        if (i < rows) {
            one(c + (size_t)i * ldc, a + (size_t)i * lda, panels, k, offset[i]);
            one(c + (size_t)i * ldc + UT_PANEL, a + (size_t)i * lda, panels + panel, k, offset[i]);
        }
    }
    for (int i = 0; j < n && i < rows; i++)
        one(c + (size_t)i * ldc, a + (size_t)i * lda, panels, k, offset[i]);
}

static void product(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panels, int m,
                    int n, int k)
{
    for (int i = 0; i < m; i += 8) {
        int rows = m - i < 8 ? m - i : 8;
        int offset[8];
        for (int r = 0; r < rows; r++)
            offset[r] = UT_PANEL_ZERO * sum_of(a + (size_t)(i + r) * lda, k);
        strip(c + (size_t)i * ldc, ldc, a + (size_t)i * lda, lda, panels, rows, n, k, offset);
    }
}

static void gather(int32_t *c, const int8_t *a, const uint8_t *rows, const uint16_t *index,
                   int count, int k)
{
    int offset = UT_PANEL_ZERO * sum_of(a, k);
    int rest = k % STEP;
    __mmask64 last = ((__mmask64)1 << rest) - 1;
    for (int i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)index[i] * k;
        sums sum = {0};
        int p = 0;
        for (; p + STEP <= k; p += STEP)
            sum = add_products(sum, _mm512_loadu_si512(row + p), _mm512_loadu_si512(a + p));
        if (rest)
            sum = add_products(sum, _mm512_maskz_loadu_epi8(last, row + p),
                               _mm512_maskz_loadu_epi8(last, a + p));
        c[i] = _mm512_reduce_add_epi32((__m512i)sum) - offset;
    }
}

static int select_above(const int32_t *c, const float *scale, float weight, const float *more,
                        float least, int n, uint16_t *index)
{
    const __m512 limit = _mm512_set1_ps(least);
    const __m512 weights = _mm512_set1_ps(weight);
    int found = 0;
    for (int i = 0; i < n; i += UT_PANEL) {
        __m512 values = _mm512_cvtepi32_ps(_mm512_loadu_si512(c + i));
        __m512 added = _mm512_mul_ps(weights, _mm512_loadu_ps(more + i));
        __m512 value = _mm512_fmadd_ps(_mm512_loadu_ps(scale + i), values, added);
        unsigned above = _mm512_cmp_ps_mask(value, limit, _CMP_GE_OQ);
        for (; above; above &= above - 1)
            index[found++] = (uint16_t)(i + __builtin_ctz(above));
    }
    return found;
}

const ut_kernels_i8 ut_kernels_i8_avx512 = {
    .name = "avx512", .product = product, .gather = gather, .select = select_above};
