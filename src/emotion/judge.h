/* The emotion of every utterance of a conversation: asks the experts, fuses, explains.
 *
 * Experts are given as small tables of functions, so that any model may stand behind them and any
 * of them may be missing (a NULL function). Models are borrowed and immutable. One thread at a time
 * per conversation. Needs utterances with voice embeddings, features and text embeddings (steps
 * transcribe and extract). */
#ifndef UT_EMOTION_JUDGE_H
#define UT_EMOTION_JUDGE_H

#include "conversation/conversation.h"
#include "emotion/baseline.h"
#include "emotion/examples.h"
#include "models/emotion_text/emotion_text.h"

/* Makes the sentence vector of a text with the encoder in use. */
typedef ut_status (*ut_judge_embed)(void *context, const char *text, float *embedding,
                                    ut_error *err);

typedef struct ut_judge_models {
    /* From an utterance's voice embedding of `voice_model`; baseline is the speaker's mean or NULL.
     */
    const char *voice_model;
    size_t voice_dim;
    const void *acoustic;
    ut_hear hear;

    /* Text embeddings of `text_model`. */
    const char *text_model;
    const ut_text_expert *text;
    const ut_context_expert *context;
    ut_judge_embed embed;
    void *embed_context;

    /* What labelled examples say of each utterance, into out[utterances] (ut_examples_recall()). */
    const void *examples;
    ut_status (*recall)(const void *examples, ut_conversation *c, bool text, bool voice, size_t k,
                        ut_recalled *out, ut_error *err);

    /* Asked last, when every utterance has its base decision: writes the language model's opinions
     * where it wants them heard, and how far to believe it, 0 .. 1 (emotion/refine.h). */
    void *refine_context;
    ut_status (*refine)(void *context, ut_conversation *c, float *trust, ut_error *err);
} ut_judge_models;

typedef struct ut_judge_options {
    bool audio, text, context, retrieval;
    bool ahead;   /* context sees the turns after, too */
    bool explain; /* false: no cues and no explanation, which take most of the time */
    int baseline; /* utterances of a speaker that make a voice baseline */
} ut_judge_options;

/* Everything on, 5. */
ut_judge_options ut_judge_defaults(void);

UT_MUST_CHECK ut_status ut_judge(const ut_judge_models *models, const ut_judge_options *options,
                                 ut_conversation *c, ut_error *err);

#endif
