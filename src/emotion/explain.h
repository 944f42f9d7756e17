/* The decision in plain words, from its own numbers: what each expert said and how much it counted,
 * what was unusual about the voice for this speaker, which labelled examples were near. */
#ifndef UT_EMOTION_EXPLAIN_H
#define UT_EMOTION_EXPLAIN_H

#include "conversation/conversation.h"

/* Writes the explanation of a decided utterance from its label, opinions, cues and examples. A
 * cue's "(+6 %)" is its effect: what the label's probability would lose without it. */
UT_MUST_CHECK ut_status ut_explain(ut_conversation *c, ut_utterance *u, ut_error *err);

#endif
