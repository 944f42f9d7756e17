/* The report of one conversation: a single HTML file that needs no network and no library.
 *
 * It holds the conversation as JSON (without embeddings), the page, its style and its script from
 * web/report. A content security policy allows exactly that style and script by hash, and nothing
 * from elsewhere. The same conversation and recording give the same bytes. */
#ifndef UT_REPORT_HTML_H
#define UT_REPORT_HTML_H

#include <stdio.h>

#include "base/buf.h"
#include "conversation/conversation.h"

/* A recording to embed: a file that browsers play, read from its beginning, and its MIME type
 * ("audio/ogg"). Without a file nothing is embedded and the page offers to open the recording from
 * disk. */
typedef struct ut_html_audio {
    FILE *file;
    const char *mime;
} ut_html_audio;

/* Puts the whole document, a window of the sound and an utterance at a time. `audio` may be NULL.
 */
UT_MUST_CHECK ut_status ut_report_html(const ut_conversation *c, const ut_html_audio *audio,
                                       ut_sink sink, ut_error *err);

#endif
