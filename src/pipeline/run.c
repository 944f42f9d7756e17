#include "pipeline/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "pipeline/home.h"
#include "pipeline/run_internal.h"
#include "pipeline/stacks.h"

static const struct {
    const char *name;
    ut_stage first, last;
    bool report;
} kinds[] = {
    [UT_RUN_TRANSCRIBE] = {"transcribe", UT_STAGE_TRANSCRIBE, UT_STAGE_TRANSCRIBE, false},
    [UT_RUN_EXTRACT] = {"extract", UT_STAGE_EXTRACT, UT_STAGE_EXTRACT, false},
    [UT_RUN_ANALYZE] = {"analyze", UT_STAGE_ANALYZE, UT_STAGE_ANALYZE, true},
    [UT_RUN_ALL] = {"run", UT_STAGE_TRANSCRIBE, UT_STAGE_ANALYZE, true},
};

/* --- engines ---------------------------------------------------------------------------------- */

static ut_status open_engine(ut_running *run, unsigned parts, ut_error *err)
{
    size_t at = run->engine_count;
    UT_TRY(ut_engine_open_parts(&run->settings->options, parts, &run->engines[at], err));
    run->parts[at] = parts;
    run->engine_count++;
    if (run->observer->opened)
        run->observer->opened(run->observer->context, run->engines[at]);
    return UT_OK;
}

ut_status ut_run_engine(ut_running *run, ut_stage stage, const ut_engine **engine, ut_error *err)
{
    pthread_mutex_lock(&run->lock);
    ut_status status = run->fatal;
    unsigned missing = 0;
    for (int s = stage; s <= (int)run->last; s++)
        missing |= ut_stage_parts((ut_stage)s);
    for (size_t i = 0; i < run->engine_count; i++)
        missing &= ~run->parts[i];
    if (status != UT_OK) {
        *err = run->failure;
    } else if (missing & ut_stage_parts(stage)) {
        status = open_engine(run, missing, err);
        if (status != UT_OK) {
            run->fatal = status;
            run->failure = *err;
        }
    }
    for (size_t i = 0; i < run->engine_count; i++)
        if (run->parts[i] & ut_stage_parts(stage))
            *engine = run->engines[i];
    pthread_mutex_unlock(&run->lock);
    return status;
}

static void close_engines(ut_running *run)
{
    for (size_t i = 0; i < run->engine_count; i++) {
        if (run->observer->closing)
            run->observer->closing(run->observer->context, run->engines[i]);
        ut_engine_close(run->engines[i]);
    }
}

/* --- files ------------------------------------------------------------------------------------ */

static void one(void *context, size_t index, int worker)
{
    ut_running *run = context;
    const ut_input *input = &run->inputs->items[index];
    ut_conversation *c = NULL;
    bool unchanged = false;
    ut_error err = {0};
    double began = ut_clock_wall();
    ut_status status = ut_run_file(run, input, &c, &unchanged, &err);
    if (status != UT_OK)
        atomic_fetch_add(&run->failed, 1);
    else if (unchanged)
        atomic_fetch_add(&run->unchanged, 1);
    /* What fails the whole run is said once, by it. */
    if (status == UT_OK || !run->fatal)
        run->observer->finished(run->observer->context, input, c, ut_clock_wall() - began,
                                unchanged, status == UT_OK ? NULL : &err);
    ut_conversation_destroy(c);
    (void)worker;
}

/* --- the run ---------------------------------------------------------------------------------- */

static int stage_named(const char *name)
{
    int s = 0;
    while (strcmp(ut_stage_name((ut_stage)s), name) != 0)
        s++;
    return s;
}

static void set_bounds(ut_running *run)
{
    const ut_settings *s = run->settings;
    run->first = kinds[run->kind].first;
    run->last = kinds[run->kind].last;
    run->report = kinds[run->kind].report;
    run->reuse_before = s->no_cache ? 0 : UT_STAGES;
    if (s->from && run->reuse_before > stage_named(s->from))
        run->reuse_before = stage_named(s->from);
    /* A knowledge base and a language model may answer differently today. */
    if ((s->options.store || s->options.llm) && run->reuse_before > UT_STAGE_ANALYZE)
        run->reuse_before = UT_STAGE_ANALYZE;
    if (s->only) {
        run->compute_from = stage_named(s->only);
        run->last = (ut_stage)run->compute_from;
        run->report = run->last == UT_STAGE_ANALYZE;
    }
}

static void log_line(void *context, ut_log_level level, const char *line)
{
    ut_records_log(context, level, line);
}

static ut_status open_records(ut_running *run, ut_stack *stack, ut_error *err)
{
    char *home;
    UT_TRY(ut_home_find(run->settings->output_dir, run->settings->shard, &home, err));
    ut_status status = ut_records_open(home, &run->records, err);
    if (status == UT_OK)
        status = ut_stack_use(run->records, stack, err);
    free(home);
    return status;
}

static ut_status begin_record(ut_running *run, const ut_stack *stack, char id[UT_RUN_ID],
                              ut_error *err)
{
    char *parameters = ut_cache_parameters(run->settings);
    char *environment = ut_cache_environment();
    char *output = realpath(run->settings->output_dir, NULL);
    ut_run_record record = {.pipeline = kinds[run->kind].name,
                            .stack = stack->name,
                            .shard = run->settings->shard,
                            .output_dir = output ? output : run->settings->output_dir,
                            .parameters = parameters,
                            .environment = environment,
                            .models = run->plan.models,
                            .files = run->inputs->count};
    ut_status status = ut_records_begin_run(run->records, &record, id, err);
    free(parameters);
    free(environment);
    free(output);
    return status;
}

static ut_status work(ut_running *run, ut_error *err)
{
    const ut_engine *engine;
    /* With these the analysis surely runs, and what is wrong with them is told before the work. */
    if ((run->settings->options.store || run->settings->options.llm) &&
        run->last == UT_STAGE_ANALYZE)
        UT_TRY(ut_run_engine(run, UT_STAGE_ANALYZE, &engine, err));
    ut_parallel(run->settings->jobs, run->inputs->count, one, run);
    if (run->fatal)
        *err = run->failure;
    return run->fatal;
}

static ut_status recorded_work(ut_running *run, const ut_stack *stack, ut_run_outcome *outcome,
                               ut_error *err)
{
    UT_TRY(begin_record(run, stack, outcome->id, err));
    ut_log_set_sink(log_line, run->records);
    ut_status status = work(run, err);
    if (status != UT_OK)
        ut_records_log(run->records, UT_LOG_ERROR, err->message);
    const char *ended = run->cancelled && *run->cancelled ? "cancelled"
                        : status != UT_OK || run->failed  ? "failed"
                                                          : "completed";
    ut_status recorded =
        ut_records_end_run(run->records, ended, run->failed, status == UT_OK ? err : NULL);
    ut_log_set_sink(NULL, NULL);
    return status == UT_OK ? recorded : status;
}

ut_status ut_run(const ut_settings *settings, ut_run_kind kind, const ut_inputs *inputs,
                 const ut_run_observer *observer, atomic_bool *cancelled, ut_run_outcome *outcome,
                 ut_error *err)
{
    ut_running run = {.settings = settings,
                      .kind = kind,
                      .inputs = inputs,
                      .observer = observer,
                      .cancelled = cancelled};
    ut_stack stack = {0};
    *outcome = (ut_run_outcome){0};
    pthread_mutex_init(&run.lock, NULL);
    set_bounds(&run);
    ut_status status = open_records(&run, &stack, err);
    if (status == UT_OK)
        status = ut_cache_plan_make(run.records, settings, run.first,
                                    run.report ? UT_STAGE_REPORT : run.last, &run.plan, err);
    if (status == UT_OK && observer->planned)
        observer->planned(observer->context, run.plan.choice);
    if (status == UT_OK)
        status = recorded_work(&run, &stack, outcome, err);
    close_engines(&run);
    ut_cache_plan_free(&run.plan);
    ut_records_close(run.records);
    ut_stack_free(&stack);
    pthread_mutex_destroy(&run.lock);
    outcome->failed = run.failed;
    outcome->unchanged = run.unchanged;
    return status;
}

ut_status ut_run_note_scores(const ut_settings *settings, const char *id, const char *scores,
                             ut_error *err)
{
    char *home;
    char *text = NULL;
    ut_records *records = NULL;
    UT_TRY(ut_home_find(settings->output_dir, settings->shard, &home, err));
    ut_status status = ut_records_open(home, &records, err);
    if (status == UT_OK)
        status = ut_file_read(scores, UT_LIMIT_JSON_BYTES, &text, NULL, err);
    if (status == UT_OK)
        status = ut_records_set_metrics(records, id, text, err);
    ut_records_close(records);
    free(text);
    free(home);
    return status;
}
