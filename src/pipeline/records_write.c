/* What runs write into the records, and the cache. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/records_internal.h"

/* --- the life of a run ------------------------------------------------------------------------ */

static struct flock byte_of(int64_t run)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = run, .l_len = 1};
}

bool ut_records_alive(const ut_records *r, int64_t run)
{
    struct flock probe = byte_of(run);
    if (run == r->run)
        return true;
    return r->alive >= 0 && fcntl(r->alive, F_OFD_GETLK, &probe) == 0 && probe.l_type != F_UNLCK;
}

/* Waits while something is pruned, so that the run sees what is left. */
static ut_status come_alive(ut_records *r, int64_t run, ut_error *err)
{
    struct flock lock = byte_of(run);
    int rc;
    do
        rc = fcntl(r->alive, F_OFD_SETLKW, &lock);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return ut_fail_errno(err, UT_ERR_IO, "records", "cannot lock %s/lock", r->home);
    r->run = run;
    return UT_OK;
}

static void name_run(char id[UT_RUN_ID])
{
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    size_t n = strftime(id, UT_RUN_ID, "%Y%m%d-%H%M%S", &t);
    snprintf(id + n, UT_RUN_ID - n, "-%04x", randombytes_uniform(0x10000));
}

ut_status ut_records_begin_run(ut_records *r, const ut_run_record *run, char id[UT_RUN_ID],
                               ut_error *err)
{
    name_run(id);
    snprintf(r->id, sizeof r->id, "%s", id);
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status = ut_records_do(
        r, err,
        "INSERT INTO runs(id, pipeline, status, began, version, stack, shard, output_dir,"
        " parameters_json, environment_json, models_json, files)"
        " VALUES(?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ttrttttttti", id, run->pipeline, ut_records_now(), UT_VERSION, run->stack, run->shard,
        run->output_dir, run->parameters, run->environment, run->models, (int64_t)run->files);
    int64_t number = sqlite3_last_insert_rowid(r->db);
    status = ut_records_end(r, status, err);
    return status == UT_OK ? come_alive(r, number, err) : status;
}

ut_status ut_records_end_run(ut_records *r, const char *status_name, size_t failed, ut_error *err)
{
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status =
        ut_records_do(r, err, "UPDATE runs SET status=?, ended=?, failed=? WHERE number=?", "trii",
                      status_name, ut_records_now(), (int64_t)failed, r->run);
    status = ut_records_end(r, status, err);
    struct flock lock = byte_of(r->run);
    lock.l_type = F_UNLCK;
    (void)fcntl(r->alive, F_OFD_SETLK, &lock);
    r->run = 0;
    return status;
}

ut_status ut_records_set_metrics(ut_records *r, const char *id, const char *metrics, ut_error *err)
{
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status =
        ut_records_do(r, err, "UPDATE runs SET metrics_json=? WHERE id=?", "tt", metrics, id);
    return ut_records_end(r, status, err);
}

void ut_records_log(ut_records *r, ut_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (!r->run || ut_records_lock_begin(r, NULL) != UT_OK)
        return;
    ut_status status =
        ut_records_do(r, NULL, "INSERT INTO log(run, at, level, line) VALUES(?, ?, ?, ?)", "irtt",
                      r->run, ut_records_now(), names[level], line);
    /* A log that cannot be written must not stop the work; it is on the terminal, too. */
    status = ut_records_end(r, status, NULL);
    (void)status;
}

/* --- steps ------------------------------------------------------------------------------------ */

static ut_status add_artifact(ut_records *r, const char *sha256, const char *kind, const char *name,
                              bool stored, size_t bytes, ut_error *err)
{
    return ut_records_do(
        r, err,
        "INSERT INTO artifacts(sha256, kind, name, stored, bytes, created)"
        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(sha256) DO UPDATE"
        " SET stored = 1 WHERE excluded.stored > stored", /* else nothing is written */
        "tttiir", sha256, kind, name, (int64_t)stored, (int64_t)bytes, ut_records_now());
}

static ut_status add_inputs(ut_records *r, const ut_step_record *s, int64_t step, ut_error *err)
{
    for (size_t i = 0; i < sizeof s->inputs / sizeof *s->inputs; i++)
        if (s->inputs[i].name)
            UT_TRY(ut_records_do(r, err,
                                 "INSERT OR IGNORE INTO inputs(step, name, sha256) VALUES(?, ?, ?)",
                                 "itt", step, s->inputs[i].name, s->inputs[i].sha256));
    return UT_OK;
}

static ut_status add_step(ut_records *r, const ut_step_record *s, ut_error *err)
{
    UT_TRY(ut_records_do(r, err,
                         "INSERT INTO steps(run, conversation, step, status, key, output, error,"
                         " began, seconds) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "ittttttrr", r->run, s->conversation, s->step, s->status, s->key,
                         s->output, s->error, s->began, s->seconds));
    UT_TRY(add_inputs(r, s, sqlite3_last_insert_rowid(r->db), err));
    if (!s->output || strcmp(s->status, "completed") != 0)
        return UT_OK;
    char name[1024];
    snprintf(name, sizeof name, "%s/%s", s->conversation, s->step);
    UT_TRY(add_artifact(r, s->output, s->kind, name, true, s->bytes, err));
    return ut_records_do(r, err,
                         "INSERT INTO cache(key, artifact) VALUES(?, ?)"
                         " ON CONFLICT(key) DO UPDATE SET artifact = excluded.artifact",
                         "tt", s->key, s->output);
}

ut_status ut_records_add_steps(ut_records *r, const ut_step_record *steps, size_t count,
                               ut_error *err)
{
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = add_step(r, &steps[i], err);
    return ut_records_end(r, status, err);
}

ut_status ut_records_add_source(ut_records *r, const char *sha256, const char *kind,
                                const char *name, ut_error *err)
{
    UT_TRY(ut_records_lock_begin(r, err));
    ut_status status = add_artifact(r, sha256, kind, name, false, 0, err);
    return ut_records_end(r, status, err);
}

/* --- the cache -------------------------------------------------------------------------------- */

/* The one column of the first row, "" without one. The caller holds the lock. */
static ut_status first_text(ut_records *r, sqlite3_stmt *s, char *out, size_t room, ut_error *err)
{
    int rc = sqlite3_step(s);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    snprintf(out, room, "%s", text ? text : "");
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? UT_OK : ut_records_fail(r, rc, err);
}

ut_status ut_records_cached(ut_records *r, const char *key, char sha256[UT_SHA256_HEX],
                            ut_error *err)
{
    sqlite3_stmt *s;
    pthread_mutex_lock(&r->lock);
    ut_status status =
        ut_records_prepare(r, &s, err, "SELECT artifact FROM cache WHERE key=?", "t", key);
    if (status == UT_OK)
        status = first_text(r, s, sha256, UT_SHA256_HEX, err);
    pthread_mutex_unlock(&r->lock);
    return status == UT_OK && !*sha256 ? UT_ERR_NOT_FOUND : status;
}

enum { STATE = 160, STATE_AND_HASH = STATE + UT_SHA256_HEX };

/* What changes when a file does. */
static bool state_of(const char *path, char state[STATE], double *touched)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    snprintf(state, STATE, "%llx:%llx:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    *touched = (double)st.st_ctim.tv_sec + (double)st.st_ctim.tv_nsec * 1e-9;
    return true;
}

static ut_status put_state(ut_records *r, const char *path, const char *state, const char *sha256,
                           ut_error *err)
{
    return ut_records_do(r, err,
                         "INSERT INTO files(path, state, sha256) VALUES(?, ?, ?)"
                         " ON CONFLICT(path) DO UPDATE SET state = excluded.state,"
                         " sha256 = excluded.sha256",
                         "ttt", path, state, sha256);
}

static ut_status remember(ut_records *r, const char *path, const char *state, const char *sha256,
                          ut_error *err)
{
    UT_TRY(ut_records_lock_begin(r, err));
    return ut_records_end(r, put_state(r, path, state, sha256, err), err);
}

static ut_status hash_at(ut_records *r, const char *path, char sha256[UT_SHA256_HEX], ut_error *err)
{
    char state[STATE];
    char known[STATE_AND_HASH];
    double touched;
    sqlite3_stmt *s;
    if (!state_of(path, state, &touched))
        return ut_fail_errno(err, UT_ERR_IO, "records", "cannot open %s", path);
    pthread_mutex_lock(&r->lock);
    ut_status status =
        ut_records_prepare(r, &s, err, "SELECT sha256 || state FROM files WHERE path=?", "t", path);
    if (status == UT_OK)
        status = first_text(r, s, known, sizeof known, err);
    pthread_mutex_unlock(&r->lock);
    if (status != UT_OK)
        return status;
    if (strlen(known) > UT_SHA256_HEX && strcmp(known + UT_SHA256_HEX - 1, state) == 0) {
        memcpy(sha256, known, UT_SHA256_HEX - 1);
        sha256[UT_SHA256_HEX - 1] = 0;
        return UT_OK;
    }
    double now = ut_records_now();
    UT_TRY(ut_sha256_file(path, sha256, err));
    char after[STATE];
    bool same = state_of(path, after, &touched) && strcmp(state, after) == 0;
    return same && now - touched > 0.05 ? remember(r, path, state, sha256, err) : UT_OK;
}

ut_status ut_records_hash_file(ut_records *r, const char *path, char sha256[UT_SHA256_HEX],
                               ut_error *err)
{
    char *real = realpath(path, NULL);
    if (!real)
        return ut_fail_errno(err, errno == ENOENT ? UT_ERR_NOT_FOUND : UT_ERR_IO, "records",
                             "cannot open %s", path);
    ut_status status = hash_at(r, real, sha256, err);
    free(real);
    return status;
}

bool ut_records_are_files(ut_records *r, const char *folder, const json_t *files)
{
    const char *name;
    json_t *sha256;
    char *real = realpath(folder, NULL);
    bool same = real && json_object_size(files) > 0;
    json_object_foreach((json_t *)(uintptr_t)files, name, sha256)
    {
        char hex[UT_SHA256_HEX];
        const char *want = json_string_value(sha256);
        char *path = same && want ? ut_path_join(real, name) : NULL;
        same = path && hash_at(r, path, hex, NULL) == UT_OK && strcmp(hex, want) == 0;
        free(path);
    }
    free(real);
    return same;
}

ut_status ut_records_note_files(ut_records *r, const char *folder, const json_t *files,
                                ut_error *err)
{
    const char *name;
    json_t *sha256;
    char state[STATE];
    double touched;
    char *real = realpath(folder, NULL);
    if (!real)
        return ut_fail_errno(err, UT_ERR_IO, "records", "cannot open %s", folder);
    ut_status status = ut_records_lock_begin(r, err);
    bool locked = status == UT_OK;
    json_object_foreach((json_t *)(uintptr_t)files, name, sha256)
    {
        char *path = status == UT_OK ? ut_path_join(real, name) : NULL;
        if (path && state_of(path, state, &touched))
            status = put_state(r, path, state, json_string_value(sha256), err);
        free(path);
    }
    free(real);
    return locked ? ut_records_end(r, status, err) : status;
}
