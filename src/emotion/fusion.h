/* Fusing the experts' opinions into five probabilities.
 *
 * Logarithmic opinion pool (Genest and Zidek 1986): the log-probabilities are averaged with
 * weights, then sharpened or flattened by one temperature. A weight is reliability times how much
 * the expert has to say: an opinion that equals its own prior says nothing, so that words that
 * carry no feeling do not drown a voice that does. Pure functions. */
#ifndef UT_EMOTION_FUSION_H
#define UT_EMOTION_FUSION_H

#include "conversation/conversation.h"

/* What an expert says when it knows nothing, by expert; sums to 1. */
const float *ut_expert_prior(ut_expert expert);

/* Nats by which an opinion departs from a prior (Kullback-Leibler), at least 0. */
float ut_opinion_information(const float prior[UT_EMOTIONS], const float p[UT_EMOTIONS]);

/* The most that the language model may have of the say that the others leave it: it never decides
 * alone, and is not heard where no other expert is. An opinion moves the odds of one label against
 * another by no more than e^(4.3 * its share) (no expert has a veto), so by a factor of 8.6 at
 * most. */
#define UT_LANGUAGE_MODEL_SHARE 0.5f

/* reliability[expert] in [0, 1]; priors[expert]: what each says when it knows nothing; opinions
 * that are absent are passed over. Writes the shares into opinions[].weight (sum 1) and the fused
 * probabilities. Without any opinion: the prior of talk, neutral foremost. */
void ut_fuse(ut_opinion opinions[UT_EXPERTS], const float reliability[UT_EXPERTS],
             const float priors[UT_EXPERTS][UT_EMOTIONS], float probabilities[UT_EMOTIONS]);

#endif
