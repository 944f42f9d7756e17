/* Forgetting runs, removing what no run names, and taking over another home. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/artifacts.h"
#include "pipeline/home.h"
#include "pipeline/records_internal.h"
#include "pipeline/stacks.h"

ut_status ut_records_delete_run(ut_records *r, const char *id, ut_error *err)
{
    json_t *run;
    UT_TRY(ut_records_run(r, id, &run, err));
    int64_t number = json_integer_value(json_object_get(run, "number"));
    json_decref(run);
    if (ut_records_alive(r, number))
        return ut_fail(err, UT_ERR_USAGE, "records", "the run %s is at work; stop it first", id);
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status = ut_records_do(r, err, "DELETE FROM runs WHERE number=?", "i", number);
    return ut_records_end(r, status, err);
}

/* --- pruning ---------------------------------------------------------------------------------- */

/* No run begins while this is held, and none was at work when it was got. */
static ut_status lock_all(ut_records *r, short type, ut_error *err)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 1, .l_len = 0};
    if (fcntl(r->alive, F_OFD_SETLK, &lock) == 0)
        return UT_OK;
    if (errno == EAGAIN || errno == EACCES)
        return ut_fail(err, UT_ERR_IO, "records", "a run is at work in %s; prune when it has ended",
                       r->home);
    return ut_fail_errno(err, UT_ERR_IO, "records", "cannot lock %s/lock", r->home);
}

/* 1 if some run names the artifact, as what a step made or took. */
static ut_status is_named(ut_records *r, const char *sha256, bool *named, ut_error *err)
{
    sqlite3_stmt *s;
    UT_TRY(ut_records_prepare(r, &s, err,
                              "SELECT EXISTS(SELECT 1 FROM steps WHERE output=?1)"
                              " OR EXISTS(SELECT 1 FROM inputs WHERE sha256=?1)",
                              "t", sha256));
    int rc = sqlite3_step(s);
    *named = rc == SQLITE_ROW && sqlite3_column_int(s, 0);
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? UT_OK : ut_records_fail(r, rc, err);
}

static ut_status prune_file(ut_records *r, const char *name, bool dry, ut_pruned *pruned,
                            ut_error *err)
{
    char sha256[UT_SHA256_HEX];
    struct stat st;
    bool named = false;
    /* <ab>/<62 digits>; anything else in the folder is not ours. */
    if (strlen(name) != UT_SHA256_HEX || name[2] != '/')
        return UT_OK;
    snprintf(sha256, sizeof sha256, "%.2s%s", name, name + 3);
    if (!ut_is_sha256(sha256))
        return UT_OK;
    UT_TRY(is_named(r, sha256, &named, err));
    char *path = named ? NULL : ut_artifact_path(r->artifacts, sha256);
    if (path && stat(path, &st) == 0) {
        pruned->artifacts++;
        pruned->bytes += (uint64_t)st.st_size;
        if (!dry && unlink(path) != 0)
            named = true;
    }
    ut_status status = !named || !path
                           ? UT_OK
                           : ut_fail_errno(err, UT_ERR_IO, "records", "cannot remove %s", path);
    free(path);
    return status;
}

static void sweep(const char *artifacts)
{
    for (unsigned i = 0; i < 256; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", i);
        char *folder = ut_path_join(artifacts, name);
        if (folder)
            ut_file_sweep(folder, "");
        free(folder);
    }
}

static ut_status prune(ut_records *r, bool dry, ut_pruned *pruned, ut_error *err)
{
    static const char unnamed[] = " NOT IN (SELECT output FROM steps WHERE output IS NOT NULL UNION"
                                  " SELECT sha256 FROM inputs)";
    ut_file_list list;
    char sql[512];
    UT_TRY(ut_file_walk(r->artifacts, &list, err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < list.count && status == UT_OK; i++)
        status = prune_file(r, list.names[i], dry, pruned, err);
    ut_file_list_free(&list);
    if (dry || status != UT_OK)
        return status;
    sweep(r->artifacts);
    snprintf(sql, sizeof sql,
             "DELETE FROM cache WHERE artifact%s; DELETE FROM artifacts WHERE sha256%s", unnamed,
             unnamed);
    int rc = sqlite3_exec(r->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? UT_OK : ut_records_fail(r, rc, err);
}

ut_status ut_records_prune(ut_records *r, bool dry, ut_pruned *pruned, ut_error *err)
{
    *pruned = (ut_pruned){0};
    UT_TRY(lock_all(r, F_WRLCK, err));
    ut_status status = ut_records_lock_begin(r, err);
    if (status == UT_OK)
        status = ut_records_end(r, prune(r, dry, pruned, err), err);
    (void)lock_all(r, F_UNLCK, NULL);
    return status;
}

/* --- merging ---------------------------------------------------------------------------------- */

static const char merge_runs[] =
    "INSERT INTO runs(id, pipeline, status, began, ended, version, stack, shard, output_dir,"
    " parameters_json, environment_json, models_json, metrics_json, files, failed)"
    " SELECT id, pipeline, iif(status = 'running', 'interrupted', status), began, ended, version,"
    " stack, shard, output_dir, parameters_json, environment_json, models_json, metrics_json,"
    " files, failed FROM other.runs WHERE id NOT IN (SELECT id FROM main.runs) ORDER BY number";

/* Numbers of steps are given anew: the offset is beyond every number here. */
static const char *const merge_rest[] = {
    "INSERT INTO steps(number, run, conversation, step, status, key, output, error, began, seconds)"
    " SELECT s.number + (SELECT base FROM merging), m.number, conversation, step, s.status, key,"
    " output, error, s.began, seconds FROM other.steps s JOIN other.runs o ON o.number = s.run"
    " JOIN main.runs m ON m.id = o.id WHERE o.id IN (SELECT id FROM merging_runs)",
    "INSERT INTO inputs(step, name, sha256) SELECT i.step + (SELECT base FROM merging), i.name,"
    " sha256 FROM other.inputs i WHERE i.step + (SELECT base FROM merging)"
    " IN (SELECT number FROM main.steps)",
    "INSERT INTO log(run, at, level, line) SELECT m.number, at, level, line FROM other.log l"
    " JOIN other.runs o ON o.number = l.run JOIN main.runs m ON m.id = o.id"
    " WHERE o.id IN (SELECT id FROM merging_runs) ORDER BY l.number",
    "INSERT OR IGNORE INTO artifacts SELECT * FROM other.artifacts",
    "INSERT OR IGNORE INTO cache SELECT * FROM other.cache",
    "DROP TABLE merging",
    "DROP TABLE merging_runs",
};

static int merge_records(sqlite3 *db, size_t *runs)
{
    int rc = sqlite3_exec(
        db,
        "CREATE TEMP TABLE merging AS SELECT coalesce(max(number), 0) AS base FROM main.steps;"
        "CREATE TEMP TABLE merging_runs AS SELECT id FROM other.runs"
        " WHERE id NOT IN (SELECT id FROM main.runs)",
        NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, merge_runs, NULL, NULL, NULL);
    *runs = rc == SQLITE_OK ? (size_t)sqlite3_changes(db) : 0;
    for (size_t i = 0; i < sizeof merge_rest / sizeof *merge_rest && rc == SQLITE_OK; i++)
        rc = sqlite3_exec(db, merge_rest[i], NULL, NULL, NULL);
    return rc;
}

/* Artifacts come before the records that name them; each is checked on its way. */
static ut_status merge_artifacts(const char *from, const char *to, ut_error *err)
{
    ut_file_list list;
    UT_TRY(ut_file_walk(from, &list, err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < list.count && status == UT_OK; i++) {
        char sha256[UT_SHA256_HEX + 1];
        char *data = NULL;
        size_t length;
        snprintf(sha256, sizeof sha256, "%.2s%s", list.names[i],
                 strlen(list.names[i]) > 3 ? list.names[i] + 3 : "");
        if (!ut_is_sha256(sha256))
            continue;
        status = ut_artifact_get(from, sha256, &data, &length, err);
        if (status == UT_OK)
            status = ut_artifact_put(to, data, length, sha256, err);
        else if (status == UT_ERR_MISMATCH)
            status = UT_OK; /* it will be made again when it is needed */
        free(data);
    }
    ut_file_list_free(&list);
    return status;
}

ut_status ut_records_merge(ut_records *r, const char *home, size_t *runs, ut_error *err)
{
    ut_records *other;
    sqlite3_stmt *s;
    UT_TRY(ut_records_open_existing(home, &other, err)); /* looks at its version, too */
    ut_status status = ut_stack_use(other, NULL, err);
    if (status == UT_OK)
        status = merge_artifacts(other->artifacts, r->artifacts, err);
    pthread_mutex_lock(&r->lock);
    if (status == UT_OK)
        status = ut_records_prepare(r, &s, err, "ATTACH ? AS other", "t", other->path);
    if (status == UT_OK) {
        int rc = sqlite3_step(s);
        sqlite3_reset(s);
        if (rc == SQLITE_DONE)
            rc = sqlite3_exec(r->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = merge_records(r->db, runs);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = ut_records_fail(r, rc, err);
        if (!sqlite3_get_autocommit(r->db))
            (void)sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
        (void)sqlite3_exec(r->db, "DETACH other", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&r->lock);
    ut_records_close(other);
    return status;
}
