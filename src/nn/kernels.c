#include "nn/kernels.h"

#include <pthread.h>

static const ut_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    chosen = &ut_kernels_ref;
}

const ut_kernels *ut_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}
