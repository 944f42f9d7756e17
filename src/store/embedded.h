/* Inside the embedded back end: one SQLite connection and its statements. Everything runs under
 * `lock`, one call at a time. */
#ifndef UT_STORE_EMBEDDED_H
#define UT_STORE_EMBEDDED_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/internal.h"

/* Statements, prepared when first used; their texts are in embedded.c. */
enum {
    UT_ST_BEGIN_READ,
    UT_ST_BEGIN_WRITE,
    UT_ST_COMMIT,
    UT_ST_ROLLBACK,
    UT_ST_VERSION,
    UT_ST_INSERT,
    UT_ST_COUNT,
    UT_ST_BY_ID,
    UT_ST_BY_N,
    UT_ST_EACH,
    UT_ST_PLACE,
    UT_ST_REMOVE,
    UT_ST_LABEL,
    UT_ST_NAME_KEY,
    UT_ST_NEW_NAME,
    UT_ST_LAST_CHANGE,
    UT_ST_LAST_BLOCK,
    UT_ST_ROOM,
    UT_ST_WRITE_BLOCK,
    UT_ST_CHANGED,
    UT_ST_BASIS_CHANGE,
    UT_ST_BASIS,
    UT_ST_NEW_BASIS,
    UT_ST_VECTOR,
    UT_ST_VECTORS,
    UT_ST_STATEMENTS
};

/* The file's blocks in memory, read at the first search and again where they changed. */
typedef struct ut_image {
    void **blocks; /* [count], by number */
    size_t count, room;
    void **slabs; /* what they lie in */
    size_t slab_count, slab_room;
    uint8_t *next; /* room for `left` more */
    size_t left;
    int64_t seen;    /* the last change that is in it */
    int64_t version; /* SQLite's data_version then: others' commits change it */
    bool stale;      /* this handle changed something */
    float error_most, length_most;
} ut_image;

/* The axes that vectors are turned to (embedded_basis.c). */
typedef struct ut_basis {
    int64_t changed; /* the change that made it, 0: there is none, -1: not known */
    int64_t based;   /* items it was made for */
    size_t head;     /* axes that are looked at first */
    float *matrix;   /* [dim, dim], rows are axes; NULL: vectors are left as they are */
    float defect;    /* what turning may change in the product of two unit vectors */
} ut_basis;

typedef struct ut_embedded {
    pthread_mutex_t lock;
    sqlite3 *db;
    char *path; /* for messages */
    char *model;
    size_t dim;
    sqlite3_stmt *statements[UT_ST_STATEMENTS];
    ut_basis basis;
    ut_image image;
} ut_embedded;

extern const ut_store_backend ut_embedded_backend;

/* A failure of SQLite as a status and a sentence about the file. */
ut_status ut_embedded_fail(const ut_embedded *e, int rc, ut_error *err);
/* A row that cannot be one of ours. */
ut_status ut_embedded_damaged(const ut_embedded *e, ut_error *err);

/* One of the statements above, reset; NULL (and *rc) when it cannot be prepared. */
sqlite3_stmt *ut_embedded_statement(ut_embedded *e, int which, int *rc);

/* Runs one that gives no rows, or whose first row's first column is the number wanted. */
int ut_embedded_run(ut_embedded *e, int which);
int ut_embedded_number(ut_embedded *e, int which, int64_t *value);
/* Resets all: an open one would hold its snapshot. */
void ut_embedded_reset(ut_embedded *e);

/* The back end's functions, with the lock held. */
ut_status ut_embedded_count(ut_embedded *e, size_t *count, ut_error *err);
ut_status ut_embedded_labels(ut_embedded *e, size_t counts[UT_EMOTIONS], ut_error *err);
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
