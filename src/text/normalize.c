#include "text/normalize.h"

#include <utf8proc.h>

uint32_t ut_utf8_next(const char *text, size_t length, size_t *at)
{
    utf8proc_int32_t c = -1;
    size_t left = length - *at;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + *at,
                                          (utf8proc_ssize_t)(left > 4 ? 4 : left), &c);
    if (n <= 0 || c < 0) {
        *at += 1;
        return 0xFFFD;
    }
    *at += (size_t)n;
    return (uint32_t)c;
}

static bool is_cjk(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* The White_Space property, not the category: U+0085 is a control character and still a space. */
static bool is_space(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r' || c == 0x0B || c == 0x0C || c == 0x85)
        return true;
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

/* Dropped by the cleaning step. Tab and line ends are spaces; vertical tab, form feed and U+0085
 * are controls first. */
static bool is_dropped(uint32_t c)
{
    if (c == 0 || c == 0xFFFD)
        return true;
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CO ||
           k == UTF8PROC_CATEGORY_CS;
}

static bool is_punctuation(uint32_t c)
{
    if ((c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
        (c >= 123 && c <= 126))
        return true;
    if (c < 128)
        return false;
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

typedef struct splitter {
    ut_buf *words;
    bool in_word;
} splitter;

static void end_word(splitter *s)
{
    if (s->in_word)
        ut_buf_add(s->words, "\n", 1);
    s->in_word = false;
}

/* One normalised character: part of a word, or a word of its own. */
static void put(splitter *s, uint32_t c)
{
    if (is_space(c)) {
        end_word(s);
        return;
    }
    bool alone = is_punctuation(c);
    if (alone)
        end_word(s);
    utf8proc_uint8_t bytes[4];
    ut_buf_add(s->words, bytes, (size_t)utf8proc_encode_char((utf8proc_int32_t)c, bytes));
    s->in_word = true;
    if (alone)
        end_word(s);
}

void ut_text_basic_words(const char *text, size_t length, bool lower_case, ut_buf *words)
{
    splitter s = {words, false};
    if (length > UT_TEXT_MAX_BYTES)
        length = UT_TEXT_MAX_BYTES;
    for (size_t at = 0; at < length;) {
        uint32_t c = ut_utf8_next(text, length, &at);
        if (is_dropped(c))
            continue;
        bool cjk = is_cjk(c);
        if (cjk)
            end_word(&s);
        if (!lower_case) {
            put(&s, c);
        } else {
            utf8proc_int32_t parts[32];
            int boundary = 0;
            utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, 32,
                                                         UTF8PROC_DECOMPOSE, &boundary);
            for (utf8proc_ssize_t i = 0; i < n && i < 32; i++)
                if (utf8proc_category(parts[i]) != UTF8PROC_CATEGORY_MN)
                    put(&s, (uint32_t)utf8proc_tolower(parts[i]));
        }
        if (cjk)
            end_word(&s);
    }
    end_word(&s);
}
