/* What the files of the recogniser share: the search, and words out of tokens. */
#ifndef UT_SPEECH_RECOGNIZE_INTERNAL_H
#define UT_SPEECH_RECOGNIZE_INTERNAL_H

#include <stdint.h>

#include "speech/recognize.h"

enum {
    UT_LONGEST_TEXT = UT_WHISPER_CONTEXT / 2, /* tokens of a window */
    UT_LONGEST_PROMPT = UT_WHISPER_CONTEXT - UT_LONGEST_TEXT
};

/* Tokens that a search has found; probabilities are those of the masked distribution. */
typedef struct hypothesis {
    int tokens[UT_LONGEST_TEXT + 1];
    float log_probabilities[UT_LONGEST_TEXT + 1]; /* of each token; the end's behind the last */
    int count;                                    /* without the end */
    double sum;                                   /* of log-probabilities, with the end's */
} hypothesis;

struct ut_recognizer_session {
    const ut_recognizer *recognizer;
    const ut_whisper *model;
    ut_whisper_state *state;
    float *logits;      /* [UT_WHISPER_ROWS, vocabulary] */
    uint8_t *forbidden; /* [vocabulary]: never sampled */
    uint8_t history[2][UT_WHISPER_ROWS][UT_WHISPER_CONTEXT];
    hypothesis beams[2][UT_WHISPER_ROWS]; /* now, and the next step's */
    hypothesis finished[UT_WHISPER_ROWS];
    hypothesis best;
    uint8_t *steps; /* [UT_LONGEST_TEXT + 8, UT_WHISPER_FRAMES + 1]: time warping's way */
    double *costs;  /* [2, UT_WHISPER_FRAMES + 1] */
    int prompt[UT_LONGEST_PROMPT];
    int prompt_count;
    int prompt_start; /* where the start token is; before it, the text that came before */
};

/* Decodes the encoded window behind session->prompt into session->best. Temperature 0 is beam
 * search, above it the best of options->beam samples. UT_ERR_CANCELLED if asked to. */
UT_MUST_CHECK ut_status ut_search(ut_recognizer_session *session,
                                  const ut_recognize_options *options, float temperature,
                                  ut_error *err);

/* Logits of one step become log-probabilities under the rules, in place. `text`: what was decoded
 * so far. */
void ut_search_rules(const ut_recognizer_session *session, const ut_recognize_options *options,
                     const hypothesis *text, float *logits);

/* A path of least cost from (0, 0) to (rows - 1, columns - 1) through -matrix, steps down, right or
 * both: first[r] is the column where row r begins. steps and costs as in the session. */
void ut_warp(const float *matrix, int rows, int columns, uint8_t *steps, double *costs, int *first);

/* Tokens to words, and times to words. `seconds` is the window's length. */
UT_MUST_CHECK ut_status ut_words_from_tokens(ut_recognizer_session *session, bool times,
                                             double seconds, ut_arena *arena,
                                             ut_recognition *result, ut_error *err);

#endif
