#include "eval/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const char *const ut_grouping_names[UT_GROUPINGS] = {"speaker", "duration", "confidence"};

/* Up to, but without, `below`. */
typedef struct range {
    double below;
    const char *name;
} range;

static const range durations[] = {
    {1, "below 1 s"}, {2, "1-2 s"}, {4, "2-4 s"}, {8, "4-8 s"}, {INFINITY, "8 s and more"}};
static const range confidences[] = {{0.5, "below 0.5"},
                                    {0.7, "0.5-0.7"},
                                    {0.85, "0.7-0.85"},
                                    {0.95, "0.85-0.95"},
                                    {INFINITY, "0.95 and more"}};

enum { RANGES = 5 };

typedef struct grouping {
    ut_evaluation *e;
    int *truth, *predicted;
} grouping;

/* One group out of the utterances that were gathered; none if there are none. */
static void close_group(grouping *g, ut_grouping by, const char *name, size_t count)
{
    if (!count)
        return;
    struct ut_group *group = &g->e->groups[g->e->group_count++];
    *group = (struct ut_group){.by = by, .name = name};
    ut_classify(g->truth, g->predicted, count, UT_EMOTIONS, &group->emotions);
}

static size_t gather(grouping *g, size_t count, const ut_score *s)
{
    g->truth[count] = s->truth;
    g->predicted[count] = s->predicted;
    return count + 1;
}

static void by_range(grouping *g, ut_grouping by, const range *ranges)
{
    for (size_t r = 0; r < RANGES; r++) {
        size_t n = 0;
        double from = r ? ranges[r - 1].below : -INFINITY;
        for (size_t i = 0; i < g->e->score_count; i++) {
            const ut_score *s = &g->e->scores[i];
            double value = by == UT_BY_DURATION ? s->seconds : s->confidence;
            if (value >= from && value < ranges[r].below)
                n = gather(g, n, s);
        }
        close_group(g, by, ranges[r].name, n);
    }
}

static int by_name(const void *a, const void *b)
{
    const ut_score *const *x = a;
    const ut_score *const *y = b;
    int order = strcmp((*x)->speaker, (*y)->speaker);
    return order ? order : (*x > *y) - (*x < *y);
}

static ut_status by_speaker(grouping *g, ut_error *err)
{
    const ut_evaluation *e = g->e;
    const ut_score **order = calloc(e->score_count + 1, sizeof *order);
    if (!order)
        return ut_fail_memory(err, "eval");
    size_t count = 0;
    for (size_t i = 0; i < e->score_count; i++)
        if (e->scores[i].speaker)
            order[count++] = &e->scores[i];
    qsort(order, count, sizeof *order, by_name);
    for (size_t i = 0; i < count;) {
        size_t n = 0;
        const char *name = order[i]->speaker;
        for (; i < count && strcmp(order[i]->speaker, name) == 0; i++)
            n = gather(g, n, order[i]);
        close_group(g, UT_BY_SPEAKER, name, n);
    }
    free(order);
    return UT_OK;
}

ut_status ut_groups_make(ut_evaluation *e, ut_error *err)
{
    grouping g = {.e = e};
    g.truth = calloc(2 * e->score_count + 1, sizeof *g.truth);
    e->groups = UT_ARENA_NEW(e->arena, struct ut_group, e->score_count + 2 * RANGES);
    if (!g.truth || !e->groups) {
        free(g.truth);
        return ut_fail_memory(err, "eval");
    }
    g.predicted = g.truth + e->score_count;
    ut_status status = by_speaker(&g, err);
    if (status == UT_OK) {
        by_range(&g, UT_BY_DURATION, durations);
        by_range(&g, UT_BY_CONFIDENCE, confidences);
    }
    free(g.truth);
    return status;
}
