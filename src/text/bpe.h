/* Byte-level byte-pair tokens, as GPT-2 and Whisper have them: identifiers to bytes, text to
 * identifiers.
 *
 * Read from tokenizer.json (Hugging Face), else from vocabulary.json (a list) or vocabulary.txt (a
 * token a line; CTranslate2). In these files every byte of a token is written as one printable
 * character (Radford et al. 2019); here tokens are the bytes themselves. Special tokens
 * ("<|en|>") keep their written form. Immutable after opening; may be shared between threads. */
#ifndef UT_TEXT_BPE_H
#define UT_TEXT_BPE_H

#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_bpe ut_bpe;

/* The vocabulary of a model folder. */
UT_MUST_CHECK ut_status ut_bpe_open(const char *dir, ut_bpe **bpe, ut_error *err);
/* The same from memory: the text of a tokenizer.json or a vocabulary.json (first character '{' or
 * '['), or else one token a line. `name` is for messages. */
UT_MUST_CHECK ut_status ut_bpe_parse(const char *text, size_t length, const char *name,
                                     ut_bpe **bpe, ut_error *err);
void ut_bpe_close(ut_bpe *bpe); /* NULL is fine */

/* One more than the largest identifier. */
int ut_bpe_size(const ut_bpe *bpe);
/* The bytes of a token, terminated by a zero that *length does not count ("" and 0 for an
 * identifier without a token, as Whisper's timestamps are). A token may hold part of a character
 * only. */
const char *ut_bpe_token(const ut_bpe *bpe, int id, size_t *length);
/* The (lowest) identifier of these bytes, -1 if they are no token. */
int ut_bpe_find(const ut_bpe *bpe, const char *bytes, size_t length);

/* The tokens of text[length], any bytes; ids has room for `length` of them. Special tokens are not
 * looked for: "<|en|>" is encoded as the six characters that it is. UT_ERR_LIMIT for more than
 * UT_BPE_MAX_BYTES (the time grows with the square of the longest word), UT_ERR_FORMAT where the
 * vocabulary lacks a byte of the text. Equal to openai-whisper's tokenizer, but
 * for letters that are younger than the Unicode tables of libutf8proc. */
enum { UT_BPE_MAX_BYTES = 1 << 14 };
UT_MUST_CHECK ut_status ut_bpe_encode(const ut_bpe *bpe, const char *text, size_t length, int *ids,
                                      size_t *count, ut_error *err);

#endif
