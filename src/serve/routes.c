/* What can be asked, in one table. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "serve/internal.h"

static void answer_health(ut_call *call)
{
    ut_respond_json(call, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

static void answer_ready(ut_call *call)
{
    if (call->server->draining) {
        ut_fault_draining(&call->fault);
    } else {
        ut_respond_json(call, MHD_HTTP_OK, json_pack("{s:s}", "status", "ready"));
    }
}

static void answer_version(ut_call *call)
{
    const ut_settings *s = call->server->settings;
    ut_respond_json(call, MHD_HTTP_OK,
                    json_pack("{s:s, s:s, s:b, s:b, s:{s:i, s:i, s:i, s:i, s:i, s:i, s:i}}",
                              "version", ut_version(), "models",
                              ut_engine_summary(call->server->engine), "store", s->store != NULL,
                              "runs", s->output_dir != NULL, "limits", "upload_mib", s->max_upload,
                              "upload_seconds", s->upload_timeout, "recording_minutes",
                              s->max_minutes, "analyses_at_once", s->workers, "queue", s->queue,
                              "analyses_a_minute", s->rate, "result_seconds", s->keep_results));
}

static void answer_metrics(ut_call *call)
{
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_jobs_stats stats = ut_jobs_count(call->server->jobs);
    ut_metrics_write(call->server->metrics, &stats, ut_connections_count(call->server->connections),
                     &text);
    ut_respond_buf(call, &text, "text/plain; version=0.0.4; charset=utf-8");
}

static const ut_route routes[] = {
    {"POST", "/analyze_emotion", ut_answer_analysis, UT_ROUTE_FORM},
    {"POST", "/v1/audio/transcriptions", ut_answer_analysis, UT_ROUTE_FORM | UT_ROUTE_OPENAI},
    {"POST", "/jobs", ut_answer_job_made, UT_ROUTE_FORM},
    {"GET", "/jobs/{id}", ut_answer_job, 0},
    {"DELETE", "/jobs/{id}", ut_answer_job_gone, 0},
    {"GET", "/jobs/{id}/events", ut_answer_job_events, 0},
    {"GET", "/jobs/{id}/result", ut_answer_job_result, 0},
    {"GET", "/jobs/{id}/export", ut_answer_job_export, UT_ROUTE_CLERK},
    {"GET", "/jobs/{id}/labels", ut_answer_job_corrected, 0},
    {"POST", "/jobs/{id}/labels", ut_answer_job_labels, UT_ROUTE_JSON | UT_ROUTE_CLERK},
    {"GET", "/runs", ut_answer_runs, UT_ROUTE_CLERK},
    {"GET", "/runs/compare", ut_answer_run_compare, UT_ROUTE_CLERK},
    {"GET", "/runs/{id}", ut_answer_run, UT_ROUTE_CLERK},
    {"GET", "/runs/{id}/logs", ut_answer_run_logs, UT_ROUTE_CLERK},
    {"GET", "/lineage", ut_answer_lineage, UT_ROUTE_CLERK},
    {"GET", "/lineage.svg", ut_answer_lineage_svg, UT_ROUTE_CLERK},
    {"GET", "/healthz", answer_health, UT_ROUTE_OPEN},
    {"GET", "/readyz", answer_ready, UT_ROUTE_OPEN},
    {"GET", "/version", answer_version, UT_ROUTE_OPEN},
    {"GET", "/metrics", answer_metrics, 0},
    {"GET", "/openapi.json", ut_answer_asset, UT_ROUTE_OPEN},
    {"GET", "/", ut_answer_asset, UT_ROUTE_OPEN},
    {"GET", "/page/*", ut_answer_asset, UT_ROUTE_OPEN},
    {"GET", "/components/*", ut_answer_asset, UT_ROUTE_OPEN},
    {"GET", "/vendor/*", ut_answer_asset, UT_ROUTE_OPEN},
};
enum { ROUTES = sizeof routes / sizeof *routes };

size_t ut_route_count(void)
{
    return ROUTES;
}

const ut_route *ut_route_at(size_t index)
{
    return &routes[index];
}

/* Whether the path is of that form; fills `part`. */
static bool fits(const char *form, const char *path, char part[UT_ROUTE_PART])
{
    part[0] = 0;
    while (*form && *form != '{' && *form != '*') {
        if (*form++ != *path++)
            return false;
    }
    if (!*form)
        return !*path;
    bool rest = *form == '*';
    size_t n = rest ? strlen(path) : strcspn(path, "/");
    if (!n || n >= UT_ROUTE_PART)
        return false;
    memcpy(part, path, n);
    part[n] = 0;
    return rest || strcmp(form + strcspn(form, "}") + 1, path + n) == 0;
}

const ut_route *ut_route_find(const char *method, const char *path, char part[UT_ROUTE_PART],
                              char allowed[64])
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    const char *form = NULL; /* the first that fits rules: a later one is not meant */
    size_t used = 0;
    allowed[0] = 0;
    for (size_t i = 0; i < ROUTES; i++) {
        const ut_route *r = &routes[i];
        if (form ? strcmp(form, r->path) != 0 : !fits(r->path, path, part))
            continue;
        form = r->path;
        if (strcmp(r->method, wanted) == 0)
            return r;
        used += (size_t)snprintf(allowed + used, 64 - used, "%s%s%s", used ? ", " : "", r->method,
                                 strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
    }
    return NULL;
}

const char *ut_call_query(ut_call *call, const char *name)
{
    const char *value = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
    if (value && *value)
        return value;
    ut_fault_set(&call->fault, 400, "bad_request", "see /openapi.json",
                 "the query has no value for %s", name);
    return NULL;
}
