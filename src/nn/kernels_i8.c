/* The choice, and the plain twins. */
#include "nn/kernels_i8.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const ut_kernels_i8 *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    const char *isa = getenv("UT_ISA");
    chosen = &ut_kernels_i8_ref;
    if (isa && strcmp(isa, "ref") == 0)
        return;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        chosen = &ut_kernels_i8_avx2;
    if (isa && strcmp(isa, "avx2") == 0)
        return;
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        chosen = &ut_kernels_i8_avx512;
#endif
}

const ut_kernels_i8 *ut_kernels_i8_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}

static void product(int32_t *c, int ldc, const int8_t *a, int lda, const uint8_t *panels, int m,
                    int n, int k)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            int32_t sum = 0;
            for (int p = 0; p < k; p++)
                sum += a[(size_t)i * lda + p] *
                       (panels[ut_panel_at((size_t)j, (size_t)p, (size_t)k)] - UT_PANEL_ZERO);
            c[(size_t)i * ldc + j] = sum;
        }
    }
}

static void gather(int32_t *c, const int8_t *a, const uint8_t *rows, const uint16_t *index,
                   int count, int k)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *row = rows + (size_t)index[i] * k;
        int32_t sum = 0;
        for (int p = 0; p < k; p++)
            sum += a[p] * (row[p] - UT_PANEL_ZERO);
        c[i] = sum;
    }
}

static int select_plain(const int32_t *c, const float *scale, float weight, const float *more,
                        float least, int n, uint16_t *index)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        if (fmaf(scale[i], (float)c[i], weight * more[i]) >= least)
            index[found++] = (uint16_t)i;
    return found;
}

const ut_kernels_i8 ut_kernels_i8_ref = {
    .name = "ref", .product = product, .gather = gather, .select = select_plain};
