#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

bool ut_process_available(const char *program)
{
    const char *path = getenv("PATH");
    if (!path)
        return false;
    while (*path) {
        size_t length = strcspn(path, ":");
        char candidate[4096];
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, path, program);
        if (length && access(candidate, X_OK) == 0 && !ut_file_is_dir(candidate))
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

static bool is_secret(const char *variable)
{
    static const char *const names[] = {
        "OPENAI_API_KEY=", "HF_TOKEN=", "HUGGING_FACE_HUB_TOKEN=", "CHROMA_TOKEN="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* The environment without the keys of outside services: these are no business of a child, nor of
 * the core that it may dump. free() the list alone; NULL when out of memory. */
static char **child_environment(void)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0, n = 0; list && i < count; i++)
        if (!is_secret(environ[i]))
            list[n++] = environ[i];
    return list;
}

/* Every file is closed in a child, but one that an argument names as /proc/self/fd/N: it has no
 * other name. Between fork() and exec() nothing may be allocated. */
static void keep_named(const char *argument)
{
    static const char place[] = "/proc/self/fd/";
    const char *at = strstr(argument, place);
    if (at)
        (void)fcntl((int)strtol(at + sizeof place - 1, NULL, 10), F_SETFD, 0);
}

static void run_child(const char *const *argv, char *const *environment, ut_process_limits limits,
                      int output, int errors)
{
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)
        _exit(127);
    for (size_t i = 1; argv[i]; i++)
        keep_named(argv[i]);
    if (limits.cpu_seconds) {
        struct rlimit cpu = {limits.cpu_seconds, limits.cpu_seconds + 5};
        setrlimit(RLIMIT_CPU, &cpu);
    }
    if (limits.address_bytes) {
        struct rlimit space = {limits.address_bytes, limits.address_bytes};
        setrlimit(RLIMIT_AS, &space);
    }
    execvpe(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

ut_status ut_process_start(ut_process *process, const char *const *argv, ut_process_limits limits,
                           ut_error *err)
{
    int output[2];
    int errors[2];
    *process = (ut_process){.pid = -1, .output = -1, .errors = -1};
    if (pipe2(output, O_CLOEXEC) != 0)
        return ut_fail_errno(err, UT_ERR_IO, "process", "cannot make a pipe");
    if (pipe2(errors, O_CLOEXEC) != 0) {
        close(output[0]);
        close(output[1]);
        return ut_fail_errno(err, UT_ERR_IO, "process", "cannot make a pipe");
    }
    char **environment = child_environment();
    pid_t pid = environment ? fork() : -1;
    if (pid == 0)
        run_child(argv, environment, limits, output[1], errors[1]);
    free(environment);
    close(output[1]);
    close(errors[1]);
    if (pid < 0) {
        close(output[0]);
        close(errors[0]);
        return ut_fail_errno(err, UT_ERR_IO, "process", "cannot start %s", argv[0]);
    }
    process->pid = pid;
    process->output = output[0];
    process->errors = errors[0];
    return UT_OK;
}

/* Keeps the last non-empty line of what the child says, which is where ffmpeg and pip put the
 * reason. */
static void drain_errors(ut_process *process)
{
    char text[4096];
    ssize_t n = read(process->errors, text, sizeof text - 1);
    if (n <= 0) {
        if (n == 0 || errno != EINTR) {
            close(process->errors);
            process->errors = -1;
        }
        return;
    }
    text[n] = 0;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        text[--n] = 0;
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    if (*line)
        snprintf(process->last_error, sizeof process->last_error, "%.511s", line);
}

ut_status ut_process_read(ut_process *process, void *data, size_t n, size_t *got, ut_error *err)
{
    *got = 0;
    while (process->output >= 0) {
        struct pollfd fds[2] = {{process->output, POLLIN, 0}, {process->errors, POLLIN, 0}};
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return ut_fail_errno(err, UT_ERR_IO, "process", "cannot wait for a child process");
        }
        if (fds[1].revents && process->errors >= 0)
            drain_errors(process);
        if (!fds[0].revents)
            continue;
        ssize_t count = read(process->output, data, n);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return ut_fail_errno(err, UT_ERR_IO, "process", "cannot read from a child process");
        *got = (size_t)count;
        return UT_OK;
    }
    return UT_OK;
}

static void close_pipes(ut_process *process)
{
    if (process->output >= 0)
        close(process->output);
    process->output = -1;
    while (process->errors >= 0)
        drain_errors(process);
}

static int wait_child(ut_process *process)
{
    int status = 0;
    while (waitpid(process->pid, &status, 0) < 0)
        if (errno != EINTR)
            return 255;
    process->pid = -1;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

void ut_process_finish(ut_process *process, int *exit_code)
{
    close_pipes(process);
    *exit_code = process->pid > 0 ? wait_child(process) : 255;
}

void ut_process_kill(ut_process *process)
{
    if (process->pid > 0)
        kill(process->pid, SIGKILL);
    close_pipes(process);
    if (process->pid > 0)
        (void)wait_child(process);
}
