#include "serve/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "serve/limits.h"
#include "serve/places.h"

struct ut_job {
    ut_jobs *jobs;
    ut_job *next, *before; /* of all */
    ut_job *behind;        /* in the queue */
    int references;
    bool listed; /* in the list of all */
    char owner[UT_CALLER], caller[UT_CALLER];
    size_t rank; /* among what its caller has, newest first; in ut_jobs_expire() */
    ut_job_work work;
    bool destroyed; /* the work */
    ut_job_view view;
    double reported; /* the progress that waiters know of */
    bool cancelled;
    FILE *result;
    uint64_t length;
    ut_waiter *waiters;
    size_t waiter_count, waiter_room;
    int *corrected; /* [corrected_count], or NULL before the first */
    size_t corrected_count;
};

struct ut_jobs {
    pthread_mutex_t lock; /* over everything, jobs included */
    pthread_cond_t changed;
    ut_jobs_options options;
    char *folder;
    ut_job *all, *first, *last; /* first and last of the queue */
    ut_places *places;          /* of what is being uploaded, queued, running */
    int queued, running;
    bool closed, stopping;
    uint64_t ended[3];
    double seconds, cpu_seconds;
    pthread_t *threads;
    int thread_count;
};

static const char *const names[] = {"queued", "running", "done", "failed", "cancelled"};

const char *ut_job_state_name(ut_job_state state)
{
    return names[state];
}

bool ut_job_state_is_final(ut_job_state state)
{
    return state >= UT_JOB_DONE;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- one job; the lock is held ---------------------------------------------------------------- */

static void wake(ut_job *job)
{
    for (size_t i = 0; i < job->waiter_count; i++)
        job->waiters[i].wake(job->waiters[i].context);
    job->waiter_count = 0;
}

static void changed(ut_job *job)
{
    job->view.version++;
    wake(job);
}

static void unlist(ut_job *job)
{
    if (!job->listed)
        return;
    job->listed = false;
    if (job->before)
        job->before->next = job->next;
    else
        job->jobs->all = job->next;
    if (job->next)
        job->next->before = job->before;
    job->references--;
}

/* The list and the worker hold references, too. */
static void free_unheld(ut_job *job)
{
    if (job->references)
        return;
    if (job->result)
        fclose(job->result);
    free(job->waiters);
    free(job->corrected);
    free(job);
}

static void destroy_work(ut_job *job)
{
    if (!job->destroyed)
        job->work.destroy(job->work.work);
    job->destroyed = true;
}

static void end(ut_job *job, ut_job_state state)
{
    ut_jobs *jobs = job->jobs;
    job->view.state = state;
    job->view.ended = now();
    job->view.expires = job->work.kept ? job->view.ended + jobs->options.keep : 0;
    jobs->ended[state - UT_JOB_DONE]++;
    if (state == UT_JOB_DONE) {
        job->view.progress = 1;
        jobs->seconds += job->view.ended - job->view.started;
    } else if (job->result) {
        fclose(job->result);
        job->result = NULL;
    }
    ut_places_leave(jobs->places, job->work.place);
    changed(job);
    pthread_cond_broadcast(&jobs->changed);
}

/* Takes it out of the queue; those behind it move up. */
static void leave_queue(ut_job *job)
{
    ut_jobs *jobs = job->jobs;
    ut_job **at = &jobs->first;
    ut_job *before = NULL;
    while (*at != job) {
        before = *at;
        at = &(*at)->behind;
    }
    *at = job->behind;
    if (jobs->last == job)
        jobs->last = before;
    jobs->queued--;
    for (ut_job *j = job->behind; j; j = j->behind) {
        j->view.position--;
        changed(j);
    }
    job->behind = NULL;
    job->view.position = 0;
}

static void cancel(ut_job *job)
{
    if (ut_job_state_is_final(job->view.state) || job->cancelled)
        return;
    job->cancelled = true;
    if (job->view.state == UT_JOB_RUNNING) {
        job->work.cancel(job->work.work);
        return;
    }
    leave_queue(job);
    destroy_work(job);
    end(job, UT_JOB_CANCELLED);
    job->references--; /* the queue's */
}

/* --- workers ---------------------------------------------------------------------------------- */

static ut_status run(ut_job *job, ut_error *err)
{
    UT_TRY(ut_file_scratch(job->jobs->folder, &job->result, err));
    UT_TRY(job->work.run(job->work.work, job, job->result, err));
    long length = fflush(job->result) == 0 ? ftell(job->result) : -1;
    if (length < 0)
        return ut_fail_errno(err, UT_ERR_IO, "jobs", "cannot keep a result in %s",
                             job->jobs->folder);
    job->length = (uint64_t)length;
    return UT_OK;
}

static void work_on(ut_jobs *jobs, ut_job *job)
{
    ut_error err = {0};
    leave_queue(job);
    jobs->running++;
    job->view.state = UT_JOB_RUNNING;
    job->view.started = now();
    changed(job);
    pthread_mutex_unlock(&jobs->lock);
    double began = ut_clock_thread_cpu();
    ut_status status = run(job, &err);
    double cpu = ut_clock_thread_cpu() - began;
    pthread_mutex_lock(&jobs->lock);
    jobs->cpu_seconds += status == UT_OK ? cpu : 0;
    jobs->running--;
    destroy_work(job);
    if (status != UT_OK)
        job->view.error = err;
    end(job, job->cancelled ? UT_JOB_CANCELLED : status == UT_OK ? UT_JOB_DONE : UT_JOB_FAILED);
    job->references--;
    free_unheld(job);
}

static void *worker(void *context)
{
    ut_jobs *jobs = context;
    pthread_mutex_lock(&jobs->lock);
    for (;;) {
        if (jobs->first)
            work_on(jobs, jobs->first);
        else if (jobs->stopping)
            break;
        else
            pthread_cond_wait(&jobs->changed, &jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

ut_status ut_jobs_create(const ut_jobs_options *options, ut_jobs **jobs, ut_error *err)
{
    ut_jobs *j = calloc(1, sizeof *j);
    if (!j)
        return ut_fail_memory(err, "jobs");
    j->options = *options;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->changed, NULL);
    j->folder = strdup(options->folder);
    j->threads = calloc((size_t)options->workers, sizeof *j->threads);
    j->places = ut_places_create(options->workers + options->queue);
    ut_status status = j->folder && j->threads && j->places ? UT_OK : ut_fail_memory(err, "jobs");
    while (status == UT_OK && j->thread_count < options->workers) {
        if (pthread_create(&j->threads[j->thread_count], NULL, worker, j) != 0)
            status = ut_fail(err, UT_ERR_IO, "jobs", "cannot start %d workers; lower --workers",
                             options->workers);
        else
            j->thread_count++;
    }
    if (status != UT_OK) {
        ut_jobs_destroy(j);
        return status;
    }
    *jobs = j;
    return UT_OK;
}

void ut_jobs_close(ut_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->closed = true;
    for (ut_job *job = jobs->all; job; job = job->next)
        cancel(job);
    while (jobs->queued || jobs->running)
        pthread_cond_wait(&jobs->changed, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
}

void ut_jobs_destroy(ut_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
    for (int i = 0; i < jobs->thread_count; i++)
        pthread_join(jobs->threads[i], NULL);
    for (ut_job *job = jobs->all, *next; job; job = next) {
        next = job->next;
        unlist(job);
        free_unheld(job);
    }
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->lock);
    ut_places_destroy(jobs->places);
    free(jobs->threads);
    free(jobs->folder);
    free(jobs);
}

/* --- places ----------------------------------------------------------------------------------- */

int ut_jobs_admit(ut_jobs *jobs, const char *caller)
{
    return ut_places_take(jobs->places, caller);
}

void ut_jobs_leave(ut_jobs *jobs, int place)
{
    ut_places_leave(jobs->places, place);
}

int ut_jobs_wait(ut_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    double each = jobs->ended[0] ? jobs->seconds / (double)jobs->ended[0] : 10;
    pthread_mutex_unlock(&jobs->lock);
    return (int)fmin(fmax(ceil(each / jobs->options.workers), 1), 600);
}

static void enqueue(ut_jobs *jobs, ut_job *job)
{
    job->next = jobs->all;
    if (jobs->all)
        jobs->all->before = job;
    jobs->all = job;
    job->listed = true;
    if (jobs->last)
        jobs->last->behind = job;
    else
        jobs->first = job;
    jobs->last = job;
    job->view.position = ++jobs->queued;
    pthread_cond_broadcast(&jobs->changed);
}

ut_status ut_jobs_submit(ut_jobs *jobs, const ut_job_work *work, ut_job **job, ut_error *err)
{
    unsigned char random[(UT_JOB_ID - 1) / 2];
    ut_job *j = calloc(1, sizeof *j);
    if (!j) {
        ut_jobs_leave(jobs, work->place);
        work->destroy(work->work);
        return ut_fail_memory(err, "jobs");
    }
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(j->view.id, sizeof j->view.id, random, sizeof random);
    j->jobs = jobs;
    j->work = *work;
    j->references = 3; /* the list's, the queue's, the caller's */
    j->view.created = now();
    snprintf(j->owner, sizeof j->owner, "%s", work->owner);
    snprintf(j->caller, sizeof j->caller, "%s", work->caller);
    snprintf(j->view.file, sizeof j->view.file, "%s", work->file);
    pthread_mutex_lock(&jobs->lock);
    bool closed = jobs->closed;
    if (!closed)
        enqueue(jobs, j);
    pthread_mutex_unlock(&jobs->lock);
    if (closed) {
        free(j);
        ut_jobs_leave(jobs, work->place);
        work->destroy(work->work);
        return ut_fail(err, UT_ERR_CANCELLED, "jobs", "the service is being stopped");
    }
    *job = j;
    return UT_OK;
}

ut_job *ut_jobs_find(ut_jobs *jobs, const char *id, const char *owner)
{
    pthread_mutex_lock(&jobs->lock);
    ut_job *job = jobs->all;
    while (job &&
           !(job->work.kept && strcmp(job->view.id, id) == 0 && strcmp(job->owner, owner) == 0))
        job = job->next;
    if (job)
        job->references++;
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

/* --- looking ---------------------------------------------------------------------------------- */

void ut_job_release(ut_job *job)
{
    if (!job)
        return;
    ut_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    job->references--;
    if (!job->work.kept && ut_job_state_is_final(job->view.state))
        unlist(job);
    free_unheld(job);
    pthread_mutex_unlock(&jobs->lock);
}

void ut_job_cancel(ut_job *job)
{
    pthread_mutex_lock(&job->jobs->lock);
    cancel(job);
    pthread_mutex_unlock(&job->jobs->lock);
}

void ut_job_forget(ut_job *job)
{
    pthread_mutex_lock(&job->jobs->lock);
    cancel(job);
    unlist(job);
    pthread_mutex_unlock(&job->jobs->lock);
}

void ut_job_look(ut_job *job, ut_job_view *view)
{
    pthread_mutex_lock(&job->jobs->lock);
    *view = job->view;
    pthread_mutex_unlock(&job->jobs->lock);
}

bool ut_job_wait(ut_job *job, uint64_t version, const ut_waiter *waiter)
{
    pthread_mutex_lock(&job->jobs->lock);
    bool sleeps =
        job->view.version == version && !ut_job_state_is_final(job->view.state) &&
        ut_grow(&job->waiters, &job->waiter_room, job->waiter_count + 1, sizeof *job->waiters);
    if (sleeps) {
        waiter->sleep(waiter->context);
        job->waiters[job->waiter_count++] = *waiter;
    }
    pthread_mutex_unlock(&job->jobs->lock);
    return sleeps;
}

void ut_jobs_stir(ut_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    for (ut_job *job = jobs->all; job; job = job->next)
        wake(job);
    pthread_mutex_unlock(&jobs->lock);
}

static void drop(ut_job *job)
{
    unlist(job);
    free_unheld(job);
}

static int by_caller(const void *a, const void *b)
{
    const ut_job *x = *(ut_job *const *)a;
    const ut_job *y = *(ut_job *const *)b;
    int order = strcmp(x->caller, y->caller);
    return order ? order : (x->view.ended < y->view.ended) - (x->view.ended > y->view.ended);
}

static int by_rank(const void *a, const void *b)
{
    const ut_job *x = *(ut_job *const *)a;
    const ut_job *y = *(ut_job *const *)b;
    return (x->rank < y->rank) - (x->rank > y->rank);
}

/* A caller's many jobs push out its own, not another's few. */
static void drop_excess(ut_job **kept, size_t count)
{
    if (count <= UT_JOBS_KEPT)
        return;
    qsort(kept, count, sizeof(ut_job *), by_caller);
    for (size_t i = 0; i < count; i++) {
        bool same = i && strcmp(kept[i]->caller, kept[i - 1]->caller) == 0;
        kept[i]->rank = same ? kept[i - 1]->rank + 1 : 0;
    }
    qsort(kept, count, sizeof(ut_job *), by_rank);
    for (size_t i = 0; i < count - UT_JOBS_KEPT; i++)
        drop(kept[i]);
}

void ut_jobs_expire(ut_jobs *jobs)
{
    double time = now();
    ut_job **kept = NULL;
    size_t count = 0;
    size_t room = 0;
    pthread_mutex_lock(&jobs->lock);
    for (ut_job *job = jobs->all, *next; job; job = next) {
        next = job->next;
        if (!ut_job_state_is_final(job->view.state))
            continue;
        if (time < job->view.expires && ut_grow(&kept, &room, count + 1, sizeof(ut_job *)))
            kept[count++] = job;
        else
            drop(job);
    }
    drop_excess(kept, count);
    pthread_mutex_unlock(&jobs->lock);
    free(kept);
}

void ut_job_progress(ut_job *job, const char *stage, double progress)
{
    pthread_mutex_lock(&job->jobs->lock);
    ut_job_view *v = &job->view;
    bool other = strcmp(v->stage, stage) != 0;
    snprintf(v->stage, sizeof v->stage, "%s", stage);
    v->progress = fmax(v->progress, fmin(progress, 1));
    if (other || v->progress >= job->reported + 0.01) {
        job->reported = v->progress;
        changed(job);
    }
    pthread_mutex_unlock(&job->jobs->lock);
}

void ut_job_part(ut_job *job, size_t from, size_t length)
{
    pthread_mutex_lock(&job->jobs->lock);
    job->view.part_from = from;
    job->view.part_length = length;
    pthread_mutex_unlock(&job->jobs->lock);
}

ut_status ut_job_correct(ut_job *job, const int *labels, size_t count, ut_error *err)
{
    pthread_mutex_lock(&job->jobs->lock);
    int *kept = job->corrected ? job->corrected : malloc((count + 1) * sizeof *kept);
    if (kept && !job->corrected) {
        memset(kept, -1, count * sizeof *kept);
        job->corrected_count = count;
    }
    job->corrected = kept;
    for (size_t i = 0; kept && i < job->corrected_count && i < count; i++)
        if (labels[i] >= 0)
            kept[i] = labels[i];
    pthread_mutex_unlock(&job->jobs->lock);
    return kept ? UT_OK : ut_fail_memory(err, "jobs");
}

size_t ut_job_corrected(ut_job *job, int *labels, size_t most)
{
    pthread_mutex_lock(&job->jobs->lock);
    size_t count = job->corrected_count;
    for (size_t i = 0; i < count && i < most; i++)
        labels[i] = job->corrected[i];
    pthread_mutex_unlock(&job->jobs->lock);
    return count;
}

/* Opened anew rather than copied, so that it has a position of its own. */
int ut_job_result(ut_job *job, ut_job_view *view, uint64_t *length)
{
    int fd = -1;
    pthread_mutex_lock(&job->jobs->lock);
    *view = job->view;
    if (job->view.state == UT_JOB_DONE && job->result) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(job->result));
        fd = open(path, O_RDONLY | O_CLOEXEC);
        *length = job->length;
    }
    pthread_mutex_unlock(&job->jobs->lock);
    return fd;
}

ut_jobs_stats ut_jobs_count(ut_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    ut_jobs_stats stats = {.queued = jobs->queued,
                           .running = jobs->running,
                           .places = ut_places_taken(jobs->places),
                           .seconds = jobs->seconds,
                           .cpu_seconds = jobs->cpu_seconds,
                           .ended = {jobs->ended[0], jobs->ended[1], jobs->ended[2]}};
    for (const ut_job *job = jobs->all; job; job = job->next)
        stats.kept += job->work.kept && job->view.state == UT_JOB_DONE;
    pthread_mutex_unlock(&jobs->lock);
    return stats;
}
