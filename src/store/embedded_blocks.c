#include "store/embedded_blocks.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* 256 items of 384 values are 96 KiB: a tile of codes and the sums of 64 queries fit the second
 * cache, and rewriting one for a single new item costs 0.1 ms. */
enum { SLOTS_MOST = 256, CODES_MOST = 131072 };

static size_t padded(size_t length)
{
    return (length + UT_PANEL_STEP - 1) / UT_PANEL_STEP * UT_PANEL_STEP;
}

ut_shape ut_shape_of(size_t dim, const ut_basis *basis)
{
    size_t head = basis->matrix ? basis->head : dim;
    size_t slots = CODES_MOST / padded(dim) / UT_PANEL * UT_PANEL;
    ut_shape s = {.from = {0, head},
                  .length = {head, dim - head},
                  .width = {padded(head), padded(dim - head)}};
    s.slots = slots < UT_PANEL ? UT_PANEL : slots > SLOTS_MOST ? SLOTS_MOST : slots;
    size_t slot = s.width[UT_HEAD] + s.width[UT_TAIL] + sizeof(float) * (UT_PARTS + 3) +
                  sizeof(int32_t) * UT_BY_COUNT + sizeof(int64_t) + 1;
    s.bytes = s.slots * slot + sizeof(uint32_t);
    return s;
}

ut_block ut_block_view(void *bytes, const ut_shape *shape)
{
    uint8_t *at = bytes;
    ut_block b;
    for (int p = 0; p < UT_PARTS; p++) {
        b.codes[p] = at;
        at += shape->slots * shape->width[p];
    }
    float **floats[] = {&b.scale[UT_HEAD], &b.scale[UT_TAIL], &b.error, &b.length, &b.tail};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++, at += shape->slots * sizeof(float))
        *floats[i] = (float *)(void *)at;
    for (int i = 0; i < UT_BY_COUNT; i++, at += shape->slots * sizeof(int32_t))
        b.names[i] = (int32_t *)(void *)at;
    b.n = (int64_t *)(void *)at; /* slots come in sixteens, so this is aligned too */
    b.label = (int8_t *)(b.n + shape->slots);
    b.used = (uint32_t *)(void *)(b.label + shape->slots);
    return b;
}

/* Whether bytes from a file can be a block. */
static bool is_sound(const ut_block *b, const ut_shape *shape)
{
    const float *const bounded[] = {b->scale[UT_HEAD], b->scale[UT_TAIL], b->error, b->length,
                                    b->tail};
    if (*b->used > shape->slots)
        return false;
    for (size_t k = 0; k < sizeof bounded / sizeof *bounded; k++)
        for (size_t i = 0; i < shape->slots; i++)
            if (!(bounded[k][i] >= 0 && bounded[k][i] <= 2))
                return false;
    for (size_t i = 0; i < shape->slots; i++)
        if (b->label[i] < -1 || b->label[i] >= UT_EMOTIONS)
            return false;
    return true;
}

/* ------------------------------------------------------------------ bytes */

/* One part; adds the squares of what is lost to *lost and returns those of what is kept. */
static double encode_part(const float *x, size_t length, size_t width, int8_t *code, float *scale,
                          double *lost)
{
    float most = 0;
    for (size_t d = 0; d < length; d++)
        most = fmaxf(most, fabsf(x[d]));
    *scale = most / 127;
    float per = 1 / *scale;
    if (!isfinite(per)) /* zeros, or next to it */
        *scale = per = 0;
    double kept = 0;
    for (size_t d = 0; d < length; d++) {
        float rounded = rintf(fminf(fmaxf(x[d] * per, -127), 127));
        double near = (double)*scale * rounded;
        code[d] = (int8_t)rounded;
        *lost += (x[d] - near) * (x[d] - near);
        kept += near * near;
    }
    memset(code + length, 0, width - length);
    return kept;
}

ut_coded ut_encode(const float *turned, const ut_shape *shape, int8_t *codes)
{
    const double up = 1.000001;
    double lost = 0;
    double kept[UT_PARTS];
    ut_coded c;
    for (int p = 0; p < UT_PARTS; p++)
        kept[p] = encode_part(turned + shape->from[p], shape->length[p], shape->width[p],
                              codes + p * shape->width[UT_HEAD], &c.scale[p], &lost);
    c.error = (float)(sqrt(lost) * up);
    c.length = (float)(sqrt(kept[UT_HEAD] + kept[UT_TAIL]) * up);
    c.tail = (float)(sqrt(kept[UT_TAIL]) * up);
    return c;
}

void ut_block_put(ut_block *block, const ut_shape *shape, size_t slot, const float *turned,
                  int8_t *codes)
{
    ut_coded c = ut_encode(turned, shape, codes);
    for (int p = 0; p < UT_PARTS; p++) {
        size_t width = shape->width[p];
        block->scale[p][slot] = c.scale[p];
        for (size_t d = 0; d < width; d++)
            block->codes[p][ut_code_at(shape, p, slot, d)] =
                (uint8_t)(codes[p * shape->width[UT_HEAD] + d] + UT_PANEL_ZERO);
    }
    block->error[slot] = c.error;
    block->length[slot] = c.length;
    block->tail[slot] = c.tail;
}

/* ------------------------------------------------------------------ the file */

ut_status ut_block_read(ut_embedded *e, const ut_shape *shape, int64_t number, void *bytes,
                        ut_error *err)
{
    sqlite3_blob *blob = NULL;
    int rc = sqlite3_blob_open(e->db, "main", "blocks", "data", number, 0, &blob);
    bool whole = rc == SQLITE_OK && (size_t)sqlite3_blob_bytes(blob) == shape->bytes;
    if (whole)
        rc = sqlite3_blob_read(blob, bytes, (int)shape->bytes, 0);
    sqlite3_blob_close(blob);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_ERROR) /* ERROR: there is no such row */
        return ut_embedded_fail(e, rc, err);
    ut_block block = ut_block_view(bytes, shape);
    return whole && is_sound(&block, shape) ? UT_OK : ut_embedded_damaged(e, err);
}

ut_status ut_block_write(ut_embedded *e, const ut_shape *shape, int64_t number, int64_t change,
                         const void *bytes, ut_error *err)
{
    int rc;
    uint32_t used;
    memcpy(&used, (const uint8_t *)bytes + shape->bytes - sizeof used, sizeof used);
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_WRITE_BLOCK, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, number);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 2, change);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 3, used);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob(row, 4, bytes, (int)shape->bytes, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    return rc == SQLITE_DONE ? UT_OK : ut_embedded_fail(e, rc, err);
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
