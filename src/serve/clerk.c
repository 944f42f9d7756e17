#include <pthread.h>
#include <stdlib.h>

#include "serve/internal.h"

struct ut_clerk {
    pthread_mutex_t lock;
    pthread_cond_t came;
    pthread_t thread;
    ut_call *calls[UT_CLERK_CALLS];
    size_t first, count;
    bool stopping, stopped;
};

static void *work(void *context)
{
    ut_clerk *clerk = context;
    pthread_mutex_lock(&clerk->lock);
    while (clerk->count || !clerk->stopping) {
        if (!clerk->count) {
            pthread_cond_wait(&clerk->came, &clerk->lock);
            continue;
        }
        ut_call *call = clerk->calls[clerk->first];
        clerk->first = (clerk->first + 1) % UT_CLERK_CALLS;
        clerk->count--;
        pthread_mutex_unlock(&clerk->lock);
        call->route->answer(call);
        MHD_resume_connection(call->connection);
        pthread_mutex_lock(&clerk->lock);
    }
    pthread_mutex_unlock(&clerk->lock);
    return NULL;
}

ut_clerk *ut_clerk_create(void)
{
    ut_clerk *clerk = calloc(1, sizeof *clerk);
    if (!clerk)
        return NULL;
    pthread_mutex_init(&clerk->lock, NULL);
    pthread_cond_init(&clerk->came, NULL);
    if (pthread_create(&clerk->thread, NULL, work, clerk) == 0)
        return clerk;
    free(clerk);
    return NULL;
}

void ut_clerk_stop(ut_clerk *clerk)
{
    pthread_mutex_lock(&clerk->lock);
    clerk->stopping = true;
    pthread_cond_signal(&clerk->came);
    pthread_mutex_unlock(&clerk->lock);
    if (!clerk->stopped)
        pthread_join(clerk->thread, NULL);
    clerk->stopped = true;
}

void ut_clerk_destroy(ut_clerk *clerk)
{
    if (!clerk)
        return;
    ut_clerk_stop(clerk);
    pthread_cond_destroy(&clerk->came);
    pthread_mutex_destroy(&clerk->lock);
    free(clerk);
}

bool ut_clerk_take(ut_clerk *clerk, ut_call *call)
{
    pthread_mutex_lock(&clerk->lock);
    bool taken = !clerk->stopping;
    if (taken) {
        MHD_suspend_connection(call->connection);
        clerk->calls[(clerk->first + clerk->count++) % UT_CLERK_CALLS] = call;
        pthread_cond_signal(&clerk->came);
    }
    pthread_mutex_unlock(&clerk->lock);
    return taken;
}
