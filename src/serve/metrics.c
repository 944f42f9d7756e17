#include "serve/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static const double bounds[] = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800};
enum { BOUNDS = sizeof bounds / sizeof *bounds, CLASSES = 6 }; /* 2xx stands at 2 */

typedef struct counters {
    uint64_t by_class[CLASSES];
    uint64_t within[BOUNDS + 1];
    double seconds;
} counters;

struct ut_metrics {
    pthread_mutex_t lock;
    const char *const *names;
    size_t count;
    counters *routes; /* [count + 1]: the last for what is no route */
    uint64_t received, sent;
    double audio;
};

ut_metrics *ut_metrics_create(const char *const *routes, size_t count)
{
    ut_metrics *m = calloc(1, sizeof *m);
    if (!m || !(m->routes = calloc(count + 1, sizeof *m->routes))) {
        free(m);
        return NULL;
    }
    pthread_mutex_init(&m->lock, NULL);
    m->names = routes;
    m->count = count;
    return m;
}

void ut_metrics_destroy(ut_metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->lock);
    free(metrics->routes);
    free(metrics);
}

void ut_metrics_request(ut_metrics *metrics, size_t route, int status, double seconds,
                        uint64_t received, uint64_t sent)
{
    size_t b = 0;
    while (b < BOUNDS && seconds > bounds[b])
        b++;
    pthread_mutex_lock(&metrics->lock);
    counters *c = &metrics->routes[route];
    c->by_class[status >= 100 && status < 600 ? status / 100 : 0]++;
    c->within[b]++;
    c->seconds += seconds;
    metrics->received += received;
    metrics->sent += sent;
    pthread_mutex_unlock(&metrics->lock);
}

void ut_metrics_audio(ut_metrics *metrics, double seconds)
{
    pthread_mutex_lock(&metrics->lock);
    metrics->audio += seconds;
    pthread_mutex_unlock(&metrics->lock);
}

static void head(ut_buf *out, const char *name, const char *type, const char *help)
{
    ut_buf_addf(out, "# HELP undertone_%s %s\n# TYPE undertone_%s %s\n", name, help, name, type);
}

static void number(ut_buf *out, const char *name, const char *type, const char *help, double value)
{
    head(out, name, type, help);
    ut_buf_addf(out, "undertone_%s %.15g\n", name, value);
}

static const char *name_of(const ut_metrics *m, size_t route)
{
    return route < m->count ? m->names[route] : "none";
}

static void write_requests(const ut_metrics *m, ut_buf *out)
{
    head(out, "requests_total", "counter",
         "Requests answered; class 0xx: ended without an answer.");
    for (size_t r = 0; r <= m->count; r++)
        for (int c = 0; c < CLASSES; c++)
            if (m->routes[r].by_class[c])
                ut_buf_addf(out, "undertone_requests_total{route=\"%s\",class=\"%dxx\"} %llu\n",
                            name_of(m, r), c, (unsigned long long)m->routes[r].by_class[c]);
    head(out, "request_seconds", "histogram", "From a request's headers to the end of its answer.");
    for (size_t r = 0; r <= m->count; r++) {
        const counters *c = &m->routes[r];
        uint64_t below = 0;
        for (int b = 0; b <= BOUNDS; b++)
            below += c->within[b];
        if (!below)
            continue;
        below = 0;
        for (int b = 0; b <= BOUNDS; b++) {
            char bound[32] = "+Inf";
            below += c->within[b];
            if (b < BOUNDS)
                snprintf(bound, sizeof bound, "%g", bounds[b]);
            ut_buf_addf(out, "undertone_request_seconds_bucket{route=\"%s\",le=\"%s\"} %llu\n",
                        name_of(m, r), bound, (unsigned long long)below);
        }
        ut_buf_addf(out,
                    "undertone_request_seconds_sum{route=\"%s\"} %.6f\n"
                    "undertone_request_seconds_count{route=\"%s\"} %llu\n",
                    name_of(m, r), c->seconds, name_of(m, r), (unsigned long long)below);
    }
}

/* Resident bytes of this process. */
static double resident(void)
{
    long total = 0;
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool read = file && fscanf(file, "%ld %ld", &total, &pages) == 2;
    if (file)
        fclose(file);
    return read ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

void ut_metrics_write(ut_metrics *metrics, const ut_jobs_stats *jobs, size_t connections,
                      ut_buf *out)
{
    pthread_mutex_lock(&metrics->lock);
    write_requests(metrics, out);
    number(out, "received_bytes_total", "counter", "Of requests' bodies.",
           (double)metrics->received);
    number(out, "sent_bytes_total", "counter", "Of answers' bodies.", (double)metrics->sent);
    number(out, "audio_seconds_total", "counter", "Of recordings analysed.", metrics->audio);
    pthread_mutex_unlock(&metrics->lock);
    head(out, "jobs_total", "counter", "Analyses that ended.");
    for (int i = 0; i < 3; i++)
        ut_buf_addf(out, "undertone_jobs_total{state=\"%s\"} %llu\n",
                    ut_job_state_name((ut_job_state)(UT_JOB_DONE + i)),
                    (unsigned long long)jobs->ended[i]);
    number(out, "job_seconds_total", "counter", "That workers took for those done.", jobs->seconds);
    number(out, "job_cpu_seconds_total", "counter", "The same in processor time of the workers.",
           jobs->cpu_seconds);
    number(out, "jobs_queued", "gauge", "Analyses that wait.", jobs->queued);
    number(out, "jobs_running", "gauge", "Analyses at work.", jobs->running);
    number(out, "results_kept", "gauge", "Results that can be fetched.", jobs->kept);
    number(out, "connections", "gauge", "Open connections.", (double)connections);
    number(out, "cpu_seconds_total", "counter", "Processor time of the process.", ut_clock_cpu());
    number(out, "resident_bytes", "gauge", "Resident memory of the process.", resident());
}
