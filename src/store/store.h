/* The embedded store of labelled examples: texts, what is known about them, and their embeddings,
 * in one SQLite file or in memory; searched exactly by cosine distance.
 *
 *   examples(id, text, label, speaker, language, source, conversation)   what was said
 *   embeddings(example, model, dim, vector)                              little-endian f32, one row
 * an encoder
 *
 * A handle works with the embeddings of one encoder (`model`): distances between encoders mean
 * nothing. Its vectors are held in memory, unit length, so that a query touches no file. Queries
 * may come from any number of threads; changes need the handle alone. Programs may share a file:
 * writers wait for each other (WAL), and a handle sees what was there when it was opened and what
 * it added itself. */
#ifndef UT_STORE_STORE_H
#define UT_STORE_STORE_H

#include <stdint.h>

#include "conversation/conversation.h"

typedef struct ut_store ut_store;

typedef enum ut_store_mode {
    UT_STORE_READ, /* the file must be there; works on read-only media */
    UT_STORE_WRITE /* created if absent */
} ut_store_mode;

/* One example. Strings are UTF-8; NULL counts as "". */
typedef struct ut_store_example {
    int64_t id;       /* given by the store */
    const char *text; /* not empty */
    int label;        /* ut_emotion_label, or -1: unknown */
    const char *speaker;
    const char *language;     /* "en" */
    const char *source;       /* the collection it came with: "starter" */
    const char *conversation; /* id of the conversation it was said in */
} ut_store_example;

/* Makes the embedding of a text: `dim` finite values. */
typedef ut_status (*ut_store_embed)(void *context, const char *text, float *embedding,
                                    ut_error *err);

/* `path` NULL: in memory. `dim` is 1 .. 65536. Errors: UT_ERR_NOT_FOUND, UT_ERR_FORMAT (another
 * kind of file, or damaged), UT_ERR_MISMATCH (embeddings of that model with another dimension),
 * UT_ERR_IO. */
UT_MUST_CHECK ut_status ut_store_open(const char *path, ut_store_mode mode, const char *model,
                                      size_t dim, ut_store **store, ut_error *err);
void ut_store_close(ut_store *store); /* NULL is fine */

/* Examples with an embedding of this encoder, which queries see; and those without. */
size_t ut_store_count(const ut_store *store);
size_t ut_store_missing(const ut_store *store);
const char *ut_store_model(const ut_store *store);
size_t ut_store_dim(const ut_store *store);

/* Adds all or none. vectors: [count, dim]. An example that is there already (same text, label,
 * source and conversation) is left as it is. */
UT_MUST_CHECK ut_status ut_store_add(ut_store *store, const ut_store_example *examples,
                                     const float *vectors, size_t count, ut_error *err);

/* Adds the lines of a JSON-lines file, all or none: {"text", "label"} and, as wished, "speaker",
 * "language", "source", "conversation". `source` stands where a line has none. Messages name the
 * line. */
UT_MUST_CHECK ut_status ut_store_import(ut_store *store, const char *path, const char *source,
                                        ut_store_embed embed, void *context, ut_error *err);

/* Embeds the examples that this encoder has not seen yet. */
UT_MUST_CHECK ut_status ut_store_embed_missing(ut_store *store, ut_store_embed embed, void *context,
                                               ut_error *err);

typedef struct ut_store_query {
    const float *vector;              /* [dim] */
    size_t k;                         /* nearest examples wanted */
    bool labelled;                    /* only examples with a label */
    const char *exclude_conversation; /* no example of this conversation; NULL: all */
} ut_store_query;

typedef struct ut_store_hit {
    const ut_store_example *example; /* valid until the store changes or is closed */
    float distance;                  /* cosine distance, 0 .. 2 */
} ut_store_hit;

/* The nearest, nearest first, equals in the order they were added, into hits[query->k]; returns how
 * many. 0 for a vector of length zero. */
size_t ut_store_nearest(const ut_store *store, const ut_store_query *query, ut_store_hit *hits);

#endif
