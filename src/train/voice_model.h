/* The acoustic head while it is trained: models/emotion_voice's structure, with gradients.
 *
 *     x -(input dropout)- project -> v[128]; v, and v minus the speaker's mean, each
 *       -(dropout)- hidden -> gelu -(dropout)- out -> 9 ways of speaking -> their sums: 5 emotions
 *
 * The input is standardised; ut_voice_model_fold() makes that a part of the weights. Where the
 * encoder gives a voice embedding already (voice-net) there is no projection, and v is x. As in
 * tools/train/voice_whisper.py both classifiers are trained at once, on mixed pairs of utterances
 * (mixup; Zhang et al. 2018), with label smoothing. One thread at a time. */
#ifndef UT_TRAIN_VOICE_MODEL_H
#define UT_TRAIN_VOICE_MODEL_H

#include "models/emotion_voice/voice.h"
#include "train/parameters.h"

enum {
    UT_VOICE_PROJECT,
    UT_VOICE_PROJECT_BIAS,
    UT_VOICE_HIDDEN_WEIGHT,
    UT_VOICE_HIDDEN_BIAS,
    UT_VOICE_OUT_WEIGHT,
    UT_VOICE_OUT_BIAS,
    UT_VOICE_BLOCKS
};

typedef struct ut_voice_model {
    ut_parameters parameters; /* blocks in the order above, under the names of the weights file */
    int inputs;
    bool project;
    int batch;
    float input_dropout, dropout, smoothing; /* 0.3, 0.3, 0.1 */
    float *scratch;
} ut_voice_model;

/* project false: inputs must be UT_VOICE_DIM. `batch` is the largest number of rows at a time. */
UT_MUST_CHECK ut_status ut_voice_model_create(int inputs, bool project, int batch,
                                              ut_voice_model *model, ut_error *err);
void ut_voice_model_free(ut_voice_model *model);
void ut_voice_model_begin(ut_voice_model *model, ut_random *random);

/* A batch: x[n, inputs] and the means of its speakers, both mixed already (and changed here);
 * ways[n] of the utterances, others[n] of those mixed in with the share 1 - mix. */
typedef struct ut_voice_batch {
    float *x, *baselines;
    const unsigned *ways, *others;
    int n;
    float mix;
} ut_voice_batch;

/* Mean loss of the two classifiers added up; adds its gradients to the parameters'. */
double ut_voice_model_loss(ut_voice_model *model, const ut_voice_batch *batch, ut_random *random);

/* v[n, 128] of x[n, inputs]. */
void ut_voice_model_embed(const ut_voice_model *model, const float *x, int n, float *v);
/* Logarithms of the five emotions' probabilities, logp[n, 5]; v has the mean taken off where
 * `known`. n is at most `batch`. */
void ut_voice_model_judge(const ut_voice_model *model, const float *v, int n, bool known,
                          double *logp);

/* Makes the parameters fit inputs that are not standardised, x = (raw - mean) / deviation, or, with
 * `back`, the other way round. */
void ut_voice_model_fold(ut_voice_model *model, const float *mean, const float *deviation,
                         bool back);

/* The five of the nine: sums of probabilities, in logarithms. */
void ut_voice_five(const float *logits, double logp[UT_VOICE_CLASSES]);

#endif
