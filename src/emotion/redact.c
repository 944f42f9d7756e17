#include "emotion/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include "base/arena.h"

typedef enum mask { CLEAR, NAME, NUMBER, EMAIL, LINK, CARD } mask;

static const char *const words_of[] = {"", "[NAME]", "[NUMBER]", "[EMAIL]", "[LINK]", "[CARD]"};

/* A word without the punctuation around it. */
typedef struct token {
    const char *text;
    size_t length;
    bool first; /* of a sentence */
    mask mask;
} token;

typedef struct tokens {
    token *items;
    size_t count, capacity;
} tokens;

struct ut_redactor {
    ut_arena *arena;
    const char **names; /* sorted */
    size_t count, capacity;
};

/* Capitalised without being names. */
static const char *const ordinary[] = {
    "i",        "ok",        "okay",    "god",      "mr",       "mrs",       "ms",       "dr",
    "am",       "pm",        "tv",      "monday",   "tuesday",  "wednesday", "thursday", "friday",
    "saturday", "sunday",    "january", "february", "march",    "april",     "june",     "july",
    "august",   "september", "october", "november", "december", "christmas", "easter",   "english"};

/* Given names that begin a sentence often and are no other word; the others are found by their
 * neighbours and by the rest of the conversation. */
static const char *const given[] = {
    "aaron",    "abigail",  "adam",       "alan",        "albert",    "alex",      "alexander",
    "alice",    "amanda",   "amy",        "andrea",      "andrew",    "angela",    "ann",
    "anna",     "anne",     "anthony",    "barbara",     "benjamin",  "betty",     "brenda",
    "brian",    "carlos",   "carol",      "caroline",    "catherine", "charles",   "charlotte",
    "chloe",    "chris",    "christine",  "christopher", "daniel",    "david",     "deborah",
    "dennis",   "diana",    "donald",     "donna",       "dorothy",   "edward",    "elizabeth",
    "emily",    "emma",     "eric",       "ethan",       "evelyn",    "frances",   "gary",
    "george",   "gregory",  "hannah",     "harry",       "heather",   "helen",     "henry",
    "isabella", "jacob",    "jacqueline", "james",       "jane",      "janet",     "jason",
    "jeffrey",  "jennifer", "jeremy",     "jessica",     "joan",      "joe",       "john",
    "jonathan", "jordan",   "jose",       "joseph",      "joshua",    "joyce",     "juan",
    "judith",   "julia",    "julie",      "justin",      "karen",     "katherine", "kathleen",
    "keith",    "kelly",    "kenneth",    "kevin",       "kyle",      "larry",     "laura",
    "lauren",   "linda",    "lisa",       "louis",       "lucas",     "lucy",      "luis",
    "margaret", "maria",    "marie",      "martha",      "martin",    "mary",      "matthew",
    "megan",    "melissa",  "michael",    "michelle",    "mike",      "mohammed",  "nancy",
    "natalie",  "nathan",   "nicholas",   "nicole",      "noah",      "oliver",    "olivia",
    "pamela",   "patricia", "patrick",    "paul",        "peter",     "philip",    "rachel",
    "raymond",  "rebecca",  "richard",    "robert",      "roger",     "ronald",    "rose",
    "russell",  "ruth",     "ryan",       "samantha",    "samuel",    "sandra",    "sara",
    "sarah",    "scott",    "sean",       "sharon",      "shirley",   "sophia",    "stephanie",
    "stephen",  "steven",   "susan",      "teresa",      "thomas",    "timothy",   "tom",
    "tony",     "tyler",    "victoria",   "vincent",     "virginia",  "walter",    "william",
    "zachary"};

static const char *const numbers[] = {
    "zero",     "one",      "two",     "three",     "four",     "five",     "six",
    "seven",    "eight",    "nine",    "ten",       "eleven",   "twelve",   "thirteen",
    "fourteen", "fifteen",  "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    "thirty",   "forty",    "fifty",   "sixty",     "seventy",  "eighty",   "ninety",
    "hundred",  "thousand", "million", "double",    "triple"};

/* Their full stop ends no sentence. */
static const char *const titles[] = {"mr", "mrs", "ms", "dr"};

static bool is_among(const char *const *list, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strncasecmp(list[i], text, length) == 0 && list[i][length] == 0)
            return true;
    return false;
}
#define AMONG(list, text, length) is_among((list), sizeof(list) / sizeof *(list), (text), (length))

static bool is_word(const token *t, const char *word)
{
    return strncasecmp(word, t->text, t->length) == 0 && word[t->length] == 0;
}

static utf8proc_int32_t letter(const char *text, size_t length, size_t *bytes)
{
    utf8proc_int32_t c = -1;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &c);
    *bytes = n > 0 ? (size_t)n : 1;
    return n > 0 ? c : -1;
}

static bool is_upper(const char *text, size_t length)
{
    size_t bytes;
    utf8proc_int32_t c = length ? letter(text, length, &bytes) : -1;
    return c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LU;
}

/* At least two letters and none of them small. */
static bool shouts(const token *t)
{
    size_t capitals = 0;
    size_t bytes;
    for (size_t i = 0; i < t->length; i += bytes) {
        utf8proc_int32_t c = letter(t->text + i, t->length - i, &bytes);
        if (c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LL)
            return false;
        capitals += c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LU;
    }
    return capitals >= 2;
}

static bool is_part(const char *text, size_t length, size_t *bytes)
{
    utf8proc_int32_t c = letter(text, length, bytes);
    utf8proc_category_t k = c >= 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_LO || k == UTF8PROC_CATEGORY_ND ||
           k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC;
}

/* From the first letter or digit of [from, to) to the last; "'s" is left out. */
static token trim(const char *from, const char *to)
{
    size_t bytes;
    while (from < to && !is_part(from, (size_t)(to - from), &bytes))
        from += bytes;
    const char *end = from;
    for (const char *c = from; c < to; c += bytes)
        if (is_part(c, (size_t)(to - c), &bytes))
            end = c + bytes;
    size_t length = (size_t)(end - from);
    if (length > 2 && strncmp(end - 2, "'s", 2) == 0)
        length -= 2;
    else if (length > 4 && strncmp(end - 4, "\xe2\x80\x99s", 4) == 0)
        length -= 4;
    return (token){.text = from, .length = length};
}

static bool ends_sentence(const char *from, const char *to)
{
    while (to > from && strchr("\"')]", to[-1]))
        to--;
    return to > from && strchr(".!?:", to[-1]);
}

/* False when out of memory. */
static bool split(const char *text, tokens *out)
{
    bool first = true;
    for (const char *c = text; *c;) {
        while (isspace((unsigned char)*c))
            c++;
        const char *end = c;
        while (*end && !isspace((unsigned char)*end))
            end++;
        token t = trim(c, end);
        t.first = first;
        if (t.length) {
            if (!ut_grow(&out->items, &out->capacity, out->count + 1, sizeof t))
                return false;
            out->items[out->count++] = t;
        }
        if (end > c)
            first =
                !AMONG(titles, t.text, t.length) && (ends_sentence(c, end) || (first && !t.length));
        c = end;
    }
    return true;
}

/* Capitalised, and no word that always is. */
static bool may_be_name(const tokens *t, size_t i)
{
    const token *word = &t->items[i];
    if (!is_upper(word->text, word->length) || AMONG(ordinary, word->text, word->length) ||
        (word->text[0] == 'I' && word->length > 1 && !isalnum((unsigned char)word->text[1])))
        return false;
    bool loud =
        (i > 0 && shouts(&t->items[i - 1])) || (i + 1 < t->count && shouts(&t->items[i + 1]));
    return !(loud && shouts(word));
}

static int compare(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_known(const ut_redactor *r, const token *t)
{
    size_t low = 0;
    size_t high = r->count;
    while (low < high) {
        size_t at = (low + high) / 2;
        int order = strncasecmp(r->names[at], t->text, t->length);
        if (order == 0 && r->names[at][t->length] == 0)
            return true;
        if (order < 0)
            low = at + 1;
        else
            high = at;
    }
    return false;
}

static bool remember(ut_redactor *r, const token *t)
{
    const char *name = ut_arena_strndup(r->arena, t->text, t->length);
    if (!name || !ut_grow((void *)&r->names, &r->capacity, r->count + 1, sizeof *r->names))
        return false;
    r->names[r->count++] = name;
    return true;
}

static bool gather(ut_redactor *r, const char *text, bool all)
{
    tokens t = {0};
    bool fine = split(text, &t);
    for (size_t i = 0; fine && i < t.count; i++)
        if (all ? t.items[i].length > 1 : !t.items[i].first && may_be_name(&t, i))
            fine = remember(r, &t.items[i]);
    free(t.items);
    return fine;
}

/* Numbered speakers have no name. */
static bool gather_speaker(ut_redactor *r, const char *name)
{
    return strncmp(name, "SPEAKER_", 8) == 0 || gather(r, name, true);
}

ut_redactor *ut_redactor_create(const ut_conversation *c)
{
    ut_redactor *r = calloc(1, sizeof *r);
    bool fine = r && (r->arena = ut_arena_create(0));
    for (size_t i = 0; fine && i < c->speaker_count; i++)
        fine = gather_speaker(r, c->speakers[i]);
    for (size_t i = 0; fine && i < c->utterance_count; i++)
        fine = gather(r, c->utterances[i].text, false);
    for (size_t i = 0; fine && i < c->history_count; i++)
        fine = gather_speaker(r, c->history[i].speaker) && gather(r, c->history[i].text, false);
    if (!fine) {
        ut_redactor_destroy(r);
        return NULL;
    }
    if (r->count)
        qsort((void *)r->names, r->count, sizeof *r->names, compare);
    return r;
}

void ut_redactor_destroy(ut_redactor *redactor)
{
    if (!redactor)
        return;
    ut_arena_destroy(redactor->arena);
    free((void *)redactor->names);
    free(redactor);
}

/* Digits in a word, or how many number words it is made of ("twenty-five"). */
static size_t count_digits(const token *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->length; i++)
        n += isdigit((unsigned char)t->text[i]) != 0;
    return n;
}

static size_t count_number_words(const token *t, bool inside)
{
    size_t n = 0;
    if (inside && (is_word(t, "oh") || is_word(t, "o")))
        return 1;
    for (size_t i = 0; i < t->length; n++) {
        size_t part = 0;
        while (i + part < t->length && t->text[i + part] != '-')
            part++;
        if (!AMONG(numbers, t->text + i, part))
            return 0;
        i += part + 1;
    }
    return n;
}

/* Runs of digits and number words. */
static void mask_numbers(tokens *t)
{
    for (size_t i = 0; i < t->count;) {
        size_t end = i;
        size_t digits = 0;
        size_t words = 0;
        for (; end < t->count; end++) {
            size_t d = count_digits(&t->items[end]);
            size_t w = d ? 0 : count_number_words(&t->items[end], end > i);
            if (!d && !w)
                break;
            digits += d;
            words += w;
        }
        if (digits || words >= 3)
            for (size_t k = i; k < end; k++)
                t->items[k].mask = digits + words >= 13 ? CARD : NUMBER;
        i = end > i ? end : i + 1;
    }
}

static bool is_host_ending(const char *text, size_t length)
{
    static const char *const endings[] = {"com", "org", "net", "edu", "gov", "io", "uk",
                                          "de",  "fr",  "es",  "it",  "nl",  "eu", "ca"};
    return AMONG(endings, text, length);
}

static void mask_addresses(tokens *t)
{
    for (size_t i = 0; i < t->count; i++) {
        token *w = &t->items[i];
        const char *dot = memrchr(w->text, '.', w->length);
        if (memchr(w->text, '@', w->length))
            w->mask = EMAIL;
        else if (strncasecmp(w->text, "http", 4) == 0 || strncasecmp(w->text, "www.", 4) == 0 ||
                 (dot && is_host_ending(dot + 1, (size_t)(w->text + w->length - dot - 1))))
            w->mask = LINK;
        /* As it is said: "jo dot smith at example dot com". */
        if (i < 1 || i + 3 >= t->count || !is_word(w, "at") || !is_word(w + 2, "dot"))
            continue;
        size_t from = i - 1;
        size_t to = i + 3;
        while (from >= 2 &&
               (is_word(&t->items[from - 1], "dot") || is_word(&t->items[from - 1], "underscore")))
            from -= 2;
        while (to + 2 < t->count && is_word(&t->items[to + 1], "dot"))
            to += 2;
        for (size_t k = from; is_host_ending(w[to - i].text, w[to - i].length) && k <= to; k++)
            t->items[k].mask = EMAIL;
    }
}

/* "J-O-H-N", or "J", "O", "H" and more one by one. */
static void mask_spelled(tokens *t)
{
    size_t run = 0;
    for (size_t i = 0; i <= t->count; i++) {
        if (i < t->count && t->items[i].length == 1 && isalpha((unsigned char)*t->items[i].text)) {
            run++;
            continue;
        }
        for (size_t k = i - run; run >= 3 && k < i; k++)
            t->items[k].mask = NAME;
        run = 0;
        if (i == t->count)
            return;
        bool spelled = t->items[i].length >= 5;
        for (size_t k = 0; k < t->items[i].length; k++)
            spelled = spelled && (k % 2 ? t->items[i].text[k] == '-'
                                        : isalpha((unsigned char)t->items[i].text[k]) != 0);
        if (spelled)
            t->items[i].mask = NAME;
    }
}

/* "my name is", "my name's": what follows is one, however it is written. */
static bool is_introduced(const tokens *t, size_t i)
{
    if (i < 2)
        return false;
    const token *before = &t->items[i - 1];
    const token *two = &t->items[i - 2];
    return (is_word(two, "name") && is_word(before, "is")) ||
           (is_word(two, "my") && is_word(before, "name")); /* "my name's" without its end */
}

static void mask_names(const ut_redactor *r, tokens *t)
{
    for (size_t i = t->count; i-- > 0;) {
        token *w = &t->items[i];
        if (w->mask != CLEAR || is_word(w, "is"))
            continue;
        if (is_introduced(t, i))
            w->mask = NAME;
        else if (may_be_name(t, i))
            w->mask = !w->first || AMONG(given, w->text, w->length) || is_known(r, w) ||
                              (i + 1 < t->count && !w[1].first && may_be_name(t, i + 1))
                          ? NAME
                          : CLEAR;
    }
}

/* Whether two words are parts of one thing: white space alone parts names, and what numbers and
 * spellings are written with parts the others. */
static bool touch(const token *a, const token *b)
{
    const char *between = a->mask != NAME ? " \t\n-.,()/+" : a->length > 1 ? " \t\n-" : " \t\n-.";
    return strspn(a->text + a->length, between) >= (size_t)(b->text - a->text) - a->length;
}

void ut_redact(const ut_redactor *redactor, const char *text, ut_buf *out)
{
    tokens t = {0};
    if (!split(text, &t)) {
        out->status = UT_ERR_MEMORY;
        free(t.items);
        return;
    }
    mask_numbers(&t);
    mask_addresses(&t);
    mask_spelled(&t);
    mask_names(redactor, &t);
    const char *at = text;
    for (size_t i = 0; i < t.count; i++) {
        const token *w = &t.items[i];
        if (w->mask == CLEAR)
            continue;
        bool same = i > 0 && w[-1].mask == w->mask && touch(&w[-1], w);
        if (!same) {
            ut_buf_add(out, at, (size_t)(w->text - at));
            ut_buf_adds(out, words_of[w->mask]);
        }
        at = w->text + w->length;
    }
    ut_buf_adds(out, at);
    free(t.items);
}
