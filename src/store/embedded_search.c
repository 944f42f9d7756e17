/* The embedded back end: the nearest, exactly.
 *
 * All items are compared as bytes, block by block for up to 64 queries at a time; a product is then
 * known to lie within what rounding may have changed. The k-th best of the lower bounds is a floor
 * below which the k-th true product cannot lie. The tails of items whose heads show that they
 * cannot reach it are not looked at; items whose upper bound reaches it are kept. They are read in
 * order of that bound, until it falls below the k-th exact product: about 15 rows a query for k of
 * 10, measured on 100 000 x 384. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "nn/ops.h"
#include "store/embedded_blocks.h"

enum { TILE = 64, KEPT_AT_FIRST = 4096 };

static const float SCALE_LEAST = 1e-20f; /* may be divided by; what is below it tells nothing */

/* The filter in keys; -1: any. */
typedef struct keyed {
    unsigned labels;
    int32_t wanted[UT_BY_CONVERSATION];
    int32_t excluded;
    bool any, none; /* every item passes, or no item can */
} keyed;

static ut_status resolve(ut_embedded *e, const ut_store_filter *filter, keyed *out, ut_error *err)
{
    const char *names[] = {filter->language, filter->channel, filter->source};
    *out = (keyed){.labels = filter->labels, .excluded = -1};
    for (int i = 0; i < UT_BY_CONVERSATION; i++) {
        out->wanted[i] = -1;
        if (names[i]) {
            UT_TRY(ut_name_key(e, names[i], &out->wanted[i], err));
            out->none |= out->wanted[i] < 0;
        }
    }
    if (filter->exclude_conversation && *filter->exclude_conversation)
        UT_TRY(ut_name_key(e, filter->exclude_conversation, &out->excluded, err));
    out->any = !filter->labels && !names[0] && !names[1] && !names[2] && out->excluded < 0;
    return UT_OK;
}

static inline bool passes(const keyed *f, const ut_block *b, size_t i)
{
    if (f->labels && (b->label[i] < 0 || !(f->labels >> b->label[i] & 1)))
        return false;
    for (int k = 0; k < UT_BY_CONVERSATION; k++)
        if (f->wanted[k] >= 0 && b->names[k][i] != f->wanted[k])
            return false;
    return f->excluded < 0 || b->names[UT_BY_CONVERSATION][i] != f->excluded;
}

typedef struct candidate {
    float most; /* what its product can be */
    uint32_t block;
    uint16_t slot;
} candidate;

/* One query's way through the blocks. */
typedef struct seeker {
    const float *vector;
    const int8_t *codes; /* [width of both] */
    ut_coded coded;      /* scales, and lengths of what the bytes are and lack */
    float rounding;      /* what sums in f32 may change in any product */
    float slack;         /* what those and bytes may change in any product */
    float *best;         /* [k], the best lower bounds, least first (a heap) */
    size_t bests;
    candidate *kept;
    size_t count, room, limit;
} seeker;

typedef struct search {
    ut_embedded *e;
    const ut_store_query *query;
    const ut_kernels_i8 *kernels;
    keyed filter;
    ut_shape shape;
    size_t width;  /* of both parts */
    float *turned; /* [TILE, dim] */
    int8_t *codes; /* [TILE, width] */
    int32_t *sums; /* [TILE, slots], of heads */
    float *bests;  /* [TILE, k] */
    seeker seekers[TILE];
    float *vector; /* [dim], of the row being read */
    ut_arena *arena;
} search;

static void sift(float *heap, size_t n, float value)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static void note(seeker *s, size_t k, float bound)
{
    if (s->bests == k) {
        if (bound > s->best[0])
            sift(s->best, k, bound);
        return;
    }
    size_t at = s->bests++;
    for (; at > 0 && s->best[(at - 1) / 2] > bound; at = (at - 1) / 2)
        s->best[at] = s->best[(at - 1) / 2];
    s->best[at] = bound;
}

/* No item whose product is below this can be among the k nearest. */
static float floor_of(const seeker *s, size_t k)
{
    return s->bests < k ? -INFINITY : s->best[0];
}

static void drop_useless(seeker *s, size_t k)
{
    float least = floor_of(s, k);
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->kept[i].most >= least)
            s->kept[kept++] = s->kept[i];
    s->count = kept;
    s->limit = 2 * kept > KEPT_AT_FIRST ? 2 * kept : KEPT_AT_FIRST;
}

static ut_status keep(search *x, seeker *s, candidate c, ut_error *err)
{
    if (s->count == s->limit)
        drop_useless(s, x->query->k);
    if (!ut_grow(&s->kept, &s->room, s->count + 1, sizeof *s->kept))
        return ut_fail_memory(err, "store");
    s->kept[s->count++] = c;
    return UT_OK;
}

/* Looks at the tails of items whose heads let them reach the floor. */
static ut_status consider(search *x, seeker *s, uint32_t number, const ut_block *block,
                          const int32_t *heads, ut_error *err)
{
    uint16_t index[UINT8_MAX + 1];
    int32_t tails[UINT8_MAX + 1];
    int slots = (int)x->shape.slots;
    int width = (int)x->shape.width[UT_TAIL];
    float head = fmaxf(s->coded.scale[UT_HEAD], SCALE_LEAST);
    float tail = s->coded.scale[UT_TAIL];
    float least = floor_of(s, x->query->k) - s->slack;
    int n = x->kernels->select(heads, block->scale[UT_HEAD], s->coded.tail / head, block->tail,
                               least / head, slots, index);
    int passed = 0;
    for (int i = 0; i < n && index[i] < *block->used; i++)
        if (x->filter.any || passes(&x->filter, block, index[i]))
            index[passed++] = index[i];
    if (passed == 0)
        return UT_OK;
    if (width == 0)
        memset(tails, 0, sizeof tails);
    else
        x->kernels->gather(tails, s->codes + x->shape.width[UT_HEAD], block->codes[UT_TAIL], index,
                           passed, width);
    for (int i = 0; i < passed; i++) {
        size_t at = index[i];
        float product = head * (block->scale[UT_HEAD][at] * (float)heads[at]) +
                        tail * (block->scale[UT_TAIL][at] * (float)tails[i]);
        float slack = s->rounding + (s->coded.length + s->coded.error) * block->error[at] +
                      s->coded.error * block->length[at];
        if (product + slack < floor_of(s, x->query->k))
            continue;
        UT_TRY(keep(x, s, (candidate){product + slack, number, index[i]}, err));
        note(s, x->query->k, product - slack);
    }
    return UT_OK;
}

static ut_status scan(search *x, size_t queries, ut_error *err)
{
    const ut_image *image = &x->e->image;
    size_t slots = x->shape.slots;
    for (size_t b = 0; b < image->count; b++) {
        ut_block block = ut_block_view(image->blocks[b], &x->shape);
        x->kernels->product(x->sums, (int)slots, x->codes, (int)x->width, block.codes[UT_HEAD],
                            (int)queries, (int)slots, (int)x->shape.width[UT_HEAD]);
        for (size_t q = 0; q < queries; q++)
            if (x->seekers[q].coded.length > 0) /* all is equally far from zeros */
                UT_TRY(consider(x, &x->seekers[q], (uint32_t)b, &block, x->sums + q * slots, err));
    }
    return UT_OK;
}

/* ------------------------------------------------------------------ exact distances */

static int by_bound(const void *a, const void *b)
{
    float x = ((const candidate *)a)->most;
    float y = ((const candidate *)b)->most;
    return (x < y) - (x > y);
}

static ut_status read_item(search *x, const candidate *c, ut_store_item *item, ut_error *err)
{
    ut_block block = ut_block_view(x->e->image.blocks[c->block], &x->shape);
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(x->e, UT_ST_BY_N, &rc);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 1, block.n[c->slot]);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_ROW)
        return ut_embedded_row(x->e, row, item, x->vector, err);
    return rc == SQLITE_DONE ? ut_embedded_damaged(x->e, err) : ut_embedded_fail(x->e, rc, err);
}

/* Puts an item among the hits, nearest first, equals by id. */
static ut_status take(search *x, const ut_store_item *item, float distance, ut_store_hit *hits,
                      size_t *found, ut_error *err)
{
    size_t at = *found;
    while (at > 0 &&
           (hits[at - 1].distance > distance ||
            (hits[at - 1].distance == distance && strcmp(hits[at - 1].item.id, item->id) > 0)))
        at--;
    if (at == x->query->k)
        return UT_OK;
    ut_store_hit hit = {*item, distance, NULL};
    UT_TRY(ut_store_keep(&hit.item, x->arena, err));
    if (x->query->with_vectors) {
        float *copy = UT_ARENA_NEW(x->arena, float, x->e->dim);
        if (!copy)
            return ut_fail_memory(err, "store");
        memcpy(copy, x->vector, x->e->dim * sizeof *copy);
        hit.vector = copy;
    }
    if (*found < x->query->k)
        ++*found;
    memmove(hits + at + 1, hits + at, (*found - 1 - at) * sizeof *hits);
    hits[at] = hit;
    return UT_OK;
}

static ut_status rank(search *x, seeker *s, ut_store_hit *hits, size_t *found, ut_error *err)
{
    drop_useless(s, x->query->k);
    if (s->count > 1) /* none were kept where nothing passed: no array either */
        qsort(s->kept, s->count, sizeof *s->kept, by_bound);
    for (size_t i = 0; i < s->count; i++) {
        ut_store_item item;
        size_t k = x->query->k;
        if (*found == k && 1 - s->kept[i].most > hits[k - 1].distance)
            break;
        UT_TRY(read_item(x, &s->kept[i], &item, err));
        UT_TRY(take(x, &item, 1 - ut_dot(x->vector, s->vector, x->e->dim), hits, found, err));
    }
    return UT_OK;
}

/* ------------------------------------------------------------------ all of it */

/* What sums in f32 may change in a product, for a query of length 1: those of the exact product,
 * those of turning both vectors, the axes' own defect, and the bound's own roundings. */
static float rounding(const search *x)
{
    const ut_basis *basis = &x->e->basis;
    float dim = (float)x->e->dim;
    float sums = dim * 6e-8f + 2e-6f;
    return basis->matrix ? sums + 2 * sqrtf(dim) * dim * 6e-8f + basis->defect : sums;
}

static void set_out(search *x, size_t q, const float *vector)
{
    const ut_image *image = &x->e->image;
    int8_t *codes = x->codes + q * x->width;
    seeker *s = &x->seekers[q];
    s->vector = vector;
    s->codes = codes;
    s->coded = ut_encode(x->turned + q * x->e->dim, &x->shape, codes);
    float norm = s->coded.length + s->coded.error;
    s->rounding = rounding(x) * norm * (image->length_most + image->error_most) +
                  1.2e-7f; /* of 1 - product */
    s->slack = s->rounding + norm * image->error_most + s->coded.error * image->length_most;
    s->best = x->bests + q * x->query->k;
    s->bests = 0;
    s->count = 0;
    s->limit = KEPT_AT_FIRST;
}

static ut_status search_tiles(search *x, ut_store_hit *hits, size_t *found, ut_error *err)
{
    const ut_store_query *query = x->query;
    for (size_t from = 0; from < query->count; from += TILE) {
        size_t queries = query->count - from < TILE ? query->count - from : TILE;
        const float *vectors = query->vectors + from * x->e->dim;
        ut_basis_turn(x->e, vectors, queries, x->turned);
        for (size_t q = 0; q < queries; q++)
            set_out(x, q, vectors + q * x->e->dim);
        UT_TRY(scan(x, queries, err));
        for (size_t q = 0; q < queries; q++)
            UT_TRY(rank(x, &x->seekers[q], hits + (from + q) * query->k, &found[from + q], err));
    }
    return UT_OK;
}

static ut_status run(search *x, ut_store_hit *hits, size_t *found, ut_error *err)
{
    ut_embedded *e = x->e;
    UT_TRY(ut_image_refresh(e, err));
    UT_TRY(resolve(e, &x->query->filter, &x->filter, err));
    if (x->filter.none)
        return UT_OK;
    x->shape = ut_shape_of(e->dim, &e->basis);
    x->width = x->shape.width[UT_HEAD] + x->shape.width[UT_TAIL];
    size_t tile = x->query->count < TILE ? x->query->count : TILE;
    ut_arena *scratch = ut_arena_create(0);
    ut_status status = UT_OK;
    if (scratch) {
        x->turned = UT_ARENA_NEW(scratch, float, tile * e->dim);
        x->codes = UT_ARENA_NEW(scratch, int8_t, tile * x->width);
        x->sums = UT_ARENA_NEW(scratch, int32_t, tile * x->shape.slots);
        x->bests = UT_ARENA_NEW(scratch, float, tile * x->query->k);
        x->vector = UT_ARENA_NEW(scratch, float, e->dim);
    }
    if (!scratch || !x->turned || !x->codes || !x->sums || !x->bests || !x->vector)
        status = ut_fail_memory(err, "store");
    if (status == UT_OK)
        status = search_tiles(x, hits, found, err);
    for (size_t q = 0; q < TILE; q++)
        free(x->seekers[q].kept);
    ut_arena_destroy(scratch);
    return status;
}

ut_status ut_embedded_labels(ut_embedded *e, size_t counts[UT_EMOTIONS], ut_error *err)
{
    UT_TRY(ut_image_begin(e, err));
    ut_status status = ut_image_refresh(e, err);
    ut_shape shape = ut_shape_of(e->dim, &e->basis);
    for (size_t b = 0; status == UT_OK && b < e->image.count; b++) {
        ut_block block = ut_block_view(e->image.blocks[b], &shape);
        for (size_t i = 0; i < *block.used; i++)
            if (block.label[i] >= 0)
                counts[block.label[i]]++;
    }
    ut_embedded_reset(e);
    (void)ut_embedded_run(e, UT_ST_COMMIT);
    return status;
}

ut_status ut_embedded_nearest(ut_embedded *e, const ut_store_query *query, ut_arena *arena,
                              ut_store_hit *hits, size_t *found, ut_error *err)
{
    UT_TRY(ut_image_begin(e, err));
    search x = {.e = e, .query = query, .kernels = ut_kernels_i8_get(), .arena = arena};
    ut_status status = run(&x, hits, found, err);
    ut_embedded_reset(e);
    (void)ut_embedded_run(e, UT_ST_COMMIT); /* ends the snapshot; nothing was written */
    return status;
}
