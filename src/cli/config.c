/* undertone config show|schema: what a command would run with, and where each value came from. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/flags.h"

static void print_rows(const ut_settings *s)
{
    char room[32];
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++) {
        if (!(row->commands & UT_COMMAND_RUN))
            continue;
        const char *value = ut_settings_value(s, row, room);
        const char *origin = s->origins[row - ut_setting_rows];
        printf("%-20s %-32s %s\n", row->name, value ? value : "-", origin ? origin : "default");
    }
}

static int show(int argc, char **argv)
{
    ut_error err;
    ut_arguments a;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return 1;
    ut_status status = ut_arguments_read(argc, argv, UT_COMMAND_RUN, arena, &a, &err);
    if (status == UT_OK)
        print_rows(&a.settings);
    ut_arena_destroy(arena);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

static json_t *enumerate(const char *choices)
{
    json_t *list = json_array();
    for (const char *c = choices; *c;) {
        size_t n = strcspn(c, "|");
        json_array_append_new(list, json_stringn(c, n));
        c += n + (c[n] == '|');
    }
    return list;
}

static json_t *describe(const ut_setting_row *row)
{
    json_t *type = json_pack("{s:s}", "description", row->help);
    json_object_set_new(type, "type",
                        json_string(row->kind == 'i'   ? "integer"
                                    : row->kind == 'b' ? "boolean"
                                                       : "string"));
    if (row->choices)
        json_object_set_new(type, "enum", enumerate(row->choices));
    if (row->kind == 'i') {
        json_object_set_new(type, "minimum", json_integer(row->low));
        json_object_set_new(type, "maximum", json_integer(row->high));
    }
    return type;
}

static int schema(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    json_t *rows = json_object();
    for (const ut_setting_row *row = ut_setting_rows; row->name; row++)
        if (strcmp(row->name, "config") != 0)
            json_object_set_new(rows, row->name, describe(row));
    json_t *all = json_pack("{s:s, s:s, s:s, s:b, s:o}", "$schema",
                            "https://json-schema.org/draft/2020-12/schema", "title",
                            "Settings of undertone (--config FILE.yaml)", "type", "object",
                            "additionalProperties", 0, "properties", rows);
    char *text = all ? ut_json_text(all) : NULL;
    json_decref(all);
    if (text)
        fputs(text, stdout);
    free(text);
    return text ? 0 : 1;
}

int ut_cli_config(int argc, char **argv)
{
    static const ut_subcommand table[] = {
        {"show", show,
         "undertone config show [the options of `undertone run`]   every value, and where it is "
         "from"},
        {"schema", schema,
         "undertone config schema   what a --config file may hold, as JSON Schema"},
        {0}};
    return ut_subcommands_run(table, argc, argv);
}
