/* Text cleaning as BERT's basic tokenizer does it (Devlin et al. 2019; equal to Hugging Face's
 * BertNormalizer and BertPreTokenizer): control characters and bad UTF-8 dropped, CJK characters
 * set apart, accents stripped and letters lower-cased, words split at white space and around
 * punctuation.
 *
 * Pure functions; any thread. */
#ifndef UT_TEXT_NORMALIZE_H
#define UT_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Text beyond this many bytes is not looked at: 256 word pieces are far less. */
enum { UT_TEXT_MAX_BYTES = 1 << 16 };

/* Decodes the character at text[*at] and moves *at behind it. Malformed bytes give U+FFFD, one a
 * byte. `*at` must be below `length`. */
uint32_t ut_utf8_next(const char *text, size_t length, size_t *at);

/* Appends the words of text[length] to `words`, each followed by one '\n'. */
void ut_text_basic_words(const char *text, size_t length, bool lower_case, ut_buf *words);

#endif
