/* The Chroma back end: the nearest.
 *
 * The server's index is approximate, knows no order among equals, and may find fewer than there
 * are. So more is asked for than is wanted; as long as the last one is as near as the last one
 * wanted, more again; and where fewer came than pass the filter, all that pass are fetched and
 * measured here. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "store/chroma.h"

enum {
    SPARE = 16,               /* asked for beyond k */
    EQUALS_MOST = 1 << 14,    /* asked for at most to tell equals apart */
    ANSWER_RECORDS = 1 << 13, /* of one answer, but for one query's own */
    ANSWER_VALUES = 1 << 21,  /* of vectors in one answer, likewise */
    QUESTION_VALUES = 1 << 18 /* of vectors in one question, likewise */
};

typedef struct search {
    const ut_chroma *c;
    const ut_store_query *query;
    ut_arena *arena;
    ut_store_hit *hits;
    size_t *found;
    float *vector; /* [dim], scratch */
} search;

/* One record of an answer, by its distance. */
typedef struct candidate {
    float distance;
    size_t row;
    const char *id;
} candidate;

static int nearer(const void *a, const void *b)
{
    const candidate *x = a;
    const candidate *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* Another's collection may measure by another rule: what it found is measured anew. */
static bool with_vectors(const search *s)
{
    return s->query->with_vectors || !s->c->ours;
}

static ut_status measure(const search *s, const ut_chroma_rows *rows, size_t row, size_t q,
                         float *distance, ut_error *err)
{
    size_t dim = s->c->space.dim;
    if (rows->distances && s->c->ours)
        return ut_chroma_row_distance(rows, row, distance, err);
    UT_TRY(ut_chroma_row_vector(rows, row, s->vector, dim, err));
    *distance = 1 - ut_dot(s->vector, s->query->vectors + q * dim, dim);
    return UT_OK;
}

static ut_status make_hit(const search *s, const ut_chroma_rows *rows, const candidate *from,
                          ut_store_hit *hit, ut_error *err)
{
    size_t dim = s->c->space.dim;
    *hit = (ut_store_hit){.distance = from->distance};
    ut_chroma_row_item(rows, from->row, &hit->item);
    UT_TRY(ut_store_keep(&hit->item, s->arena, err));
    if (!s->query->with_vectors)
        return UT_OK;
    float *copy = UT_ARENA_NEW(s->arena, float, dim);
    if (!copy)
        return ut_fail_memory(err, "store");
    hit->vector = copy;
    return ut_chroma_row_vector(rows, from->row, copy, dim, err);
}

/* Sorts the rows into hits; true when rows that were not sent may be as near as the last one
 * wanted. */
static ut_status take_rows(const search *s, const ut_chroma_rows *rows, size_t q, bool *more,
                           ut_error *err)
{
    size_t k = s->query->k;
    candidate *sorted = calloc(rows->count + 1, sizeof *sorted);
    ut_status status = sorted ? UT_OK : ut_fail_memory(err, "store");
    for (size_t i = 0; i < rows->count && status == UT_OK; i++) {
        sorted[i] = (candidate){0, i, ut_chroma_row_id(rows, i)};
        status = measure(s, rows, i, q, &sorted[i].distance, err);
    }
    if (status == UT_OK)
        qsort(sorted, rows->count, sizeof *sorted, nearer);
    *more = status == UT_OK && rows->count > k &&
            sorted[rows->count - 1].distance <= sorted[k - 1].distance;
    s->found[q] = rows->count < k ? rows->count : k;
    for (size_t i = 0; i < s->found[q] && status == UT_OK; i++)
        status = make_hit(s, rows, &sorted[i], &s->hits[q * k + i], err);
    free(sorted);
    return status;
}

/* ------------------------------------------------------------------ asking the index */

/* What came of one query. */
typedef struct outcome {
    size_t asked, got;
    bool more; /* there may be more as near */
} outcome;

/* Queries `first` to `first + count`, n records each. */
static ut_status ask_index(const search *s, size_t first, size_t count, size_t n, outcome *outcomes,
                           ut_error *err)
{
    size_t dim = s->c->space.dim;
    ut_chroma_answer answer;
    UT_TRY(ut_chroma_post(s->c, "query",
                          ut_chroma_say_query(&s->query->filter, s->query->vectors + first * dim,
                                              count, dim, n, with_vectors(s)),
                          &answer, err));
    ut_chroma_rows *rows = calloc(count, sizeof *rows);
    ut_status status =
        rows ? ut_chroma_hear_queries(&answer, count, rows, err) : ut_fail_memory(err, "store");
    for (size_t i = 0; i < count && status == UT_OK; i++) {
        bool more = false;
        status = take_rows(s, &rows[i], first + i, &more, err);
        outcomes[first + i] = (outcome){n, rows[i].count, more && rows[i].count >= n};
    }
    free(rows);
    ut_chroma_forget(&answer);
    return status;
}

static size_t at_least_one(size_t value)
{
    return value ? value : 1;
}

static ut_status ask_all(const search *s, outcome *outcomes, ut_error *err)
{
    size_t n = s->query->k + SPARE;
    size_t count = s->query->count;
    size_t records = with_vectors(s) ? ANSWER_VALUES / s->c->space.dim : ANSWER_RECORDS;
    size_t batch = at_least_one(records / n);
    if (batch > at_least_one(QUESTION_VALUES / s->c->space.dim))
        batch = at_least_one(QUESTION_VALUES / s->c->space.dim);
    for (size_t at = 0; at < count; at += batch)
        UT_TRY(ask_index(s, at, count - at < batch ? count - at : batch, n, outcomes, err));
    for (size_t q = 0; q < count; q++)
        for (n = 2 * (s->query->k + SPARE); outcomes[q].more && n <= EQUALS_MOST; n *= 2)
            UT_TRY(ask_index(s, q, 1, n, outcomes, err));
    return UT_OK;
}

/* ------------------------------------------------------------------ measuring here */

typedef struct walk {
    const search *s;
    const outcome *outcomes;
    size_t passing;
} walk;

/* Whether the index gave fewer than there are. */
static bool is_short(const walk *w, size_t q)
{
    const outcome *o = &w->outcomes[q];
    return o->got < o->asked && o->got < w->passing;
}

/* Puts an item among the hits of one query, if it belongs there. */
static ut_status insert(const search *s, size_t q, const ut_store_item *item, const float *vector,
                        ut_error *err)
{
    size_t dim = s->c->space.dim;
    size_t k = s->query->k;
    ut_store_hit *hits = s->hits + q * k;
    float distance = 1 - ut_dot(vector, s->query->vectors + q * dim, dim);
    size_t at = s->found[q];
    while (at > 0 &&
           (hits[at - 1].distance > distance ||
            (hits[at - 1].distance == distance && strcmp(hits[at - 1].item.id, item->id) > 0)))
        at--;
    if (at == k)
        return UT_OK;
    ut_store_hit hit = {.item = *item, .distance = distance};
    UT_TRY(ut_store_keep(&hit.item, s->arena, err));
    if (s->query->with_vectors) {
        float *copy = UT_ARENA_NEW(s->arena, float, dim);
        if (!copy)
            return ut_fail_memory(err, "store");
        hit.vector = memcpy(copy, vector, dim * sizeof *copy);
    }
    if (s->found[q] < k)
        s->found[q]++;
    memmove(hits + at + 1, hits + at, (s->found[q] - 1 - at) * sizeof *hits);
    hits[at] = hit;
    return UT_OK;
}

static ut_status visit(void *context, const ut_store_item *item, const float *vector, ut_error *err)
{
    const walk *w = context;
    for (size_t q = 0; q < w->s->query->count; q++)
        if (is_short(w, q))
            UT_TRY(insert(w->s, q, item, vector, err));
    return UT_OK;
}

static ut_status complete(const search *s, const outcome *outcomes, ut_error *err)
{
    walk w = {s, outcomes, SIZE_MAX};
    size_t count = s->query->count;
    size_t q = 0;
    while (q < count && !is_short(&w, q))
        q++;
    if (q == count)
        return UT_OK;
    UT_TRY(ut_chroma_passing(s->c, &s->query->filter, &w.passing, err));
    bool any = false;
    for (q = 0; q < count; q++)
        if (is_short(&w, q)) {
            any = true;
            s->found[q] = 0;
        }
    return any ? ut_chroma_walk(s->c, &s->query->filter, visit, &w, err) : UT_OK;
}

ut_status ut_chroma_nearest(void *self, const ut_store_query *query, ut_arena *arena,
                            ut_store_hit *hits, size_t *found, ut_error *err)
{
    const ut_chroma *c = self;
    search s = {c, query, arena, hits, found, malloc(c->space.dim * sizeof(float))};
    outcome *outcomes = calloc(query->count, sizeof *outcomes);
    ut_status status = s.vector && outcomes ? UT_OK : ut_fail_memory(err, "store");
    if (status == UT_OK)
        status = ask_all(&s, outcomes, err);
    if (status == UT_OK)
        status = complete(&s, outcomes, err);
    free(outcomes);
    free(s.vector);
    return status;
}
