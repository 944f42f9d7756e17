/* Step 4: results against ground truth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "eval/compare.h"
#include "eval/evaluate.h"
#include "pipeline/inputs.h"
#include "pipeline/results.h"
#include "pipeline/run.h"
#include "report/figures.h"

typedef struct loaded {
    ut_conversation **items;
    size_t count;
} loaded;

static ut_status load(const char *predictions, loaded *l, ut_error *err)
{
    ut_inputs inputs;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return ut_fail_memory(err, "evaluate");
    ut_status status = ut_inputs_documents(arena, &predictions, 1, &inputs, err);
    if (status == UT_OK && !(l->items = calloc(inputs.count, sizeof(ut_conversation *))))
        status = ut_fail_memory(err, "evaluate");
    for (size_t i = 0; status == UT_OK && i < inputs.count; i++) {
        status = ut_results_read(inputs.items[i].path, &l->items[l->count], err);
        l->count += status == UT_OK;
    }
    ut_arena_destroy(arena);
    return status;
}

/* eval/results.json -> eval/results.<name> */
static ut_status write_beside(const char *output, const char *name, const ut_buf *data,
                              ut_error *err)
{
    size_t stem = strlen(output) - strlen(ut_path_ending(output));
    ut_buf path;
    ut_buf_init(&path, 8192);
    ut_buf_add(&path, output, stem);
    ut_buf_addf(&path, ".%s", name);
    ut_status status = ut_buf_status(&path);
    if (status == UT_OK)
        status = ut_file_write(ut_buf_text(&path), ut_buf_text(data), data->length, err);
    ut_buf_free(&path);
    return status;
}

static ut_status write_figure(const ut_evaluation *e, const ut_figure *figure,
                              ut_figure_format format, const char *output, ut_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", figure->name, format == UT_FIGURE_PNG ? "png" : "svg");
    ut_buf out;
    ut_buf_init(&out, 0);
    ut_status status = figure->draw(e, format, &out, err);
    if (status == UT_OK)
        status = write_beside(output, name, &out, err);
    ut_buf_free(&out);
    return status;
}

/* The page of the scores, beside them. */
static ut_status write_page(const json_t *scores, const char *output, ut_error *err)
{
    ut_buf path;
    ut_buf_init(&path, 8192);
    ut_buf_add(&path, output, strlen(output) - strlen(ut_path_ending(output)));
    ut_buf_adds(&path, ".html");
    ut_status status = ut_buf_status(&path);
    if (status == UT_OK)
        status = ut_results_write_scores_page(ut_buf_text(&path), scores, err);
    ut_buf_free(&path);
    return status;
}

/* The folder of a file that is to be written. */
static ut_status make_folder(const char *output, ut_error *err)
{
    char *folder = strndup(output, (size_t)(ut_path_base(output) - output));
    if (!folder)
        return ut_fail_memory(err, "evaluate");
    ut_status status = *folder ? ut_file_make_dirs(folder, err) : UT_OK;
    free(folder);
    return status;
}

static ut_status write_scores(const ut_evaluation *e, const char *output, ut_error *err)
{
    ut_status status = make_folder(output, err);
    json_t *json = status == UT_OK ? ut_evaluation_to_json(e) : NULL;
    if (status == UT_OK)
        status = json ? ut_json_save(json, output, err) : ut_fail_memory(err, "evaluate");
    if (status == UT_OK)
        status = write_page(json, output, err);
    json_decref(json);
    for (int i = 0; i < 2 * UT_FIGURE_COUNT && status == UT_OK; i++)
        status =
            write_figure(e, &ut_figures[i / 2], i % 2 ? UT_FIGURE_PNG : UT_FIGURE_SVG, output, err);
    return status;
}

ut_status ut_run_check_truth(const char *ground_truth, ut_error *err)
{
    ut_truth *truth = NULL;
    ut_status status = ut_truth_load(ground_truth, &truth, err);
    ut_truth_free(truth);
    return status;
}

ut_status ut_run_evaluate(const char *predictions, const char *ground_truth, const char *output,
                          char **table, ut_error *err)
{
    loaded l = {0};
    ut_truth *truth = NULL;
    ut_evaluation *evaluation = NULL;
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_status status = ut_truth_load(ground_truth, &truth, err);
    if (status == UT_OK)
        status = load(predictions, &l, err);
    if (status == UT_OK)
        status =
            ut_evaluate(truth, (const ut_conversation *const *)l.items, l.count, &evaluation, err);
    if (status == UT_OK)
        status = write_scores(evaluation, output, err);
    if (status == UT_OK && ut_evaluation_table(evaluation, &text) != UT_OK)
        status = ut_fail_memory(err, "evaluate");
    if (status == UT_OK && !(*table = strdup(ut_buf_text(&text))))
        status = ut_fail_memory(err, "evaluate");
    ut_buf_free(&text);
    ut_evaluation_free(evaluation);
    ut_truth_free(truth);
    for (size_t i = 0; i < l.count; i++)
        ut_conversation_destroy(l.items[i]);
    free(l.items);
    return status;
}

static ut_status read_outcomes(const char *path, ut_arena *arena, ut_outcomes *outcomes,
                               ut_error *err)
{
    char *text;
    size_t length;
    UT_TRY(ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, &length, err));
    ut_status status = ut_outcomes_parse(text, length, path, arena, outcomes, err);
    free(text);
    return status;
}

static ut_status save_comparison(const ut_comparison *c, const char *output, ut_error *err)
{
    UT_TRY(make_folder(output, err));
    json_t *json = ut_comparison_to_json(c);
    ut_status status = json ? ut_json_save(json, output, err) : ut_fail_memory(err, "evaluate");
    json_decref(json);
    return status;
}

ut_status ut_run_compare(const char *first, const char *second, const char *output, char **table,
                         ut_error *err)
{
    ut_arena *arena = ut_arena_create(0);
    ut_outcomes outcomes[2];
    ut_comparison comparison;
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_status status =
        arena ? read_outcomes(first, arena, &outcomes[0], err) : ut_fail_memory(err, "evaluate");
    if (status == UT_OK)
        status = read_outcomes(second, arena, &outcomes[1], err);
    if (status == UT_OK)
        status = ut_compare(&outcomes[0], &outcomes[1], first, second, &comparison, err);
    if (status == UT_OK && output)
        status = save_comparison(&comparison, output, err);
    if (status == UT_OK && (ut_comparison_table(&comparison, &text) != UT_OK ||
                            !(*table = strdup(ut_buf_text(&text)))))
        status = ut_fail_memory(err, "evaluate");
    ut_buf_free(&text);
    ut_arena_destroy(arena);
    return status;
}
