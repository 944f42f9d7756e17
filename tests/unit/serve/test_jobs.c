/* The queue and its workers, over work that does nothing but wait: places, order, cancelling,
 * waiting, keeping, draining, and many threads at once. */
#include "ut_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "serve/jobs.h"

typedef struct work {
    atomic_bool go, cancelled;
    atomic_int ran, destroyed;
    ut_status end;
    const char *answer;
} work;

static void nap(void)
{
    usleep(1000);
}

static ut_status run(void *context, ut_job *job, FILE *result, ut_error *err)
{
    work *w = context;
    w->ran++;
    ut_job_progress(job, "transcribe", 0.5);
    while (!w->go && !w->cancelled)
        nap();
    if (w->cancelled)
        return ut_fail(err, UT_ERR_CANCELLED, "test", "stopped");
    if (w->end != UT_OK)
        return ut_fail(err, w->end, "test", "it went wrong");
    fputs(w->answer, result);
    ut_job_part(job, 1, 2);
    return UT_OK;
}

static void cancel(void *context)
{
    ((work *)context)->cancelled = true;
}

static void destroy(void *context)
{
    ((work *)context)->destroyed++;
}

static ut_jobs *create(int workers, int queue, double keep)
{
    ut_jobs *jobs;
    const ut_jobs_options options = {workers, queue, keep, "/tmp"};
    assert_int_equal(ut_jobs_create(&options, &jobs, NULL), UT_OK);
    return jobs;
}

static ut_job *submit(ut_jobs *jobs, work *w, const char *owner, bool kept)
{
    ut_job *job;
    const ut_job_work spec = {.run = run,
                              .cancel = cancel,
                              .destroy = destroy,
                              .work = w,
                              .owner = owner,
                              .caller = owner,
                              .file = "call.wav",
                              .place = ut_jobs_admit(jobs, owner),
                              .kept = kept};
    assert_true(spec.place >= 0);
    assert_int_equal(ut_jobs_submit(jobs, &spec, &job, NULL), UT_OK);
    return job;
}

static ut_job_view look(ut_job *job)
{
    ut_job_view view;
    ut_job_look(job, &view);
    return view;
}

static void until_state(ut_job *job, ut_job_state state)
{
    for (int i = 0; i < 10000 && look(job).state != state; i++)
        nap();
    assert_int_equal(look(job).state, state);
}

static void a_job_runs_and_its_answer_is_kept(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 1, 100);
    work w = {.answer = "abcdef"};
    ut_job *job = submit(jobs, &w, "ann", true);
    until_state(job, UT_JOB_RUNNING);
    uint64_t length;
    ut_job_view view;
    assert_int_equal(ut_job_result(job, &view, &length), -1);
    assert_int_equal(view.state, UT_JOB_RUNNING);
    w.go = true;
    until_state(job, UT_JOB_DONE);
    view = look(job);
    assert_near(view.progress, 1, 0);
    assert_string_equal(view.stage, "transcribe");
    assert_string_equal(view.file, "call.wav");
    assert_int_equal(strlen(view.id), 32);
    assert_true(view.created <= view.started && view.started <= view.ended);
    assert_near(view.expires, view.ended + 100, 1e-6);
    assert_int_equal(view.part_from, 1);
    assert_int_equal(w.destroyed, 1);
    for (int i = 0; i < 2; i++) { /* each has its own place in it */
        char text[16] = "";
        int fd = ut_job_result(job, &view, &length);
        assert_int_equal(length, 6);
        assert_int_equal(read(fd, text, sizeof text), 6);
        assert_string_equal(text, "abcdef");
        close(fd);
    }
    ut_job *found = ut_jobs_find(jobs, view.id, "ann");
    assert_ptr_equal(found, job);
    ut_job_release(found);
    assert_null(ut_jobs_find(jobs, view.id, "bob"));
    assert_null(ut_jobs_find(jobs, view.id, ""));
    ut_job_forget(job);
    assert_null(ut_jobs_find(jobs, view.id, "ann"));
    ut_job_release(job);
    ut_jobs_destroy(jobs);
}

/* Who asks at the very moment at which it ends hears either that it is not over, or all of it. */
static void an_answer_is_there_when_its_job_is_done(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 1, 100);
    for (int i = 0; i < 300; i++) {
        work w = {.answer = "abcdef"};
        ut_job *job = submit(jobs, &w, "ann", true);
        ut_job_view view;
        uint64_t length;
        int fd;
        until_state(job, UT_JOB_RUNNING);
        w.go = true;
        while ((fd = ut_job_result(job, &view, &length)) < 0)
            assert_int_equal(view.state, UT_JOB_RUNNING);
        assert_int_equal(view.state, UT_JOB_DONE);
        assert_int_equal(view.part_length, 2);
        assert_int_equal(length, 6);
        close(fd);
        ut_job_forget(job);
        ut_job_release(job);
    }
    ut_jobs_destroy(jobs);
}

static void places_are_bounded_and_given_back(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 2, 100);
    int places[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(places[i] = ut_jobs_admit(jobs, "ann"), i);
    assert_int_equal(ut_jobs_admit(jobs, "bob"), -1);
    ut_jobs_leave(jobs, places[1]);
    ut_jobs_leave(jobs, -1);
    assert_int_equal(ut_jobs_admit(jobs, "bob"), places[1]);
    assert_int_equal(ut_jobs_count(jobs).places, 3);
    for (int i = 0; i < 3; i++)
        ut_jobs_leave(jobs, places[i]);
    assert_in_range(ut_jobs_wait(jobs), 1, 600);
    work w = {.answer = ""};
    ut_job *job = submit(jobs, &w, "ann", false);
    assert_int_equal(ut_jobs_count(jobs).places, 1);
    w.go = true;
    until_state(job, UT_JOB_DONE);
    ut_job_release(job);
    assert_int_equal(ut_jobs_count(jobs).places, 0);
    ut_jobs_destroy(jobs);
}

static void the_queue_has_an_order(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 9, 100);
    work w[4] = {{.answer = ""}, {.answer = ""}, {.answer = ""}, {.answer = ""}};
    ut_job *job[4];
    for (int i = 0; i < 4; i++) {
        job[i] = submit(jobs, &w[i], "", true);
        until_state(job[0], UT_JOB_RUNNING);
    }
    for (int i = 1; i < 4; i++)
        assert_int_equal(look(job[i]).position, i);
    ut_job_cancel(job[1]); /* at once, without having run */
    assert_int_equal(look(job[1]).state, UT_JOB_CANCELLED);
    assert_int_equal(w[1].destroyed, 1);
    assert_int_equal(look(job[2]).position, 1);
    assert_int_equal(look(job[3]).position, 2);
    w[0].go = w[2].go = w[3].go = true;
    until_state(job[3], UT_JOB_DONE);
    assert_int_equal(w[1].ran, 0);
    assert_true(look(job[2]).ended <= look(job[3]).started);
    for (int i = 0; i < 4; i++)
        ut_job_release(job[i]);
    ut_jobs_destroy(jobs);
}

static void failing_and_cancelling(void **state)
{
    (void)state;
    ut_jobs *jobs = create(2, 2, 100);
    work bad = {.go = true, .end = UT_ERR_FORMAT};
    work slow = {.answer = ""};
    ut_job *failed = submit(jobs, &bad, "", true);
    ut_job *stopped = submit(jobs, &slow, "", true);
    until_state(failed, UT_JOB_FAILED);
    assert_string_equal(look(failed).error.message, "it went wrong");
    until_state(stopped, UT_JOB_RUNNING);
    ut_job_cancel(stopped);
    ut_job_cancel(stopped);
    until_state(stopped, UT_JOB_CANCELLED);
    ut_job_cancel(failed); /* is over: nothing */
    assert_int_equal(look(failed).state, UT_JOB_FAILED);
    ut_jobs_stats stats = ut_jobs_count(jobs);
    assert_int_equal(stats.ended[1], 1);
    assert_int_equal(stats.ended[2], 1);
    uint64_t length;
    ut_job_view view;
    assert_int_equal(ut_job_result(stopped, &view, &length), -1);
    ut_job_release(failed);
    ut_job_release(stopped);
    ut_jobs_destroy(jobs);
}

typedef struct sleeper {
    atomic_int slept, woken;
} sleeper;

static void go_to_sleep(void *context)
{
    ((sleeper *)context)->slept++;
}

static void wake_up(void *context)
{
    ((sleeper *)context)->woken++;
}

static void who_waits_is_woken_by_changes(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 2, 100);
    work w = {.answer = ""};
    sleeper s = {0};
    const ut_waiter waiter = {go_to_sleep, wake_up, &s};
    ut_job *job = submit(jobs, &w, "", true);
    while (look(job).progress < 0.5)
        nap();
    assert_false(ut_job_wait(job, look(job).version - 1, &waiter)); /* it changed since */
    assert_true(ut_job_wait(job, look(job).version, &waiter));
    assert_int_equal(s.woken, 0);
    ut_jobs_stir(jobs);
    assert_int_equal(s.woken, 1);
    assert_true(ut_job_wait(job, look(job).version, &waiter));
    ut_job_progress(job, "transcribe", 0.501); /* less than a hundredth is no news */
    assert_int_equal(s.woken, 1);
    ut_job_progress(job, "extract", 0.501);
    assert_int_equal(s.woken, 2);
    assert_true(ut_job_wait(job, look(job).version, &waiter));
    w.go = true;
    until_state(job, UT_JOB_DONE);
    assert_int_equal(s.woken, 3);
    assert_int_equal(s.slept, 3);
    assert_false(ut_job_wait(job, look(job).version, &waiter)); /* nothing will change any more */
    ut_job_release(job);
    ut_jobs_destroy(jobs);
}

static void results_expire(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 2, 0.05);
    work w = {.answer = "", .go = true};
    ut_job *job = submit(jobs, &w, "", true);
    until_state(job, UT_JOB_DONE);
    char id[UT_JOB_ID];
    memcpy(id, look(job).id, sizeof id);
    ut_job_release(job);
    usleep(100000);
    ut_jobs_expire(jobs);
    assert_null(ut_jobs_find(jobs, id, ""));
    assert_int_equal(ut_jobs_count(jobs).kept, 0);
    ut_jobs_destroy(jobs);
}

/* A caller's many jobs push out its own oldest, not another's few. */
static void what_is_kept_is_shared(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 0, 100);
    work quick = {.answer = "", .go = true};
    work bad = {.go = true, .end = UT_ERR_FORMAT};
    char ids[UT_JOBS_KEPT + 20][UT_JOB_ID];
    for (int i = 0; i < UT_JOBS_KEPT + 20; i++) {
        ut_job *job = submit(jobs, i % 2 ? &bad : &quick, i < 10 ? "ann" : "bob", true);
        while (!ut_job_state_is_final(look(job).state))
            usleep(50);
        memcpy(ids[i], look(job).id, UT_JOB_ID);
        ut_job_release(job);
        if (i == UT_JOBS_KEPT - 1)
            ut_jobs_expire(jobs); /* as many as may be: all stay */
    }
    ut_jobs_expire(jobs);
    for (int i = 0; i < UT_JOBS_KEPT + 20; i++) {
        ut_job *job = ut_jobs_find(jobs, ids[i], i < 10 ? "ann" : "bob");
        assert_int_equal(job != NULL, i < 10 || i >= 30);
        ut_job_release(job);
    }
    ut_jobs_destroy(jobs);
}

/* One that is not kept is nowhere to be found, also while it runs. */
static void what_is_not_kept_is_not_found(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 2, 100);
    work w = {.answer = ""};
    ut_job *job = submit(jobs, &w, "", false);
    assert_null(ut_jobs_find(jobs, look(job).id, ""));
    ut_job_cancel(job);
    ut_job_release(job); /* before it is over */
    for (int i = 0; i < 10000 && !w.destroyed; i++)
        nap();
    assert_int_equal(w.destroyed, 1);
    ut_jobs_expire(jobs);
    ut_jobs_destroy(jobs);
}

/* What comes while it is being stopped would put its connection to sleep for good. */
static void closing_cancels_and_takes_no_more(void **state)
{
    (void)state;
    ut_jobs *jobs = create(1, 3, 100);
    work w[2] = {{.answer = ""}, {.answer = ""}};
    work late = {.answer = "", .go = true};
    ut_error err;
    ut_job *job[2] = {submit(jobs, &w[0], "", true), submit(jobs, &w[1], "", true)};
    until_state(job[0], UT_JOB_RUNNING);
    int place = ut_jobs_admit(jobs, "");
    ut_jobs_close(jobs);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look(job[i]).state, UT_JOB_CANCELLED);
        ut_job_release(job[i]);
    }
    const ut_job_work spec = {.run = run,
                              .cancel = cancel,
                              .destroy = destroy,
                              .work = &late,
                              .owner = "",
                              .caller = "",
                              .file = "",
                              .place = place};
    assert_int_equal(ut_jobs_count(jobs).places, 1);
    assert_int_equal(ut_jobs_submit(jobs, &spec, &job[0], &err), UT_ERR_CANCELLED);
    assert_int_equal(late.destroyed, 1);
    assert_int_equal(late.ran, 0);
    assert_int_equal(ut_jobs_count(jobs).places, 0);
    ut_jobs_destroy(jobs);
}

static void *many(void *context)
{
    ut_jobs *jobs = context;
    for (int i = 0; i < 50; i++) {
        work *w = calloc(1, sizeof *w);
        w->answer = "x";
        w->go = i % 3 != 0;
        ut_job *job = submit(jobs, w, i % 2 ? "ann" : "bob", i % 2);
        if (i % 3 == 0)
            ut_job_cancel(job);
        else if (i % 5 == 0)
            ut_job_forget(job);
        while (!ut_job_state_is_final(look(job).state))
            nap();
        ut_job_release(job);
        assert_int_equal(w->destroyed, 1);
        free(w);
    }
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    ut_jobs *jobs = create(4, 100, 0.001);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, jobs), 0);
    for (int i = 0; i < 100; i++) {
        ut_jobs_expire(jobs);
        ut_jobs_stir(jobs);
        (void)ut_jobs_count(jobs);
        nap();
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    ut_jobs_stats stats = ut_jobs_count(jobs);
    assert_int_equal(stats.ended[0] + stats.ended[1] + stats.ended[2], 300);
    assert_int_equal(stats.running + stats.queued, 0);
    ut_jobs_destroy(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_and_its_answer_is_kept),
        cmocka_unit_test(an_answer_is_there_when_its_job_is_done),
        cmocka_unit_test(places_are_bounded_and_given_back),
        cmocka_unit_test(the_queue_has_an_order),
        cmocka_unit_test(failing_and_cancelling),
        cmocka_unit_test(who_waits_is_woken_by_changes),
        cmocka_unit_test(results_expire),
        cmocka_unit_test(what_is_kept_is_shared),
        cmocka_unit_test(what_is_not_kept_is_not_found),
        cmocka_unit_test(closing_cancels_and_takes_no_more),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
