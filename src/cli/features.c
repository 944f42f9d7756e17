/* undertone features: acoustic features of recordings as a table. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/progress.h"
#include "dsp/feature_sets.h"
#include "pipeline/features.h"

static const char about[] =
    "usage: undertone features IN... [--set NAME] [--level utterance|windows|frames]\n"
    "                          [--window S --step S] [--output FILE]\n\n"
    "Measures recordings, one row each, or one row each window or frame. IN: recordings, or "
    "folders\n"
    "of them; many make one table, with a column that names the file.\n\n"
    "  undertone features call.wav                                   # CSV, to standard output\n"
    "  undertone features calls/ --set mfcc-htk --level frames --output calls.npz\n"
    "  undertone features calls/ --level windows --window 5 --output calls.arff\n\n";

static const char options[] =
    "  --level utterance  a row each recording (default; ten minutes at most)\n"
    "  --level windows    a row each window of --window S seconds (3), a --step S (1) apart\n"
    "  --level frames     a row each frame of the set\n"
    "  --output FILE      .csv, .arff (Weka, scipy), .npy (values alone) or .npz (with names and "
    "times)\n"
    "  --quiet            no progress\n";

static atomic_bool cancelled;

static void on_interrupt(int number)
{
    (void)number;
    cancelled = true;
}

static void help(FILE *out)
{
    fputs(about, out);
    for (size_t i = 0; ut_feature_set_name(i); i++)
        fprintf(out, "  --set %-12s %s%s\n", ut_feature_set_name(i), ut_feature_set_meaning(i),
                i ? "" : " (default)");
    fputs(options, out);
}

static void on_start(void *quiet, size_t files)
{
    ut_progress_start(files, *(const bool *)quiet);
}

static void on_progress(void *context, const char *file, double done)
{
    (void)context;
    ut_progress_update(file, "measure", done);
}

static void on_finished(void *context, const char *file, double seconds, double work,
                        const ut_error *failure, const char *warning)
{
    (void)context;
    ut_progress_file(file, !failure, seconds, work);
    if (failure)
        ut_log(UT_LOG_ERROR, "%s%s%s", strstr(failure->message, file) ? "" : file,
               strstr(failure->message, file) ? "" : ": ", failure->message);
    else if (*warning)
        ut_log(UT_LOG_WARNING, "%s: %s", file, warning);
}

static ut_status to_stdout(void *context, const void *bytes, size_t count, ut_error *err)
{
    if (fwrite(bytes, 1, count, context) != count)
        return ut_fail_errno(err, UT_ERR_IO, "cli", "standard output could not be written");
    return UT_OK;
}

static bool read_level(const char *text, ut_feature_level *level)
{
    static const char *const names[] = {"utterance", "windows", "frames"};
    for (int i = UT_LEVEL_UTTERANCE; i <= UT_LEVEL_FRAMES; i++)
        if (strcmp(text, names[i]) == 0) {
            *level = (ut_feature_level)i;
            return true;
        }
    return false;
}

static bool read_seconds(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end;
}

static int measure(ut_feature_request *request)
{
    ut_error err;
    size_t failed;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    ut_status status = ut_run_features(request, &failed, &err);
    ut_progress_end();
    if (status != UT_OK)
        return ut_cli_failure(&err);
    if (failed)
        ut_log(UT_LOG_ERROR, "%zu recording%s could not be measured", failed,
               failed == 1 ? "" : "s");
    return failed ? 1 : 0;
}

int ut_cli_features(int argc, char **argv)
{
    ut_error err;
    bool wants_help = false, quiet = false;
    const char *set = ut_feature_set_name(0), *level = "utterance", *window = "3", *step = "1",
               *output = NULL;
    const ut_flag flags[] = {{"set", 0, &set, NULL},           {"level", 0, &level, NULL},
                             {"window", 0, &window, NULL},     {"step", 0, &step, NULL},
                             {"output", 'o', &output, NULL},   {"quiet", 'q', NULL, &quiet},
                             {"help", 'h', NULL, &wants_help}, {0}};
    if (ut_flags_read(&argc, argv, flags, &err) != UT_OK)
        return ut_cli_failure(&err);
    if (wants_help || argc < 1) {
        help(wants_help ? stdout : stderr);
        return wants_help ? 0 : 2;
    }
    const ut_sink sink = {to_stdout, stdout};
    ut_feature_request request = {.paths = (const char *const *)argv,
                                  .count = (size_t)argc,
                                  .set = set,
                                  .output = output,
                                  .sink = &sink,
                                  .started = on_start,
                                  .progress = on_progress,
                                  .finished = on_finished,
                                  .context = &quiet,
                                  .cancelled = &cancelled};
    if (!read_level(level, &request.level)) {
        ut_log(UT_LOG_ERROR, "--level is utterance, windows or frames, not \"%s\"", level);
        return 2;
    }
    if (!read_seconds(window, &request.window) || !read_seconds(step, &request.step)) {
        ut_log(UT_LOG_ERROR, "--window and --step are seconds, as in --window 5 --step 2.5");
        return 2;
    }
    return measure(&request);
}
