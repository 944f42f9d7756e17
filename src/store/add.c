/* Changes: batches in one transaction each, JSON lines, and embeddings by another encoder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/internal.h"

enum { TEXT_MOST = 65536 };

typedef struct inserting {
    ut_store *store;
    sqlite3_stmt *example;   /* inserts or leaves an example */
    sqlite3_stmt *id;        /* finds its id */
    sqlite3_stmt *embedding; /* inserts or leaves its vector */
} inserting;

static int prepare(inserting *in)
{
    static const char example[] =
        "INSERT OR IGNORE INTO examples(text, label, speaker, language, source, conversation)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    static const char id[] = "SELECT id FROM examples WHERE source = ?5 AND conversation = ?6 AND "
                             "text = ?1 AND label = ?2";
    static const char embedding[] =
        "INSERT OR IGNORE INTO embeddings(example, model, dim, vector) VALUES(?1, ?2, ?3, ?4)";
    sqlite3 *db = in->store->db;
    int rc = sqlite3_prepare_v2(db, example, -1, &in->example, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, id, -1, &in->id, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, embedding, -1, &in->embedding, NULL);
    return rc;
}

static void finish(inserting *in)
{
    sqlite3_finalize(in->example);
    sqlite3_finalize(in->id);
    sqlite3_finalize(in->embedding);
}

static int bind_example(sqlite3_stmt *statement, const ut_store_example *e)
{
    const char *strings[] = {e->text, NULL, e->speaker, e->language, e->source, e->conversation};
    int most = sqlite3_bind_parameter_count(statement);
    sqlite3_reset(statement);
    int rc = sqlite3_bind_int(statement, 2, e->label);
    for (int i = 0; i < most && rc == SQLITE_OK; i++)
        if (i != 1)
            rc = sqlite3_bind_text(statement, i + 1, strings[i] ? strings[i] : "", -1,
                                   SQLITE_STATIC);
    return rc;
}

static int insert_vector(inserting *in, sqlite3_int64 id, const float *vector)
{
    const ut_store *store = in->store;
    sqlite3_reset(in->embedding);
    int rc = sqlite3_bind_int64(in->embedding, 1, id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(in->embedding, 2, store->model, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(in->embedding, 3, (sqlite3_int64)store->dim);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(in->embedding, 4, vector, (int)(store->dim * sizeof *vector),
                               SQLITE_STATIC);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(in->embedding);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* One example; in memory too if it was not there before. */
static ut_status insert(inserting *in, const ut_store_example *example, const float *vector,
                        ut_error *err)
{
    ut_store *store = in->store;
    int rc = bind_example(in->example, example);
    if (rc == SQLITE_OK && (rc = sqlite3_step(in->example)) == SQLITE_DONE)
        rc = bind_example(in->id, example);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(in->id);
    if (rc != SQLITE_ROW)
        return ut_store_fail(store, rc, err);
    ut_store_example held = *example;
    held.id = sqlite3_column_int64(in->id, 0);
    sqlite3_reset(in->id);
    rc = insert_vector(in, held.id, vector);
    if (rc != SQLITE_OK)
        return ut_store_fail(store, rc, err);
    return sqlite3_changes(store->db) ? ut_store_hold(store, &held, vector, err) : UT_OK;
}

static ut_status check(const ut_store *store, const ut_store_example *example, const float *vector,
                       ut_error *err)
{
    if (!example->text || !*example->text || strlen(example->text) > TEXT_MOST)
        return ut_fail(err, UT_ERR_FORMAT, "store", "an example needs a text of 1 to %d bytes",
                       TEXT_MOST);
    if (example->label < -1 || example->label >= UT_EMOTIONS)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%d is no label; \"%.60s\"", example->label,
                       example->text);
    for (size_t d = 0; d < store->dim; d++)
        if (!isfinite(vector[d]))
            return ut_fail(err, UT_ERR_FORMAT, "store",
                           "the embedding of \"%.60s\" holds values that are no numbers",
                           example->text);
    return UT_OK;
}

static ut_status begin(inserting *in, ut_error *err)
{
    int rc = sqlite3_exec(in->store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return ut_store_fail(in->store, rc, err);
    rc = prepare(in);
    return rc == SQLITE_OK ? UT_OK : ut_store_fail(in->store, rc, err);
}

/* Commits, or takes back what was done: the memory is then read again from the file. */
static ut_status end(inserting *in, ut_status status, ut_error *err)
{
    ut_store *store = in->store;
    finish(in);
    if (status == UT_OK) {
        int rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            status = ut_store_fail(store, rc, err);
    }
    if (status == UT_OK)
        return UT_OK;
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    ut_error second;
    ut_status reload = ut_store_load(store, &second);
    if (reload != UT_OK)
        store->count = 0;
    return status;
}

ut_status ut_store_add(ut_store *store, const ut_store_example *examples, const float *vectors,
                       size_t count, ut_error *err)
{
    inserting in = {.store = store};
    for (size_t i = 0; i < count; i++)
        UT_TRY(check(store, &examples[i], vectors + i * store->dim, err));
    ut_status status = begin(&in, err);
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = insert(&in, &examples[i], vectors + i * store->dim, err);
    return end(&in, status, err);
}

static ut_status import_line(inserting *in, const char *line, size_t length, const char *name,
                             const char *source, ut_store_embed embed, void *context, float *vector,
                             ut_error *err)
{
    json_t *json = NULL;
    UT_TRY(ut_json_parse(line, length, name, &json, err));
    const char *label = ut_json_string_or(json, "label", NULL);
    ut_store_example example = {.text = ut_json_string_or(json, "text", ""),
                                .label = label ? ut_emotion_from_name(label) : -1,
                                .speaker = ut_json_string_or(json, "speaker", ""),
                                .language = ut_json_string_or(json, "language", ""),
                                .source = ut_json_string_or(json, "source", source),
                                .conversation = ut_json_string_or(json, "conversation", "")};
    ut_status status;
    if (!*example.text || (label && example.label < 0))
        status = ut_fail(err, UT_ERR_FORMAT, "store",
                         "%s needs a \"text\" and a \"label\" of the five emotions", name);
    else if ((status = embed(context, example.text, vector, err)) == UT_OK &&
             (status = check(in->store, &example, vector, err)) == UT_OK)
        status = insert(in, &example, vector, err);
    json_decref(json);
    return status;
}

ut_status ut_store_import(ut_store *store, const char *path, const char *source,
                          ut_store_embed embed, void *context, ut_error *err)
{
    char *text = NULL;
    inserting in = {.store = store};
    UT_TRY(ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, NULL, err));
    float *vector = malloc(store->dim * sizeof *vector);
    ut_status status = vector ? begin(&in, err) : ut_fail_memory(err, "store");
    size_t number = 1;
    for (const char *p = text; *p && status == UT_OK; number++) {
        char name[512];
        size_t length = strcspn(p, "\n");
        snprintf(name, sizeof name, "%.400s, line %zu", path, number);
        if (length > strspn(p, " \t\r"))
            status = import_line(&in, p, length, name, source, embed, context, vector, err);
        p += length + (p[length] == '\n');
    }
    status = end(&in, status, err);
    free(vector);
    free(text);
    return status;
}

ut_status ut_store_embed_missing(ut_store *store, ut_store_embed embed, void *context,
                                 ut_error *err)
{
    static const char sql[] = "SELECT id, text FROM examples WHERE id NOT IN"
                              " (SELECT example FROM embeddings WHERE model = ?1) ORDER BY id";
    inserting in = {.store = store};
    sqlite3_stmt *rows = NULL;
    float *vector = malloc(store->dim * sizeof *vector);
    ut_status status = vector ? begin(&in, err) : ut_fail_memory(err, "store");
    int rc = status == UT_OK ? sqlite3_prepare_v2(store->db, sql, -1, &rows, NULL) : SQLITE_DONE;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(rows, 1, store->model, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && status == UT_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(rows, 1);
        ut_store_example example = {.text = text ? text : ""};
        status = embed(context, example.text, vector, err);
        if (status == UT_OK)
            status = check(store, &example, vector, err);
        rc =
            status == UT_OK ? insert_vector(&in, sqlite3_column_int64(rows, 0), vector) : SQLITE_OK;
    }
    sqlite3_finalize(rows);
    if (status == UT_OK && rc != SQLITE_DONE)
        status = ut_store_fail(store, rc, err);
    status = end(&in, status, err);
    free(vector);
    return status == UT_OK ? ut_store_load(store, err) : status;
}
