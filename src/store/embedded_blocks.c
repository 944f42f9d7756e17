#include "store/embedded_blocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/kernels_i8.h"

/* 256 items of 384 values are 96 KiB: a tile of codes and the sums of 64 queries fit the second
 * cache, and rewriting one for a single new item costs 0.1 ms. */
enum { SLOTS_MOST = 256, CODES_MOST = 131072 };

size_t ut_block_width(size_t dim)
{
    return (dim + UT_PANEL_STEP - 1) / UT_PANEL_STEP * UT_PANEL_STEP;
}

size_t ut_block_slots(size_t dim)
{
    size_t slots = CODES_MOST / ut_block_width(dim) / UT_PANEL * UT_PANEL;
    return slots < UT_PANEL ? UT_PANEL : slots > SLOTS_MOST ? SLOTS_MOST : slots;
}

ut_block ut_block_view(void *bytes, size_t dim)
{
    size_t slots = ut_block_slots(dim);
    uint8_t *at = bytes;
    ut_block b = {.codes = at};
    at += slots * ut_block_width(dim);
    b.scale = (float *)(void *)at;
    b.error = b.scale + slots;
    b.length = b.error + slots;
    int32_t *names = (int32_t *)(void *)(b.length + slots);
    for (int i = 0; i < UT_BY_COUNT; i++, names += slots)
        b.names[i] = names;
    b.n = (int64_t *)(void *)names;
    b.label = (int8_t *)(b.n + slots);
    b.used = (uint32_t *)(void *)(b.label + slots);
    return b;
}

size_t ut_block_bytes(size_t dim)
{
    size_t slot = ut_block_width(dim) + (3 + UT_BY_COUNT) * 4 + 8 + 1;
    return ut_block_slots(dim) * slot + 4;
}

bool ut_block_is_sound(const ut_block *b, size_t dim)
{
    size_t slots = ut_block_slots(dim);
    if (*b->used > slots)
        return false;
    for (size_t i = 0; i < slots; i++) {
        const float bounds[] = {b->scale[i], b->error[i], b->length[i]};
        for (int k = 0; k < 3; k++)
            if (!(bounds[k] >= 0 && bounds[k] <= 2))
                return false;
        if (b->label[i] < -1 || b->label[i] >= UT_EMOTIONS)
            return false;
    }
    return true;
}

float ut_quantize(const float *x, size_t dim, int8_t *code, float *error, float *length)
{
    float most = 0;
    for (size_t d = 0; d < dim; d++)
        most = fmaxf(most, fabsf(x[d]));
    float scale = most / 127;
    float per = scale > 0 ? 1 / scale : 0; /* a denormal scale has none */
    if (!isfinite(per))
        scale = per = 0;
    double lost = 0;
    double kept = 0;
    for (size_t d = 0; d < dim; d++) {
        float rounded = rintf(fminf(fmaxf(x[d] * per, -127), 127));
        double near = (double)scale * rounded;
        code[d] = (int8_t)rounded;
        lost += (x[d] - near) * (x[d] - near);
        kept += near * near;
    }
    memset(code + dim, 0, ut_block_width(dim) - dim);
    *error = (float)(sqrt(lost) * 1.000001);
    *length = (float)(sqrt(kept) * 1.000001);
    return scale;
}

/* ------------------------------------------------------------------ reading */

ut_status ut_block_read(ut_embedded *e, int64_t number, void *bytes, ut_error *err)
{
    sqlite3_blob *blob = NULL;
    int rc = sqlite3_blob_open(e->db, "main", "blocks", "data", number, 0, &blob);
    bool whole = rc == SQLITE_OK && (size_t)sqlite3_blob_bytes(blob) == ut_block_bytes(e->dim);
    if (whole)
        rc = sqlite3_blob_read(blob, bytes, (int)ut_block_bytes(e->dim), 0);
    sqlite3_blob_close(blob);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_ERROR) /* ERROR: there is no such row */
        return ut_embedded_fail(e, rc, err);
    ut_block block = ut_block_view(bytes, e->dim);
    return whole && ut_block_is_sound(&block, e->dim) ? UT_OK : ut_embedded_damaged(e, err);
}

ut_status ut_name_key(ut_embedded *e, const char *name, int32_t *key, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_NAME_KEY, &rc);
    *key = -1;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW)
        *key = sqlite3_column_int(row, 0);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
}

/* ------------------------------------------------------------------ writing */

ut_status ut_writer_begin(ut_block_writer *w, ut_embedded *e, ut_error *err)
{
    *w = (ut_block_writer){.e = e, .number = -1};
    w->bytes = malloc(ut_block_bytes(e->dim));
    w->code = malloc(ut_block_width(e->dim));
    if (!w->bytes || !w->code)
        return ut_fail_memory(err, "store");
    w->block = ut_block_view(w->bytes, e->dim);
    int rc = ut_embedded_run(e, UT_ST_BEGIN_WRITE);
    int64_t last = 0;
    if (rc == SQLITE_OK)
        rc = ut_embedded_number(e, UT_ST_LAST_CHANGE, &last);
    w->change = last + 1;
    return rc == SQLITE_OK ? UT_OK : ut_embedded_fail(e, rc, err);
}

static ut_status write_held(ut_block_writer *w, ut_error *err)
{
    int rc;
    if (!w->changed)
        return UT_OK;
    sqlite3_stmt *row = ut_embedded_statement(w->e, UT_ST_WRITE_BLOCK, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, w->number);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 2, w->change);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 3, *w->block.used);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(row, 4, w->bytes, (int)ut_block_bytes(w->e->dim), SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    w->changed = false;
    return rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(w->e, rc, err);
}

ut_status ut_writer_end(ut_block_writer *w, ut_status status, ut_error *err)
{
    ut_embedded *e = w->e;
    if (status == UT_OK)
        status = write_held(w, err);
    free(w->bytes);
    free(w->code);
    ut_embedded_reset(e);
    if (status == UT_OK) {
        int rc = ut_embedded_run(e, UT_ST_COMMIT);
        if (rc != SQLITE_OK)
            status = ut_embedded_fail(e, rc, err);
    }
    if (status != UT_OK && !sqlite3_get_autocommit(e->db))
        (void)ut_embedded_run(e, UT_ST_ROLLBACK);
    e->image.stale = true;
    return status;
}

static ut_status hold(ut_block_writer *w, int64_t number, ut_error *err)
{
    if (w->number == number)
        return UT_OK;
    UT_TRY(write_held(w, err));
    UT_TRY(ut_block_read(w->e, number, w->bytes, err));
    w->number = number;
    return UT_OK;
}

ut_status ut_writer_room(ut_block_writer *w, ut_error *err)
{
    size_t slots = ut_block_slots(w->e->dim);
    int64_t number = -1;
    if (w->number >= 0 && *w->block.used < slots)
        return UT_OK;
    UT_TRY(write_held(w, err));
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(w->e, UT_ST_ROOM, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, (int64_t)slots);
    if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW)
        number = sqlite3_column_int64(row, 0);
    if (rc == SQLITE_ROW)
        return hold(w, number, err);
    if (rc == SQLITE_DONE)
        rc = ut_embedded_number(w->e, UT_ST_LAST_BLOCK, &number);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(w->e, rc, err);
    memset(w->bytes, 0, ut_block_bytes(w->e->dim));
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
    size_t dim = w->e->dim;
    ut_block *b = &w->block;
    uint32_t slot = *b->used;
    for (int i = 0; i < UT_BY_COUNT; i++) {
        UT_TRY(key_for(w, i, names[i], err));
        b->names[i][slot] = w->key[i];
    }
    b->scale[slot] = ut_quantize(vector, dim, w->code, &b->error[slot], &b->length[slot]);
    size_t width = ut_block_width(dim);
    for (size_t d = 0; d < width; d++)
        b->codes[ut_panel_at(slot, d, width)] = (uint8_t)(w->code[d] + UT_PANEL_ZERO);
    b->n[slot] = n;
    b->label[slot] = (int8_t)item->label;
    *b->used = slot + 1;
    w->changed = true;
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
    size_t width = ut_block_width(w->e->dim);
    for (size_t d = 0; d < width; d++)
        b->codes[ut_panel_at(slot, d, width)] = b->codes[ut_panel_at(last, d, width)];
    b->scale[slot] = b->scale[last];
    b->error[slot] = b->error[last];
    b->length[slot] = b->length[last];
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
