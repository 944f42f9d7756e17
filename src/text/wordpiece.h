/* BERT's WordPiece tokenizer (Devlin et al. 2019; greedy longest match first, as Hugging Face's
 * `tokenizers`).
 *
 * A ut_wordpiece is immutable after opening and may be shared between threads. */
#ifndef UT_TEXT_WORDPIECE_H
#define UT_TEXT_WORDPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

typedef struct ut_wordpiece ut_wordpiece;

/* From a hub folder: tokenizer.json where there is one (its normaliser decides on lower case), else
 * vocab.txt with lower-casing. */
UT_MUST_CHECK ut_status ut_wordpiece_open(const char *folder, ut_wordpiece **tokenizer,
                                          ut_error *err);

/* From a vocabulary in memory, one piece a line, the line number being the id; `name` is for
 * messages. [UNK], [CLS] and [SEP] must be in it. The text is copied. */
UT_MUST_CHECK ut_status ut_wordpiece_parse(const char *vocabulary, size_t length, const char *name,
                                           bool lower_case, ut_wordpiece **tokenizer,
                                           ut_error *err);
void ut_wordpiece_close(ut_wordpiece *tokenizer); /* NULL is fine */

size_t ut_wordpiece_count(const ut_wordpiece *tokenizer);
/* Id of a piece, -1 if it is none. */
int32_t ut_wordpiece_id(const ut_wordpiece *tokenizer, const char *piece, size_t length);

/* Ids of text[length] (UTF-8, bad bytes dropped) into ids[maximum], maximum >= 2; `special` puts
 * [CLS] before and [SEP] behind. What does not fit is cut off. *count is what was written, *whole
 * (may be NULL) what the full text would have taken, up to the 64 KiB of text that are looked at.
 */
UT_MUST_CHECK ut_status ut_wordpiece_encode(const ut_wordpiece *tokenizer, const char *text,
                                            size_t length, bool special, int32_t *ids,
                                            size_t maximum, size_t *count, size_t *whole,
                                            ut_error *err);

#endif
