#include "dsp/syllables.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/intensity.h"

static const double LOWEST = 50.0; /* hertz of pitch, which set the intensity's window */
static const double RANGE_DB = 25.0, DIP_DB = 2.0;
static const double SHORTEST_PAUSE = 0.3, SHORTEST_SOUND = 0.1; /* seconds */

ut_pitch_options ut_syllables_pitch(void)
{
    ut_pitch_options o = ut_pitch_defaults(UT_SYLLABLES_RATE);
    o.floor_hz = 30.0;
    o.ceiling_hz = 450.0;
    o.hop = 0.02;
    o.voicing_threshold = 0.25;
    o.voiced_unvoiced_cost = 0.25;
    return o;
}

typedef struct contour {
    const double *db;
    size_t count;
    double first, hop, end; /* seconds: of frame 0, between frames, of the signal's end */
    double threshold;
} contour;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* As Praat places quantiles: value i of n, from 1, stands at (i - 1/2) / n. */
static double quantile(const double *sorted, size_t n, double share)
{
    double place = share * (double)n + 0.5;
    size_t i = (size_t)place;
    if (i < 1)
        return sorted[0];
    return i >= n ? sorted[n - 1]
                  : sorted[i - 1] + (place - (double)i) * (sorted[i] - sorted[i - 1]);
}

/* ---------------------------------------------------------------- sound and silence */

/* Stretches that sound and such that do not, in turns: stretch i from edges[i] to edges[i + 1]. */
typedef struct stretches {
    double *edges;
    size_t count;
    bool first_sounds;
} stretches;

static bool sounds(const stretches *s, size_t i)
{
    return s->first_sounds == (i % 2 == 0);
}

/* A frame begins a stretch where its level is the first on the other side of the threshold. */
static void find_stretches(const contour *c, stretches *s)
{
    s->first_sounds = c->db[0] >= c->threshold;
    s->edges[0] = 0.0;
    s->count = 1;
    for (size_t f = 1; f < c->count; f++)
        if ((c->db[f] >= c->threshold) != (c->db[f - 1] >= c->threshold))
            s->edges[s->count++] = c->first + (double)f * c->hop;
    s->edges[s->count] = c->end;
}

/* Stretches of one kind that are too short become part of their neighbours. */
static void drop_short(stretches *s, bool sounding, double shortest)
{
    double end = s->edges[s->count];
    size_t kept = 0;
    bool first = s->first_sounds;
    for (size_t i = 0; i < s->count; i++) {
        bool kind = sounds(s, i);
        double begin = s->edges[i];
        if (kind == sounding && s->edges[i + 1] - begin < shortest)
            kind = !kind;
        if (kept == 0)
            first = kind;
        if (kept == 0 || kind != (first == (kept % 2 == 1)))
            s->edges[kept++] = begin;
    }
    s->first_sounds = first;
    s->count = kept;
    s->edges[kept] = end;
}

static void add_up(const stretches *s, ut_syllables *out)
{
    for (size_t i = 0; i < s->count; i++) {
        double seconds = s->edges[i + 1] - s->edges[i];
        if (sounds(s, i)) {
            out->phonation += seconds;
        } else if (i > 0 && i + 1 < s->count) {
            out->pauses++;
            out->paused += seconds;
        }
    }
}

/* ----------------------------------------------------------------------- the nuclei */

static bool is_voiced(const ut_pitch_options *o, const ut_pitch_frame *pitch, size_t n, double time)
{
    size_t count = ut_pitch_frames(o, n);
    if (count == 0)
        return false;
    double at = floor((time - ut_pitch_time(o, n, 0)) / o->hop + 0.5);
    return at >= 0.0 && at < (double)count && pitch[(size_t)at].hz > 0.0;
}

static int count_nuclei(const contour *c, const stretches *s, const ut_pitch_options *o,
                        const ut_pitch_frame *pitch, size_t n)
{
    int nuclei = 0;
    double dip = c->db[0];
    for (size_t f = 1, stretch = 0; f + 1 < c->count; f++) {
        double level = c->db[f], time = c->first + (double)f * c->hop;
        dip = fmin(dip, level);
        if (level < c->threshold || level <= c->db[f - 1] || level < c->db[f + 1])
            continue;
        while (stretch + 1 < s->count && time >= s->edges[stretch + 1])
            stretch++;
        if (level - dip >= DIP_DB && sounds(s, stretch) && is_voiced(o, pitch, n, time))
            nuclei++;
        dip = level;
    }
    return nuclei;
}

ut_status ut_syllables_find(const float *pcm, size_t n, const ut_pitch_options *options,
                            const ut_pitch_frame *pitch, ut_syllables *out, ut_error *err)
{
    size_t count = ut_intensity_frames(LOWEST, n);
    memset(out, 0, sizeof *out);
    double *db = malloc((2 * count + 1) * sizeof *db);
    if (!db)
        return ut_fail_memory(err, "syllables");
    double *scratch = db + count;
    ut_status status = ut_intensity_track(LOWEST, pcm, n, db, err);
    if (status != UT_OK || count == 0)
        goto done;
    memcpy(scratch, db, count * sizeof *db);
    qsort(scratch, count, sizeof *scratch, by_value);
    double loudest = quantile(scratch, count, 0.99);
    if (loudest <= UT_INTENSITY_SILENCE)
        goto done;
    contour c = {db,
                 count,
                 ut_intensity_time(LOWEST, n, 0),
                 ut_intensity_hop(LOWEST),
                 (double)n / UT_SYLLABLES_RATE,
                 loudest - RANGE_DB};
    stretches s = {.edges = scratch}; /* no more than a frame each, and the end */
    find_stretches(&c, &s);
    drop_short(&s, true, SHORTEST_SOUND);
    drop_short(&s, false, SHORTEST_PAUSE);
    add_up(&s, out);
    out->count = count_nuclei(&c, &s, options, pitch, n);
done:
    free(db);
    return status;
}
