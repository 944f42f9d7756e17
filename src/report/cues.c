#include "report/cues.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Bytes and columns of the first character. */
static size_t character(const char *text, size_t length, size_t *columns)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const uint8_t *)text, (utf8proc_ssize_t)length, &c);
    *columns = 1;
    if (n <= 0)
        return 1;
    int width = utf8proc_charwidth(c);
    *columns = width > 0 ? (size_t)width : 0;
    return (size_t)n;
}

size_t ut_text_columns(const char *text, size_t length)
{
    size_t sum = 0, columns;
    for (size_t i = 0; i < length; sum += columns)
        i += character(text + i, length - i, &columns);
    return sum;
}

size_t ut_text_fit(const char *text, size_t length, size_t columns)
{
    size_t used = 0, i = 0;
    while (i < length) {
        size_t wide, n = character(text + i, length - i, &wide);
        if (used + wide > columns)
            break;
        used += wide;
        i += n;
    }
    return i;
}

/* Length of the widest first line that ends at a space, or at a character where there is none. */
static size_t widest_line(const char *text, size_t length)
{
    size_t fit = ut_text_fit(text, length, UT_CUE_COLUMNS);
    if (fit == length || text[fit] == ' ')
        return fit;
    for (size_t i = fit; i > 0; i--)
        if (text[i - 1] == ' ')
            return i - 1;
    return fit;
}

static size_t skip_spaces(const char *text, size_t length, size_t at)
{
    while (at < length && text[at] == ' ')
        at++;
    return at;
}

size_t ut_cue_line(const char *text, size_t length, size_t *next)
{
    size_t best = widest_line(text, length);
    *next = skip_spaces(text, length, best);
    if (best == length || ut_text_columns(text + *next, length - *next) > UT_CUE_COLUMNS)
        return best;
    size_t widest = SIZE_MAX;
    for (size_t i = 1, limit = best; i <= limit; i++) {
        if (text[i] != ' ' || text[i - 1] == ' ')
            continue;
        size_t after = skip_spaces(text, length, i);
        size_t one = ut_text_columns(text, i), two = ut_text_columns(text + after, length - after);
        if (two <= UT_CUE_COLUMNS && (one > two ? one : two) < widest) {
            widest = one > two ? one : two;
            best = i;
            *next = after;
        }
    }
    return best;
}

static size_t line_count(const char *text, size_t length)
{
    size_t lines = 0;
    for (size_t at = 0, next; at < length; at += next, lines++)
        if (widest_line(text + at, length - at) == 0)
            return lines + 1;
        else
            next = skip_spaces(text + at, length - at, widest_line(text + at, length - at));
    return lines;
}

/* Cue boundaries may lie before each word: found by looking the words up in the text in order. */
static bool from_words(const ut_utterance *u, const char *text, size_t length, ut_cue_span *tokens)
{
    size_t at = 0;
    for (size_t i = 0; i < u->word_count; i++) {
        const char *word = u->words[i].text;
        size_t n = strlen(word);
        const char *found = n ? memmem(text + at, length - at, word, n) : NULL;
        if (!found)
            return false;
        tokens[i] =
            (ut_cue_span){i ? (size_t)(found - text) : 0, 0, u->words[i].start, u->words[i].end};
        at = (size_t)(found - text) + n;
        if (i)
            tokens[i - 1].to = tokens[i].from;
    }
    if (u->word_count)
        tokens[u->word_count - 1].to = length;
    return u->word_count > 0;
}

/* Without word times: the utterance's time shared out by length of text. */
static size_t from_spaces(const ut_utterance *u, const char *text, size_t length,
                          ut_cue_span *tokens)
{
    size_t count = 0;
    double scale = (u->end - u->start) / (double)(length ? length : 1);
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != ' ')
            end++;
        end = skip_spaces(text, length, end);
        tokens[count++] =
            (ut_cue_span){at, end, u->start + scale * (double)at, u->start + scale * (double)end};
        at = end;
    }
    return count;
}

static size_t trimmed(const char *text, const ut_cue_span *span)
{
    size_t to = span->to;
    while (to > span->from && text[to - 1] == ' ')
        to--;
    return to;
}

static bool ends_clause(const char *text, const ut_cue_span *token)
{
    size_t to = trimmed(text, token);
    return to > token->from && strchr(".?!;:,", text[to - 1]);
}

/* How many of the tokens from `first` make the next cue. */
static size_t cue_tokens(const char *text, const ut_cue_span *tokens, size_t count)
{
    size_t n = 1;
    for (; n < count; n++) {
        ut_cue_span span = {tokens[0].from, tokens[n].to, 0, 0};
        size_t length = trimmed(text, &span) - span.from;
        if (line_count(text + span.from, length) > UT_CUE_LINES ||
            tokens[n].end - tokens[0].start > UT_CUE_SECONDS)
            break;
    }
    for (size_t k = n; n < count && k > n / 2 && k > 1; k--)
        if (ends_clause(text, &tokens[k - 1]))
            return k;
    return n;
}

ut_status ut_cue_cut(const ut_utterance *u, const char *text, size_t length, ut_cue_span **spans,
                     size_t *count)
{
    size_t most = (u->word_count > length ? u->word_count : length) + 1;
    ut_cue_span *tokens = calloc(most, sizeof *tokens);
    if (!tokens)
        return UT_ERR_MEMORY;
    size_t n = u->word_count;
    if (!from_words(u, text, length, tokens))
        n = from_spaces(u, text, length, tokens);
    size_t cues = 0;
    for (size_t first = 0, take; first < n; first += take) {
        take = cue_tokens(text, tokens + first, n - first);
        ut_cue_span cue = {tokens[first].from, tokens[first + take - 1].to, tokens[first].start,
                           tokens[first + take - 1].end};
        cue.to = trimmed(text, &cue);
        if (first == 0)
            cue.start = fmin(cue.start, u->start);
        if (first + take == n)
            cue.end = fmax(cue.end, u->end);
        tokens[cues++] = cue; /* cues <= first: what was read is overwritten */
    }
    *spans = tokens;
    *count = cues;
    return UT_OK;
}
