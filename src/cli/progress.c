#include "cli/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    bool quiet, terminal, shown;
    size_t files, finished;
    double stage_began, drawn;
    char stage[128];
} state;

static void wipe(void)
{
    if (state.shown)
        fputs("\r\033[K", stderr);
    state.shown = false;
}

static void wipe_locked(void)
{
    pthread_mutex_lock(&lock);
    wipe();
    pthread_mutex_unlock(&lock);
}

void ut_progress_start(size_t files, bool quiet)
{
    pthread_mutex_lock(&lock);
    memset(&state, 0, sizeof state);
    state.files = files;
    state.quiet = quiet;
    state.terminal = isatty(STDERR_FILENO);
    pthread_mutex_unlock(&lock);
    ut_log_set_before(wipe_locked);
}

static void draw(const char *file, const char *stage, double done)
{
    enum { WIDTH = 24 };
    char bar[WIDTH + 1];
    int filled = (int)(done * WIDTH + 0.5);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < filled ? '#' : '-';
    bar[WIDTH] = 0;
    double gone = ut_clock_wall() - state.stage_began;
    char left[32] = "";
    if (done > 0.02 && done < 1)
        snprintf(left, sizeof left, " %.0f s left", gone * (1 - done) / done);
    fprintf(stderr, "\r\033[K[%zu/%zu] %-10s [%s] %3.0f %%%s  %.40s", state.finished + 1,
            state.files, stage, bar, done * 100, left, file);
    fflush(stderr);
    state.shown = true;
}

void ut_progress_update(const char *file, const char *stage, double done)
{
    pthread_mutex_lock(&lock);
    char key[sizeof state.stage];
    snprintf(key, sizeof key, "%.20s %.100s", stage, file);
    double now = ut_clock_wall();
    if (strcmp(key, state.stage) != 0) {
        memcpy(state.stage, key, sizeof key);
        state.stage_began = now;
    }
    if (!state.quiet && state.terminal && (now - state.drawn > 0.1 || done >= 1)) {
        state.drawn = now;
        draw(file, stage, done);
    }
    pthread_mutex_unlock(&lock);
}

void ut_progress_file(const char *file, bool ok, double seconds, double work)
{
    pthread_mutex_lock(&lock);
    state.finished++;
    bool line = ok && !state.quiet && !state.terminal;
    size_t finished = state.finished;
    size_t files = state.files;
    pthread_mutex_unlock(&lock);
    if (line && seconds < 0)
        ut_log(UT_LOG_INFO, "[%zu/%zu] %s: unchanged", finished, files, file);
    else if (line)
        ut_log(UT_LOG_INFO, "[%zu/%zu] %s: %.1f s of audio in %.1f s", finished, files, file,
               seconds, work);
}

void ut_progress_end(void)
{
    wipe_locked();
    ut_log_set_before(NULL);
}
