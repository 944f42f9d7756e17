/* What the commands that look at records share. */
#ifndef UT_CLI_RECORDS_H
#define UT_CLI_RECORDS_H

#include "cli/flags.h"
#include "pipeline/records.h"

enum { UT_TIME = 32 };
/* Local time of seconds since 1970; "-" for none. */
void ut_cli_time(double seconds, char text[UT_TIME]);

/* Takes --output_dir and the flags in `more` (may be NULL) from argv and opens the records that
 * they mean, for looking. Exactly `most` positional arguments are left (8: any number). 0, or the
 * exit status after a message. */
int ut_cli_records(int *argc, char **argv, const ut_flag *more, int most, const char *usage,
                   ut_records **records);

#endif
