#include "base/csv.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

typedef struct reading {
    const char *at, *end;
    const char *name;
    size_t line;
    char separator;
    char *out; /* where the next cell's bytes go: never more than were read */
} reading;

static char find_separator(const char *at, const char *end)
{
    static const char marks[] = ",;\t";
    size_t counts[3] = {0};
    bool quoted = false;
    for (; at < end && (quoted || *at != '\n'); at++) {
        quoted ^= *at == '"';
        for (int i = 0; i < 3 && !quoted; i++)
            counts[i] += *at == marks[i];
    }
    int best = 0;
    for (int i = 1; i < 3; i++)
        if (counts[i] > counts[best])
            best = i;
    return marks[best];
}

static bool at_line_end(const reading *r)
{
    return r->at == r->end || *r->at == '\n' ||
           (*r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n'));
}

static ut_status read_quoted(reading *r, ut_error *err)
{
    size_t began = r->line;
    r->at++;
    for (; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            if (r->at + 1 == r->end || r->at[1] != '"') {
                r->at++;
                return UT_OK;
            }
            r->at++;
        }
        r->line += *r->at == '\n';
        *r->out++ = *r->at;
    }
    return ut_fail(err, UT_ERR_FORMAT, "csv", "%s: the quote opened in line %zu is never closed",
                   r->name, began);
}

/* One cell, its separator or line end left in place. */
static ut_status read_cell(reading *r, const char **cell, ut_error *err)
{
    *cell = r->out;
    if (r->at < r->end && *r->at == '"')
        UT_TRY(read_quoted(r, err));
    for (; !at_line_end(r) && *r->at != r->separator; r->at++)
        *r->out++ = *r->at;
    *r->out++ = 0;
    return UT_OK;
}

static void pass_line_end(reading *r)
{
    r->at += r->at < r->end && *r->at == '\r';
    r->at += r->at < r->end;
    r->line++;
}

static ut_status read_names(reading *r, ut_arena *arena, ut_csv *csv, ut_error *err)
{
    csv->names = UT_ARENA_NEW(arena, const char *, UT_CSV_COLUMNS_MOST);
    if (!csv->names)
        return ut_fail_memory(err, "csv");
    for (;;) {
        if (csv->columns == UT_CSV_COLUMNS_MOST)
            return ut_fail(err, UT_ERR_FORMAT, "csv", "%s: more than %d columns", r->name,
                           UT_CSV_COLUMNS_MOST);
        UT_TRY(read_cell(r, &csv->names[csv->columns++], err));
        if (at_line_end(r))
            break;
        r->at++;
    }
    pass_line_end(r);
    return UT_OK;
}

static ut_status read_row(reading *r, ut_csv *csv, ut_error *err)
{
    size_t line = r->line;
    const char **cells = csv->cells + csv->rows * csv->columns;
    size_t count = 0;
    for (;;) {
        const char *cell;
        UT_TRY(read_cell(r, &cell, err));
        if (count < csv->columns)
            cells[count] = cell;
        count++;
        if (at_line_end(r))
            break;
        r->at++;
    }
    pass_line_end(r);
    if (count == 1 && !*cells[0])
        return UT_OK;
    if (count != csv->columns)
        return ut_fail(err, UT_ERR_FORMAT, "csv", "%s, line %zu: %zu cells under %zu columns",
                       r->name, line, count, csv->columns);
    csv->lines[csv->rows++] = line;
    return UT_OK;
}

ut_status ut_csv_parse(const char *text, size_t length, const char *name, ut_arena *arena,
                       ut_csv *csv, ut_error *err)
{
    *csv = (ut_csv){0};
    if (memchr(text, 0, length))
        return ut_fail(err, UT_ERR_FORMAT, "csv", "%s holds NUL bytes; it is no text", name);
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (!length)
        return ut_fail(err, UT_ERR_FORMAT, "csv", "%s is empty; its first line names the columns",
                       name);
    reading r = {text, text + length, name, 1, find_separator(text, text + length), NULL};
    /* Every byte of the text becomes at most one byte of a cell or the end of one. */
    r.out = UT_ARENA_NEW(arena, char, length + 2);
    if (!r.out)
        return ut_fail_memory(err, "csv");
    UT_TRY(read_names(&r, arena, csv, err));
    /* A row has at least one byte a column; one more that is cut short is noticed when read. */
    size_t most = length / csv->columns + 2;
    csv->cells = UT_ARENA_NEW(arena, const char *, most * csv->columns);
    csv->lines = UT_ARENA_NEW(arena, size_t, most);
    if (!csv->cells || !csv->lines)
        return ut_fail_memory(err, "csv");
    while (r.at < r.end)
        UT_TRY(read_row(&r, csv, err));
    return UT_OK;
}

size_t ut_csv_column(const ut_csv *csv, const char *name)
{
    size_t i = 0;
    while (i < csv->columns && strcasecmp(csv->names[i], name) != 0)
        i++;
    return i;
}

void ut_csv_cell(ut_buf *out, const char *text)
{
    if (!text || !*text)
        return;
    if (!strpbrk(text, ",\"\r\n") && *text != ' ' && text[strlen(text) - 1] != ' ') {
        ut_buf_adds(out, text);
        return;
    }
    ut_buf_adds(out, "\"");
    for (; *text; text++) {
        if (*text == '"')
            ut_buf_adds(out, "\"");
        ut_buf_add(out, text, 1);
    }
    ut_buf_adds(out, "\"");
}
