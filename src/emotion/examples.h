/* Labelled example utterances, near ones of which are brought as evidence: the collection that
 * comes with the program and, where the user has one, their own knowledge base.
 *
 * Both hold combined embeddings (combined.h). Opened once, then immutable; any number of threads. A
 * knowledge base that others change meanwhile is seen as it is at each search. */
#ifndef UT_EMOTION_EXAMPLES_H
#define UT_EMOTION_EXAMPLES_H

#include "emotion/combined.h"
#include "store/store.h"

typedef struct ut_examples ut_examples;

/* Makes the sentence vector of a text, [UT_COMBINED_TEXT], with the encoder in use. */
typedef ut_status (*ut_examples_embed)(void *context, const char *text, float *embedding,
                                       ut_error *err);

typedef struct ut_examples_from {
    const char *path;         /* JSON lines {"text": ..., "label": ...} */
    const char *name;         /* what evidence calls the collection */
    const ut_combined *space; /* its names must outlive the examples */
    ut_examples_embed embed;
    void *context;
    /* A weights file with `vectors`, [lines, UT_COMBINED_TEXT] in the order of the lines, and
     * metadata examples_sha256 and encoder_sha256 (tools/train/starter_vectors.py): taken if these
     * are the hashes of `path` and of the encoder. If it is NULL, absent, or of other files, the
     * lines are embedded. */
    const char *vectors;
    const char *encoder_sha256;
} ut_examples_from;

UT_MUST_CHECK ut_status ut_examples_open(const ut_examples_from *from, ut_examples **examples,
                                         ut_error *err);
void ut_examples_close(ut_examples *examples); /* NULL is fine */

/* Takes a knowledge base of this space too, and closes it in the end (also when this fails). */
UT_MUST_CHECK ut_status ut_examples_add_store(ut_examples *examples, ut_store *store,
                                              const ut_combined *space, ut_error *err);

/* Examples that come with the program. */
size_t ut_examples_count(const ut_examples *examples);

/* What the utterances of a conversation are filed under: the hash of its recording, so that the
 * same recording under another name is known as the same, or else its id. */
const char *ut_examples_conversation(const ut_conversation *c);

/* What examples say of an utterance. */
typedef struct ut_recalled {
    ut_example *examples; /* evidence to show, nearest first */
    size_t count;         /* 0: there is none, and no opinion */
    float opinion[UT_EMOTIONS];
} ut_recalled;

/* What comes to mind of each utterance, into out[utterances]: by what was said (`text`), how it
 * sounded (`voice`), or both. Nothing of this very conversation. All the nearest vote; the at most
 * `k` (64 at most) shown as evidence, nearest first, are each text once and at most two of any one
 * conversation. ut_example.distance is as ut_combined_distance(). Strings come from the
 * conversation's arena. `examples` is a ut_examples: fits ut_judge_models.recall. */
UT_MUST_CHECK ut_status ut_examples_recall(const void *examples, ut_conversation *c, bool text,
                                           bool voice, size_t k, ut_recalled *out, ut_error *err);

#endif
