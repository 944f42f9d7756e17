/* Exports to programs for annotation: tiers of intervals over one time line. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/exports_internal.h"

/* One interval of a tier. Of a word, else of the whole utterance. */
typedef struct interval {
    long long start, end; /* milliseconds, start < end */
    const ut_utterance *utterance;
    const ut_word *word;
    size_t number; /* of the utterance */
} interval;

typedef enum tier_kind { TIER_TEXT, TIER_EMOTION, TIER_WORDS, TIER_KINDS } tier_kind;

static const char *const tier_endings[TIER_KINDS] = {"", " emotion", " words"};

typedef struct tier {
    const char *speaker;
    tier_kind kind;
    interval *intervals;
    size_t count;
} tier;

/* The tiers of all speakers that have any, TIER_KINDS each. */
typedef struct tiers {
    ut_arena *arena;
    tier *items;
    size_t count;
    long long end;
} tiers;

/* Behind the tier's last interval; what is left of it by then is left out. */
static void append(tier *t, double start, double end, const ut_utterance *u, const ut_word *word,
                   size_t number)
{
    interval *last = t->count ? &t->intervals[t->count - 1] : NULL;
    long long from = ut_export_milliseconds(start), to = ut_export_milliseconds(end);
    if (last && from < last->end)
        from = last->end;
    if (from < to)
        t->intervals[t->count++] = (interval){from, to, u, word, number};
}

static bool fill(tiers *all, tier *t, const ut_conversation *c, int speaker)
{
    size_t most = 0;
    for (size_t i = 0; i < c->utterance_count; i++)
        if (c->utterances[i].speaker == speaker)
            most += t->kind == TIER_WORDS ? c->utterances[i].word_count : 1;
    t->intervals = UT_ARENA_NEW(all->arena, interval, most + 1);
    if (!t->intervals)
        return false;
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        if (u->speaker != speaker)
            continue;
        for (size_t k = 0; t->kind == TIER_WORDS && k < u->word_count; k++)
            append(t, u->words[k].start, u->words[k].end, u, &u->words[k], i);
        if (t->kind != TIER_WORDS)
            append(t, u->start, u->end, u, NULL, i);
    }
    if (t->count && t->intervals[t->count - 1].end > all->end)
        all->end = t->intervals[t->count - 1].end;
    return true;
}

static ut_status make(const ut_conversation *c, tiers *all)
{
    *all = (tiers){.arena = ut_arena_create(0), .end = ut_export_milliseconds(c->source.duration)};
    all->items =
        all->arena ? UT_ARENA_NEW(all->arena, tier, (c->speaker_count + 1) * TIER_KINDS) : NULL;
    bool fine = all->items != NULL;
    for (size_t s = 0; fine && s <= c->speaker_count; s++) {
        bool known = s < c->speaker_count;
        for (tier_kind kind = 0; fine && kind < TIER_KINDS; kind++) {
            tier *t = &all->items[all->count];
            *t = (tier){.speaker = known ? c->speakers[s] : "unknown", .kind = kind};
            fine = fill(all, t, c, known ? (int)s : -1);
            if (!t->count && kind == TIER_TEXT)
                break;
            all->count += t->count > 0;
        }
    }
    if (fine)
        return UT_OK;
    ut_arena_destroy(all->arena);
    return UT_ERR_MEMORY;
}

/* What an interval of the tier says, on one line. */
static void label(ut_buf *out, const tier *t, const interval *at)
{
    ut_utterance word = {.text = at->word ? at->word->text : ""};
    if (t->kind == TIER_EMOTION)
        ut_buf_adds(out, at->utterance->emotion.present
                             ? ut_emotion_name(at->utterance->emotion.label)
                             : "");
    else
        ut_export_line(out, at->word ? &word : at->utterance, false);
}

static void seconds(ut_buf *out, long long ms)
{
    ut_buf_addf(out, "%lld.%03lld", ms / 1000, ms % 1000);
}

/* ------------------------------------------------------------------------------- TextGrid */

static void praat_text(ut_buf *out, const char *text)
{
    for (; *text; text++)
        ut_buf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
}

static void praat_interval(ut_buf *out, size_t number, long long start, long long end,
                           const char *text)
{
    ut_buf_addf(out, "        intervals [%zu]:\n            xmin = ", number);
    seconds(out, start);
    ut_buf_adds(out, "\n            xmax = ");
    seconds(out, end);
    ut_buf_adds(out, "\n            text = \"");
    praat_text(out, text);
    ut_buf_adds(out, "\"\n");
}

/* The tier covers all of the time: what lies between intervals is empty ones. */
static ut_status praat_tier(ut_buf *out, const tiers *all, const tier *t)
{
    ut_buf text;
    ut_buf_init(&text, 0);
    size_t number = 0;
    long long at = 0;
    for (size_t i = 0; i < t->count; i++) {
        const interval *next = &t->intervals[i];
        if (next->start > at)
            praat_interval(out, ++number, at, next->start, "");
        ut_buf_clear(&text);
        label(&text, t, next);
        praat_interval(out, ++number, next->start, next->end, ut_buf_text(&text));
        at = next->end;
    }
    if (at < all->end)
        praat_interval(out, ++number, at, all->end, "");
    ut_status status = ut_buf_status(&text);
    ut_buf_free(&text);
    return status;
}

static size_t praat_intervals(const tiers *all, const tier *t)
{
    size_t count = t->count;
    long long at = 0;
    for (size_t i = 0; i < t->count; at = t->intervals[i++].end)
        count += t->intervals[i].start > at;
    return count + (at < all->end);
}

ut_status ut_export_textgrid(const ut_conversation *c, ut_buf *out)
{
    tiers all;
    ut_status status = make(c, &all);
    if (status != UT_OK)
        return status;
    /* Praat wants some time and a tier even where there is nothing. */
    all.end = all.end ? all.end : 1;
    ut_buf_adds(out,
                "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = ");
    seconds(out, all.end);
    ut_buf_addf(out, "\ntiers? <exists>\nsize = %zu\nitem []:\n", all.count ? all.count : 1);
    tier none = {.speaker = "unknown"};
    for (size_t i = 0; (i < all.count || i == 0) && status == UT_OK; i++) {
        const tier *t = all.count ? &all.items[i] : &none;
        ut_buf_addf(out, "    item [%zu]:\n        class = \"IntervalTier\"\n        name = \"",
                    i + 1);
        praat_text(out, t->speaker);
        ut_buf_addf(out, "%s\"\n        xmin = 0\n        xmax = ", tier_endings[t->kind]);
        seconds(out, all.end);
        ut_buf_addf(out, "\n        intervals: size = %zu\n", praat_intervals(&all, t));
        status = praat_tier(out, &all, t);
    }
    ut_arena_destroy(all.arena);
    return status == UT_OK ? ut_buf_status(out) : status;
}

/* ------------------------------------------------------------------------------------ EAF */

/* U+FFFE and U+FFFF may not stand in XML; control characters are gone by now. */
static void xml(ut_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            ut_buf_adds(out, entity);
        else if (strncmp(text, "\xEF\xBF\xBE", 3) == 0 || strncmp(text, "\xEF\xBF\xBF", 3) == 0)
            text += 2;
        else
            ut_buf_add(out, text, 1);
    }
}

static int by_value(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

/* Every time that the texts' tiers have, ascending, each once. */
static long long *slots(const tiers *all, size_t *count)
{
    size_t most = 1, n = 0;
    for (size_t i = 0; i < all->count; i++)
        most += all->items[i].kind == TIER_EMOTION ? 0 : 2 * all->items[i].count;
    long long *times = UT_ARENA_NEW(all->arena, long long, most);
    if (!times)
        return NULL;
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; all->items[i].kind != TIER_EMOTION && k < all->items[i].count; k++) {
            times[n++] = all->items[i].intervals[k].start;
            times[n++] = all->items[i].intervals[k].end;
        }
    qsort(times, n, sizeof *times, by_value);
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || times[i] != times[i - 1])
            times[(*count)++] = times[i];
    return times;
}

static size_t slot(const long long *times, size_t count, long long time)
{
    const long long *at = bsearch(&time, times, count, sizeof time, by_value);
    return (size_t)(at - times) + 1;
}

/* A text is annotation a<number>, its emotion e<number>, a word w<speaker's tier>_<its place>. */
static ut_status elan_tier(ut_buf *out, const tiers *all, size_t index, const long long *times,
                           size_t count)
{
    const tier *t = &all->items[index];
    bool of_text = t->kind == TIER_EMOTION;
    ut_buf text;
    ut_buf_init(&text, 0);
    ut_buf_adds(out, "    <TIER LINGUISTIC_TYPE_REF=\"");
    ut_buf_adds(out, of_text ? "emotion" : t->kind == TIER_WORDS ? "words" : "utterance");
    ut_buf_adds(out, of_text ? "\" PARENT_REF=\"" : "\" PARTICIPANT=\"");
    xml(out, t->speaker);
    ut_buf_adds(out, "\" TIER_ID=\"");
    xml(out, t->speaker);
    ut_buf_addf(out, "%s\">\n", tier_endings[t->kind]);
    for (size_t i = 0; i < t->count; i++) {
        const interval *at = &t->intervals[i];
        if (of_text && !at->utterance->emotion.present)
            continue;
        ut_buf_adds(out, "        <ANNOTATION>\n            ");
        if (of_text)
            ut_buf_addf(out,
                        "<REF_ANNOTATION ANNOTATION_ID=\"e%zu\" ANNOTATION_REF=\"a%zu\" "
                        "CVE_REF=\"cve%d\">",
                        at->number, at->number, (int)at->utterance->emotion.label);
        else if (at->word)
            ut_buf_addf(out, "<ALIGNABLE_ANNOTATION ANNOTATION_ID=\"w%zu_%zu\"", index, i);
        else
            ut_buf_addf(out, "<ALIGNABLE_ANNOTATION ANNOTATION_ID=\"a%zu\"", at->number);
        if (!of_text)
            ut_buf_addf(out, " TIME_SLOT_REF1=\"ts%zu\" TIME_SLOT_REF2=\"ts%zu\">",
                        slot(times, count, at->start), slot(times, count, at->end));
        ut_buf_clear(&text);
        label(&text, t, at);
        ut_buf_adds(out, "<ANNOTATION_VALUE>");
        xml(out, ut_buf_text(&text));
        ut_buf_addf(out, "</ANNOTATION_VALUE></%s_ANNOTATION>\n        </ANNOTATION>\n",
                    of_text ? "REF" : "ALIGNABLE");
    }
    ut_buf_adds(out, "    </TIER>\n");
    ut_status status = ut_buf_status(&text);
    ut_buf_free(&text);
    return status;
}

static void elan_head(ut_buf *out, const ut_conversation *c)
{
    const char *file = c->source.file ? c->source.file : "";
    const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    size_t length = strlen(name);
    bool wav = length > 4 && strcmp(name + length - 4, ".wav") == 0;
    ut_buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<ANNOTATION_DOCUMENT AUTHOR=\"Undertone\" DATE=\"2000-01-01T00:00:00+00:00\" "
                     "FORMAT=\"3.0\" VERSION=\"3.0\" "
                     "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                     "xsi:noNamespaceSchemaLocation=\"http://www.mpi.nl/tools/elan/EAFv3.0.xsd\">\n"
                     "    <HEADER MEDIA_FILE=\"\" TIME_UNITS=\"milliseconds\">\n"
                     "        <MEDIA_DESCRIPTOR MEDIA_URL=\"");
    ut_buf_add_uri(out, name);
    ut_buf_addf(out, "\" MIME_TYPE=\"%s\" RELATIVE_MEDIA_URL=\"./",
                wav ? "audio/x-wav" : "unknown");
    ut_buf_add_uri(out, name);
    ut_buf_adds(out, "\"/>\n    </HEADER>\n");
}

static void elan_foot(ut_buf *out)
{
    ut_buf_adds(
        out, "    <LINGUISTIC_TYPE GRAPHIC_REFERENCES=\"false\" LINGUISTIC_TYPE_ID=\"utterance\" "
             "TIME_ALIGNABLE=\"true\"/>\n"
             "    <LINGUISTIC_TYPE GRAPHIC_REFERENCES=\"false\" LINGUISTIC_TYPE_ID=\"words\" "
             "TIME_ALIGNABLE=\"true\"/>\n"
             "    <LINGUISTIC_TYPE CONSTRAINTS=\"Symbolic_Association\" "
             "CONTROLLED_VOCABULARY_REF=\"emotions\" GRAPHIC_REFERENCES=\"false\" "
             "LINGUISTIC_TYPE_ID=\"emotion\" TIME_ALIGNABLE=\"false\"/>\n"
             "    <LANGUAGE LANG_ID=\"und\" LANG_LABEL=\"undetermined (und)\"/>\n"
             "    <CONSTRAINT DESCRIPTION=\"1-1 association with a parent annotation\" "
             "STEREOTYPE=\"Symbolic_Association\"/>\n"
             "    <CONTROLLED_VOCABULARY CV_ID=\"emotions\">\n"
             "        <DESCRIPTION LANG_REF=\"und\"/>\n");
    for (int k = 0; k < UT_EMOTIONS; k++)
        ut_buf_addf(out,
                    "        <CV_ENTRY_ML CVE_ID=\"cve%d\"><CVE_VALUE DESCRIPTION=\"\" "
                    "LANG_REF=\"und\">%s</CVE_VALUE></CV_ENTRY_ML>\n",
                    k, ut_emotion_name((ut_emotion_label)k));
    ut_buf_adds(out, "    </CONTROLLED_VOCABULARY>\n</ANNOTATION_DOCUMENT>\n");
}

ut_status ut_export_eaf(const ut_conversation *c, ut_buf *out)
{
    tiers all;
    ut_status status = make(c, &all);
    if (status != UT_OK)
        return status;
    size_t count = 0;
    long long *times = slots(&all, &count);
    status = times ? UT_OK : UT_ERR_MEMORY;
    elan_head(out, c);
    ut_buf_adds(out, "    <TIME_ORDER>\n");
    for (size_t i = 0; times && i < count; i++)
        ut_buf_addf(out, "        <TIME_SLOT TIME_SLOT_ID=\"ts%zu\" TIME_VALUE=\"%lld\"/>\n", i + 1,
                    times[i]);
    ut_buf_adds(out, "    </TIME_ORDER>\n");
    for (size_t i = 0; i < all.count && status == UT_OK; i++)
        status = elan_tier(out, &all, i, times, count);
    elan_foot(out);
    ut_arena_destroy(all.arena);
    return status == UT_OK ? ut_buf_status(out) : status;
}

/* ------------------------------------------------------------------------------- Audacity */

ut_status ut_export_audacity(const ut_conversation *c, ut_buf *out)
{
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        const char *speaker = ut_export_speaker(c, u);
        seconds(out, ut_export_milliseconds(u->start));
        ut_buf_adds(out, "\t");
        seconds(out, ut_export_milliseconds(u->end));
        ut_buf_addf(out, "\t[%s]", speaker ? speaker : "unknown");
        if (u->emotion.present)
            ut_buf_addf(out, " %s:", ut_emotion_name(u->emotion.label));
        ut_buf_adds(out, " ");
        ut_export_line(out, u, false);
        ut_buf_adds(out, "\n");
    }
    return ut_buf_status(out);
}
