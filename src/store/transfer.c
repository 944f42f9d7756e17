/* Stores as JSON lines, and from one store to another: in batches, so that memory does not grow
 * with the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/store.h"

enum { BATCH = 1000 };

/* Items on their way into a store. */
typedef struct batch {
    ut_store *store;
    ut_arena *strings;
    ut_store_item items[BATCH];
    float *vectors; /* [BATCH, dim] */
    size_t count, dim, added;
} batch;

static ut_status batch_new(ut_store *store, batch **out, ut_error *err)
{
    batch *b = calloc(1, sizeof *b);
    *out = b;
    if (!b)
        return ut_fail_memory(err, "store");
    b->store = store;
    b->dim = ut_store_space_of(store).dim;
    b->strings = ut_arena_create(0);
    b->vectors = malloc(BATCH * b->dim * sizeof *b->vectors);
    return b->strings && b->vectors ? UT_OK : ut_fail_memory(err, "store");
}

static void batch_free(batch *b)
{
    if (!b)
        return;
    ut_arena_destroy(b->strings);
    free(b->vectors);
    free(b);
}

static ut_status flush(batch *b, ut_error *err)
{
    size_t added;
    UT_TRY(ut_store_add(b->store, b->items, b->vectors, b->count, &added, err));
    b->added += added;
    b->count = 0;
    ut_arena_reset(b->strings);
    return UT_OK;
}

static ut_status put(void *context, const ut_store_item *item, const float *vector, ut_error *err)
{
    batch *b = context;
    ut_store_item *held = &b->items[b->count];
    *held = *item;
    const char **strings[] = {&held->id,      &held->text,   &held->speaker,     &held->language,
                              &held->channel, &held->source, &held->conversation};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (*strings[i] && !(*strings[i] = ut_arena_strdup(b->strings, *strings[i])))
            return ut_fail_memory(err, "store");
    memcpy(b->vectors + b->count * b->dim, vector, b->dim * sizeof *vector);
    return ++b->count == BATCH ? flush(b, err) : UT_OK;
}

ut_status ut_store_copy(ut_store *from, ut_store *to, size_t *added, ut_error *err)
{
    batch *b;
    ut_store_space held = ut_store_space_of(from);
    ut_store_space asked = ut_store_space_of(to);
    if (held.dim != asked.dim || strcmp(held.model, asked.model) != 0)
        return ut_fail(err, UT_ERR_MISMATCH, "store",
                       "embeddings of %zu values by %s do not go into a store of %zu by %s",
                       held.dim, held.model, asked.dim, asked.model);
    ut_status status = batch_new(to, &b, err);
    if (status == UT_OK)
        status = ut_store_each(from, put, b, err);
    if (status == UT_OK)
        status = flush(b, err);
    if (added)
        *added = b ? b->added : 0;
    batch_free(b);
    return status;
}

/* ------------------------------------------------------------------ JSON lines */

typedef struct reading {
    const char *path, *source;
    ut_store_embed embed;
    void *context;
    const char *model;
    float *vector; /* [dim] */
    batch *batch;  /* NULL while the file is only checked */
    size_t dim;
} reading;

static ut_status take_label(const json_t *json, const char *name, int *label, ut_error *err)
{
    const json_t *value = json_object_get(json, "label");
    *label = -1;
    if (!value || json_is_null(value))
        return UT_OK;
    *label = json_is_string(value) ? ut_emotion_from_name(json_string_value(value)) : -1;
    if (*label < 0)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%s: \"label\" is none of the five emotions",
                       name);
    return UT_OK;
}

/* The line's own vector, or one by the encoder; while checking, none is made. */
static ut_status take_vector(reading *r, const json_t *json, const char *text, const char *name,
                             ut_error *err)
{
    const json_t *vector = json_object_get(json, "vector");
    if (vector) {
        const char *model = ut_json_string_or(json, "model", r->model);
        if (strcmp(model, r->model) != 0 || ut_json_embedding_size(vector) != r->dim)
            return ut_fail(err, UT_ERR_MISMATCH, "store",
                           "%s: the vector is not of the %zu values by %s that the store holds; "
                           "export it as .csv, whose texts are embedded anew",
                           name, r->dim, r->model);
        if (!ut_json_embedding_read(vector, r->vector, r->dim))
            return ut_fail(err, UT_ERR_FORMAT, "store", "%s: the vector is damaged", name);
        return UT_OK;
    }
    if (!r->embed || !*text)
        return ut_fail(err, UT_ERR_FORMAT, "store", "%s needs a \"%s\"", name,
                       r->embed ? "text" : "vector");
    return r->batch ? r->embed(r->context, text, r->vector, err) : UT_OK;
}

static ut_status take_line(reading *r, const char *line, size_t length, const char *name,
                           ut_error *err)
{
    json_t *json = NULL;
    UT_TRY(ut_json_parse(line, length, name, &json, err));
    ut_store_item item = {.id = ut_json_string_or(json, "id", NULL),
                          .text = ut_json_string_or(json, "text", ""),
                          .speaker = ut_json_string_or(json, "speaker", NULL),
                          .language = ut_json_string_or(json, "language", NULL),
                          .channel = ut_json_string_or(json, "channel", NULL),
                          .source = ut_json_string_or(json, "source", r->source),
                          .conversation = ut_json_string_or(json, "conversation", NULL),
                          .start = ut_json_number_or(json, "start", 0),
                          .end = ut_json_number_or(json, "end", 0)};
    ut_status status = UT_OK;
    if (!json_is_object(json))
        status = ut_fail(err, UT_ERR_FORMAT, "store", "%s is no JSON object", name);
    if (status == UT_OK)
        status = take_label(json, name, &item.label, err);
    if (status == UT_OK)
        status = take_vector(r, json, item.text, name, err);
    if (status == UT_OK && r->batch)
        status = put(r->batch, &item, r->vector, err);
    json_decref(json);
    return status;
}

static ut_status read_lines(reading *r, ut_error *err)
{
    FILE *file = fopen(r->path, "re");
    if (!file)
        return ut_fail_errno(err, UT_ERR_NOT_FOUND, "store", "%s cannot be read", r->path);
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    ut_status status = UT_OK;
    for (size_t number = 1; status == UT_OK && (length = getline(&line, &room, file)) >= 0;
         number++) {
        char name[512];
        snprintf(name, sizeof name, "%.400s, line %zu", r->path, number);
        if ((size_t)length > UT_LIMIT_CONFIG_BYTES)
            status = ut_fail(err, UT_ERR_LIMIT, "store", "%s is longer than 1 MiB", name);
        else if ((size_t)length > strspn(line, " \t\r\n"))
            status = take_line(r, line, (size_t)length, name, err);
    }
    if (status == UT_OK && ferror(file))
        status = ut_fail_errno(err, UT_ERR_IO, "store", "%s cannot be read", r->path);
    fclose(file);
    free(line);
    return status;
}

ut_status ut_store_import(ut_store *store, const char *path, const char *source,
                          ut_store_embed embed, void *context, size_t *added, ut_error *err)
{
    ut_store_space space = ut_store_space_of(store);
    reading r = {path, source, embed, context, space.model, NULL, NULL, space.dim};
    batch *b = NULL;
    ut_status status = UT_OK;
    r.vector = malloc(space.dim * sizeof *r.vector);
    if (!r.vector)
        status = ut_fail_memory(err, "store");
    if (status == UT_OK)
        status = read_lines(&r, err);
    if (status == UT_OK)
        status = batch_new(store, &b, err);
    r.batch = b;
    if (status == UT_OK)
        status = read_lines(&r, err);
    if (status == UT_OK)
        status = flush(b, err);
    if (added)
        *added = b ? b->added : 0;
    batch_free(b);
    free(r.vector);
    return status;
}

typedef struct writing {
    FILE *file;
    const char *path;
    ut_store_space space;
} writing;

static ut_status write_line(void *context, const ut_store_item *item, const float *vector,
                            ut_error *err)
{
    writing *w = context;
    json_t *json = json_pack(
        "{s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:s, s:o}", "id", item->id, "text",
        item->text, "label",
        item->label < 0 ? NULL : ut_emotion_name((ut_emotion_label)item->label), "speaker",
        item->speaker, "language", item->language, "channel", item->channel, "source", item->source,
        "conversation", item->conversation, "start", item->start, "end", item->end, "model",
        w->space.model, "vector", ut_json_embedding(vector, w->space.dim));
    if (!json)
        return ut_fail_memory(err, "store");
    int failed = json_dumpf(json, w->file, JSON_COMPACT) != 0 || fputc('\n', w->file) == EOF;
    json_decref(json);
    return failed ? ut_fail_errno(err, UT_ERR_IO, "store", "%s cannot be written", w->path) : UT_OK;
}

ut_status ut_store_export(ut_store *store, const char *path, ut_error *err)
{
    char *temporary;
    UT_TRY(ut_file_begin(path, &temporary, err));
    writing w = {fopen(temporary, "we"), path, ut_store_space_of(store)};
    if (!w.file) {
        ut_file_discard(temporary);
        return ut_fail_errno(err, UT_ERR_IO, "store", "%s cannot be written", path);
    }
    ut_status status = ut_store_each(store, write_line, &w, err);
    if (fclose(w.file) != 0 && status == UT_OK)
        status = ut_fail_errno(err, UT_ERR_IO, "store", "%s cannot be written", path);
    if (status == UT_OK)
        return ut_file_commit(temporary, path, err);
    ut_file_discard(temporary);
    return status;
}
