/* undertone report: self-contained pages of results. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "pipeline/report.h"

static const char text[] =
    "usage: undertone report IN... [--audio embed|none] [--audio_dir DIR] [--output_dir DIR]\n\n"
    "Writes one self-contained HTML file for each conversation and one for all of them. IN: "
    "folders\n"
    "with results, conversation.json files, or the scores that `undertone evaluate` wrote.\n\n"
    "  --audio embed|none   with the recordings inside, as `run` writes them (default), or "
    "without:\n"
    "                       a small file to mail, that offers to open the recording from disk\n"
    "  --audio_dir DIR      where the recordings lie, if not where they were\n"
    "  --output_dir DIR     where the pages go; default: beside the results\n";

static void on_page(void *context, const char *path, const ut_error *failure)
{
    (void)context;
    if (failure)
        ut_log(UT_LOG_ERROR, "%s", failure->message);
    else
        printf("%s\n", path);
}

int ut_cli_report(int argc, char **argv)
{
    ut_error err;
    bool help = false;
    const char *audio = "embed", *audio_dir = NULL, *output_dir = NULL;
    const ut_flag flags[] = {{"audio", 0, &audio, NULL},
                             {"audio_dir", 0, &audio_dir, NULL},
                             {"output_dir", 0, &output_dir, NULL},
                             {"help", 'h', NULL, &help},
                             {0}};
    if (ut_flags_read(&argc, argv, flags, &err) != UT_OK)
        return ut_cli_failure(&err);
    bool embed = strcmp(audio, "embed") == 0;
    if (help || argc < 1 || (!embed && strcmp(audio, "none") != 0)) {
        fputs(text, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    size_t failed;
    ut_report_request request = {
        (const char *const *)argv, (size_t)argc, output_dir, audio_dir, embed, on_page, NULL};
    if (ut_run_report(&request, &failed, &err) != UT_OK)
        return ut_cli_failure(&err);
    return failed ? 1 : 0;
}
