/* The embedded back end: the file's blocks in memory, as one snapshot of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/embedded_blocks.h"

enum { CACHE_LINE = 64, HUGE_PAGE = 1 << 21, SLAB_MOST = 64 };

void ut_image_forget(ut_embedded *e)
{
    for (size_t i = 0; i < e->image.slab_count; i++)
        free(e->image.slabs[i]);
    free(e->image.slabs);
    free(e->image.blocks);
    e->image = (ut_image){0};
}

/* Room for some blocks in one piece: as many as there are already, so that small stores stay small,
 * until pieces are large enough for huge pages, which a search reads a tenth faster. */
static bool new_slab(ut_image *image, size_t room)
{
    size_t blocks = image->count < 1 ? 1 : image->count < SLAB_MOST ? image->count : SLAB_MOST;
    size_t bytes = blocks * room;
    size_t alignment = bytes < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    blocks = bytes / room; /* what the last page has room for */
    if (!ut_grow(&image->slabs, &image->slab_room, image->slab_count + 1, sizeof *image->slabs))
        return false;
    uint8_t *slab = aligned_alloc(alignment, bytes);
    if (!slab)
        return false;
    if (alignment == HUGE_PAGE)
        (void)madvise(slab, bytes, MADV_HUGEPAGE);
    image->slabs[image->slab_count++] = slab;
    image->next = slab;
    image->left = blocks;
    return true;
}

/* Room for one more block, of any shape: a basis pads both of its parts. */
static bool new_block(ut_embedded *e)
{
    ut_image *image = &e->image;
    ut_shape shape = ut_shape_of(e->dim, &(ut_basis){0});
    size_t room = shape.bytes + shape.slots * UT_PANEL_STEP;
    room = (room + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    if (!ut_grow(&image->blocks, &image->room, image->count + 1, sizeof *image->blocks) ||
        (image->left == 0 && !new_slab(image, room)))
        return false;
    image->blocks[image->count++] = image->next;
    image->next += room;
    image->left--;
    return true;
}

static ut_status load_block(ut_embedded *e, int64_t number, ut_error *err)
{
    ut_image *image = &e->image;
    ut_shape shape = ut_shape_of(e->dim, &e->basis);
    if (number < 0 || (uint64_t)number > image->count) /* blocks are numbered without gaps */
        return ut_embedded_damaged(e, err);
    if ((size_t)number == image->count && !new_block(e))
        return ut_fail_memory(err, "store");
    void *bytes = image->blocks[number];
    UT_TRY(ut_block_read(e, &shape, number, bytes, err));
    ut_block block = ut_block_view(bytes, &shape);
    for (size_t i = 0; i < *block.used; i++) {
        image->error_most = fmaxf(image->error_most, block.error[i]);
        image->length_most = fmaxf(image->length_most, block.length[i]);
    }
    return UT_OK;
}

ut_status ut_image_begin(ut_embedded *e, ut_error *err)
{
    int rc = ut_embedded_run(e, UT_ST_BEGIN_READ);
    return rc == SQLITE_OK ? UT_OK : ut_embedded_fail(e, rc, err);
}

static ut_status load_changed(ut_embedded *e, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_CHANGED, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, e->image.seen);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    ut_status status = UT_OK;
    while (status == UT_OK && (rc = sqlite3_step(row)) == SQLITE_ROW)
        status = load_block(e, sqlite3_column_int64(row, 0), err);
    sqlite3_reset(row);
    if (status == UT_OK && rc != SQLITE_DONE)
        status = ut_embedded_fail(e, rc, err);
    return status;
}

ut_status ut_image_refresh(ut_embedded *e, ut_error *err)
{
    ut_image *image = &e->image;
    int64_t version = 0;
    int64_t last = 0;
    int rc = ut_embedded_number(e, UT_ST_VERSION, &version);
    if (rc == SQLITE_OK && version == image->version && !image->stale)
        return UT_OK;
    if (rc == SQLITE_OK)
        rc = ut_embedded_number(e, UT_ST_LAST_CHANGE, &last);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    UT_TRY(ut_basis_refresh(e, err)); /* a new one has turned all blocks: all are read again */
    image->stale = true;
    UT_TRY(load_changed(e, err));
    image->seen = last;
    image->version = version;
    image->stale = false;
    return UT_OK;
}
