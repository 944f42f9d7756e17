/* undertone: the command line. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "pipeline/settings.h"
#include "undertone.h"

/* Buffers of this size go back to the system when they are freed. The allocator's own bound grows
 * with what was freed, so that what a step took would stay resident under the next one's. */
enum { LARGE = 1 << 20 };

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"run", ut_cli_run, "recordings to explained emotions: every step"},
    {"transcribe", ut_cli_transcribe, "recordings to utterances by speaker"},
    {"extract", ut_cli_extract, "utterances to acoustic and text features"},
    {"analyze", ut_cli_analyze, "features to emotions, with their reasons"},
    {"evaluate", ut_cli_evaluate, "results against ground truth"},
    {"serve", ut_cli_serve, "the analysis over HTTP, and a page to try it"},
    {"train", ut_cli_train, "heads of your own from labelled utterances"},
    {"report", ut_cli_report, "pages of results: each conversation, all of them, scores"},
    {"features", ut_cli_features, "acoustic features of recordings as a table"},
    {"kb", ut_cli_kb, "your own labelled utterances: add, label, search"},
    {"models", ut_cli_models, "list, pull, verify, remove models"},
    {"init", ut_cli_init, "keep the records of runs in this folder"},
    {"pipeline", ut_cli_pipeline, "runs: list, show, logs, compare, delete, merge"},
    {"artifact", ut_cli_artifact, "what steps made: list, show, lineage, prune"},
    {"stack", ut_cli_stack, "where artifacts are kept: register, list, describe, set"},
    {"secret", ut_cli_secret, "keys of services: create, get, list, delete"},
    {"config", ut_cli_config, "every setting and where its value came from"},
};

static void help(FILE *out)
{
    fputs("undertone listens to a recorded conversation and tells who said what, when, how they "
          "felt,\n"
          "and why it thinks so. Nothing leaves this machine unless you ask for it (--llm).\n\n"
          "  undertone run --audio_dir calls/ --output_dir results/\n\n"
          "Commands (each with --help):\n",
          out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n  --version    version of the program\n", out);
}

/* Results that did not reach a full disk are a failure; a reader that went away (`| head`) is not.
 */
static int flush_results(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE)
        return code;
    ut_log(UT_LOG_ERROR, "standard output could not be written: %s",
           errno ? strerror(errno) : "is there space left?");
    return code ? code : 1;
}

int main(int argc, char **argv)
{
    ut_error err;
    /* Both become errors of the write at fault, so that no temporary file is left behind. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    mallopt(M_MMAP_THRESHOLD, LARGE);
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("undertone %s\n", ut_version());
        return 0;
    }
    if (ut_settings_read_dotenv(".env", &err) != UT_OK) {
        ut_log(UT_LOG_ERROR, "%s", err.message);
        return 2;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0 ||
            (commands[i].run == ut_cli_artifact && strcmp(argv[1], "artifacts") == 0))
            return flush_results(commands[i].run(argc - 2, argv + 2));
    ut_log(UT_LOG_ERROR, "there is no command \"%s\"; undertone --help lists them", argv[1]);
    return 2;
}
