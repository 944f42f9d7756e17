/* The embedded back end: items in and out of their table. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "store/embedded_blocks.h"

static const char *text_at(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text ? (const char *)text : "";
}

ut_status ut_embedded_row(const ut_embedded *e, sqlite3_stmt *row, ut_store_item *item,
                          float *vector, ut_error *err)
{
    *item = (ut_store_item){.id = text_at(row, 0),
                            .text = text_at(row, 1),
                            .label = sqlite3_column_int(row, 2),
                            .speaker = text_at(row, 3),
                            .language = text_at(row, 4),
                            .channel = text_at(row, 5),
                            .source = text_at(row, 6),
                            .conversation = text_at(row, 7),
                            .start = sqlite3_column_double(row, 8),
                            .end = sqlite3_column_double(row, 9)};
    const void *blob = sqlite3_column_blob(row, 10);
    if (!*item->id || item->label < -1 || item->label >= UT_EMOTIONS || !blob ||
        (size_t)sqlite3_column_bytes(row, 10) != e->dim * sizeof(float))
        return ut_embedded_damaged(e, err);
    if (!vector)
        return UT_OK;
    memcpy(vector, blob, e->dim * sizeof(float));
    for (size_t d = 0; d < e->dim; d++)
        if (!isfinite(vector[d]))
            return ut_embedded_damaged(e, err);
    return UT_OK;
}

ut_status ut_embedded_count(ut_embedded *e, size_t *count, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_COUNT, &rc);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        *count = (size_t)sqlite3_column_int64(row, 0);
        return UT_OK;
    }
    return ut_embedded_fail(e, rc, err);
}

static int bind_item(sqlite3_stmt *insert, const ut_store_item *item)
{
    const char *strings[] = {item->id,       item->text,    NULL,         item->speaker,
                             item->language, item->channel, item->source, item->conversation};
    int rc = sqlite3_bind_int(insert, 3, item->label);
    for (int i = 0; i < (int)(sizeof strings / sizeof *strings) && rc == SQLITE_OK; i++)
        if (strings[i])
            rc = sqlite3_bind_text(insert, i + 1, strings[i], -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_double(insert, 9, item->start);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_double(insert, 10, item->end);
    return rc;
}

/* An item whose id is there already is left out. */
static ut_status insert(ut_block_writer *w, const ut_store_item *item, const float *vector,
                        size_t *added, ut_error *err)
{
    int rc;
    ut_embedded *e = w->e;
    UT_TRY(ut_writer_room(w, err));
    sqlite3_stmt *insert = ut_embedded_statement(e, UT_ST_INSERT, &rc);
    if (rc == SQLITE_OK)
        rc = bind_item(insert, item);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(insert, 11, vector, (int)(e->dim * sizeof *vector), SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(insert, 12, w->number);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(insert);
    if (rc != SQLITE_DONE)
        return ut_embedded_fail(e, rc, err);
    if (sqlite3_changes(e->db) == 0)
        return UT_OK;
    ++*added;
    return ut_writer_put(w, sqlite3_last_insert_rowid(e->db), item, vector, err);
}

ut_status ut_embedded_add(ut_embedded *e, const ut_store_item *items, const float *vectors,
                          size_t count, size_t *added, ut_error *err)
{
    ut_block_writer w;
    ut_status status = ut_writer_begin(&w, e, err);
    size_t new = 0;
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = insert(&w, &items[i], vectors + i * e->dim, &new, err);
    status = ut_writer_end(&w, status, err);
    *added = status == UT_OK ? new : 0;
    return status;
}

/* Where an item is; *n is 0 when it is nowhere. */
static ut_status find(ut_embedded *e, const char *id, int64_t *block, int64_t *n, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_PLACE, &rc);
    *n = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        *block = sqlite3_column_int64(row, 0);
        *n = sqlite3_column_int64(row, 1);
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
}

static ut_status change(ut_embedded *e, int which, int64_t n, int label, ut_error *err)
{
    int rc;
    sqlite3_stmt *statement = ut_embedded_statement(e, which, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 1, n);
    if (rc == SQLITE_OK && which == UT_ST_LABEL)
        rc = sqlite3_bind_int(statement, 2, label);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    return rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
}

static ut_status remove_one(ut_block_writer *w, const char *id, size_t *removed, ut_error *err)
{
    int64_t block;
    int64_t n;
    UT_TRY(find(w->e, id, &block, &n, err));
    if (n == 0)
        return UT_OK;
    UT_TRY(change(w->e, UT_ST_REMOVE, n, 0, err));
    ++*removed;
    return ut_writer_drop(w, block, n, err);
}

ut_status ut_embedded_remove(ut_embedded *e, const char *const *ids, size_t count, size_t *removed,
                             ut_error *err)
{
    ut_block_writer w;
    ut_status status = ut_writer_begin(&w, e, err);
    size_t gone = 0;
    for (size_t i = 0; i < count && status == UT_OK; i++)
        status = remove_one(&w, ids[i], &gone, err);
    status = ut_writer_end(&w, status, err);
    *removed = status == UT_OK ? gone : 0;
    return status;
}

static ut_status missing(const char *id, ut_error *err)
{
    return ut_fail(err, UT_ERR_NOT_FOUND, "store", "there is no item %s", id);
}

static ut_status label_one(ut_block_writer *w, const char *id, int label, ut_error *err)
{
    int64_t block;
    int64_t n;
    UT_TRY(find(w->e, id, &block, &n, err));
    if (n == 0)
        return missing(id, err);
    UT_TRY(change(w->e, UT_ST_LABEL, n, label, err));
    return ut_writer_label(w, block, n, label, err);
}

ut_status ut_embedded_set_label(ut_embedded *e, const char *id, int label, ut_error *err)
{
    ut_block_writer w;
    ut_status status = ut_writer_begin(&w, e, err);
    if (status == UT_OK)
        status = label_one(&w, id, label, err);
    return ut_writer_end(&w, status, err);
}

ut_status ut_embedded_get(ut_embedded *e, const char *id, ut_arena *arena, ut_store_item *item,
                          float *vector, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_BY_ID, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(row, 1, id, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_DONE)
        return missing(id, err);
    if (rc != SQLITE_ROW)
        return ut_embedded_fail(e, rc, err);
    UT_TRY(ut_embedded_row(e, row, item, vector, err));
    return ut_store_keep(item, arena, err);
}

ut_status ut_embedded_each(ut_embedded *e, ut_store_visit visit, void *context, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_EACH, &rc);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    ut_arena *arena = ut_arena_create(0);
    float *vector = arena ? UT_ARENA_NEW(arena, float, e->dim) : NULL;
    ut_status status = vector ? UT_OK : ut_fail_memory(err, "store");
    while (status == UT_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        ut_store_item item;
        status = ut_embedded_row(e, row, &item, vector, err);
        if (status == UT_OK)
            status = visit(context, &item, vector, err);
    }
    ut_arena_destroy(arena);
    return status == UT_OK && rc != SQLITE_DONE ? ut_embedded_fail(e, rc, err) : status;
}
