#include "models/emotion_text/head.h"

#include <stdio.h>

#include "base/error.h"
#include "nn/ops.h"

void ut_text_head_bind(ut_text_head *head, ut_binder *binder, const char *name, int64_t inputs)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const int64_t hidden = ut_weights_size(binder->weights, weight, 0);
#define MEMBER(m) offsetof(ut_text_head, m)
    const ut_binding table[] = {
        {weight, MEMBER(hidden), 2, {UT_ANY, inputs}, false},
        {bias, MEMBER(hidden_bias), 1, {hidden}, false},
        {"output.weight", MEMBER(output), 2, {UT_TEXT_LABELS, hidden}, false},
        {"output.bias", MEMBER(output_bias), 1, {UT_TEXT_LABELS}, false},
        {"scale", MEMBER(scale), 1, {1}, false},
        {"prior", MEMBER(prior), 1, {UT_TEXT_LABELS}, false},
    };
#undef MEMBER
    ut_bind(binder, head, table, sizeof table / sizeof *table, 0);
}

ut_status ut_text_head_load(ut_text_head *head, const ut_weights *weights, ut_error *err)
{
    const int64_t hidden = head->hidden.shape[0];
    if (hidden < 1 || hidden > UT_TEXT_HEAD_HIDDEN)
        return ut_fail(err, UT_ERR_FORMAT, "emotion_text",
                       "%s has a layer of %lld units where 1 to %d are possible; install Undertone "
                       "again",
                       ut_weights_path(weights), (long long)hidden, UT_TEXT_HEAD_HIDDEN);
    ut_tensor_to_f32(&head->hidden_bias, 0, (size_t)hidden, head->bias);
    ut_tensor_to_f32(&head->output_bias, 0, UT_TEXT_LABELS, head->bias5);
    ut_tensor_to_f32(&head->scale, 0, 1, head->calibration);
    ut_tensor_to_f32(&head->prior, 0, UT_TEXT_LABELS, head->calibration + 1);
    return UT_OK;
}

void ut_text_head_logits(const ut_text_head *head, const float *x, float *logits)
{
    float hidden[UT_TEXT_HEAD_HIDDEN];
    ut_linear(hidden, x, 1, &head->hidden, head->bias);
    ut_relu(hidden, (size_t)head->hidden.shape[0]);
    ut_linear(logits, hidden, 1, &head->output, head->bias5);
}

void ut_text_head_calibrate(const ut_text_head *head, float *logits)
{
    for (int i = 0; i < UT_TEXT_LABELS; i++)
        logits[i] = logits[i] * head->calibration[0] + head->calibration[1 + i];
    ut_softmax(logits, UT_TEXT_LABELS, 1, UT_TEXT_LABELS);
}
