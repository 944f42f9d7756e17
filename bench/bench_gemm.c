/* Matrix products at the shapes of Whisper base, beside the peak of the same moment: CPU time, one
 * thread. Usage: bench_gemm [rounds]. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "nn/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* 12 independent chains of multiply-adds, all in registers. */
__attribute__((target("avx2,fma"))) static double peak_gflops(void)
{
    __m256 sums[12], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
    for (int i = 0; i < 12; i++)
        sums[i] = _mm256_set1_ps((float)i);
    const long rounds = 3000000;
    double start = ut_clock_cpu();
    for (long r = 0; r < rounds; r++)
        for (int i = 0; i < 12; i++)
            sums[i] = _mm256_fmadd_ps(sums[i], x, y);
    double seconds = ut_clock_cpu() - start;
    volatile float sink = 0.0f;
    for (int i = 0; i < 12; i++)
        sink += _mm256_cvtss_f32(sums[i]);
    return (double)rounds * 12 * 16 / seconds / 1e9;
}
#else
static double peak_gflops(void)
{
    return 0.0;
}
#endif

static float *floats(size_t n)
{
    float *x = malloc(n * sizeof *x);
    if (!x) {
        fprintf(stderr, "out of memory\n");
        _Exit(1);
    }
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((i * 2654435761u >> 16) % 1000) / 1000.0f - 0.5f;
    return x;
}

static void measure(const ut_kernels *kernels, int m, int n, int k, ut_dtype dtype, int rounds)
{
    float *a = floats((size_t)m * k), *c = floats((size_t)m * n), *w = floats((size_t)n * k);
    uint16_t *half = malloc((size_t)n * k * 2);
    if (!half)
        _Exit(1);
    for (size_t i = 0; i < (size_t)n * k; i++)
        half[i] = ut_f32_to_f16(w[i]);
    const void *b = dtype == UT_F16 ? (const void *)half : (const void *)w;
    double best = 1e9, peak = 0.0;
    for (int r = 0; r < rounds; r++) {
        double top = peak_gflops();
        peak = top > peak ? top : peak;
        int repeats = m <= 8 ? 4 : 1;
        double start = ut_clock_cpu();
        for (int i = 0; i < repeats; i++)
            (m <= 8 ? kernels->gemv_nt : kernels->gemm_nt)(c, n, a, k, b, k, dtype, NULL, m, n, k,
                                                           0);
        double seconds = (ut_clock_cpu() - start) / repeats;
        best = seconds < best ? seconds : best;
    }
    double gflops = 2.0 * m * n * k / best / 1e9;
    double bytes = (double)n * k * (double)ut_dtype_size(dtype);
    printf("%5d %6d %5d  %s  %8.3f ms  %7.1f GFLOP/s  %5.1f %% of peak %.0f  %6.1f GB/s\n", m, n, k,
           dtype == UT_F16 ? "f16" : "f32", best * 1e3, gflops,
           peak > 0 ? 100 * gflops / peak : 0.0, peak, bytes / best / 1e9);
    free(a);
    free(c);
    free(w);
    free(half);
}

int main(int argc, char **argv)
{
    static const int shapes[][3] = {
        {1500, 512, 512}, {1500, 2048, 512}, {1500, 512, 2048}, {1500, 1500, 64}, {1500, 384, 384},
        {1, 512, 512},    {5, 512, 512},     {1, 51865, 512},   {5, 51865, 512},  {8, 2048, 512}};
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 9;
    const ut_kernels *kernels = ut_kernels_get();
    printf("kernels %s\n    m      n     k\n", kernels->name);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int type = 0; type < 2; type++)
            measure(kernels, shapes[i][0], shapes[i][1], shapes[i][2], type ? UT_F16 : UT_F32,
                    rounds);
    return 0;
}
