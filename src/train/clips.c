#include "train/clips.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/stream.h"
#include "base/error.h"
#include "base/thread.h"
#include "models/emotion_voice/voice.h"

enum { FRAME = 320, SHORTEST = UT_RATE / 10 };

/* All samples of one recording: order[first .. last). */
typedef struct recording {
    size_t first, last;
} recording;

typedef struct measuring {
    const ut_dataset *d;
    ut_clip *clips;
    size_t *order;
    recording *recordings;
    size_t recording_count;
    atomic_bool *cancelled;
    pthread_mutex_t lock;
    size_t failures;
    ut_error first_failure;
    size_t first_failed; /* recording, so that the message does not depend on the threads */
} measuring;

static double start_of(const ut_sample *s)
{
    return isnan(s->start) ? 0 : s->start;
}

static int by_place(const void *a, const void *b, void *dataset)
{
    const ut_sample *samples = ((const ut_dataset *)dataset)->samples;
    const ut_sample *x = &samples[*(const size_t *)a];
    const ut_sample *y = &samples[*(const size_t *)b];
    int order = strcmp(x->path, y->path);
    if (order)
        return order;
    if (start_of(x) != start_of(y))
        return start_of(x) < start_of(y) ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Where the speech lies: what is within 30 dB of the loudest 20 ms, with 0.1 s around it. */
static void find_speech(const float *pcm, ut_clip *clip)
{
    const size_t frames = clip->count / FRAME;
    const size_t margin = UT_RATE / 10;
    double top = 0;
    size_t first = frames;
    size_t last = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t f = 0; f < frames; f++) {
            double power = 0;
            for (size_t i = 0; i < FRAME; i++)
                power += (double)pcm[f * FRAME + i] * pcm[f * FRAME + i];
            if (!pass) {
                top = fmax(top, power);
            } else if (power >= top * 1e-3) {
                first = f < first ? f : first;
                last = f + 1;
            }
        }
    clip->first = first * FRAME > margin ? first * FRAME - margin : 0;
    clip->last = last * FRAME + margin;
    if (clip->last > clip->count || last <= first)
        clip->last = clip->count;
    if (last <= first)
        clip->first = 0;
    clip->gain = ut_voice_gain(pcm, clip->count);
}

static ut_status measure_one(const ut_sample *s, ut_stream *stream, ut_clip *clip, ut_error *err)
{
    size_t from = (size_t)llround(start_of(s) * UT_RATE);
    size_t to = isnan(s->start) ? UT_CLIP_MOST : (size_t)llround(s->end * UT_RATE);
    const float *pcm;
    if (to > from + UT_CLIP_MOST)
        to = from + UT_CLIP_MOST;
    clip->from = from;
    UT_TRY(ut_stream_window(stream, from, to, &pcm, &clip->count, err));
    if (clip->count < SHORTEST)
        return ut_fail(err, UT_ERR_FORMAT, "clips",
                       "%s: there are %zu ms of sound of it in %s, too little to hear anything; "
                       "remove the row",
                       s->place, clip->count * 1000 / UT_RATE, s->path);
    find_speech(pcm, clip);
    return UT_OK;
}

static ut_status measure_recording(const measuring *m, const recording *r, ut_error *err)
{
    const ut_sample *first = &m->d->samples[m->order[r->first]];
    char sha256[UT_SHA256_HEX];
    ut_stream stream;
    ut_status status = ut_sha256_file(first->path, sha256, err);
    if (status == UT_OK)
        status = ut_stream_open(&stream, first->path, UT_AUDIO_MIX, err);
    if (status != UT_OK) {
        ut_error why = *err;
        return ut_fail(err, status, "clips", "%s: %s", first->place, why.message);
    }
    for (size_t i = r->first; i < r->last && status == UT_OK; i++) {
        ut_clip *clip = &m->clips[m->order[i]];
        memcpy(clip->sha256, sha256, sizeof sha256);
        status = measure_one(&m->d->samples[m->order[i]], &stream, clip, err);
    }
    ut_stream_close(&stream);
    return status;
}

static void task(void *context, size_t index, int worker)
{
    measuring *m = context;
    ut_error err;
    (void)worker;
    if (m->cancelled && atomic_load(m->cancelled))
        return;
    if (measure_recording(m, &m->recordings[index], &err) == UT_OK)
        return;
    pthread_mutex_lock(&m->lock);
    if (!m->failures++ || index < m->first_failed) {
        m->first_failed = index;
        m->first_failure = err;
    }
    pthread_mutex_unlock(&m->lock);
}

static void group(measuring *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->d->count; i++)
        if (m->d->samples[i].path)
            m->order[n++] = i;
    qsort_r(m->order, n, sizeof *m->order, by_place, (void *)(uintptr_t)m->d);
    for (size_t i = 0; i < n; i++) {
        bool same =
            i && strcmp(m->d->samples[m->order[i]].path, m->d->samples[m->order[i - 1]].path) == 0;
        if (!same)
            m->recordings[m->recording_count++].first = i;
        m->recordings[m->recording_count - 1].last = i + 1;
    }
}

ut_status ut_clips_measure(const ut_dataset *d, int jobs, atomic_bool *cancelled, ut_clip *clips,
                           ut_error *err)
{
    measuring m = {.d = d, .clips = clips, .cancelled = cancelled};
    memset(clips, 0, d->count * sizeof *clips);
    m.order = calloc(d->count + 1, sizeof *m.order);
    m.recordings = calloc(d->count + 1, sizeof *m.recordings);
    ut_status status = UT_OK;
    if (!m.order || !m.recordings) {
        status = ut_fail_memory(err, "clips");
    } else {
        pthread_mutex_init(&m.lock, NULL);
        group(&m);
        ut_parallel(jobs, m.recording_count, task, &m);
        pthread_mutex_destroy(&m.lock);
    }
    free(m.order);
    free(m.recordings);
    if (status == UT_OK && cancelled && atomic_load(cancelled))
        status = ut_fail(err, UT_ERR_CANCELLED, "clips", "stopped");
    if (status == UT_OK && m.failures == 1)
        status = ut_fail(err, m.first_failure.status, "clips", "%s", m.first_failure.message);
    if (status == UT_OK && m.failures)
        status = ut_fail(err, m.first_failure.status, "clips",
                         "%zu recordings cannot be trained on; the first: %s", m.failures,
                         m.first_failure.message);
    return status;
}

/* ------------------------------------------------------------------------ two sets */

typedef struct side {
    const ut_clip *clip;
    const ut_sample *sample;
} side;

static int by_contents(const void *a, const void *b)
{
    const side *x = a;
    const side *y = b;
    int order = strcmp(x->clip->sha256, y->clip->sha256);
    return order ? order : (x->clip->from > y->clip->from) - (x->clip->from < y->clip->from);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The speakers or the texts of a set, sorted, without doubles; their number. */
static size_t list_strings(const ut_dataset *d, bool texts, const char **strings)
{
    size_t n = 0;
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        const ut_sample *s = &d->samples[i];
        const char *string = texts ? s->text : s->speaker;
        if (string)
            strings[n++] = string;
    }
    qsort(strings, n, sizeof *strings, by_text);
    for (size_t i = 0; i < n; i++)
        if (!kept || strcmp(strings[kept - 1], strings[i]) != 0)
            strings[kept++] = strings[i];
    return kept;
}

/* *common of the *all different ones of b are in a. */
static ut_status count_common(const ut_dataset *a, const ut_dataset *b, bool texts, size_t *common,
                              size_t *all, ut_error *err)
{
    const char **strings = calloc(a->count + b->count + 2, sizeof *strings);
    *common = 0;
    if (!strings)
        return ut_fail_memory(err, "clips");
    size_t n = list_strings(a, texts, strings);
    *all = list_strings(b, texts, strings + n);
    for (size_t i = 0; i < *all; i++)
        *common += bsearch(&strings[n + i], strings, n, sizeof *strings, by_text) != NULL;
    free(strings);
    return UT_OK;
}

ut_status ut_clips_compare(const ut_dataset *train, const ut_clip *train_clips,
                           const ut_dataset *other, const ut_clip *other_clips, ut_common *common,
                           ut_error *err)
{
    side *sides = calloc(train->count + 1, sizeof *sides);
    if (!sides)
        return ut_fail_memory(err, "clips");
    size_t n = 0;
    for (size_t i = 0; i < train->count; i++)
        if (train_clips[i].count)
            sides[n++] = (side){&train_clips[i], &train->samples[i]};
    qsort(sides, n, sizeof *sides, by_contents);
    const side *same = NULL;
    const ut_sample *mine = NULL;
    for (size_t i = 0; i < other->count && !same; i++) {
        const ut_clip *c = &other_clips[i];
        if (!c->count)
            continue;
        size_t low = 0;
        size_t high = n;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (strcmp(sides[middle].clip->sha256, c->sha256) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < n && !same && strcmp(sides[low].clip->sha256, c->sha256) == 0; low++) {
            const ut_clip *t = sides[low].clip;
            if (t->from < c->from + c->count && c->from < t->from + t->count) {
                same = &sides[low];
                mine = &other->samples[i];
            }
        }
    }
    ut_status status = UT_OK;
    if (same)
        status = ut_fail(err, UT_ERR_FORMAT, "clips",
                         "%s is in the validation set too (%s): what it was trained on tells "
                         "nothing about it; remove one of them",
                         same->sample->path, mine->place);
    free(sides);
    UT_TRY(status);
    size_t ignored;
    UT_TRY(count_common(train, other, false, &common->speakers, &ignored, err));
    return count_common(train, other, true, &common->texts, &common->of, err);
}
