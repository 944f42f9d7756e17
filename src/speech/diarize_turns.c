#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "nn/ops.h"
#include "speech/cluster.h"
#include "speech/diarize_internal.h"

enum { MOST = UT_DIARIZE_SPEAKERS, GRID = 160, RATE = 16000 };

static const double BRIDGED = 0.3;   /* seconds: shorter gaps of one speaker are closed */
static const double SHORTEST = 0.12; /* shorter turns are dropped */

typedef struct clustering {
    int n, size;
    float *vectors; /* [n, size], length 1 */
    ut_merge *merges;
    int *labels;   /* [n] */
    int *groups;   /* [n]: the window each was heard in */
    int *members;  /* [n]: voices in each cluster */
    float *centre; /* [MOST, size], length 1 */
    int speakers;
} clustering;

static void free_clustering(clustering *c)
{
    free(c->vectors);
    free(c->merges);
    free(c->labels);
    free(c->groups);
    free(c->members);
    free(c->centre);
}

static void normalise(float *x, int size)
{
    float norm = sqrtf(ut_dot(x, x, (size_t)size));
    for (int i = 0; i < size; i++)
        x[i] = norm > 0.0f ? x[i] / norm : 0.0f;
}

static void unpack(const ut_voice *voice, int size, float *x)
{
    for (int i = 0; i < size; i++)
        x[i] = voice->values[i];
    normalise(x, size);
}

/* Clean voices, evenly thinned to what is clustered exactly; any voices if there is no clean one.
 */
static ut_status choose_voices(const ut_heard *h, clustering *c, ut_error *err)
{
    size_t usable = 0, room;
    for (size_t i = 0; i < h->voice_count; i++)
        usable += h->voices[i].clean;
    bool all = usable == 0;
    if (all)
        usable = h->voice_count;
    room = usable < UT_DIARIZE_CLUSTERED ? usable : UT_DIARIZE_CLUSTERED;
    c->vectors = calloc(room * (size_t)c->size + 1, sizeof *c->vectors);
    c->merges = calloc(room + 1, sizeof *c->merges);
    c->labels = calloc(room + 1, sizeof *c->labels);
    c->groups = calloc(room + 1, sizeof *c->groups);
    c->members = calloc(room + 1, sizeof *c->members);
    c->centre = calloc((size_t)MOST * (size_t)c->size, sizeof *c->centre);
    if (!c->vectors || !c->merges || !c->labels || !c->groups || !c->members || !c->centre)
        return ut_fail_memory(err, "diarize");
    size_t seen = 0;
    for (size_t i = 0; i < h->voice_count; i++) {
        if (!all && !h->voices[i].clean)
            continue;
        if (seen * room / usable == (size_t)c->n && (size_t)c->n < room) {
            c->groups[c->n] = (int)h->voices[i].window;
            unpack(&h->voices[i], c->size, c->vectors + (size_t)c->n * (size_t)c->size);
            c->n++;
        }
        seen++;
    }
    return UT_OK;
}

/* Cuts the tree and counts the clusters that are large enough to be a speaker. */
static int cut(clustering *c, float threshold, int least, int most, int *clusters)
{
    int large = 0, needed = c->n / 50 > 2 ? c->n / 50 : 2;
    *clusters = ut_cluster_cut(c->merges, c->n, threshold, least, most, c->labels);
    memset(c->members, 0, (size_t)c->n * sizeof *c->members);
    for (int i = 0; i < c->n; i++)
        c->members[c->labels[i]]++;
    for (int i = 0; i < *clusters; i++)
        large += c->members[i] >= needed;
    return large;
}

/* Finer and finer cuts until `wanted` clusters are large, or the tree has no more. */
static void cut_to(clustering *c, int wanted, int *clusters)
{
    for (int k = wanted; k <= c->n && k <= wanted + 40; k++)
        if (cut(c, -1.0f, 1, k, clusters) >= wanted)
            return;
    cut(c, -1.0f, 1, wanted < c->n ? wanted : c->n, clusters);
}

/* The `speakers` largest clusters become speakers; their members' mean is the centre. */
static void take_centres(clustering *c, int clusters, int speakers)
{
    c->speakers = 0;
    for (int s = 0; s < speakers && s < clusters; s++) {
        int best = 0;
        for (int i = 1; i < clusters; i++)
            if (c->members[i] > c->members[best])
                best = i;
        float *centre = c->centre + (size_t)c->speakers * (size_t)c->size;
        for (int i = 0; i < c->n; i++)
            if (c->labels[i] == best)
                ut_axpy(centre, 1.0f, c->vectors + (size_t)i * (size_t)c->size, (size_t)c->size);
        normalise(centre, c->size);
        c->members[best] = -1;
        c->speakers++;
    }
}

/* The best way to give `count` local speakers different speakers, by summed similarity. */
static void match(const float similarity[UT_LOCALS][MOST], int count, int speakers, int at,
                  float sum, int *now, int *best, float *best_sum)
{
    if (at == count) {
        if (sum > *best_sum) {
            *best_sum = sum;
            memcpy(best, now, UT_LOCALS * sizeof *best);
        }
        return;
    }
    for (int s = -1; s < speakers; s++) {
        bool taken = false;
        for (int i = 0; i < at; i++)
            taken |= s >= 0 && now[i] == s;
        if (taken)
            continue;
        now[at] = s;
        match(similarity, count, speakers, at + 1, sum + (s >= 0 ? similarity[at][s] : -1.0f), now,
              best, best_sum);
    }
}

/* Speakers of one window's voices. */
static void assign(const clustering *c, ut_voice *voices, int count)
{
    float similarity[UT_LOCALS][MOST], x[UT_EMBEDDING_MAX], best_sum = -INFINITY;
    int now[UT_LOCALS] = {-1, -1, -1}, best[UT_LOCALS] = {-1, -1, -1};
    for (int i = 0; i < count; i++) {
        unpack(&voices[i], c->size, x);
        for (int s = 0; s < c->speakers; s++)
            similarity[i][s] = ut_dot(x, c->centre + (size_t)s * (size_t)c->size, (size_t)c->size);
    }
    match(similarity, count, c->speakers, 0, 0.0f, now, best, &best_sum);
    for (int i = 0; i < count; i++) {
        float other = -1.0f, own = best[i] >= 0 ? similarity[i][best[i]] : -1.0f;
        for (int s = 0; s < c->speakers; s++)
            if (s != best[i])
                other = fmaxf(other, similarity[i][s]);
        voices[i].speaker = (int16_t)best[i];
        /* Measured margins between speakers lie around 0.2; a margin of 0 is a coin's toss. */
        voices[i].confidence =
            c->speakers < 2 ? 1.0f : 1.0f / (1.0f + expf(-12.0f * (own - other)));
    }
}

ut_status ut_diarize_cluster(ut_heard *h, int size, float threshold,
                             const ut_diarize_options *options, int *speakers, ut_error *err)
{
    clustering c = {.size = size};
    int least = options->num_speakers ? options->num_speakers : options->min_speakers;
    int most = options->num_speakers ? options->num_speakers : options->max_speakers;
    int clusters = 0;
    most = most > 0 && most < MOST ? most : MOST;
    *speakers = 0;
    if (h->voice_count == 0)
        return UT_OK;
    ut_status status = choose_voices(h, &c, err);
    if (status == UT_OK)
        status = ut_cluster_link(c.vectors, c.n, size, c.groups, c.merges, err);
    if (status != UT_OK)
        goto done;
    int large = cut(&c, threshold, 1, 0, &clusters);
    if (large > most || large < least) {
        large = large > most ? most : least;
        cut_to(&c, large, &clusters);
    }
    take_centres(&c, clusters, large > 0 ? large : 1);
    for (size_t i = 0; i < h->voice_count;) {
        int count = 1;
        while (count < UT_LOCALS && i + (size_t)count < h->voice_count &&
               h->voices[i + (size_t)count].window == h->voices[i].window)
            count++;
        assign(&c, h->voices + i, count);
        i += (size_t)count;
    }
    *speakers = c.speakers;
done:
    free_clustering(&c);
    return status;
}

/* ---- activity and turns ---- */

typedef struct running {
    bool open;
    double start, end, confidence, weight;
} running;

typedef struct turn_list {
    ut_turn *items;
    size_t count, capacity;
} turn_list;

static ut_status close_turn(running *r, int speaker, turn_list *list, ut_error *err)
{
    r->open = false;
    if (r->end - r->start < SHORTEST)
        return UT_OK;
    if (!ut_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items))
        return ut_fail_memory(err, "diarize");
    list->items[list->count++] = (ut_turn){
        r->start, r->end, speaker, r->weight > 0.0 ? (float)(r->confidence / r->weight) : 0.0f};
    return UT_OK;
}

/* What the windows over one sample say. */
typedef struct evidence {
    float score[MOST], confidence[MOST];
    int count; /* how many speak at once */
} evidence;

/* voice_of[windows * LOCALS]: each local speaker's voice, or -1. */
static void weigh(const ut_heard *h, const int32_t *voice_of, size_t sample, int speakers,
                  evidence *e)
{
    const ut_window_grid *g = &h->grid;
    size_t window = (size_t)g->window, step = (size_t)g->step, last = sample / step;
    size_t first = sample >= window ? (sample - window) / step + 1 : 0;
    int active = 0, covered = 0;
    memset(e, 0, sizeof *e);
    for (size_t w = first; w <= last && w < h->windows; w++) {
        int at = ((int)(sample - w * step) - g->first + g->hop / 2) / g->hop;
        at = at < 0 ? 0 : at >= g->frames ? g->frames - 1 : at;
        uint16_t scores = h->scores[w * (size_t)g->frames + (size_t)at];
        covered++;
        for (int k = 0; k < UT_LOCALS; k++) {
            int level = scores >> (4 * k) & 15;
            int32_t v = voice_of[w * UT_LOCALS + (size_t)k];
            active += level >= 8;
            if (v < 0 || h->voices[v].speaker < 0 || h->voices[v].speaker >= speakers)
                continue;
            int s = h->voices[v].speaker;
            e->score[s] += (float)level;
            e->confidence[s] += (float)level * h->voices[v].confidence;
        }
    }
    e->count = covered ? (2 * active + covered) / (2 * covered) : 0;
}

static ut_status take_frame(const evidence *e, size_t sample, int speakers, running *run,
                            turn_list *list, ut_error *err)
{
    bool chosen[MOST] = {false};
    double from = (double)sample / RATE, to = (double)(sample + GRID) / RATE;
    for (int n = 0; n < e->count; n++) {
        int best = -1;
        for (int s = 0; s < speakers; s++)
            if (!chosen[s] && e->score[s] > 0.0f && (best < 0 || e->score[s] > e->score[best]))
                best = s;
        if (best >= 0)
            chosen[best] = true;
    }
    for (int s = 0; s < speakers; s++) {
        running *r = &run[s];
        if (r->open && from - r->end > BRIDGED)
            UT_TRY(close_turn(r, s, list, err));
        if (!chosen[s])
            continue;
        if (!r->open)
            *r = (running){.open = true, .start = from};
        r->end = to;
        r->confidence += (double)(e->confidence[s] / e->score[s]);
        r->weight += 1.0;
    }
    return UT_OK;
}

static int by_start(const void *x, const void *y)
{
    const ut_turn *a = x, *b = y;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return a->speaker - b->speaker;
}

/* Sorts, numbers speakers by first turn, copies into the arena. */
static ut_status hand_over(turn_list *list, double duration, ut_arena *arena, ut_turn **turns,
                           int *speakers, ut_error *err)
{
    int number[MOST], next = 0;
    for (int s = 0; s < MOST; s++)
        number[s] = -1;
    *turns = UT_ARENA_NEW(arena, ut_turn, list->count + 1);
    if (!*turns)
        return ut_fail_memory(err, "diarize");
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_start);
    for (size_t i = 0; i < list->count; i++) {
        ut_turn turn = list->items[i];
        if (number[turn.speaker] < 0)
            number[turn.speaker] = next++;
        turn.speaker = number[turn.speaker];
        turn.end = fmin(turn.end, duration);
        (*turns)[i] = turn;
    }
    *speakers = next;
    return UT_OK;
}

ut_status ut_diarize_turns(const ut_heard *h, ut_arena *arena, ut_turn **turns, size_t *turn_count,
                           int *speakers, ut_error *err)
{
    running run[MOST] = {{0}};
    turn_list list = {0};
    evidence e;
    int32_t *voice_of = malloc((h->windows * UT_LOCALS + 1) * sizeof *voice_of);
    ut_status status = voice_of ? UT_OK : ut_fail_memory(err, "diarize");
    *turn_count = 0;
    if (status == UT_OK)
        for (size_t i = 0; i < h->windows * UT_LOCALS; i++)
            voice_of[i] = -1;
    for (size_t i = 0; status == UT_OK && i < h->voice_count; i++)
        voice_of[(size_t)h->voices[i].window * UT_LOCALS + h->voices[i].local] = (int32_t)i;
    for (size_t at = 0; status == UT_OK && at < h->samples; at += GRID) {
        weigh(h, voice_of, at + GRID / 2, *speakers, &e);
        status = take_frame(&e, at, *speakers, run, &list, err);
    }
    for (int s = 0; s < *speakers && status == UT_OK; s++)
        if (run[s].open)
            status = close_turn(&run[s], s, &list, err);
    if (status == UT_OK)
        status = hand_over(&list, (double)h->samples / RATE, arena, turns, speakers, err);
    if (status == UT_OK)
        *turn_count = list.count;
    free(list.items);
    free(voice_of);
    return status;
}
