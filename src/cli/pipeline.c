/* undertone pipeline runs list|show|logs|compare|delete|merge */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/records.h"
#include "pipeline/home.h"
#include "pipeline/stacks.h"

void ut_cli_time(double seconds, char text[UT_TIME])
{
    time_t t = (time_t)seconds;
    struct tm parts;
    if (seconds <= 0 || !localtime_r(&t, &parts) ||
        !strftime(text, UT_TIME, "%Y-%m-%d %H:%M:%S", &parts))
        snprintf(text, UT_TIME, "-");
}

int ut_cli_records(int *argc, char **argv, const ut_flag *more, int most, const char *usage,
                   ut_records **records)
{
    ut_error err;
    char *home;
    const char *output_dir = NULL;
    ut_flag flags[8] = {{"output_dir", 0, &output_dir, NULL}};
    for (int i = 0; more && more[i].name && i < 6; i++)
        flags[i + 1] = more[i];
    if (ut_flags_read(argc, argv, flags, &err) != UT_OK)
        return ut_cli_failure(&err);
    if (*argc > most || (most < 8 && *argc < most)) {
        fprintf(stderr, "usage: %s [--output_dir DIR]\n", usage);
        return 2;
    }
    if (ut_home_find(output_dir, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_records_open_existing(home, records, &err);
    free(home);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static const char *text_of(const json_t *row, const char *key)
{
    return ut_json_string_or(row, key, "-");
}

static void print_run(const json_t *run)
{
    char began[UT_TIME];
    char took[32] = "-";
    double from = ut_json_number_or(run, "began", 0);
    double to = ut_json_number_or(run, "ended", 0);
    ut_cli_time(from, began);
    if (to > 0)
        snprintf(took, sizeof took, "%.1f s", to - from);
    const char *shard = text_of(run, "shard");
    printf("%-22s %-10s %-12s %s %10s %6.0f files %4.0f failed%s%s\n", text_of(run, "id"),
           text_of(run, "pipeline"), text_of(run, "status"), began, took,
           ut_json_number_or(run, "files", 0), ut_json_number_or(run, "failed", 0),
           *shard == '-' ? "" : "  shard ", *shard == '-' ? "" : shard);
}

static int list(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *runs;
    int code = ut_cli_records(&argc, argv, NULL, 0, "undertone pipeline runs list", &records);
    if (code)
        return code;
    ut_status status = ut_records_runs(records, &runs, &err);
    ut_records_close(records);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) print_run(run);
    json_decref(runs);
    return 0;
}

/* --- show ------------------------------------------------------------------------------------- */

static void print_parameters(const json_t *parameters)
{
    const char *name;
    json_t *p;
    json_object_foreach((json_t *)(uintptr_t)parameters, name, p)
        printf("  %-20s %-32s %s\n", name, text_of(p, "value"), text_of(p, "from"));
}

static void print_models(const json_t *models)
{
    size_t i;
    json_t *m;
    json_array_foreach(models, i, m) printf("  %-20s %-32s %.12s\n", text_of(m, "job"),
                                            text_of(m, "name"), text_of(m, "sha256"));
}

static void print_environment(const json_t *environment)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)environment, key, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        printf("  %-20s %s\n", key, text ? text : "-");
        free(text);
    }
}

static void print_steps(const json_t *steps)
{
    size_t i;
    json_t *s;
    json_array_foreach(steps, i, s)
    {
        const char *error = text_of(s, "error");
        printf("  %-24s %-10s %-9s %8.3f s  %.12s%s%s\n", text_of(s, "conversation"),
               text_of(s, "step"), text_of(s, "status"), ut_json_number_or(s, "seconds", 0),
               text_of(s, "output"), *error == '-' ? "" : "  ", *error == '-' ? "" : error);
    }
}

/* The numbers on the first level of the scores. */
static void print_metrics(const json_t *metrics)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value) if (json_is_number(value))
        printf("  %-20s %.4g\n", key, json_number_value(value));
}

static int show(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *run = NULL;
    json_t *steps = NULL;
    int code = ut_cli_records(&argc, argv, NULL, 1, "undertone pipeline runs show RUN", &records);
    if (code)
        return code;
    ut_status status = ut_records_run(records, argv[0], &run, &err);
    if (status == UT_OK)
        status = ut_records_steps(records, argv[0], &steps, &err);
    ut_records_close(records);
    if (status == UT_OK) {
        print_run(run);
        printf("version %s, stack %s, results in %s\n\nsettings\n", text_of(run, "version"),
               text_of(run, "stack"), text_of(run, "output_dir"));
        print_parameters(json_object_get(run, "parameters"));
        puts("\nmodels");
        print_models(json_object_get(run, "models"));
        puts("\nenvironment");
        print_environment(json_object_get(run, "environment"));
        if (json_is_object(json_object_get(run, "metrics")))
            puts("\nscores");
        print_metrics(json_object_get(run, "metrics"));
        puts("\nsteps");
        print_steps(steps);
    }
    json_decref(run);
    json_decref(steps);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static int logs(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *lines;
    int code = ut_cli_records(&argc, argv, NULL, 1, "undertone pipeline runs logs RUN", &records);
    if (code)
        return code;
    ut_status status = ut_records_lines(records, argv[0], &lines, &err);
    ut_records_close(records);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    size_t i;
    json_t *l;
    json_array_foreach(lines, i, l)
    {
        char at[UT_TIME];
        ut_cli_time(ut_json_number_or(l, "at", 0), at);
        printf("%s %-7s %s\n", at, text_of(l, "level"), text_of(l, "line"));
    }
    json_decref(lines);
    return 0;
}

/* --- compare ---------------------------------------------------------------------------------- */

static int compare(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    json_t *runs[2];
    json_t *differences;
    int code =
        ut_cli_records(&argc, argv, NULL, 2, "undertone pipeline runs compare RUN RUN", &records);
    if (code)
        return code;
    ut_status status = ut_records_compare(records, argv[0], argv[1], runs, &differences, &err);
    ut_records_close(records);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    printf("  %-28s %-32s %s\n", "", text_of(runs[0], "id"), text_of(runs[1], "id"));
    size_t i;
    json_t *d;
    json_array_foreach(differences, i, d)
        printf("  %-28s %-32.32s %.32s\n", text_of(d, "name"), text_of(d, "a"), text_of(d, "b"));
    if (!json_array_size(differences))
        puts("  they differ in nothing");
    json_decref(differences);
    json_decref(runs[0]);
    json_decref(runs[1]);
    return 0;
}

/* --- keeping house ---------------------------------------------------------------------------- */

static int delete_runs(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    int code = ut_cli_records(&argc, argv, NULL, 1, "undertone pipeline runs delete RUN", &records);
    if (code)
        return code;
    ut_status status = ut_records_delete_run(records, argv[0], &err);
    ut_records_close(records);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

/* A home given as such, or the folder that it is in. */
static ut_status merge_one(ut_records *records, const char *given, size_t *runs, ut_error *err)
{
    char *inside = ut_path_join(given, ".undertone");
    if (!inside)
        return ut_fail_memory(err, "cli");
    ut_status status =
        ut_records_merge(records, ut_file_is_dir(inside) ? inside : given, runs, err);
    free(inside);
    return status;
}

static ut_status merge_shards(ut_records *records, const char *home, size_t *runs, ut_error *err)
{
    ut_file_list list = {0};
    char *folder = ut_path_join(home, "shards");
    ut_status status = UT_OK;
    if (folder && ut_file_is_dir(folder))
        status = ut_file_walk(folder, &list, err);
    for (size_t i = 0; i < list.count && status == UT_OK; i++) {
        size_t n = 0;
        if (strcmp(ut_path_base(list.names[i]), "records.db") != 0)
            continue;
        char *path = ut_path_join(folder, list.names[i]);
        char *shard = path ? strndup(path, strlen(path) - strlen("/records.db")) : NULL;
        status = shard ? ut_records_merge(records, shard, &n, err) : ut_fail_memory(err, "cli");
        *runs += n;
        free(shard);
        free(path);
    }
    ut_file_list_free(&list);
    free(folder);
    return status;
}

static int merge(int argc, char **argv)
{
    ut_error err;
    char *home;
    ut_records *records = NULL;
    size_t runs = 0;
    const char *output_dir = NULL;
    const ut_flag flags[] = {{"output_dir", 0, &output_dir, NULL}, {0}};
    ut_status status = ut_flags_read(&argc, argv, flags, &err);
    if (status == UT_OK)
        status = ut_home_find(output_dir, NULL, &home, &err);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    status = ut_records_open(home, &records, &err);
    if (status == UT_OK)
        status = ut_stack_use(records, NULL, &err);
    if (status == UT_OK)
        status = merge_shards(records, home, &runs, &err);
    for (int i = 0; i < argc && status == UT_OK; i++) {
        size_t n = 0;
        status = merge_one(records, argv[i], &n, &err);
        runs += n;
    }
    ut_records_close(records);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    ut_log(UT_LOG_INFO, "%zu runs were taken over", runs);
    return 0;
}

int ut_cli_pipeline(int argc, char **argv)
{
    static const ut_subcommand table[] = {
        {"list", list, "undertone pipeline runs list [--output_dir DIR]"},
        {"show", show, "undertone pipeline runs show RUN|latest"},
        {"logs", logs, "undertone pipeline runs logs RUN|latest"},
        {"compare", compare, "undertone pipeline runs compare RUN RUN"},
        {"delete", delete_runs, "undertone pipeline runs delete RUN"},
        {"merge", merge, "undertone pipeline runs merge [DIR...] [--output_dir DIR]"},
        {0}};
    if (argc > 0 && strcmp(argv[0], "runs") == 0)
        return ut_subcommands_run(table, argc - 1, argv + 1);
    return ut_subcommands_run(table, argc > 0 && argv[0][0] == '-' ? argc : 0, argv);
}
