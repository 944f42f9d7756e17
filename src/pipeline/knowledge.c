#include "pipeline/knowledge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "emotion/examples.h"

ut_status ut_knowledge_open(const char *where, ut_store_mode mode, const ut_combined *space,
                            ut_store **store, ut_error *err)
{
    char name[UT_COMBINED_NAME];
    ut_status status = ut_store_open(where, mode, (ut_store_space){0}, NULL, store, err);
    if (status != UT_ERR_NOT_FOUND || mode == UT_STORE_READ || !space)
        return status;
    ut_combined_name(space, name);
    return ut_store_open(where, mode, (ut_store_space){name, UT_COMBINED_DIM}, NULL, store, err);
}

static ut_status check_text(const ut_engine *e, const ut_combined *space, ut_error *err)
{
    size_t n = strcspn(space->text_model, "@");
    if (strcmp(space->text_model, e->text_mark) == 0)
        return UT_OK;
    if (strlen(e->text_model) != n || strncmp(space->text_model, e->text_model, n) != 0)
        return ut_fail(err, UT_ERR_MISMATCH, "knowledge",
                       "the knowledge base was filled with the text encoder %.*s, but %s is in "
                       "use; give the same --text_model, or fill a new one",
                       (int)n, space->text_model, e->text_model);
    return ut_fail(err, UT_ERR_MISMATCH, "knowledge",
                   "the knowledge base was filled with other weights of the text encoder %s than "
                   "are in use; `undertone kb export FILE.csv` takes its texts and labels out, "
                   "`undertone kb import FILE.csv` into a new one embeds them anew; what it knows "
                   "of voices takes `undertone kb add` of the recordings",
                   e->text_model);
}

/* What embeddings of the voice encoder of this name, without its edition, are called here; NULL: it
 * is not here. */
static const char *voice_here(const ut_engine *e, const char *name, size_t n)
{
    for (size_t h = 0; h < e->head_count; h++)
        if (strlen(e->heads[h].name) == n && strncmp(e->heads[h].name, name, n) == 0)
            return e->heads[h].mark;
    bool net = e->voice_net_name && strlen(e->voice_net_name) == n &&
               strncmp(e->voice_net_name, name, n) == 0;
    return net ? e->voice_net_mark : NULL;
}

static void warn_of_voices(const char *name, size_t n)
{
    ut_log(UT_LOG_WARNING,
           "the knowledge base was filled with other weights of %.*s than are in use, so voices "
           "are not compared; fill a new one from the recordings (`undertone kb add`), or with "
           "the texts alone (`undertone kb export FILE.csv`, `kb import FILE.csv`)",
           (int)n, name);
}

ut_status ut_knowledge_space(const ut_engine *engine, const ut_store *store, bool reads,
                             ut_arena *arena, ut_combined *space, ut_error *err)
{
    ut_error other;
    UT_TRY(ut_combined_parse(ut_store_space_of(store).model, arena, space, err));
    size_t n = strcspn(space->voice_model, "@");
    const char *here = voice_here(engine, space->voice_model, n);
    bool other_voices = here && strcmp(here, space->voice_model) != 0;
    if (reads || other_voices) /* else nothing could be compared */
        UT_TRY(check_text(engine, space, err));
    if (other_voices)
        warn_of_voices(space->voice_model, n);
    if (check_text(engine, space, &other) != UT_OK) {
        ut_log(UT_LOG_WARNING, "texts are not compared: %s", other.message);
        space->text_model = "";
    }
    return UT_OK;
}

/* ------------------------------------------------------------------------------- labels */

static ut_status read_corrected(const ut_csv *csv, const char *path, const ut_conversation *c,
                                int *labels, ut_error *err)
{
    size_t index = ut_csv_column(csv, "index");
    size_t corrected = ut_csv_column(csv, "corrected");
    if (corrected == csv->columns)
        return UT_OK;
    if (index == csv->columns)
        return ut_fail(err, UT_ERR_FORMAT, "knowledge",
                       "%s has a column \"corrected\" but none called \"index\"", path);
    for (size_t r = 0; r < csv->rows; r++) {
        const char *const *row = csv->cells + r * csv->columns;
        char *end;
        unsigned long at = strtoul(row[index], &end, 10);
        if (end == row[index] || *end || at >= c->utterance_count)
            return ut_fail(err, UT_ERR_FORMAT, "knowledge",
                           "%s, line %zu: there is no utterance %.20s in %s", path, csv->lines[r],
                           row[index], c->id);
        if (!*row[corrected])
            continue;
        labels[at] = ut_emotion_from_name(row[corrected]);
        if (labels[at] < 0)
            return ut_fail(err, UT_ERR_FORMAT, "knowledge",
                           "%s, line %zu: \"%.40s\" is none of sad, happy, angry, neutral, "
                           "non-neutral",
                           path, csv->lines[r], row[corrected]);
    }
    return UT_OK;
}

ut_status ut_knowledge_corrected(const char *document, const ut_conversation *c, int *labels,
                                 ut_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%.*sutterances.csv", (int)(ut_path_base(document) - document),
             document);
    for (size_t i = 0; i < c->utterance_count; i++)
        labels[i] = -1;
    if (!ut_file_exists(path))
        return UT_OK;
    ut_csv csv;
    char *text = NULL;
    size_t length;
    ut_arena *arena = ut_arena_create(0);
    ut_status status = arena ? ut_file_read(path, UT_LIMIT_JSON_BYTES, &text, &length, err)
                             : ut_fail_memory(err, "knowledge");
    if (status == UT_OK)
        status = ut_csv_parse(text, length, path, arena, &csv, err);
    if (status == UT_OK)
        status = read_corrected(&csv, path, c, labels, err);
    free(text);
    ut_arena_destroy(arena);
    return status;
}

static int overlapping(const ut_truth_file *file, const ut_utterance *u)
{
    double most = 0.5 * (u->end - u->start);
    int label = -1;
    for (size_t i = 0; i < file->count; i++) {
        const ut_truth_entry *t = &file->entries[i];
        double shared = fmin(t->end, u->end) - fmax(t->start, u->start);
        if (!(shared >= most))
            continue;
        most = shared;
        label = (int)t->emotion;
    }
    return label;
}

void ut_knowledge_truth(const ut_truth *truth, const ut_conversation *c, int *labels)
{
    const ut_truth_file *file = NULL;
    const char *source = c->source.file ? c->source.file : c->id;
    for (size_t f = 0; f < truth->count && !file; f++)
        if (strcmp(truth->files[f].name, source) == 0)
            file = &truth->files[f];
    for (size_t f = 0; f < truth->count && !file; f++)
        if (strcmp(ut_path_base(truth->files[f].name), ut_path_base(source)) == 0)
            file = &truth->files[f];
    for (size_t i = 0; i < c->utterance_count; i++) {
        if (!file)
            labels[i] = -1;
        else
            labels[i] =
                file->whole ? (int)file->entries[0].emotion : overlapping(file, &c->utterances[i]);
    }
}

/* --------------------------------------------------------------------------------- adding */

typedef struct adding {
    ut_store *store;
    const ut_conversation *c;
    ut_arena *arena;
    const ut_combined *space;
    ut_store_item *items;
    float *vectors; /* [utterances, UT_COMBINED_DIM] */
    size_t count;
    size_t added, labelled;
    bool labelled_only;
    bool nameless; /* nothing that says whose it was, neither words */
} adding;

/* The same utterance has the same id in every run over the same recording. */
static const char *id_of(const adding *a, const ut_utterance *u)
{
    char id[96];
    snprintf(id, sizeof id, "%.32s@%.3f/%d%s", ut_examples_conversation(a->c), u->start, u->speaker,
             a->nameless ? "/correction" : "");
    return ut_arena_strdup(a->arena, id);
}

static void gather(adding *a, const int *labels, const char *source)
{
    const ut_conversation *c = a->c;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (a->labelled_only && labels[i] < 0)
            continue;
        if (!ut_combine(a->space, &u->text_embedding, &u->voice,
                        a->vectors + a->count * UT_COMBINED_DIM))
            continue;
        a->items[a->count++] = (ut_store_item){
            .id = id_of(a, u),
            .text = a->nameless ? "" : u->text,
            .label = labels ? labels[i] : -1,
            .speaker = u->speaker >= 0 && !a->nameless ? c->speakers[u->speaker] : "",
            .language = c->language,
            /* Telephones carry 8000 samples a second. */
            .channel = c->source.rate && c->source.rate <= 8000 ? "phone" : "wide",
            .source = source ? source : c->id,
            .conversation = ut_examples_conversation(c),
            .start = u->start,
            .end = u->end,
        };
    }
}

/* Adds what is new, and gives what was there the labels that are now known. */
static ut_status put(adding *a, ut_error *err)
{
    UT_TRY(ut_store_add(a->store, a->items, a->vectors, a->count, &a->added, err));
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].label < 0)
            continue;
        UT_TRY(ut_store_set_label(a->store, a->items[i].id, a->items[i].label, err));
        a->labelled++;
    }
    return UT_OK;
}

static ut_status add(adding *a, const int *labels, const char *source, ut_error *err)
{
    size_t n = a->c->utterance_count + 1;
    a->arena = ut_arena_create(0);
    ut_status status = a->arena ? UT_OK : ut_fail_memory(err, "knowledge");
    if (status == UT_OK) {
        a->items = UT_ARENA_NEW(a->arena, ut_store_item, n);
        a->vectors = UT_ARENA_NEW(a->arena, float, n *UT_COMBINED_DIM);
        if (!a->items || !a->vectors)
            status = ut_fail_memory(err, "knowledge");
    }
    if (status == UT_OK) {
        gather(a, labels, source);
        status = put(a, err);
    }
    ut_arena_destroy(a->arena);
    return status;
}

ut_status ut_knowledge_add(ut_store *store, const ut_combined *space, const ut_conversation *c,
                           const int *labels, const char *source, size_t *added, size_t *labelled,
                           ut_error *err)
{
    adding a = {.store = store, .space = space, .c = c};
    ut_status status = add(&a, labels, source, err);
    if (added)
        *added = a.added;
    if (labelled)
        *labelled = a.labelled;
    return status;
}

ut_status ut_knowledge_correct(const ut_engine *engine, const ut_conversation *c, const int *labels,
                               bool nameless, size_t *labelled, ut_error *err)
{
    if (!engine->store)
        return ut_fail(err, UT_ERR_USAGE, "knowledge", "there is no knowledge base; give --store");
    adding a = {.store = engine->store,
                .space = &engine->store_space,
                .c = c,
                .labelled_only = true,
                .nameless = nameless};
    ut_status status = add(&a, labels, nameless ? "correction" : NULL, err);
    *labelled = a.labelled;
    return status;
}
