#include "cli/flags.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static bool is_name(const char *given, size_t length, const char *name)
{
    size_t i = 0;
    while (i < length && (given[i] == '-' ? '_' : given[i]) == name[i])
        i++;
    return i == length && !name[i];
}

static const ut_flag *find(const char *argument, const ut_flag *flags)
{
    bool is_long = argument[1] == '-';
    for (const ut_flag *f = flags; f->name; f++)
        if (is_long ? is_name(argument + 2, strcspn(argument + 2, "="), f->name)
                    : f->letter && argument[1] == f->letter && !argument[2])
            return f;
    return NULL;
}

ut_status ut_flags_read(int *argc, char **argv, const ut_flag *flags, ut_error *err)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            argv[kept++] = argv[i];
            continue;
        }
        const ut_flag *f = find(argv[i], flags);
        const char *equals = argv[i][1] == '-' ? strchr(argv[i], '=') : NULL;
        if (!f)
            return ut_fail(err, UT_ERR_USAGE, "cli", "there is no option %.*s here",
                           (int)strcspn(argv[i], "="), argv[i]);
        if (f->given)
            *f->given = true;
        else if (equals)
            *f->value = equals + 1;
        else if (i + 1 < *argc)
            *f->value = argv[++i];
        else
            return ut_fail(err, UT_ERR_USAGE, "cli", "%s needs a value", argv[i]);
    }
    *argc = kept;
    return UT_OK;
}

int ut_subcommands_run(const ut_subcommand *table, int argc, char **argv)
{
    bool help = argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    for (const ut_subcommand *c = table; argc > 0 && c->name; c++)
        if (strcmp(argv[0], c->name) == 0) {
            bool wants_usage = argc > 1 && strcmp(argv[1], "--help") == 0;
            if (wants_usage)
                printf("usage: %s\n", c->usage);
            return wants_usage ? 0 : c->run(argc - 1, argv + 1);
        }
    for (const ut_subcommand *c = table; c->name; c++)
        fprintf(help ? stdout : stderr, "%s %s\n", c == table ? "usage:" : "      ", c->usage);
    return help ? 0 : 2;
}

int ut_cli_failure(const ut_error *err)
{
    ut_log(UT_LOG_ERROR, "%s", err->message);
    return err->status == UT_ERR_USAGE || err->status == UT_ERR_CONFIG ? 2 : 1;
}
