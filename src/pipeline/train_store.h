/* The training set as a knowledge base: what was labelled for training can vote as an example, too.
 */
#ifndef UT_PIPELINE_TRAIN_STORE_H
#define UT_PIPELINE_TRAIN_STORE_H

#include "pipeline/engine.h"
#include "train/heads.h"

typedef struct ut_train_examples {
    const ut_engine *engine; /* that took the features */
    const ut_dataset *dataset;
    const ut_clip *clips;          /* [dataset->count] */
    const ut_features *features;   /* NULL: no voices */
    const ut_trained_voice *voice; /* whose embeddings they become; NULL: no voices */
    const ut_text_set *texts;      /* NULL: no words */
    const char *model_sha256;      /* of the file that was written */
} ut_train_examples;

/* Whether the store at `where`, if there is one, can take words of this engine (`reads`): asked
 * before hours of training. UT_ERR_MISMATCH where it was filled with another text encoder. */
UT_MUST_CHECK ut_status ut_train_store_check(const ut_engine *engine, const char *where, bool reads,
                                             ut_error *err);

/* Adds every utterance with its label to the store at `where` (made if absent); one that is there
 * already keeps its place and takes the label. The store's space is that of `run --model` with the
 * same file. */
UT_MUST_CHECK ut_status ut_train_store(const ut_train_examples *examples, const char *where,
                                       size_t *added, ut_error *err);

#endif
