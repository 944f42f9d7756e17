/* Words out of tokens, and their times, after openai-whisper's timing.py and tokenizer.py. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "speech/recognize_internal.h"

enum { WARP_BOTH, WARP_DOWN, WARP_RIGHT };

static const double FRAME = 0.02;         /* seconds of an encoder frame */
static const double LONGEST_MEDIAN = 0.7; /* seconds; a median word is not longer */
static const double SHORTEST = 0.02;

void ut_warp(const float *matrix, int rows, int columns, uint8_t *steps, double *costs, int *first)
{
    /* Cells (r, c) of 1 .. rows, 1 .. columns; `before` is the row above. */
    double *before = costs, *row = costs + columns + 1;
    for (int c = 0; c <= columns; c++)
        before[c] = c == 0 ? 0.0 : INFINITY;
    for (int r = 1; r <= rows; r++) {
        row[0] = INFINITY;
        for (int c = 1; c <= columns; c++) {
            double both = before[c - 1], down = before[c], right = row[c - 1];
            uint8_t step = WARP_RIGHT;
            double least = right;
            if (both < down && both < right) {
                step = WARP_BOTH;
                least = both;
            } else if (down < both && down < right) {
                step = WARP_DOWN;
                least = down;
            }
            row[c] = least - (double)matrix[(size_t)(r - 1) * columns + c - 1];
            steps[(size_t)(r - 1) * columns + c - 1] = step;
        }
        double *other = before;
        before = row;
        row = other;
    }
    for (int r = rows - 1, c = columns - 1; r >= 0 && c >= 0;) {
        first[r] = c;
        uint8_t step = steps[(size_t)r * columns + c];
        r -= step != WARP_RIGHT;
        c -= step != WARP_DOWN;
    }
}

/* A word under way: bytes, tokens [begin, end), and whether punctuation has swallowed it. */
typedef struct piece {
    char *text;
    size_t length;
    int begin, end;
    double start, stop;
    bool clamped, gone;
} piece;

static bool among(const char *text, size_t length, const char *const *marks)
{
    for (; *marks; marks++)
        if (strlen(*marks) == length && memcmp(*marks, text, length) == 0)
            return true;
    return false;
}

/* Is the text whole characters of UTF-8? */
static bool whole_characters(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        unsigned char c = (unsigned char)text[i];
        size_t size = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (c >= 0x80 && c < 0xC0)
            return false;
        if (i + size > length)
            return false;
        for (size_t k = 1; k < size; k++)
            if (((unsigned char)text[i + k] & 0xC0) != 0x80)
                return false;
        i += size;
    }
    return true;
}

static void strip(const char **text, size_t *length)
{
    while (*length > 0 && (unsigned char)**text <= ' ') {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && (unsigned char)(*text)[*length - 1] <= ' ')
        (*length)--;
}

/* Bytes that are no UTF-8 become question marks: tokens can end a text inside a character. */
static void repair(char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        size_t size = 1;
        while (size <= 4 && i + size <= length && !whole_characters(text + i, size))
            size++;
        if (size > 4 || i + size > length) {
            text[i] = '?';
            size = 1;
        }
        i += size;
    }
}

static bool is_ascii_mark(const char *text, size_t length)
{
    return length == 1 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", text[0]) != NULL;
}

bool ut_language_is_spaced(const char *language)
{
    static const char *const unspaced[] = {"zh", "ja", "th", "lo", "my", "yue", NULL};
    return !among(language, strlen(language), unspaced);
}

static int split(const ut_recognizer_session *s, const char *language, ut_arena *arena,
                 piece *pieces)
{
    const hypothesis *h = &s->best;
    const ut_bpe *bpe = ut_whisper_bpe(s->model);
    int end = ut_whisper_get_tokens(s->model)->end;
    bool unspaced = !ut_language_is_spaced(language);
    int count = 0;
    bool partial = false;
    for (int i = 0; i < h->count; i++) {
        if (h->tokens[i] >= end) {
            partial = false;
            continue;
        }
        size_t length;
        const char *bytes = ut_bpe_token(bpe, h->tokens[i], &length);
        const char *bare = bytes;
        size_t bare_length = length;
        strip(&bare, &bare_length);
        bool begins = unspaced || count == 0 || length == 0 || bytes[0] == ' ' ||
                      is_ascii_mark(bare, bare_length);
        if (!partial && (begins || pieces[count - 1].end != i)) {
            pieces[count] = (piece){.begin = i, .end = i};
            count++;
        }
        piece *p = &pieces[count - 1];
        char *text = ut_arena_alloc(arena, p->length + length + 1, 1);
        if (!text)
            return -1;
        if (p->length > 0)
            memcpy(text, p->text, p->length);
        memcpy(text + p->length, bytes, length);
        p->text = text;
        p->length += length;
        p->end = i + 1;
        partial = !whole_characters(p->text, p->length);
    }
    return count;
}

/* Forced run over the text: where each token begins, in frames. */
static void token_times(ut_recognizer_session *s, double seconds, int *first)
{
    const ut_whisper_tokens *t = ut_whisper_get_tokens(s->model);
    int tokens[UT_LONGEST_TEXT + 8];
    int count = 0;
    for (int i = s->prompt_start; i < s->prompt_count && s->prompt[i] != t->no_timestamps; i++)
        tokens[count++] = s->prompt[i];
    int before = count;
    tokens[count++] = t->no_timestamps;
    for (int i = 0; i < s->best.count; i++)
        if (s->best.tokens[i] < t->end)
            tokens[count++] = s->best.tokens[i];
    tokens[count++] = t->end;
    int frames = (int)(seconds / FRAME);
    frames = frames < 1 ? 1 : frames > UT_WHISPER_FRAMES ? UT_WHISPER_FRAMES : frames;
    const float *matrix = ut_whisper_attention(s->state, tokens, count, frames);
    ut_warp(matrix + (size_t)before * frames, count - before - 1, frames, s->steps, s->costs,
            first);
}

static double median_duration(const piece *pieces, int count)
{
    double sorted[UT_LONGEST_TEXT + 1];
    int n = 0;
    for (int i = 0; i < count; i++) {
        double d = pieces[i].stop - pieces[i].start;
        if (d <= 0.0)
            continue;
        int at = n++;
        for (; at > 0 && sorted[at - 1] > d; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = d;
    }
    double median = n == 0  ? 0.0
                    : n % 2 ? sorted[n / 2]
                            : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
    return median < LONGEST_MEDIAN ? median : LONGEST_MEDIAN;
}

/* Words at the edge of a sentence take up its pauses; they get twice the median at most. */
static void shorten(piece *pieces, int count)
{
    static const char *const ends[] = {".", "。", "!", "！", "?", "？", NULL};
    double longest = 2.0 * median_duration(pieces, count);
    for (int i = 0; longest > 0.0 && i < count; i++) {
        piece *p = &pieces[i];
        if (p->stop - p->start <= longest)
            continue;
        if (among(p->text, p->length, ends))
            p->stop = p->start + longest;
        else if (i == 0 || among(pieces[i - 1].text, pieces[i - 1].length, ends))
            p->start = p->stop - longest;
        else
            continue;
        p->clamped = true;
    }
}

static bool join(ut_arena *arena, piece *first, piece *second, piece *into)
{
    char *text = ut_arena_alloc(arena, first->length + second->length + 1, 1);
    if (!text)
        return false;
    memcpy(text, first->text, first->length);
    memcpy(text + first->length, second->text, second->length);
    into->text = text;
    into->length = first->length + second->length;
    into->begin = first->begin;
    into->end = second->end;
    (into == first ? second : first)->gone = true;
    return true;
}

/* Opening marks go to the word behind them, closing ones to the word before. */
static bool merge_marks(ut_arena *arena, piece *pieces, int count)
{
    static const char *const opening[] = {"\"", "'", "“", "¿", "(", "[", "{", "-", NULL};
    static const char *const closing[] = {"\"", "'", ".",  "。", ",", "，", "!", "！", "?",
                                          "？", ":", "：", "”",  ")", "]",  "}", "、", NULL};
    for (int i = count - 2, j = count - 1; i >= 0; i--) {
        const char *bare = pieces[i].text;
        size_t length = pieces[i].length;
        strip(&bare, &length);
        if (pieces[i].length > 0 && pieces[i].text[0] == ' ' && among(bare, length, opening)) {
            if (!join(arena, &pieces[i], &pieces[j], &pieces[j]))
                return false;
        } else {
            j = i;
        }
    }
    for (int i = 0, j = 1; j < count; j++) {
        piece *p = &pieces[i];
        if (pieces[j].gone)
            continue;
        if (!p->gone && p->length > 0 && p->text[p->length - 1] != ' ' &&
            among(pieces[j].text, pieces[j].length, closing)) {
            if (!join(arena, p, &pieces[j], p))
                return false;
        } else {
            i = j;
        }
    }
    return true;
}

/* What was written without a space belongs to the word before: "V-I-O", "ma'am", "in-house". A mark
 * alone was kept apart until now so that the pause behind a word is not counted as part of it. */
static bool glue(ut_arena *arena, piece *pieces, int count)
{
    int last = -1;
    for (int i = 0; i < count; i++) {
        if (pieces[i].gone)
            continue;
        if (last < 0 || pieces[i].length == 0 || pieces[i].text[0] == ' ') {
            last = i;
            continue;
        }
        if (!join(arena, &pieces[last], &pieces[i], &pieces[last]))
            return false;
        pieces[last].stop = pieces[i].stop;
    }
    return true;
}

static void place(ut_recognizer_session *s, piece *pieces, int count, bool times, double seconds)
{
    int first[UT_LONGEST_TEXT + 2];
    int texts = 0, index[UT_LONGEST_TEXT + 2];
    int end = ut_whisper_get_tokens(s->model)->end;
    for (int i = 0; i < s->best.count; i++) {
        index[i] = texts;
        texts += s->best.tokens[i] < end;
    }
    index[s->best.count] = texts;
    if (times)
        token_times(s, seconds, first);
    for (int i = 0; i < count; i++) {
        /* Row 0 is the token before the text: what is predicted there is the first text token. */
        piece *p = &pieces[i];
        if (times) {
            p->start = first[index[p->begin]] * FRAME;
            p->stop = first[index[p->end - 1] + 1] * FRAME;
        } else {
            p->start = seconds * i / count;
            p->stop = seconds * (i + 1) / count;
            p->clamped = true;
        }
    }
}

/* Times inside the window, in order, none empty. */
static void settle(ut_word *words, size_t count, double seconds)
{
    for (size_t i = 0; i < count; i++) {
        ut_word *w = &words[i];
        double start = w->start, stop = w->end;
        if (i > 0 && start < words[i - 1].start)
            start = words[i - 1].start;
        if (start > seconds - SHORTEST)
            start = seconds > SHORTEST ? seconds - SHORTEST : 0.0;
        if (stop < start + SHORTEST)
            stop = start + SHORTEST;
        if (stop > seconds)
            stop = seconds;
        w->interpolated |= start != w->start || stop != w->end;
        w->start = start;
        w->end = stop;
    }
}

ut_status ut_words_from_tokens(ut_recognizer_session *s, bool times, double seconds,
                               ut_arena *arena, ut_recognition *result, ut_error *err)
{
    piece pieces[UT_LONGEST_TEXT + 1];
    int count = split(s, result->language, arena, pieces);
    if (count < 0)
        return ut_fail_memory(err, "recognize");
    result->word_count = 0;
    if (count == 0)
        return UT_OK;
    place(s, pieces, count, times, seconds);
    if (times)
        shorten(pieces, count);
    if (!merge_marks(arena, pieces, count) ||
        (ut_language_is_spaced(result->language) && !glue(arena, pieces, count)))
        return ut_fail_memory(err, "recognize");
    result->words = UT_ARENA_NEW(arena, ut_word, (size_t)count);
    if (!result->words)
        return ut_fail_memory(err, "recognize");
    double sum = 0.0;
    for (int i = 0; i < count; i++) {
        piece *p = &pieces[i];
        const char *bare = p->text;
        size_t length = p->length;
        strip(&bare, &length);
        if (p->gone || length == 0)
            continue;
        double probability = 0.0;
        for (int k = p->begin; k < p->end; k++)
            probability += (double)expf(s->best.log_probabilities[k]);
        ut_word *w = &result->words[result->word_count];
        char *text = ut_arena_strndup(arena, bare, length);
        if (!text)
            return ut_fail_memory(err, "recognize");
        repair(text);
        w->text = text;
        w->start = p->start;
        w->end = p->stop;
        w->probability = (float)(probability / (p->end - p->begin));
        w->interpolated = p->clamped;
        w->speaker = -1;
        sum += w->probability;
        result->word_count++;
    }
    settle(result->words, result->word_count, seconds);
    if (result->word_count > 0)
        result->probability = (float)(sum / (double)result->word_count);
    return UT_OK;
}
