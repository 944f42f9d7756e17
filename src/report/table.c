#include "report/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "report/numpy.h"

typedef enum format { CSV, ARFF, NPY, NPZ } format;

/* Scratch files: rows as text until they are kept, or the parts of arrays. Those that grow with the
 * rows come first. */
enum { LINES, VALUES = 0, FILE_INDEX, START, END, NAMES, FILES, SPOOLS, GROWING = NAMES };

struct ut_table {
    const ut_table_shape *shape;
    format format;
    ut_output *output; /* NULL: to the caller's sink */
    ut_sink sink;
    ut_buf line;
    ut_spool spools[SPOOLS];
    size_t name_letters, file_letters;
    uint64_t rows;
    ut_spool kept_spools[GROWING]; /* as they were at the last keep */
    uint64_t kept_rows;
};

static bool format_of(const char *path, format *out)
{
    static const char *const endings[] = {".csv", ".arff", ".npy", ".npz"};
    const char *ending = ut_path_ending(path);
    for (int i = CSV; i <= NPZ; i++)
        if (strcmp(ending, endings[i]) == 0) {
            *out = (format)i;
            return true;
        }
    return false;
}

static ut_status put_line(ut_table *t, const ut_sink *sink, ut_error *err)
{
    ut_status status = ut_buf_status(&t->line);
    if (status != UT_OK)
        return ut_fail_memory(err, "table");
    status = sink->put(sink->context, t->line.data, t->line.length, err);
    ut_buf_clear(&t->line);
    return status;
}

static ut_status spool_text(void *spool, const void *bytes, size_t count, ut_error *err)
{
    return ut_spool_put(spool, bytes, count, err);
}

/* Single quotes, as Weka reads them; what ends or escapes a name does not get into it. */
static void add_nominal(ut_buf *out, const char *text)
{
    ut_buf_add(out, "'", 1);
    for (; *text; text++)
        ut_buf_add(out, strchr("'\\,{}\n\r", *text) ? "_" : text, 1);
    ut_buf_add(out, "'", 1);
}

static ut_status begin_csv(ut_table *t, ut_error *err)
{
    ut_buf_adds(&t->line, "file,start,end");
    for (size_t i = 0; i < t->shape->columns; i++) {
        ut_buf_add(&t->line, ",", 1);
        ut_csv_cell(&t->line, t->shape->names[i]);
    }
    ut_buf_add(&t->line, "\n", 1);
    return put_line(t, &t->sink, err);
}

static ut_status begin_arff(ut_table *t, ut_error *err)
{
    const ut_table_shape *s = t->shape;
    ut_buf_addf(&t->line, "@relation %s\n\n@attribute file {", s->relation);
    for (size_t i = 0; i < s->file_count; i++) {
        if (i)
            ut_buf_add(&t->line, ",", 1);
        add_nominal(&t->line, s->files[i]);
    }
    ut_buf_adds(&t->line, "}\n@attribute start numeric\n@attribute end numeric\n");
    for (size_t i = 0; i < s->columns; i++)
        ut_buf_addf(&t->line, "@attribute %s numeric\n", s->names[i]);
    ut_buf_adds(&t->line, "\n@data\n");
    return put_line(t, &t->sink, err);
}

/* Beside the table, where there is room for it; without one, where temporary files go. */
static ut_status open_spools(ut_table *t, const char *path, ut_error *err)
{
    const char *temporary = getenv("TMPDIR");
    size_t length = path ? (size_t)(ut_path_base(path) - path) : 0;
    char *folder = length                    ? strndup(path, length)
                   : path                    ? strdup(".")
                   : temporary && *temporary ? strdup(temporary)
                                             : strdup("/tmp");
    if (!folder)
        return ut_fail_memory(err, "table");
    ut_status status = UT_OK;
    for (int i = 0; i < (t->format == NPZ ? SPOOLS : 1) && status == UT_OK; i++) {
        status = ut_spool_open(folder, &t->spools[i], err);
        if (i < GROWING)
            t->kept_spools[i] = t->spools[i];
    }
    free(folder);
    return status;
}

static ut_status begin_archive(ut_table *t, ut_error *err)
{
    const ut_table_shape *s = t->shape;
    UT_TRY(ut_spool_texts(&t->spools[NAMES], s->names, s->columns, &t->name_letters, err));
    return ut_spool_texts(&t->spools[FILES], s->files, s->file_count, &t->file_letters, err);
}

ut_status ut_table_open(const char *path, const ut_sink *sink, const ut_table_shape *shape,
                        ut_table **out, ut_error *err)
{
    format kind = CSV;
    if (path && !format_of(path, &kind))
        return ut_fail(err, UT_ERR_USAGE, "table",
                       "%s: a table's name ends in .csv, .arff, .npy or .npz", path);
    ut_table *t = calloc(1, sizeof *t);
    if (!t)
        return ut_fail_memory(err, "table");
    t->shape = shape;
    t->format = kind;
    ut_buf_init(&t->line, 0);
    ut_status status = UT_OK;
    if (path) {
        status = ut_output_open(path, &t->output, err);
        t->sink = (ut_sink){ut_output_put, t->output};
    } else {
        t->sink = *sink;
    }
    if (status == UT_OK)
        status = open_spools(t, path, err);
    if (status == UT_OK)
        status = kind == CSV    ? begin_csv(t, err)
                 : kind == ARFF ? begin_arff(t, err)
                 : kind == NPZ  ? begin_archive(t, err)
                                : UT_OK;
    if (status != UT_OK) {
        ut_table_discard(t);
        return status;
    }
    *out = t;
    return UT_OK;
}

static ut_status spool_row(ut_table *t, size_t file, double start, double end, const float *values,
                           ut_error *err)
{
    int32_t index = (int32_t)file;
    UT_TRY(ut_spool_put(&t->spools[VALUES], values, t->shape->columns * sizeof *values, err));
    if (t->format == NPY)
        return UT_OK;
    UT_TRY(ut_spool_put(&t->spools[FILE_INDEX], &index, sizeof index, err));
    UT_TRY(ut_spool_put(&t->spools[START], &start, sizeof start, err));
    return ut_spool_put(&t->spools[END], &end, sizeof end, err);
}

ut_status ut_table_row(ut_table *table, size_t file, double start, double end, const float *values,
                       ut_error *err)
{
    ut_table *t = table;
    t->rows++;
    if (t->format == NPY || t->format == NPZ)
        return spool_row(t, file, start, end, values, err);
    if (t->format == CSV)
        ut_csv_cell(&t->line, t->shape->files[file]);
    else
        add_nominal(&t->line, t->shape->files[file]);
    ut_buf_addf(&t->line, ",%.7g,%.7g", start, end);
    for (size_t i = 0; i < t->shape->columns; i++) {
        if (isfinite(values[i]))
            ut_buf_addf(&t->line, ",%.7g", (double)values[i]);
        else
            ut_buf_adds(&t->line, t->format == CSV ? "," : ",?");
    }
    ut_buf_add(&t->line, "\n", 1);
    const ut_sink spool = {spool_text, &t->spools[LINES]};
    return put_line(t, &spool, err);
}

ut_status ut_table_keep(ut_table *table, ut_error *err)
{
    ut_table *t = table;
    if (t->format == CSV || t->format == ARFF) {
        UT_TRY(ut_spool_copy(&t->spools[LINES], &t->sink, err));
        return ut_table_drop(t, err);
    }
    memcpy(t->kept_spools, t->spools, sizeof t->kept_spools);
    t->kept_rows = t->rows;
    return UT_OK;
}

ut_status ut_table_drop(ut_table *table, ut_error *err)
{
    ut_table *t = table;
    for (int i = 0; i < GROWING; i++)
        if (t->spools[i].file)
            UT_TRY(ut_spool_return(&t->spools[i], &t->kept_spools[i], err));
    t->rows = t->kept_rows;
    return UT_OK;
}

static ut_status write_archive(ut_table *t, ut_error *err)
{
    const ut_table_shape *s = t->shape;
    ut_npy arrays[] = {
        {&t->spools[VALUES], "<f4", t->rows, s->columns, "features.npy"},
        {&t->spools[NAMES], "", s->columns, 0, "names.npy"},
        {&t->spools[FILES], "", s->file_count, 0, "files.npy"},
        {&t->spools[FILE_INDEX], "<i4", t->rows, 0, "file.npy"},
        {&t->spools[START], "<f8", t->rows, 0, "start.npy"},
        {&t->spools[END], "<f8", t->rows, 0, "end.npy"},
    };
    snprintf(arrays[1].type, sizeof arrays[1].type, "<U%zu", t->name_letters);
    snprintf(arrays[2].type, sizeof arrays[2].type, "<U%zu", t->file_letters);
    return ut_npz_write(arrays, sizeof arrays / sizeof *arrays, &t->sink, err);
}

ut_status ut_table_commit(ut_table *table, ut_error *err)
{
    ut_table *t = table;
    ut_status status = ut_table_drop(t, err);
    if (status == UT_OK && t->format == NPY) {
        ut_npy array = {&t->spools[VALUES], "<f4", t->rows, t->shape->columns, NULL};
        status = ut_npy_write(&array, &t->sink, err);
    } else if (status == UT_OK && t->format == NPZ) {
        status = write_archive(t, err);
    }
    if (status == UT_OK && t->output) {
        status = ut_output_commit(t->output, err);
        t->output = NULL;
    }
    ut_table_discard(t);
    return status;
}

void ut_table_discard(ut_table *table)
{
    if (!table)
        return;
    if (table->output)
        ut_output_discard(table->output);
    for (int i = 0; i < SPOOLS; i++)
        ut_spool_close(&table->spools[i]);
    ut_buf_free(&table->line);
    free(table);
}
