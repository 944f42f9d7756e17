#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/emotion_text/emotion_text.h"
#include "nn/ops.h"
#include "nn/weights.h"

enum { MAX_MAP = 64, MAX_HIDDEN = 256, TURNS = UT_CONTEXT_WINDOW + 1 };

struct ut_context_expert {
    ut_weights *weights;
    ut_tensor map, hidden, output; /* [map, 384], [hidden, turns * (7 + map)], [5, hidden] */
    ut_tensor hidden_bias, output_bias;
    ut_tensor scale, prior;
    float calibration[UT_TEXT_LABELS + 1];
    float bias[MAX_HIDDEN];
    float bias5[UT_TEXT_LABELS];
};

static ut_status bind(ut_context_expert *e, ut_error *err)
{
#define MEMBER(m) offsetof(ut_context_expert, m)
    const ut_binding table[] = {
        {"map.weight", MEMBER(map), 2, {UT_ANY, UT_TEXT_DIMENSIONS}, false},
        {"hidden.weight", MEMBER(hidden), 2, {UT_ANY, UT_ANY}, false},
        {"hidden.bias", MEMBER(hidden_bias), 1, {UT_ANY}, false},
        {"output.weight", MEMBER(output), 2, {UT_TEXT_LABELS, UT_ANY}, false},
        {"output.bias", MEMBER(output_bias), 1, {UT_TEXT_LABELS}, false},
        {"scale", MEMBER(scale), 1, {1}, false},
        {"prior", MEMBER(prior), 1, {UT_TEXT_LABELS}, false},
    };
#undef MEMBER
    ut_binder binder;
    ut_binder_init(&binder, e->weights);
    ut_bind(&binder, e, table, sizeof table / sizeof *table, 0);
    UT_TRY(ut_binder_finish(&binder, err));
    const int64_t map = e->map.shape[0];
    const int64_t hidden = e->hidden.shape[0];
    if (map < 1 || map > MAX_MAP || hidden < 1 || hidden > MAX_HIDDEN ||
        e->hidden.shape[1] != TURNS * (2 + UT_TEXT_LABELS + map) ||
        e->hidden_bias.shape[0] != hidden || e->output.shape[1] != hidden)
        return ut_fail(err, UT_ERR_FORMAT, "emotion_text",
                       "%s has tensors that do not fit together; install Undertone again",
                       ut_weights_path(e->weights));
    ut_tensor_to_f32(&e->hidden_bias, 0, (size_t)hidden, e->bias);
    ut_tensor_to_f32(&e->output_bias, 0, UT_TEXT_LABELS, e->bias5);
    ut_tensor_to_f32(&e->scale, 0, 1, e->calibration);
    ut_tensor_to_f32(&e->prior, 0, UT_TEXT_LABELS, e->calibration + 1);
    return UT_OK;
}

ut_status ut_context_expert_open(const char *path, ut_context_expert **expert, ut_error *err)
{
    *expert = NULL;
    ut_context_expert *e = calloc(1, sizeof *e);
    if (!e)
        return ut_fail_memory(err, "emotion_text");
    ut_status status = ut_weights_open(path, &e->weights, err);
    if (status == UT_OK)
        status = bind(e, err);
    if (status != UT_OK)
        ut_context_expert_close(e);
    else
        *expert = e;
    return status;
}

void ut_context_expert_close(ut_context_expert *e)
{
    if (!e)
        return;
    ut_weights_close(e->weights);
    free(e);
}

static float log_p(float p)
{
    return logf(p > 1e-6f ? p : 1e-6f);
}

ut_status ut_context_expert_classify(const ut_context_expert *e, const ut_context_turn *turns,
                                     size_t count, size_t index, float *p, ut_error *err)
{
    float x[TURNS * (2 + UT_TEXT_LABELS + MAX_MAP)] = {0};
    float hidden[MAX_HIDDEN];
    const size_t width = 2 + UT_TEXT_LABELS + (size_t)e->map.shape[0];
    if (index >= count)
        return ut_fail(err, UT_ERR_USAGE, "emotion_text", "turn %zu of %zu does not exist", index,
                       count);
    for (size_t k = 0; k < TURNS && k <= index; k++) {
        const ut_context_turn *turn = &turns[index - k];
        float *at = x + k * width;
        at[0] = 1;
        at[1] = turn->speaker == turns[index].speaker;
        for (int i = 0; i < UT_TEXT_LABELS; i++)
            at[2 + i] = log_p(turn->p_text[i]);
        if (turn->embedding)
            ut_linear(at + 2 + UT_TEXT_LABELS, turn->embedding, 1, &e->map, NULL);
    }
    ut_linear(hidden, x, 1, &e->hidden, e->bias);
    ut_relu(hidden, (size_t)e->hidden.shape[0]);
    ut_linear(p, hidden, 1, &e->output, e->bias5);
    for (int i = 0; i < UT_TEXT_LABELS; i++)
        p[i] = (p[i] + x[2 + i]) * e->calibration[0] + e->calibration[1 + i];
    ut_softmax(p, UT_TEXT_LABELS, 1, UT_TEXT_LABELS);
    return UT_OK;
}
