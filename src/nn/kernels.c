#include "nn/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const ut_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    const char *isa = getenv("UT_ISA");
    chosen = &ut_kernels_ref;
    if (isa && strcmp(isa, "ref") == 0)
        return;
#if defined(__x86_64__)
    /* F16C is older than AVX2 and comes with it; clang 14 cannot ask for it by name. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        chosen = &ut_kernels_avx2;
#endif
}

const ut_kernels *ut_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}
