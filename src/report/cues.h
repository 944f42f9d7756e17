/* Cutting an utterance into subtitle cues. */
#ifndef UT_REPORT_CUES_H
#define UT_REPORT_CUES_H

#include <stddef.h>

#include "conversation/conversation.h"

#define UT_CUE_COLUMNS 42
#define UT_CUE_LINES 2
#define UT_CUE_SECONDS 7.0

/* A piece of an utterance: text[from, to) shown from start to end (seconds). */
typedef struct ut_cue_span {
    size_t from, to;
    double start, end;
} ut_cue_span;

/* Columns that `length` bytes of UTF-8 take on a terminal or screen; invalid bytes take one. */
size_t ut_text_columns(const char *text, size_t length);

/* Bytes of the longest beginning of `text` that takes at most `columns`; whole characters. */
size_t ut_text_fit(const char *text, size_t length, size_t columns);

/* Cuts text[0, length) of the utterance into cues of at most UT_CUE_LINES lines and UT_CUE_SECONDS
 * where it has words to cut between. *spans is new memory (free()). */
UT_MUST_CHECK ut_status ut_cue_cut(const ut_utterance *u, const char *text, size_t length,
                                   ut_cue_span **spans, size_t *count);

/* Bytes of the first line of a cue's text, at most UT_CUE_COLUMNS wide and broken at a space where
 * there is one; *next is where the next line starts (length: there is none). What fits in two lines
 * is broken so that they are of similar width. */
size_t ut_cue_line(const char *text, size_t length, size_t *next);

#endif
