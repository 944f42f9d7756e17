/* Flags of the small commands, which are no settings: --name=value, --name value, or -n value; both
 * spellings of a name. */
#ifndef UT_CLI_FLAGS_H
#define UT_CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_flag {
    const char *name; /* "artifact_store"; NULL ends a table */
    char letter;      /* 'a', or 0 */
    const char **value;
    bool *given; /* a flag without a value */
} ut_flag;

/* Takes the flags out of argv, and leaves what is positional at its beginning; *argc counts that.
 * UT_ERR_USAGE for an unknown flag. */
UT_MUST_CHECK ut_status ut_flags_read(int *argc, char **argv, const ut_flag *flags, ut_error *err);

/* One of several words behind a command ("list", "show" ...). */
typedef struct ut_subcommand {
    const char *name; /* NULL ends a table */
    int (*run)(int argc, char **argv);
    const char *usage;
} ut_subcommand;

/* Runs the one that argv[0] names; prints all usages for --help or an unknown one (status 2). */
int ut_subcommands_run(const ut_subcommand *table, int argc, char **argv);

/* Shows an error; the exit status for it: 2 for wrong usage, else 1. */
int ut_cli_failure(const ut_error *err);

#endif
