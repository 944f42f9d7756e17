#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "nn/ops.h"
#include "store/internal.h"

static const char chroma[] = "chroma://";

struct ut_store {
    ut_store_opened opened;
    ut_store_mode mode;
};

ut_status ut_store_open(const char *where, ut_store_mode mode, ut_store_space space,
                        const ut_store_options *options, ut_store **out, ut_error *err)
{
    *out = NULL;
    bool any = !space.model && space.dim == 0;
    if (!any && (!space.model || !*space.model || space.dim < 1 || space.dim > UT_STORE_DIM_MOST))
        return ut_fail(err, UT_ERR_USAGE, "store",
                       "an embedding has a model and 1 to %d values, not %zu", UT_STORE_DIM_MOST,
                       space.dim);
    ut_store *store = calloc(1, sizeof *store);
    if (!store)
        return ut_fail_memory(err, "store");
    store->mode = mode;
    ut_status status = where && strncmp(where, chroma, sizeof chroma - 1) == 0
                           ? ut_store_chroma_open(where, mode, space, options, &store->opened, err)
                           : ut_store_embedded_open(where, mode, space, &store->opened, err);
    if (status == UT_OK)
        *out = store;
    else
        free(store);
    return status;
}

void ut_store_close(ut_store *store)
{
    if (!store)
        return;
    store->opened.backend->close(store->opened.self);
    free(store);
}

ut_store_space ut_store_space_of(const ut_store *store)
{
    return store->opened.space;
}

ut_status ut_store_other_space(const char *where, ut_store_space held, ut_store_space asked,
                               ut_error *err)
{
    return ut_fail(
        err, UT_ERR_MISMATCH, "store",
        "%s holds embeddings of %zu values by %s, not of %zu by %s; use another store or "
        "import its items anew",
        where, held.dim, held.model, asked.dim, asked.model);
}

ut_status ut_store_keep(ut_store_item *item, ut_arena *arena, ut_error *err)
{
    const char **strings[] = {&item->id,      &item->text,   &item->speaker,     &item->language,
                              &item->channel, &item->source, &item->conversation};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (!(*strings[i] = ut_arena_strdup(arena, *strings[i])))
            return ut_fail_memory(err, "store");
    return UT_OK;
}

ut_status ut_store_count(ut_store *store, size_t *count, ut_error *err)
{
    *count = 0;
    return store->opened.backend->count(store->opened.self, count, err);
}

ut_status ut_store_labels(ut_store *store, size_t counts[UT_EMOTIONS], ut_error *err)
{
    memset(counts, 0, UT_EMOTIONS * sizeof *counts);
    return store->opened.backend->labels(store->opened.self, counts, err);
}

/* ------------------------------------------------------------------ what may go in */

static ut_status check_writable(const ut_store *store, ut_error *err)
{
    if (store->mode == UT_STORE_READ)
        return ut_fail(err, UT_ERR_USAGE, "store", "the store was opened for reading only");
    return UT_OK;
}

static ut_status check_string(const char *name, const char *string, size_t most, ut_error *err)
{
    if (strlen(string) > most)
        return ut_fail(err, UT_ERR_FORMAT, "store", "the %s \"%.60s\" is longer than %zu bytes",
                       name, string, most);
    json_t *utf8 = json_string(string);
    if (!utf8)
        return ut_fail(err, UT_ERR_FORMAT, "store", "the %s \"%.60s\" is not UTF-8", name, string);
    json_decref(utf8);
    return UT_OK;
}

static ut_status check_label(int label, ut_error *err)
{
    if (label < -1 || label >= UT_EMOTIONS)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%d is no label", label);
    return UT_OK;
}

static ut_status check_item(const ut_store_item *item, ut_error *err)
{
    const struct {
        const char *name, *string;
        size_t most;
    } strings[] = {
        {"text", item->text, UT_STORE_TEXT_MOST},
        {"id", item->id, UT_STORE_STRING_MOST},
        {"speaker", item->speaker, UT_STORE_STRING_MOST},
        {"language", item->language, UT_STORE_STRING_MOST},
        {"channel", item->channel, UT_STORE_STRING_MOST},
        {"source", item->source, UT_STORE_STRING_MOST},
        {"conversation", item->conversation, UT_STORE_STRING_MOST},
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        UT_TRY(check_string(strings[i].name, strings[i].string, strings[i].most, err));
    if (!*item->id)
        return ut_fail(err, UT_ERR_FORMAT, "store", "the id of \"%.60s\" is empty", item->text);
    if (!(item->start >= 0 && item->end >= item->start && isfinite(item->end)))
        return ut_fail(err, UT_ERR_FORMAT, "store", "%g to %g s are no times (\"%.60s\")",
                       item->start, item->end, item->text);
    return check_label(item->label, err);
}

static ut_status check_vector(const float *vector, size_t dim, const char *id, ut_error *err)
{
    double square = 0;
    for (size_t d = 0; d < dim; d++)
        square += (double)vector[d] * vector[d];
    if (!isfinite(square))
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "the embedding of %s holds values that are no numbers", id);
    if (!(square > 0) || sqrt(square) > 1.001)
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "the embedding of %s is %g long, not above 0 and at most 1", id,
                       sqrt(square));
    return UT_OK;
}

/* Strings are hashed with the zero bytes behind them, so that none runs into the next. */
static char *content_id(const ut_store_item *item, ut_arena *arena)
{
    const char *strings[] = {item->text,    item->speaker, item->language,
                             item->channel, item->source,  item->conversation};
    char tail[64];
    char hex[UT_SHA256_HEX];
    ut_buf content;
    ut_buf_init(&content, 0);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        ut_buf_add(&content, strings[i], strlen(strings[i]) + 1);
    if (item->end > 0)
        snprintf(tail, sizeof tail, "%.3f %.3f", item->start, item->end);
    else
        snprintf(tail, sizeof tail, "%d", item->label);
    ut_buf_adds(&content, tail);
    char *id = NULL;
    if (ut_buf_status(&content) == UT_OK) {
        ut_sha256(content.data, content.length, hex);
        id = ut_arena_strdup(arena, hex);
    }
    ut_buf_free(&content);
    return id;
}

static ut_status complete(ut_store_item *item, ut_arena *arena, ut_error *err)
{
    const char **strings[] = {&item->text,    &item->speaker, &item->language,
                              &item->channel, &item->source,  &item->conversation};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (!*strings[i])
            *strings[i] = "";
    /* Chroma reads numbers of more than 15 digits wrong in the last. */
    item->start = round(item->start * 1e6) / 1e6;
    item->end = round(item->end * 1e6) / 1e6;
    if (!item->id && !(item->id = content_id(item, arena)))
        return ut_fail_memory(err, "store");
    return check_item(item, err);
}

/* ------------------------------------------------------------------ changes */

typedef struct numbered {
    const char *id;
    size_t index;
} numbered;

static int by_id(const void *a, const void *b)
{
    const numbered *x = a;
    const numbered *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Moves the first item of each id to the front, with its vector; returns how many there are. */
static size_t drop_doubles(ut_store_item *items, float *vectors, size_t count, size_t dim,
                           ut_arena *arena)
{
    numbered *sorted = UT_ARENA_NEW(arena, numbered, count);
    bool *twice = UT_ARENA_NEW(arena, bool, count);
    if (!sorted || !twice)
        return 0;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (numbered){items[i].id, i};
    qsort(sorted, count, sizeof *sorted, by_id);
    for (size_t i = 1; i < count; i++)
        twice[sorted[i].index] = strcmp(sorted[i].id, sorted[i - 1].id) == 0;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (twice[i])
            continue;
        items[kept] = items[i];
        memmove(vectors + kept * dim, vectors + i * dim, dim * sizeof *vectors);
        kept++;
    }
    return kept;
}

static ut_status add_with(ut_store *store, const ut_store_item *items, const float *vectors,
                          size_t count, size_t *added, ut_arena *arena, ut_error *err)
{
    size_t dim = store->opened.space.dim;
    ut_store_item *own = UT_ARENA_NEW(arena, ut_store_item, count);
    float *rows = UT_ARENA_NEW(arena, float, count *dim);
    if (!own || !rows)
        return ut_fail_memory(err, "store");
    for (size_t i = 0; i < count; i++) {
        own[i] = items[i];
        UT_TRY(complete(&own[i], arena, err));
        UT_TRY(check_vector(vectors + i * dim, dim, own[i].id, err));
    }
    memcpy(rows, vectors, count * dim * sizeof *rows);
    size_t kept = drop_doubles(own, rows, count, dim, arena);
    if (kept == 0)
        return ut_fail_memory(err, "store");
    return store->opened.backend->add(store->opened.self, own, rows, kept, added, err);
}

ut_status ut_store_add(ut_store *store, const ut_store_item *items, const float *vectors,
                       size_t count, size_t *added, ut_error *err)
{
    size_t unused;
    size_t *new = added ? added : &unused;
    *new = 0;
    UT_TRY(check_writable(store, err));
    if (count == 0)
        return UT_OK;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return ut_fail_memory(err, "store");
    ut_status status = add_with(store, items, vectors, count, new, arena, err);
    ut_arena_destroy(arena);
    return status;
}

ut_status ut_store_remove(ut_store *store, const char *const *ids, size_t count, size_t *removed,
                          ut_error *err)
{
    size_t unused;
    size_t *gone = removed ? removed : &unused;
    *gone = 0;
    UT_TRY(check_writable(store, err));
    if (count == 0)
        return UT_OK;
    return store->opened.backend->remove(store->opened.self, ids, count, gone, err);
}

ut_status ut_store_set_label(ut_store *store, const char *id, int label, ut_error *err)
{
    UT_TRY(check_writable(store, err));
    UT_TRY(check_label(label, err));
    return store->opened.backend->set_label(store->opened.self, id, label, err);
}

/* ------------------------------------------------------------------ reading */

ut_status ut_store_get(ut_store *store, const char *id, ut_arena *arena, ut_store_item *item,
                       float *vector, ut_error *err)
{
    return store->opened.backend->get(store->opened.self, id, arena, item, vector, err);
}

ut_status ut_store_each(ut_store *store, ut_store_visit visit, void *context, ut_error *err)
{
    return store->opened.backend->each(store->opened.self, visit, context, err);
}

ut_status ut_store_nearest(ut_store *store, const ut_store_query *query, ut_arena *arena,
                           ut_store_hit *hits, size_t *found, ut_error *err)
{
    size_t dim = store->opened.space.dim;
    memset(found, 0, query->count * sizeof *found);
    if (query->k < 1 || query->k > UT_STORE_K_MOST)
        return ut_fail(err, UT_ERR_USAGE, "store", "1 to %d nearest can be asked for, not %zu",
                       UT_STORE_K_MOST, query->k);
    for (size_t i = 0; i < query->count * dim; i++)
        if (!isfinite(query->vectors[i]))
            return ut_fail(err, UT_ERR_USAGE, "store", "a query holds values that are no numbers");
    if (query->count == 0)
        return UT_OK;
    UT_TRY(store->opened.backend->nearest(store->opened.self, query, arena, hits, found, err));
    for (size_t i = 0; i < query->count; i++)
        if (!(ut_dot(query->vectors + i * dim, query->vectors + i * dim, dim) > 0))
            found[i] = 0;
    return UT_OK;
}
