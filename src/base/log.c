#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ut_log_level current = UT_LOG_INFO;
static void (*wipe)(void);
static void (*sink)(void *context, ut_log_level level, const char *line);
static void *sink_context;

void ut_log_set_level(ut_log_level level)
{
    pthread_mutex_lock(&lock);
    current = level;
    pthread_mutex_unlock(&lock);
}

void ut_log_set_before(void (*before)(void))
{
    pthread_mutex_lock(&lock);
    wipe = before;
    pthread_mutex_unlock(&lock);
}

void ut_log_set_sink(void (*to)(void *context, ut_log_level level, const char *line), void *context)
{
    pthread_mutex_lock(&lock);
    sink = to;
    sink_context = context;
    pthread_mutex_unlock(&lock);
}

void ut_log(ut_log_level level, const char *format, ...)
{
    static const char *const prefix[] = {"error: ", "warning: ", "", ""};
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ut_tidy(line);
    pthread_mutex_lock(&lock);
    if (level <= current) {
        if (wipe)
            wipe();
        fprintf(stderr, "%s%s\n", prefix[level], line);
        if (sink)
            sink(sink_context, level, line);
    }
    pthread_mutex_unlock(&lock);
}
