/* bench_orchestration bare|run AUDIO_DIR OUTPUT_DIR: the steps and the writing
 * of results on all recordings of a folder, by themselves or as a recorded, cached run. Prints the
 * seconds of processor and of the clock. bench/orchestration.py builds and calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/limits.h"
#include "pipeline/engine.h"
#include "pipeline/results.h"
#include "pipeline/run.h"

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(ut_status status, const ut_error *err)
{
    if (status == UT_OK)
        return;
    fprintf(stderr, "bench_orchestration: %s\n", err->message);
    exit(1);
}

static void bare_file(const ut_engine *engine, const ut_settings *s, const ut_input *input)
{
    ut_error err;
    ut_conversation *c;
    ut_buf text;
    ut_step step = {.engine = engine};
    ut_results r = {s->output_dir, input->id, json_object()};
    check(ut_steps_all(&step, input, &c, &err), &err);
    ut_buf_init(&text, UT_LIMIT_JSON_BYTES);
    check(ut_conversation_write(c, UT_DOCUMENT_WHOLE, (ut_sink){ut_buf_put, &text}, &err), &err);
    check(ut_results_prepare(&r, &err), &err);
    check(ut_results_write_document(&r, text.data, text.length, &err), &err);
    check(ut_results_write_exports(&r, c, input->path, &err), &err);
    ut_buf_free(&text);
    json_decref(r.written);
    ut_conversation_destroy(c);
}

static void bare(const ut_settings *s, const ut_inputs *inputs)
{
    ut_error err;
    ut_engine *engine;
    check(ut_engine_open_parts(&s->options, UT_ENGINE_ALL, &engine, &err), &err);
    for (size_t i = 0; i < inputs->count; i++)
        bare_file(engine, s, &inputs->items[i]);
    ut_engine_close(engine);
}

static void finished(void *context, const ut_input *input, const ut_conversation *c, double work,
                     bool unchanged, const ut_error *failure)
{
    (void)context;
    (void)input;
    (void)c;
    (void)work;
    (void)unchanged;
    if (failure)
        check(failure->status, failure);
}

static void orchestrated(const ut_settings *s, const ut_inputs *inputs)
{
    ut_error err;
    ut_run_outcome outcome;
    const ut_run_observer observer = {.finished = finished};
    check(ut_run(s, UT_RUN_ALL, inputs, &observer, NULL, &outcome, &err), &err);
}

int main(int argc, char **argv)
{
    ut_error err;
    ut_inputs inputs;
    ut_settings s;
    if (argc != 4)
        return 2;
    ut_settings_default(&s);
    s.output_dir = argv[3];
    s.asr_model = "none";
    s.text_model = s.vad_model = s.speaker_model = "bundled";
    check(ut_settings_finish(&s, &err), &err);
    ut_arena *arena = ut_arena_create(0);
    const char *folders[] = {argv[2]};
    check(ut_inputs_recordings(arena, folders, 1, &inputs, &err), &err);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double wall = seconds(CLOCK_MONOTONIC);
    if (strcmp(argv[1], "bare") == 0)
        bare(&s, &inputs);
    else
        orchestrated(&s, &inputs);
    printf("%.4f %.4f\n", seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - wall);
    ut_arena_destroy(arena);
    return 0;
}
