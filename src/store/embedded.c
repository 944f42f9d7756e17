/* The embedded back end: the file, its kind and its transactions.
 *
 *   space(model, dim)                                       one row
 *   items(n, id, text, label, ..., start, stop, vector, b)  vector: little-endian f32, [dim]
 *   blocks(b, changed, used, data)                          what a search needs of the items of a
 *                                                           block (embedded_blocks.h)
 *   names(key, name)                                        strings that filters compare
 *   basis(one, changed, based, head, defect, matrix)        what blocks are turned to, at most 1
 * row
 *
 * Every change of items changes their blocks in the same transaction and gives them its number, so
 * that another process that searches reads again what has a number it has not seen. */
#include "store/embedded_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/database.h"
#include "base/error.h"
#include "base/file.h"

enum {
    APPLICATION = 0x75740001, /* "ut", kind 1: tells our files from other SQLite files */
    SCHEMA = 3,
    WAIT_MS = 10000
};

static const char schema[] =
    "CREATE TABLE space(model TEXT NOT NULL, dim INTEGER NOT NULL);"
    "CREATE TABLE items(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL,"
    " label INTEGER NOT NULL, speaker TEXT NOT NULL, language TEXT NOT NULL, channel TEXT NOT NULL,"
    " source TEXT NOT NULL, conversation TEXT NOT NULL, start REAL NOT NULL, stop REAL NOT NULL,"
    " vector BLOB NOT NULL, b INTEGER NOT NULL);"
    "CREATE TABLE blocks(b INTEGER PRIMARY KEY, changed INTEGER NOT NULL, used INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX blocks_changed ON blocks(changed);"
    "CREATE INDEX blocks_used ON blocks(used);"
    "CREATE TABLE names(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE basis(one INTEGER PRIMARY KEY, changed INTEGER NOT NULL, based INTEGER NOT NULL,"
    " head INTEGER NOT NULL, defect REAL NOT NULL, matrix BLOB);";

static const char *const texts[UT_ST_STATEMENTS] = {
    [UT_ST_BEGIN_READ] = "BEGIN",
    [UT_ST_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [UT_ST_COMMIT] = "COMMIT",
    [UT_ST_ROLLBACK] = "ROLLBACK",
    [UT_ST_VERSION] = "PRAGMA data_version",
    [UT_ST_INSERT] = "INSERT OR IGNORE INTO items(" UT_EMBEDDED_ITEM
                     ", b) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [UT_ST_COUNT] = "SELECT coalesce(sum(used), 0) FROM blocks",
    [UT_ST_BY_ID] = "SELECT " UT_EMBEDDED_ITEM " FROM items WHERE id = ?1",
    [UT_ST_BY_N] = "SELECT " UT_EMBEDDED_ITEM " FROM items WHERE n = ?1",
    [UT_ST_EACH] = "SELECT " UT_EMBEDDED_ITEM " FROM items ORDER BY id",
    [UT_ST_PLACE] = "SELECT b, n FROM items WHERE id = ?1",
    [UT_ST_REMOVE] = "DELETE FROM items WHERE n = ?1",
    [UT_ST_LABEL] = "UPDATE items SET label = ?2 WHERE n = ?1",
    [UT_ST_NAME_KEY] = "SELECT key FROM names WHERE name = ?1",
    [UT_ST_NEW_NAME] = "INSERT INTO names(name) VALUES(?1)",
    [UT_ST_LAST_CHANGE] = "SELECT coalesce(max(changed), 0) FROM blocks",
    [UT_ST_LAST_BLOCK] = "SELECT coalesce(max(b), -1) FROM blocks",
    [UT_ST_ROOM] = "SELECT b FROM blocks WHERE used < ?1 LIMIT 1",
    [UT_ST_WRITE_BLOCK] = "INSERT OR REPLACE INTO blocks(b, changed, used, data)"
                          " VALUES(?1, ?2, ?3, ?4)",
    [UT_ST_CHANGED] = "SELECT b FROM blocks WHERE changed > ?1 ORDER BY b",
    [UT_ST_BASIS_CHANGE] = "SELECT coalesce(max(changed), 0) FROM basis",
    [UT_ST_BASIS] = "SELECT changed, based, head, defect, matrix FROM basis",
    [UT_ST_NEW_BASIS] = "INSERT OR REPLACE INTO basis(one, changed, based, head, defect, matrix)"
                        " VALUES(1, ?1, ?2, ?3, ?4, ?5)",
    [UT_ST_VECTOR] = "SELECT vector FROM items WHERE n = ?1",
    [UT_ST_VECTORS] = "SELECT vector FROM items",
};

ut_status ut_embedded_fail(const ut_embedded *e, int rc, ut_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return ut_fail_memory(err, "store");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ut_embedded_damaged(e, err);
    case SQLITE_FULL:
        return ut_fail(err, UT_ERR_IO, "store",
                       "no space left for %s; nothing was changed, make room there", e->path);
    case SQLITE_BUSY:
        return ut_fail(err, UT_ERR_IO, "store",
                       "another program keeps %s locked; try again when it is done", e->path);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ut_fail(err, UT_ERR_IO, "store",
                       "%s cannot be opened or written; check its folder's permissions", e->path);
    default:
        return ut_fail(err, UT_ERR_IO, "store", "%s: %s", e->path, sqlite3_errmsg(e->db));
    }
}

ut_status ut_embedded_damaged(const ut_embedded *e, ut_error *err)
{
    return ut_fail(err, UT_ERR_FORMAT, "store",
                   "%s is not a knowledge base or is damaged; restore it from a copy", e->path);
}

/* ------------------------------------------------------------------ opening */

/* An SQLite URI of a path, with what is special in URIs escaped. */
static char *uri_of(const char *path, const char *parameters)
{
    ut_buf uri;
    ut_buf_init(&uri, 65536);
    ut_buf_adds(&uri, "file:");
    for (const char *c = path; *c; c++)
        if (*c == '%' || *c == '?' || *c == '#')
            ut_buf_addf(&uri, "%%%02X", (unsigned char)*c);
        else
            ut_buf_add(&uri, c, 1);
    ut_buf_adds(&uri, parameters);
    char *text = ut_buf_status(&uri) == UT_OK ? strdup(ut_buf_text(&uri)) : NULL;
    ut_buf_free(&uri);
    return text;
}

static int open_with(ut_embedded *e, const char *path, const char *parameters, int flags)
{
    char *uri = uri_of(path, parameters);
    if (!uri)
        return SQLITE_NOMEM;
    sqlite3_close(e->db);
    e->db = NULL;
    int rc = sqlite3_open_v2(uri, &e->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    free(uri);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_extended_result_codes(e->db, 1);
    sqlite3_busy_timeout(e->db, WAIT_MS);
    /* The file may come from anywhere: nothing in its schema may run, and it may not be bent. */
    sqlite3_db_config(e->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(e->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(e->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(e->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return sqlite3_exec(e->db, "PRAGMA cache_size=-16000; SELECT count(*) FROM sqlite_master", NULL,
                        NULL, NULL);
}

static int open_database(ut_embedded *e, const char *path, ut_store_mode mode)
{
    if (!path)
        return open_with(e, ":memory:", "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (mode == UT_STORE_WRITE)
        return open_with(e, path, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int rc = open_with(e, path, "", SQLITE_OPEN_READONLY);
    /* A WAL file on read-only media cannot make its index; what cannot be written cannot change
     * either. */
    if ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY)
        rc = open_with(e, path, "?immutable=1", SQLITE_OPEN_READONLY);
    return rc;
}

static int number_of(ut_embedded *e, const char *sql, sqlite3_int64 *value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(e->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        *value = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    int last = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : last;
}

/* A new file gets the tables, inside one transaction so that two programs may do it at once. */
static int create_tables(ut_embedded *e, ut_store_space space)
{
    sqlite3_int64 tables = 0;
    int rc = ut_database_use_wal(e->db, WAIT_MS);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(e->db,
                          "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000;"
                          "BEGIN IMMEDIATE",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = number_of(e, "SELECT count(*) FROM sqlite_master", &tables);
    if (rc == SQLITE_OK && tables == 0 && space.model) {
        char *sql = sqlite3_mprintf(
            "%s INSERT INTO space VALUES(%Q, %d); PRAGMA application_id=%d; PRAGMA user_version=%d",
            schema, space.model, (int)space.dim, APPLICATION, SCHEMA);
        rc = sql ? sqlite3_exec(e->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
    }
    int end = sqlite3_exec(e->db, rc == SQLITE_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
    return rc == SQLITE_OK ? end : rc;
}

static ut_status check_kind(ut_embedded *e, ut_error *err)
{
    sqlite3_int64 application = 0;
    sqlite3_int64 version = 0;
    int rc = number_of(e, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = number_of(e, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    if (application != APPLICATION)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%s is a database of another program", e->path);
    if (version != SCHEMA)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "store",
                       "%s was written by another version of the program (schema %lld, not %d)",
                       e->path, (long long)version, SCHEMA);
    return UT_OK;
}

static ut_status read_space(ut_embedded *e, ut_store_space asked, ut_error *err)
{
    sqlite3_stmt *row = NULL;
    ut_status status = UT_OK;
    int rc = sqlite3_prepare_v2(e->db, "SELECT model, dim FROM space", -1, &row, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        const char *model = (const char *)sqlite3_column_text(row, 0);
        sqlite3_int64 dim = sqlite3_column_int64(row, 1);
        if (!model || !*model || dim < 1 || dim > UT_STORE_DIM_MOST) {
            status = ut_embedded_damaged(e, err);
        } else {
            e->dim = (size_t)dim;
            e->model = strdup(model);
            if (!e->model)
                status = ut_fail_memory(err, "store");
        }
    } else {
        status = rc == SQLITE_DONE ? ut_embedded_damaged(e, err) : ut_embedded_fail(e, rc, err);
    }
    sqlite3_finalize(row);
    if (status == UT_OK && asked.model &&
        (asked.dim != e->dim || strcmp(asked.model, e->model) != 0))
        return ut_store_other_space(e->path, (ut_store_space){e->model, e->dim}, asked, err);
    return status;
}

static ut_status set_up(ut_embedded *e, const char *path, ut_store_mode mode, ut_store_space space,
                        ut_error *err)
{
    if ((mode == UT_STORE_READ || !space.model) && (!path || !ut_file_exists(path)))
        return ut_fail(err, UT_ERR_NOT_FOUND, "store", "there is no knowledge base %s", e->path);
    int rc = open_database(e, path, mode);
    if (rc == SQLITE_OK && mode == UT_STORE_WRITE)
        rc = create_tables(e, space);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    UT_TRY(check_kind(e, err));
    return read_space(e, space, err);
}

static void close_embedded(void *self)
{
    ut_embedded *e = self;
    for (int i = 0; i < UT_ST_STATEMENTS; i++)
        sqlite3_finalize(e->statements[i]);
    sqlite3_close(e->db);
    ut_image_forget(e);
    ut_basis_forget(e);
    pthread_mutex_destroy(&e->lock);
    free(e->model);
    free(e->path);
    free(e);
}

ut_status ut_store_embedded_open(const char *path, ut_store_mode mode, ut_store_space space,
                                 ut_store_opened *opened, ut_error *err)
{
    ut_embedded *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "store");
    pthread_mutex_init(&e->lock, NULL);
    e->path = strdup(path ? path : "in memory");
    ut_status status = e->path ? set_up(e, path, mode, space, err) : ut_fail_memory(err, "store");
    if (status != UT_OK) {
        close_embedded(e);
        return status;
    }
    *opened = (ut_store_opened){&ut_embedded_backend, e, {e->model, e->dim}};
    return UT_OK;
}

/* ------------------------------------------------------------------ statements and transactions */

sqlite3_stmt *ut_embedded_statement(ut_embedded *e, int which, int *rc)
{
    sqlite3_stmt **statement = &e->statements[which];
    *rc = SQLITE_OK;
    if (*statement)
        sqlite3_reset(*statement);
    else
        *rc =
            sqlite3_prepare_v3(e->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return *statement;
}

int ut_embedded_run(ut_embedded *e, int which)
{
    int rc;
    sqlite3_stmt *statement = ut_embedded_statement(e, which, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int ut_embedded_number(ut_embedded *e, int which, int64_t *value)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, which, &rc);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        *value = sqlite3_column_int64(row, 0);
        rc = SQLITE_OK;
    }
    sqlite3_reset(row);
    return rc;
}

void ut_embedded_reset(ut_embedded *e)
{
    for (int i = 0; i < UT_ST_STATEMENTS; i++)
        sqlite3_reset(e->statements[i]);
}

/* ------------------------------------------------------------------ behind the interface */

/* Takes the lock, runs `call`, and leaves no statement open: an open one would hold its snapshot.
 */
#define LOCKED(call)                                                                               \
    do {                                                                                           \
        ut_embedded *e = self;                                                                     \
        pthread_mutex_lock(&e->lock);                                                              \
        ut_status status = (call);                                                                 \
        ut_embedded_reset(e);                                                                      \
        pthread_mutex_unlock(&e->lock);                                                            \
        return status;                                                                             \
    } while (0)

static ut_status count_locked(void *self, size_t *count, ut_error *err)
{
    LOCKED(ut_embedded_count(e, count, err));
}

static ut_status labels_locked(void *self, size_t counts[UT_EMOTIONS], ut_error *err)
{
    LOCKED(ut_embedded_labels(e, counts, err));
}

static ut_status add_locked(void *self, const ut_store_item *items, const float *vectors,
                            size_t count, size_t *added, ut_error *err)
{
    LOCKED(ut_embedded_add(e, items, vectors, count, added, err));
}

static ut_status remove_locked(void *self, const char *const *ids, size_t count, size_t *removed,
                               ut_error *err)
{
    LOCKED(ut_embedded_remove(e, ids, count, removed, err));
}

static ut_status set_label_locked(void *self, const char *id, int label, ut_error *err)
{
    LOCKED(ut_embedded_set_label(e, id, label, err));
}

static ut_status get_locked(void *self, const char *id, ut_arena *arena, ut_store_item *item,
                            float *vector, ut_error *err)
{
    LOCKED(ut_embedded_get(e, id, arena, item, vector, err));
}

static ut_status each_locked(void *self, ut_store_visit visit, void *context, ut_error *err)
{
    LOCKED(ut_embedded_each(e, visit, context, err));
}

static ut_status nearest_locked(void *self, const ut_store_query *query, ut_arena *arena,
                                ut_store_hit *hits, size_t *found, ut_error *err)
{
    LOCKED(ut_embedded_nearest(e, query, arena, hits, found, err));
}

const ut_store_backend ut_embedded_backend = {
    .close = close_embedded,
    .count = count_locked,
    .labels = labels_locked,
    .add = add_locked,
    .remove = remove_locked,
    .set_label = set_label_locked,
    .get = get_locked,
    .each = each_locked,
    .nearest = nearest_locked,
};
