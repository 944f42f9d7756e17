/* Inside the Chroma back end: where the collection is (chroma_url.c), what is said and answered
 * (chroma_wire.c), and the calls (chroma.c, chroma_nearest.c).
 *
 * Spoken is the HTTP API of Chroma 1.x ("v2"), as chromadb 1.5.9 serves it. An item is a record:
 * its text the document, its other members metadata of the same names ("label" by name, and not
 * there when unknown), so that Chroma's own clients read it. The collection's metadata says
 * {"undertone": 1, "model": M, "dim": D}, its space is "ip". A collection without that metadata
 * was made by other software and can be read alone: nobody knows which model its vectors are of. */
#ifndef UT_STORE_CHROMA_H
#define UT_STORE_CHROMA_H

#include <jansson.h>

#include "net/http.h"
#include "store/internal.h"

/* ---- where: chroma_url.c ---- */

typedef struct ut_chroma_place {
    char *api;              /* "http://host:8000/api/v2" */
    char *database;         /* "http://.../api/v2/tenants/T/databases/D" */
    char *collection;       /* its name */
    char *shown;            /* the whole for messages, without secrets */
    const char *headers[3]; /* lines that say who asks; the last one NULL */
} ut_chroma_place;

enum { UT_CHROMA_URL_MOST = 8192 }; /* room for any URL that is asked */

/* Reads "chroma://[TOKEN@|USER:PASSWORD@]host[:port]/collection[?tenant=T&database=D&ssl=true]".
 * `token` (may be NULL) wins over the URL's, and that over $CHROMA_TOKEN. Strings come from
 * `arena`. */
UT_MUST_CHECK ut_status ut_chroma_place_read(const char *url, const char *token, ut_arena *arena,
                                             ut_chroma_place *place, ut_error *err);

/* ---- what is said: chroma_wire.c. NULL: out of memory ---- */

typedef struct ut_chroma_limits {
    size_t batch; /* records in one request */
    bool base64;  /* vectors may be sent as such */
} ut_chroma_limits;

json_t *ut_chroma_say_create(const char *name, ut_store_space space);
json_t *ut_chroma_say_add(const ut_store_item *items, const float *vectors, size_t count,
                          size_t dim, bool base64);
json_t *ut_chroma_say_label(const char *id, int label);
json_t *ut_chroma_say_ids(const char *const *ids, size_t count);
/* Records of a filter (NULL: all), or of ids; vectors, texts and metadata of them, or ids alone. */
json_t *ut_chroma_say_get(const ut_store_filter *filter, const char *const *ids, size_t count,
                          bool whole);
json_t *ut_chroma_say_query(const ut_store_filter *filter, const float *vectors, size_t count,
                            size_t dim, size_t n, bool with_vectors);

/* ---- what is answered: any bytes may come. `name` is the server in messages ---- */

typedef struct ut_chroma_answer {
    json_t *json;
    const char *name;
} ut_chroma_answer;

UT_MUST_CHECK ut_status ut_chroma_parse(const char *text, size_t length, const char *name,
                                        ut_chroma_answer *answer, ut_error *err);
void ut_chroma_forget(ut_chroma_answer *answer);

/* What a server says in an answer that is no success: a short text for a message. */
void ut_chroma_complaint(const char *text, size_t length, char *out, size_t room);

UT_MUST_CHECK ut_status ut_chroma_hear_limits(const ut_chroma_answer *answer,
                                              ut_chroma_limits *limits, ut_error *err);
UT_MUST_CHECK ut_status ut_chroma_hear_count(const ut_chroma_answer *answer, size_t *count,
                                             ut_error *err);

typedef struct ut_chroma_collection {
    const char *id;     /* of the server's making */
    const char *metric; /* "ip", "l2", "cosine", or "" */
    bool ours;
    long long version;    /* of ours */
    ut_store_space space; /* of another's: model "unknown", dim 0 when it is empty */
} ut_chroma_collection;

/* Strings live as long as the answer. */
UT_MUST_CHECK ut_status ut_chroma_hear_collection(const ut_chroma_answer *answer,
                                                  ut_chroma_collection *collection, ut_error *err);

/* The records of a get, or of one query among several. */
typedef struct ut_chroma_rows {
    size_t count;
    const json_t *ids, *documents, *metadatas, *embeddings, *distances; /* NULL: not in it */
    const char *name;
} ut_chroma_rows;

UT_MUST_CHECK ut_status ut_chroma_hear_rows(const ut_chroma_answer *answer, ut_chroma_rows *rows,
                                            ut_error *err);
UT_MUST_CHECK ut_status ut_chroma_hear_queries(const ut_chroma_answer *answer, size_t queries,
                                               ut_chroma_rows *rows, ut_error *err);

const char *ut_chroma_row_id(const ut_chroma_rows *rows, size_t i);
/* Strings live as long as the answer; what is not there or of another type is "", 0, -1. */
void ut_chroma_row_item(const ut_chroma_rows *rows, size_t i, ut_store_item *item);
UT_MUST_CHECK ut_status ut_chroma_row_vector(const ut_chroma_rows *rows, size_t i, float *vector,
                                             size_t dim, ut_error *err);
UT_MUST_CHECK ut_status ut_chroma_row_distance(const ut_chroma_rows *rows, size_t i,
                                               float *distance, ut_error *err);

/* ---- the calls: chroma.c, chroma_nearest.c ---- */

/* Not changed after opening, so that any thread may use it. */
typedef struct ut_chroma {
    ut_arena *arena; /* of the strings below */
    ut_http_client *client;
    ut_chroma_place place;
    const char *records; /* URL of the collection's records */
    ut_chroma_limits limits;
    ut_store_space space;
    bool ours;
    double seconds;
} ut_chroma;

/* Asks and takes the answer of a success. `body` is released; NULL: out of memory. */
UT_MUST_CHECK ut_status ut_chroma_post(const ut_chroma *c, const char *call, json_t *body,
                                       ut_chroma_answer *answer, ut_error *err);

ut_status ut_chroma_nearest(void *self, const ut_store_query *query, ut_arena *arena,
                            ut_store_hit *hits, size_t *found, ut_error *err);

/* How many records pass; visits them in order of id. `filter` NULL: all. */
UT_MUST_CHECK ut_status ut_chroma_passing(const ut_chroma *c, const ut_store_filter *filter,
                                          size_t *count, ut_error *err);
UT_MUST_CHECK ut_status ut_chroma_walk(const ut_chroma *c, const ut_store_filter *filter,
                                       ut_store_visit visit, void *context, ut_error *err);

#endif
