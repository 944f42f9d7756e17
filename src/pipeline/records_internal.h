/* What the files of the records share. */
#ifndef UT_PIPELINE_RECORDS_INTERNAL_H
#define UT_PIPELINE_RECORDS_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "pipeline/records.h"

struct ut_records {
    pthread_mutex_t lock; /* over everything below */
    sqlite3 *db;
    char *home, *path, *artifacts;
    int alive;   /* the file with a byte for each run at work, -1 when only looking */
    int64_t run; /* number of the run in progress, 0 outside of one */
    char id[UT_RUN_ID];
    struct ut_prepared {
        const char *sql; /* a literal: told apart by its address */
        sqlite3_stmt *statement;
    } prepared[32];
    size_t prepared_count;
};

/* Error of an SQLite code, in words that help. */
ut_status ut_records_fail(const ut_records *r, int rc, ut_error *err);

/* Runs a literal statement without rows. `kinds`: a letter for each argument: t const char * (NULL
 * is SQL's), i int64_t, r double. The caller holds the lock. */
UT_MUST_CHECK ut_status ut_records_do(ut_records *r, ut_error *err, const char *sql,
                                      const char *kinds, ...);
/* The same with rows: *out is ready to be stepped; reset it when done. */
UT_MUST_CHECK ut_status ut_records_prepare(ut_records *r, sqlite3_stmt **out, ut_error *err,
                                           const char *sql, const char *kinds, ...);
/* All rows of a statement as an array of objects (columns in "_json" are parsed). The caller holds
 * the lock. */
UT_MUST_CHECK ut_status ut_records_rows(ut_records *r, sqlite3_stmt *statement, json_t **rows,
                                        ut_error *err);

UT_MUST_CHECK ut_status ut_records_lock_begin(ut_records *r, ut_error *err);
UT_MUST_CHECK ut_status ut_records_end(ut_records *r, ut_status status, ut_error *err);

double ut_records_now(void);
/* True if the run's byte is locked by a living program. */
bool ut_records_alive(const ut_records *r, int64_t run);

#endif
