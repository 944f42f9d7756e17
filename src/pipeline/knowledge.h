/* The user's knowledge base: utterances with what a person said of them, in a store.
 *
 * What was only analysed is in it without a label: search and history find it, it has no vote. */
#ifndef UT_PIPELINE_KNOWLEDGE_H
#define UT_PIPELINE_KNOWLEDGE_H

#include <stdbool.h>

#include "emotion/combined.h"
#include "eval/truth.h"
#include "pipeline/engine.h"
#include "store/store.h"

/* Opens a store as it is; where there is none and `mode` lets it be made, one of this space. The
 * token of a Chroma server comes from CHROMA_TOKEN. `space` may be NULL: it must be there. */
UT_MUST_CHECK ut_status ut_knowledge_open(const char *where, ut_store_mode mode,
                                          const ut_combined *space, ut_store **store,
                                          ut_error *err);

/* The space of a store, in the arena, as far as embeddings that are made here may be compared in
 * it. A text encoder of another name or of other weights is UT_ERR_MISMATCH, saying what to do,
 * where `reads` or where voices could not be compared either, and else counts as missing. Voices of
 * other weights have another name, and so count as missing, too. What is missing is warned of. */
UT_MUST_CHECK ut_status ut_knowledge_space(const ut_engine *engine, const ut_store *store,
                                           bool reads, ut_arena *arena, ut_combined *space,
                                           ut_error *err);

/* Adds an analysed conversation's utterances to a store of this space; labels[utterances] as
 * ut_store_item.label, NULL for none known. One that is there already takes the label given here,
 * and keeps its own where that is -1. `source` NULL: the conversation's id. *added and *labelled
 * (either may be NULL) count what is new. */
UT_MUST_CHECK ut_status ut_knowledge_add(ut_store *store, const ut_combined *space,
                                         const ut_conversation *c, const int *labels,
                                         const char *source, size_t *added, size_t *labelled,
                                         ut_error *err);

/* Those with a label into the engine's own knowledge base (ut_options.store), while it is in use;
 * UT_ERR_USAGE where it has none. `nameless`: as examples of their own with neither words, speaker
 * nor source, for where those who will see them must not know what was said. */
UT_MUST_CHECK ut_status ut_knowledge_correct(const ut_engine *engine, const ut_conversation *c,
                                             const int *labels, bool nameless, size_t *labelled,
                                             ut_error *err);

/* What a person said of a conversation's utterances, into labels[utterances], -1 where nothing:
 * from the column "corrected" of the utterances.csv beside its document. No such file or column:
 * none.
 */
UT_MUST_CHECK ut_status ut_knowledge_corrected(const char *document, const ut_conversation *c,
                                               int *labels, ut_error *err);
/* The same from ground truth: an utterance takes the label of the entry that overlaps it most, if
 * that is at least half of it; a label without times is every utterance's. */
void ut_knowledge_truth(const ut_truth *truth, const ut_conversation *c, int *labels);

#endif
