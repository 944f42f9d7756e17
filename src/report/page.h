/* The frame of a report: a single HTML file that needs no network.
 *
 * It holds the style, the libraries and the script of web/ and the data as JSON. A content security
 * policy allows exactly that style and those scripts by hash, and nothing from elsewhere. */
#ifndef UT_REPORT_PAGE_H
#define UT_REPORT_PAGE_H

#include "base/buf.h"

typedef struct ut_page {
    const char *title;
    const char *script; /* web/report/<script>.js: "conversation", "collection", "evaluation" */
    ut_sink sink;
} ut_page;

/* Everything before the body's own elements: audio may be put between. */
UT_MUST_CHECK ut_status ut_page_begin(const ut_page *page, ut_error *err);
/* Begins the data; what follows is to be put through the sink, as JSON, in pieces that end between
 * two characters. The sink lives as long as the page. */
UT_MUST_CHECK ut_status ut_page_data(const ut_page *page, ut_sink *data, ut_error *err);
/* Ends the data and the page. */
UT_MUST_CHECK ut_status ut_page_end(const ut_page *page, ut_error *err);

UT_MUST_CHECK ut_status ut_page_text(const ut_page *page, const char *text, ut_error *err);

/* The Content-Security-Policy under which the service gives the page: nothing from elsewhere, in
 * nobody's frame. */
extern const char ut_page_policy[];

#endif
