#include "train/features.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/thread.h"
#include "models/emotion_voice/voice_head.h"
#include "nn/kernels.h"
#include "nn/weights.h"

enum { FRAME = 320 /* samples in an encoder frame */ };

/* What a thread needs. */
typedef struct worker {
    ut_whisper_state *state;
    ut_window_source source;
    float *pcm;     /* [UT_CLIP_MOST] */
    float *scratch; /* of voice-net */
    float *values;  /* [dim] */
    uint16_t *half; /* [most clips of a window, UT_CUTS, dim] */
} worker;

typedef struct extracting {
    const ut_hearing *hearing;
    const ut_dataset *d;
    const ut_clip *clips;
    const ut_features_options *o;
    const ut_windows *windows;
    ut_features *f;
    size_t *row; /* of each sample */
    size_t most; /* clips of a window */
    worker *workers;
    pthread_mutex_t lock;
    size_t done;
    atomic_bool failed;
    ut_error failure;
} extracting;

size_t ut_hearing_dim(const ut_hearing *h)
{
    return h->whisper ? 2 * h->layer_count * (size_t)ut_whisper_get_dims(h->whisper)->d
                      : ut_voice_net_dim(h->net);
}

/* First and last sample of a cut in the window. */
static void cut(const extracting *e, const ut_held *h, int which, size_t *from, size_t *to)
{
    const ut_clip *c = &e->clips[h->sample];
    *from = h->at + (which == UT_CUT_WHOLE ? 0 : c->first);
    *to = h->at + (which == UT_CUT_WHOLE ? c->count : c->last);
    if (which != UT_CUT_PART)
        return;
    ut_random r = ut_random_seeded(strtoull(c->sha256 + 48, NULL, 16), c->from);
    size_t length = *to - *from;
    size_t part = (size_t)((0.5 + 0.5 * ut_random_unit(&r)) * (double)length);
    *from += (size_t)(ut_random_unit(&r) * (double)(length - part));
    *to = *from + part;
}

static ut_status prepare(const extracting *e, worker *w, ut_error *err)
{
    if (w->pcm)
        return UT_OK;
    const ut_hearing *h = e->hearing;
    w->pcm = malloc(UT_CLIP_MOST * sizeof *w->pcm);
    w->values = malloc(e->f->dim * sizeof *w->values);
    w->half = malloc(e->most * UT_CUTS * e->f->dim * sizeof *w->half);
    w->scratch = malloc((h->whisper ? 1 : ut_voice_net_scratch(h->net)) * sizeof *w->scratch);
    if (!w->pcm || !w->values || !w->half || !w->scratch)
        return ut_fail_memory(err, "features");
    return h->whisper ? ut_whisper_state_create(h->whisper, 1, &w->state, err) : UT_OK;
}

static void release(worker *w)
{
    ut_window_source_close(&w->source);
    ut_whisper_state_destroy(w->state);
    free(w->pcm);
    free(w->values);
    free(w->half);
    free(w->scratch);
}

/* The name that a window's features are kept under. */
static ut_status name_window(const extracting *e, const ut_window *window, char key[UT_SHA256_HEX])
{
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_buf_addf(&text, "features 1\n%s %s\n", e->hearing->sha256, ut_kernels_get()->name);
    for (size_t i = 0; e->hearing->whisper && i < e->hearing->layer_count; i++)
        ut_buf_addf(&text, "layer %d\n", e->hearing->layers[i]);
    for (size_t i = 0; i < window->count; i++) {
        const ut_held *h = &window->held[i];
        const ut_clip *c = &e->clips[h->sample];
        ut_buf_addf(&text, "%s %zu %zu %zu %zu at %zu %a\n", c->sha256, c->from, c->count, c->first,
                    c->last, h->at, (double)h->gain);
    }
    ut_sha256(ut_buf_text(&text), text.length, key);
    ut_status status = ut_buf_status(&text);
    ut_buf_free(&text);
    return status;
}

static ut_status check(const extracting *e, const ut_held *h, const float *values, ut_error *err)
{
    for (size_t i = 0; i < e->f->dim; i++)
        if (!isfinite(values[i]) || fabsf(values[i]) > 65504)
            return ut_fail(err, UT_ERR_FORMAT, "features",
                           "%s: what the encoder says of %s is no number; listen to it, and remove "
                           "the row if it is no speech",
                           e->d->samples[h->sample].place, e->d->samples[h->sample].path);
    return UT_OK;
}

/* Hears a window: w->half. */
static ut_status hear(const extracting *e, const ut_window *window, worker *w, ut_error *err)
{
    const ut_hearing *h = e->hearing;
    const size_t dim = e->f->dim;
    UT_TRY(ut_window_read(window, e->d, e->clips, &w->source, w->pcm, err));
    if (h->whisper)
        ut_whisper_encode(w->state, w->pcm, window->used);
    for (size_t i = 0; i < window->count; i++)
        for (int which = 0; which < UT_CUTS; which++) {
            size_t from;
            size_t to;
            cut(e, &window->held[i], which, &from, &to);
            for (size_t l = 0; h->whisper && l < h->layer_count; l++) {
                int width = ut_whisper_get_dims(h->whisper)->d;
                ut_voice_pool(ut_whisper_layers(w->state)[h->layers[l]], width, (int)(from / FRAME),
                              (int)((to + FRAME - 1) / FRAME), w->values + l * 2 * (size_t)width);
            }
            if (!h->whisper)
                ut_voice_net_embed(h->net, w->pcm + from, to - from, w->scratch, w->values);
            UT_TRY(check(e, &window->held[i], w->values, err));
            uint16_t *half = w->half + (i * UT_CUTS + (size_t)which) * dim;
            for (size_t k = 0; k < dim; k++)
                half[k] = ut_f32_to_f16(w->values[k]);
        }
    return UT_OK;
}

/* True if the cache had it; then it is in w->half. */
static bool recall(const extracting *e, const char *path, size_t count, worker *w)
{
    ut_weights *kept;
    ut_error ignored;
    if (!path || ut_weights_open(path, &kept, &ignored) != UT_OK)
        return false;
    const ut_tensor *t = ut_weights_find(kept, "features");
    const size_t values = count * UT_CUTS * e->f->dim;
    bool right = t && t->dtype == UT_F16 && ut_tensor_count(t) == values;
    if (right)
        memcpy(w->half, t->data, values * sizeof *w->half);
    for (size_t i = 0; right && i < values; i++)
        right = (w->half[i] & 0x7c00) != 0x7c00; /* damaged: no number is kept */
    ut_weights_close(kept);
    if (right) /* what is used stays when the cache is trimmed */
        (void)utimensat(AT_FDCWD, path, NULL, 0);
    return right;
}

static ut_status keep(const extracting *e, const char *path, size_t count, const worker *w,
                      ut_error *err)
{
    const ut_weights_item item = {"features",
                                  {.data = w->half,
                                   .dtype = UT_F16,
                                   .rank = 3,
                                   .shape = {(int64_t)count, UT_CUTS, (int64_t)e->f->dim, 1}}};
    ut_status status = path ? ut_weights_write(path, &item, 1, NULL, 0, err) : UT_OK;
    if (status == UT_OK)
        return UT_OK;
    const ut_error why = *err;
    return ut_fail(err, status, "features", "%s; --no_cache keeps no features", why.message);
}

static ut_status one_window(extracting *e, const ut_window *window, worker *w, bool *kept,
                            ut_error *err)
{
    char key[UT_SHA256_HEX];
    char *path = NULL;
    UT_TRY(prepare(e, w, err));
    if (name_window(e, window, key) != UT_OK)
        return ut_fail_memory(err, "features");
    if (e->o->cache) {
        char name[UT_SHA256_HEX + 16];
        snprintf(name, sizeof name, "%s.safetensors", key);
        if (!(path = ut_path_join(e->o->cache, name)))
            return ut_fail_memory(err, "features");
    }
    *kept = recall(e, path, window->count, w);
    ut_status status = *kept ? UT_OK : hear(e, window, w, err);
    if (status == UT_OK && !*kept)
        status = keep(e, path, window->count, w, err);
    free(path);
    const size_t size = UT_CUTS * e->f->dim;
    for (size_t i = 0; status == UT_OK && i < window->count; i++)
        memcpy(e->f->values + e->row[window->held[i].sample] * size, w->half + i * size,
               size * sizeof *w->half);
    return status;
}

static void task(void *context, size_t index, int thread)
{
    extracting *e = context;
    ut_error err;
    bool kept = false;
    if (atomic_load(&e->failed) || (e->o->cancelled && atomic_load(e->o->cancelled)))
        return;
    ut_status status = one_window(e, &e->windows->items[index], &e->workers[thread], &kept, &err);
    pthread_mutex_lock(&e->lock);
    if (status != UT_OK && !atomic_exchange(&e->failed, true))
        e->failure = err;
    e->f->kept += kept;
    e->done++;
    if (status == UT_OK && e->o->progress)
        e->o->progress(e->o->context, e->done, e->windows->count);
    pthread_mutex_unlock(&e->lock);
}

/* Rows for the samples that have a recording. */
static ut_status make_rows(extracting *e, ut_error *err)
{
    ut_features *f = e->f;
    e->row = calloc(e->d->count + 1, sizeof *e->row);
    f->samples = calloc(e->d->count + 1, sizeof *f->samples);
    if (!e->row || !f->samples)
        return ut_fail_memory(err, "features");
    for (size_t i = 0; i < e->d->count; i++)
        if (e->clips[i].count) {
            e->row[i] = f->count;
            f->samples[f->count++] = i;
        }
    for (size_t i = 0; i < e->windows->count; i++)
        e->most = e->windows->items[i].count > e->most ? e->windows->items[i].count : e->most;
    f->dim = ut_hearing_dim(e->hearing);
    f->windows = e->windows->count;
    f->values = calloc(f->count * UT_CUTS + 1, f->dim * sizeof *f->values);
    return f->values ? UT_OK : ut_fail_memory(err, "features");
}

ut_status ut_features_extract(const ut_hearing *hearing, const ut_dataset *d, const ut_clip *clips,
                              const ut_features_options *options, ut_features *f, ut_error *err)
{
    ut_windows windows;
    *f = (ut_features){0};
    UT_TRY(ut_windows_plan(d, clips, !hearing->whisper, &windows, err));
    int jobs = options->jobs < 1 ? ut_thread_count() : options->jobs;
    extracting e = {.hearing = hearing,
                    .d = d,
                    .clips = clips,
                    .o = options,
                    .windows = &windows,
                    .f = f,
                    .workers = calloc((size_t)jobs, sizeof *e.workers)};
    ut_status status = e.workers ? make_rows(&e, err) : ut_fail_memory(err, "features");
    if (status == UT_OK) {
        pthread_mutex_init(&e.lock, NULL);
        ut_parallel(jobs, windows.count, task, &e);
        pthread_mutex_destroy(&e.lock);
    }
    for (int i = 0; e.workers && i < jobs; i++)
        release(&e.workers[i]);
    if (status == UT_OK && atomic_load(&e.failed)) {
        *err = e.failure;
        status = e.failure.status;
    } else if (status == UT_OK && options->cancelled && atomic_load(options->cancelled)) {
        status = ut_fail(err, UT_ERR_CANCELLED, "features",
                         options->cache ? "stopped; what was heard so far is kept for the next time"
                                        : "stopped; nothing is kept of what was heard");
    }
    free(e.workers);
    free(e.row);
    ut_windows_free(&windows);
    if (status != UT_OK)
        ut_features_free(f);
    return status;
}

void ut_features_free(ut_features *f)
{
    free(f->samples);
    free(f->values);
    *f = (ut_features){0};
}
