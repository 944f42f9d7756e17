#include "eval/wer.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"

#define MAXIMUM_WORDS 400000u /* of one text: about 40 hours of talk */

static int is_apostrophe(utf8proc_int32_t c)
{
    return c == '\'' || c == 0x2018 || c == 0x2019 || c == 0x02BC || c == 0xFF07;
}

static int is_word_character(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO);
}

static void add_character(ut_buf *out, utf8proc_int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    ut_buf_add(out, bytes, (size_t)n);
}

/* One character, decomposed and folded; apostrophes wait until a word character follows them. */
static void normalize_character(utf8proc_int32_t c, ut_buf *out, int *in_word, int *apostrophe)
{
    if (is_apostrophe(c)) {
        *apostrophe = *in_word;
        return;
    }
    utf8proc_int32_t folded[32];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(
        c, folded, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
        &boundary);
    for (utf8proc_ssize_t i = 0; i < n && n <= 32; i++) {
        if (!is_word_character(folded[i])) {
            *in_word = *apostrophe = 0;
            continue;
        }
        if (!*in_word && out->length)
            ut_buf_add(out, " ", 1);
        if (*apostrophe)
            ut_buf_add(out, "'", 1);
        add_character(out, folded[i]);
        *in_word = 1;
        *apostrophe = 0;
    }
}

void ut_wer_normalize(const char *text, size_t length, ut_buf *out)
{
    int in_word = 0, apostrophe = 0;
    const uint8_t *at = (const uint8_t *)text, *end = at + length;
    while (at < end) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate(at, end - at, &c);
        if (n <= 0) {
            in_word = apostrophe = 0;
            at++;
            continue;
        }
        normalize_character(c, out, &in_word, &apostrophe);
        at += n;
    }
}

typedef struct word {
    const char *text;
    size_t length;
    uint32_t place; /* in both texts, one behind the other */
} word;

static int compare_words(const void *a, const void *b)
{
    const word *x = a, *y = b;
    size_t n = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, n);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static size_t split(const char *text, word *words, size_t count)
{
    for (;;) {
        while (is_space(*text))
            text++;
        if (!*text)
            return count;
        const char *start = text;
        while (*text && !is_space(*text))
            text++;
        if (words)
            words[count] = (word){start, (size_t)(text - start), (uint32_t)count};
        count++;
    }
}

/* Equal words get equal numbers, so that the inner loop compares integers. */
static void number_words(word *words, size_t count, uint32_t *ids)
{
    qsort(words, count, sizeof *words, compare_words);
    uint32_t id = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && compare_words(&words[i - 1], &words[i]) != 0)
            id++;
        ids[words[i].place] = id;
    }
}

/* The best way to a cell: its errors, and how many of them are of which kind. */
typedef struct cell {
    uint32_t errors, substitutions, deletions, insertions;
} cell;

static cell better(cell a, cell b)
{
    bool first = a.errors != b.errors ? a.errors < b.errors : a.substitutions <= b.substitutions;
    return first ? a : b;
}

static cell align(const uint32_t *ref, size_t n, const uint32_t *hyp, size_t m, cell *row)
{
    for (size_t j = 0; j <= m; j++)
        row[j] = (cell){(uint32_t)j, 0, 0, (uint32_t)j};
    for (size_t i = 1; i <= n; i++) {
        cell diagonal = row[0];
        row[0] = (cell){(uint32_t)i, 0, (uint32_t)i, 0};
        for (size_t j = 1; j <= m; j++) {
            cell best = diagonal, up = row[j], left = row[j - 1];
            diagonal = up;
            uint32_t differ = ref[i - 1] != hyp[j - 1];
            best.errors += differ;
            best.substitutions += differ;
            up.errors++;
            up.deletions++;
            left.errors++;
            left.insertions++;
            row[j] = better(better(best, up), left);
        }
    }
    return row[m];
}

ut_status ut_wer_count(const char *reference, const char *hypothesis, ut_wer *counts, ut_error *err)
{
    size_t n = split(reference, NULL, 0), m = split(hypothesis, NULL, 0);
    if (n > MAXIMUM_WORDS || m > MAXIMUM_WORDS)
        return ut_fail(err, UT_ERR_LIMIT, "eval",
                       "a text of %zu words is too long to be compared (at most %u); score shorter "
                       "recordings",
                       n > m ? n : m, MAXIMUM_WORDS);
    word *words = malloc((n + m + 1) * sizeof *words);
    uint32_t *ids = malloc((n + m + 1) * sizeof *ids);
    cell *row = malloc((m + 1) * sizeof *row);
    ut_status status = UT_OK;
    if (!words || !ids || !row) {
        status = ut_fail_memory(err, "eval");
        goto done;
    }
    split(reference, words, 0);
    split(hypothesis, words, n);
    number_words(words, n + m, ids);
    cell best = align(ids, n, ids + n, m, row);
    counts->reference_words += n;
    counts->hits += n - best.substitutions - best.deletions;
    counts->substitutions += best.substitutions;
    counts->deletions += best.deletions;
    counts->insertions += best.insertions;
done:
    free(words);
    free(ids);
    free(row);
    return status;
}

double ut_wer_rate(const ut_wer *counts)
{
    size_t errors = counts->substitutions + counts->deletions + counts->insertions;
    return counts->reference_words ? (double)errors / (double)counts->reference_words : NAN;
}
