#include "conversation/analytics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const double INTERRUPTION_S = 0.2, SILENCE_S = 1.0, TURNING = 0.35;
enum { AROUND = 3 }; /* utterances on either side of a turning point */

static double milliseconds(double seconds)
{
    return (double)llround(seconds * 1000);
}

static double start_of(const ut_utterance *u)
{
    return milliseconds(u->start);
}

static double end_of(const ut_utterance *u)
{
    return milliseconds(u->end);
}

static double length_of(const ut_utterance *u)
{
    return (end_of(u) - start_of(u)) / 1000;
}

static double probability_of(const ut_utterance *u, int k)
{
    return (double)llround((double)u->emotion.probabilities[k] * 1e4) / 1e4;
}

/* ------------------------------------------------------------------- who speaks when */

typedef struct edge {
    double time; /* milliseconds */
    int step;    /* 1 a start, -1 an end */
    int speaker;
} edge;

static int by_time(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time) - (x->time < y->time) : x->step - y->step;
}

/* Seconds in which at least `least` different speakers of the edges' intervals speak; those that
 * are not known count as one. `going` is scratch: [speakers + 1]. */
static double covered(const edge *edges, size_t count, int least, long *going, size_t speakers)
{
    double sum = 0;
    int speaking = 0;
    memset(going, 0, (speakers + 1) * sizeof *going);
    for (size_t i = 0; i < count; i++) {
        long *own = &going[edges[i].speaker + 1];
        if (i && speaking >= least)
            sum += edges[i].time - edges[i - 1].time;
        speaking -= *own > 0;
        *own += edges[i].step;
        speaking += *own > 0;
    }
    return sum / 1000;
}

/* Of one speaker, or of all (-2); sorted. */
static size_t edges_of(const ut_conversation *c, int speaker, edge *edges)
{
    size_t count = 0;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (speaker != -2 && u->speaker != speaker)
            continue;
        edges[count++] = (edge){start_of(u), 1, u->speaker};
        edges[count++] = (edge){end_of(u), -1, u->speaker};
    }
    qsort(edges, count, sizeof *edges, by_time);
    return count;
}

static void measure_time(const ut_conversation *c, edge *edges, long *going, ut_analytics *a)
{
    double all = 0;
    for (size_t s = 0; s < c->speaker_count; s++) {
        size_t count = edges_of(c, (int)s, edges);
        all += a->talkers[s].talk_time = covered(edges, count, 1, going, c->speaker_count);
    }
    for (size_t s = 0; s < c->speaker_count; s++)
        a->talkers[s].talk_share = all > 0 ? a->talkers[s].talk_time / all : 0;
    size_t count = edges_of(c, -2, edges);
    a->speech = covered(edges, count, 1, going, c->speaker_count);
    a->overlap = covered(edges, count, 2, going, c->speaker_count);
}

/* -------------------------------------------------------------------- taking the floor */

/* Of the utterances before `index` that go on when it begins, another speaker's, the one that ends
 * last. `ends` has for each speaker the utterance so far that ends last, or -1. */
static int holder(const ut_conversation *c, size_t index, const long *ends)
{
    const ut_utterance *u = &c->utterances[index];
    int best = -1;
    for (size_t s = 0; s < c->speaker_count; s++) {
        if ((int)s == u->speaker || ends[s] < 0 || end_of(&c->utterances[ends[s]]) <= start_of(u))
            continue;
        if (best < 0 || end_of(&c->utterances[ends[s]]) > end_of(&c->utterances[ends[best]]))
            best = (int)s;
    }
    return best;
}

static void measure_floor(const ut_conversation *c, long *ends, ut_analytics *a)
{
    for (size_t s = 0; s < c->speaker_count; s++)
        ends[s] = -1;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (u->speaker < 0)
            continue;
        int other = holder(c, i, ends);
        const ut_utterance *held = other < 0 ? NULL : &c->utterances[ends[other]];
        double overlap = held ? (end_of(held) - start_of(u)) / 1000 : 0;
        if (held && end_of(u) <= end_of(held)) {
            a->talkers[u->speaker].interjections++;
        } else if (held && overlap >= INTERRUPTION_S) {
            a->talkers[u->speaker].interrupted++;
            a->talkers[other].was_interrupted++;
            a->interruptions[a->interruption_count++] =
                (ut_interruption){start_of(u) / 1000, overlap, u->speaker, other, i};
        }
        long *own = &ends[u->speaker];
        if (*own < 0 || end_of(&c->utterances[*own]) < end_of(u))
            *own = (long)i;
    }
}

static void measure_silences(const ut_conversation *c, ut_analytics *a)
{
    const ut_utterance *last = NULL; /* that ends last so far */
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        double gap = last ? (start_of(u) - end_of(last)) / 1000 : 0;
        if (last && gap >= SILENCE_S) {
            a->silences[a->silence_count++] =
                (ut_silence){end_of(last) / 1000, start_of(u) / 1000, last->speaker, u->speaker};
            a->silence += gap;
        }
        if (!last || end_of(u) > end_of(last))
            last = u;
    }
}

/* ------------------------------------------------------------------ how they talked */

static double feature(const ut_utterance *u, const char *name)
{
    for (size_t i = 0; i < u->feature_count; i++)
        if (strcmp(u->features[i].name, name) == 0)
            return round((double)u->features[i].value * 1e5) / 1e5;
    return NAN;
}

/* A mean under way. */
typedef struct mean {
    double sum, weight;
} mean;

static void add(mean *m, double value, double weight)
{
    if (isnan(value))
        return;
    m->sum += value * weight;
    m->weight += weight;
}

static double value_of(const mean *m)
{
    return m->weight > 0 ? m->sum / m->weight : NAN;
}

static void measure_manner(const ut_conversation *c, int speaker, ut_talker *t)
{
    mean rate = {0}, level = {0};
    double worded = 0;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (u->speaker != speaker)
            continue;
        double length = length_of(u);
        t->utterances++;
        t->turns += i == 0 || c->utterances[i - 1].speaker != speaker;
        t->words += u->word_count;
        worded += u->word_count ? length : 0;
        add(&rate, feature(u, "speech_rate_sps"), length);
        add(&level, feature(u, "loudness_mean_db"), length);
    }
    t->words_per_minute = worded > 0 ? (double)t->words / worded * 60 : NAN;
    t->syllables_per_second = value_of(&rate);
    t->loudness_db = value_of(&level);
}

/* ---------------------------------------------------------------------------- emotions */

static void feel(ut_mood *mood, const ut_utterance *u, double seconds)
{
    if (seconds <= 0)
        return;
    mood->seconds += seconds;
    for (int k = 0; k < UT_EMOTIONS; k++)
        mood->probabilities[k] += seconds * probability_of(u, k);
}

static void settle(ut_mood *mood)
{
    for (int k = 0; k < UT_EMOTIONS && mood->seconds > 0; k++)
        mood->probabilities[k] /= mood->seconds;
}

static double duration_of(const ut_conversation *c)
{
    double end = milliseconds(c->source.duration) / 1000;
    for (size_t i = 0; i < c->utterance_count; i++)
        end = fmax(end, end_of(&c->utterances[i]) / 1000);
    return end;
}

static void measure_moods(const ut_conversation *c, ut_analytics *a)
{
    double quarter = duration_of(c) / UT_QUARTERS;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (!u->emotion.present)
            continue;
        ut_talker *t = u->speaker < 0 ? NULL : &a->talkers[u->speaker];
        if (t)
            feel(&t->mood, u, length_of(u));
        for (int q = 0; q < UT_QUARTERS; q++) {
            double shared =
                fmin(end_of(u) / 1000, (q + 1) * quarter) - fmax(start_of(u) / 1000, q * quarter);
            feel(&a->quarters[q], u, shared);
            if (t)
                feel(&t->quarters[q], u, shared);
        }
    }
    for (int q = 0; q < UT_QUARTERS; q++)
        settle(&a->quarters[q]);
    for (size_t s = 0; s < c->speaker_count; s++) {
        settle(&a->talkers[s].mood);
        for (int q = 0; q < UT_QUARTERS; q++)
            settle(&a->talkers[s].quarters[q]);
    }
}

static int leading(const double p[UT_EMOTIONS])
{
    int best = 0;
    for (int k = 1; k < UT_EMOTIONS; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

/* The change between own[at - AROUND, at) and own[at, at + AROUND). */
static double change_at(const ut_conversation *c, const size_t *own, size_t at, int *from, int *to)
{
    double before[UT_EMOTIONS] = {0}, after[UT_EMOTIONS] = {0}, distance = 0;
    for (int i = 0; i < AROUND; i++)
        for (int k = 0; k < UT_EMOTIONS; k++) {
            before[k] += probability_of(&c->utterances[own[at - 1 - (size_t)i]], k) / AROUND;
            after[k] += probability_of(&c->utterances[own[at + (size_t)i]], k) / AROUND;
        }
    for (int k = 0; k < UT_EMOTIONS; k++)
        distance += fabs(after[k] - before[k]) / 2;
    *from = leading(before);
    *to = leading(after);
    return distance;
}

/* Whether no neighbour changes more; of equals the first counts. */
static bool is_peak(const double *changes, size_t count, size_t at)
{
    for (size_t i = at > AROUND ? at - AROUND : 0; i < count && i <= at + AROUND; i++)
        if (changes[i] > changes[at] || (changes[i] == changes[at] && i < at))
            return false;
    return true;
}

static void turn(const ut_conversation *c, int speaker, size_t *own, double *changes,
                 ut_analytics *a)
{
    size_t count = 0;
    int from, to;
    for (size_t i = 0; i < c->utterance_count; i++)
        if (c->utterances[i].speaker == speaker && c->utterances[i].emotion.present)
            own[count++] = i;
    for (size_t i = 0; i < count; i++)
        changes[i] =
            i < AROUND || i + AROUND > count ? 0 : round(change_at(c, own, i, &from, &to) * 1e9);
    for (size_t i = AROUND; i + AROUND <= count; i++) {
        double change = change_at(c, own, i, &from, &to);
        if (change + 1e-9 < TURNING || from == to || !is_peak(changes, count, i))
            continue;
        a->turning_points[a->turning_point_count++] =
            (ut_turning_point){own[i],
                               start_of(&c->utterances[own[i]]) / 1000,
                               speaker,
                               (ut_emotion_label)from,
                               (ut_emotion_label)to,
                               change};
    }
}

static int by_utterance(const void *a, const void *b)
{
    const ut_turning_point *x = a, *y = b;
    return (x->utterance > y->utterance) - (x->utterance < y->utterance);
}

ut_status ut_conversation_measure(ut_conversation *c, ut_error *err)
{
    size_t n = c->utterance_count;
    ut_arena *arena = c->arena;
    ut_analytics *a = UT_ARENA_NEW(arena, ut_analytics, 1);
    ut_arena *scratch = ut_arena_create(0);
    edge *edges = scratch ? UT_ARENA_NEW(scratch, edge, 2 * n + 1) : NULL;
    long *ends = scratch ? UT_ARENA_NEW(scratch, long, c->speaker_count + 1) : NULL;
    size_t *own = scratch ? UT_ARENA_NEW(scratch, size_t, n + 1) : NULL;
    double *changes = scratch ? UT_ARENA_NEW(scratch, double, n + 1) : NULL;
    if (a) {
        a->talkers = UT_ARENA_NEW(arena, ut_talker, c->speaker_count + 1);
        a->interruptions = UT_ARENA_NEW(arena, ut_interruption, n + 1);
        a->silences = UT_ARENA_NEW(arena, ut_silence, n + 1);
        a->turning_points = UT_ARENA_NEW(arena, ut_turning_point, n + 1);
    }
    bool fine = edges && ends && own && changes && a && a->talkers && a->interruptions &&
                a->silences && a->turning_points;
    if (fine) {
        measure_time(c, edges, ends, a);
        measure_floor(c, ends, a);
        measure_silences(c, a);
        measure_moods(c, a);
        for (size_t s = 0; s < c->speaker_count; s++) {
            measure_manner(c, (int)s, &a->talkers[s]);
            turn(c, (int)s, own, changes, a);
        }
        qsort(a->turning_points, a->turning_point_count, sizeof *a->turning_points, by_utterance);
        c->analytics = a;
    }
    ut_arena_destroy(scratch);
    return fine ? UT_OK : ut_fail_memory(err, "analytics");
}
