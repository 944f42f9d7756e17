/* Text to tokens: GPT-2's split into words, numbers, marks and white space (Radford et al. 2019),
 * then byte pairs joined in the order of their identifiers, which is the order in which they were
 * learnt (as OpenAI's tiktoken has it). */
#include <limits.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "text/bpe.h"
#include "text/normalize.h"

typedef enum kind { SPACE, LETTER, NUMBER, MARK } kind;

static kind kind_of(uint32_t c)
{
    if ((c >= 9 && c <= 13) || c == 0x85)
        return SPACE;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return SPACE;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return MARK;
    }
}

/* Length of "'s", "'re" ... at text, 0 if there is none. */
static size_t contraction(const char *text, size_t length)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (n <= length && memcmp(text, endings[i], n) == 0)
            return n;
    }
    return 0;
}

/* Moves *at behind all characters of kind k; *last is where the last of them begins. */
static void skip(const char *text, size_t length, kind k, size_t *at, size_t *last)
{
    for (size_t next = *at; next < length;) {
        size_t begin = next;
        if (kind_of(ut_utf8_next(text, length, &next)) != k)
            return;
        *last = begin;
        *at = next;
    }
}

/* Length of the first piece of text[length > 0]: GPT-2's
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+   */
static size_t piece_length(const char *text, size_t length)
{
    size_t at = contraction(text, length), last = 0;
    if (at > 0)
        return at;
    kind k = kind_of(ut_utf8_next(text, length, &at));
    if (k == SPACE && text[0] == ' ' && at < length) {
        size_t next = at;
        k = kind_of(ut_utf8_next(text, length, &next));
        at = k == SPACE ? at : next;
    }
    skip(text, length, k, &at, &last);
    /* White space leaves its last character to the word behind it, unless it has no other. */
    return k == SPACE && at < length && last > 0 ? last : at;
}

/* A piece under way: `count` tokens, of which number i begins at start[i]. */
typedef struct piece {
    const ut_bpe *bpe;
    const char *text;
    size_t count;
    uint16_t start[UT_BPE_MAX_BYTES + 1];
    int joined[UT_BPE_MAX_BYTES]; /* what i and i + 1 make together, INT_MAX: nothing */
} piece;

static int join(const piece *p, size_t i)
{
    if (i + 1 >= p->count)
        return INT_MAX;
    int id = ut_bpe_find(p->bpe, p->text + p->start[i], (size_t)(p->start[i + 2] - p->start[i]));
    return id < 0 ? INT_MAX : id;
}

static void merge(piece *p)
{
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < p->count; i++)
            if (p->joined[i] < p->joined[best])
                best = i;
        if (p->joined[best] == INT_MAX)
            return;
        size_t behind = p->count - best - 1;
        memmove(p->start + best + 1, p->start + best + 2, behind * sizeof *p->start);
        memmove(p->joined + best + 1, p->joined + best + 2, (behind - 1) * sizeof *p->joined);
        p->count--;
        p->joined[best] = join(p, best);
        if (best > 0)
            p->joined[best - 1] = join(p, best - 1);
    }
}

ut_status ut_bpe_encode(const ut_bpe *bpe, const char *text, size_t length, int *ids, size_t *count,
                        ut_error *err)
{
    *count = 0;
    if (length > UT_BPE_MAX_BYTES)
        return ut_fail(err, UT_ERR_LIMIT, "text",
                       "a text of %zu bytes is too long for the tokenizer; %d bytes are the most",
                       length, UT_BPE_MAX_BYTES);
    piece p = {.bpe = bpe};
    for (size_t at = 0; at < length;) {
        size_t size = piece_length(text + at, length - at);
        p.text = text + at;
        p.count = size;
        for (size_t i = 0; i <= size; i++)
            p.start[i] = (uint16_t)i;
        for (size_t i = 0; i < size; i++)
            p.joined[i] = join(&p, i);
        merge(&p);
        for (size_t i = 0; i < p.count; i++) {
            int id = ut_bpe_find(bpe, p.text + p.start[i], (size_t)(p.start[i + 1] - p.start[i]));
            if (id < 0)
                return ut_fail(err, UT_ERR_FORMAT, "text",
                               "the vocabulary has no token for the byte %d; pull the model again",
                               (unsigned char)p.text[p.start[i]]);
            ids[(*count)++] = id;
        }
        at += size;
    }
    return UT_OK;
}
