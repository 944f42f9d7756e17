/* What goes into a knowledge base and comes out of it: results, recordings, sentences, JSON lines
 * and tables; and looking for utterances in it. */
#ifndef UT_PIPELINE_KNOWLEDGE_FILES_H
#define UT_PIPELINE_KNOWLEDGE_FILES_H

#include "pipeline/knowledge.h"

/* Either paths or a text. */
typedef struct ut_knowledge_source {
    const char *const *paths; /* results, recordings, or folders of either */
    size_t count;
    const char *ground_truth; /* labels for them; NULL: those corrected in utterances.csv */
    const char *text;
    int label; /* of the text, -1: none */
    const char *speaker, *language, *channel;
    const char *source; /* the collection's name; NULL: the conversation's id, or "added" */
} ut_knowledge_source;

/* Whether anything must be listened to first, which takes an engine that can. */
UT_MUST_CHECK ut_status ut_knowledge_has_recordings(const ut_knowledge_source *from, bool *has,
                                                    ut_error *err);

/* Adds all of it; stops at the first that fails, what was added before stays. */
UT_MUST_CHECK ut_status ut_knowledge_add_all(const ut_engine *engine, ut_store *store,
                                             const ut_knowledge_source *from, size_t *added,
                                             size_t *labelled, ut_error *err);

/* By its ending a .jsonl file (ut_store_import()) or a .csv table with a column "text" and, as
 * wished, label, speaker, language, channel, source, conversation, start, end. `source` (NULL: the
 * file's name) stands where the file says none. The whole file is checked before anything is added.
 */
UT_MUST_CHECK ut_status ut_knowledge_import(const ut_engine *engine, ut_store *store,
                                            const char *path, const char *source, size_t *added,
                                            ut_error *err);
/* The other way round; a table carries no embeddings, so that voices are lost with it. */
UT_MUST_CHECK ut_status ut_knowledge_export(ut_store *store, const char *path, ut_error *err);

UT_MUST_CHECK ut_status ut_knowledge_remove_source(ut_store *store, const char *source,
                                                   size_t *removed, ut_error *err);

typedef struct ut_knowledge_query {
    const char *text, *audio; /* one of them; a recording asks for each of its utterances */
    size_t k;
    ut_store_filter filter;
} ut_knowledge_query;

/* Called with each utterance found, nearest first; distances as ut_combined_distance(). */
typedef void (*ut_knowledge_show)(void *context, const ut_store_item *item, float distance);

UT_MUST_CHECK ut_status ut_knowledge_search(const ut_engine *engine, ut_store *store,
                                            const ut_knowledge_query *query, ut_knowledge_show show,
                                            void *context, ut_error *err);

#endif
