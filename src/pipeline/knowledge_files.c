#include "pipeline/knowledge_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "emotion/examples.h"
#include "pipeline/inputs.h"
#include "pipeline/results.h"
#include "pipeline/steps.h"

/* What a store of this space makes of a text. */
typedef struct embedder {
    const ut_engine *engine;
    ut_combined space;
} embedder;

static ut_status embedder_new(const ut_engine *engine, ut_store *store, ut_arena *arena,
                              embedder *e, ut_error *err)
{
    e->engine = engine;
    return ut_knowledge_space(engine, store, true, arena, &e->space, err);
}

static ut_status embed(void *context, const char *text, float *vector, ut_error *err)
{
    const embedder *e = context;
    float values[UT_COMBINED_TEXT];
    UT_TRY(ut_engine_embed((void *)(uintptr_t)e->engine, text, values, err));
    ut_embedding made = {e->space.text_model, values, UT_COMBINED_TEXT};
    if (!ut_combine(&e->space, &made, NULL, vector))
        return ut_fail(err, UT_ERR_FORMAT, "knowledge", "\"%.60s\" has no embedding", text);
    return UT_OK;
}

/* --------------------------------------------------------------------------------- adding */

/* Documents first: a folder of results holds recordings only by accident. */
static ut_status find(ut_arena *arena, const ut_knowledge_source *from, ut_inputs *inputs,
                      bool *recordings, ut_error *err)
{
    *recordings = false;
    if (ut_inputs_documents(arena, from->paths, from->count, inputs, err) == UT_OK)
        return UT_OK;
    *recordings = true;
    return ut_inputs_recordings(arena, from->paths, from->count, inputs, err);
}

ut_status ut_knowledge_has_recordings(const ut_knowledge_source *from, bool *has, ut_error *err)
{
    *has = false;
    if (from->text)
        return UT_OK;
    ut_inputs inputs;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return ut_fail_memory(err, "knowledge");
    ut_status status = find(arena, from, &inputs, has, err);
    ut_arena_destroy(arena);
    return status;
}

static ut_status add_text(const ut_engine *engine, ut_store *store, const ut_knowledge_source *from,
                          ut_arena *arena, size_t *added, ut_error *err)
{
    embedder e;
    float vector[UT_COMBINED_DIM];
    UT_TRY(embedder_new(engine, store, arena, &e, err));
    UT_TRY(embed(&e, from->text, vector, err));
    ut_store_item item = {.text = from->text,
                          .label = from->label,
                          .speaker = from->speaker,
                          .language = from->language,
                          .channel = from->channel,
                          .source = from->source ? from->source : "added"};
    return ut_store_add(store, &item, vector, 1, added, err);
}

typedef struct adding {
    const ut_engine *engine;
    ut_store *store;
    ut_combined space;
    const ut_knowledge_source *from;
    ut_truth *truth;
    size_t added, labelled;
    size_t foreign_texts, foreign_voices; /* that other encoders embedded, or other weights */
} adding;

static ut_status listen(const ut_engine *engine, const ut_input *input, ut_conversation **c,
                        ut_error *err)
{
    ut_step step = {.engine = engine};
    UT_TRY(ut_step_transcribe(&step, input, c, err));
    ut_status status = ut_step_extract(&step, input->path, *c, err);
    if (status != UT_OK)
        ut_conversation_destroy(*c);
    return status;
}

static bool foreign(const ut_embedding *made, const char *ours)
{
    return made->count && strcmp(made->model, ours) != 0;
}

static void warn_of_foreign(const adding *a)
{
    if (a->foreign_texts || a->foreign_voices)
        ut_log(UT_LOG_WARNING,
               "left out: %zu texts and %zu voices whose embeddings other encoders made than the "
               "knowledge base's, or other weights of them; add the recordings themselves, or "
               "`undertone run` on them and add the new results",
               a->foreign_texts, a->foreign_voices);
}

static ut_status add_conversation(adding *a, const ut_input *input, const ut_conversation *c,
                                  bool document, ut_error *err)
{
    size_t added = 0, labelled = 0;
    int *labels = malloc((c->utterance_count + 1) * sizeof *labels);
    if (!labels)
        return ut_fail_memory(err, "knowledge");
    for (size_t i = 0; i < c->utterance_count; i++)
        labels[i] = -1;
    ut_status status = UT_OK;
    if (a->truth)
        ut_knowledge_truth(a->truth, c, labels);
    else if (document)
        status = ut_knowledge_corrected(input->path, c, labels, err);
    if (status == UT_OK)
        status = ut_knowledge_add(a->store, &a->space, c, labels, a->from->source, &added,
                                  &labelled, err);
    free(labels);
    a->added += added;
    a->labelled += labelled;
    for (size_t i = 0; i < c->utterance_count; i++) {
        a->foreign_texts += foreign(&c->utterances[i].text_embedding, a->space.text_model);
        a->foreign_voices += foreign(&c->utterances[i].voice, a->space.voice_model);
    }
    return status;
}

ut_status ut_knowledge_add_all(const ut_engine *engine, ut_store *store,
                               const ut_knowledge_source *from, size_t *added, size_t *labelled,
                               ut_error *err)
{
    adding a = {.engine = engine, .store = store, .from = from};
    ut_inputs inputs = {0};
    bool recordings = false;
    ut_arena *arena = ut_arena_create(0);
    ut_status status = arena ? UT_OK : ut_fail_memory(err, "knowledge");
    if (status == UT_OK && from->text) {
        status = add_text(engine, store, from, arena, &a.added, err);
        a.labelled = from->label >= 0 ? a.added : 0;
    } else if (status == UT_OK) {
        status = ut_knowledge_space(engine, store, false, arena, &a.space, err);
        if (status == UT_OK)
            status = find(arena, from, &inputs, &recordings, err);
    }
    if (status == UT_OK && from->ground_truth)
        status = ut_truth_load(from->ground_truth, &a.truth, err);
    for (size_t i = 0; i < inputs.count && status == UT_OK; i++) {
        ut_conversation *c;
        status = recordings ? listen(engine, &inputs.items[i], &c, err)
                            : ut_results_read(inputs.items[i].path, &c, err);
        if (status != UT_OK)
            break;
        status = add_conversation(&a, &inputs.items[i], c, !recordings, err);
        ut_conversation_destroy(c);
    }
    warn_of_foreign(&a);
    ut_truth_free(a.truth);
    ut_arena_destroy(arena);
    *added = a.added;
    *labelled = a.labelled;
    return status;
}

/* --------------------------------------------------------------------------------- tables */

static const char *const columns[] = {"text",   "label",        "speaker", "language", "channel",
                                      "source", "conversation", "start",   "end",      "id"};
enum { TEXT, LABEL, SPEAKER, LANGUAGE, CHANNEL, SOURCE, CONVERSATION, START, END, ID, COLUMNS };

static const char *cell(const ut_csv *csv, const size_t at[COLUMNS], size_t row, int column)
{
    return at[column] < csv->columns ? csv->cells[row * csv->columns + at[column]] : "";
}

static ut_status read_time(const char *text, double *seconds, const char *path, size_t line,
                           ut_error *err)
{
    char *end;
    *seconds = *text ? strtod(text, &end) : 0;
    if (*text && (end == text || *end || !isfinite(*seconds) || *seconds < 0))
        return ut_fail(err, UT_ERR_FORMAT, "knowledge", "%s, line %zu: \"%.20s\" is no time", path,
                       line, text);
    return UT_OK;
}

static ut_status read_item(const ut_csv *csv, const size_t at[COLUMNS], size_t row,
                           const char *path, const char *source, ut_store_item *item, ut_error *err)
{
    const char *label = cell(csv, at, row, LABEL);
    *item = (ut_store_item){.text = cell(csv, at, row, TEXT),
                            .label = *label ? ut_emotion_from_name(label) : -1,
                            .speaker = cell(csv, at, row, SPEAKER),
                            .language = cell(csv, at, row, LANGUAGE),
                            .channel = cell(csv, at, row, CHANNEL),
                            .source = cell(csv, at, row, SOURCE),
                            .conversation = cell(csv, at, row, CONVERSATION)};
    if (at[SOURCE] == csv->columns)
        item->source = source;
    if (*cell(csv, at, row, ID))
        item->id = cell(csv, at, row, ID);
    if (!*item->text)
        return ut_fail(err, UT_ERR_FORMAT, "knowledge", "%s, line %zu: no text", path,
                       csv->lines[row]);
    if (*label && item->label < 0)
        return ut_fail(err, UT_ERR_FORMAT, "knowledge",
                       "%s, line %zu: \"%.40s\" is none of sad, happy, angry, neutral, non-neutral",
                       path, csv->lines[row], label);
    UT_TRY(read_time(cell(csv, at, row, START), &item->start, path, csv->lines[row], err));
    return read_time(cell(csv, at, row, END), &item->end, path, csv->lines[row], err);
}

enum { ROWS_AT_ONCE = 1000 };

static ut_status add_rows(embedder *e, ut_store *store, const ut_store_item *items, size_t count,
                          float *vectors, size_t *added, ut_error *err)
{
    for (size_t first = 0; first < count; first += ROWS_AT_ONCE) {
        size_t n = count - first < ROWS_AT_ONCE ? count - first : ROWS_AT_ONCE;
        size_t new = 0;
        for (size_t i = 0; i < n; i++)
            UT_TRY(embed(e, items[first + i].text, vectors + i * UT_COMBINED_DIM, err));
        UT_TRY(ut_store_add(store, items + first, vectors, n, &new, err));
        *added += new;
    }
    return UT_OK;
}

static ut_status import_table(embedder *e, ut_store *store, const char *path, const char *source,
                              ut_arena *arena, const char *text, size_t length, size_t *added,
                              ut_error *err)
{
    ut_csv csv;
    size_t at[COLUMNS];
    UT_TRY(ut_csv_parse(text, length, path, arena, &csv, err));
    for (int i = 0; i < COLUMNS; i++)
        at[i] = ut_csv_column(&csv, columns[i]);
    if (at[TEXT] == csv.columns)
        return ut_fail(err, UT_ERR_FORMAT, "knowledge", "%s has no column \"text\"", path);
    ut_store_item *items = UT_ARENA_NEW(arena, ut_store_item, csv.rows + 1);
    float *vectors = UT_ARENA_NEW(arena, float, ROWS_AT_ONCE *UT_COMBINED_DIM);
    if (!items || !vectors)
        return ut_fail_memory(err, "knowledge");
    size_t count = 0, voices = 0;
    for (size_t i = 0; i < csv.rows; i++)
        if (*cell(&csv, at, i, ID) && !*cell(&csv, at, i, TEXT))
            voices++; /* exported: only its voice was known */
        else
            UT_TRY(read_item(&csv, at, i, path, source, &items[count++], err));
    if (voices)
        ut_log(UT_LOG_WARNING, "%s: %zu without a text left out; a table has no voices", path,
               voices);
    return add_rows(e, store, items, count, vectors, added, err);
}

ut_status ut_knowledge_import(const ut_engine *engine, ut_store *store, const char *path,
                              const char *source, size_t *added, ut_error *err)
{
    embedder e;
    char *text = NULL;
    size_t length;
    ut_arena *arena = ut_arena_create(0);
    ut_status status =
        arena ? embedder_new(engine, store, arena, &e, err) : ut_fail_memory(err, "knowledge");
    *added = 0;
    if (!source)
        source = ut_path_base(path);
    if (status == UT_OK && strcasecmp(ut_path_ending(path), ".csv") != 0) {
        status = ut_store_import(store, path, source, embed, &e, added, err);
    } else if (status == UT_OK) {
        status = ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, &length, err);
        if (status == UT_OK)
            status = import_table(&e, store, path, source, arena, text, length, added, err);
    }
    free(text);
    ut_arena_destroy(arena);
    return status;
}

static ut_status write_row(void *context, const ut_store_item *item, const float *vector,
                           ut_error *err)
{
    ut_buf *out = context;
    const char *label = item->label >= 0 ? ut_emotion_name((ut_emotion_label)item->label) : "";
    const char *cells[] = {item->text,    label,        item->speaker,     item->language,
                           item->channel, item->source, item->conversation};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        ut_csv_cell(out, cells[i]);
        ut_buf_adds(out, ",");
    }
    ut_buf_add_fixed(out, item->start, 3);
    ut_buf_adds(out, ",");
    ut_buf_add_fixed(out, item->end, 3);
    ut_buf_adds(out, ",");
    ut_csv_cell(out, item->id);
    ut_buf_adds(out, "\r\n");
    (void)vector;
    return ut_buf_status(out) == UT_OK ? UT_OK : ut_fail_memory(err, "knowledge");
}

ut_status ut_knowledge_export(ut_store *store, const char *path, ut_error *err)
{
    if (strcasecmp(ut_path_ending(path), ".csv") != 0)
        return ut_store_export(store, path, err);
    ut_buf out;
    ut_buf_init(&out, 0);
    for (int i = 0; i < COLUMNS; i++)
        ut_buf_addf(&out, "%s%s", columns[i], i + 1 < COLUMNS ? "," : "\r\n");
    ut_status status = ut_store_each(store, write_row, &out, err);
    if (status == UT_OK)
        status = ut_file_write(path, ut_buf_text(&out), out.length, err);
    ut_buf_free(&out);
    return status;
}
