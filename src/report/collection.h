/* The reports over more than one conversation: a collection's, and an evaluation's (report/page.h
 * says what every report is). */
#ifndef UT_REPORT_COLLECTION_H
#define UT_REPORT_COLLECTION_H

#include <jansson.h>
#include <stddef.h>

#include "conversation/conversation.h"
#include "report/page.h"

/* One conversation at a time is looked at; what is kept of each goes straight into the page. */
typedef struct ut_collection {
    ut_page page;
    ut_sink data;
    size_t count;
} ut_collection;

/* The collection stays where it is until its end. `title` lives as long. */
UT_MUST_CHECK ut_status ut_collection_begin(ut_collection *collection, const char *title,
                                            ut_sink sink, ut_error *err);
/* `href`: where its own report lies, seen from the collection's; encoded, or NULL. Of its
 * utterances the three angriest are kept, none within 30 s of an angrier one. */
UT_MUST_CHECK ut_status ut_collection_add(ut_collection *collection, const ut_conversation *c,
                                          const char *href, ut_error *err);
UT_MUST_CHECK ut_status ut_collection_end(ut_collection *collection, ut_error *err);

/* `results`: as ut_evaluation_to_json() makes them. */
UT_MUST_CHECK ut_status ut_report_evaluation(const json_t *results, const char *title, ut_sink sink,
                                             ut_error *err);

#endif
