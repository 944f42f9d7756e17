/* The emotion of every utterance of a conversation: asks the experts, fuses, explains.
 *
 * Experts are given as small tables of functions, so that any model may stand behind them and any
 * of them may be missing (a NULL function). Models are borrowed and immutable. One thread at a time
 * per conversation. Needs utterances with voice embeddings, features and text embeddings (steps
 * transcribe and extract). */
#ifndef UT_EMOTION_JUDGE_H
#define UT_EMOTION_JUDGE_H

#include "conversation/conversation.h"

/* One turn as the context expert sees it. */
typedef struct ut_judge_turn {
    int speaker;
    const float *text;      /* the text expert's probabilities */
    const float *embedding; /* text embedding, NULL if there is none */
    size_t embedding_count;
} ut_judge_turn;

enum { UT_JUDGE_WORDS = 4 };
typedef struct ut_judge_word {
    char text[48];
    float effect; /* log-odds that the word adds to the decided label */
} ut_judge_word;

typedef struct ut_judge_models {
    /* From an utterance's voice embedding of `voice_model`; baseline is the speaker's mean or NULL.
     */
    const char *voice_model;
    size_t voice_dim;
    const void *acoustic;
    void (*hear)(const void *acoustic, const float *voice, const float *baseline,
                 float p[UT_EMOTIONS]);

    const void *text;
    void (*read)(const void *text, const char *words, const float *embedding, size_t n,
                 float p[UT_EMOTIONS]);
    /* The words that moved the text decision towards `label` most; returns how many. */
    size_t (*weigh)(const void *text, const char *words, ut_emotion_label label,
                    ut_judge_word out[UT_JUDGE_WORDS]);

    const void *context;
    void (*follow)(const void *context, const ut_judge_turn *turns, size_t count, size_t index,
                   float p[UT_EMOTIONS]);

    /* Labelled examples nearest to a text embedding, at most `k`, nearest first; strings live as
     * long as the models. */
    const void *examples;
    size_t (*nearest)(const void *examples, const char *model, const float *embedding, size_t n,
                      size_t k, ut_example *out);
} ut_judge_models;

typedef struct ut_judge_options {
    bool audio, text, context, retrieval;
    int baseline; /* utterances of a speaker that make a voice baseline */
} ut_judge_options;

/* Everything on, 5. */
ut_judge_options ut_judge_defaults(void);

UT_MUST_CHECK ut_status ut_judge(const ut_judge_models *models, const ut_judge_options *options,
                                 ut_conversation *c, ut_error *err);

#endif
