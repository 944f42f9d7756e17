/* What both acoustic experts share: level, the voice embedding, and the small classifier behind it.
 *
 *     features -> one linear map -> voice[128] -> (minus the speaker's mean voice) -> 5
 * probabilities
 *
 * The map to `voice` is linear in the pooled features, so that a speaker's mean voice can be taken
 * off afterwards: what is left is how this utterance differs from how the speaker usually sounds
 * (speaker normalisation as in Busso et al., "Iterative feature normalization scheme for automatic
 * emotion detection from speech", 2013). Two classifiers were trained side by side, one for each
 * case. Classes in the order sad, happy, angry, neutral, non-neutral. */
#ifndef UT_MODELS_EMOTION_VOICE_VOICE_H
#define UT_MODELS_EMOTION_VOICE_VOICE_H

#include <stddef.h>

#include "nn/weights.h"
#include "undertone_status.h"

enum {
    UT_VOICE_DIM = 128,   /* values of a voice embedding */
    UT_VOICE_CLASSES = 5, /* probabilities out */
    UT_VOICE_HIDDEN = 96,
    UT_VOICE_FINE = 9 /* sad happy angry neutral calm fear disgust surprise boredom */
};

/* Which of the five each of the nine ways of speaking is. */
extern const int ut_voice_five_of_fine[UT_VOICE_FINE];

/* The factor that brings speech to -26 dBFS: RMS over the 20 ms frames that lie within 30 dB of the
 * loudest one, so that pauses count for nothing. 16 kHz mono; samples that are not finite count as
 * silence; 1 for silence. Whoever hears a window through the Whisper head should scale the window
 * by this before its log-mel is taken: the head was trained so. */
float ut_voice_gain(const float *pcm, size_t count);

/* Weights as floats, [unknown speaker, known speaker]. */
typedef struct ut_voice_classifier {
    float hidden[2][UT_VOICE_HIDDEN * UT_VOICE_DIM];
    float hidden_bias[2][UT_VOICE_HIDDEN];
    float out[2][UT_VOICE_FINE * UT_VOICE_HIDDEN];
    float out_bias[2][UT_VOICE_FINE];
    float temperature[2];
} ut_voice_classifier;

/* Reads hidden.*, out.* and temperature of an opened file. */
UT_MUST_CHECK ut_status ut_voice_classifier_load(const ut_weights *weights,
                                                 ut_voice_classifier *classifier, ut_error *err);

/* p[UT_VOICE_CLASSES], summing to 1, of voice[UT_VOICE_DIM]; baseline[UT_VOICE_DIM] is the mean
 * voice of the speaker, NULL while it is not known. */
void ut_voice_classify(const ut_voice_classifier *classifier, const float *voice,
                       const float *baseline, float p[UT_VOICE_CLASSES]);

#endif
