/* What both experts of the words end in: two layers with a ReLU between them, and a calibration,
 * p = softmax(logits * scale + prior). */
#ifndef UT_MODELS_EMOTION_TEXT_HEAD_H
#define UT_MODELS_EMOTION_TEXT_HEAD_H

#include "models/emotion_text/emotion_text.h"
#include "nn/weights.h"

enum { UT_TEXT_HEAD_HIDDEN = 1024 /* at most */ };

typedef struct ut_text_head {
    ut_tensor hidden, hidden_bias; /* [n, inputs], [n] */
    ut_tensor output, output_bias; /* [5, n], [5] */
    ut_tensor scale, prior;        /* [1], [5] */
    float bias[UT_TEXT_HEAD_HIDDEN];
    float bias5[UT_TEXT_LABELS];
    float calibration[UT_TEXT_LABELS + 1]; /* scale, prior */
} ut_text_head;

/* Its tensors: NAME.weight, NAME.bias, output.weight, output.bias, scale, prior. */
void ut_text_head_bind(ut_text_head *head, ut_binder *binder, const char *name, int64_t inputs);

/* After the binder has finished. */
UT_MUST_CHECK ut_status ut_text_head_load(ut_text_head *head, const ut_weights *weights,
                                          ut_error *err);

/* logits[5] of x[inputs]. */
void ut_text_head_logits(const ut_text_head *head, const float *x, float *logits);

/* In place. */
void ut_text_head_calibrate(const ut_text_head *head, float *logits);

#endif
