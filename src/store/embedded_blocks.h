/* Blocks of the embedded back end: what a search needs of some hundred items, in one blob that is
 * read, written and held in memory as it is.
 *
 * Vectors are turned into a basis whose first axes hold most of what the store's vectors differ in
 * (embedded_basis.c), and cut there into a head and a tail. Both are bytes, x ~ scale * code. Of an
 * item's product with a query q this is known, by Cauchy and Schwarz:
 *
 *   from heads alone   <q, x> <= sq * scale * <cq, code> + |tail of q| * tail + slack
 *   from both          <q, x>  = the sum over both       +- slack
 *   slack              |q| * error + |q - bytes of q| * length
 *
 * so that a search knows which tails it must look at, and which items' exact vectors it must
 * read. */
#ifndef UT_STORE_EMBEDDED_BLOCKS_H
#define UT_STORE_EMBEDDED_BLOCKS_H

#include <stdint.h>

#include "nn/kernels_i8.h"
#include "store/embedded.h"

enum { UT_HEAD, UT_TAIL, UT_PARTS };

/* Members that a filter names, as keys of the table `names`. */
enum { UT_BY_LANGUAGE, UT_BY_CHANNEL, UT_BY_SOURCE, UT_BY_CONVERSATION, UT_BY_COUNT };

/* How vectors of a store are cut and how many lie in a block. */
typedef struct ut_shape {
    size_t from[UT_PARTS], length[UT_PARTS]; /* values of a part; without a basis the tail has 0 */
    size_t width[UT_PARTS];                  /* bytes of a part, padded to a multiple of 4 */
    size_t slots;                            /* items of a block, a multiple of 16 */
    size_t bytes;                            /* of a block */
} ut_shape;

/* Of a store with this basis. */
ut_shape ut_shape_of(size_t dim, const ut_basis *basis);

/* A view of a block's bytes; arrays hold `slots` entries, of which *used are in use. */
typedef struct ut_block {
    uint8_t *codes[UT_PARTS]; /* heads in panels (nn/kernels_i8.h), tails in rows */
    float *scale[UT_PARTS];
    float *error;  /* |x - bytes of x| */
    float *length; /* |bytes of x| */
    float *tail;   /* |tail of bytes of x| */
    int32_t *names[UT_BY_COUNT];
    int64_t *n;    /* items.n */
    int8_t *label; /* -1: none */
    uint32_t *used;
} ut_block;

ut_block ut_block_view(void *bytes, const ut_shape *shape);

/* A vector as bytes, -127 .. 127, zeros behind each part; codes: [width of both]. Lengths are never
 * too small. */
typedef struct ut_coded {
    float scale[UT_PARTS];
    float error, length, tail;
} ut_coded;
ut_coded ut_encode(const float *turned, const ut_shape *shape, int8_t *codes);

/* Reads a block's bytes; a transaction must be open. */
UT_MUST_CHECK ut_status ut_block_read(ut_embedded *e, const ut_shape *shape, int64_t number,
                                      void *bytes, ut_error *err);
/* Writes one as of change number `change`. */
UT_MUST_CHECK ut_status ut_block_write(ut_embedded *e, const ut_shape *shape, int64_t number,
                                       int64_t change, const void *bytes, ut_error *err);
/* Puts a vector into a slot. `codes` is room for [width of both]. */
void ut_block_put(ut_block *block, const ut_shape *shape, size_t slot, const float *turned,
                  int8_t *codes);

/* Where value d of a part lies in its codes. */
static inline size_t ut_code_at(const ut_shape *shape, int part, size_t slot, size_t d)
{
    size_t width = shape->width[part];
    return part == UT_HEAD ? ut_panel_at(slot, d, width) : slot * width + d;
}

/* The key of a name, -1 if no item has it. */
UT_MUST_CHECK ut_status ut_name_key(ut_embedded *e, const char *name, int32_t *key, ut_error *err);

/* ---- embedded_basis.c ---- */

/* Brings e->basis up to the transaction that is open. */
UT_MUST_CHECK ut_status ut_basis_refresh(ut_embedded *e, ut_error *err);
void ut_basis_forget(ut_embedded *e);
/* count vectors in the basis: [count, dim] from [count, dim]; without one, a copy. */
void ut_basis_turn(const ut_embedded *e, const float *vectors, size_t count, float *turned);
/* Makes a basis from the items and writes all blocks anew, once there are enough items for the
 * first, and again whenever there are many times more. Within a write transaction. */
UT_MUST_CHECK ut_status ut_basis_renew(ut_embedded *e, int64_t change, ut_error *err);

/* ---- embedded_image.c ---- */

/* Begins a transaction that reads; ut_image_refresh() then brings the image up to its snapshot. */
UT_MUST_CHECK ut_status ut_image_begin(ut_embedded *e, ut_error *err);
UT_MUST_CHECK ut_status ut_image_refresh(ut_embedded *e, ut_error *err);
void ut_image_forget(ut_embedded *e);

/* ---- embedded_writer.c ---- */

/* Changes of blocks within one write transaction: one block at a time is held and written when
 * another is wanted, or at the end. */
typedef struct ut_block_writer {
    ut_embedded *e;
    ut_shape shape;
    int64_t change; /* number of this transaction */
    int64_t number; /* block held, -1: none */
    bool changed, added;
    uint8_t *bytes;
    ut_block block;
    int8_t *codes;                 /* [width of both] */
    float *turned;                 /* [dim] */
    const char *name[UT_BY_COUNT]; /* last names and their keys */
    int32_t key[UT_BY_COUNT];
} ut_block_writer;

/* begin opens the transaction; end, which must follow even when begin fails, commits or takes
 * back, and frees. */
UT_MUST_CHECK ut_status ut_writer_begin(ut_block_writer *w, ut_embedded *e, ut_error *err);
UT_MUST_CHECK ut_status ut_writer_end(ut_block_writer *w, ut_status status, ut_error *err);
/* Holds a block that has room, w->number. */
UT_MUST_CHECK ut_status ut_writer_room(ut_block_writer *w, ut_error *err);
/* Puts an item into the block held. Its strings must live until the end. */
UT_MUST_CHECK ut_status ut_writer_put(ut_block_writer *w, int64_t n, const ut_store_item *item,
                                      const float *vector, ut_error *err);
UT_MUST_CHECK ut_status ut_writer_drop(ut_block_writer *w, int64_t number, int64_t n,
                                       ut_error *err);
UT_MUST_CHECK ut_status ut_writer_label(ut_block_writer *w, int64_t number, int64_t n, int label,
                                        ut_error *err);

#endif
