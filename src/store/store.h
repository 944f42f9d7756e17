/* The knowledge base: utterances with what is known about them and their embeddings, searched for
 * the nearest.
 *
 * Two back ends of identical behaviour (tests/unit/store/store_suite.c runs over both):
 *   embedded  one SQLite file, or memory (embedded.c); exact
 *   Chroma    a collection on a server, over its HTTP API (chroma.c); approximate by nature
 *
 * A store holds one space: the embeddings of one model, dim values each. Distances between models
 * mean nothing, so a store of another model is refused. Distance is 1 - inner product, and vectors
 * are taken as they are, at most 1 long: a combined embedding is [w_t * text ; w_a * voice] with
 * unit parts, and one without a text or a voice has zeros there, so that it is as far from an item
 * as the part they share says.
 *
 * Any number of threads may use a handle. Programs may share a store, many readers and one writer
 * at a time: writers wait for each other, and each call sees what was complete when it began. */
#ifndef UT_STORE_STORE_H
#define UT_STORE_STORE_H

#include <stdint.h>

#include "base/arena.h"
#include "conversation/conversation.h"

typedef struct ut_store ut_store;

typedef enum ut_store_mode {
    UT_STORE_READ, /* must be there; works on read-only media; changes fail with UT_ERR_USAGE */
    UT_STORE_WRITE /* made if absent */
} ut_store_mode;

/* What the vectors are. `model` names the encoder and the weights of its parts. model NULL and dim
 * 0 take what the store holds, which must then exist. */
typedef struct ut_store_space {
    const char *model;
    size_t dim; /* 1 .. UT_STORE_DIM_MOST */
} ut_store_space;

/* For Chroma alone; zeros are defaults. */
typedef struct ut_store_options {
    const char *token; /* sent as "Authorization: Bearer" and as "X-Chroma-Token"; NULL: the
                          address's, else that of $CHROMA_TOKEN, if any */
    double seconds;    /* an answer may take; 0: 30 */
} ut_store_options;

/* One utterance. Strings are UTF-8; NULL counts as "". */
typedef struct ut_store_item {
    const char *id;   /* NULL when adding: made from the content, see ut_store_add() */
    const char *text; /* "" where only the voice is known */
    int label;        /* ut_emotion_label, or -1: unknown */
    const char *speaker;
    const char *language;     /* "en" */
    const char *channel;      /* "phone", "clean" ... */
    const char *source;       /* the collection it came with: "starter" */
    const char *conversation; /* id of the conversation it was said in */
    double start, end;        /* seconds in its recording, kept to the microsecond; 0 and 0 where
                                 there is none */
} ut_store_item;

enum {
    UT_STORE_DIM_MOST = 65536,
    UT_STORE_TEXT_MOST = 65536,  /* bytes of a text */
    UT_STORE_STRING_MOST = 1024, /* bytes of an id and of each other string */
    UT_STORE_K_MOST = 4096,
    UT_STORE_LABELLED = (1 << UT_EMOTIONS) - 1
};

/* Which items count; all zero: every one. Strings are compared as bytes; NULL: any. */
typedef struct ut_store_filter {
    unsigned labels; /* bit i: those of ut_emotion_label i; UT_STORE_LABELLED: of any; 0: also those
                        without */
    const char *language;
    const char *channel;
    const char *source;
    const char *exclude_conversation; /* none of this conversation; NULL or "": no matter */
} ut_store_filter;

/* `where` is NULL (in memory), a path, or
 * "chroma://[TOKEN@|USER:PASSWORD@]host[:port]/collection[?tenant=T&database=D&ssl=true]" (%XX
 * where a character means something else; port 8000, with ssl 443). `options` may be NULL. Errors:
 * UT_ERR_NOT_FOUND, UT_ERR_FORMAT (of other software, or damaged), UT_ERR_MISMATCH (another model
 * or dimension), UT_ERR_UNSUPPORTED (of another version), UT_ERR_IO, UT_ERR_NETWORK. */
UT_MUST_CHECK ut_status ut_store_open(const char *where, ut_store_mode mode, ut_store_space space,
                                      const ut_store_options *options, ut_store **store,
                                      ut_error *err);
void ut_store_close(ut_store *store); /* NULL is fine */

/* Of the store, as long as it is open. */
ut_store_space ut_store_space_of(const ut_store *store);

UT_MUST_CHECK ut_status ut_store_count(ut_store *store, size_t *count, ut_error *err);
/* How many of the items have each label. */
UT_MUST_CHECK ut_status ut_store_labels(ut_store *store, size_t counts[UT_EMOTIONS], ut_error *err);

/* Adds all or none. vectors: [count, dim], finite, longer than 0 and at most 1 (within 1e-3). An
 * item whose id is there already, or came earlier in `items`, is left out; *added (may be NULL) is
 * how many were new. An id is made where there is none: the SHA-256 of the item's strings and,
 * where it has a place in a recording, its times, else its label. The same utterance is thus the
 * same item whether or not it has got its label; a text alone counts once for each label. */
UT_MUST_CHECK ut_status ut_store_add(ut_store *store, const ut_store_item *items,
                                     const float *vectors, size_t count, size_t *added,
                                     ut_error *err);

/* Removes all or none; ids that are not there are no error. *removed may be NULL. */
UT_MUST_CHECK ut_status ut_store_remove(ut_store *store, const char *const *ids, size_t count,
                                        size_t *removed, ut_error *err);

/* `label` as in an item. UT_ERR_NOT_FOUND for an id that is not there. */
UT_MUST_CHECK ut_status ut_store_set_label(ut_store *store, const char *id, int label,
                                           ut_error *err);

/* Strings come from `arena`; vector: [dim] or NULL. UT_ERR_NOT_FOUND. */
UT_MUST_CHECK ut_status ut_store_get(ut_store *store, const char *id, ut_arena *arena,
                                     ut_store_item *item, float *vector, ut_error *err);

/* Calls `visit` with each item that was there at the beginning, in order of id (bytes). What it is
 * given is valid during the call; it may not use this handle. A failure of it ends the walk and is
 * returned. */
typedef ut_status (*ut_store_visit)(void *context, const ut_store_item *item, const float *vector,
                                    ut_error *err);
UT_MUST_CHECK ut_status ut_store_each(ut_store *store, ut_store_visit visit, void *context,
                                      ut_error *err);

typedef struct ut_store_query {
    const float *vectors; /* [count, dim], finite, any length */
    size_t count;
    size_t k; /* nearest wanted for each, 1 .. UT_STORE_K_MOST */
    ut_store_filter filter;
    bool with_vectors; /* fill ut_store_hit.vector */
} ut_store_query;

typedef struct ut_store_hit {
    ut_store_item item;
    float distance;
    const float *vector; /* [dim], or NULL */
} ut_store_hit;

/* The nearest of each query, nearest first, equals in order of id, into hits[count * k]: those of
 * query i from i * k on, found[i] of them. Fewer than k where fewer pass the filter, none for a
 * query of zeros. Strings and vectors come from `arena`. Many queries at once are much cheaper than
 * one by one. */
UT_MUST_CHECK ut_status ut_store_nearest(ut_store *store, const ut_store_query *query,
                                         ut_arena *arena, ut_store_hit *hits, size_t *found,
                                         ut_error *err);

/* ---- files and copies: transfer.c ---- */

/* Makes the vector of a text, [dim], as ut_store_add() takes it. */
typedef ut_status (*ut_store_embed)(void *context, const char *text, float *vector, ut_error *err);

/* Adds the lines of a JSON-lines file: {"text"} and, as wished, the other members of ut_store_item
 * ("label" by name), "vector" (base64 of little-endian f32) and its "model". `source` (may be NULL)
 * stands where a line has none. `embed` makes the vectors that are missing; NULL: they must be
 * there. The whole file is checked before anything is added (messages name the line); it is then
 * added in batches, and the same import again completes one that was cut short. */
UT_MUST_CHECK ut_status ut_store_import(ut_store *store, const char *path, const char *source,
                                        ut_store_embed embed, void *context, size_t *added,
                                        ut_error *err);

/* Writes such a file of all items in order of id, with vectors: importing it loses nothing. */
UT_MUST_CHECK ut_status ut_store_export(ut_store *store, const char *path, ut_error *err);

/* Adds all items of `from` to `to`, another store of the same space, in batches as above. */
UT_MUST_CHECK ut_status ut_store_copy(ut_store *from, ut_store *to, size_t *added, ut_error *err);

#endif
