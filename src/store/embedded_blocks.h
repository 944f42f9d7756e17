/* Blocks of the embedded back end: what a search needs of some hundred items, in one blob that is
 * read, written and held in memory as it is. Vectors are bytes here, x ~ scale * code; `error` and
 * `length` bound what that costs:
 *
 *   |<q, x> - sq * scale * <cq, code>| <= |q| * error + |q - sq * cq| * length
 *
 * for a query q that is bytes too (Cauchy-Schwarz, twice), so that a search over the bytes knows
 * which items may be among the nearest, and reads the exact vectors of those alone. */
#ifndef UT_STORE_EMBEDDED_BLOCKS_H
#define UT_STORE_EMBEDDED_BLOCKS_H

#include <stdint.h>

#include "store/embedded.h"

/* Members that a filter names, as keys of the table `names`. */
enum { UT_BY_LANGUAGE, UT_BY_CHANNEL, UT_BY_SOURCE, UT_BY_CONVERSATION, UT_BY_COUNT };

/* A view of a block's bytes; arrays hold `slots` entries, of which *used are in use. */
typedef struct ut_block {
    uint8_t *codes; /* in panels (nn/kernels_i8.h) */
    float *scale;
    float *error;  /* length of what rounding cost: |x - scale * code| */
    float *length; /* |scale * code| */
    int32_t *names[UT_BY_COUNT];
    int64_t *n;    /* items.n */
    int8_t *label; /* -1: none */
    uint32_t *used;
} ut_block;

/* For vectors of `dim`: entries of a block (a multiple of 16), padded length of a row, bytes. */
size_t ut_block_slots(size_t dim);
size_t ut_block_width(size_t dim);
size_t ut_block_bytes(size_t dim);
ut_block ut_block_view(void *bytes, size_t dim);
/* Whether bytes from a file can be a block. */
bool ut_block_is_sound(const ut_block *block, size_t dim);

/* Rounds x[dim] to code[width], -127 .. 127, zeros behind; returns the scale. *error and *length as
 * above, never too small. */
float ut_quantize(const float *x, size_t dim, int8_t *code, float *error, float *length);

/* Reads a block's bytes; a transaction must be open. */
UT_MUST_CHECK ut_status ut_block_read(ut_embedded *e, int64_t number, void *bytes, ut_error *err);

/* The key of a name, -1 if no item has it. */
UT_MUST_CHECK ut_status ut_name_key(ut_embedded *e, const char *name, int32_t *key, ut_error *err);

/* Changes of blocks within one write transaction: one block at a time is held and written when
 * another is wanted, or at the end. */
typedef struct ut_block_writer {
    ut_embedded *e;
    int64_t change; /* number of this transaction */
    int64_t number; /* block held, -1: none */
    bool changed;
    uint8_t *bytes;
    ut_block block;
    int8_t *code;                  /* [width] */
    const char *name[UT_BY_COUNT]; /* last names and their keys */
    int32_t key[UT_BY_COUNT];
} ut_block_writer;

/* begin opens the transaction, end commits or takes back, and frees. */
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
