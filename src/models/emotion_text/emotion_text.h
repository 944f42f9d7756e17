/* What the words say about the feeling: the text expert and the context expert.
 *
 * The text expert is a two-layer network on a sentence vector plus a linear model on hashed word
 * n-grams; there is one for each encoder (models/text/emotion-minilm, emotion-static). The context
 * expert looks at the current turn, up to four before it and two after it, after the manner of
 * DialogueRNN's speaker and listener states, in one small window network. Probabilities are in the
 * order sad, happy, angry, neutral, non-neutral and sum to 1. Scores: models/text/emotion.md.
 *
 * Experts are immutable after opening; any number of threads. */
#ifndef UT_MODELS_EMOTION_TEXT_H
#define UT_MODELS_EMOTION_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

/* Labels, values of a sentence vector, and the turns that context looks at: the current one, those
 * before it and those after it. */
enum {
    UT_TEXT_LABELS = 5,
    UT_TEXT_DIMENSIONS = 384,
    UT_CONTEXT_BEFORE = 4,
    UT_CONTEXT_AFTER = 2,
    UT_CONTEXT_TURNS = 1 + UT_CONTEXT_BEFORE + UT_CONTEXT_AFTER
};

typedef struct ut_text_expert ut_text_expert;

UT_MUST_CHECK ut_status ut_text_expert_open(const char *path, ut_text_expert **expert,
                                            ut_error *err);
void ut_text_expert_close(ut_text_expert *expert); /* NULL is fine */

/* Calls `found` with the hash (FNV-1a) of each word and each pair of words, by BERT's basic
 * tokenizer; a text without words has the one hash 0. The expert's n-gram table has a row for each
 * hash modulo its length. */
UT_MUST_CHECK ut_status ut_text_grams(const char *text, void (*found)(void *context, uint32_t hash),
                                      void *context, ut_error *err);

/* p[5] of `text` whose vector, by the encoder that the expert was trained on, is embedding[384]. */
UT_MUST_CHECK ut_status ut_text_expert_classify(const ut_text_expert *expert, const char *text,
                                                const float *embedding, float *p, ut_error *err);

/* A word that moved the decision: text[start, start + length) of the classified text; `effect` is
 * how much the log-odds of the label fall without it (negative: the word spoke against it). */
typedef struct ut_text_cue {
    size_t start, length;
    float effect;
} ut_text_cue;

/* Makes the vector of a text; called once a word. */
typedef ut_status (*ut_text_embed)(void *context, const char *text, float *embedding,
                                   ut_error *err);

/* The words that moved `label` most, strongest first, by leaving out one at a time; at most
 * `maximum` in cues, their number in *count. With `embed` NULL only the n-gram part is asked again:
 * quick, and blind to word order. Looks at the first 48 words. */
UT_MUST_CHECK ut_status ut_text_expert_cues(const ut_text_expert *expert, const char *text,
                                            const float *embedding, int label, ut_text_embed embed,
                                            void *context, ut_text_cue *cues, size_t maximum,
                                            size_t *count, ut_error *err);

typedef struct ut_context_expert ut_context_expert;

/* One turn of a conversation. */
typedef struct ut_context_turn {
    float p_text[UT_TEXT_LABELS]; /* the text expert's */
    const float *embedding;       /* [384], NULL if the turn has no text */
    int speaker;
} ut_context_turn;

UT_MUST_CHECK ut_status ut_context_expert_open(const char *path, ut_context_expert **expert,
                                               ut_error *err);
void ut_context_expert_close(ut_context_expert *expert); /* NULL is fine */

/* p[5] of turns[0] from itself, the turns before it (turns[1] .., the nearest first) and after it
 * (turns[1 + UT_CONTEXT_BEFORE] .., the nearest first); NULL where there is none or, live, where it
 * has not been said yet. The expert was trained with the turns after and without them. */
void ut_context_expert_classify(const ut_context_expert *expert,
                                const ut_context_turn *const turns[UT_CONTEXT_TURNS], float *p);

#endif
