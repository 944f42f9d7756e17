/* Inside store: the SQLite file and the vectors in memory. */
#ifndef UT_STORE_INTERNAL_H
#define UT_STORE_INTERNAL_H

#include <sqlite3.h>

#include "base/arena.h"
#include "store/store.h"

struct ut_store {
    sqlite3 *db;
    char *path; /* for messages */
    char *model;
    size_t dim;
    ut_arena *strings;
    ut_store_example *examples; /* [count] */
    size_t count, example_room;
    float *vectors; /* [count, dim], unit length */
    size_t vector_room;
    size_t missing;
};

/* A failure of SQLite as a status and a sentence about the file. */
ut_status ut_store_fail(const ut_store *store, int rc, ut_error *err);

/* Takes an example into memory; the vector is scaled to unit length. */
UT_MUST_CHECK ut_status ut_store_hold(ut_store *store, const ut_store_example *example,
                                      const float *vector, ut_error *err);

/* Reads what the file holds for this encoder into memory, from scratch. */
UT_MUST_CHECK ut_status ut_store_load(ut_store *store, ut_error *err);

#endif
