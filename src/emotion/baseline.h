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

#endif
