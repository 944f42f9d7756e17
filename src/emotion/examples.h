/* Labelled example utterances, held with their embeddings and searched exactly.
 *
 * Read from JSON lines {"text": ..., "label": ...}; embedded with the text encoder in use when
 * opened, so that distances are of one kind. Immutable after opening; any number of threads. */
#ifndef UT_EMOTION_EXAMPLES_H
#define UT_EMOTION_EXAMPLES_H

#include "emotion/judge.h"

typedef struct ut_examples ut_examples;

/* `source` is what evidence calls the collection; `dim` the values of an embedding. */
UT_MUST_CHECK ut_status ut_examples_open(const char *path, const char *source, const char *model,
                                         size_t dim, ut_judge_embed embed, void *context,
                                         ut_examples **examples, ut_error *err);
void ut_examples_close(ut_examples *examples); /* NULL is fine */
size_t ut_examples_count(const ut_examples *examples);

/* The k nearest by cosine distance, nearest first, into out[k]; returns how many. None for an
 * embedding of another model, or when memory runs out. Strings come from `arena`. Fits
 * ut_judge_models.nearest. */
size_t ut_examples_nearest(const void *examples, const char *model, const float *embedding,
                           size_t n, size_t k, ut_arena *arena, ut_example *out);

#endif
