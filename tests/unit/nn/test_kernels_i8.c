/* The byte kernels of every instruction set against their plain twins, exactly. */
#include "ut_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernels_i8.h"

static uint32_t seed = 1;

static int noise(int from, int to)
{
    seed = seed * 1664525u + 1013904223u;
    return from + (int)((seed >> 8) % (uint32_t)(to - from + 1));
}

/* Random bytes; every third matrix holds the largest ones alone, where sums could saturate. */
static void compare(const ut_kernels_i8 *kernels, int m, int n, int k, bool extreme)
{
    int lda = k + 5;
    int ldc = n + 3;
    int8_t *a = malloc((size_t)m * lda);
    uint8_t *panels = malloc((size_t)n * k);
    int32_t *c = malloc(sizeof *c * m * ldc);
    int32_t *expected = malloc(sizeof *c * m * ldc);
    for (int i = 0; i < m * lda; i++)
        a[i] = (int8_t)(extreme ? (noise(0, 9) ? 127 : -127) : noise(-127, 127));
    for (int i = 0; i < n * k; i++)
        panels[i] = (uint8_t)(extreme ? (noise(0, 9) ? 255 : 1) : noise(1, 255));
    memset(c, 0x55, sizeof *c * m * ldc);
    memset(expected, 0x55, sizeof *c * m * ldc);
    kernels->product(c, ldc, a, lda, panels, m, n, k);
    ut_kernels_i8_ref.product(expected, ldc, a, lda, panels, m, n, k);
    assert_memory_equal(c, expected, sizeof *c * m * ldc);
    free(a);
    free(panels);
    free(c);
    free(expected);
}

static void products(const ut_kernels_i8 *kernels)
{
    static const int ms[] = {1, 2, 3, 5, 7, 8, 9, 12, 17};
    static const int ns[] = {16, 32, 48, 112};
    static const int ks[] = {4, 8, 12, 16, 20, 60, 64, 68, 384, 388};
    for (size_t m = 0; m < sizeof ms / sizeof *ms; m++)
        for (size_t n = 0; n < sizeof ns / sizeof *ns; n++)
            for (size_t k = 0; k < sizeof ks / sizeof *ks; k++)
                compare(kernels, ms[m], ns[n], ks[k], (m + n + k) % 3 == 0);
    compare(kernels, 3, 16, 65536, true);
}

static void gatherings(const ut_kernels_i8 *kernels)
{
    enum { ROWS = 40, MOST = 400 };
    int8_t a[MOST];
    uint8_t rows[ROWS * MOST];
    uint16_t index[ROWS];
    int32_t c[ROWS];
    int32_t expected[ROWS];
    for (int k = 4; k <= MOST; k += 4) {
        bool extreme = k % 3 == 0;
        for (int i = 0; i < k; i++)
            a[i] = (int8_t)(extreme ? 127 : noise(-127, 127));
        for (int i = 0; i < ROWS * k; i++)
            rows[i] = (uint8_t)(extreme ? 255 - 254 * (i / 64 % 2) : noise(1, 255));
        for (int i = 0; i < ROWS; i++)
            index[i] = (uint16_t)noise(0, ROWS - 1);
        kernels->gather(c, a, rows, index, ROWS, k);
        ut_kernels_i8_ref.gather(expected, a, rows, index, ROWS, k);
        assert_memory_equal(c, expected, sizeof c);
    }
}

static void selections(const ut_kernels_i8 *kernels)
{
    enum { N = 256 };
    int32_t c[N];
    float scale[N];
    float more[N];
    uint16_t found[N];
    uint16_t expected[N];
    for (int round = 0; round < 50; round++) {
        float weight = (float)(round % 3);
        for (int i = 0; i < N; i++) {
            c[i] = noise(-2000000, 2000000);
            scale[i] = (float)noise(0, 1000) * 1e-6f;
            more[i] = (float)noise(0, 1000);
        }
        /* Met by one exactly, in the first round by none. */
        float least = round ? fmaf(scale[7], (float)c[7], weight * more[7]) : 1e30f;
        int count = kernels->select(c, scale, weight, more, least, N, found);
        assert_int_equal(count,
                         ut_kernels_i8_ref.select(c, scale, weight, more, least, N, expected));
        assert_memory_equal(found, expected, sizeof *found * (size_t)count);
        assert_true(round == 0 ? count == 0 : count > 0);
    }
}

static void by_the_definition(void **state)
{
    (void)state;
    /* Rows 0 and 17 of 32, length 5 padded to 8. */
    int8_t a[8] = {1, -2, 3, -4, 5};
    uint8_t panels[32 * 8];
    int32_t c[32];
    memset(panels, UT_PANEL_ZERO, sizeof panels);
    for (size_t k = 0; k < 5; k++) {
        panels[ut_panel_at(0, k, 8)] = (uint8_t)(UT_PANEL_ZERO + 10 * (int)k);
        panels[ut_panel_at(17, k, 8)] = (uint8_t)(UT_PANEL_ZERO - 1);
    }
    ut_kernels_i8_get()->product(c, 32, a, 8, panels, 1, 32, 8);
    assert_int_equal(c[0], -20 + 60 - 120 + 200);
    assert_int_equal(c[17], -3);
    assert_int_equal(c[1], 0);
}

static void avx2_equals_the_twin(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        products(&ut_kernels_i8_avx2);
        gatherings(&ut_kernels_i8_avx2);
        selections(&ut_kernels_i8_avx2);
        return;
    }
#endif
    UT_SKIP("byte kernels of AVX2", "this processor has none");
}

static void avx512_equals_the_twin(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
        products(&ut_kernels_i8_avx512);
        gatherings(&ut_kernels_i8_avx512);
        selections(&ut_kernels_i8_avx512);
        return;
    }
#endif
    UT_SKIP("byte kernels of AVX-512", "this processor has none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_definition),
        cmocka_unit_test(avx2_equals_the_twin),
        cmocka_unit_test(avx512_equals_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
