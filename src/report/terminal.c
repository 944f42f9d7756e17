#include "report/terminal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#include "report/cues.h"

static const char *const colors[UT_EMOTIONS] = {"\033[34m", "\033[33m", "\033[31m", "", "\033[35m"};

enum { WHEN = 7, EMOTION = 11, SURE = 5, LONGEST_SPEAKER = 16, LEAST_TEXT = 8 };

/* The text without anything that moves the cursor or changes the terminal's state. */
static void add_printable(ut_buf *out, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    while (left) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate(at, (utf8proc_ssize_t)left, &c);
        utf8proc_category_t kind = n > 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CC;
        size_t bytes = n > 0 ? (size_t)n : 1;
        if (n > 0 && (c == '\n' || c == '\t' || kind == UTF8PROC_CATEGORY_ZL ||
                      kind == UTF8PROC_CATEGORY_ZP))
            ut_buf_adds(out, " ");
        else if (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF)
            ut_buf_adds(out, "?");
        else
            ut_buf_add(out, at, bytes);
        at += bytes;
        left -= bytes;
    }
}

static void spaces(ut_buf *out, size_t count)
{
    while (count-- > 0 && out->status == UT_OK)
        ut_buf_add(out, " ", 1);
}

/* `text` cut to `columns`, and filled up to them when `fill`. */
static void add_cell(ut_buf *out, const char *text, size_t columns, bool fill)
{
    ut_buf clean;
    ut_buf_init(&clean, 0);
    add_printable(&clean, text);
    const char *shown = ut_buf_text(&clean);
    size_t length = clean.length, wide = ut_text_columns(shown, length);
    if (wide > columns) {
        length = ut_text_fit(shown, length, columns > 3 ? columns - 3 : 0);
        wide = ut_text_columns(shown, length) + 3;
    }
    ut_buf_add(out, shown, length);
    ut_buf_adds(out, length < clean.length ? "..." : "");
    if (fill && wide < columns)
        spaces(out, columns - wide);
    if (clean.status != UT_OK && out->status == UT_OK)
        out->status = clean.status;
    ut_buf_free(&clean);
}

static void add_time(ut_buf *out, double seconds)
{
    long long s = (long long)floor(seconds);
    ut_buf text;
    ut_buf_init(&text, 64);
    if (s >= 3600)
        ut_buf_addf(&text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        ut_buf_addf(&text, "%lld:%02lld", s / 60, s % 60);
    spaces(out, text.length < WHEN ? WHEN - text.length : 0);
    ut_buf_adds(out, ut_buf_text(&text));
    ut_buf_free(&text);
}

static size_t speaker_columns(const ut_conversation *c)
{
    size_t widest = strlen("speaker");
    for (size_t i = 0; i < c->speaker_count; i++) {
        size_t wide = ut_text_columns(c->speakers[i], strlen(c->speakers[i]));
        widest = wide > widest ? wide : widest;
    }
    return widest < LONGEST_SPEAKER ? widest : LONGEST_SPEAKER;
}

static void add_emotion(ut_buf *out, const ut_emotion *e, bool color)
{
    const char *paint = e->present && color ? colors[e->label] : "";
    ut_buf_adds(out, paint);
    add_cell(out, e->present ? ut_emotion_name(e->label) : "-", EMOTION, true);
    ut_buf_adds(out, *paint ? "\033[0m" : "");
    ut_buf_adds(out, "  ");
    if (!e->present) {
        spaces(out, SURE);
        return;
    }
    long sure = lround((double)e->probabilities[e->label] * 100);
    ut_buf_addf(out, "%*ld %%", SURE - 2, sure);
}

ut_status ut_terminal_table(const ut_conversation *c, ut_terminal_options options, ut_buf *out)
{
    size_t columns = options.columns <= 0   ? 80
                     : options.columns < 56 ? 56
                                            : (size_t)options.columns;
    size_t speaker = speaker_columns(c), used = WHEN + 2 + speaker + 2 + EMOTION + 2 + SURE + 2;
    size_t text = columns > used + LEAST_TEXT ? columns - used : LEAST_TEXT;
    const char *bold = options.color ? "\033[1m" : "", *plain = options.color ? "\033[0m" : "";
    ut_buf_adds(out, bold);
    add_cell(out, c->source.file, columns, false);
    ut_buf_addf(out, "\n%*s  ", WHEN, "when");
    add_cell(out, "speaker", speaker, true);
    ut_buf_addf(out, "  %-*s  %*s  text%s\n", EMOTION, "emotion", SURE, "sure", plain);
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        bool known = u->speaker >= 0 && (size_t)u->speaker < c->speaker_count;
        add_time(out, u->start);
        ut_buf_adds(out, "  ");
        add_cell(out, known ? c->speakers[u->speaker] : "?", speaker, true);
        ut_buf_adds(out, "  ");
        add_emotion(out, &u->emotion, options.color);
        ut_buf_adds(out, "  ");
        add_cell(out, u->text ? u->text : "", text, false);
        ut_buf_adds(out, "\n");
    }
    for (size_t i = 0; i < c->note_count; i++) {
        ut_buf_adds(out, "note: ");
        add_printable(out, c->notes[i]);
        ut_buf_adds(out, "\n");
    }
    return ut_buf_status(out);
}
