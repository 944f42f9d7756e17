/* The buffers of one window. */
#include <stdlib.h>

#include "base/error.h"
#include "models/whisper/internal.h"

/* Of what only the encoder needs: `conv`, and behind it its queries, keys and values. */
enum { CONV_ROWS = UT_WHISPER_MELS_FRAMES + 2, ENCODER_ROWS = CONV_ROWS + 3 * UT_WHISPER_FRAMES };

/* Zeroed memory of the system's: pages that a short window never touches are never taken. */
static float *buffer(size_t rows, size_t columns, bool *failed)
{
    float *data = calloc(rows * columns, sizeof *data);
    if (!data)
        *failed = true;
    return data;
}

ut_status ut_whisper_state_create(const ut_whisper *model, int rows, ut_whisper_state **out,
                                  ut_error *err)
{
    *out = NULL;
    ut_whisper_state *s = calloc(1, sizeof *s);
    if (!s)
        return ut_fail_memory(err, "whisper");
    const ut_whisper_dims *dims = &model->dims;
    size_t d = (size_t)dims->d;
    bool failed = false;
    s->model = model;
    s->slots = rows < 1 ? 1 : rows > UT_WHISPER_ROWS ? UT_WHISPER_ROWS : rows;
    s->pcm = buffer(UT_WHISPER_SAMPLES + 400, 1, &failed);
    s->mel_scratch = buffer(ut_mel_scratch(model->mel) + 1, 1, &failed);
    s->mel = buffer(UT_WHISPER_MELS_FRAMES + 2, (size_t)dims->mels, &failed);
    for (int i = 0; i <= dims->encoder_layers; i++)
        s->layers[i] = buffer(UT_WHISPER_FRAMES, d, &failed);
    s->encoded = buffer(UT_WHISPER_FRAMES, d, &failed);
    s->q = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->k = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->v = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->hidden = buffer(UT_WHISPER_CONTEXT, 4 * d, &failed);
    s->scores = buffer(UT_WHISPER_CONTEXT, UT_WHISPER_FRAMES, &failed);
    size_t layers = (size_t)dims->decoder_layers;
    size_t cross = layers * UT_WHISPER_FRAMES;
    s->cross_k = buffer(2 * cross > ENCODER_ROWS ? 2 * cross : ENCODER_ROWS, d, &failed);
    if (!failed) {
        s->cross_v = s->cross_k + cross * d;
        /* The encoder is done with its own before the first keys are written. */
        s->conv = s->cross_k;
        s->wide = s->conv + CONV_ROWS * d;
    }
    s->self_k = buffer(layers * UT_WHISPER_CONTEXT * (size_t)s->slots, d, &failed);
    s->self_v = buffer(layers * UT_WHISPER_CONTEXT * (size_t)s->slots, d, &failed);
    s->x = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->y = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->z = buffer(UT_WHISPER_CONTEXT, d, &failed);
    s->attention = buffer(UT_WHISPER_CONTEXT, UT_WHISPER_FRAMES, &failed);
    s->gathered = buffer(UT_WHISPER_CONTEXT, UT_WHISPER_FRAMES, &failed);
    if (failed) {
        ut_whisper_state_destroy(s);
        return ut_fail_memory(err, "whisper");
    }
    *out = s;
    return UT_OK;
}

void ut_whisper_state_destroy(ut_whisper_state *s)
{
    if (!s)
        return;
    for (int i = 0; i <= UT_WHISPER_LAYERS; i++)
        free(s->layers[i]);
    float *const buffers[] = {s->pcm,       s->mel_scratch, s->mel,    s->encoded, s->q,
                              s->k,         s->v,           s->hidden, s->scores,  s->cross_k,
                              s->self_k,    s->self_v,      s->x,      s->y,       s->z,
                              s->attention, s->gathered};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        free(buffers[i]);
    free(s);
}

const float *const *ut_whisper_layers(const ut_whisper_state *s)
{
    return (const float *const *)s->layers;
}

const float *ut_whisper_encoded(const ut_whisper_state *s)
{
    return s->encoded;
}
