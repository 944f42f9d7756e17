/* Word error rate: the smallest number of substituted, deleted and inserted words that turns the
 * hypothesis into the reference, over the words of the reference.
 *
 * Before comparing, both texts are normalised: Unicode compatibility form, decomposed (NFKD); case
 * folded; curly apostrophes become straight; apostrophes inside a word stay ("don't"); every other
 * punctuation mark and symbol separates words ("well-known" is two); white space is collapsed.
 * Numbers are compared as written. Pure functions; thread-safe. */
#ifndef UT_EVAL_WER_H
#define UT_EVAL_WER_H

#include <stddef.h>

#include "base/buf.h"
#include "undertone_status.h"

typedef struct ut_wer {
    size_t reference_words;
    size_t hits, substitutions, deletions, insertions;
} ut_wer;

/* Appends the normalised form of `length` bytes of UTF-8 (invalid bytes separate words): words with
 * one space between. */
void ut_wer_normalize(const char *text, size_t length, ut_buf *out);

/* Compares two texts as they are (words between white space) and adds to *counts. Where several
 * alignments have the fewest errors, the one with the most hits counts (as in jiwer), which makes
 * the counts unique. Time grows with the product of both lengths: 10,000 words take about a second.
 */
UT_MUST_CHECK ut_status ut_wer_count(const char *reference, const char *hypothesis, ut_wer *counts,
                                     ut_error *err);

/* (S + D + I) / N; NAN when the reference has no word. */
double ut_wer_rate(const ut_wer *counts);

#endif
