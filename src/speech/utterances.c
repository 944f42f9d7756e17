#include "speech/utterances.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* A run of another speaker's words is doubted when it is at most this long. Relabelling at raw turn
 * boundaries breaks about one word for every five that it repairs; short runs without a second sign
 * (a pause, punctuation) are most of those. */
static const double SHORT_RUN = 0.8;
enum { SHORT_WORDS = 2 };
static const double SET_OFF = 0.2; /* seconds: a pause that sets a run off */

ut_utterance_options ut_utterance_defaults(void)
{
    return (ut_utterance_options){.pause = 0.7, .longest = 15.0, .sentence_min = 6.0};
}

static double overlap(double a0, double a1, double b0, double b1)
{
    return fmin(a1, b1) - fmax(a0, b0);
}

/* The turn that overlaps [start, end] most, else the nearest; -1 without turns. Turns are by start
 * time; `first` is where to begin looking. */
static long best_turn(const ut_turn *turns, size_t count, size_t first, double start, double end)
{
    long best = -1;
    double most = -INFINITY;
    for (size_t i = first; i < count; i++) {
        double here = overlap(start, end, turns[i].start, turns[i].end);
        if (here > most) {
            most = here;
            best = (long)i;
        }
        if (turns[i].start > end && here < most)
            break;
    }
    return best;
}

/* The longest turn before any turn bounds how far back one must look. */
static size_t look_back(const ut_turn *turns, size_t count, size_t from, double start)
{
    while (from + 1 < count && turns[from + 1].end < start - 30.0)
        from++;
    return from;
}

static bool ends_phrase(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr("\"')]}", text[length - 1]))
        length--;
    return length > 0 && strchr(".,?!;:", text[length - 1]);
}

static bool ends_sentence(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr("\"')]}", text[length - 1]))
        length--;
    if (length > 0 && strchr(".?!", text[length - 1]))
        return true;
    /* The ideographic full stop, and the full-width question and exclamation marks. */
    return length >= 3 && (!memcmp(text + length - 3, "\xe3\x80\x82", 3) ||
                           !memcmp(text + length - 3, "\xef\xbc\x9f", 3) ||
                           !memcmp(text + length - 3, "\xef\xbc\x81", 3));
}

/* True if a pause or punctuation lies between the word and the one before it. */
static bool set_off(const ut_word *words, size_t i)
{
    return words[i].start - words[i - 1].end >= SET_OFF || ends_phrase(words[i - 1].text);
}

/* Short runs between words of one speaker go back to that speaker. */
static void smooth(ut_word *words, size_t count)
{
    for (size_t i = 1; i < count;) {
        size_t end = i;
        if (words[i].speaker == words[i - 1].speaker) {
            i++;
            continue;
        }
        while (end < count && words[end].speaker == words[i].speaker)
            end++;
        if (end == count)
            return;
        bool brief = end - i <= SHORT_WORDS && words[end - 1].end - words[i].start <= SHORT_RUN;
        bool inside = words[end].speaker == words[i - 1].speaker;
        if (brief && inside && !set_off(words, i) && !set_off(words, end))
            for (size_t k = i; k < end; k++)
                words[k].speaker = words[i - 1].speaker;
        i = end;
    }
}

/* A change of speaker within two words of a sentence's end belongs to that end: the word that a
 * turn's border cut off goes with its sentence. */
static void snap(ut_word *words, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (words[i].speaker == words[i - 1].speaker || set_off(words, i))
            continue;
        int before = words[i - 1].speaker, after = words[i].speaker;
        if (i + 1 < count && words[i + 1].speaker == after && set_off(words, i + 1)) {
            words[i].speaker = before; /* the sentence's last word came too late */
        } else if (i == 1 || set_off(words, i - 1)) {
            words[i - 1].speaker = after; /* its first came too early */
        }
    }
}

void ut_words_to_speakers(ut_word *words, size_t word_count, const ut_turn *turns,
                          size_t turn_count)
{
    size_t from = 0;
    for (size_t i = 0; i < word_count; i++) {
        from = look_back(turns, turn_count, from, words[i].start);
        long turn = best_turn(turns, turn_count, from, words[i].start, words[i].end);
        words[i].speaker = turn < 0 ? 0 : turns[turn].speaker;
    }
    smooth(words, word_count);
    snap(words, word_count);
}

/* Where to cut words[first .. last), which last too long: the best place of its middle, a
 * sentence's end before a pause before a comma. */
static size_t cut_long(const ut_word *words, size_t first, size_t last)
{
    double start = words[first].start, span = words[last - 1].end - start, best = -INFINITY;
    size_t at = first + (last - first) / 2;
    for (size_t i = first + 1; i < last; i++) {
        double where = (words[i].start - start) / span;
        double value = words[i].start - words[i - 1].end - fabs(where - 0.5);
        if (ends_sentence(words[i - 1].text))
            value += 1.0;
        else if (ends_phrase(words[i - 1].text))
            value += 0.4;
        if (value > best) {
            best = value;
            at = i;
        }
    }
    return at > first ? at : first + 1;
}

/* The end of the utterance that begins with word `first`. */
static size_t utterance_end(const ut_word *words, size_t count, size_t first,
                            const ut_utterance_options *o)
{
    size_t i = first + 1;
    for (; i < count; i++) {
        if (words[i].speaker != words[first].speaker ||
            words[i].start - words[i - 1].end > o->pause)
            break;
        if (ends_sentence(words[i - 1].text) &&
            words[i - 1].end - words[first].start >= o->sentence_min)
            break;
    }
    while (i - first > 1 && words[i - 1].end - words[first].start > o->longest) {
        size_t at = cut_long(words, first, i);
        if (at >= i)
            break;
        i = at;
    }
    return i;
}

static char *join(ut_arena *arena, const ut_word *words, size_t count, bool spaced)
{
    size_t length = 1, at = 0;
    for (size_t i = 0; i < count; i++)
        length += strlen(words[i].text) + 1;
    char *text = ut_arena_alloc(arena, length, 1);
    for (size_t i = 0; text && i < count; i++) {
        size_t n = strlen(words[i].text);
        if (spaced && at > 0 && n > 0)
            text[at++] = ' ';
        memcpy(text + at, words[i].text, n);
        at += n;
    }
    return text;
}

static ut_utterance blank(double start, double end, int speaker, float confidence)
{
    return (ut_utterance){.start = start,
                          .end = end,
                          .speaker = speaker,
                          .speaker_confidence = confidence,
                          .text = "",
                          .text_confidence = NAN};
}

/* Confidence of the utterance's speaker over [start, end]: that of the turns, 0 where they are
 * somebody else's. */
static float confidence_over(const ut_turn *turns, size_t count, size_t from, double start,
                             double end, int speaker)
{
    double sum = 0.0, own = 0.0, other = 0.0;
    for (size_t i = from; i < count && turns[i].start < end; i++) {
        double here = overlap(start, end, turns[i].start, turns[i].end);
        if (here <= 0.0)
            continue;
        if (turns[i].speaker == speaker) {
            own += here;
            sum += here * (double)turns[i].confidence;
        } else {
            other += here;
        }
    }
    if (own <= 0.0)
        return count == 0 ? NAN : other > 0.0 ? 0.0f : 0.5f;
    return (float)fmin(sum / own, 1.0);
}

ut_status ut_utterances_from_words(ut_arena *arena, ut_word *words, size_t word_count,
                                   const ut_turn *turns, size_t turn_count,
                                   const ut_utterance_options *options, bool spaced,
                                   ut_utterance **utterances, size_t *count, ut_error *err)
{
    ut_utterance_options defaults = ut_utterance_defaults();
    const ut_utterance_options *o = options ? options : &defaults;
    size_t total = 0, from = 0;
    *count = 0;
    *utterances = NULL;
    for (size_t i = 0; i < word_count; total++)
        i = utterance_end(words, word_count, i, o);
    ut_utterance *made = UT_ARENA_NEW(arena, ut_utterance, total + 1);
    if (!made)
        return ut_fail_memory(err, "utterances");
    for (size_t i = 0, n = 0; i < word_count; n++) {
        size_t end = utterance_end(words, word_count, i, o);
        double sum = 0.0, last = words[i].end;
        for (size_t k = i; k < end; k++) {
            sum += (double)words[k].probability;
            last = fmax(last, words[k].end);
        }
        from = look_back(turns, turn_count, from, words[i].start);
        made[n] =
            blank(words[i].start, last, words[i].speaker,
                  confidence_over(turns, turn_count, from, words[i].start, last, words[i].speaker));
        made[n].text = join(arena, words + i, end - i, spaced);
        if (!made[n].text)
            return ut_fail_memory(err, "utterances");
        made[n].text_confidence = (float)(sum / (double)(end - i));
        made[n].words = words + i;
        made[n].word_count = end - i;
        i = end;
    }
    *utterances = made;
    *count = total;
    return UT_OK;
}

/* Index behind the turns that join turn i, given what is already joined up to `end`. */
static bool joins(const ut_turn *turns, size_t count, size_t i, size_t next, double end,
                  double pause)
{
    double gap = turns[next].start - end;
    if (turns[next].speaker != turns[i].speaker || gap > pause)
        return false;
    for (size_t k = i + 1; k < count && turns[k].start < turns[next].start; k++)
        if (turns[k].speaker != turns[i].speaker && turns[k].end > end)
            return false;
    return true;
}

ut_status ut_utterances_from_turns(ut_arena *arena, const ut_turn *turns, size_t turn_count,
                                   const ut_utterance_options *options, ut_utterance **utterances,
                                   size_t *count, ut_error *err)
{
    ut_utterance_options defaults = ut_utterance_defaults();
    const ut_utterance_options *o = options ? options : &defaults;
    size_t total = 0, room = 1;
    *count = 0;
    *utterances = NULL;
    for (size_t i = 0; i < turn_count; i++)
        room += 2 + (size_t)((turns[i].end - turns[i].start + o->pause) / o->longest);
    ut_utterance *made = UT_ARENA_NEW(arena, ut_utterance, room);
    bool *used = UT_ARENA_NEW(arena, bool, turn_count + 1);
    if (!made || !used)
        return ut_fail_memory(err, "utterances");
    for (size_t i = 0; i < turn_count; i++) {
        if (used[i])
            continue;
        double end = turns[i].end, weight = turns[i].end - turns[i].start;
        double sum = weight * (double)turns[i].confidence;
        for (size_t k = i + 1; k < turn_count && turns[k].start - end <= o->pause; k++) {
            if (used[k] || !joins(turns, turn_count, i, k, end, o->pause))
                continue;
            used[k] = true;
            weight += turns[k].end - turns[k].start;
            sum += (turns[k].end - turns[k].start) * (double)turns[k].confidence;
            end = fmax(end, turns[k].end);
        }
        double span = end - turns[i].start;
        int parts = span > o->longest ? (int)ceil(span / o->longest) : 1;
        for (int p = 0; p < parts && total < room; p++)
            made[total++] =
                blank(turns[i].start + span * p / parts, turns[i].start + span * (p + 1) / parts,
                      turns[i].speaker, weight > 0.0 ? (float)(sum / weight) : 0.0f);
    }
    /* Parts of a long turn may begin after a turn that overlaps it. */
    for (size_t i = 1; i < total; i++)
        for (size_t k = i; k > 0 && made[k].start < made[k - 1].start; k--) {
            ut_utterance swap = made[k];
            made[k] = made[k - 1];
            made[k - 1] = swap;
        }
    *utterances = made;
    *count = total;
    return UT_OK;
}
