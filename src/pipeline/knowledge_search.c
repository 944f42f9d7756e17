/* Looking at what is in a knowledge base. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "pipeline/inputs.h"
#include "pipeline/knowledge_files.h"
#include "pipeline/steps.h"

typedef struct collecting {
    ut_arena *arena;
    const char *source;
    const char **ids;
    size_t count, room;
} collecting;

static ut_status collect(void *context, const ut_store_item *item, const float *vector,
                         ut_error *err)
{
    collecting *c = context;
    (void)vector;
    if (strcmp(item->source, c->source) != 0)
        return UT_OK;
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        const char **more = realloc(c->ids, room * sizeof *more);
        if (!more)
            return ut_fail_memory(err, "knowledge");
        c->ids = more;
        c->room = room;
    }
    c->ids[c->count] = ut_arena_strdup(c->arena, item->id);
    return c->ids[c->count++] ? UT_OK : ut_fail_memory(err, "knowledge");
}

ut_status ut_knowledge_remove_source(ut_store *store, const char *source, size_t *removed,
                                     ut_error *err)
{
    collecting c = {.arena = ut_arena_create(0), .source = source};
    ut_status status =
        c.arena ? ut_store_each(store, collect, &c, err) : ut_fail_memory(err, "knowledge");
    if (status == UT_OK)
        status = ut_store_remove(store, c.ids, c.count, removed, err);
    free(c.ids);
    ut_arena_destroy(c.arena);
    return status;
}

/* ----------------------------------------------------------------------------- searching */

typedef struct looking {
    const ut_engine *engine;
    ut_store *store;
    const ut_knowledge_query *query;
    ut_knowledge_show show;
    void *context;
    ut_arena *arena;
    ut_combined space;
} looking;

static ut_status look(const looking *l, const ut_embedding *text, const ut_embedding *voice,
                      ut_error *err)
{
    float vector[UT_COMBINED_DIM];
    size_t found = 0;
    if (!ut_combine(&l->space, text, voice, vector))
        return UT_OK;
    ut_store_query query = {.vectors = vector,
                            .count = 1,
                            .k = l->query->k,
                            .filter = l->query->filter,
                            .with_vectors = true};
    ut_store_hit *hits = UT_ARENA_NEW(l->arena, ut_store_hit, query.k);
    if (!hits)
        return ut_fail_memory(err, "knowledge");
    UT_TRY(ut_store_nearest(l->store, &query, l->arena, hits, &found, err));
    for (size_t i = 0; i < found; i++)
        l->show(l->context, &hits[i].item, ut_combined_distance(&l->space, vector, hits[i].vector));
    return UT_OK;
}

static ut_status look_for_text(const looking *l, ut_error *err)
{
    float values[UT_COMBINED_TEXT];
    UT_TRY(ut_engine_embed((void *)(uintptr_t)l->engine, l->query->text, values, err));
    ut_embedding made = {l->engine->text_mark, values, UT_COMBINED_TEXT};
    return look(l, &made, NULL, err);
}

static ut_status look_for_audio(const looking *l, ut_error *err)
{
    ut_conversation *c;
    ut_step step = {.engine = l->engine};
    const char *file = ut_path_base(l->query->audio);
    ut_input input = {l->query->audio, file, file};
    UT_TRY(ut_step_transcribe(&step, &input, &c, err));
    ut_status status = ut_step_extract(&step, input.path, c, err);
    for (size_t i = 0; i < c->utterance_count && status == UT_OK; i++)
        status = look(l, &c->utterances[i].text_embedding, &c->utterances[i].voice, err);
    ut_conversation_destroy(c);
    return status;
}

ut_status ut_knowledge_search(const ut_engine *engine, ut_store *store,
                              const ut_knowledge_query *query, ut_knowledge_show show,
                              void *context, ut_error *err)
{
    looking l = {engine, store, query, show, context, ut_arena_create(0), {0}};
    ut_status status = l.arena ? UT_OK : ut_fail_memory(err, "knowledge");
    if (status == UT_OK)
        status = ut_knowledge_space(engine, store, query->text, l.arena, &l.space, err);
    if (status == UT_OK)
        status = query->text ? look_for_text(&l, err) : look_for_audio(&l, err);
    ut_arena_destroy(l.arena);
    return status;
}
