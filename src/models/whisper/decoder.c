/* The decoder: one pass over any number of rows, and the attention behind word times. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/whisper/internal.h"
#include "nn/ops.h"

enum { MEDIAN = 7 };

static const float LAYER_EPS = 1e-5f;

static void linear(float *y, const float *x, int m, const whisper_matrix *matrix)
{
    ut_linear(y, x, m, &matrix->w, matrix->bias);
}

static void embed(ut_whisper_state *s, const ut_whisper_row *rows, int count)
{
    const ut_whisper *model = s->model;
    size_t d = (size_t)model->dims.d;
    for (int r = 0; r < count; r++) {
        ut_tensor_to_f32(&model->embedding, (size_t)rows[r].token * d, d, s->x + r * d);
        ut_axpy(s->x + r * d, 1.0f, model->decoder_positions + (size_t)rows[r].position * d, d);
    }
}

/* Attention of one row over its own past. */
static void attend_past(const ut_whisper_state *s, const ut_whisper_row *row, const float *keys,
                        const float *values, const float *q, float *out, float *scores)
{
    size_t d = (size_t)s->model->dims.d;
    int length = row->position + 1;
    for (int h = 0; h < s->model->dims.heads; h++) {
        size_t at = (size_t)h * UT_WHISPER_HEAD;
        for (int p = 0; p < length; p++) {
            size_t slot = (size_t)p * s->slots + row->history[p];
            scores[p] = 0.125f * ut_dot(q + at, keys + slot * d + at, UT_WHISPER_HEAD);
        }
        ut_softmax(scores, length, 1, length);
        memset(out + at, 0, UT_WHISPER_HEAD * sizeof *out);
        for (int p = 0; p < length; p++) {
            size_t slot = (size_t)p * s->slots + row->history[p];
            ut_axpy(out + at, scores[p], values + slot * d + at, UT_WHISPER_HEAD);
        }
    }
}

static void self_attention(ut_whisper_state *s, int index, const ut_whisper_row *rows, int count)
{
    const whisper_layer *layer = &s->model->decoder[index];
    size_t d = (size_t)s->model->dims.d;
    size_t cache = (size_t)index * UT_WHISPER_CONTEXT * s->slots * d;
    ut_layer_norm(s->y, s->x, count, (int)d, layer->attention_norm.gamma,
                  layer->attention_norm.beta, LAYER_EPS);
    linear(s->q, s->y, count, &layer->q);
    linear(s->k, s->y, count, &layer->k);
    linear(s->v, s->y, count, &layer->v);
    for (int r = 0; r < count; r++) {
        size_t slot = (size_t)rows[r].position * s->slots + rows[r].history[rows[r].position];
        memcpy(s->self_k + cache + slot * d, s->k + r * d, d * sizeof *s->k);
        memcpy(s->self_v + cache + slot * d, s->v + r * d, d * sizeof *s->v);
    }
    for (int r = 0; r < count; r++)
        attend_past(s, &rows[r], s->self_k + cache, s->self_v + cache, s->q + r * d, s->y + r * d,
                    s->scores);
    linear(s->z, s->y, count, &layer->out);
    ut_axpy(s->x, 1.0f, s->z, count * d);
}

static void cross_attention(ut_whisper_state *s, int index, int count)
{
    const whisper_layer *layer = &s->model->decoder[index];
    int d = s->model->dims.d;
    ut_layer_norm(s->y, s->x, count, d, layer->cross_norm.gamma, layer->cross_norm.beta, LAYER_EPS);
    linear(s->q, s->y, count, &layer->cross_q);
    for (size_t i = 0; i < (size_t)count * d; i++)
        s->q[i] *= 0.125f;
    for (int h = 0; h < s->model->dims.heads; h++) {
        size_t head =
            ((size_t)index * s->model->dims.heads + h) * UT_WHISPER_FRAMES * UT_WHISPER_HEAD;
        int at = h * UT_WHISPER_HEAD;
        ut_matmul_nt(s->scores, UT_WHISPER_FRAMES, s->q + at, d, s->cross_k + head, UT_WHISPER_HEAD,
                     count, UT_WHISPER_FRAMES, UT_WHISPER_HEAD, 0);
        if (s->attention_frames > 0 && s->model->alignment[index * s->model->dims.heads + h])
            ut_whisper_gather(s, s->scores, count);
        ut_softmax(s->scores, UT_WHISPER_FRAMES, count, UT_WHISPER_FRAMES);
        ut_matmul_nn(s->y + at, d, s->scores, UT_WHISPER_FRAMES, s->cross_v + head, UT_WHISPER_HEAD,
                     count, UT_WHISPER_HEAD, UT_WHISPER_FRAMES, 0);
    }
    linear(s->z, s->y, count, &layer->cross_out);
    ut_axpy(s->x, 1.0f, s->z, (size_t)count * d);
}

static void feed_forward(ut_whisper_state *s, const whisper_layer *layer, int count)
{
    int d = s->model->dims.d;
    ut_layer_norm(s->y, s->x, count, d, layer->feed_norm.gamma, layer->feed_norm.beta, LAYER_EPS);
    linear(s->hidden, s->y, count, &layer->feed_in);
    ut_gelu(s->hidden, (size_t)count * 4 * d);
    linear(s->z, s->hidden, count, &layer->feed_out);
    ut_axpy(s->x, 1.0f, s->z, (size_t)count * d);
}

void ut_whisper_decode(ut_whisper_state *s, const ut_whisper_row *rows, int count, int wanted,
                       float *logits)
{
    const ut_whisper *model = s->model;
    int d = model->dims.d;
    embed(s, rows, count);
    for (int i = 0; i < model->dims.decoder_layers; i++) {
        self_attention(s, i, rows, count);
        cross_attention(s, i, count);
        feed_forward(s, &model->decoder[i], count);
    }
    if (wanted <= 0)
        return;
    ut_layer_norm(s->y, s->x + (size_t)(count - wanted) * d, wanted, d, model->decoder_norm.gamma,
                  model->decoder_norm.beta, LAYER_EPS);
    ut_linear(logits, s->y, wanted, &model->embedding, NULL);
}

/* ---- attention over time, for word times ---- */

static float median_of(float *values, int n)
{
    for (int i = 1; i < n; i++) {
        float v = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > v; j--)
            values[j] = values[j - 1];
        values[j] = v;
    }
    return values[n / 2];
}

static int reflect(int i, int n)
{
    if (i < 0)
        i = -i;
    return i < n ? i : 2 * (n - 1) - i;
}

/* Adds one head's scores[count, 1500]: softmax over the frames, normalised over the tokens (mean 0,
 * deviation 1 in each frame), median of 7 frames. */
void ut_whisper_gather(ut_whisper_state *s, const float *scores, int count)
{
    int frames = s->attention_frames;
    double sums[2];
    float *matrix = s->gathered;
    for (int r = 0; r < count; r++) {
        float *row = matrix + (size_t)r * frames;
        memcpy(row, scores + (size_t)r * UT_WHISPER_FRAMES, (size_t)frames * sizeof *row);
        ut_softmax(row, frames, 1, frames);
    }
    for (int t = 0; t < frames; t++) {
        sums[0] = sums[1] = 0.0;
        for (int r = 0; r < count; r++)
            sums[0] += matrix[(size_t)r * frames + t];
        double mean = sums[0] / count;
        for (int r = 0; r < count; r++) {
            double x = matrix[(size_t)r * frames + t] - mean;
            sums[1] += x * x;
        }
        double deviation = sqrt(sums[1] / count);
        double factor = deviation > 0.0 ? 1.0 / deviation : 0.0;
        for (int r = 0; r < count; r++) {
            float *x = &matrix[(size_t)r * frames + t];
            *x = (float)((*x - mean) * factor);
        }
    }
    for (int r = 0; r < count; r++)
        for (int t = 0; t < frames; t++) {
            const float *row = matrix + (size_t)r * frames;
            float window[MEDIAN];
            if (frames <= MEDIAN / 2) {
                s->attention[(size_t)r * frames + t] += row[t];
                continue;
            }
            for (int q = 0; q < MEDIAN; q++)
                window[q] = row[reflect(t + q - MEDIAN / 2, frames)];
            s->attention[(size_t)r * frames + t] += median_of(window, MEDIAN);
        }
    s->attention_heads++;
}

const float *ut_whisper_attention(ut_whisper_state *s, const int *tokens, int count, int frames)
{
    static const uint8_t history[UT_WHISPER_CONTEXT] = {0};
    ut_whisper_row rows[UT_WHISPER_CONTEXT];
    if (count > UT_WHISPER_CONTEXT)
        count = UT_WHISPER_CONTEXT;
    frames = frames < 1 ? 1 : frames > UT_WHISPER_FRAMES ? UT_WHISPER_FRAMES : frames;
    for (int i = 0; i < count; i++)
        rows[i] = (ut_whisper_row){tokens[i], i, history};
    memset(s->attention, 0, (size_t)count * frames * sizeof *s->attention);
    s->attention_frames = frames;
    s->attention_heads = 0;
    ut_whisper_decode(s, rows, count, 0, NULL);
    s->attention_frames = 0;
    for (size_t i = 0; i < (size_t)count * frames; i++)
        s->attention[i] /= (float)(s->attention_heads > 0 ? s->attention_heads : 1);
    return s->attention;
}
