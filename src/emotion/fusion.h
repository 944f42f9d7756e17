/* Fusing the experts' opinions into five calibrated probabilities.
 *
 * A product of experts in log-odds (Genest and Zidek 1986 call it a logarithmic opinion pool): each
 * adds weight * log(its opinion / what it says when it knows nothing) to a prior, so that an expert
 * with nothing to say changes nothing, and words that carry no feeling do not drown a voice that
 * does. Text, context and retrieval read the same words and share one weight between them, however
 * many of them speak. Constants are fitted by tools/train/fusion.py. Pure functions. */
#ifndef UT_EMOTION_FUSION_H
#define UT_EMOTION_FUSION_H

#include "conversation/conversation.h"

/* What an expert says when it knows nothing, by expert; sums to 1. */
const float *ut_expert_prior(ut_expert expert);

/* The language model never weighs more than this share of the whole beside the other experts: it
 * never decides alone, and is not heard where no other expert is. Nor does it ever weigh more than
 * 1: no expert has a veto, so it moves the odds of one label against another by no more than e^4.3.
 * A third: with a half, one that is right in 30 % of the unsure lines of MELD's development part
 * costs 0.3 points for 0.1, and none that is right in up to 70 % wins more (bench/refine.py). */
#define UT_LANGUAGE_MODEL_SHARE (1.0f / 3)

/* reliability[expert] in [0, 1]: how well it could hear or read this utterance; opinions that are
 * absent are passed over. Writes into opinions[].weight each expert's share in what was moved (sum
 * 1, all 0 when nothing was said) and the fused probabilities. Without any opinion: the prior of
 * talk, neutral foremost. */
void ut_fuse(ut_opinion opinions[UT_EXPERTS], const float reliability[UT_EXPERTS],
             float probabilities[UT_EMOTIONS]);

/* The labels that cannot be ruled out, bit 1 << label: of the utterances that are truly sad, nine
 * of ten have "sad" in their set, and so for each label, however rare it is. Label-conditional
 * split conformal prediction (Vovk, Gammerman and Shafer 2005; Sadinle, Lei and Wasserman 2019): a
 * label is in the set from a probability on that was fitted on talk which trained no expert; the
 * most probable one always is. It holds for talk as that was, without a language model. */
unsigned ut_label_set(const float probabilities[UT_EMOTIONS]);

#endif
