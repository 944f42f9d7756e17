/* undertone init, undertone stack register|list|describe|set */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "pipeline/home.h"
#include "pipeline/records.h"
#include "pipeline/stacks.h"

int ut_cli_init(int argc, char **argv)
{
    ut_error err;
    ut_records *records;
    const char *folder = argc > 0 ? argv[0] : ".";
    if (argc > 1 || folder[0] == '-') {
        bool help = argc == 1 && strcmp(folder, "--help") == 0;
        fputs("usage: undertone init [DIR]\n\nMakes DIR/.undertone, where runs in DIR and below "
              "keep their records,\nartifacts, stacks and secrets.\n",
              help ? stdout : stderr);
        return help ? 0 : 2;
    }
    char *home = ut_path_join(folder, ".undertone");
    if (!home)
        return 1;
    bool there = ut_file_is_dir(home);
    ut_status status = ut_records_open(home, &records, &err);
    if (status == UT_OK) {
        ut_records_close(records);
        ut_log(UT_LOG_INFO, "%s %s", home, there ? "is there already" : "is made");
    }
    free(home);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static void print_stack(const char *name, const json_t *stack, bool active)
{
    const char *key;
    json_t *value;
    printf("%s%s\n", name, active ? " (active)" : "");
    json_object_foreach((json_t *)(uintptr_t)stack, key, value)
        printf("    %-20s %s\n", key, json_string_value(value));
}

static int registers(int argc, char **argv)
{
    ut_error err;
    char *home;
    ut_stack_components c = {0};
    const ut_flag flags[] = {{"artifact_store", 'a', &c.artifact_store, NULL},
                             {"orchestrator", 'o', &c.orchestrator, NULL},
                             {"container_registry", 'c', &c.container_registry, NULL},
                             {"model_deployer", 'm', &c.model_deployer, NULL},
                             {0}};
    if (ut_flags_read(&argc, argv, flags, &err) != UT_OK)
        return ut_cli_failure(&err);
    if (argc != 1) {
        fputs("usage: undertone stack register NAME [-a STORE] [-o default] [-c default] "
              "[-m default]\n",
              stderr);
        return 2;
    }
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_stack_register(home, argv[0], &c, &err);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    ut_log(UT_LOG_INFO, "the stack %s is registered; `undertone stack set %s` makes runs use it",
           argv[0], argv[0]);
    return 0;
}

/* All stacks, or the one named, or the active one. */
static int show(const char *only, bool active_only)
{
    ut_error err;
    char *home;
    json_t *all;
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_stack_list(home, &all, &err);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    const char *active = ut_json_string_or(all, "active", "");
    const char *wanted = active_only && !only ? active : only;
    json_t *stacks = json_object_get(all, "stacks");
    const char *name;
    json_t *stack;
    bool found = false;
    json_object_foreach(stacks, name, stack)
    {
        if (wanted && strcmp(wanted, name) != 0)
            continue;
        print_stack(name, stack, active && strcmp(name, active) == 0);
        found = true;
    }
    json_decref(all);
    if (found)
        return 0;
    ut_log(UT_LOG_ERROR, "there is no stack %s; `undertone stack list` lists them", wanted);
    return 1;
}

static int list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return show(NULL, false);
}

static int describe(int argc, char **argv)
{
    return show(argc > 0 ? argv[0] : NULL, true);
}

static int set(int argc, char **argv)
{
    ut_error err;
    char *home;
    if (argc != 1) {
        fputs("usage: undertone stack set NAME\n", stderr);
        return 2;
    }
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_stack_set(home, argv[0], &err);
    free(home);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

int ut_cli_stack(int argc, char **argv)
{
    static const ut_subcommand table[] = {
        {"register", registers,
         "undertone stack register NAME [-a STORE] [-o default] [-c default] [-m default]"},
        {"list", list, "undertone stack list"},
        {"describe", describe, "undertone stack describe [NAME]"},
        {"set", set, "undertone stack set NAME"},
        {0}};
    return ut_subcommands_run(table, argc, argv);
}
