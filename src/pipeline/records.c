/* Opening the records, and the little that all of them are made with. */
#include "pipeline/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/database.h"
#include "base/error.h"
#include "base/file.h"
#include "pipeline/home.h"
#include "pipeline/records_internal.h"

enum {
    APPLICATION = 0x75740002, /* "ut", kind 2: tells our files from other SQLite files */
    SCHEMA = 1,
    WAIT_MS = 10000
};

static const char schema[] =
    "CREATE TABLE runs(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL,"
    " status TEXT NOT NULL, began REAL NOT NULL, ended REAL, version TEXT NOT NULL, stack TEXT,"
    " shard TEXT, output_dir TEXT, parameters_json TEXT, environment_json TEXT, models_json TEXT,"
    " metrics_json TEXT, files INTEGER NOT NULL, failed INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE steps(number INTEGER PRIMARY KEY, run INTEGER NOT NULL"
    " REFERENCES runs(number) ON DELETE CASCADE, conversation TEXT NOT NULL, step TEXT NOT NULL,"
    " status TEXT NOT NULL, key TEXT, output TEXT, error TEXT, began REAL NOT NULL,"
    " seconds REAL NOT NULL);"
    "CREATE INDEX steps_of_run ON steps(run);"
    "CREATE INDEX steps_of_output ON steps(output);"
    "CREATE TABLE inputs(step INTEGER NOT NULL REFERENCES steps(number) ON DELETE CASCADE,"
    " name TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY(step, name)) WITHOUT ROWID;"
    "CREATE INDEX inputs_of_artifact ON inputs(sha256);"
    "CREATE TABLE artifacts(sha256 TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " stored INTEGER NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cache(key TEXT PRIMARY KEY, artifact TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE files(path TEXT PRIMARY KEY, state TEXT NOT NULL, sha256 TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE log(number INTEGER PRIMARY KEY, run INTEGER NOT NULL"
    " REFERENCES runs(number) ON DELETE CASCADE, at REAL NOT NULL, level TEXT NOT NULL,"
    " line TEXT NOT NULL);"
    "CREATE INDEX log_of_run ON log(run);";

ut_status ut_records_fail(const ut_records *r, int rc, ut_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return ut_fail_memory(err, "records");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ut_fail(err, UT_ERR_FORMAT, "records",
                       "%s is damaged; move it away and run again: what is lost is the history of "
                       "runs and the knowledge of what is done already, not the results",
                       r->path);
    case SQLITE_FULL:
        return ut_fail(err, UT_ERR_IO, "records", "no space left for %s; make room there", r->path);
    case SQLITE_BUSY:
        return ut_fail(err, UT_ERR_IO, "records",
                       "another program keeps %s locked; try again when it is done", r->path);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ut_fail(err, UT_ERR_IO, "records",
                       "%s cannot be opened or written; check the permissions of its folder, or "
                       "`undertone init` another",
                       r->path);
    case SQLITE_IOERR:
        if ((errno = sqlite3_system_errno(r->db)) != 0)
            return ut_fail_errno(err, UT_ERR_IO, "records", "cannot write %s", r->path);
        /* fall through */
    default:
        return ut_fail(err, UT_ERR_IO, "records", "%s: %s", r->path, sqlite3_errmsg(r->db));
    }
}

double ut_records_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- statements ------------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *s, const char *kinds, va_list arguments)
{
    int rc = SQLITE_OK;
    for (int i = 1; *kinds && rc == SQLITE_OK; i++, kinds++) {
        if (*kinds == 't')
            rc = sqlite3_bind_text(s, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
        else if (*kinds == 'i')
            rc = sqlite3_bind_int64(s, i, va_arg(arguments, int64_t));
        else
            rc = sqlite3_bind_double(s, i, va_arg(arguments, double));
    }
    return rc;
}

static ut_status prepare(ut_records *r, sqlite3_stmt **out, ut_error *err, const char *sql,
                         const char *kinds, va_list arguments)
{
    size_t i = 0;
    while (i < r->prepared_count && r->prepared[i].sql != sql)
        i++;
    if (i == r->prepared_count) {
        if (i == sizeof r->prepared / sizeof *r->prepared)
            return ut_fail(err, UT_ERR_INTERNAL, "records", "too many statements");
        int rc = sqlite3_prepare_v2(r->db, sql, -1, &r->prepared[i].statement, NULL);
        if (rc != SQLITE_OK)
            return ut_records_fail(r, rc, err);
        r->prepared[i].sql = sql;
        r->prepared_count++;
    }
    int rc = bind(r->prepared[i].statement, kinds, arguments);
    *out = r->prepared[i].statement;
    return rc == SQLITE_OK ? UT_OK : ut_records_fail(r, rc, err);
}

ut_status ut_records_prepare(ut_records *r, sqlite3_stmt **out, ut_error *err, const char *sql,
                             const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    ut_status status = prepare(r, out, err, sql, kinds, arguments);
    va_end(arguments);
    return status;
}

ut_status ut_records_do(ut_records *r, ut_error *err, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *s;
    va_list arguments;
    va_start(arguments, kinds);
    ut_status status = prepare(r, &s, err, sql, kinds, arguments);
    va_end(arguments);
    if (status != UT_OK)
        return status;
    int rc = sqlite3_step(s);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        status = ut_records_fail(r, rc, err);
    sqlite3_reset(s);
    return status;
}

ut_status ut_records_lock_begin(ut_records *r, ut_error *err)
{
    pthread_mutex_lock(&r->lock);
    ut_status status = ut_records_do(r, err, "BEGIN IMMEDIATE", "");
    if (status != UT_OK)
        pthread_mutex_unlock(&r->lock);
    return status;
}

ut_status ut_records_end(ut_records *r, ut_status status, ut_error *err)
{
    if (status == UT_OK)
        status = ut_records_do(r, err, "COMMIT", "");
    if (status != UT_OK && !sqlite3_get_autocommit(r->db))
        (void)sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&r->lock);
    return status;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* One statement, so that all three are of one moment: another program may be making the tables. */
static int look(sqlite3 *db, int *application, int *version, int *tables)
{
    sqlite3_stmt *s;
    int rc = sqlite3_prepare_v2(db,
                                "SELECT (SELECT count(*) FROM sqlite_master), application_id, "
                                "user_version FROM pragma_application_id, pragma_user_version",
                                -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *tables = sqlite3_column_int(s, 0);
        *application = sqlite3_column_int(s, 1);
        *version = sqlite3_column_int(s, 2);
    }
    return sqlite3_finalize(s);
}

static ut_status check_version(ut_records *r, bool *empty, ut_error *err)
{
    int application = 0;
    int version = 0;
    int tables = 0;
    int rc = look(r->db, &application, &version, &tables);
    if (rc != SQLITE_OK)
        return ut_records_fail(r, rc, err);
    *empty = !tables && !application;
    if (*empty)
        return UT_OK;
    if (application != APPLICATION)
        return ut_fail(err, UT_ERR_FORMAT, "records",
                       "%s was made by another program; move it away", r->path);
    if (version > SCHEMA)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "records",
                       "%s is from a newer undertone (format %d, this one reads %d); update "
                       "undertone, or move the folder away to begin anew",
                       r->path, version, SCHEMA);
    return UT_OK;
}

/* Two programs may find the file empty at once: the second finds it made. */
static ut_status create_tables(ut_records *r, ut_error *err)
{
    char sql[96];
    bool empty = false;
    UT_TRY(ut_records_do(r, err, "BEGIN IMMEDIATE", ""));
    ut_status status = check_version(r, &empty, err);
    if (status == UT_OK && empty) {
        snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION,
                 SCHEMA);
        int rc = sqlite3_exec(r->db, schema, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(r->db, sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = ut_records_fail(r, rc, err);
    }
    return ut_records_do(r, status == UT_OK ? err : NULL, status == UT_OK ? "COMMIT" : "ROLLBACK",
                         "") == UT_OK
               ? status
               : (status == UT_OK ? UT_ERR_IO : status);
}

static ut_status allocate(const char *home, ut_records **records, ut_error *err)
{
    ut_records *r = calloc(1, sizeof *r);
    if (!r)
        return ut_fail_memory(err, "records");
    pthread_mutex_init(&r->lock, NULL);
    r->alive = -1;
    r->home = strdup(home);
    r->path = ut_home_path(home, "records.db");
    r->artifacts = ut_home_path(home, "artifacts");
    if (!r->home || !r->path || !r->artifacts) {
        ut_records_close(r);
        return ut_fail_memory(err, "records");
    }
    *records = r;
    return UT_OK;
}

static ut_status open_lock(ut_records *r, ut_error *err)
{
    char *path = ut_home_path(r->home, "lock");
    if (!path)
        return ut_fail_memory(err, "records");
    r->alive = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    ut_status status =
        r->alive >= 0 ? UT_OK : ut_fail_errno(err, UT_ERR_IO, "records", "cannot write %s", path);
    free(path);
    return status;
}

static ut_status open_for_runs(ut_records *r, ut_error *err)
{
    bool empty = false;
    UT_TRY(ut_home_create(r->home, err));
    UT_TRY(open_lock(r, err));
    int rc = sqlite3_open_v2(
        r->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(r->db, WAIT_MS);
    if (rc == SQLITE_OK)
        rc = ut_database_use_wal(r->db, WAIT_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(r->db, "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON", NULL, NULL,
                          NULL);
    if (rc != SQLITE_OK)
        return ut_records_fail(r, rc, err);
    UT_TRY(check_version(r, &empty, err));
    return empty ? create_tables(r, err) : UT_OK;
}

ut_status ut_records_open(const char *home, ut_records **records, ut_error *err)
{
    ut_records *r;
    UT_TRY(allocate(home, &r, err));
    ut_status status = open_for_runs(r, err);
    if (status == UT_OK)
        *records = r;
    else
        ut_records_close(r);
    return status;
}

/* A folder that cannot be written has no room for the log's index: then the file is read as it
 * is. */
static ut_status open_for_looking(ut_records *r, ut_error *err)
{
    bool empty = false;
    ut_buf uri;
    if (access(r->home, W_OK) == 0) {
        UT_TRY(open_lock(r, err));
        int rc =
            sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(r->db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return ut_records_fail(r, rc, err);
    } else {
        ut_buf_init(&uri, 65536);
        ut_buf_adds(&uri, "file:");
        for (const char *c = r->path; *c; c++)
            ut_buf_addf(&uri, strchr("%?#", *c) ? "%%%02X" : "%c", (unsigned char)*c);
        ut_buf_adds(&uri, "?immutable=1");
        int rc = ut_buf_status(&uri) == UT_OK
                     ? sqlite3_open_v2(ut_buf_text(&uri), &r->db,
                                       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                                       NULL)
                     : SQLITE_NOMEM;
        ut_buf_free(&uri);
        if (rc != SQLITE_OK)
            return ut_records_fail(r, rc, err);
    }
    sqlite3_busy_timeout(r->db, WAIT_MS);
    UT_TRY(check_version(r, &empty, err));
    return empty ? ut_fail(err, UT_ERR_NOT_FOUND, "records", "no run is recorded in %s", r->home)
                 : UT_OK;
}

ut_status ut_records_open_existing(const char *home, ut_records **records, ut_error *err)
{
    ut_records *r;
    UT_TRY(allocate(home, &r, err));
    ut_status status = ut_file_exists(r->path) ? open_for_looking(r, err)
                                               : ut_fail(err, UT_ERR_NOT_FOUND, "records",
                                                         "no run is recorded in %s yet", home);
    if (status == UT_OK)
        *records = r;
    else
        ut_records_close(r);
    return status;
}

void ut_records_close(ut_records *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->prepared_count; i++)
        sqlite3_finalize(r->prepared[i].statement);
    sqlite3_close(r->db);
    if (r->alive >= 0)
        close(r->alive); /* gives up the lock of its run */
    pthread_mutex_destroy(&r->lock);
    free(r->home);
    free(r->path);
    free(r->artifacts);
    free(r);
}

const char *ut_records_artifacts(const ut_records *r)
{
    return r->artifacts;
}

const char *ut_records_home(const ut_records *r)
{
    return r->home;
}

ut_status ut_records_set_artifacts(ut_records *r, const char *folder, ut_error *err)
{
    char *copy = strdup(folder);
    if (!copy)
        return ut_fail_memory(err, "records");
    free(r->artifacts);
    r->artifacts = copy;
    return ut_file_make_dirs(folder, err);
}
