#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "nn/ops.h"
#include "store/internal.h"

enum {
    APPLICATION = 0x75740001, /* "ut", kind 1: tells our files from other SQLite files */
    SCHEMA = 1,
    DIM_MOST = 65536,
    WAIT_MS = 10000
};

static const char schema[] =
    "CREATE TABLE examples(id INTEGER PRIMARY KEY, text TEXT NOT NULL, label INTEGER NOT NULL,"
    " speaker TEXT NOT NULL, language TEXT NOT NULL, source TEXT NOT NULL, conversation TEXT NOT "
    "NULL,"
    " UNIQUE(source, conversation, text, label));"
    "CREATE TABLE embeddings(example INTEGER NOT NULL REFERENCES examples(id) ON DELETE CASCADE,"
    " model TEXT NOT NULL, dim INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(model, "
    "example)) WITHOUT ROWID;";

ut_status ut_store_fail(const ut_store *store, int rc, ut_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return ut_fail_memory(err, "store");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "%s is not a store of examples or is damaged; restore it from a copy",
                       store->path);
    case SQLITE_FULL:
        return ut_fail(err, UT_ERR_IO, "store", "no space left for %s; nothing was added",
                       store->path);
    case SQLITE_BUSY:
        return ut_fail(err, UT_ERR_IO, "store",
                       "another program keeps %s locked; try again when it is done", store->path);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ut_fail(err, UT_ERR_IO, "store",
                       "%s cannot be opened or written; check its folder's permissions",
                       store->path);
    default:
        return ut_fail(err, UT_ERR_IO, "store", "%s: %s", store->path, sqlite3_errmsg(store->db));
    }
}

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

static int open_with(ut_store *store, const char *path, const char *parameters, int flags)
{
    char *uri = uri_of(path, parameters);
    if (!uri)
        return SQLITE_NOMEM;
    sqlite3_close(store->db);
    store->db = NULL;
    int rc =
        sqlite3_open_v2(uri, &store->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX, NULL);
    free(uri);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, WAIT_MS);
    /* The file may come from anywhere: nothing in its schema may run, and it may not be bent. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return sqlite3_exec(store->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
}

static int open_database(ut_store *store, const char *path, ut_store_mode mode)
{
    if (!path)
        return open_with(store, ":memory:", "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (mode == UT_STORE_WRITE)
        return open_with(store, path, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int rc = open_with(store, path, "", SQLITE_OPEN_READONLY);
    /* A WAL file on read-only media cannot make its index; what cannot be written cannot change
     * either. */
    if ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY)
        rc = open_with(store, path, "?immutable=1", SQLITE_OPEN_READONLY);
    return rc;
}

static int number_of(ut_store *store, const char *sql, sqlite3_int64 *value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        *value = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    int last = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : last;
}

/* A new file gets the tables, inside one transaction so that two programs may do it at once. */
static int create_tables(ut_store *store)
{
    sqlite3_int64 tables = 0;
    char *sql;
    int rc = sqlite3_exec(store->db,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = number_of(store, "SELECT count(*) FROM sqlite_master", &tables);
    if (rc == SQLITE_OK && tables == 0) {
        sql = sqlite3_mprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d", schema,
                              APPLICATION, SCHEMA);
        rc = sql ? sqlite3_exec(store->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
    }
    int end = sqlite3_exec(store->db, rc == SQLITE_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
    return rc == SQLITE_OK ? end : rc;
}

static ut_status check_kind(ut_store *store, ut_error *err)
{
    sqlite3_int64 application = 0;
    sqlite3_int64 version = 0;
    int rc = number_of(store, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = number_of(store, "PRAGMA user_version", &version);
    if (rc != SQLITE_OK)
        return ut_store_fail(store, rc, err);
    if (application != APPLICATION)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%s is a database of another program",
                       store->path);
    if (version != SCHEMA)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "store",
                       "%s was written by another version of the program (schema %lld, not %d)",
                       store->path, (long long)version, SCHEMA);
    return UT_OK;
}

static ut_status set_up(ut_store *store, const char *path, ut_store_mode mode, ut_error *err)
{
    if (path && mode == UT_STORE_READ && !ut_file_exists(path))
        return ut_fail(err, UT_ERR_NOT_FOUND, "store", "there is no store %s", path);
    int rc = open_database(store, path, mode);
    if (rc == SQLITE_OK && (!path || mode == UT_STORE_WRITE))
        rc = create_tables(store);
    if (rc != SQLITE_OK)
        return ut_store_fail(store, rc, err);
    UT_TRY(check_kind(store, err));
    return ut_store_load(store, err);
}

ut_status ut_store_open(const char *path, ut_store_mode mode, const char *model, size_t dim,
                        ut_store **out, ut_error *err)
{
    *out = NULL;
    if (dim < 1 || dim > DIM_MOST || !*model)
        return ut_fail(err, UT_ERR_USAGE, "store",
                       "an embedding has a model and 1 to %d values, not %zu", DIM_MOST, dim);
    ut_store *store = calloc(1, sizeof *store);
    if (!store)
        return ut_fail_memory(err, "store");
    store->dim = dim;
    store->path = strdup(path ? path : "the store in memory");
    store->model = strdup(model);
    ut_status status =
        store->path && store->model ? set_up(store, path, mode, err) : ut_fail_memory(err, "store");
    if (status != UT_OK) {
        ut_store_close(store);
        return status;
    }
    *out = store;
    return UT_OK;
}

void ut_store_close(ut_store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    ut_arena_destroy(store->strings);
    free(store->examples);
    free(store->vectors);
    free(store->model);
    free(store->path);
    free(store);
}

size_t ut_store_count(const ut_store *store)
{
    return store->count;
}

size_t ut_store_missing(const ut_store *store)
{
    return store->missing;
}

const char *ut_store_model(const ut_store *store)
{
    return store->model;
}

size_t ut_store_dim(const ut_store *store)
{
    return store->dim;
}

/* ------------------------------------------------------------------ memory */

ut_status ut_store_hold(ut_store *store, const ut_store_example *example, const float *vector,
                        ut_error *err)
{
    size_t dim = store->dim;
    if (!ut_grow(&store->examples, &store->example_room, store->count + 1,
                 sizeof *store->examples) ||
        !ut_grow(&store->vectors, &store->vector_room, (store->count + 1) * dim, sizeof(float)))
        return ut_fail_memory(err, "store");
    ut_store_example *held = &store->examples[store->count];
    const char *strings[] = {example->text, example->speaker, example->language, example->source,
                             example->conversation};
    const char **places[] = {&held->text, &held->speaker, &held->language, &held->source,
                             &held->conversation};
    held->id = example->id;
    held->label = example->label;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (!(*places[i] = ut_arena_strdup(store->strings, strings[i] ? strings[i] : "")))
            return ut_fail_memory(err, "store");
    float *to = store->vectors + store->count * dim;
    float norm = sqrtf(ut_dot(vector, vector, dim));
    for (size_t d = 0; d < dim; d++)
        to[d] = norm > 0 ? vector[d] / norm : 0;
    store->count++;
    return UT_OK;
}

static const char *text_at(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text ? (const char *)text : "";
}

/* Whether a blob is a vector of this encoder: its length, and every value finite. Copies it to
 * `out`. */
static bool take_vector(sqlite3_stmt *row, int column, size_t dim, float *out)
{
    size_t bytes = (size_t)sqlite3_column_bytes(row, column);
    const void *blob = sqlite3_column_blob(row, column);
    if (!blob || bytes != dim * sizeof(float))
        return false;
    memcpy(out, blob, bytes);
    for (size_t d = 0; d < dim; d++)
        if (!isfinite(out[d]))
            return false;
    return true;
}

static ut_status load_row(ut_store *store, sqlite3_stmt *row, float *vector, ut_error *err)
{
    ut_store_example example = {.id = sqlite3_column_int64(row, 0),
                                .text = text_at(row, 1),
                                .label = sqlite3_column_int(row, 2),
                                .speaker = text_at(row, 3),
                                .language = text_at(row, 4),
                                .source = text_at(row, 5),
                                .conversation = text_at(row, 6)};
    sqlite3_int64 dim = sqlite3_column_int64(row, 7);
    if (dim != (sqlite3_int64)store->dim)
        return ut_fail(err, UT_ERR_MISMATCH, "store",
                       "%s holds embeddings of %lld values by %s, which now gives %zu; import the "
                       "examples anew",
                       store->path, (long long)dim, store->model, store->dim);
    if (!*example.text || example.label < -1 || example.label >= UT_EMOTIONS ||
        !take_vector(row, 8, store->dim, vector))
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "%s is damaged at example %lld; restore it from a copy", store->path,
                       (long long)example.id);
    return ut_store_hold(store, &example, vector, err);
}

static int count_missing(ut_store *store)
{
    sqlite3_int64 all = 0;
    int rc = number_of(store, "SELECT count(*) FROM examples", &all);
    store->missing = (size_t)all > store->count ? (size_t)all - store->count : 0;
    return rc;
}

ut_status ut_store_load(ut_store *store, ut_error *err)
{
    static const char sql[] =
        "SELECT id, text, label, speaker, language, source, conversation, dim, vector"
        " FROM examples JOIN embeddings ON example = id WHERE model = ?1 ORDER BY id";
    ut_arena_destroy(store->strings);
    store->strings = ut_arena_create(0);
    store->count = 0;
    float *vector = malloc(store->dim * sizeof *vector);
    sqlite3_stmt *rows = NULL;
    ut_status status = UT_OK;
    if (!store->strings || !vector) {
        status = ut_fail_memory(err, "store");
        goto done;
    }
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &rows, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(rows, 1, store->model, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && status == UT_OK) {
        rc = sqlite3_step(rows);
        if (rc != SQLITE_ROW)
            break;
        status = load_row(store, rows, vector, err);
        rc = SQLITE_OK;
    }
    if (status == UT_OK && rc != SQLITE_DONE && rc != SQLITE_OK)
        status = ut_store_fail(store, rc, err);
    if (status == UT_OK && (rc = count_missing(store)) != SQLITE_OK)
        status = ut_store_fail(store, rc, err);
done:
    sqlite3_finalize(rows);
    free(vector);
    return status;
}

size_t ut_store_nearest(const ut_store *store, const ut_store_query *query, ut_store_hit *hits)
{
    size_t dim = store->dim;
    float norm = sqrtf(ut_dot(query->vector, query->vector, dim));
    size_t found = 0;
    if (!(norm > 0))
        return 0;
    for (size_t i = 0; i < store->count; i++) {
        const ut_store_example *example = &store->examples[i];
        if (query->labelled && example->label < 0)
            continue;
        float distance = 1 - ut_dot(store->vectors + i * dim, query->vector, dim) / norm;
        if (found == query->k && (found == 0 || distance >= hits[found - 1].distance))
            continue;
        if (query->exclude_conversation &&
            strcmp(example->conversation, query->exclude_conversation) == 0)
            continue;
        size_t at = found < query->k ? found++ : found - 1;
        for (; at > 0 && hits[at - 1].distance > distance; at--)
            hits[at] = hits[at - 1];
        hits[at] = (ut_store_hit){example, distance};
    }
    return found;
}
