/* Labelled example utterances, held with their embeddings and searched exactly.
 *
 * Read from JSON lines {"text": ..., "label": ...}; embedded with the text encoder in use when
 * opened, so that distances are of one kind, or with vectors that it made before. Immutable after
 * opening; any number of threads. */
#ifndef UT_EMOTION_EXAMPLES_H
#define UT_EMOTION_EXAMPLES_H

#include "emotion/judge.h"

typedef struct ut_examples ut_examples;

typedef struct ut_examples_from {
    const char *path;  /* JSON lines */
    const char *name;  /* what evidence calls the collection */
    const char *model; /* the encoder's name ... */
    size_t dim;        /* ... and the values of its embeddings */
    ut_judge_embed embed;
    void *context;
    /* A weights file with `vectors`, [lines, dim] in the order of the lines, and metadata
     * examples_sha256 and encoder_sha256 (tools/train/starter_vectors.py): taken if these are the
     * hashes of `path` and of the encoder. If it is NULL, absent, or of other files, the lines are
     * embedded. */
    const char *vectors;
    const char *encoder_sha256;
} ut_examples_from;

UT_MUST_CHECK ut_status ut_examples_open(const ut_examples_from *from, ut_examples **examples,
                                         ut_error *err);
void ut_examples_close(ut_examples *examples); /* NULL is fine */
size_t ut_examples_count(const ut_examples *examples);

/* The k nearest by cosine distance, nearest first, into out[k]; returns how many. None for an
 * embedding of another model, or when memory runs out. Strings come from `arena`. Fits
 * ut_judge_models.nearest. */
size_t ut_examples_nearest(const void *examples, const char *model, const float *embedding,
                           size_t n, size_t k, ut_arena *arena, ut_example *out);

#endif
