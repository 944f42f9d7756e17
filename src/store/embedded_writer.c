/* The embedded back end: changes of blocks. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/embedded_blocks.h"

ut_status ut_writer_begin(ut_block_writer *w, ut_embedded *e, ut_error *err)
{
    *w = (ut_block_writer){.e = e, .number = -1};
    int rc = ut_embedded_run(e, UT_ST_BEGIN_WRITE);
    int64_t last = 0;
    if (rc == SQLITE_OK)
        rc = ut_embedded_number(e, UT_ST_LAST_CHANGE, &last);
    w->change = last + 1;
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    UT_TRY(ut_basis_refresh(e, err));
    w->shape = ut_shape_of(e->dim, &e->basis);
    w->bytes = malloc(w->shape.bytes);
    w->codes = malloc(w->shape.width[UT_HEAD] + w->shape.width[UT_TAIL]);
    w->turned = malloc(e->dim * sizeof *w->turned);
    if (!w->bytes || !w->codes || !w->turned)
        return ut_fail_memory(err, "store");
    w->block = ut_block_view(w->bytes, &w->shape);
    return UT_OK;
}

static ut_status write_held(ut_block_writer *w, ut_error *err)
{
    if (!w->changed)
        return UT_OK;
    w->changed = false;
    return ut_block_write(w->e, &w->shape, w->number, w->change, w->bytes, err);
}

ut_status ut_writer_end(ut_block_writer *w, ut_status status, ut_error *err)
{
    ut_embedded *e = w->e;
    if (status == UT_OK)
        status = write_held(w, err);
    if (status == UT_OK && w->added)
        status = ut_basis_renew(e, w->change, err);
    free(w->bytes);
    free(w->codes);
    free(w->turned);
    ut_embedded_reset(e);
    if (status == UT_OK) {
        int rc = ut_embedded_run(e, UT_ST_COMMIT);
        if (rc != SQLITE_OK)
            status = ut_embedded_fail(e, rc, err);
    }
    if (status != UT_OK) {
        if (!sqlite3_get_autocommit(e->db))
            (void)ut_embedded_run(e, UT_ST_ROLLBACK);
        ut_basis_forget(e); /* it may have been renewed */
    }
    e->image.stale = true;
    return status;
}

static ut_status hold(ut_block_writer *w, int64_t number, ut_error *err)
{
    if (w->number == number)
        return UT_OK;
    UT_TRY(write_held(w, err));
    UT_TRY(ut_block_read(w->e, &w->shape, number, w->bytes, err));
    w->number = number;
    return UT_OK;
}

ut_status ut_writer_room(ut_block_writer *w, ut_error *err)
{
    int64_t number = -1;
    if (w->number >= 0 && *w->block.used < w->shape.slots)
        return UT_OK;
    UT_TRY(write_held(w, err));
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(w->e, UT_ST_ROOM, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, (int64_t)w->shape.slots);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW)
        number = sqlite3_column_int64(row, 0);
    if (rc == SQLITE_ROW)
        return hold(w, number, err);
    if (rc == SQLITE_DONE)
        rc = ut_embedded_number(w->e, UT_ST_LAST_BLOCK, &number);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(w->e, rc, err);
    memset(w->bytes, 0, w->shape.bytes);
    w->number = number + 1;
    return UT_OK;
}

/* The key of a name, made if it is new. Items in a row mostly share their names. */
static ut_status key_for(ut_block_writer *w, int which, const char *name, ut_error *err)
{
    if (w->name[which] && strcmp(w->name[which], name) == 0)
        return UT_OK;
    UT_TRY(ut_name_key(w->e, name, &w->key[which], err));
    if (w->key[which] < 0) {
        int rc;
        sqlite3_stmt *insert = ut_embedded_statement(w->e, UT_ST_NEW_NAME, &rc);
        if (rc == SQLITE_OK)
            rc = sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(insert);
        if (rc != SQLITE_DONE)
            return ut_embedded_fail(w->e, rc, err);
        w->key[which] = (int32_t)sqlite3_last_insert_rowid(w->e->db);
    }
    w->name[which] = name;
    return UT_OK;
}

ut_status ut_writer_put(ut_block_writer *w, int64_t n, const ut_store_item *item,
                        const float *vector, ut_error *err)
{
    const char *names[] = {item->language, item->channel, item->source, item->conversation};
    ut_block *b = &w->block;
    uint32_t slot = *b->used;
    for (int i = 0; i < UT_BY_COUNT; i++) {
        UT_TRY(key_for(w, i, names[i], err));
        b->names[i][slot] = w->key[i];
    }
    ut_basis_turn(w->e, vector, 1, w->turned);
    ut_block_put(b, &w->shape, slot, w->turned, w->codes);
    b->n[slot] = n;
    b->label[slot] = (int8_t)item->label;
    *b->used = slot + 1;
    w->changed = w->added = true;
    return UT_OK;
}

/* The slot of item n in the block held. */
static ut_status slot_of(const ut_block_writer *w, int64_t n, uint32_t *slot, ut_error *err)
{
    for (*slot = 0; *slot < *w->block.used; ++*slot)
        if (w->block.n[*slot] == n)
            return UT_OK;
    return ut_embedded_damaged(w->e, err);
}

ut_status ut_writer_drop(ut_block_writer *w, int64_t number, int64_t n, ut_error *err)
{
    uint32_t slot;
    ut_block *b = &w->block;
    UT_TRY(hold(w, number, err));
    UT_TRY(slot_of(w, n, &slot, err));
    uint32_t last = --*b->used;
    for (int p = 0; p < UT_PARTS; p++) {
        size_t width = w->shape.width[p];
        for (size_t d = 0; d < width; d++)
            b->codes[p][ut_code_at(&w->shape, p, slot, d)] =
                b->codes[p][ut_code_at(&w->shape, p, last, d)];
        b->scale[p][slot] = b->scale[p][last];
    }
    b->error[slot] = b->error[last];
    b->length[slot] = b->length[last];
    b->tail[slot] = b->tail[last];
    for (int i = 0; i < UT_BY_COUNT; i++)
        b->names[i][slot] = b->names[i][last];
    b->n[slot] = b->n[last];
    b->label[slot] = b->label[last];
    w->changed = true;
    return UT_OK;
}

ut_status ut_writer_label(ut_block_writer *w, int64_t number, int64_t n, int label, ut_error *err)
{
    uint32_t slot;
    UT_TRY(hold(w, number, err));
    UT_TRY(slot_of(w, n, &slot, err));
    w->block.label[slot] = (int8_t)label;
    w->changed = true;
    return UT_OK;
}
