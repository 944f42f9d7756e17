/* The decision in plain words, from its own numbers: what each expert said and how much it counted,
 * what was unusual about the voice for this speaker, which labelled examples were near. */
#ifndef UT_EMOTION_EXPLAIN_H
#define UT_EMOTION_EXPLAIN_H

#include "conversation/conversation.h"

/* Finds the voice cues of an utterance (features at least one deviation from the speaker's usual,
 * the strongest first, at most four) and writes explanation and cues into its emotion. Cues that
 * the text expert gave stand in emotion.cues already and are kept. */
UT_MUST_CHECK ut_status ut_explain(ut_conversation *c, ut_utterance *u, ut_error *err);

#endif
