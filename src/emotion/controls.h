/* How far to believe the language model.
 *
 * Control lines: sentences written for this program whose feeling nobody doubts. A few go with
 * every call, unmarked. A model that is no good, answers at random, or obeys what a transcript
 * orders it to say, gets them wrong.
 *
 * Agreement: how often it seems right about the conversation itself, judged by the base
 * probabilities, which are calibrated (an observer's accuracy estimated from others' opinions, as
 * in Dawid and Skene 1979). It is asked about some lines of which the base is sure, too: a model
 * that is wrong contradicts them. So one that knows the control lines and nothing else is not
 * believed either. */
#ifndef UT_EMOTION_CONTROLS_H
#define UT_EMOTION_CONTROLS_H

#include <stddef.h>

#include "conversation/conversation.h"

enum { UT_CONTROLS = 4 }; /* in a call, each of another label */

typedef struct ut_control {
    const char *text;
    ut_emotion_label label;
} ut_control;

/* The controls of a call; `seed` is any text of it, so that the same call has the same ones. */
void ut_controls_choose(const char *seed, ut_control controls[UT_CONTROLS]);

/* How far to believe a model that gave the true labels of `count` controls `sum` of probability in
 * all: nothing up to a half of it (chance gives a fifth), fully from four fifths on. */
float ut_controls_trust(double sum, size_t count);

enum { UT_ACCURACIES = 21 };

/* How likely what a model said is for each accuracy 0, 0.05 .. 1 of it; begins as zeros. */
typedef struct ut_agreement {
    double log_likelihood[UT_ACCURACIES];
} ut_agreement;

/* A line, with what the base and the model make of it. */
void ut_agreement_add(ut_agreement *agreement, const float base[UT_EMOTIONS],
                      const float said[UT_EMOTIONS]);

/* The accuracy to be expected of it, 0 .. 1; a half where nothing is known. */
double ut_agreement_accuracy(const ut_agreement *agreement);

/* Nothing up to an accuracy of 0.54, fully from 0.64 on: fitted on MELD's development part with
 * scripted models (tests/e2e/test_llm.py has the table). */
float ut_agreement_trust(const ut_agreement *agreement);

#endif
