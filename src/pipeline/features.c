#include "pipeline/features.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/stream.h"
#include "base/clock.h"
#include "base/error.h"
#include "dsp/feature_sets.h"
#include "pipeline/inputs.h"
#include "report/table.h"

enum { RATE = UT_FEATURE_SET_RATE, LONGEST = UT_FEATURE_SET_LONGEST };

/* Frames of longer recordings are measured in pieces of five minutes, each with 4.8 s on both sides
 * whose rows are its neighbours'. Both are whole hops of every set (100, 160, 512 and 512 / 3
 * samples). Frames that stand in the middle of a piece are as far from its begin in all of them:
 * what is left of the hops is the same 50 samples, which hang on no rounding. */
enum { HOPS = 12800, PIECE = 300 * RATE, MARGIN = 6 * HOPS, BEHIND = MARGIN + 50 };
_Static_assert(PIECE % HOPS == 0, "a piece is whole hops");

typedef struct work {
    const ut_feature_request *request;
    const ut_input *input;
    size_t file; /* its index */
    ut_feature_set *set;
    size_t columns;
    ut_table *table;
    ut_stream stream;
    float *values; /* [columns] */
    bool broken;   /* the table, which ends all; a recording that fails is its own affair */
} work;

static double seconds(size_t samples)
{
    return (double)samples / RATE;
}

static ut_status go_on(work *w, ut_error *err)
{
    const ut_feature_request *r = w->request;
    double all = ut_audio_get_info(w->stream.audio)->duration;
    if (r->cancelled && *r->cancelled)
        return ut_fail(err, UT_ERR_CANCELLED, "features", "interrupted; nothing was written");
    if (r->progress)
        r->progress(r->context, w->input->file,
                    all > 0.0 ? fmin(ut_audio_position(w->stream.audio) / all, 1.0) : 0.0);
    return UT_OK;
}

static ut_status put(work *w, double start, double end, const float *values, ut_error *err)
{
    ut_status status = ut_table_row(w->table, w->file, start, end, values, err);
    w->broken = status != UT_OK;
    return status;
}

static ut_status summarise(work *w, const float *pcm, size_t from, size_t n, ut_error *err)
{
    UT_TRY(ut_feature_set_summary(w->set, pcm, n, w->values, err));
    return put(w, seconds(from), seconds(from + n), w->values, err);
}

static ut_status by_utterance(work *w, ut_error *err)
{
    const float *pcm;
    size_t n;
    UT_TRY(ut_stream_window(&w->stream, 0, (size_t)LONGEST + 1, &pcm, &n, err));
    return summarise(w, pcm, 0, n, err);
}

static ut_status by_window(work *w, ut_error *err)
{
    size_t length = (size_t)lrint(w->request->window * RATE);
    size_t step = (size_t)lrint(w->request->step * RATE);
    for (size_t from = 0;; from += step) {
        const float *pcm;
        size_t n;
        UT_TRY(go_on(w, err));
        UT_TRY(ut_stream_window(&w->stream, from, from + length, &pcm, &n, err));
        if (n < length && from > 0)
            return UT_OK;
        UT_TRY(summarise(w, pcm, from, n, err));
        if (n < length)
            return UT_OK;
    }
}

/* The rows of pcm[n], which begins at sample `base`, whose middle lies from `from` to `to`. */
static ut_status put_frames(work *w, const float *pcm, size_t n, double base, double from,
                            double to, ut_error *err)
{
    ut_feature_grid grid = ut_feature_set_grid(w->set, n);
    float *rows = calloc(grid.count * w->columns + 1, sizeof *rows);
    if (!rows)
        return ut_fail_memory(err, "features");
    ut_status status = ut_feature_set_frames(w->set, pcm, n, rows, err);
    for (size_t f = 0; f < grid.count && status == UT_OK; f++) {
        double start = base + grid.first + (double)f * grid.hop, end = start + grid.length;
        double middle = (start + end) / 2;
        if (middle >= from && middle < to)
            status = put(w, start, end, rows + f * w->columns, err);
    }
    free(rows);
    return status;
}

static ut_status by_frame(work *w, ut_error *err)
{
    const float *pcm;
    size_t n;
    UT_TRY(ut_stream_window(&w->stream, 0, LONGEST, &pcm, &n, err));
    if (n < LONGEST)
        return put_frames(w, pcm, n, 0.0, -INFINITY, INFINITY, err);
    for (size_t from = 0;; from += PIECE) {
        size_t base = from > MARGIN ? from - MARGIN : 0, to = from + PIECE;
        UT_TRY(go_on(w, err));
        UT_TRY(ut_stream_window(&w->stream, base, to + BEHIND, &pcm, &n, err));
        bool last = base + n < to + BEHIND;
        UT_TRY(put_frames(w, pcm, n, seconds(base), from ? seconds(from) : -INFINITY,
                          last ? INFINITY : seconds(to), err));
        if (last)
            return UT_OK;
    }
}

static ut_status measure(work *w, double *length, char warning[256], ut_error *err)
{
    static ut_status (*const levels[])(work *, ut_error *) = {by_utterance, by_window, by_frame};
    UT_TRY(ut_stream_open(&w->stream, w->input->path, UT_AUDIO_MIX, err));
    ut_status status = go_on(w, err);
    if (status == UT_OK)
        status = levels[w->request->level](w, err);
    *length = ut_audio_position(w->stream.audio);
    snprintf(warning, 256, "%s", ut_audio_warning(w->stream.audio));
    ut_stream_close(&w->stream);
    return status;
}

static ut_status measure_all(work *w, const ut_inputs *inputs, size_t *failed, ut_error *err)
{
    const ut_feature_request *r = w->request;
    if (r->started)
        r->started(r->context, inputs->count);
    for (size_t i = 0; i < inputs->count; i++) {
        char warning[256];
        double began = ut_clock_wall(), length = 0.0;
        w->input = &inputs->items[i];
        w->file = i;
        ut_status status = measure(w, &length, warning, err);
        if (w->broken || status == UT_ERR_CANCELLED || status == UT_ERR_MEMORY)
            return status;
        *failed += status != UT_OK;
        if (r->finished)
            r->finished(r->context, w->input->file, length, ut_clock_wall() - began,
                        status == UT_OK ? NULL : err, warning);
        UT_TRY(status == UT_OK ? ut_table_keep(w->table, err) : ut_table_drop(w->table, err));
    }
    return UT_OK;
}

static ut_status check(const ut_feature_request *r, const ut_feature_set *set, ut_error *err)
{
    if (r->level == UT_LEVEL_FRAMES && !ut_feature_set_has_frames(set))
        return ut_fail(err, UT_ERR_USAGE, "features",
                       "the set %s has no frames; take --level utterance or windows", r->set);
    if (r->level == UT_LEVEL_WINDOWS && !(r->window >= 0.1 && r->window <= seconds(LONGEST) &&
                                          r->step >= 0.01 && r->step <= seconds(LONGEST)))
        return ut_fail(err, UT_ERR_USAGE, "features",
                       "a window is 0.1 to %.0f s long, a step 0.01 to %.0f s", seconds(LONGEST),
                       seconds(LONGEST));
    return UT_OK;
}

/* The names of the columns and files, in the arena. */
static ut_status shape_of(const work *w, const ut_inputs *inputs, ut_arena *arena,
                          ut_table_shape *shape, ut_error *err)
{
    bool frames = w->request->level == UT_LEVEL_FRAMES;
    const char **names = ut_arena_alloc(arena, w->columns, sizeof *names);
    const char **files = ut_arena_alloc(arena, inputs->count, sizeof *files);
    if (!names || !files)
        return ut_fail_memory(err, "features");
    for (size_t i = 0; i < w->columns; i++) {
        char name[UT_FEATURE_NAME];
        ut_feature_set_column(w->set, frames, i, name);
        names[i] = ut_arena_strdup(arena, name);
        if (!names[i])
            return ut_fail_memory(err, "features");
    }
    for (size_t i = 0; i < inputs->count; i++)
        files[i] = inputs->items[i].file;
    *shape = (ut_table_shape){w->request->set, names, w->columns, files, inputs->count};
    return UT_OK;
}

static ut_status run(work *w, ut_arena *arena, size_t *failed, ut_error *err)
{
    const ut_feature_request *r = w->request;
    ut_inputs inputs;
    ut_table_shape shape;
    UT_TRY(ut_feature_set_open(r->set, &w->set, err));
    UT_TRY(check(r, w->set, err));
    UT_TRY(ut_inputs_recordings(arena, r->paths, r->count, &inputs, err));
    w->columns = ut_feature_set_columns(w->set, r->level == UT_LEVEL_FRAMES);
    w->values = ut_arena_alloc(arena, w->columns, sizeof *w->values);
    if (!w->values)
        return ut_fail_memory(err, "features");
    UT_TRY(shape_of(w, &inputs, arena, &shape, err));
    UT_TRY(ut_table_open(r->output, r->sink, &shape, &w->table, err));
    UT_TRY(measure_all(w, &inputs, failed, err));
    if (*failed == inputs.count)
        return UT_OK;
    ut_table *table = w->table;
    w->table = NULL;
    return ut_table_commit(table, err);
}

ut_status ut_run_features(const ut_feature_request *request, size_t *failed, ut_error *err)
{
    work w = {.request = request};
    *failed = 0;
    ut_arena *arena = ut_arena_create(0);
    if (!arena)
        return ut_fail_memory(err, "features");
    ut_status status = run(&w, arena, failed, err);
    ut_table_discard(w.table);
    ut_feature_set_close(w.set);
    ut_arena_destroy(arena);
    return status;
}
