/* Tables in text: RFC 4180, and what spreadsheets make of it.
 *
 * The separator is a comma, a semicolon or a tab, whichever the first line has most of outside
 * quotes; lines end in LF or CRLF; a UTF-8 byte order mark is passed over; blank lines count as
 * none. The first line names the columns. Pure function; the table lives in the arena. */
#ifndef UT_BASE_CSV_H
#define UT_BASE_CSV_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "undertone_status.h"

typedef struct ut_csv {
    const char **names; /* [columns] */
    size_t columns;
    const char **cells; /* [rows, columns] */
    size_t *lines;      /* [rows] where each begins in the file, from 1 */
    size_t rows;
} ut_csv;

enum { UT_CSV_COLUMNS_MOST = 1024 };

/* `name` is what messages call the table. UT_ERR_FORMAT names the line: a quote that is not closed,
 * a row with more or fewer cells than there are columns, a NUL byte. */
UT_MUST_CHECK ut_status ut_csv_parse(const char *text, size_t length, const char *name,
                                     ut_arena *arena, ut_csv *csv, ut_error *err);

/* Writes one cell, in quotes where it must be; NULL is empty. Separators and line ends (RFC 4180
 * has CRLF) are the caller's. */
void ut_csv_cell(ut_buf *out, const char *text);

/* The column of that name in any case, or csv->columns. */
size_t ut_csv_column(const ut_csv *csv, const char *name);

#endif
