/* A pool that runs the indices 0 .. count-1 of a task over threads.
 *
 * Work is handed out one index at a time, so results must not depend on which thread runs what. The
 * calling thread works too; with one thread nothing is started. */
#ifndef UT_BASE_THREAD_H
#define UT_BASE_THREAD_H

#include <stddef.h>

/* `worker` is 0 .. threads-1, for scratch memory per thread. */
typedef void (*ut_task)(void *context, size_t index, int worker);

/* Returns when all indices ran. `threads` below 1 means the number of processors online. */
void ut_parallel(int threads, size_t count, ut_task task, void *context);

/* Processors online, at least 1. */
int ut_thread_count(void);

#endif
