/* undertone train --train_data_path PATH --val_data_path PATH --model_output_path FILE */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/progress.h"
#include "pipeline/train.h"

static const char usage[] =
    "undertone train --train_data_path PATH --val_data_path PATH --model_output_path FILE";

static const char about[] =
    "Trains heads of your own on labelled utterances; `run --model FILE` judges with them.\n"
    "PATH: a manifest (CSV or JSON with file, emotion, and as wished text, speaker, start,\n"
    "end), a folder with manifests, or a folder with one folder of recordings a label.\n"
    "Stopped, it goes on where it was when called again.\n";

static atomic_bool cancelled;

static void on_interrupt(int number)
{
    (void)number;
    cancelled = true;
}

static void say(void *quiet, bool warning, const char *line)
{
    if (warning)
        ut_log(UT_LOG_WARNING, "%s", line);
    else if (!*(const bool *)quiet)
        ut_log(UT_LOG_INFO, "%s", line);
}

static void progress(void *context, const char *stage, double done)
{
    (void)context;
    ut_progress_update("", stage, done);
}

static int train(ut_settings *s)
{
    ut_error err;
    ut_buf summary;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    ut_buf_init(&summary, 0);
    ut_progress_start(1, s->quiet);
    const ut_train_observer observer = {&s->quiet, say, progress};
    ut_status status = ut_run_train(s, &observer, &cancelled, &summary, &err);
    ut_progress_end();
    if (status == UT_OK) {
        fputs(ut_buf_text(&summary), stdout);
        ut_log(UT_LOG_INFO, "model: %s", s->model_output_path);
    }
    ut_buf_free(&summary);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

int ut_cli_train(int argc, char **argv)
{
    ut_error err;
    ut_arguments a;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return 1;
    int code = 2;
    if (ut_arguments_read(argc, argv, UT_COMMAND_TRAIN, arena, &a, &err) != UT_OK) {
        code = ut_cli_failure(&err);
    } else if (a.help) {
        printf("usage: %s\n\n%s", usage, about);
        ut_arguments_help(UT_COMMAND_TRAIN, stdout);
        code = 0;
    } else if (!a.settings.train_data_path || !a.settings.val_data_path ||
               !a.settings.model_output_path || a.count) {
        fprintf(stderr, "usage: %s\n", usage);
    } else {
        code = train(&a.settings);
    }
    ut_arena_destroy(arena);
    return code;
}
