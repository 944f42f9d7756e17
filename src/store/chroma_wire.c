/* The Chroma back end: what is said and answered. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "store/chroma.h"

enum { VERSION = 1 }; /* of what an item looks like as a record */

/* ------------------------------------------------------------------ said */

json_t *ut_chroma_say_create(const char *name, ut_store_space space)
{
    /* ef_search: 1000 finds the same as an exact search did on 10 000 random queries, Chroma's own
     * 100 finds 99 % of it. */
    return json_pack("{s:s, s:b, s:{s:i, s:s, s:I}, s:{s:{s:s, s:i, s:i, s:i}}}", "name", name,
                     "get_or_create", 1, "metadata", "undertone", VERSION, "model", space.model,
                     "dim", (json_int_t)space.dim, "configuration", "hnsw", "space", "ip",
                     "ef_search", 1000, "ef_construction", 200, "max_neighbors", 32);
}

static json_t *numbers(const float *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_real(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *metadata(const ut_store_item *item)
{
    const char *label = item->label < 0 ? NULL : ut_emotion_name((ut_emotion_label)item->label);
    return json_pack("{s:s*, s:s, s:s, s:s, s:s, s:s, s:f, s:f}", "label", label, "speaker",
                     item->speaker, "language", item->language, "channel", item->channel, "source",
                     item->source, "conversation", item->conversation, "start", item->start, "end",
                     item->end);
}

json_t *ut_chroma_say_add(const ut_store_item *items, const float *vectors, size_t count,
                          size_t dim, bool base64)
{
    json_t *ids = json_array();
    json_t *documents = json_array();
    json_t *metadatas = json_array();
    json_t *embeddings = json_array();
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++) {
        const float *vector = vectors + i * dim;
        failed |= json_array_append_new(ids, json_string(items[i].id));
        failed |= json_array_append_new(documents, json_string(items[i].text));
        failed |= json_array_append_new(metadatas, metadata(&items[i]));
        failed |= json_array_append_new(embeddings, base64 ? ut_json_embedding(vector, dim)
                                                           : numbers(vector, dim));
    }
    json_t *body = json_pack("{s:o, s:o, s:o, s:o}", "ids", ids, "documents", documents,
                             "metadatas", metadatas, "embeddings", embeddings);
    if (!failed)
        return body;
    json_decref(body);
    return NULL;
}

/* A null takes the member away. */
json_t *ut_chroma_say_label(const char *id, int label)
{
    return json_pack("{s:[s], s:[{s:s?}]}", "ids", id, "metadatas", "label",
                     label < 0 ? NULL : ut_emotion_name((ut_emotion_label)label));
}

static json_t *strings(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_string(texts[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

json_t *ut_chroma_say_ids(const char *const *ids, size_t count)
{
    return json_pack("{s:o}", "ids", strings(ids, count));
}

/* Adds a condition; `terms` is an array. */
static int term(json_t *terms, const char *key, const char *operator, json_t * value)
{
    return json_array_append_new(terms, json_pack("{s:{s:o}}", key, operator, value));
}

/* What Chroma calls "where": each object of it has one key alone, so that several conditions stand
 * below "$and". null: every record. "$ne" lets records without the key pass, as it must. */
static json_t *where(const ut_store_filter *filter)
{
    json_t *terms = json_array();
    int failed = !terms;
    if (filter && filter->labels) {
        json_t *names = json_array();
        for (int i = 0; i < UT_EMOTIONS; i++)
            if (filter->labels >> i & 1)
                failed |=
                    json_array_append_new(names, json_string(ut_emotion_name((ut_emotion_label)i)));
        failed |= term(terms, "label", "$in", names);
    }
    if (filter && filter->language)
        failed |= term(terms, "language", "$eq", json_string(filter->language));
    if (filter && filter->channel)
        failed |= term(terms, "channel", "$eq", json_string(filter->channel));
    if (filter && filter->source)
        failed |= term(terms, "source", "$eq", json_string(filter->source));
    if (filter && filter->exclude_conversation && *filter->exclude_conversation)
        failed |= term(terms, "conversation", "$ne", json_string(filter->exclude_conversation));
    json_t *out = NULL;
    if (!failed && json_array_size(terms) == 0)
        out = json_null();
    else if (!failed && json_array_size(terms) == 1)
        out = json_incref(json_array_get(terms, 0));
    else if (!failed)
        out = json_pack("{s:O}", "$and", terms);
    json_decref(terms);
    return out;
}

json_t *ut_chroma_say_get(const ut_store_filter *filter, const char *const *ids, size_t count,
                          bool whole)
{
    return json_pack("{s:o, s:o, s:o}", "where", where(filter), "ids",
                     ids ? strings(ids, count) : json_null(), "include",
                     whole ? json_pack("[s, s, s]", "documents", "metadatas", "embeddings")
                           : json_array());
}

json_t *ut_chroma_say_query(const ut_store_filter *filter, const float *vectors, size_t count,
                            size_t dim, size_t n, bool with_vectors)
{
    json_t *queries = json_array();
    int failed = !queries;
    for (size_t i = 0; i < count && !failed; i++)
        failed = json_array_append_new(queries, numbers(vectors + i * dim, dim));
    json_t *body =
        json_pack("{s:o, s:o, s:I, s:o}", "query_embeddings", queries, "where", where(filter),
                  "n_results", (json_int_t)n, "include",
                  with_vectors ? json_pack("[s, s, s, s]", "documents", "metadatas", "distances",
                                           "embeddings")
                               : json_pack("[s, s, s]", "documents", "metadatas", "distances"));
    if (!failed)
        return body;
    json_decref(body);
    return NULL;
}

/* ------------------------------------------------------------------ answered */

static ut_status strange(const char *name, const char *what, ut_error *err)
{
    return ut_fail(err, UT_ERR_FORMAT, "store",
                   "%s answers with %s; check that it is a Chroma server of version 1 with "
                   "nothing in between that changes answers",
                   name, what);
}

ut_status ut_chroma_parse(const char *text, size_t length, const char *name,
                          ut_chroma_answer *answer, ut_error *err)
{
    /* A zero character in another's text ends it; the rest of the answer is none the worse. */
    answer->name = name;
    answer->json = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return answer->json ? UT_OK : strange(name, "something that is not JSON", err);
}

void ut_chroma_forget(ut_chroma_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

void ut_chroma_complaint(const char *text, size_t length, char *out, size_t room)
{
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    const char *said = ut_json_string_or(json, "message", NULL);
    if (!said)
        said = ut_json_string_or(json, "error", "no word about it");
    snprintf(out, room, "%.*s", 300, said);
    json_decref(json);
}

ut_status ut_chroma_hear_limits(const ut_chroma_answer *answer, ut_chroma_limits *limits,
                                ut_error *err)
{
    const json_t *batch = json_object_get(answer->json, "max_batch_size");
    if (!json_is_integer(batch) || json_integer_value(batch) < 1)
        return strange(answer->name, "no \"max_batch_size\"", err);
    limits->batch = (size_t)json_integer_value(batch);
    limits->base64 = ut_json_bool_or(answer->json, "supports_base64_encoding", false);
    return UT_OK;
}

ut_status ut_chroma_hear_count(const ut_chroma_answer *answer, size_t *count, ut_error *err)
{
    if (!json_is_integer(answer->json) || json_integer_value(answer->json) < 0)
        return strange(answer->name, "no number of records", err);
    *count = (size_t)json_integer_value(answer->json);
    return UT_OK;
}

static bool is_uuid(const char *id)
{
    return id && strlen(id) == 36 && strspn(id, "0123456789abcdefABCDEF-") == 36;
}

/* The number of values in a vector, 0 if it says none that can be. */
static size_t dimension(const json_t *value)
{
    json_int_t dim = json_integer_value(value);
    return dim > 0 && dim <= UT_STORE_DIM_MOST ? (size_t)dim : 0;
}

ut_status ut_chroma_hear_collection(const ut_chroma_answer *answer, ut_chroma_collection *out,
                                    ut_error *err)
{
    const json_t *metadata = json_object_get(answer->json, "metadata");
    const json_t *configuration = json_object_get(answer->json, "configuration_json");
    const json_t *index = json_object_get(configuration, "hnsw");
    const json_t *version = json_object_get(metadata, "undertone");
    const json_t *model = json_object_get(metadata, "model");
    size_t dim = dimension(json_object_get(answer->json, "dimension"));
    if (!json_is_object(index))
        index = json_object_get(configuration, "spann");
    *out = (ut_chroma_collection){.id = ut_json_string_or(answer->json, "id", NULL),
                                  .metric = ut_json_string_or(index, "space", ""),
                                  .ours = json_is_integer(version),
                                  .version = json_integer_value(version),
                                  .space = {"unknown", dim}};
    if (!is_uuid(out->id))
        return strange(answer->name, "no collection", err);
    if (!out->ours)
        return UT_OK;
    size_t said = dimension(json_object_get(metadata, "dim"));
    out->space = (ut_store_space){json_string_value(model), said};
    if (out->version > VERSION)
        return ut_fail(err, UT_ERR_UNSUPPORTED, "store",
                       "%s was written by a newer version of Undertone; use that one",
                       answer->name);
    if (!out->space.model || !*out->space.model || said == 0 || (dim && dim != said) ||
        strcmp(out->metric, "ip") != 0)
        return ut_fail(err, UT_ERR_FORMAT, "store",
                       "%s is damaged: its metadata does not say the \"model\" and \"dim\" of the "
                       "vectors it holds, or its space is not \"ip\"; make another collection",
                       answer->name);
    return UT_OK;
}

/* A column of `count` values, or NULL when there is none. */
static bool take_column(const json_t *value, size_t count, const json_t **column)
{
    *column = json_is_array(value) ? value : NULL;
    return !*column || json_array_size(value) == count;
}

static ut_status take_rows(const json_t *columns[5], const char *name, ut_chroma_rows *rows,
                           ut_error *err)
{
    *rows = (ut_chroma_rows){.name = name};
    rows->count = json_array_size(columns[0]);
    if (!json_is_array(columns[0]) || !take_column(columns[0], rows->count, &rows->ids) ||
        !take_column(columns[1], rows->count, &rows->documents) ||
        !take_column(columns[2], rows->count, &rows->metadatas) ||
        !take_column(columns[3], rows->count, &rows->embeddings) ||
        !take_column(columns[4], rows->count, &rows->distances))
        return strange(name, "columns of different lengths", err);
    for (size_t i = 0; i < rows->count; i++)
        if (!json_is_string(json_array_get(rows->ids, i)))
            return strange(name, "records without ids", err);
    return UT_OK;
}

static const char *const columns[5] = {"ids", "documents", "metadatas", "embeddings", "distances"};

ut_status ut_chroma_hear_rows(const ut_chroma_answer *answer, ut_chroma_rows *rows, ut_error *err)
{
    const json_t *values[5];
    for (int i = 0; i < 5; i++)
        values[i] = json_object_get(answer->json, columns[i]);
    return take_rows(values, answer->name, rows, err);
}

ut_status ut_chroma_hear_queries(const ut_chroma_answer *answer, size_t queries,
                                 ut_chroma_rows *rows, ut_error *err)
{
    if (json_array_size(json_object_get(answer->json, "ids")) != queries)
        return strange(answer->name, "results of other queries", err);
    for (size_t q = 0; q < queries; q++) {
        const json_t *values[5];
        for (int i = 0; i < 5; i++)
            values[i] = json_array_get(json_object_get(answer->json, columns[i]), q);
        UT_TRY(take_rows(values, answer->name, &rows[q], err));
    }
    return UT_OK;
}

/* ------------------------------------------------------------------ records */

const char *ut_chroma_row_id(const ut_chroma_rows *rows, size_t i)
{
    return json_string_value(json_array_get(rows->ids, i));
}

void ut_chroma_row_item(const ut_chroma_rows *rows, size_t i, ut_store_item *item)
{
    const json_t *m = json_array_get(rows->metadatas, i);
    const char *text = json_string_value(json_array_get(rows->documents, i));
    const char *label = ut_json_string_or(m, "label", NULL);
    double start = ut_json_number_or(m, "start", 0);
    double end = ut_json_number_or(m, "end", 0);
    bool times = start >= 0 && end >= start && isfinite(end);
    *item = (ut_store_item){.id = ut_chroma_row_id(rows, i),
                            .text = text ? text : "",
                            .label = label ? ut_emotion_from_name(label) : -1,
                            .speaker = ut_json_string_or(m, "speaker", ""),
                            .language = ut_json_string_or(m, "language", ""),
                            .channel = ut_json_string_or(m, "channel", ""),
                            .source = ut_json_string_or(m, "source", ""),
                            .conversation = ut_json_string_or(m, "conversation", ""),
                            .start = times ? start : 0,
                            .end = times ? end : 0};
}

ut_status ut_chroma_row_vector(const ut_chroma_rows *rows, size_t i, float *vector, size_t dim,
                               ut_error *err)
{
    const json_t *values = json_array_get(rows->embeddings, i);
    bool fine = json_array_size(values) == dim;
    for (size_t d = 0; d < dim && fine; d++) {
        const json_t *value = json_array_get(values, d);
        vector[d] = (float)json_number_value(value);
        fine = json_is_number(value) && isfinite(vector[d]);
    }
    return fine ? UT_OK : strange(rows->name, "records without a vector of its dimension", err);
}

ut_status ut_chroma_row_distance(const ut_chroma_rows *rows, size_t i, float *distance,
                                 ut_error *err)
{
    const json_t *value = json_array_get(rows->distances, i);
    *distance = (float)json_number_value(value);
    if (!json_is_number(value) || !isfinite(*distance))
        return strange(rows->name, "records without a distance", err);
    return UT_OK;
}
