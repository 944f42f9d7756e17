/* Counters of the service, as Prometheus reads them. Any number of threads. */
#ifndef UT_SERVE_METRICS_H
#define UT_SERVE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "serve/jobs.h"

typedef struct ut_metrics ut_metrics;

/* `routes`: names of the routes, literals. NULL when out of memory. */
ut_metrics *ut_metrics_create(const char *const *routes, size_t count);
void ut_metrics_destroy(ut_metrics *metrics);

/* A request that ended; `route` is an index, `count` for none. */
void ut_metrics_request(ut_metrics *metrics, size_t route, int status, double seconds,
                        uint64_t received, uint64_t sent);
void ut_metrics_audio(ut_metrics *metrics, double seconds);

void ut_metrics_write(ut_metrics *metrics, const ut_jobs_stats *jobs, size_t connections,
                      ut_buf *out);

#endif
