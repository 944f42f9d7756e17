#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS = 256 };

typedef struct job {
    ut_task task;
    void *context;
    size_t count;
    atomic_size_t next;
} job;

typedef struct worker {
    job *job;
    int index;
} worker;

static void *work(void *argument)
{
    worker *w = argument;
    for (size_t i; (i = atomic_fetch_add(&w->job->next, 1)) < w->job->count;)
        w->job->task(w->job->context, i, w->index);
    return NULL;
}

void ut_parallel(int threads, size_t count, ut_task task, void *context)
{
    pthread_t ids[THREADS];
    worker workers[THREADS];
    job j = {.task = task, .context = context, .count = count};
    if (threads < 1)
        threads = ut_thread_count();
    if (threads > THREADS)
        threads = THREADS;
    if ((size_t)threads > count)
        threads = count ? (int)count : 1;
    int started = 1;
    workers[0] = (worker){&j, 0};
    for (; started < threads; started++) {
        workers[started] = (worker){&j, started};
        if (pthread_create(&ids[started], NULL, work, &workers[started]) != 0)
            break; /* fewer threads do the same work */
    }
    work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(ids[i], NULL);
}

int ut_thread_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}
