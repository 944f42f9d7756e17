/* Control lines: sentences written for this program whose feeling nobody doubts. A few go with
 * every call to the language model, unmarked; how it judges them says how far to believe the rest.
 * A model that is no good, answers at random, or obeys what a transcript orders it to say, gets
 * them wrong. */
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

#endif
