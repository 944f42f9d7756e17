#include "pipeline/train_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "pipeline/knowledge.h"

enum { AT_ONCE = 256 };

typedef struct filling {
    const ut_train_examples *from;
    ut_store *store;
    ut_combined space;  /* of the store */
    const char *voice;  /* name of the voice embeddings made here */
    ut_arena *kept;     /* of the space */
    ut_arena *arena;    /* of one batch */
    float *values;      /* [dim] */
    size_t heard, read; /* next row of the features and of the texts */
    ut_store_item items[AT_ONCE];
    float *vectors; /* [AT_ONCE, UT_COMBINED_DIM] */
    size_t count;
    size_t added;
} filling;

/* The same utterance has the same id in every training. */
static const char *id_of(filling *f, const ut_sample *s, const ut_clip *c)
{
    char text[160];
    char words[UT_SHA256_HEX];
    char sha256[UT_SHA256_HEX];
    const char *said = s->text ? s->text : "";
    ut_sha256(said, strlen(said), words);
    snprintf(text, sizeof text, "%s %zu %s", c->sha256, c->from, words);
    ut_sha256(text, strlen(text), sha256);
    sha256[24] = 0;
    return ut_arena_strdup(f->arena, sha256);
}

static ut_embedding voice_of(filling *f, size_t sample, float voice[UT_VOICE_DIM])
{
    const ut_features *features = f->from->features;
    if (!features || !f->from->voice || f->heard == features->count ||
        features->samples[f->heard] != sample)
        return (ut_embedding){0};
    const uint16_t *half = features->values + f->heard++ * UT_CUTS * features->dim;
    for (size_t i = 0; i < features->dim; i++)
        f->values[i] = ut_f16_to_f32(half[i]);
    ut_voice_model_embed(&f->from->voice->model, f->values, 1, voice);
    return (ut_embedding){f->voice, voice, UT_VOICE_DIM};
}

static ut_embedding text_of(filling *f, size_t sample)
{
    const ut_text_set *texts = f->from->texts;
    if (!texts || f->read == texts->count || texts->samples[f->read] != sample)
        return (ut_embedding){0};
    return (ut_embedding){f->from->engine->text_mark,
                          texts->vectors + f->read++ * UT_TEXT_DIMENSIONS, UT_TEXT_DIMENSIONS};
}

static ut_status put(filling *f, ut_error *err)
{
    size_t added = 0;
    UT_TRY(ut_store_add(f->store, f->items, f->vectors, f->count, &added, err));
    for (size_t i = 0; i < f->count && added < f->count; i++)
        UT_TRY(ut_store_set_label(f->store, f->items[i].id, f->items[i].label, err));
    f->added += added;
    f->count = 0;
    ut_arena_reset(f->arena);
    return UT_OK;
}

static ut_status add(filling *f, size_t sample, ut_error *err)
{
    const ut_sample *s = &f->from->dataset->samples[sample];
    const ut_clip *c = &f->from->clips[sample];
    float voice[UT_VOICE_DIM];
    const ut_embedding heard = voice_of(f, sample, voice);
    const ut_embedding read = text_of(f, sample);
    if (!ut_combine(&f->space, &read, &heard, f->vectors + f->count * UT_COMBINED_DIM))
        return UT_OK;
    f->items[f->count] = (ut_store_item){
        .id = id_of(f, s, c),
        .text = s->text ? s->text : "",
        .label = s->label.emotion,
        .speaker = s->speaker ? s->speaker : "",
        .language = s->language,
        .source = "training",
        .conversation = ut_arena_strdup(f->arena, c->sha256),
        .start = isnan(s->start) ? 0 : s->start,
        .end = isnan(s->start) ? (double)c->count / 16000 : s->end,
    };
    if (!f->items[f->count].id || !f->items[f->count].conversation)
        return ut_fail_memory(err, "train");
    f->count++;
    return f->count == AT_ONCE ? put(f, err) : UT_OK;
}

ut_status ut_train_store_check(const ut_engine *engine, const char *where, bool reads,
                               ut_error *err)
{
    ut_store *store;
    ut_combined space;
    ut_status status = ut_knowledge_open(where, UT_STORE_READ, NULL, &store, err);
    if (status != UT_OK)
        return status == UT_ERR_NOT_FOUND ? UT_OK : status;
    ut_arena *arena = ut_arena_create(0);
    status = arena ? ut_knowledge_space(engine, store, reads, arena, &space, err)
                   : ut_fail_memory(err, "train");
    ut_arena_destroy(arena);
    ut_store_close(store);
    return status;
}

ut_status ut_train_store(const ut_train_examples *from, const char *where, size_t *added,
                         ut_error *err)
{
    char voice[32];
    filling f = {
        .from = from, .voice = voice, .kept = ut_arena_create(0), .arena = ut_arena_create(0)};
    ut_combined ours = from->engine->space;
    ours.voice_model = voice;
    snprintf(voice, sizeof voice, "%s", from->engine->voice_net_mark);
    if (from->voice && from->voice->model.project)
        snprintf(voice, sizeof voice, "trained-%.12s", from->model_sha256);
    f.vectors = malloc(AT_ONCE * UT_COMBINED_DIM * sizeof *f.vectors);
    f.values = malloc((from->features ? from->features->dim + 1 : 1) * sizeof *f.values);
    ut_status status =
        f.arena && f.kept && f.vectors && f.values ? UT_OK : ut_fail_memory(err, "train");
    if (status == UT_OK)
        status = ut_knowledge_open(where, UT_STORE_WRITE, &ours, &f.store, err);
    if (status == UT_OK)
        status = ut_knowledge_space(from->engine, f.store, from->texts, f.kept, &f.space, err);
    for (size_t i = 0; i < from->dataset->count && status == UT_OK; i++)
        status = add(&f, i, err);
    if (status == UT_OK)
        status = put(&f, err);
    ut_store_close(f.store);
    ut_arena_destroy(f.arena);
    ut_arena_destroy(f.kept);
    free(f.vectors);
    free(f.values);
    *added = f.added;
    return status;
}
