#include "speech/diarize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "models/resemblyzer/resemblyzer.h"
#include "models/segmentation/segmentation.h"
#include "nn/ops.h"
#include "speech/diarize_internal.h"

enum {
    RATE = 16000,
    BATCH = UT_SEGMENTATION_BATCH,
    SHORTEST = 20,  /* feature frames of 10 ms: less is not embedded */
    ENOUGH = 60,    /* less is not clustered, only assigned */
    VOICE_PARTS = 2 /* partials of one local speaker at most */
};

static void resemblyzer_features(const void *model, const float *pcm, int count, float *features)
{
    ut_resemblyzer_features(model, pcm, count, features);
}

static void resemblyzer_embed(const void *model, const float *features, int count,
                              float *embeddings, float *scratch)
{
    ut_resemblyzer_embed(model, features, count, embeddings, scratch);
}

ut_speaker_encoder ut_speaker_encoder_from_resemblyzer(const ut_resemblyzer *model)
{
    return (ut_speaker_encoder){.name = "resemblyzer",
                                .size = UT_RESEMBLYZER_SIZE,
                                .bands = UT_RESEMBLYZER_BANDS,
                                .hop = UT_RESEMBLYZER_HOP,
                                .frame = UT_RESEMBLYZER_FRAME,
                                .partial = UT_RESEMBLYZER_PARTIAL,
                                .batch = UT_RESEMBLYZER_BATCH,
                                .power = 1,
                                .threshold = 0.38f,
                                .model = model,
                                .features = resemblyzer_features,
                                .scratch = ut_resemblyzer_scratch,
                                .embed = resemblyzer_embed};
}

ut_diarize_options ut_diarize_defaults(void)
{
    return (ut_diarize_options){.step = 1.5};
}

struct ut_diarizer {
    ut_diarize_models models;
    ut_diarize_options options;
    ut_heard heard;
    float *pcm; /* [capacity]: from sample heard.windows * step on */
    size_t filled, capacity;
    float *vad_scores; /* [capacity / vad.step], beside pcm; without segmentation */
    size_t vad_filled;
    void *vad_state;
    float *probabilities; /* [BATCH, frames, locals] */
    float *scratch;       /* of the segmentation */
    float *features;      /* [feature_count, bands] over pcm */
    float *energy;        /* [feature_count]: mean square of each feature frame */
    int feature_count;
    int *chosen;  /* [feature frames of a window] */
    float *parts; /* [encoder.batch, partial, bands] that wait for the encoder */
    float *embeddings, *encoder_scratch;
    int part_count;
    size_t first_pending; /* voices from here on wait for their parts */
    uint8_t pending_parts[64];
};

void ut_diarizer_destroy(ut_diarizer *d)
{
    if (!d)
        return;
    free(d->heard.scores);
    free(d->heard.voices);
    free(d->pcm);
    free(d->vad_scores);
    free(d->vad_state);
    free(d->probabilities);
    free(d->scratch);
    free(d->features);
    free(d->energy);
    free(d->chosen);
    free(d->parts);
    free(d->embeddings);
    free(d->encoder_scratch);
    free(d);
}

static float *floats(size_t count)
{
    return calloc(count ? count : 1, sizeof(float));
}

static bool allocate(ut_diarizer *d)
{
    const ut_speaker_encoder *e = &d->models.encoder;
    const ut_window_grid *g = &d->heard.grid;
    size_t batch = (size_t)e->batch, span = (size_t)(g->window / e->hop) + 2;
    d->capacity = (size_t)g->window + (BATCH - 1) * (size_t)g->step;
    d->feature_count = (int)((d->capacity - (size_t)e->frame) / (size_t)e->hop) + 1;
    d->pcm = floats(d->capacity);
    d->probabilities = floats((size_t)BATCH * (size_t)g->frames * UT_LOCALS);
    d->features = floats((size_t)d->feature_count * (size_t)e->bands);
    d->energy = floats((size_t)d->feature_count);
    d->chosen = calloc(span, sizeof *d->chosen);
    d->parts = floats(batch * (size_t)e->partial * (size_t)e->bands);
    d->embeddings = floats(batch * (size_t)e->size);
    d->encoder_scratch = floats(e->scratch(e->batch));
    bool fine = d->pcm && d->probabilities && d->features && d->energy && d->chosen && d->parts &&
                d->embeddings && d->encoder_scratch;
    if (d->models.segmentation) {
        d->scratch = floats(ut_segmentation_scratch(BATCH));
        return fine && d->scratch;
    }
    d->vad_scores = floats(d->capacity / (size_t)d->models.vad.step + 1);
    d->vad_state = calloc(1, d->models.vad.state_bytes ? d->models.vad.state_bytes : 1);
    return fine && d->vad_scores && d->vad_state;
}

/* Without segmentation a window holds one local speaker: the length of one partial, half a second
 * on. */
static ut_window_grid make_grid(const ut_diarize_models *models, double step)
{
    if (models->segmentation) {
        int samples = (int)(step * 100.0 + 0.5) * (RATE / 100);
        return (ut_window_grid){UT_SEGMENTATION_WINDOW, samples, UT_SEGMENTATION_HOP,
                                UT_SEGMENTATION_FIRST, UT_SEGMENTATION_FRAMES};
    }
    int hop = models->vad.step;
    int frames = (models->encoder.partial * models->encoder.hop + hop - 1) / hop;
    int apart = RATE / 2 / hop > 0 ? RATE / 2 / hop : 1;
    return (ut_window_grid){frames * hop, apart * hop, hop, hop / 2, frames};
}

ut_status ut_diarizer_create(const ut_diarize_models *models, const ut_diarize_options *options,
                             ut_diarizer **diarizer, ut_error *err)
{
    ut_diarize_options taken = options ? *options : ut_diarize_defaults();
    const ut_speaker_encoder *e = &models->encoder;
    *diarizer = NULL;
    if (!(taken.step >= 0.1 && taken.step <= 5.0))
        return ut_fail(err, UT_ERR_USAGE, "diarize", "the step must be 0.1 to 5 seconds");
    if (taken.num_speakers < 0 || taken.num_speakers > UT_DIARIZE_SPEAKERS ||
        taken.min_speakers < 0 || taken.max_speakers < 0 ||
        taken.min_speakers > UT_DIARIZE_SPEAKERS ||
        (taken.max_speakers > 0 && taken.max_speakers < taken.min_speakers))
        return ut_fail(err, UT_ERR_USAGE, "diarize",
                       "the number of speakers must be 1 to %d, the least not above the most",
                       UT_DIARIZE_SPEAKERS);
    if (e->size < 1 || e->size > UT_EMBEDDING_MAX || e->batch < VOICE_PARTS || e->batch > 64 ||
        (!models->segmentation && models->vad.step < 1))
        return ut_fail(err, UT_ERR_INTERNAL, "diarize", "the encoder's sizes are out of range");
    ut_diarizer *made = calloc(1, sizeof *made);
    if (!made)
        return ut_fail_memory(err, "diarize");
    made->models = *models;
    made->options = taken;
    made->heard.grid = make_grid(models, taken.step);
    if (!allocate(made)) {
        ut_diarizer_destroy(made);
        return ut_fail_memory(err, "diarize");
    }
    *diarizer = made;
    return UT_OK;
}

/* Embeds the parts that wait and writes the means into their voices. */
static void flush(ut_diarizer *d)
{
    const ut_speaker_encoder *e = &d->models.encoder;
    if (d->part_count > 0)
        e->embed(e->model, d->parts, d->part_count, d->embeddings, d->encoder_scratch);
    const float *at = d->embeddings;
    for (size_t v = d->first_pending; v < d->heard.voice_count; v++) {
        float sum[UT_EMBEDDING_MAX] = {0}, largest = 0.0f;
        for (int p = 0; p < d->pending_parts[v - d->first_pending]; p++, at += e->size)
            ut_axpy(sum, 1.0f, at, (size_t)e->size);
        for (int i = 0; i < e->size; i++)
            largest = fmaxf(largest, fabsf(sum[i]));
        for (int i = 0; i < e->size; i++)
            d->heard.voices[v].values[i] =
                (int8_t)(largest > 0.0f ? lrintf(sum[i] / largest * 127.0f) : 0);
    }
    d->part_count = 0;
    d->first_pending = d->heard.voice_count;
}

/* Copies `count` chosen feature frames, repeated to fill a partial, raised to -30 dBFS if need be.
 */
static void add_part(ut_diarizer *d, const int *chosen, int count)
{
    const ut_speaker_encoder *e = &d->models.encoder;
    size_t bands = (size_t)e->bands;
    float *to = d->parts + (size_t)d->part_count * (size_t)e->partial * bands, gain = 1.0f;
    double energy = 0.0;
    for (int i = 0; i < count; i++)
        energy += (double)d->energy[chosen[i]];
    energy /= count;
    if (e->power && energy > 0.0 && energy < 1e-3)
        gain = (float)(1e-3 / energy);
    for (int i = 0; i < e->partial; i++) {
        const float *from = d->features + (size_t)chosen[i % count] * bands;
        for (size_t b = 0; b < bands; b++)
            to[(size_t)i * bands + b] = from[b] * gain;
    }
    d->part_count++;
}

/* The local speaker's voice from `count` chosen feature frames. */
static ut_status add_voice(ut_diarizer *d, uint32_t window, int local, int count, bool clean,
                           ut_error *err)
{
    const ut_speaker_encoder *e = &d->models.encoder;
    int parts = count >= e->partial * 3 / 2 ? VOICE_PARTS : 1;
    if (d->part_count + parts > e->batch)
        flush(d);
    if (!ut_grow(&d->heard.voices, &d->heard.voice_capacity, d->heard.voice_count + 1,
                 sizeof *d->heard.voices))
        return ut_fail_memory(err, "diarize");
    d->heard.voices[d->heard.voice_count] = (ut_voice){.window = window,
                                                       .frames = (uint16_t)count,
                                                       .local = (uint8_t)local,
                                                       .clean = clean && count >= ENOUGH,
                                                       .speaker = -1};
    d->pending_parts[d->heard.voice_count - d->first_pending] = (uint8_t)parts;
    d->heard.voice_count++;
    int length = count < e->partial ? count : e->partial;
    for (int p = 0; p < parts; p++)
        add_part(
            d, d->chosen + (parts > 1 ? p * (count - length) / (parts - 1) : (count - length) / 2),
            length);
    return UT_OK;
}

/* Feature frames of window i in which `local` is active, alone if `alone`. */
static int choose(ut_diarizer *d, int i, const uint16_t *scores, int local, bool alone)
{
    const ut_window_grid *g = &d->heard.grid;
    const ut_speaker_encoder *e = &d->models.encoder;
    int start = i * g->step, count = 0;
    for (int j = (start + e->hop - 1) / e->hop; j < d->feature_count; j++) {
        int begin = j * e->hop;
        if (begin + e->frame > start + g->window)
            break;
        int frame = (begin + e->frame / 2 - start - g->first + g->hop / 2) / g->hop;
        frame = frame < 0 ? 0 : frame >= g->frames ? g->frames - 1 : frame;
        bool active = (scores[frame] >> (4 * local) & 15) >= 8, other = false;
        for (int k = 0; k < UT_LOCALS; k++)
            other |= k != local && (scores[frame] >> (4 * k) & 15) >= 8;
        if (active && !(alone && other))
            d->chosen[count++] = j;
    }
    return count;
}

static void measure(ut_diarizer *d)
{
    const ut_speaker_encoder *e = &d->models.encoder;
    e->features(e->model, d->pcm, d->feature_count, d->features);
    for (int j = 0; j < d->feature_count; j++) {
        const float *pcm = d->pcm + (size_t)j * (size_t)e->hop;
        d->energy[j] = ut_dot(pcm, pcm, (size_t)e->frame) / (float)e->frame;
    }
}

/* probabilities[count, frames, locals] of the buffer's windows. */
static void segment(ut_diarizer *d, int count)
{
    const ut_window_grid *g = &d->heard.grid;
    if (d->models.segmentation) {
        const float *windows[BATCH];
        for (int i = 0; i < count; i++)
            windows[i] = d->pcm + (size_t)i * (size_t)g->step;
        ut_segmentation_run(d->models.segmentation, windows, count, d->probabilities, d->scratch);
        return;
    }
    const ut_vad *vad = &d->models.vad;
    for (; (d->vad_filled + 1) * (size_t)vad->step <= d->capacity; d->vad_filled++)
        d->vad_scores[d->vad_filled] =
            vad->score(vad->model, d->vad_state, d->pcm + d->vad_filled * (size_t)vad->step);
    for (int i = 0; i < count; i++)
        for (int f = 0; f < g->frames; f++) {
            float *to = d->probabilities + ((size_t)i * (size_t)g->frames + (size_t)f) * UT_LOCALS;
            to[0] = d->vad_scores[i * (g->step / g->hop) + f];
            to[1] = to[2] = 0.0f;
        }
}

/* Listens to the first `count` windows of the buffer and moves on. */
static ut_status process(ut_diarizer *d, int count, ut_error *err)
{
    ut_heard *h = &d->heard;
    const ut_window_grid *g = &h->grid;
    size_t frames = (size_t)g->frames, base = h->windows;
    if (!ut_grow(&h->scores, &h->score_capacity, (base + (size_t)count) * frames,
                 sizeof *h->scores))
        return ut_fail_memory(err, "diarize");
    segment(d, count);
    measure(d);
    uint16_t *scores = h->scores + base * frames;
    for (size_t f = 0; f < (size_t)count * frames; f++) {
        scores[f] = 0;
        for (int k = 0; k < UT_LOCALS; k++) {
            float p = d->probabilities[f * UT_LOCALS + (size_t)k];
            int level = p >= 0.0f && p <= 1.0f ? (int)(p * 15.0f + 0.5f) : 0;
            scores[f] = (uint16_t)(scores[f] | level << (4 * k));
        }
    }
    h->windows += (size_t)count;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < UT_LOCALS; k++) {
            const uint16_t *row = scores + (size_t)i * frames;
            int chosen = choose(d, i, row, k, true);
            bool clean = chosen >= SHORTEST;
            if (!clean)
                chosen = choose(d, i, row, k, false);
            if (chosen >= SHORTEST)
                UT_TRY(add_voice(d, (uint32_t)(base + (size_t)i), k, chosen, clean, err));
        }
    size_t moved = (size_t)count * (size_t)g->step;
    moved = moved < d->filled ? moved : d->filled;
    memmove(d->pcm, d->pcm + moved, (d->filled - moved) * sizeof *d->pcm);
    d->filled -= moved;
    if (!d->models.segmentation) {
        size_t steps = moved / (size_t)g->hop;
        steps = steps < d->vad_filled ? steps : d->vad_filled;
        d->vad_filled -= steps;
        memmove(d->vad_scores, d->vad_scores + steps, d->vad_filled * sizeof *d->vad_scores);
    }
    return UT_OK;
}

ut_status ut_diarizer_push(ut_diarizer *d, const float *pcm, size_t count, ut_error *err)
{
    for (size_t i = 0; i < count; i++) {
        d->pcm[d->filled++] = isfinite(pcm[i]) ? fminf(fmaxf(pcm[i], -8.0f), 8.0f) : 0.0f;
        d->heard.samples++;
        if (d->filled == d->capacity)
            UT_TRY(process(d, BATCH, err));
    }
    return UT_OK;
}

ut_status ut_diarizer_finish(ut_diarizer *d, ut_arena *arena, ut_turn **turns, size_t *turn_count,
                             int *speakers, ut_error *err)
{
    ut_heard *h = &d->heard;
    const ut_window_grid *g = &h->grid;
    size_t window = (size_t)g->window, step = (size_t)g->step, wanted = h->samples > 0;
    *turns = NULL;
    *turn_count = 0;
    *speakers = 0;
    if (h->samples > window)
        wanted = (h->samples - window + step - 1) / step + 1;
    if (wanted > h->windows) {
        memset(d->pcm + d->filled, 0, (d->capacity - d->filled) * sizeof *d->pcm);
        UT_TRY(process(d, (int)(wanted - h->windows), err));
    }
    flush(d);
    float threshold =
        d->options.threshold > 0.0f ? d->options.threshold : d->models.encoder.threshold;
    UT_TRY(ut_diarize_cluster(h, d->models.encoder.size, threshold, &d->options, speakers, err));
    return ut_diarize_turns(h, arena, turns, turn_count, speakers, err);
}
