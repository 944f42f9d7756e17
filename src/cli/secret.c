/* undertone secret create|get|list|delete */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "pipeline/home.h"
#include "pipeline/secrets.h"

enum { VALUE_MOST = 32768 };

static const char create_usage[] =
    "undertone secret create NAME --schema=KIND --value=SECRET (or --KEY=SECRET ...; - reads "
    "standard input)";

/* One line of standard input, without its end. */
static ut_status read_value(char value[VALUE_MOST], ut_error *err)
{
    if (!fgets(value, VALUE_MOST, stdin) || !*value)
        return ut_fail(err, UT_ERR_USAGE, "cli", "standard input holds no secret");
    value[strcspn(value, "\r\n")] = 0;
    return UT_OK;
}

/* --KEY=VALUE into `values`. What stood on the command line is wiped, so that `ps` shows it no
 * longer than this takes. */
static ut_status take_value(char *argument, json_t *values, ut_error *err)
{
    char line[VALUE_MOST];
    char *equals = strchr(argument, '=');
    if (strncmp(argument, "--", 2) != 0 || !equals || equals == argument + 2)
        return ut_fail(err, UT_ERR_USAGE, "cli", "%.*s is not --KEY=VALUE",
                       (int)strcspn(argument, "="), argument);
    *equals = 0;
    for (char *c = argument; *c; c++)
        if (*c == '-' && c > argument + 1)
            *c = '_';
    ut_status status = UT_OK;
    char *value = equals + 1;
    if (strcmp(value, "-") == 0)
        status = read_value(value = line, err);
    if (status == UT_OK && json_object_set_new(values, argument + 2, json_string(value)) != 0)
        status = ut_fail(err, UT_ERR_USAGE, "cli", "a secret is UTF-8 text");
    sodium_memzero(equals + 1, strlen(equals + 1));
    sodium_memzero(line, sizeof line);
    return status;
}

static int create(int argc, char **argv)
{
    ut_error err;
    char *home = NULL;
    if (argc < 2 || argv[0][0] == '-') {
        fprintf(stderr, "usage: %s\n", create_usage);
        return 2;
    }
    json_t *values = json_object();
    ut_status status = UT_OK;
    for (int i = 1; i < argc && status == UT_OK; i++)
        status = take_value(argv[i], values, &err);
    if (status == UT_OK)
        status = ut_home_find(NULL, NULL, &home, &err);
    if (status == UT_OK)
        status = ut_secret_create(home, argv[0], values, &err);
    ut_secret_forget(values);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    ut_log(UT_LOG_INFO, "the secret %s is sealed", argv[0]);
    return 0;
}

static int get(int argc, char **argv)
{
    ut_error err;
    char *home;
    json_t *values;
    if (argc != 1) {
        fputs("usage: undertone secret get NAME\n", stderr);
        return 2;
    }
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_secret_get(home, argv[0], &values, &err);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    const char *key;
    json_t *value;
    json_object_foreach(values, key, value) printf("%s: %s\n", key, json_string_value(value));
    ut_secret_forget(values);
    return 0;
}

static int list(int argc, char **argv)
{
    ut_error err;
    char *home;
    json_t *names;
    (void)argc;
    (void)argv;
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_secret_list(home, &names, &err);
    free(home);
    if (status != UT_OK)
        return ut_cli_failure(&err);
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) puts(json_string_value(name));
    json_decref(names);
    return 0;
}

static int delete_one(int argc, char **argv)
{
    ut_error err;
    char *home;
    if (argc != 1) {
        fputs("usage: undertone secret delete NAME\n", stderr);
        return 2;
    }
    if (ut_home_find(NULL, NULL, &home, &err) != UT_OK)
        return ut_cli_failure(&err);
    ut_status status = ut_secret_delete(home, argv[0], &err);
    free(home);
    return status == UT_OK ? 0 : ut_cli_failure(&err);
}

int ut_cli_secret(int argc, char **argv)
{
    static const ut_subcommand table[] = {{"create", create, create_usage},
                                          {"get", get, "undertone secret get NAME"},
                                          {"list", list, "undertone secret list"},
                                          {"delete", delete_one, "undertone secret delete NAME"},
                                          {0}};
    return ut_subcommands_run(table, argc, argv);
}
