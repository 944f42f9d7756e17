/* The work of the service: a bounded queue, a fixed number of workers, results that are kept for a
 * set time in files without a name.
 *
 * A job belongs to the caller who made it: to everybody else it is not there. References are
 * counted; any thread may use a job that it holds. */
#ifndef UT_SERVE_JOBS_H
#define UT_SERVE_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "undertone_status.h"

typedef struct ut_jobs ut_jobs;
typedef struct ut_job ut_job;

typedef enum ut_job_state {
    UT_JOB_QUEUED,
    UT_JOB_RUNNING,
    UT_JOB_DONE,
    UT_JOB_FAILED,
    UT_JOB_CANCELLED
} ut_job_state;
const char *ut_job_state_name(ut_job_state state);
bool ut_job_state_is_final(ut_job_state state);

/* Bytes of an id, a stage and a file's name; jobs kept at once after their end, of which those that
 * are done are an open file. */
enum { UT_JOB_ID = 33, UT_JOB_STAGE = 16, UT_JOB_FILE = 256, UT_JOBS_KEPT = 1000 };

/* What a job does; `work` is its own. */
typedef struct ut_job_work {
    /* In a worker: does it and writes the answer. */
    ut_status (*run)(void *work, ut_job *job, FILE *result, ut_error *err);
    /* Any thread, while it runs or before: makes run() return UT_ERR_CANCELLED soon. Called with
     * locks held: must not wait. */
    void (*cancel)(void *work);
    /* Once, as soon as it ended, however it did. */
    void (*destroy)(void *work);
    void *work;
    const char *owner;  /* "" where there are no keys */
    const char *caller; /* who has the place, and a share of what is kept */
    const char *file;   /* what the recording is called, for the person */
    int place;          /* of ut_jobs_admit() */
    bool kept; /* can be found by its id, with its result; else it lives as long as its reference */
} ut_job_work;

typedef struct ut_jobs_options {
    int workers;
    int queue;          /* that may wait beside those at work */
    double keep;        /* seconds that a result is kept */
    const char *folder; /* for the results */
} ut_jobs_options;

UT_MUST_CHECK ut_status ut_jobs_create(const ut_jobs_options *options, ut_jobs **jobs,
                                       ut_error *err);
/* Takes nothing more, cancels what there is, and waits until nothing runs. */
void ut_jobs_close(ut_jobs *jobs);
/* Ends the workers. Every reference must be given back before. NULL is fine. */
void ut_jobs_destroy(ut_jobs *jobs);

/* A place for a caller's request, before its body is read: -1 where there is none for it
 * (places.h). A place becomes a job's or is given back. */
int ut_jobs_admit(ut_jobs *jobs, const char *caller);
void ut_jobs_leave(ut_jobs *jobs, int place); /* -1 is fine */
/* Seconds after which there may be a place, by how long jobs took so far. */
int ut_jobs_wait(ut_jobs *jobs);

/* Takes over the place and, in every case, `work`. *job is a reference. UT_ERR_CANCELLED after
 * ut_jobs_close(). */
UT_MUST_CHECK ut_status ut_jobs_submit(ut_jobs *jobs, const ut_job_work *work, ut_job **job,
                                       ut_error *err);
/* A reference, or NULL where the owner has no such job. */
ut_job *ut_jobs_find(ut_jobs *jobs, const char *id, const char *owner);
void ut_job_release(ut_job *job); /* NULL is fine */

/* Cancels it if it is not over. */
void ut_job_cancel(ut_job *job);
/* Cancels it, and nobody finds it any more. */
void ut_job_forget(ut_job *job);

/* What is known of a job now. Times are seconds since 1970, 0 where not yet. */
typedef struct ut_job_view {
    char id[UT_JOB_ID];
    char file[UT_JOB_FILE];
    ut_job_state state;
    int position; /* from 1 while queued */
    char stage[UT_JOB_STAGE];
    double progress;
    double created, started, ended, expires;
    uint64_t version; /* grows with every change */
    ut_error error;   /* of a failed one */
    size_t part_from, part_length;
} ut_job_view;
void ut_job_look(ut_job *job, ut_job_view *view);

/* Somebody who sleeps until a job changes. */
typedef struct ut_waiter {
    void (*sleep)(void *context); /* called before anything can wake it */
    void (*wake)(void *context);  /* once */
    void *context;
} ut_waiter;
/* Sleeps unless the job has changed since `version`, or is over: false then. Also woken now and
 * then without a change (ut_jobs_stir()). */
bool ut_job_wait(ut_job *job, uint64_t version, const ut_waiter *waiter);
/* Wakes everybody. */
void ut_jobs_stir(ut_jobs *jobs);
/* Forgets jobs whose time is over, and beyond UT_JOBS_KEPT the oldest of who has most. */
void ut_jobs_expire(ut_jobs *jobs);

/* For run(): how far it is, and where in the answer the document stands. */
void ut_job_progress(ut_job *job, const char *stage, double progress);
void ut_job_part(ut_job *job, size_t from, size_t length);

/* What a person said of its utterances, a ut_emotion_label each, -1 where nothing: what is told
 * here stands over what was told before. */
UT_MUST_CHECK ut_status ut_job_correct(ut_job *job, const int *labels, size_t count, ut_error *err);
/* The same back; how many there are to hear, of which at most `most` come. */
size_t ut_job_corrected(ut_job *job, int *labels, size_t most);

/* The job as it is at one moment, and its answer if it is done then: a descriptor of its own, to be
 * closed, at the beginning of the file; -1 where there is none. */
int ut_job_result(ut_job *job, ut_job_view *view, uint64_t *length);

typedef struct ut_jobs_stats {
    int queued, running, kept;
    int places;         /* taken: being uploaded, queued, running */
    uint64_t ended[3];  /* done, failed, cancelled */
    double seconds;     /* of all that are done */
    double cpu_seconds; /* of the workers, for them */
} ut_jobs_stats;
ut_jobs_stats ut_jobs_count(ut_jobs *jobs);

#endif
