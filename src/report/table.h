/* Tables of numbers measured in files, written row by row as CSV, ARFF or NumPy arrays.
 *
 *   .csv   file, start, end (seconds) and the values; an empty cell where there is none
 *   .arff  the same for Weka and scipy.io.arff: the file as one of a list of names; ? for none
 *   .npy   the values alone, float32 [rows, columns], NaN for none
 *   .npz   features as in .npy; names [columns]; files; file [rows], an index into files; start and
 *          end [rows]
 *
 * Rows are part of the table when they are kept: a recording's together. What is held in memory
 * does not grow with the rows; those that are not kept yet lie in a scratch file. The file is whole
 * under its name after ut_table_commit(), or not there. One thread. */
#ifndef UT_REPORT_TABLE_H
#define UT_REPORT_TABLE_H

#include <stddef.h>

#include "base/buf.h"
#include "undertone_status.h"

typedef struct ut_table_shape {
    const char *relation; /* ARFF's name of the table */
    const char *const *names;
    size_t columns;
    const char *const *files;
    size_t file_count;
} ut_table_shape;

typedef struct ut_table ut_table;

/* UT_ERR_USAGE for a name of another ending. Without `path`, CSV goes to `sink`. The shape must
 * outlive the table. */
UT_MUST_CHECK ut_status ut_table_open(const char *path, const ut_sink *sink,
                                      const ut_table_shape *shape, ut_table **table, ut_error *err);
/* A row of values[columns] about `file` (its index). */
UT_MUST_CHECK ut_status ut_table_row(ut_table *table, size_t file, double start, double end,
                                     const float *values, ut_error *err);
/* The rows since the last keep or drop are part of it, or were never there. */
UT_MUST_CHECK ut_status ut_table_keep(ut_table *table, ut_error *err);
UT_MUST_CHECK ut_status ut_table_drop(ut_table *table, ut_error *err);
/* Both end the table; what was not kept is not in it. */
UT_MUST_CHECK ut_status ut_table_commit(ut_table *table, ut_error *err);
void ut_table_discard(ut_table *table); /* NULL is fine */

#endif
