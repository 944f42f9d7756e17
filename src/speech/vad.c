#include "speech/vad.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "models/silero/silero.h"
#include "speech/windows.h"

enum { RATE = 16000 };

static float silero_score(const void *model, void *state, const float *pcm)
{
    return ut_silero_step(model, state, pcm);
}

ut_vad ut_vad_from_silero(const ut_silero *model)
{
    return (ut_vad){.name = "silero",
                    .step = UT_SILERO_STEP,
                    .state_bytes = sizeof(ut_silero_state),
                    .onset = 0.5f,
                    .offset = 0.35f,
                    .model = model,
                    .score = silero_score};
}

ut_vad_options ut_vad_defaults(void)
{
    return (ut_vad_options){
        .min_speech = 0.25, .min_silence = 0.3, .pad = 0.1, .window = 30.0, .merge_gap = 4.0};
}

struct ut_segmenter {
    ut_vad vad;
    ut_vad_options options;
    void *state;
    float *block; /* [step]: samples that wait for a whole step */
    int filled;
    size_t samples; /* pushed */
    size_t steps;   /* scored */
    bool speaking;  /* inside the hysteresis */
    bool open;      /* a stretch is open, perhaps in a short silence */
    double start, end;
    double sum; /* of the scores inside, for the mean */
    size_t scored;
    float *scores;     /* of the open stretch, for cutting what gets longer than a window */
    size_t score_room; /* steps that fit one window */
    ut_segment *segments;
    size_t count, capacity;
    ut_segment *windows;
    size_t window_count, window_capacity, consumed;
};

ut_status ut_segmenter_create(const ut_vad *vad, const ut_vad_options *options,
                              ut_segmenter **segmenter, ut_error *err)
{
    *segmenter = NULL;
    ut_vad_options taken = options ? *options : ut_vad_defaults();
    if (!(taken.window >= 1.0 && taken.window <= 3600.0) || vad->step < 1)
        return ut_fail(err, UT_ERR_USAGE, "vad", "windows must last 1 to 3600 seconds");
    ut_segmenter *made = calloc(1, sizeof *made);
    if (!made)
        return ut_fail_memory(err, "vad");
    made->vad = *vad;
    made->options = taken;
    if (taken.onset > 0.0f)
        made->vad.onset = taken.onset;
    if (taken.offset > 0.0f)
        made->vad.offset = taken.offset;
    made->score_room = (size_t)(taken.window * RATE / vad->step) + 1;
    made->state = calloc(1, vad->state_bytes ? vad->state_bytes : 1);
    made->block = calloc((size_t)vad->step, sizeof *made->block);
    made->scores = calloc(made->score_room, sizeof *made->scores);
    if (!made->state || !made->block || !made->scores) {
        ut_segmenter_destroy(made);
        return ut_fail_memory(err, "vad");
    }
    *segmenter = made;
    return UT_OK;
}

void ut_segmenter_destroy(ut_segmenter *segmenter)
{
    if (!segmenter)
        return;
    free(segmenter->state);
    free(segmenter->block);
    free(segmenter->scores);
    free(segmenter->segments);
    free(segmenter->windows);
    free(segmenter);
}

static ut_status append(ut_segment **items, size_t *count, size_t *capacity, ut_segment item,
                        ut_error *err)
{
    if (!ut_grow(items, capacity, *count + 1, sizeof **items))
        return ut_fail_memory(err, "vad");
    (*items)[(*count)++] = item;
    return UT_OK;
}

/* Ends the open stretch at `end`, padded but not into its neighbour or beyond the recording. */
static ut_status close_stretch(ut_segmenter *s, double end, bool cut, ut_error *err)
{
    double last = s->count ? s->segments[s->count - 1].end : 0.0, from = s->start;
    bool short_one = end - from < s->options.min_speech && !cut;
    s->open = false;
    if (short_one || s->scored == 0)
        return UT_OK;
    from = fmax(from - s->options.pad, last);
    double pad = cut ? 0.0 : s->options.pad;
    double to = fmin(end + pad, (double)s->samples / RATE);
    ut_segment segment = {from, to, (float)(s->sum / (double)s->scored)};
    return to > from ? append(&s->segments, &s->count, &s->capacity, segment, err) : UT_OK;
}

/* The open stretch fills a window: cuts it at the lowest score in its second half and goes on. */
static ut_status cut_stretch(ut_segmenter *s, ut_error *err)
{
    double step = (double)s->vad.step / RATE;
    size_t at = ut_window_cut(s->scores, s->scored), rest = s->scored - at;
    double where = s->start + (double)at * step, end = s->end, total = 0.0;
    s->sum = 0.0;
    for (size_t i = 0; i < at; i++)
        s->sum += (double)s->scores[i];
    s->scored = at;
    UT_TRY(close_stretch(s, where, true, err));
    memmove(s->scores, s->scores + at, rest * sizeof *s->scores);
    for (size_t i = 0; i < rest; i++)
        total += (double)s->scores[i];
    s->open = true;
    s->start = where;
    s->end = end;
    s->sum = total;
    s->scored = rest;
    return UT_OK;
}

static ut_status take_score(ut_segmenter *s, float score, ut_error *err)
{
    double step = (double)s->vad.step / RATE, now = (double)s->steps * step;
    s->steps++;
    if (!isfinite(score))
        score = 0.0f;
    s->speaking = score >= (s->speaking ? s->vad.offset : s->vad.onset);
    if (s->speaking && !s->open) {
        s->open = true;
        s->start = now;
        s->sum = 0.0;
        s->scored = 0;
    }
    if (!s->open)
        return UT_OK;
    if (s->scored + 1 >= s->score_room)
        UT_TRY(cut_stretch(s, err));
    s->scores[s->scored++] = score;
    s->sum += (double)score;
    if (s->speaking)
        s->end = now + step;
    else if (now + step - s->end >= s->options.min_silence)
        return close_stretch(s, s->end, false, err);
    return UT_OK;
}

/* Moves segments that no later one can join into windows. */
static ut_status make_windows(ut_segmenter *s, bool finished, ut_error *err)
{
    while (s->consumed < s->count) {
        size_t taken = ut_window_take(s->segments + s->consumed, s->count - s->consumed,
                                      s->options.window, s->options.merge_gap);
        if (s->consumed + taken == s->count && !finished)
            break;
        const ut_segment *first = s->segments + s->consumed, *last = first + taken - 1;
        double speech = 0.0, score = 0.0;
        for (const ut_segment *at = first; at <= last; at++) {
            speech += at->end - at->start;
            score += (double)at->score * (at->end - at->start);
        }
        ut_segment window = {first->start, last->end, (float)(score / speech)};
        UT_TRY(append(&s->windows, &s->window_count, &s->window_capacity, window, err));
        s->consumed += taken;
    }
    return UT_OK;
}

ut_status ut_segmenter_push(ut_segmenter *s, const float *pcm, size_t count, ut_error *err)
{
    for (size_t i = 0; i < count; i++) {
        s->block[s->filled++] = isfinite(pcm[i]) ? pcm[i] : 0.0f;
        s->samples++;
        if (s->filled < s->vad.step)
            continue;
        s->filled = 0;
        UT_TRY(take_score(s, s->vad.score(s->vad.model, s->state, s->block), err));
    }
    return make_windows(s, false, err);
}

ut_status ut_segmenter_finish(ut_segmenter *s, ut_error *err)
{
    if (s->filled > 0) {
        memset(s->block + s->filled, 0, (size_t)(s->vad.step - s->filled) * sizeof *s->block);
        s->filled = 0;
        UT_TRY(take_score(s, s->vad.score(s->vad.model, s->state, s->block), err));
    }
    if (s->open)
        UT_TRY(close_stretch(s, fmin(s->end, (double)s->samples / RATE), false, err));
    return make_windows(s, true, err);
}

const ut_segment *ut_segmenter_segments(const ut_segmenter *segmenter, size_t *count)
{
    *count = segmenter->count;
    return segmenter->segments;
}

const ut_segment *ut_segmenter_windows(const ut_segmenter *segmenter, size_t *count)
{
    *count = segmenter->window_count;
    return segmenter->windows;
}
