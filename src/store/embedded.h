/* Inside the embedded back end: one SQLite connection and its statements. Everything runs under
 * `lock`, one call at a time. */
#ifndef UT_STORE_EMBEDDED_H
#define UT_STORE_EMBEDDED_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/internal.h"

/* Statements that are prepared once, when first used. */
enum {
    UT_ST_INSERT,
    UT_ST_COUNT,
    UT_ST_BY_ID,
    UT_ST_EACH,
    UT_ST_REMOVE,
    UT_ST_LABEL,
    UT_ST_SCAN,
    UT_ST_STATEMENTS
};

typedef struct ut_embedded {
    pthread_mutex_t lock;
    sqlite3 *db;
    char *path; /* for messages */
    char *model;
    size_t dim;
    sqlite3_stmt *statements[UT_ST_STATEMENTS];
} ut_embedded;

extern const ut_store_backend ut_embedded_backend;

/* A failure of SQLite as a status and a sentence about the file. */
ut_status ut_embedded_fail(const ut_embedded *e, int rc, ut_error *err);
/* A row that cannot be one of ours. */
ut_status ut_embedded_damaged(const ut_embedded *e, ut_error *err);

/* One of the statements above, reset; NULL (and *rc) when it cannot be prepared. */
sqlite3_stmt *ut_embedded_statement(ut_embedded *e, int which, int *rc);

/* A write transaction; `end` commits, or takes everything back when status is a failure. */
UT_MUST_CHECK ut_status ut_embedded_begin(ut_embedded *e, ut_error *err);
UT_MUST_CHECK ut_status ut_embedded_end(ut_embedded *e, ut_status status, ut_error *err);

/* The back end's functions, with the lock held. */
ut_status ut_embedded_count(ut_embedded *e, size_t *count, ut_error *err);
ut_status ut_embedded_add(ut_embedded *e, const ut_store_item *items, const float *vectors,
                          size_t count, size_t *added, ut_error *err);
ut_status ut_embedded_remove(ut_embedded *e, const char *const *ids, size_t count, size_t *removed,
                             ut_error *err);
ut_status ut_embedded_set_label(ut_embedded *e, const char *id, int label, ut_error *err);
ut_status ut_embedded_get(ut_embedded *e, const char *id, ut_arena *arena, ut_store_item *item,
                          float *vector, ut_error *err);
ut_status ut_embedded_each(ut_embedded *e, ut_store_visit visit, void *context, ut_error *err);
ut_status ut_embedded_nearest(ut_embedded *e, const ut_store_query *query, ut_arena *arena,
                              ut_store_hit *hits, size_t *found, ut_error *err);

/* Reads the item columns of a row (UT_EMBEDDED_ITEM, the first ones); strings belong to the row.
 * `vector` NULL or [dim]. */
#define UT_EMBEDDED_ITEM                                                                           \
    "id, text, label, speaker, language, channel, source, conversation, start, stop, vector"
UT_MUST_CHECK ut_status ut_embedded_row(const ut_embedded *e, sqlite3_stmt *row,
                                        ut_store_item *item, float *vector, ut_error *err);

#endif
