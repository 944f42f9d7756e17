#include "pipeline/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "pipeline/results.h"

typedef struct running {
    const ut_engine *engine;
    const ut_settings *settings;
    ut_run_kind kind;
    const ut_inputs *inputs;
    const ut_run_observer *observer;
    atomic_bool *cancelled;
    atomic_size_t failed;
} running;

typedef struct one_file {
    const running *run;
    const ut_input *input;
} one_file;

static void on_progress(void *context, const char *stage, double done)
{
    const one_file *file = context;
    const ut_run_observer *o = file->run->observer;
    if (o && o->progress)
        o->progress(o->context, file->input, stage, done);
}

static ut_status from_document(const running *run, const ut_step *step, const ut_input *input,
                               ut_conversation **c, char **recording, ut_error *err)
{
    UT_TRY(ut_results_read(input->path, c, err));
    ut_status status = UT_OK;
    if (run->kind == UT_RUN_EXTRACT) {
        status = ut_results_recording(*c, input->path, run->settings->audio_dir, recording, err);
        if (status == UT_OK)
            status = ut_step_extract(step, *recording, *c, err);
    } else {
        /* The report can do without the recording. */
        if (!run->settings->no_audio_in_report &&
            ut_results_recording(*c, input->path, NULL, recording, NULL) != UT_OK)
            *recording = NULL;
        status = ut_step_analyze(step, *c, err);
    }
    if (status != UT_OK) {
        ut_conversation_destroy(*c);
        *c = NULL;
    }
    return status;
}

static ut_status work(const running *run, const ut_input *input, ut_conversation **c, ut_error *err)
{
    one_file file = {run, input};
    const ut_step step = {.engine = run->engine,
                          .progress = on_progress,
                          .context = &file,
                          .cancelled = run->cancelled};
    char *recording = NULL;
    ut_status status = ut_step_check(&step, err);
    if (status != UT_OK)
        return status;
    if (!ut_is_utf8(input->file))
        return ut_fail(err, UT_ERR_FORMAT, "run",
                       "its name is not UTF-8, so it cannot stand in the results; rename the file");
    if (run->kind == UT_RUN_TRANSCRIBE)
        status = ut_step_transcribe(&step, input, c, err);
    else if (run->kind == UT_RUN_ALL)
        status = ut_steps_all(&step, input, c, err);
    else
        status = from_document(run, &step, input, c, &recording, err);
    bool from_audio = run->kind == UT_RUN_TRANSCRIBE || run->kind == UT_RUN_ALL;
    const char *source = from_audio ? input->path : recording;
    if (status == UT_OK)
        status = ut_results_write_document(*c, run->settings->output_dir, source, err);
    if (status == UT_OK && (run->kind == UT_RUN_ALL || run->kind == UT_RUN_ANALYZE))
        status = ut_results_write_exports(*c, run->settings->output_dir,
                                          run->settings->no_audio_in_report ? NULL : source, err);
    free(recording);
    return status;
}

static void one(void *context, size_t index, int worker)
{
    running *run = context;
    const ut_input *input = &run->inputs->items[index];
    ut_conversation *c = NULL;
    ut_error err = {0};
    double began = ut_clock_wall();
    ut_status status = work(run, input, &c, &err);
    if (status != UT_OK)
        atomic_fetch_add(&run->failed, 1);
    const ut_run_observer *o = run->observer;
    if (o && o->finished)
        o->finished(o->context, input, status == UT_OK ? c : NULL, ut_clock_wall() - began,
                    status == UT_OK ? NULL : &err);
    ut_conversation_destroy(c);
    (void)worker;
}

size_t ut_run(const ut_engine *engine, const ut_settings *settings, ut_run_kind kind,
              const ut_inputs *inputs, const ut_run_observer *observer, atomic_bool *cancelled)
{
    running run = {.engine = engine,
                   .settings = settings,
                   .kind = kind,
                   .inputs = inputs,
                   .observer = observer,
                   .cancelled = cancelled};
    ut_parallel(settings->jobs, inputs->count, one, &run);
    return run.failed;
}
