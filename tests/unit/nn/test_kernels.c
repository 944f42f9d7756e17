/* Each fast kernel against its plain C twin over odd sizes, with unaligned weights. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernels.h"

#if defined(__x86_64__)

static const int SIZES[] = {1,  2,  3,  5,  7,  8,   9,   15,  16,  17,
                            31, 33, 63, 64, 65, 100, 193, 257, 384, 513};
enum { COUNT = sizeof SIZES / sizeof *SIZES };

/* The weights as `dtype` at an odd address inside *block. */
static const void *weights_of(const float *w, size_t n, ut_dtype dtype, uint8_t **block)
{
    size_t size = ut_dtype_size(dtype);
    *block = malloc(n * size + 3);
    assert_non_null(*block);
    uint8_t *at = *block + (dtype == UT_F32 ? 1 : 3);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &w[i], 4);
        uint16_t half = dtype == UT_F16 ? ut_f32_to_f16(w[i]) : (uint16_t)(bits >> 16);
        memcpy(at + i * size, dtype == UT_F32 ? (const void *)&w[i] : (const void *)&half, size);
    }
    return at;
}

static void compare(const float *a, const float *b, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance * (1.0 + fabs((double)b[i]))))
            assert_near(a[i], b[i], tolerance);
}

/* One product by both tables, into rows wider than they need be; what lies between stays. */
static void check_product(int m, int n, int k, ut_dtype dtype, bool with_bias, int accumulate)
{
    int lda = k + 3, ldb = k + 1, ldc = n + 2;
    float *a = ut_test_floats((size_t)m * lda);
    float *w = ut_test_floats((size_t)n * ldb);
    float *bias = ut_test_floats((size_t)n);
    float *fast = ut_test_floats((size_t)m * ldc);
    float *slow = malloc((size_t)m * ldc * sizeof *slow);
    assert_non_null(slow);
    memcpy(slow, fast, (size_t)m * ldc * sizeof *slow);
    uint8_t *memory;
    const void *b = weights_of(w, (size_t)n * ldb, dtype, &memory);
    const float *added = with_bias ? bias : NULL;
    ut_kernels_ref.gemm_nt(slow, ldc, a, lda, b, ldb, dtype, added, m, n, k, accumulate);
    if (m <= 8)
        ut_kernels_avx2.gemv_nt(fast, ldc, a, lda, b, ldb, dtype, added, m, n, k, accumulate);
    else
        ut_kernels_avx2.gemm_nt(fast, ldc, a, lda, b, ldb, dtype, added, m, n, k, accumulate);
    compare(fast, slow, (size_t)m * ldc, 2e-5 * sqrt(k));
    free(a);
    free(w);
    free(bias);
    free(fast);
    free(slow);
    free(memory);
}

static void test_products_nt(void **unused)
{
    (void)unused;
    static const ut_dtype types[] = {UT_F32, UT_F16, UT_BF16};
    int turn = 0;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            /* m and n over all pairs, the rest taking turns. */
            int k = SIZES[(i * 7 + j * 3) % COUNT];
            check_product(SIZES[i], SIZES[j], k, types[turn % 3], turn & 1, turn >> 1 & 1);
            turn++;
        }
    for (int m = 1; m <= 9; m++)
        for (int k = 0; k < COUNT; k++)
            for (int type = 0; type < 3; type++)
                check_product(m, 19, SIZES[k], types[type], true, k & 1);
}

static void test_products_nn(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int m = SIZES[i], n = SIZES[j], k = SIZES[(i * 3 + j * 7) % COUNT];
            float *a = ut_test_floats((size_t)m * (k + 1));
            float *b = ut_test_floats((size_t)k * (n + 3));
            float *fast = ut_test_floats((size_t)m * (n + 2));
            float *slow = malloc((size_t)m * (n + 2) * sizeof *slow);
            assert_non_null(slow);
            memcpy(slow, fast, (size_t)m * (n + 2) * sizeof *slow);
            ut_kernels_ref.gemm_nn(slow, n + 2, a, k + 1, b, n + 3, m, n, k, (i + j) & 1);
            ut_kernels_avx2.gemm_nn(fast, n + 2, a, k + 1, b, n + 3, m, n, k, (i + j) & 1);
            compare(fast, slow, (size_t)m * (n + 2), 2e-5 * sqrt(k));
            free(a);
            free(b);
            free(fast);
            free(slow);
        }
}

typedef void (*each)(float *x, size_t n);

/* The values after the last one must stay. */
static void check_each(each fast, each slow, float scale, double tolerance)
{
    for (int s = 0; s < COUNT; s++) {
        size_t n = (size_t)SIZES[s];
        float *x = ut_test_floats(n + 1);
        for (size_t i = 0; i < n; i++)
            x[i] *= scale;
        float *y = malloc((n + 1) * sizeof *y);
        assert_non_null(y);
        memcpy(y, x, (n + 1) * sizeof *y);
        fast(x, n);
        slow(y, n);
        compare(x, y, n + 1, tolerance);
        free(x);
        free(y);
    }
}

static void test_elementwise(void **unused)
{
    (void)unused;
    const ut_kernels *fast = &ut_kernels_avx2, *slow = &ut_kernels_ref;
    static const float scales[] = {0.01f, 1.0f, 6.0f, 60.0f};
    for (int s = 0; s < 4; s++) {
        check_each(fast->exp, slow->exp, scales[s], 1e-6);
        check_each(fast->gelu, slow->gelu, scales[s], 1e-6);
        check_each(fast->sigmoid, slow->sigmoid, scales[s], 1e-6);
        check_each(fast->tanh, slow->tanh, scales[s], 1e-6);
        check_each(fast->softmax, slow->softmax, scales[s], 1e-6);
    }
    float edge[] = {-INFINITY, INFINITY, NAN, 0.0f, -200.0f, 200.0f, 88.7f, -87.0f};
    float same[8];
    memcpy(same, edge, sizeof edge);
    fast->exp(edge, 8);
    assert_true(edge[0] == 0.0f && isinf(edge[1]) && isnan(edge[2]) && edge[3] == 1.0f);
    assert_true(edge[4] == 0.0f && isinf(edge[5]));
    assert_near(edge[6] / expf(88.7f), 1.0, 1e-5);
    assert_near(edge[7] / expf(-87.0f), 1.0, 1e-5);
    fast->tanh(same, 2);
    assert_true(same[0] == -1.0f && same[1] == 1.0f);
    float masked[] = {-INFINITY, 1.0f, -INFINITY, 1.0f, -INFINITY};
    fast->softmax(masked, 5);
    assert_true(masked[0] == 0.0f && masked[1] == 0.5f && masked[4] == 0.0f);
}

static void test_vectors(void **unused)
{
    (void)unused;
    for (int s = 0; s < COUNT; s++) {
        int n = SIZES[s];
        float *x = ut_test_floats((size_t)n);
        float *y = ut_test_floats((size_t)n + 1);
        float *z = malloc(((size_t)n + 1) * sizeof *z);
        assert_non_null(z);
        assert_near(ut_kernels_avx2.dot(x, y, (size_t)n), ut_kernels_ref.dot(x, y, (size_t)n),
                    1e-4);
        memcpy(z, y, ((size_t)n + 1) * sizeof *z);
        ut_kernels_avx2.axpy(y, 0.7f, x, (size_t)n);
        ut_kernels_ref.axpy(z, 0.7f, x, (size_t)n);
        compare(y, z, (size_t)n + 1, 1e-6);
        for (int parts = 0; parts < 4; parts++) {
            const float *gamma = parts & 1 ? x : NULL, *beta = parts & 2 ? z : NULL;
            float *fast = ut_test_floats((size_t)n), *slow = ut_test_floats((size_t)n);
            ut_kernels_avx2.layer_norm(fast, y, n, gamma, beta, 1e-5f);
            ut_kernels_ref.layer_norm(slow, y, n, gamma, beta, 1e-5f);
            compare(fast, slow, (size_t)n, 1e-4);
            free(fast);
            free(slow);
        }
        free(x);
        free(y);
        free(z);
    }
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        print_message("SKIP: AVX2 kernels (this processor has none)\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_nt),
        cmocka_unit_test(test_products_nn),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    print_message("SKIP: AVX2 kernels (another architecture)\n");
    return 77;
}

#endif
