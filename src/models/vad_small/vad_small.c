#include "models/vad_small/vad_small.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/mel.h"
#include "nn/ops.h"
#include "nn/weights.h"

enum { BANDS = 40, POINTS = 512, HOP = 256 }; /* of ut_mel_defaults(), but for the hop */
enum { FRAMES = 2, INPUT = FRAMES * BANDS, INNER = 48, HIDDEN = UT_VAD_SMALL_HIDDEN };

static const float PEAK_FLOOR = -6.0f;
static const float PEAK_DECAY = 0.004f; /* a frame */

struct ut_vad_small {
    ut_weights *weights;
    ut_tensor input_w, input_b;
    ut_tensor w_ih, w_hh, b_ih, b_hh;
    ut_tensor output_w, output_b;
    float biases[INNER + 8 * HIDDEN + 1]; /* input, LSTM's two, output: as floats */
    ut_mel *mel;
};

static const ut_binding bindings[] = {
    {"input.weight", offsetof(ut_vad_small, input_w), 2, {INNER, INPUT}, false},
    {"input.bias", offsetof(ut_vad_small, input_b), 1, {INNER}, false},
    {"lstm.weight_ih_l0", offsetof(ut_vad_small, w_ih), 2, {4 * HIDDEN, INNER}, false},
    {"lstm.weight_hh_l0", offsetof(ut_vad_small, w_hh), 2, {4 * HIDDEN, HIDDEN}, false},
    {"lstm.bias_ih_l0", offsetof(ut_vad_small, b_ih), 1, {4 * HIDDEN}, false},
    {"lstm.bias_hh_l0", offsetof(ut_vad_small, b_hh), 1, {4 * HIDDEN}, false},
    {"output.weight", offsetof(ut_vad_small, output_w), 2, {1, HIDDEN}, false},
    {"output.bias", offsetof(ut_vad_small, output_b), 1, {1}, false},
};

ut_status ut_vad_small_open(const char *path, ut_vad_small **model, ut_error *err)
{
    *model = NULL;
    ut_vad_small *m = calloc(1, sizeof *m);
    if (!m)
        return ut_fail_memory(err, "vad_small");
    ut_mel_options options = ut_mel_defaults();
    options.hop = HOP;
    ut_status status = ut_mel_create(&options, &m->mel, err);
    if (status == UT_OK)
        status = ut_weights_open_bound(path, m, bindings, sizeof bindings / sizeof *bindings,
                                       &m->weights, err);
    if (status != UT_OK) {
        ut_vad_small_close(m);
        return status;
    }
    ut_tensor_to_f32(&m->input_b, 0, INNER, m->biases);
    ut_tensor_to_f32(&m->b_ih, 0, 4 * HIDDEN, m->biases + INNER);
    ut_tensor_to_f32(&m->b_hh, 0, 4 * HIDDEN, m->biases + INNER + 4 * HIDDEN);
    ut_tensor_to_f32(&m->output_b, 0, 1, m->biases + INNER + 8 * HIDDEN);
    *model = m;
    return UT_OK;
}

void ut_vad_small_close(ut_vad_small *model)
{
    if (!model)
        return;
    ut_mel_destroy(model->mel);
    ut_weights_close(model->weights);
    free(model);
}

/* One frame's inputs from its log-mel: less the decaying peak level, kept within what was trained
 * on. */
static void scale(ut_vad_small_state *state, float *mel)
{
    float level = 0.0f;
    for (int band = 0; band < BANDS; band++)
        level += mel[band];
    level = level / BANDS - PEAK_FLOOR;
    state->peak = fmaxf(fmaxf(level, state->peak - PEAK_DECAY), 0.0f);
    const float peak = state->peak + PEAK_FLOOR;
    for (int band = 0; band < BANDS; band++)
        mel[band] = 0.25f * fminf(fmaxf(mel[band] - peak, -12.0f), 8.0f);
}

float ut_vad_small_step(const ut_vad_small *model, ut_vad_small_state *state, const float *pcm)
{
    float samples[UT_VAD_SMALL_CONTEXT + UT_VAD_SMALL_STEP];
    float scratch[UT_MEL_SCRATCH(POINTS)], input[INPUT], inner[INNER], hidden[HIDDEN],
        gates[4 * HIDDEN], logit;
    memcpy(samples, state->context, sizeof state->context);
    for (int i = 0; i < UT_VAD_SMALL_STEP; i++)
        samples[UT_VAD_SMALL_CONTEXT + i] = isfinite(pcm[i]) ? pcm[i] : 0.0f;
    ut_mel_run(model->mel, samples, FRAMES, input, scratch);
    for (int frame = 0; frame < FRAMES; frame++)
        scale(state, input + frame * BANDS);
    memcpy(state->context, samples + UT_VAD_SMALL_STEP, sizeof state->context);

    const float *biases = model->biases;
    ut_linear(inner, input, 1, &model->input_w, biases);
    ut_relu(inner, INNER);
    ut_lstm(hidden, HIDDEN, inner, 1, INNER, HIDDEN, &model->w_ih, &model->w_hh, biases + INNER,
            biases + INNER + 4 * HIDDEN, state->h, state->c, 0, gates);
    ut_linear(&logit, hidden, 1, &model->output_w, biases + INNER + 8 * HIDDEN);
    return 1.0f / (1.0f + expf(-logit));
}
