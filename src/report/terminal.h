/* The summary of a conversation on a terminal: who, when, emotion, confidence, text. */
#ifndef UT_REPORT_TERMINAL_H
#define UT_REPORT_TERMINAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "conversation/conversation.h"

typedef struct ut_terminal_options {
    int columns; /* of the terminal; below 56 counts as 56, 0 as 80 */
    bool color;  /* ANSI colours for the emotions */
} ut_terminal_options;

/* The recording's name, a line of headings, one line per utterance with its text cut to the width
 * with "...", and the conversation's notes. Control characters are shown as '?', so that no text
 * can steer the terminal. */
UT_MUST_CHECK ut_status ut_terminal_table(const ut_conversation *c, ut_terminal_options options,
                                          ut_buf *out);

#endif
