/* The report of one conversation (report/page.h says what every report is). It holds the
 * conversation as JSON, without embeddings, and what is known of the recording. The same
 * conversation and recording give the same bytes. */
#ifndef UT_REPORT_HTML_H
#define UT_REPORT_HTML_H

#include <stdio.h>

#include "audio/peaks.h"
#include "base/buf.h"
#include "conversation/conversation.h"

/* A recording to embed: a file that browsers play, read from its beginning, and its MIME type
 * ("audio/ogg"). Without a file nothing is embedded and the page offers to open the recording from
 * disk. Without peaks the levels of the utterances are drawn. */
typedef struct ut_html_audio {
    FILE *file;
    const char *mime;
    const ut_peaks *peaks; /* NULL or without values: not known */
} ut_html_audio;

/* Puts the whole document, a window of the sound and an utterance at a time. `audio` may be NULL.
 */
UT_MUST_CHECK ut_status ut_report_html(const ut_conversation *c, const ut_html_audio *audio,
                                       ut_sink sink, ut_error *err);

#endif
