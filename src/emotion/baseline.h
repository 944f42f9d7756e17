/* A speaker's own baseline: what is usual for this voice in this conversation.
 *
 * Pure functions over a conversation; one thread at a time per conversation. */
#ifndef UT_EMOTION_BASELINE_H
#define UT_EMOTION_BASELINE_H

#include "conversation/conversation.h"

/* Fewer earlier utterances than this are no baseline. */
enum { UT_BASELINE_UTTERANCES = 3 };

/* Fills features[].relative of every utterance: (value - mean) / deviation over the earlier
 * utterances of the same speaker (a running baseline, so that it also holds live), NAN without a
 * baseline. Deviations are floored at a tenth of the mean's size, so that a monotonous speaker's
 * next word is no outlier. */
void ut_baseline_relative(ut_conversation *c);

/* Mean voice embedding of a speaker over the whole conversation into mean[dim]; returns how many
 * utterances of `model` it rests on. */
size_t ut_baseline_voice(const ut_conversation *c, int speaker, const char *model, size_t dim,
                         float *mean);

/* An acoustic expert: p of a voice embedding; baseline is the speaker's mean or NULL. */
typedef void (*ut_hear)(const void *expert, const float *voice, const float *baseline,
                        float p[UT_EMOTIONS]);

/* The expert's opinion of a voice whose speaker's mean rests on `count` utterances; baseline NULL:
 * the speaker is not known. The opinions with and without the baseline are averaged in
 * log-probabilities, the first counting count / (count + 24): the mean of a few utterances, or of a
 * cluster that holds one mood of a speaker or two speakers, misleads (docs/evaluation.md). */
void ut_baseline_hear(ut_hear hear, const void *expert, const float *voice, const float *baseline,
                      size_t count, float p[UT_EMOTIONS]);

#endif
