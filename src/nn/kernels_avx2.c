/* AVX2 + FMA + F16C.
 *
 * The big product follows Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication,
 * 2008): B is packed in panels of 16 columns (halves become floats on the way), A in panels of 6
 * rows, and a register tile of 6 x 16 runs over both. 12 accumulators, 2 of B and 2 of A fill the
 * 16 registers. The packing blocks lie on the stack: 384 KiB of B (well inside the L2 of today's
 * cores; 192 KiB packed A twice as often and cost 3 %) and 36 KiB of A (about the L1), so that any
 * thread may call and nothing is allocated. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "nn/kernels.h"

enum {
    MR = 6,
    NR = 16,
    KC = 256,
    NC = 384, /* columns of B packed at a time */
    MC = 36,  /* rows of A packed at a time */
    LANES = 8,
};

/* ---- loading weights of any type ---- */

static inline __m256 load_half(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline __m256 load_brain(const uint16_t *p)
{
    __m128i bits = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

/* `p` counts bytes, so that odd addresses work. */
static inline __m256 load8(const uint8_t *p, ut_dtype dtype)
{
    if (dtype == UT_F32)
        return _mm256_loadu_ps((const float *)(const void *)p);
    const uint16_t *half = (const uint16_t *)(const void *)p;
    return dtype == UT_F16 ? load_half(half) : load_brain(half);
}

static inline __m256i first_lanes(int count)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), index);
}

/* `count` of 1..7 values, zeros behind. */
static inline __m256 load_some(const uint8_t *p, ut_dtype dtype, int count)
{
    if (dtype == UT_F32)
        return _mm256_maskload_ps((const float *)(const void *)p, first_lanes(count));
    uint16_t values[LANES] = {0};
    memcpy(values, p, (size_t)count * 2);
    return load8((const uint8_t *)values, dtype);
}

static inline float sum8(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* ---- packing ---- */

/* Rows r[0..7] transposed: afterwards r[i] holds element i of each. */
static inline void transpose8(__m256 r[8])
{
    __m256 a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

/* `rows` of 1..8 rows of `k` values into out[k][stride], zeros for the missing rows of 8. */
static inline void pack8(float *out, int stride, const uint8_t *b, size_t row_bytes, int rows,
                         int k, ut_dtype dtype)
{
    size_t size = dtype == UT_F32 ? 4 : 2;
    for (int p = 0; p < k; p += LANES) {
        int count = k - p < LANES ? k - p : LANES;
        __m256 r[8];
        for (int i = 0; i < LANES; i++) {
            const uint8_t *at = b + (size_t)i * row_bytes + (size_t)p * size;
            if (i >= rows)
                r[i] = _mm256_setzero_ps();
            else
                r[i] = count == LANES ? load8(at, dtype) : load_some(at, dtype, count);
        }
        transpose8(r);
        for (int i = 0; i < count; i++)
            _mm256_storeu_ps(out + (size_t)(p + i) * stride, r[i]);
    }
}

/* B rows j.. (columns of the product) into panels [k][16]. */
static void pack_b_nt(float *out, const uint8_t *b, size_t row_bytes, int columns, int k,
                      ut_dtype dtype)
{
    for (int j = 0; j < columns; j += NR, out += (size_t)NR * k)
        for (int half = 0; half < NR; half += LANES) {
            int rows = columns - j - half;
            rows = rows < 0 ? 0 : rows > LANES ? LANES : rows;
            const uint8_t *at = b + (size_t)(j + (rows ? half : 0)) * row_bytes;
            if (dtype == UT_F32)
                pack8(out + half, NR, at, row_bytes, rows, k, UT_F32);
            else if (dtype == UT_F16)
                pack8(out + half, NR, at, row_bytes, rows, k, UT_F16);
            else
                pack8(out + half, NR, at, row_bytes, rows, k, UT_BF16);
        }
}

/* The same from B [k, n], whose rows already run along the columns. */
static void pack_b_nn(float *out, const float *b, int ldb, int columns, int k)
{
    for (int j = 0; j < columns; j += NR, out += (size_t)NR * k) {
        int count = columns - j < NR ? columns - j : NR;
        for (int p = 0; p < k; p++) {
            float *row = out + (size_t)p * NR;
            memcpy(row, b + (size_t)p * ldb + j, (size_t)count * sizeof *row);
            memset(row + count, 0, (size_t)(NR - count) * sizeof *row);
        }
    }
}

/* Rows of A into panels [k][6], zeros for the missing rows. */
static void pack_a(float *out, const float *a, int lda, int rows, int k)
{
    float wide[LANES * LANES];
    for (int i = 0; i < rows; i += MR, out += (size_t)MR * k) {
        int count = rows - i < MR ? rows - i : MR;
        const uint8_t *at = (const uint8_t *)(a + (size_t)i * lda);
        for (int p = 0; p < k; p += LANES) {
            int width = k - p < LANES ? k - p : LANES;
            pack8(wide, LANES, at + (size_t)p * 4, (size_t)lda * 4, count, width, UT_F32);
            for (int q = 0; q < width; q++)
                memcpy(out + (size_t)(p + q) * MR, wide + (size_t)q * LANES, MR * sizeof *out);
        }
    }
}

/* ---- the register tile ---- */

/* gcc 12 would fold the loads of B into every multiply-add, 18 loads a step instead of 8, and the
 * loads would set the pace: half of the peak instead of four fifths. */
#define KEEP(v) __asm__("" : "+x"(v))

#define TILE_ROW(step, i)                                                                          \
    x = _mm256_broadcast_ss(a + (step)*MR + (i));                                                  \
    c##i##0 = _mm256_fmadd_ps(x, b0, c##i##0);                                                     \
    c##i##1 = _mm256_fmadd_ps(x, b1, c##i##1)

#define TILE_STEP(step)                                                                            \
    b0 = _mm256_loadu_ps(b + (step)*NR);                                                           \
    b1 = _mm256_loadu_ps(b + (step)*NR + LANES);                                                   \
    KEEP(b0);                                                                                      \
    KEEP(b1);                                                                                      \
    TILE_ROW(step, 0);                                                                             \
    TILE_ROW(step, 1);                                                                             \
    TILE_ROW(step, 2);                                                                             \
    TILE_ROW(step, 3);                                                                             \
    TILE_ROW(step, 4);                                                                             \
    TILE_ROW(step, 5)

#define TILE_STORE(i)                                                                              \
    _mm256_storeu_ps(out + (i)*NR, c##i##0);                                                       \
    _mm256_storeu_ps(out + (i)*NR + LANES, c##i##1)

/* out[6][16] = panel of A [k][6] times panel of B [k][16]. Not inlined, because its 15 registers
 * are all there is: whatever else lived in one would send an accumulator to memory. */
static __attribute__((noinline)) void tile(float *out, const float *a, const float *b, int k)
{
    __m256 c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
    c00 = c01 = c10 = c11 = c20 = c21 = _mm256_setzero_ps();
    c30 = c31 = c40 = c41 = c50 = c51 = _mm256_setzero_ps();
    __m256 x, b0, b1;
    for (; k >= 4; k -= 4, a += 4 * MR, b += 4 * NR) { /* four at a time: 4 % faster */
        TILE_STEP(0);
        TILE_STEP(1);
        TILE_STEP(2);
        TILE_STEP(3);
    }
    for (; k > 0; k--, a += MR, b += NR) {
        TILE_STEP(0);
    }
    TILE_STORE(0);
    TILE_STORE(1);
    TILE_STORE(2);
    TILE_STORE(3);
    TILE_STORE(4);
    TILE_STORE(5);
}

/* Adds tile `t` to c, or replaces c by it plus the bias. */
static inline void put_tile(float *c, int ldc, const float *t, int rows, int columns, int add,
                            const float *bias)
{
    for (int i = 0; i < rows; i++, c += ldc, t += NR) {
        if (columns == NR) {
            __m256 v0 = _mm256_loadu_ps(t), v1 = _mm256_loadu_ps(t + LANES);
            if (add) {
                v0 = _mm256_add_ps(v0, _mm256_loadu_ps(c));
                v1 = _mm256_add_ps(v1, _mm256_loadu_ps(c + LANES));
            }
            if (bias) {
                v0 = _mm256_add_ps(v0, _mm256_loadu_ps(bias));
                v1 = _mm256_add_ps(v1, _mm256_loadu_ps(bias + LANES));
            }
            _mm256_storeu_ps(c, v0);
            _mm256_storeu_ps(c + LANES, v1);
        } else {
            for (int j = 0; j < columns; j++)
                c[j] = t[j] + (add ? c[j] : 0.0f) + (bias ? bias[j] : 0.0f);
        }
    }
}

/* One packed block of B against all rows of A. */
static void block(float *c, int ldc, const float *a, int lda, const float *packed_b,
                  const float *bias, int m, int columns, int k, int add)
{
    float packed_a[MC * KC] __attribute__((aligned(64)));
    float t[MR * NR] __attribute__((aligned(64)));
    for (int i = 0; i < m; i += MC) {
        int rows = m - i < MC ? m - i : MC;
        pack_a(packed_a, a + (size_t)i * lda, lda, rows, k);
        for (int j = 0; j < columns; j += NR) {
            int width = columns - j < NR ? columns - j : NR;
            for (int r = 0; r < rows; r += MR) {
                /* The tile's rows of C are on their way while it is computed. */
                for (int q = r; q < rows && q < r + MR; q++)
                    _mm_prefetch((const char *)(c + (size_t)(i + q) * ldc + j), _MM_HINT_T0);
                tile(t, packed_a + (size_t)r * k, packed_b + (size_t)j * k, k);
                put_tile(c + (size_t)(i + r) * ldc + j, ldc, t, rows - r < MR ? rows - r : MR,
                         width, add, bias ? bias + j : NULL);
            }
        }
    }
}

/* k of 0: nothing but c and the bias. */
static void only_bias(float *c, int ldc, const float *bias, int m, int n, int accumulate)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            c[(size_t)i * ldc + j] =
                (accumulate ? c[(size_t)i * ldc + j] : 0.0f) + (bias ? bias[j] : 0.0f);
}

static void gemm_nt(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                    ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate)
{
    float packed_b[NC * KC] __attribute__((aligned(64)));
    size_t size = dtype == UT_F32 ? 4 : 2;
    if (k <= 0)
        only_bias(c, ldc, bias, m, n, accumulate);
    for (int j = 0; j < n; j += NC) {
        int columns = n - j < NC ? n - j : NC;
        for (int p = 0; p < k; p += KC) {
            int depth = k - p < KC ? k - p : KC;
            const uint8_t *from = (const uint8_t *)b + ((size_t)j * ldb + p) * size;
            pack_b_nt(packed_b, from, (size_t)ldb * size, columns, depth, dtype);
            block(c + j, ldc, a + p, lda, packed_b, bias && p == 0 ? bias + j : NULL, m, columns,
                  depth, accumulate || p > 0);
        }
    }
}

static void gemm_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
                    int n, int k, int accumulate)
{
    float packed_b[NC * KC] __attribute__((aligned(64)));
    if (k <= 0)
        only_bias(c, ldc, NULL, m, n, accumulate);
    for (int j = 0; j < n; j += NC) {
        int columns = n - j < NC ? n - j : NC;
        for (int p = 0; p < k; p += KC) {
            int depth = k - p < KC ? k - p : KC;
            pack_b_nn(packed_b, b + (size_t)p * ldb + j, ldb, columns, depth);
            block(c + j, ldc, a + p, lda, packed_b, NULL, m, columns, depth, accumulate || p > 0);
        }
    }
}

/* ---- few rows: each row of B is read once, straight from memory ---- */

/* `rows` rows of A (a constant where this is inlined) against one row of B. Two accumulators a row
 * for few rows, to hide the latency of the multiply-add; results depend on `rows` alone. */
static inline __attribute__((always_inline)) void row_products(float *sums, const float *a, int lda,
                                                               const uint8_t *b, int k,
                                                               ut_dtype dtype, int rows)
{
    size_t size = dtype == UT_F32 ? 4 : 2;
    __m256 s[8], t[8];
    for (int i = 0; i < rows; i++)
        s[i] = t[i] = _mm256_setzero_ps();
    int p = 0;
    if (rows <= 4)
        for (; p + 2 * LANES <= k; p += 2 * LANES) {
            __m256 w0 = load8(b + (size_t)p * size, dtype);
            __m256 w1 = load8(b + (size_t)(p + LANES) * size, dtype);
            for (int i = 0; i < rows; i++) {
                const float *x = a + (size_t)i * lda + p;
                s[i] = _mm256_fmadd_ps(_mm256_loadu_ps(x), w0, s[i]);
                t[i] = _mm256_fmadd_ps(_mm256_loadu_ps(x + LANES), w1, t[i]);
            }
        }
    for (; p + LANES <= k; p += LANES) {
        __m256 w = load8(b + (size_t)p * size, dtype);
        for (int i = 0; i < rows; i++)
            s[i] = _mm256_fmadd_ps(_mm256_loadu_ps(a + (size_t)i * lda + p), w, s[i]);
    }
    if (p < k) {
        __m256 w = load_some(b + (size_t)p * size, dtype, k - p);
        __m256i lanes = first_lanes(k - p);
        for (int i = 0; i < rows; i++)
            s[i] = _mm256_fmadd_ps(_mm256_maskload_ps(a + (size_t)i * lda + p, lanes), w, s[i]);
    }
    for (int i = 0; i < rows; i++)
        sums[i] = sum8(_mm256_add_ps(s[i], t[i]));
}

static inline __attribute__((always_inline)) void
few_rows(float *c, int ldc, const float *a, int lda, const uint8_t *b, size_t row_bytes,
         ut_dtype dtype, const float *bias, int n, int k, int accumulate, int rows)
{
    for (int j = 0; j < n; j++) {
        float sums[8];
        row_products(sums, a, lda, b + (size_t)j * row_bytes, k, dtype, rows);
        for (int i = 0; i < rows; i++) {
            float *out = &c[(size_t)i * ldc + j];
            *out = sums[i] + (accumulate ? *out : 0.0f) + (bias ? bias[j] : 0.0f);
        }
    }
}

/* One body for each count of rows and type, so that the accumulators stay in registers. */
#define FEW(rows)                                                                                  \
    case rows:                                                                                     \
        if (dtype == UT_F32)                                                                       \
            few_rows(c, ldc, a, lda, b, (size_t)ldb * 4, UT_F32, bias, n, k, accumulate, rows);    \
        else if (dtype == UT_F16)                                                                  \
            few_rows(c, ldc, a, lda, b, (size_t)ldb * 2, UT_F16, bias, n, k, accumulate, rows);    \
        else                                                                                       \
            few_rows(c, ldc, a, lda, b, (size_t)ldb * 2, UT_BF16, bias, n, k, accumulate, rows);   \
        break

static void gemv_nt(float *c, int ldc, const float *a, int lda, const void *b, int ldb,
                    ut_dtype dtype, const float *bias, int m, int n, int k, int accumulate)
{
    switch (m) {
        FEW(1);
        FEW(2);
        FEW(3);
        FEW(4);
        FEW(5);
        FEW(6);
        FEW(7);
        FEW(8);
    default:
        break;
    }
}

/* ---- vectors ---- */

static float dot(const float *a, const float *b, size_t n)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
        s2 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
        s3 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
    }
    for (; i + LANES <= n; i += LANES)
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    if (i < n) {
        __m256i lanes = first_lanes((int)(n - i));
        s1 =
            _mm256_fmadd_ps(_mm256_maskload_ps(a + i, lanes), _mm256_maskload_ps(b + i, lanes), s1);
    }
    return sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

static void axpy(float *y, float alpha, const float *x, size_t n)
{
    __m256 factor = _mm256_set1_ps(alpha);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i,
                         _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    if (i < n) {
        __m256i lanes = first_lanes((int)(n - i));
        __m256 sum = _mm256_fmadd_ps(factor, _mm256_maskload_ps(x + i, lanes),
                                     _mm256_maskload_ps(y + i, lanes));
        _mm256_maskstore_ps(y + i, lanes, sum);
    }
}

/* e^x = 2^n e^r, |r| <= ln2/2, a polynomial of degree 6 (Cephes): 2 ulp. Below -87.3 it is 0, above
 * 88.37 infinite; NaN stays NaN. */
static inline __m256 exp8(__m256 x)
{
    const __m256 low = _mm256_set1_ps(-87.33654f), high = _mm256_set1_ps(88.72284f);
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    n = _mm256_min_ps(_mm256_max_ps(n, _mm256_set1_ps(-126.0f)), _mm256_set1_ps(128.0f));
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
    /* 2^n in two factors, because 2^128 is no float. */
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i bias = _mm256_set1_epi32(127);
    __m256i f0 = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i f1 = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
    __m256 y = _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(f0)), _mm256_castsi256_ps(f1));
    y = _mm256_andnot_ps(_mm256_cmp_ps(x, low, _CMP_LT_OQ), y);
    y = _mm256_blendv_ps(y, _mm256_set1_ps(INFINITY), _mm256_cmp_ps(x, high, _CMP_GT_OQ));
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

static inline __m256 absolute(__m256 x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

static inline __m256 with_sign(__m256 magnitude, __m256 sign)
{
    return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}

/* 1 - (a polynomial in 1/(1 + p|x|)) e^(-x^2), Abramowitz and Stegun 7.1.26: within 1.5e-7. */
static inline __m256 erf8(__m256 x)
{
    __m256 a = absolute(x), one = _mm256_set1_ps(1.0f);
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(a, _mm256_set1_ps(0.3275911f), one));
    __m256 p = _mm256_set1_ps(1.061405429f);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
    __m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(a, a)));
    return with_sign(_mm256_fnmadd_ps(_mm256_mul_ps(p, t), e, one), x);
}

static inline __m256 gelu8(__m256 x)
{
    __m256 e = erf8(_mm256_mul_ps(x, _mm256_set1_ps(0.70710678f)));
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(0.5f)),
                         _mm256_add_ps(e, _mm256_set1_ps(1.0f)));
}

static inline __m256 sigmoid8(__m256 x)
{
    __m256 one = _mm256_set1_ps(1.0f);
    __m256 e = exp8(_mm256_sub_ps(_mm256_setzero_ps(), x));
    return _mm256_div_ps(one, _mm256_add_ps(one, e));
}

/* Cephes: an odd polynomial below 0.625, else 1 - 2/(e^2x + 1). */
static inline __m256 tanh8(__m256 x)
{
    __m256 a = absolute(x), one = _mm256_set1_ps(1.0f), z = _mm256_mul_ps(x, x);
    __m256 p = _mm256_set1_ps(-5.70498872745e-3f);
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(2.06390887954e-2f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(-5.37397155531e-2f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.33314422036e-1f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(-3.33332819422e-1f));
    p = _mm256_fmadd_ps(_mm256_mul_ps(p, z), x, x);
    __m256 e = exp8(_mm256_add_ps(a, a));
    __m256 large = _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(e, one)));
    return _mm256_blendv_ps(with_sign(large, x), p,
                            _mm256_cmp_ps(a, _mm256_set1_ps(0.625f), _CMP_LT_OQ));
}

#define EACH(name, function)                                                                       \
    static void name(float *x, size_t n)                                                           \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + LANES <= n; i += LANES)                                                         \
            _mm256_storeu_ps(x + i, function(_mm256_loadu_ps(x + i)));                             \
        if (i < n) {                                                                               \
            __m256i lanes = first_lanes((int)(n - i));                                             \
            _mm256_maskstore_ps(x + i, lanes, function(_mm256_maskload_ps(x + i, lanes)));         \
        }                                                                                          \
    }

EACH(exponential, exp8)
EACH(gelu, gelu8)
EACH(sigmoid, sigmoid8)
EACH(hyperbolic_tangent, tanh8)

static float largest(const float *x, size_t n)
{
    float top = x[0];
    size_t i = 0;
    if (n >= LANES) {
        __m256 v = _mm256_loadu_ps(x);
        for (i = LANES; i + LANES <= n; i += LANES)
            v = _mm256_max_ps(v, _mm256_loadu_ps(x + i));
        float lanes[LANES];
        _mm256_storeu_ps(lanes, v);
        for (int q = 0; q < LANES; q++)
            top = lanes[q] > top ? lanes[q] : top;
    }
    for (; i < n; i++)
        top = x[i] > top ? x[i] : top;
    return top;
}

static void softmax(float *x, size_t n)
{
    if (n == 0)
        return;
    __m256 top = _mm256_set1_ps(largest(x, n)), sums = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i), top));
        sums = _mm256_add_ps(sums, e);
        _mm256_storeu_ps(x + i, e);
    }
    if (i < n) {
        __m256i lanes = first_lanes((int)(n - i));
        __m256 e = exp8(_mm256_sub_ps(_mm256_maskload_ps(x + i, lanes), top));
        sums = _mm256_add_ps(sums, _mm256_and_ps(e, _mm256_castsi256_ps(lanes)));
        _mm256_maskstore_ps(x + i, lanes, e);
    }
    __m256 factor = _mm256_set1_ps(1.0f / sum8(sums));
    for (i = 0; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), factor));
    if (i < n) {
        __m256i lanes = first_lanes((int)(n - i));
        _mm256_maskstore_ps(x + i, lanes, _mm256_mul_ps(_mm256_maskload_ps(x + i, lanes), factor));
    }
}

/* Two passes over the row, which is in L1: mean, then variance about it. */
static void layer_norm(float *y, const float *x, int n, const float *gamma, const float *beta,
                       float eps)
{
    __m256 sum = _mm256_setzero_ps(), squares = sum;
    int whole = n / LANES * LANES;
    __m256i lanes = first_lanes(n - whole);
    for (int i = 0; i < whole; i += LANES)
        sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + i));
    sum = _mm256_add_ps(sum, _mm256_maskload_ps(x + whole, lanes));
    __m256 mean = _mm256_set1_ps(sum8(sum) / (float)n);
    for (int i = 0; i < whole; i += LANES) {
        __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i), mean);
        squares = _mm256_fmadd_ps(d, d, squares);
    }
    __m256 d = _mm256_sub_ps(_mm256_maskload_ps(x + whole, lanes), mean);
    d = _mm256_and_ps(d, _mm256_castsi256_ps(lanes));
    squares = _mm256_fmadd_ps(d, d, squares);
    __m256 factor = _mm256_set1_ps(1.0f / sqrtf(sum8(squares) / (float)n + eps));
    for (int i = 0; i < n; i += LANES) {
        __m256i part = i < whole ? _mm256_set1_epi32(-1) : lanes;
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_maskload_ps(x + i, part), mean), factor);
        if (gamma)
            v = _mm256_mul_ps(v, _mm256_maskload_ps(gamma + i, part));
        if (beta)
            v = _mm256_add_ps(v, _mm256_maskload_ps(beta + i, part));
        _mm256_maskstore_ps(y + i, part, v);
    }
}

const ut_kernels ut_kernels_avx2 = {
    .name = "avx2",
    .gemm_nt = gemm_nt,
    .gemv_nt = gemv_nt,
    .gemm_nn = gemm_nn,
    .dot = dot,
    .axpy = axpy,
    .exp = exponential,
    .gelu = gelu,
    .sigmoid = sigmoid,
    .tanh = hyperbolic_tangent,
    .softmax = softmax,
    .layer_norm = layer_norm,
};
