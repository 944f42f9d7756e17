/* Log-mel frames and the encoder. */
#include <math.h>
#include <string.h>

#include "models/whisper/internal.h"
#include "nn/ops.h"

enum { EDGE = 200 }; /* samples that the first and last frame reach over the window's ends */

static const float LAYER_EPS = 1e-5f;

const float *ut_whisper_mel(ut_whisper_state *s, const float *pcm, size_t n)
{
    if (n > UT_WHISPER_SAMPLES)
        n = UT_WHISPER_SAMPLES;
    float *padded = s->pcm;
    memcpy(padded + EDGE, pcm, n * sizeof *pcm);
    memset(padded + EDGE + n, 0, (UT_WHISPER_SAMPLES - n) * sizeof *pcm);
    for (int i = 1; i <= EDGE; i++) {
        padded[EDGE - i] = padded[EDGE + i];
        padded[EDGE + UT_WHISPER_SAMPLES - 1 + i] = padded[EDGE + UT_WHISPER_SAMPLES - 1 - i];
    }
    size_t count = (size_t)UT_WHISPER_MELS_FRAMES * s->model->dims.mels;
    float *mel = s->mel + s->model->dims.mels;
    ut_mel_run(s->model->mel, padded, UT_WHISPER_MELS_FRAMES, mel, s->mel_scratch);
    float top = -10.0f;
    for (size_t i = 0; i < count; i++) {
        mel[i] = log10f(mel[i] > 1e-10f ? mel[i] : 1e-10f);
        top = mel[i] > top ? mel[i] : top;
    }
    float floor_level = top - 8.0f;
    for (size_t i = 0; i < count; i++)
        mel[i] = ((mel[i] > floor_level ? mel[i] : floor_level) + 4.0f) / 4.0f;
    return mel;
}

/* A kernel of 3 over frames with a row of zeros on both sides: patches are plain rows of memory. */
static void convolve(float *y, const float *padded, int channels, int stride, const float *w,
                     const float *bias, int frames, int d)
{
    ut_matmul_nt(y, d, padded, stride * channels, w, 3 * channels, frames, d, 3 * channels, 0);
    for (int i = 0; i < frames; i++)
        for (int j = 0; j < d; j++)
            y[(size_t)i * d + j] += bias[j];
    ut_gelu(y, (size_t)frames * d);
}

static void linear(float *y, const float *x, int m, const whisper_matrix *matrix)
{
    ut_linear(y, x, m, &matrix->w, matrix->bias);
}

/* Softmax over all 1500 frames, a block of queries and a head at a time. */
static void attend(ut_whisper_state *s, float *out)
{
    int d = s->model->dims.d;
    const float scale = 0.125f; /* 1 / sqrt(64) */
    size_t count = (size_t)UT_WHISPER_FRAMES * d;
    float *q = s->wide;
    const float *k = q + count;
    const float *v = k + count;
    for (size_t i = 0; i < count; i++)
        q[i] *= scale;
    for (int h = 0; h < s->model->dims.heads; h++) {
        int at = h * UT_WHISPER_HEAD;
        for (int i = 0; i < UT_WHISPER_FRAMES; i += UT_WHISPER_BLOCK) {
            size_t row = (size_t)i * d + at;
            ut_matmul_nt(s->scores, UT_WHISPER_FRAMES, q + row, d, k + at, d, UT_WHISPER_BLOCK,
                         UT_WHISPER_FRAMES, UT_WHISPER_HEAD, 0);
            ut_softmax(s->scores, UT_WHISPER_FRAMES, UT_WHISPER_BLOCK, UT_WHISPER_FRAMES);
            ut_matmul_nn(out + row, d, s->scores, UT_WHISPER_FRAMES, v + at, d, UT_WHISPER_BLOCK,
                         UT_WHISPER_HEAD, UT_WHISPER_FRAMES, 0);
        }
    }
}

static void encoder_block(ut_whisper_state *s, const whisper_layer *layer, const float *in,
                          float *out)
{
    int d = s->model->dims.d;
    size_t count = (size_t)UT_WHISPER_FRAMES * d;
    float *scratch = s->conv; /* [3002, d]: normalised, and the attention's output behind it */
    ut_layer_norm(scratch, in, UT_WHISPER_FRAMES, d, layer->attention_norm.gamma,
                  layer->attention_norm.beta, LAYER_EPS);
    linear(s->wide, scratch, UT_WHISPER_FRAMES, &layer->q);
    linear(s->wide + count, scratch, UT_WHISPER_FRAMES, &layer->k);
    linear(s->wide + 2 * count, scratch, UT_WHISPER_FRAMES, &layer->v);
    attend(s, scratch + count);
    linear(out, scratch + count, UT_WHISPER_FRAMES, &layer->out);
    ut_axpy(out, 1.0f, in, count);
    for (int i = 0; i < UT_WHISPER_FRAMES; i += UT_WHISPER_BLOCK) {
        float *rows = out + (size_t)i * d;
        ut_layer_norm(scratch, rows, UT_WHISPER_BLOCK, d, layer->feed_norm.gamma,
                      layer->feed_norm.beta, LAYER_EPS);
        linear(s->hidden, scratch, UT_WHISPER_BLOCK, &layer->feed_in);
        ut_gelu(s->hidden, (size_t)UT_WHISPER_BLOCK * 4 * d);
        linear(scratch, s->hidden, UT_WHISPER_BLOCK, &layer->feed_out);
        ut_axpy(rows, 1.0f, scratch, (size_t)UT_WHISPER_BLOCK * d);
    }
}

/* Keys and values of every decoder layer, head by head: cross[layer, head, 1500, 64]. */
static void cross_keys(ut_whisper_state *s)
{
    _Static_assert(4 * UT_WHISPER_CONTEXT >= UT_WHISPER_FRAMES, "hidden must hold a layer's keys");
    const ut_whisper *model = s->model;
    int d = model->dims.d;
    for (int i = 0; i < model->dims.decoder_layers; i++)
        for (int side = 0; side < 2; side++) {
            const whisper_layer *layer = &model->decoder[i];
            float *out = (side ? s->cross_v : s->cross_k) + (size_t)i * UT_WHISPER_FRAMES * d;
            float *rows = s->hidden; /* [448, 4d] is room for [1500, d] */
            linear(rows, s->encoded, UT_WHISPER_FRAMES, side ? &layer->cross_v : &layer->cross_k);
            for (int h = 0; h < model->dims.heads; h++)
                for (int t = 0; t < UT_WHISPER_FRAMES; t++, out += UT_WHISPER_HEAD)
                    memcpy(out, rows + (size_t)t * d + h * UT_WHISPER_HEAD,
                           UT_WHISPER_HEAD * sizeof *out);
        }
}

void ut_whisper_encode(ut_whisper_state *s, const float *pcm, size_t n)
{
    const ut_whisper *model = s->model;
    int d = model->dims.d;
    (void)ut_whisper_mel(s, pcm, n);
    memset(s->conv, 0, (size_t)d * sizeof *s->conv);
    convolve(s->conv + d, s->mel, model->dims.mels, 1, model->conv1, model->conv1_bias,
             UT_WHISPER_MELS_FRAMES, d);
    memset(s->conv + (size_t)(UT_WHISPER_MELS_FRAMES + 1) * d, 0, (size_t)d * sizeof *s->conv);
    convolve(s->layers[0], s->conv, d, 2, model->conv2, model->conv2_bias, UT_WHISPER_FRAMES, d);
    ut_axpy(s->layers[0], 1.0f, model->encoder_positions, (size_t)UT_WHISPER_FRAMES * d);
    for (int i = 0; i < model->dims.encoder_layers; i++)
        encoder_block(s, &model->encoder[i], s->layers[i], s->layers[i + 1]);
    ut_layer_norm(s->encoded, s->layers[model->dims.encoder_layers], UT_WHISPER_FRAMES, d,
                  model->encoder_norm.gamma, model->encoder_norm.beta, LAYER_EPS);
    cross_keys(s);
}
