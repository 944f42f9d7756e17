/* Static word-piece embeddings: a sentence vector without a network (after model2vec, Minish Lab
 * 2024).
 *
 * Distilled from all-MiniLM-L6-v2 and mapped into its 384-value space, so that vectors of the two
 * may be compared, if loosely; models/text/static.md says how close they are. The file carries its
 * vocabulary. Immutable after opening; any number of threads. */
#ifndef UT_MODELS_STATIC_EMBEDDING_H
#define UT_MODELS_STATIC_EMBEDDING_H

#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_static_embedding ut_static_embedding;

UT_MUST_CHECK ut_status ut_static_embedding_open(const char *path, ut_static_embedding **embedding,
                                                 ut_error *err);
void ut_static_embedding_close(ut_static_embedding *embedding); /* NULL is fine */

/* Values of a vector: 384. */
size_t ut_static_embedding_dimensions(const ut_static_embedding *embedding);
/* What to write down as the maker of a vector: "undertone-static-160". */
const char *ut_static_embedding_name(const ut_static_embedding *embedding);

/* The L2-normalised vector of `text` into out[dimensions]; an empty text has one too. */
UT_MUST_CHECK ut_status ut_static_embedding_embed(const ut_static_embedding *embedding,
                                                  const char *text, float *out, ut_error *err);

#endif
