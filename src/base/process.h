/* Child processes: a program found on PATH, run without a shell, its output read through a pipe,
 * with limits on processor time and address space.
 *
 * One ut_process belongs to one thread. */
#ifndef UT_BASE_PROCESS_H
#define UT_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_process {
    int pid;
    int output; /* read end of its standard output, -1 when closed */
    int errors; /* read end of its standard error, -1 when closed */
    char last_error[512];
} ut_process;

typedef struct ut_process_limits {
    unsigned cpu_seconds; /* 0: none */
    size_t address_bytes; /* 0: none */
} ut_process_limits;

/* True if `program` is an executable on PATH. */
bool ut_process_available(const char *program);

/* Starts argv[0] (searched on PATH) with argv (ended by NULL); standard input is /dev/null, and the
 * environment has no keys of outside services (OPENAI_API_KEY, HF_TOKEN ...). Of the open files of
 * this process, which all have O_CLOEXEC, it has those that an argument names as /proc/self/fd/N.
 */
UT_MUST_CHECK ut_status ut_process_start(ut_process *process, const char *const *argv,
                                         ut_process_limits limits, ut_error *err);
/* Reads up to n bytes of standard output; *got 0 at its end. Standard error is drained meanwhile,
 * its last line kept in last_error. */
UT_MUST_CHECK ut_status ut_process_read(ut_process *process, void *data, size_t n, size_t *got,
                                        ut_error *err);
/* Closes the pipes and waits. *exit_code: 0-255, or 256 + signal. */
void ut_process_finish(ut_process *process, int *exit_code);
/* Ends it at once and waits. Safe after finish. */
void ut_process_kill(ut_process *process);

#endif
