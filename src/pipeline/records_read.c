/* Looking at the records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pipeline/artifacts.h"
#include "pipeline/records_internal.h"

enum { LINEAGE_MOST = 2000 }; /* steps: beyond that a picture shows nothing */

/* Names of files are bytes; what is not UTF-8 is shown as '?'. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    char *copy = value ? NULL : strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    if (copy)
        value = json_string(copy);
    free(copy);
    return value;
}

static json_t *column(sqlite3_stmt *s, int i)
{
    const char *text;
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(s, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(s, i));
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(s, i);
        if (strstr(sqlite3_column_name(s, i), "_json")) {
            json_t *parsed = json_loads(text, 0, NULL);
            return parsed ? parsed : json_null();
        }
        return text_value(text);
    default:
        return json_null();
    }
}

/* "parameters_json" is called "parameters". */
static void set_column(json_t *row, sqlite3_stmt *s, int i)
{
    char name[64];
    snprintf(name, sizeof name, "%s", sqlite3_column_name(s, i));
    char *ending = strstr(name, "_json");
    if (ending)
        *ending = 0;
    json_object_set_new(row, name, column(s, i));
}

ut_status ut_records_rows(ut_records *r, sqlite3_stmt *s, json_t **rows, ut_error *err)
{
    json_t *list = json_array();
    int rc = SQLITE_DONE;
    while (list && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        json_t *row = json_object();
        for (int i = 0; row && i < sqlite3_column_count(s); i++)
            set_column(row, s, i);
        json_array_append_new(list, row);
    }
    sqlite3_reset(s);
    if (!list || rc != SQLITE_DONE) {
        json_decref(list);
        return list ? ut_records_fail(r, rc, err) : ut_fail_memory(err, "records");
    }
    *rows = list;
    return UT_OK;
}

/* One statement with at most two text arguments, as rows. */
static ut_status ask(ut_records *r, json_t **rows, ut_error *err, const char *sql, const char *a,
                     const char *b)
{
    sqlite3_stmt *s;
    pthread_mutex_lock(&r->lock);
    ut_status status = ut_records_prepare(r, &s, err, sql, a ? b ? "tt" : "t" : "", a, b);
    if (status == UT_OK)
        status = ut_records_rows(r, s, rows, err);
    pthread_mutex_unlock(&r->lock);
    return status;
}

/* A run whose program is gone did not end by itself. */
static void tell_interrupted(ut_records *r, json_t *runs)
{
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run)
    {
        const char *status = json_string_value(json_object_get(run, "status"));
        int64_t number = json_integer_value(json_object_get(run, "number"));
        if (status && strcmp(status, "running") == 0 && !ut_records_alive(r, number))
            json_object_set_new(run, "status", json_string("interrupted"));
    }
}

ut_status ut_records_runs(ut_records *r, json_t **runs, ut_error *err)
{
    UT_TRY(ask(r, runs, err,
               "SELECT number, id, pipeline, status, began, ended, version, stack, shard, files,"
               " failed, output_dir FROM runs ORDER BY began, number",
               NULL, NULL));
    tell_interrupted(r, *runs);
    return UT_OK;
}

ut_status ut_records_run(ut_records *r, const char *id, json_t **run, ut_error *err)
{
    json_t *rows;
    if (strcmp(id, "latest") == 0)
        UT_TRY(ask(r, &rows, err, "SELECT * FROM runs ORDER BY began DESC, number DESC LIMIT 1",
                   NULL, NULL));
    else
        UT_TRY(ask(r, &rows, err, "SELECT * FROM runs WHERE substr(id, 1, length(?1)) = ?1", id,
                   NULL));
    size_t count = json_array_size(rows);
    tell_interrupted(r, rows);
    if (count == 1)
        *run = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    if (count > 1)
        return ut_fail(err, UT_ERR_USAGE, "records", "%zu runs begin with \"%s\"; give more of it",
                       count, id);
    return count
               ? UT_OK
               : ut_fail(err, UT_ERR_NOT_FOUND, "records",
                         "there is no run \"%s\" in %s; `undertone pipeline runs list` lists them",
                         id, r->home);
}

/* The id in full of what the person gave. */
static ut_status full_id(ut_records *r, const char *id, char full[UT_RUN_ID], ut_error *err)
{
    json_t *run;
    UT_TRY(ut_records_run(r, id, &run, err));
    snprintf(full, UT_RUN_ID, "%s", json_string_value(json_object_get(run, "id")));
    json_decref(run);
    return UT_OK;
}

ut_status ut_records_steps(ut_records *r, const char *id, json_t **steps, ut_error *err)
{
    char full[UT_RUN_ID];
    UT_TRY(full_id(r, id, full, err));
    return ask(
        r, steps, err,
        "SELECT conversation, step, s.status, key, output, error, s.began, seconds"
        " FROM steps s JOIN runs r ON r.number = s.run WHERE r.id=? ORDER BY s.began, s.number",
        full, NULL);
}

ut_status ut_records_lines(ut_records *r, const char *id, json_t **lines, ut_error *err)
{
    char full[UT_RUN_ID];
    UT_TRY(full_id(r, id, full, err));
    return ask(r, lines, err,
               "SELECT at, level, line FROM log l JOIN runs r ON r.number = l.run WHERE r.id=?"
               " ORDER BY l.number",
               full, NULL);
}

ut_status ut_records_artifact_list(ut_records *r, json_t **artifacts, ut_error *err)
{
    return ask(r, artifacts, err,
               "SELECT sha256, kind, name, stored, bytes, created FROM artifacts"
               " ORDER BY name, created",
               NULL, NULL);
}

ut_status ut_records_artifact(ut_records *r, const char *name, json_t **artifact, ut_error *err)
{
    json_t *rows = NULL;
    bool is_hash = strlen(name) >= 4 && strspn(name, "0123456789abcdef") == strlen(name);
    if (is_hash)
        UT_TRY(ask(r, &rows, err,
                   "SELECT * FROM artifacts WHERE substr(sha256, 1, length(?1)) = ?1", name, NULL));
    if (!is_hash || json_array_size(rows) == 0) {
        json_decref(rows);
        UT_TRY(ask(r, &rows, err,
                   "SELECT * FROM artifacts WHERE name = ? ORDER BY created DESC LIMIT 1", name,
                   NULL));
    }
    size_t count = json_array_size(rows);
    if (count == 1)
        *artifact = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    if (count > 1)
        return ut_fail(err, UT_ERR_USAGE, "records",
                       "%zu artifacts begin with \"%s\"; give more of it", count, name);
    return count
               ? UT_OK
               : ut_fail(err, UT_ERR_NOT_FOUND, "records",
                         "there is no artifact \"%s\" in %s; `undertone artifact list` lists them",
                         name, r->home);
}

/* --- lineage ---------------------------------------------------------------------------------- */

/* The first step that made each artifact stands for all later ones, which found it in the cache. */
static const char lineage_steps[] =
    "WITH RECURSIVE up(sha) AS (SELECT ?1 UNION SELECT i.sha256 FROM up"
    "  JOIN steps s ON s.output = up.sha JOIN inputs i ON i.step = s.number),"
    " down(sha) AS (SELECT ?1 UNION SELECT s.output FROM down"
    "  JOIN inputs i ON i.sha256 = down.sha JOIN steps s ON s.number = i.step"
    "  WHERE s.output IS NOT NULL),"
    " kin(sha) AS (SELECT sha FROM up UNION SELECT sha FROM down)"
    " SELECT min(s.number) AS number, conversation, step, s.output, r.id AS run, s.began, s.seconds"
    " FROM steps s JOIN runs r ON r.number = s.run"
    " WHERE s.output IN (SELECT sha FROM kin) AND s.status = 'completed'"
    " GROUP BY s.output, s.key ORDER BY s.number LIMIT 2001";

static const char lineage_inputs[] = "SELECT name, sha256 FROM inputs WHERE step=? ORDER BY name";
static const char lineage_artifact[] =
    "SELECT sha256, kind, name, stored, bytes, created FROM artifacts WHERE sha256=?";

static ut_status add_by_hash(ut_records *r, json_t *found, const char *sha256, ut_error *err)
{
    json_t *rows;
    if (json_object_get(found, sha256))
        return UT_OK;
    UT_TRY(ask(r, &rows, err, lineage_artifact, sha256, NULL));
    json_t *row = json_array_get(rows, 0);
    if (row)
        json_object_set(found, sha256, row);
    json_decref(rows);
    return UT_OK;
}

static ut_status add_step_inputs(ut_records *r, json_t *step, json_t *found, ut_error *err)
{
    json_t *rows;
    sqlite3_stmt *s;
    pthread_mutex_lock(&r->lock);
    ut_status status =
        ut_records_prepare(r, &s, err, lineage_inputs, "i",
                           (int64_t)json_integer_value(json_object_get(step, "number")));
    if (status == UT_OK)
        status = ut_records_rows(r, s, &rows, err);
    pthread_mutex_unlock(&r->lock);
    if (status != UT_OK)
        return status;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) if (status == UT_OK) status =
        add_by_hash(r, found, json_string_value(json_object_get(row, "sha256")), err);
    json_object_set_new(step, "inputs", rows);
    if (status == UT_OK)
        status = add_by_hash(r, found, json_string_value(json_object_get(step, "output")), err);
    return status;
}

ut_status ut_records_lineage(ut_records *r, const char *sha256, json_t **lineage, ut_error *err)
{
    json_t *steps;
    UT_TRY(ask(r, &steps, err, lineage_steps, sha256, NULL));
    json_t *found = json_object();
    ut_status status = found ? add_by_hash(r, found, sha256, err) : ut_fail_memory(err, "records");
    if (status == UT_OK && json_array_size(steps) > LINEAGE_MOST)
        status = ut_fail(err, UT_ERR_LIMIT, "records",
                         "over %d steps belong to this artifact; choose one nearer to its end",
                         LINEAGE_MOST);
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) if (status == UT_OK) status =
        add_step_inputs(r, step, found, err);
    json_t *artifacts = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(found, key, value) json_array_append(artifacts, value);
    json_decref(found);
    if (status == UT_OK &&
        !(*lineage = json_pack("{s:o, s:o}", "artifacts", artifacts, "steps", steps)))
        status = ut_fail_memory(err, "records");
    else if (status != UT_OK) {
        json_decref(artifacts);
        json_decref(steps);
    }
    return status;
}
