/* undertone artifact list|show|lineage, undertone artifacts prune */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/records.h"
#include "pipeline/artifacts.h"
#include "pipeline/lineage.h"
#include "pipeline/stacks.h"

static void print_artifact(const json_t *a)
{
    char created[UT_TIME];
    ut_cli_time(ut_json_number_or(a, "created", 0), created);
    printf("%.12s  %-10s %10.0f bytes  %s  %s\n", ut_json_string_or(a, "sha256", ""),
           ut_json_string_or(a, "kind", ""), ut_json_number_or(a, "bytes", 0), created,
           ut_json_string_or(a, "name", ""));
}

static int list(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *artifacts;
    int code = ut_cli_records(&argc, argv, NULL, 0, "undertone artifact list", &records);
    if (code)
        return code;
    ut_status status = ut_records_artifact_list(records, &artifacts, &err);
    ut_records_close(records);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    size_t i;
    json_t *a;
    json_array_foreach(artifacts, i, a) print_artifact(a);
    json_decref(artifacts);
    return 0;
}

static void print_steps(const json_t *steps)
{
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step)
    {
        size_t k;
        json_t *input;
        printf("  %.12s  made by %s of %s in run %s from", ut_json_string_or(step, "output", ""),
               ut_json_string_or(step, "step", ""), ut_json_string_or(step, "conversation", ""),
               ut_json_string_or(step, "run", ""));
        json_array_foreach(json_object_get(step, "inputs"), k, input)
            printf(" %s %.12s", ut_json_string_or(input, "name", ""),
                   ut_json_string_or(input, "sha256", ""));
        puts("");
    }
}

static int show(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *artifact = NULL;
    json_t *lineage = NULL;
    int code =
        ut_cli_records(&argc, argv, NULL, 1, "undertone artifact show NAME|SHA256", &records);
    if (code)
        return code;
    ut_status status = ut_stack_use(records, NULL, &err);
    if (status == UT_OK)
        status = ut_records_artifact(records, argv[0], &artifact, &err);
    const char *sha256 = ut_json_string_or(artifact, "sha256", "");
    if (status == UT_OK)
        status = ut_records_lineage(records, sha256, &lineage, &err);
    if (status == UT_OK) {
        char *path = ut_artifact_path(ut_records_artifacts(records), sha256);
        bool there = path && ut_file_exists(path);
        print_artifact(artifact);
        printf("sha-256 %s\n%s%s\n", sha256, there ? "lies at " : "is kept elsewhere: ",
               there ? path : ut_json_string_or(artifact, "name", ""));
        print_steps(json_object_get(lineage, "steps"));
        free(path);
    }
    json_decref(artifact);
    json_decref(lineage);
    ut_records_close(records);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static ut_status draw(ut_records *records, const char *name, const char *output, ut_error *err)
{
    json_t *artifact;
    json_t *graph = NULL;
    ut_buf svg;
    ut_buf_init(&svg, 0);
    UT_TRY(ut_records_artifact(records, name, &artifact, err));
    const char *sha256 = ut_json_string_or(artifact, "sha256", "");
    ut_status status = ut_records_lineage(records, sha256, &graph, err);
    if (status == UT_OK)
        status = ut_lineage_svg(graph, sha256, &svg, err);
    if (status == UT_OK && output)
        status = ut_file_write(output, ut_buf_text(&svg), svg.length, err);
    else if (status == UT_OK)
        fputs(ut_buf_text(&svg), stdout);
    ut_buf_free(&svg);
    json_decref(graph);
    json_decref(artifact);
    return status;
}

static int lineage(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    const char *output = NULL;
    const ut_flag flags[] = {{"output", 'o', &output, NULL}, {0}};
    int code =
        ut_cli_records(&argc, argv, flags, 1,
                       "undertone artifact lineage NAME|SHA256 [--output FILE.svg]", &records);
    if (code)
        return code;
    ut_status status = draw(records, argv[0], output, &err);
    ut_records_close(records);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static int prune(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    ut_pruned pruned;
    bool dry = false;
    const ut_flag flags[] = {{"dry_run", 0, NULL, &dry}, {0}};
    int code =
        ut_cli_records(&argc, argv, flags, 0, "undertone artifacts prune [--dry_run]", &records);
    if (code)
        return code;
    ut_status status = ut_stack_use(records, NULL, &err);
    if (status == UT_OK)
        status = ut_records_prune(records, dry, &pruned, &err);
    ut_records_close(records);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    ut_log(UT_LOG_INFO, "%zu artifacts (%.1f MB) that no run names %s", pruned.artifacts,
           (double)pruned.bytes / 1e6, dry ? "would be removed" : "were removed");
    return 0;
}

int ut_cli_artifact(int argc, char **argv)
{
    static const ut_subcommand table[] = {
        {"list", list, "undertone artifact list [--output_dir DIR]"},
        {"show", show, "undertone artifact show NAME|SHA256"},
        {"lineage", lineage, "undertone artifact lineage NAME|SHA256 [--output FILE.svg]"},
        {"prune", prune, "undertone artifacts prune [--dry_run]"},
        {0}};
    return ut_subcommands_run(table, argc, argv);
}
