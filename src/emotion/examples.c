#include "emotion/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "nn/weights.h"

enum {
    MOST = 64,             /* examples shown for an utterance */
    VOTERS = 50,           /* nearest that vote */
    EACH_CONVERSATION = 2, /* shown of one conversation */
    BATCH = 64 /* utterances searched for at once: bounds the memory of their candidates */
};

/* Fitted on MELD's development part with its training part as knowledge base (bench/retrieval.py):
 * a twentieth of cosine distance weighs a vote 1/e; without votes for it a label keeps `doubt`. */
static const float temperature = 0.05f;
static const float doubt = 0.5f;

typedef struct source {
    ut_store *store; /* NULL: none */
    ut_combined space;
    float share[UT_EMOTIONS]; /* of each label among what is labelled */
} source;

struct ut_examples {
    source from[2]; /* the program's own, the user's */
};

/* What makes the vectors while the lines are read. */
typedef struct maker {
    const ut_examples_from *from;
    const ut_tensor *made; /* [lines, UT_COMBINED_TEXT], or NULL: by the encoder */
    size_t next;           /* row of it */
} maker;

static ut_status make_vector(void *context, const char *text, float *vector, ut_error *err)
{
    maker *m = context;
    float values[UT_COMBINED_TEXT];
    if (m->made && m->next < (size_t)m->made->shape[0])
        ut_tensor_to_f32(m->made, m->next++ * UT_COMBINED_TEXT, UT_COMBINED_TEXT, values);
    else
        UT_TRY(m->from->embed(m->from->context, text, values, err));
    ut_embedding embedding = {m->from->space->text_model, values, UT_COMBINED_TEXT};
    if (!ut_combine(m->from->space, &embedding, NULL, vector))
        return ut_fail(err, UT_ERR_FORMAT, "emotion", "\"%.60s\" has no embedding", text);
    return UT_OK;
}

static bool is(const ut_weights *weights, const char *key, const char *hash)
{
    const char *value = ut_weights_metadata(weights, key);
    return value && strcmp(value, hash) == 0;
}

/* The vectors made before, if they are of these lines by this encoder. */
static ut_status find_made(const ut_examples_from *from, ut_weights **weights,
                           const ut_tensor **made, ut_error *err)
{
    char hash[UT_SHA256_HEX];
    if (!from->vectors || !ut_file_exists(from->vectors))
        return UT_OK;
    UT_TRY(ut_weights_open(from->vectors, weights, err));
    UT_TRY(ut_sha256_file(from->path, hash, err));
    const ut_tensor *vectors = ut_weights_find(*weights, "vectors");
    if (vectors && vectors->rank == 2 && vectors->shape[1] == UT_COMBINED_TEXT &&
        is(*weights, "examples_sha256", hash) &&
        is(*weights, "encoder_sha256", from->encoder_sha256))
        *made = vectors;
    return UT_OK;
}

/* A vote for a label that is everywhere says less than one for a rare label. */
static ut_status count_shares(source *from, ut_error *err)
{
    size_t counts[UT_EMOTIONS];
    UT_TRY(ut_store_labels(from->store, counts, err));
    float total = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        total += from->share[i] = 1 + (float)counts[i];
    for (int i = 0; i < UT_EMOTIONS; i++)
        from->share[i] /= total;
    return UT_OK;
}

ut_status ut_examples_open(const ut_examples_from *from, ut_examples **examples, ut_error *err)
{
    char name[UT_COMBINED_NAME];
    ut_combined_name(from->space, name);
    ut_examples *x = calloc(1, sizeof *x);
    if (!x)
        return ut_fail_memory(err, "emotion");
    x->from[0].space = *from->space;
    ut_store **store = &x->from[0].store;
    ut_weights *weights = NULL;
    maker m = {.from = from};
    ut_status status = find_made(from, &weights, &m.made, err);
    if (status == UT_OK)
        status = ut_store_open(NULL, UT_STORE_WRITE, (ut_store_space){name, UT_COMBINED_DIM}, NULL,
                               store, err);
    if (status == UT_OK)
        status = ut_store_import(*store, from->path, from->name, make_vector, &m, NULL, err);
    ut_weights_close(weights);
    if (status == UT_OK)
        status = count_shares(&x->from[0], err);
    if (status != UT_OK)
        ut_examples_close(x);
    else
        *examples = x;
    return status;
}

void ut_examples_close(ut_examples *examples)
{
    if (!examples)
        return;
    for (int i = 0; i < 2; i++)
        ut_store_close(examples->from[i].store);
    free(examples);
}

ut_status ut_examples_add_store(ut_examples *examples, ut_store *store, const ut_combined *space,
                                ut_error *err)
{
    source *from = &examples->from[1];
    *from = (source){.store = store, .space = *space};
    return count_shares(from, err);
}

size_t ut_examples_count(const ut_examples *examples)
{
    size_t count;
    return ut_store_count(examples->from[0].store, &count, NULL) == UT_OK ? count : 0;
}

const char *ut_examples_conversation(const ut_conversation *c)
{
    return c->source.sha256 && *c->source.sha256 ? c->source.sha256 : c->id;
}

/* ---------------------------------------------------------------- choosing among candidates */

typedef struct candidate {
    ut_store_item item;
    float far; /* as the store orders them */
    float distance;
    float share; /* of its label */
} candidate;

static candidate as_candidate(const ut_store_hit *hit, const float *query, const source *from)
{
    return (candidate){hit->item, hit->distance,
                       ut_combined_distance(&from->space, query, hit->vector),
                       from->share[hit->item.label]};
}

static int by_distance(const void *a, const void *b)
{
    const candidate *x = a;
    const candidate *y = b;
    if (x->far != y->far)
        return x->far < y->far ? -1 : 1;
    return strcmp(x->item.id, y->item.id);
}

static bool is_more_of_the_same(const candidate *one, const candidate *const *kept, size_t n)
{
    int same = 0;
    for (size_t i = 0; i < n; i++) {
        if (*one->item.text && strcasecmp(one->item.text, kept[i]->item.text) == 0)
            return true;
        same += *one->item.conversation &&
                strcmp(one->item.conversation, kept[i]->item.conversation) == 0;
    }
    return same >= EACH_CONVERSATION;
}

static ut_status keep(const candidate *from, ut_arena *arena, ut_example *out, ut_error *err)
{
    *out = (ut_example){ut_arena_strdup(arena, from->item.text), (ut_emotion_label)from->item.label,
                        from->distance, ut_arena_strdup(arena, from->item.source)};
    return out->text && out->source ? UT_OK : ut_fail_memory(err, "emotion");
}

/* ------------------------------------------------------------------------------ searching */

typedef struct search {
    const ut_examples *examples;
    ut_conversation *c;
    bool text, voice;
    size_t k;
    size_t wide;        /* candidates of each store */
    ut_arena *arena;    /* of one batch */
    float *vectors;     /* [BATCH, UT_COMBINED_DIM] queries */
    ut_store_hit *hits; /* [BATCH, VOTERS] of one store */
    candidate *all;     /* [BATCH, 2 * VOTERS] of both */
    size_t counts[BATCH];
} search;

/* Queries of utterances first .. first + n into one of the stores. */
static ut_status search_store(search *s, int which, size_t first, size_t n, ut_error *err)
{
    const source *from = &s->examples->from[which];
    size_t found[BATCH];
    for (size_t i = 0; i < n; i++) {
        const ut_utterance *u = &s->c->utterances[first + i];
        /* The program's own examples have no voice: an utterance without words is like none. */
        bool voice = s->voice && which > 0;
        (void)ut_combine(&from->space, s->text ? &u->text_embedding : NULL,
                         voice ? &u->voice : NULL, s->vectors + i * UT_COMBINED_DIM);
    }
    ut_store_query query = {.vectors = s->vectors,
                            .count = n,
                            .k = VOTERS,
                            .filter = {.labels = UT_STORE_LABELLED,
                                       .exclude_conversation = ut_examples_conversation(s->c)},
                            .with_vectors = true};
    UT_TRY(ut_store_nearest(from->store, &query, s->arena, s->hits, found, err));
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < found[i]; h++)
            s->all[i * 2 * VOTERS + s->counts[i]++] =
                as_candidate(&s->hits[i * VOTERS + h], s->vectors + i * UT_COMBINED_DIM, from);
    return UT_OK;
}

/* Each of the nearest votes for its label by how near it is, against how common the label is. */
static void vote(const candidate *all, size_t n, float opinion[UT_EMOTIONS])
{
    float total = 0;
    for (int i = 0; i < UT_EMOTIONS; i++)
        opinion[i] = doubt;
    for (size_t i = 0; i < n && i < VOTERS; i++)
        opinion[all[i].item.label] +=
            expf((all[0].distance - all[i].distance) / temperature) / all[i].share;
    for (int i = 0; i < UT_EMOTIONS; i++)
        total += opinion[i];
    for (int i = 0; i < UT_EMOTIONS; i++)
        opinion[i] /= total;
}

static ut_status choose(search *s, size_t i, ut_recalled *out, ut_error *err)
{
    *out = (ut_recalled){0};
    if (!s->counts[i])
        return UT_OK;
    candidate *all = s->all + i * 2 * VOTERS;
    const candidate *kept[MOST];
    size_t count = 0;
    qsort(all, s->counts[i], sizeof *all, by_distance);
    vote(all, s->counts[i], out->opinion);
    out->examples = UT_ARENA_NEW(s->c->arena, ut_example, s->k);
    if (!out->examples)
        return ut_fail_memory(err, "emotion");
    for (size_t h = 0; h < s->counts[i] && count < s->k; h++) {
        if (is_more_of_the_same(&all[h], kept, count))
            continue;
        kept[count] = &all[h];
        UT_TRY(keep(&all[h], s->c->arena, &out->examples[count++], err));
    }
    out->count = count;
    return UT_OK;
}

static ut_status search_batch(search *s, size_t first, size_t n, ut_recalled *out, ut_error *err)
{
    ut_arena_reset(s->arena);
    memset(s->counts, 0, sizeof s->counts);
    s->vectors = UT_ARENA_NEW(s->arena, float, BATCH *UT_COMBINED_DIM);
    s->hits = UT_ARENA_NEW(s->arena, ut_store_hit, BATCH * VOTERS);
    s->all = UT_ARENA_NEW(s->arena, candidate, BATCH * VOTERS * 2);
    if (!s->vectors || !s->hits || !s->all)
        return ut_fail_memory(err, "emotion");
    for (int which = 0; which < 2; which++)
        if (s->examples->from[which].store)
            UT_TRY(search_store(s, which, first, n, err));
    for (size_t i = 0; i < n; i++)
        UT_TRY(choose(s, i, &out[first + i], err));
    return UT_OK;
}

ut_status ut_examples_recall(const void *examples, ut_conversation *c, bool text, bool voice,
                             size_t k, ut_recalled *out, ut_error *err)
{
    if (k > MOST)
        k = MOST;
    search s = {.examples = examples,
                .c = c,
                .text = text,
                .voice = voice,
                .k = k,
                .arena = ut_arena_create(0)};
    ut_status status = s.arena ? UT_OK : ut_fail_memory(err, "emotion");
    for (size_t i = 0; i < c->utterance_count && status == UT_OK; i += BATCH) {
        size_t n = c->utterance_count - i < BATCH ? c->utterance_count - i : BATCH;
        status = search_batch(&s, i, n, out, err);
    }
    ut_arena_destroy(s.arena);
    return status;
}
