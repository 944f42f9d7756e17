/* What is asked about recorded runs: the home of --output_dir, looked at afresh each time, since
 * runs are made beside the service. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "pipeline/home.h"
#include "pipeline/lineage.h"
#include "pipeline/records.h"
#include "serve/internal.h"

/* What is not found is not told where. */
static void record_fault(ut_call *call, const ut_error *err)
{
    if (err->status == UT_ERR_NOT_FOUND)
        ut_fault_set(&call->fault, 404, "not_found", "GET /runs lists runs",
                     "no run or artifact of that name is recorded");
    else if (err->status == UT_ERR_USAGE)
        ut_fault_set(&call->fault, 404, "not_found", "GET /runs lists runs", "%s", err->message);
    else if (err->status == UT_ERR_LIMIT)
        ut_fault_set(&call->fault, 400, "bad_request", "see /openapi.json", "%s", err->message);
    else
        ut_fault_internal(&call->fault, err);
}

static ut_records *open_records(ut_call *call)
{
    ut_error err;
    char *home;
    ut_records *records = NULL;
    if (!call->server->settings->output_dir) {
        ut_fault_set(&call->fault, 404, "no_records", "start the service with --output_dir DIR",
                     "this service shows no runs");
        return NULL;
    }
    ut_status status = ut_home_find(call->server->settings->output_dir, NULL, &home, &err);
    if (status == UT_OK) {
        status = ut_records_open_existing(home, &records, &err);
        free(home);
    }
    if (status == UT_ERR_NOT_FOUND)
        ut_fault_set(&call->fault, 404, "no_records", "undertone run --output_dir DIR makes one",
                     "no run was recorded there");
    else if (status != UT_OK)
        record_fault(call, &err);
    return status == UT_OK ? records : NULL;
}

/* Whether all of it was read; else the fault is set. Takes over what there is. */
static void respond_rows(ut_call *call, ut_status status, const ut_error *err, json_t *json)
{
    if (status == UT_OK) {
        ut_respond_json(call, MHD_HTTP_OK, json);
        return;
    }
    json_decref(json);
    record_fault(call, err);
}

static json_t *newest_first(json_t *rows)
{
    json_t *turned = json_array();
    for (size_t i = json_array_size(rows); i-- > 0;)
        json_array_append(turned, json_array_get(rows, i));
    json_decref(rows);
    return turned;
}

void ut_answer_runs(ut_call *call)
{
    ut_error err;
    json_t *runs = NULL;
    ut_records *records = open_records(call);
    if (!records)
        return;
    ut_status status = ut_records_runs(records, &runs, &err);
    ut_records_close(records);
    respond_rows(call, status, &err,
                 status == UT_OK ? json_pack("{s:o}", "runs", newest_first(runs)) : NULL);
}

static ut_status read_run(ut_records *records, const char *id, json_t **run, json_t **steps,
                          ut_error *err)
{
    *run = *steps = NULL;
    UT_TRY(ut_records_run(records, id, run, err));
    return ut_records_steps(records, id, steps, err);
}

void ut_answer_run(ut_call *call)
{
    ut_error err;
    json_t *run;
    json_t *steps;
    ut_records *records = open_records(call);
    if (!records)
        return;
    ut_status status = read_run(records, call->part, &run, &steps, &err);
    ut_records_close(records);
    if (status != UT_OK) {
        json_decref(run);
        json_decref(steps);
        record_fault(call, &err);
        return;
    }
    ut_respond_json(call, MHD_HTTP_OK, json_pack("{s:o, s:o}", "run", run, "steps", steps));
}

void ut_answer_run_logs(ut_call *call)
{
    ut_error err;
    json_t *lines = NULL;
    ut_records *records = open_records(call);
    if (!records)
        return;
    ut_status status = ut_records_lines(records, call->part, &lines, &err);
    ut_records_close(records);
    respond_rows(call, status, &err, status == UT_OK ? json_pack("{s:o}", "lines", lines) : NULL);
}

void ut_answer_run_compare(ut_call *call)
{
    ut_error err;
    json_t *runs[2] = {NULL, NULL};
    json_t *differences = NULL;
    const char *a = ut_call_query(call, "a");
    const char *b = a ? ut_call_query(call, "b") : NULL;
    ut_records *records = b ? open_records(call) : NULL;
    if (!records)
        return;
    ut_status status = ut_records_compare(records, a, b, runs, &differences, &err);
    ut_records_close(records);
    respond_rows(call, status, &err,
                 status == UT_OK ? json_pack("{s:o, s:o, s:o}", "a", runs[0], "b", runs[1],
                                             "differences", differences)
                                 : NULL);
}

/* --- lineage -----------------------------------------------------------------------------------
 */

static json_t *read_lineage(ut_call *call, char sha256[UT_SHA256_HEX])
{
    ut_error err;
    json_t *artifact = NULL;
    json_t *lineage = NULL;
    const char *name = ut_call_query(call, "artifact");
    ut_records *records = name ? open_records(call) : NULL;
    if (!records)
        return NULL;
    ut_status status = ut_records_artifact(records, name, &artifact, &err);
    if (status == UT_OK) {
        snprintf(sha256, UT_SHA256_HEX, "%s", ut_json_string_or(artifact, "sha256", ""));
        status = ut_records_lineage(records, sha256, &lineage, &err);
    }
    json_decref(artifact);
    ut_records_close(records);
    if (status != UT_OK)
        record_fault(call, &err);
    return status == UT_OK ? lineage : NULL;
}

void ut_answer_lineage(ut_call *call)
{
    char sha256[UT_SHA256_HEX];
    json_t *lineage = read_lineage(call, sha256);
    if (lineage)
        ut_respond_json(call, MHD_HTTP_OK, lineage);
}

void ut_answer_lineage_svg(ut_call *call)
{
    ut_error err;
    char sha256[UT_SHA256_HEX];
    json_t *lineage = read_lineage(call, sha256);
    if (!lineage)
        return;
    ut_buf svg;
    ut_buf_init(&svg, 0);
    ut_status status = ut_lineage_svg(lineage, sha256, &svg, &err);
    json_decref(lineage);
    if (status == UT_OK) {
        ut_respond_buf(call, &svg, "image/svg+xml");
        return;
    }
    ut_buf_free(&svg);
    record_fault(call, &err);
}
