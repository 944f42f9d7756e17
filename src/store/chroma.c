/* The Chroma back end: opening, and all calls but the search. */
#include "store/chroma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

enum {
    TRIES = 5,
    PAGE_MOST = 1000,     /* records of one request */
    PAGE_VALUES = 1 << 20 /* of the vectors of one request */
};

/* A request's body is refused above 40 MB; every byte of a text may become six in JSON. */
static const size_t body_most = 6 * UT_MIB;

/* ------------------------------------------------------------------ one call */

/* An answer that is no success, as a sentence with what to do. */
static ut_status refuse(const ut_chroma *c, long code, const ut_buf *reply, ut_error *err)
{
    char said[320];
    ut_chroma_complaint(ut_buf_text(reply), reply->length, said, sizeof said);
    const char *shown = c->place.shown;
    switch (code) {
    case 401:
    case 403:
        return ut_fail(err, UT_ERR_CONFIG, "store",
                       "%s refuses the token or has none (%s); set CHROMA_TOKEN", shown, said);
    case 404:
        return ut_fail(err, UT_ERR_NOT_FOUND, "store",
                       "%s is not there (%s); check its name, tenant and database", shown, said);
    case 413:
        return ut_fail(err, UT_ERR_LIMIT, "store", "%s does not take so much at once (%s)", shown,
                       said);
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return ut_fail(err, UT_ERR_NETWORK, "store",
                       "%s is busy or in trouble: it answers %ld (%s); try again later", shown,
                       code, said);
    default:
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "%s does not do what is asked: it answers %ld (%s); check that it is a "
                       "Chroma server of version 1",
                       shown, code, said);
    }
}

static ut_status fetch(const ut_chroma *c, const char *url, const char *body, ut_buf *reply,
                       ut_error *err)
{
    /* Everything asked may be asked twice: what is added again is left as it is. */
    ut_http_request request = {.url = url,
                               .headers = c->place.headers[0] ? c->place.headers : NULL,
                               .body = body,
                               .body_length = body ? strlen(body) : 0,
                               .connect_seconds = 5,
                               .total_seconds = c->seconds,
                               .stall_seconds = c->seconds,
                               .maximum = UT_LIMIT_JSON_BYTES,
                               .tries = TRIES,
                               .wait_most = c->seconds};
    long code;
    ut_error why;
    ut_status status = ut_http_fetch(c->client, &request, reply, &code, &why);
    if (status == UT_ERR_NETWORK)
        return ut_fail(err, status, "store",
                       "%s cannot be used: %.*s; check that the server runs there (chroma run), "
                       "or take another store",
                       c->place.shown, (int)strcspn(why.message, ";"), why.message);
    if (status != UT_OK)
        return ut_fail(err, status, "store", "%s cannot be used: %s", c->place.shown, why.message);
    return code >= 200 && code < 300 ? UT_OK : refuse(c, code, reply, err);
}

/* GET without a body, else POST; takes the answer of a success. `body` is released. */
static ut_status ask(const ut_chroma *c, const char *base, const char *call, json_t *body,
                     ut_chroma_answer *answer, ut_error *err)
{
    char url[UT_CHROMA_URL_MOST];
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    ut_buf reply;
    ut_buf_init(&reply, UT_LIMIT_JSON_BYTES + 1);
    answer->json = NULL;
    snprintf(url, sizeof url, "%s/%s", base, call);
    ut_status status = UT_OK;
    if (body && !text)
        status = ut_fail_memory(err, "store");
    json_decref(body);
    if (status == UT_OK)
        status = fetch(c, url, text, &reply, err);
    if (status == UT_OK)
        status = ut_chroma_parse(ut_buf_text(&reply), reply.length, c->place.shown, answer, err);
    ut_buf_free(&reply);
    free(text);
    return status;
}

ut_status ut_chroma_post(const ut_chroma *c, const char *call, json_t *body,
                         ut_chroma_answer *answer, ut_error *err)
{
    answer->json = NULL;
    return body ? ask(c, c->records, call, body, answer, err) : ut_fail_memory(err, "store");
}

/* A call whose answer says nothing. */
static ut_status tell(const ut_chroma *c, const char *call, json_t *body, ut_error *err)
{
    ut_chroma_answer answer;
    UT_TRY(ut_chroma_post(c, call, body, &answer, err));
    ut_chroma_forget(&answer);
    return UT_OK;
}

/* ------------------------------------------------------------------ opening */

static ut_status learn_limits(ut_chroma *c, ut_error *err)
{
    ut_chroma_answer answer;
    ut_error why;
    ut_status status = ask(c, c->place.api, "pre-flight-checks", NULL, &answer, &why);
    if (status == UT_ERR_NOT_FOUND)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "store",
                       "%s does not speak Chroma's API v2; use a server of version 1 (pip install "
                       "chromadb)",
                       c->place.shown);
    if (status != UT_OK)
        return ut_fail(err, status, "store", "%s", why.message);
    status = ut_chroma_hear_limits(&answer, &c->limits, err);
    ut_chroma_forget(&answer);
    return status;
}

/* What the collection is, and whether it may be used so. */
static ut_status judge(ut_chroma *c, const ut_chroma_answer *answer, ut_store_mode mode,
                       ut_store_space asked, ut_error *err)
{
    ut_chroma_collection held;
    UT_TRY(ut_chroma_hear_collection(answer, &held, err));
    if (!held.ours && (mode == UT_STORE_WRITE || asked.model))
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "%s was made by other software and does not say by which model; its items "
                       "can be exported, but not be changed or used with a model",
                       c->place.shown);
    if (!held.ours && held.space.dim == 0)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%s is empty and was made by other software",
                       c->place.shown);
    if (asked.model && (strcmp(asked.model, held.space.model) != 0 || asked.dim != held.space.dim))
        return ut_store_other_space(c->place.shown, held.space, asked, err);
    char *model = ut_arena_strdup(c->arena, held.space.model);
    char *records = UT_ARENA_NEW(c->arena, char, UT_CHROMA_URL_MOST);
    if (!model || !records)
        return ut_fail_memory(err, "store");
    snprintf(records, UT_CHROMA_URL_MOST, "%s/collections/%s", c->place.database, held.id);
    c->records = records;
    c->space = (ut_store_space){model, held.space.dim};
    c->ours = held.ours;
    return UT_OK;
}

static ut_status find_collection(ut_chroma *c, ut_store_mode mode, ut_store_space asked,
                                 ut_error *err)
{
    char call[600];
    ut_chroma_answer answer;
    snprintf(call, sizeof call, "collections/%s", c->place.collection);
    ut_status status = ask(c, c->place.database, call, NULL, &answer, err);
    if (status == UT_ERR_NOT_FOUND && mode == UT_STORE_WRITE && asked.model) {
        json_t *body = ut_chroma_say_create(c->place.collection, asked);
        if (!body)
            return ut_fail_memory(err, "store");
        status = ask(c, c->place.database, "collections", body, &answer, err);
    }
    UT_TRY(status);
    status = judge(c, &answer, mode, asked, err);
    ut_chroma_forget(&answer);
    return status;
}

static void close_chroma(void *self)
{
    ut_chroma *c = self;
    ut_http_client_destroy(c->client);
    ut_arena_destroy(c->arena);
    free(c);
}

static ut_status open_chroma(ut_chroma *c, const char *url, ut_store_mode mode,
                             ut_store_space space, const ut_store_options *options, ut_error *err)
{
    c->arena = ut_arena_create(0);
    c->client = ut_http_client_create();
    if (!c->arena || !c->client)
        return ut_fail_memory(err, "store");
    c->seconds = options && options->seconds > 0 ? options->seconds : 30;
    UT_TRY(ut_chroma_place_read(url, options ? options->token : NULL, c->arena, &c->place, err));
    UT_TRY(learn_limits(c, err));
    return find_collection(c, mode, space, err);
}

/* ------------------------------------------------------------------ several records at once */

/* How many records with vectors go into one request. */
static size_t page_of(const ut_chroma *c)
{
    size_t page = PAGE_VALUES / c->space.dim;
    page = page < PAGE_MOST ? page : PAGE_MOST;
    return page < c->limits.batch ? page : c->limits.batch;
}

/* A sorted copy of ids. */
static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted(const char *const *ids, size_t count)
{
    const char **copy = malloc((count ? count : 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = ids[i];
    if (copy)
        qsort(copy, count, sizeof *copy, by_bytes);
    return copy;
}

/* Which of `ids` (sorted) are there. */
static ut_status mark_present(const ut_chroma *c, const char **ids, size_t count, bool *present,
                              ut_error *err)
{
    size_t page = page_of(c);
    for (size_t at = 0; at < count; at += page) {
        size_t n = count - at < page ? count - at : page;
        ut_chroma_answer answer;
        ut_chroma_rows rows;
        UT_TRY(ut_chroma_post(c, "get", ut_chroma_say_get(NULL, ids + at, n, false), &answer, err));
        ut_status status = ut_chroma_hear_rows(&answer, &rows, err);
        for (size_t i = 0; status == UT_OK && i < rows.count; i++) {
            const char *id = ut_chroma_row_id(&rows, i);
            const char **found = bsearch(&id, ids + at, n, sizeof *ids, by_bytes);
            if (found)
                present[found - ids] = true;
        }
        ut_chroma_forget(&answer);
        UT_TRY(status);
    }
    return UT_OK;
}

static ut_status delete_ids(const ut_chroma *c, const char *const *ids, size_t count, ut_error *err)
{
    size_t page = page_of(c);
    for (size_t at = 0; at < count; at += page)
        UT_TRY(tell(c, "delete", ut_chroma_say_ids(ids + at, count - at < page ? count - at : page),
                    err));
    return UT_OK;
}

/* ------------------------------------------------------------------ changes */

/* How many of the items go into the next request. */
static size_t fitting(const ut_chroma *c, const ut_store_item *items, size_t count)
{
    size_t page = page_of(c);
    size_t bytes = 0;
    size_t n = 0;
    while (n < count && n < page) {
        bytes += strlen(items[n].text) + c->space.dim * (c->limits.base64 ? 6 : 20) + 1024;
        if (n > 0 && bytes > body_most)
            break;
        n++;
    }
    return n;
}

/* The server takes one request whole or not at all; when a later one fails, the earlier are taken
 * back. */
static ut_status add_new(const ut_chroma *c, const ut_store_item *items, const float *vectors,
                         size_t count, ut_arena *arena, ut_error *err)
{
    size_t dim = c->space.dim;
    ut_status status = UT_OK;
    size_t sent = 0;
    size_t n = 0;
    for (; sent < count && status == UT_OK; sent += n) {
        n = fitting(c, items + sent, count - sent);
        status = tell(
            c, "add",
            ut_chroma_say_add(items + sent, vectors + sent * dim, n, dim, c->limits.base64), err);
    }
    const char **ids = status == UT_OK ? NULL : UT_ARENA_NEW(arena, const char *, sent);
    for (size_t i = 0; ids && i < sent; i++)
        ids[i] = items[i].id;
    if (!ids || delete_ids(c, ids, sent, NULL) == UT_OK)
        return status;
    char why[sizeof err->message];
    snprintf(why, sizeof why, "%.900s", err ? err->message : "");
    return ut_fail(err, status, "store", "%s; up to %zu of %zu items may be there: add them again",
                   why, sent, count);
}

static ut_status add_missing(const ut_chroma *c, const ut_store_item *items, const float *vectors,
                             size_t count, size_t *added, ut_arena *arena, ut_error *err)
{
    size_t dim = c->space.dim;
    const char **ids = UT_ARENA_NEW(arena, const char *, count);
    bool *present = UT_ARENA_NEW(arena, bool, count);
    ut_store_item *fresh = UT_ARENA_NEW(arena, ut_store_item, count);
    float *rows = UT_ARENA_NEW(arena, float, count *dim);
    if (!ids || !present || !fresh || !rows)
        return ut_fail_memory(err, "store");
    for (size_t i = 0; i < count; i++)
        ids[i] = items[i].id;
    qsort(ids, count, sizeof *ids, by_bytes);
    UT_TRY(mark_present(c, ids, count, present, err));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const char **at = bsearch(&items[i].id, ids, count, sizeof *ids, by_bytes);
        if (present[at - ids])
            continue;
        fresh[n] = items[i];
        memcpy(rows + n++ * dim, vectors + i * dim, dim * sizeof *rows);
    }
    UT_TRY(add_new(c, fresh, rows, n, arena, err));
    *added = n;
    return UT_OK;
}

static ut_status add(void *self, const ut_store_item *items, const float *vectors, size_t count,
                     size_t *added, ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return ut_fail_memory(err, "store");
    ut_status status = add_missing(self, items, vectors, count, added, arena, err);
    ut_arena_destroy(arena);
    return status;
}

static ut_status remove_present(const ut_chroma *c, const char **ids, bool *present, size_t count,
                                size_t *removed, ut_error *err)
{
    UT_TRY(mark_present(c, ids, count, present, err));
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (present[i])
            ids[n++] = ids[i];
    UT_TRY(delete_ids(c, ids, n, err));
    *removed = n;
    return UT_OK;
}

static ut_status remove_ids(void *self, const char *const *ids, size_t count, size_t *removed,
                            ut_error *err)
{
    const char **copy = sorted(ids, count);
    bool *present = calloc(count, sizeof *present);
    ut_status status = copy && present ? remove_present(self, copy, present, count, removed, err)
                                       : ut_fail_memory(err, "store");
    free(present);
    free(copy);
    return status;
}

static ut_status missing(const char *id, ut_error *err)
{
    return ut_fail(err, UT_ERR_NOT_FOUND, "store", "there is no item \"%s\"", id);
}

static ut_status set_label(void *self, const char *id, int label, ut_error *err)
{
    bool present = false;
    UT_TRY(mark_present(self, &id, 1, &present, err));
    if (!present)
        return missing(id, err);
    return tell(self, "update", ut_chroma_say_label(id, label), err);
}

/* ------------------------------------------------------------------ reading */

static ut_status count_items(void *self, size_t *count, ut_error *err)
{
    const ut_chroma *c = self;
    ut_chroma_answer answer;
    UT_TRY(ask(c, c->records, "count", NULL, &answer, err));
    ut_status status = ut_chroma_hear_count(&answer, count, err);
    ut_chroma_forget(&answer);
    return status;
}

static ut_status count_labels(void *self, size_t counts[UT_EMOTIONS], ut_error *err)
{
    for (unsigned i = 0; i < UT_EMOTIONS; i++)
        UT_TRY(ut_chroma_passing(self, &(ut_store_filter){.labels = 1u << i}, &counts[i], err));
    return UT_OK;
}

static ut_status get_item(void *self, const char *id, ut_arena *arena, ut_store_item *item,
                          float *vector, ut_error *err)
{
    const ut_chroma *c = self;
    ut_chroma_answer answer;
    ut_chroma_rows rows;
    UT_TRY(ut_chroma_post(c, "get", ut_chroma_say_get(NULL, &id, 1, true), &answer, err));
    ut_status status = ut_chroma_hear_rows(&answer, &rows, err);
    if (status == UT_OK && rows.count == 0)
        status = missing(id, err);
    if (status == UT_OK && vector)
        status = ut_chroma_row_vector(&rows, 0, vector, c->space.dim, err);
    if (status == UT_OK) {
        ut_chroma_row_item(&rows, 0, item);
        status = ut_store_keep(item, arena, err);
    }
    ut_chroma_forget(&answer);
    return status;
}

/* Visits the records of these ids, in this order, but for what was removed since. */
static ut_status visit_page(const ut_chroma *c, const char **ids, size_t count, float *vector,
                            ut_store_visit visit, void *context, ut_error *err)
{
    ut_chroma_answer answer;
    ut_chroma_rows rows;
    UT_TRY(ut_chroma_post(c, "get", ut_chroma_say_get(NULL, ids, count, true), &answer, err));
    ut_status status = ut_chroma_hear_rows(&answer, &rows, err);
    size_t *row = status == UT_OK ? calloc(count, sizeof *row) : NULL; /* 1 + that of ids[i] */
    if (status == UT_OK && !row)
        status = ut_fail_memory(err, "store");
    for (size_t i = 0; status == UT_OK && i < rows.count; i++) {
        const char *id = ut_chroma_row_id(&rows, i);
        const char **found = bsearch(&id, ids, count, sizeof *ids, by_bytes);
        if (found)
            row[found - ids] = i + 1;
    }
    for (size_t i = 0; status == UT_OK && i < count; i++) {
        ut_store_item item;
        if (!row[i])
            continue;
        ut_chroma_row_item(&rows, row[i] - 1, &item);
        status = ut_chroma_row_vector(&rows, row[i] - 1, vector, c->space.dim, err);
        if (status == UT_OK)
            status = visit(context, &item, vector, err);
    }
    free(row);
    ut_chroma_forget(&answer);
    return status;
}

/* The ids of all records that pass. `rows` is valid as long as the answer. */
static ut_status list(const ut_chroma *c, const ut_store_filter *filter, ut_chroma_answer *answer,
                      ut_chroma_rows *rows, ut_error *err)
{
    UT_TRY(ut_chroma_post(c, "get", ut_chroma_say_get(filter, NULL, 0, false), answer, err));
    ut_status status = ut_chroma_hear_rows(answer, rows, err);
    if (status != UT_OK)
        ut_chroma_forget(answer);
    return status;
}

ut_status ut_chroma_passing(const ut_chroma *c, const ut_store_filter *filter, size_t *count,
                            ut_error *err)
{
    ut_chroma_answer answer;
    ut_chroma_rows rows;
    UT_TRY(list(c, filter, &answer, &rows, err));
    *count = rows.count;
    ut_chroma_forget(&answer);
    return UT_OK;
}

/* All ids first, in one answer: pages would shift while others add and remove. */
ut_status ut_chroma_walk(const ut_chroma *c, const ut_store_filter *filter, ut_store_visit visit,
                         void *context, ut_error *err)
{
    ut_chroma_answer answer;
    ut_chroma_rows rows;
    UT_TRY(list(c, filter, &answer, &rows, err));
    const char **ids = malloc((rows.count + 1) * sizeof *ids);
    float *vector = malloc(c->space.dim * sizeof *vector);
    ut_status status = ids && vector ? UT_OK : ut_fail_memory(err, "store");
    for (size_t i = 0; i < rows.count && status == UT_OK; i++)
        ids[i] = ut_chroma_row_id(&rows, i);
    if (status == UT_OK)
        qsort(ids, rows.count, sizeof *ids, by_bytes);
    size_t page = page_of(c);
    for (size_t at = 0; at < rows.count && status == UT_OK; at += page)
        status = visit_page(c, ids + at, rows.count - at < page ? rows.count - at : page, vector,
                            visit, context, err);
    free(vector);
    free(ids);
    ut_chroma_forget(&answer);
    return status;
}

static ut_status each(void *self, ut_store_visit visit, void *context, ut_error *err)
{
    return ut_chroma_walk(self, NULL, visit, context, err);
}

static const ut_store_backend backend = {.close = close_chroma,
                                         .count = count_items,
                                         .labels = count_labels,
                                         .add = add,
                                         .remove = remove_ids,
                                         .set_label = set_label,
                                         .get = get_item,
                                         .each = each,
                                         .nearest = ut_chroma_nearest};

ut_status ut_store_chroma_open(const char *url, ut_store_mode mode, ut_store_space space,
                               const ut_store_options *options, ut_store_opened *opened,
                               ut_error *err)
{
    ut_chroma *c = calloc(1, sizeof *c);
    if (!c)
        return ut_fail_memory(err, "store");
    ut_status status = open_chroma(c, url, mode, space, options, err);
    if (status == UT_OK)
        *opened = (ut_store_opened){&backend, c, c->space};
    else
        close_chroma(c);
    return status;
}
