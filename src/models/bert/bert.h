/* BERT encoders as sentence encoders (Devlin et al. 2019; Sentence-BERT, Reimers & Gurevych 2019).
 *
 * Reads what the hub serves: config.json, model.safetensors, tokenizer.json or vocab.txt. Sizes
 * come from the config; any post-norm encoder with absolute positions and erf GELU works
 * (all-MiniLM-L6-v2: 6 layers of 384). A ut_bert is immutable and may be shared between threads,
 * each with an arena of its own. */
#ifndef UT_MODELS_BERT_BERT_H
#define UT_MODELS_BERT_BERT_H

#include <stddef.h>

#include "base/arena.h"
#include "undertone_status.h"

typedef struct ut_bert ut_bert;

/* Longest input in word pieces, [CLS] and [SEP] included (sentence-transformers' limit for MiniLM).
 */
enum { UT_BERT_MAX_TOKENS = 256 };

UT_MUST_CHECK ut_status ut_bert_open(const char *folder, ut_bert **bert, ut_error *err);
void ut_bert_close(ut_bert *bert); /* NULL is fine */

/* Values of an embedding: 384 for MiniLM. */
size_t ut_bert_dimensions(const ut_bert *bert);

/* The sentence vector of `text` (UTF-8): mean over all tokens of the last layer, L2-normalised,
 * into out[dimensions]. `scratch` is reset and used for activations. *tokens (may be NULL) is the
 * number of word pieces the whole text has; more than UT_BERT_MAX_TOKENS means that its end was not
 * read. */
UT_MUST_CHECK ut_status ut_bert_embed(const ut_bert *bert, const char *text, float *out,
                                      ut_arena *scratch, size_t *tokens, ut_error *err);

/* The same for texts[count] into out[count, dimensions], at most UT_BERT_BATCH at a time. The
 * weights, which do not fit a processor's cache, are read once for all of them: 1.9 times as fast
 * a text for lines of talk. Rounding may differ from the single text's in the last bits. */
enum { UT_BERT_BATCH = 32 };
UT_MUST_CHECK ut_status ut_bert_embed_many(const ut_bert *bert, const char *const *texts,
                                           size_t count, float *out, ut_arena *scratch,
                                           ut_error *err);

#endif
