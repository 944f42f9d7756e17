/* The embedded back end: the nearest. */
#include <string.h>

#include "base/error.h"
#include "nn/ops.h"
#include "store/embedded.h"

static bool passes(const ut_store_filter *filter, const ut_store_item *item)
{
    if (filter->labels && (item->label < 0 || !(filter->labels >> item->label & 1)))
        return false;
    if (filter->exclude_conversation && *filter->exclude_conversation &&
        strcmp(item->conversation, filter->exclude_conversation) == 0)
        return false;
    return (!filter->language || strcmp(item->language, filter->language) == 0) &&
           (!filter->channel || strcmp(item->channel, filter->channel) == 0) &&
           (!filter->source || strcmp(item->source, filter->source) == 0);
}

static ut_status take(const ut_store_item *item, const float *vector, float distance,
                      const ut_store_query *query, size_t dim, ut_arena *arena, ut_store_hit *hits,
                      size_t *found, ut_error *err)
{
    size_t at = *found;
    while (at > 0 &&
           (hits[at - 1].distance > distance ||
            (hits[at - 1].distance == distance && strcmp(hits[at - 1].item.id, item->id) > 0)))
        at--;
    if (at == query->k)
        return UT_OK;
    ut_store_hit hit = {*item, distance, NULL};
    const char **strings[] = {&hit.item.id,          &hit.item.text,    &hit.item.speaker,
                              &hit.item.language,    &hit.item.channel, &hit.item.source,
                              &hit.item.conversation};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (!(*strings[i] = ut_arena_strdup(arena, *strings[i])))
            return ut_fail_memory(err, "store");
    if (query->with_vectors) {
        float *copy = UT_ARENA_NEW(arena, float, dim);
        if (!copy)
            return ut_fail_memory(err, "store");
        memcpy(copy, vector, dim * sizeof *copy);
        hit.vector = copy;
    }
    if (*found < query->k)
        ++*found;
    memmove(hits + at + 1, hits + at, (*found - 1 - at) * sizeof *hits);
    hits[at] = hit;
    return UT_OK;
}

ut_status ut_embedded_nearest(ut_embedded *e, const ut_store_query *query, ut_arena *arena,
                              ut_store_hit *hits, size_t *found, ut_error *err)
{
    int rc;
    sqlite3_stmt *row = ut_embedded_statement(e, UT_ST_SCAN, &rc);
    if (rc != SQLITE_OK)
        return ut_embedded_fail(e, rc, err);
    float *vector = UT_ARENA_NEW(arena, float, e->dim);
    ut_status status = vector ? UT_OK : ut_fail_memory(err, "store");
    while (status == UT_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        ut_store_item item;
        status = ut_embedded_row(e, row, &item, vector, err);
        if (status != UT_OK || !passes(&query->filter, &item))
            continue;
        for (size_t q = 0; q < query->count && status == UT_OK; q++)
            status = take(&item, vector, 1 - ut_dot(vector, query->vectors + q * e->dim, e->dim),
                          query, e->dim, arena, hits + q * query->k, &found[q], err);
    }
    return status == UT_OK && rc != SQLITE_DONE ? ut_embedded_fail(e, rc, err) : status;
}
