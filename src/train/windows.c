#include "train/windows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "models/emotion_voice/voice.h"

/* Where a sample comes in the order: groups one after the other. */
typedef struct place {
    uint64_t group;
    double within;
    size_t sample;
} place;

/* 64 bits of some text, for orders that do not depend on what else there is. */
static uint64_t digest(const char *a, const char *b)
{
    char sha256[UT_SHA256_HEX];
    char text[600];
    snprintf(text, sizeof text, "%.400s\n%.100s", a, b);
    ut_sha256(text, strlen(text), sha256);
    sha256[16] = 0;
    return strtoull(sha256, NULL, 16);
}

static ut_random random_of(const ut_clip *c)
{
    char from[32];
    snprintf(from, sizeof from, "%zu", c->from);
    return ut_random_seeded(digest(c->sha256, from), 0);
}

static double normal(ut_random *r)
{
    double radius = sqrt(-2 * log(1 - ut_random_unit(r)));
    return radius * cos(6.283185307179586 * ut_random_unit(r));
}

typedef struct voice {
    uint64_t order; /* random, by the name */
    int corpus;
    const char *name;
} voice;

static int by_order(const void *a, const void *b)
{
    const voice *x = a;
    const voice *y = b;
    if (x->corpus != y->corpus)
        return x->corpus - y->corpus;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->name, y->name);
}

static voice voice_of(const ut_sample *s)
{
    const char *name = s->speaker ? s->speaker : "";
    return (voice){digest(name, "speaker"), s->corpus, name};
}

/* Every speaker once, in a random order; their number. */
static size_t list_voices(const ut_dataset *d, voice *voices)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++)
        voices[i] = voice_of(&d->samples[i]);
    qsort(voices, d->count, sizeof *voices, by_order);
    for (size_t i = 0; i < d->count; i++)
        if (!kept || by_order(&voices[kept - 1], &voices[i]) != 0)
            voices[kept++] = voices[i];
    return kept;
}

static int by_place(const void *a, const void *b)
{
    const place *x = a;
    const place *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->within != y->within)
        return x->within < y->within ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

/* Parts of a recording stay in their order; clips meet by pairs of speakers, three in ten anyone.
 */
static place place_of(const ut_dataset *d, const ut_clip *clips, size_t i, const voice *voices,
                      size_t voice_count)
{
    const ut_sample *s = &d->samples[i];
    if (!isnan(s->start))
        return (place){UINT64_MAX / 2 + digest(clips[i].sha256, "recording") / 2, s->start, i};
    ut_random r = random_of(&clips[i]);
    double anyone = ut_random_unit(&r);
    double within = ut_random_unit(&r);
    voice mine = voice_of(s);
    const voice *found = bsearch(&mine, voices, voice_count, sizeof *voices, by_order);
    uint64_t pair = found ? (uint64_t)(found - voices) / 2 : 0;
    return (place){anyone < 0.3 ? UINT64_MAX / 2 - 1 : pair, within, i};
}

/* Puts the samples into windows, one behind the other with pauses of up to a second. */
static void fill(const place *places, size_t count, const ut_clip *clips, bool alone, ut_windows *w)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const ut_clip *c = &clips[places[i].sample];
        ut_random r = random_of(c);
        double lead = ut_random_unit(&r) < 0.5 ? 0 : 2 * ut_random_unit(&r);
        double pause = ut_random_unit(&r);
        double gain = pow(10, 1.5 * normal(&r) / 20);
        ut_window *last = w->count ? &w->items[w->count - 1] : NULL;
        if (!last || alone || at + c->count > UT_CLIP_MOST) {
            last = &w->items[w->count++];
            *last = (ut_window){&w->held[i], 0, 0};
            at = (size_t)(lead * UT_RATE);
            if (alone || at + c->count > UT_CLIP_MOST)
                at = 0;
        }
        w->held[i] = (ut_held){places[i].sample, at, c->gain * (alone ? 1 : (float)gain)};
        last->count++;
        last->used = at + c->count;
        at += c->count + (size_t)(pause * UT_RATE);
    }
}

ut_status ut_windows_plan(const ut_dataset *d, const ut_clip *clips, bool alone, ut_windows *w,
                          ut_error *err)
{
    *w = (ut_windows){0};
    voice *voices = calloc(d->count + 1, sizeof *voices);
    place *places = calloc(d->count + 1, sizeof *places);
    w->items = calloc(d->count + 1, sizeof *w->items);
    w->held = calloc(d->count + 1, sizeof *w->held);
    bool memory = voices && places && w->items && w->held;
    if (memory) {
        size_t voice_count = list_voices(d, voices);
        size_t n = 0;
        for (size_t i = 0; i < d->count; i++)
            if (clips[i].count)
                places[n++] = place_of(d, clips, i, voices, voice_count);
        qsort(places, n, sizeof *places, by_place);
        fill(places, n, clips, alone, w);
    }
    free(voices);
    free(places);
    if (memory)
        return UT_OK;
    ut_windows_free(w);
    return ut_fail_memory(err, "windows");
}

void ut_windows_free(ut_windows *w)
{
    free(w->items);
    free(w->held);
    *w = (ut_windows){0};
}

void ut_window_source_close(ut_window_source *source)
{
    if (source->path)
        ut_stream_close(&source->stream);
    *source = (ut_window_source){0};
}

/* The recording from sample `from` on; its stream goes forward only. */
static ut_status open_source(ut_window_source *source, const char *path, size_t from, ut_error *err)
{
    if (!source->path || strcmp(source->path, path) != 0 || from < source->from) {
        ut_window_source_close(source);
        UT_TRY(ut_stream_open(&source->stream, path, UT_AUDIO_MIX, err));
        source->path = path;
    }
    source->from = from;
    return UT_OK;
}

ut_status ut_window_read(const ut_window *w, const ut_dataset *d, const ut_clip *clips,
                         ut_window_source *source, float *pcm, ut_error *err)
{
    memset(pcm, 0, UT_CLIP_MOST * sizeof *pcm);
    for (size_t i = 0; i < w->count; i++) {
        const ut_held *h = &w->held[i];
        const ut_clip *c = &clips[h->sample];
        const float *part;
        size_t got;
        UT_TRY(open_source(source, d->samples[h->sample].path, c->from, err));
        UT_TRY(ut_stream_window(&source->stream, c->from, c->from + c->count, &part, &got, err));
        for (size_t k = 0; k < got; k++)
            pcm[h->at + k] += part[k] * h->gain;
    }
    float level = ut_voice_gain(pcm, w->used);
    for (size_t k = 0; k < w->used; k++)
        pcm[k] *= level;
    return UT_OK;
}
