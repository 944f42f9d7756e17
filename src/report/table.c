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

enum { VALUES, FILE_INDEX, START, END, NAMES, FILES, SPOOLS };

struct ut_table {
    const ut_table_shape *shape;
    format format;
    ut_output *output; /* NULL: to the caller's sink */
    ut_sink sink;
    ut_buf line;
    ut_spool spools[SPOOLS];
    size_t name_letters, file_letters;
    uint64_t rows;
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

static ut_status put_line(ut_table *t, ut_error *err)
{
    ut_status status = ut_buf_status(&t->line);
    if (status != UT_OK)
        return ut_fail_memory(err, "table");
    status = t->sink.put(t->sink.context, t->line.data, t->line.length, err);
    ut_buf_clear(&t->line);
    return status;
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
    return put_line(t, err);
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
    return put_line(t, err);
}

static ut_status begin_numpy(ut_table *t, const char *path, ut_error *err)
{
    size_t length = (size_t)(ut_path_base(path) - path);
    char *folder = length ? strndup(path, length) : strdup(".");
    if (!folder)
        return ut_fail_memory(err, "table");
    ut_status status = UT_OK;
    for (int i = 0; i < (t->format == NPZ ? SPOOLS : 1) && status == UT_OK; i++)
        status = ut_spool_open(folder, &t->spools[i], err);
    free(folder);
    if (t->format == NPY || status != UT_OK)
        return status;
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
        status = kind == CSV    ? begin_csv(t, err)
                 : kind == ARFF ? begin_arff(t, err)
                                : begin_numpy(t, path, err);
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
    return put_line(t, err);
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
    ut_status status = UT_OK;
    if (t->format == NPY) {
        ut_npy array = {&t->spools[VALUES], "<f4", t->rows, t->shape->columns, NULL};
        status = ut_npy_write(&array, &t->sink, err);
    } else if (t->format == NPZ) {
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
