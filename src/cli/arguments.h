/* The command line: flags in both spellings into settings, what is left into positional arguments.
 */
#ifndef UT_CLI_ARGUMENTS_H
#define UT_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stdio.h>

#include "pipeline/settings.h"

typedef struct ut_arguments {
    ut_settings settings;
    const char **positional;
    size_t count;
    bool help;
} ut_arguments;

/* Fills from .env, the environment, --config and the flags of `command` (UT_COMMAND_...).
 * Everything lives in the arena. UT_ERR_USAGE names the flag at fault. */
UT_MUST_CHECK ut_status ut_arguments_read(int argc, char **argv, unsigned command, ut_arena *arena,
                                          ut_arguments *arguments, ut_error *err);

/* The options of a command, as --help lists them. */
void ut_arguments_help(unsigned command, FILE *out);

#endif
