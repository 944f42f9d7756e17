#include "report/exports.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "report/cues.h"
#include "report/exports_internal.h"

const ut_export ut_exports[UT_EXPORT_COUNT] = {
    {"utterances.csv", ut_export_csv},
    {"conversation.srt", ut_export_srt},
    {"conversation.vtt", ut_export_vtt},
    {"conversation.tsv", ut_export_tsv},
    {"conversation.txt", ut_export_txt},
    {"conversation.rttm", ut_export_rttm},
    {"conversation.TextGrid", ut_export_textgrid},
    {"conversation.eaf", ut_export_eaf},
    {"conversation.audacity.txt", ut_export_audacity},
};

const char *ut_export_speaker(const ut_conversation *c, const ut_utterance *u)
{
    return u->speaker >= 0 && (size_t)u->speaker < c->speaker_count ? c->speakers[u->speaker]
                                                                    : NULL;
}

void ut_export_line(ut_buf *out, const ut_utterance *u, bool emotion_for_none)
{
    size_t start = out->length;
    bool gap = false;
    for (const char *s = u->text ? u->text : ""; *s; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f) {
            gap = out->length > start;
            continue;
        }
        if (gap)
            ut_buf_add(out, " ", 1);
        gap = false;
        ut_buf_add(out, s, 1);
    }
    if (out->length == start && emotion_for_none && u->emotion.present)
        ut_buf_addf(out, "(%s)", ut_emotion_name(u->emotion.label));
}

/* ---------------------------------------------------------------------------------- CSV */

static void csv_text(ut_buf *out, const char *text)
{
    ut_buf_adds(out, ",");
    ut_csv_cell(out, text);
}

static void csv_number(ut_buf *out, double value, int decimals)
{
    ut_buf_adds(out, ",");
    ut_buf_add_fixed(out, value, decimals);
}

/* Names with spaces between. */
static void csv_label_set(ut_buf *out, unsigned set)
{
    const char *between = ",";
    for (int k = 0; k < UT_EMOTIONS; k++)
        if (set & 1u << k) {
            ut_buf_addf(out, "%s%s", between, ut_emotion_name((ut_emotion_label)k));
            between = " ";
        }
    if (!set)
        ut_buf_adds(out, ",");
}

ut_status ut_export_csv(const ut_conversation *c, ut_buf *out)
{
    ut_buf_adds(
        out, "index,start,end,speaker,speaker_confidence,text,text_confidence,emotion,"
             "confidence,sad,happy,angry,neutral,non-neutral,label_set,explanation,corrected\r\n");
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        const ut_emotion *e = &u->emotion;
        ut_buf_addf(out, "%zu", i);
        csv_number(out, u->start, 3);
        csv_number(out, u->end, 3);
        csv_text(out, ut_export_speaker(c, u));
        csv_number(out, (double)u->speaker_confidence, 4);
        csv_text(out, u->text);
        csv_number(out, (double)u->text_confidence, 4);
        csv_text(out, e->present ? ut_emotion_name(e->label) : NULL);
        csv_number(out, e->present ? (double)e->probabilities[e->label] : NAN, 4);
        for (int k = 0; k < UT_EMOTIONS; k++)
            csv_number(out, e->present ? (double)e->probabilities[k] : NAN, 4);
        csv_label_set(out, e->label_set);
        csv_text(out, e->present ? e->explanation : NULL);
        ut_buf_adds(out, ",\r\n"); /* "corrected" is for a person to fill in: undertone kb add */
    }
    return ut_buf_status(out);
}

/* ---------------------------------------------------------------------------- subtitles */

long long ut_export_milliseconds(double seconds)
{
    return llround(seconds * 1000);
}

static void clock_time(ut_buf *out, long long ms, char point)
{
    ut_buf_addf(out, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
                point, ms % 1000);
}

/* Times of a cue; an end that is not later than its start is moved by 1 ms, since WebVTT forbids
 * it. */
static void cue_times(ut_buf *out, const ut_cue_span *cue, char point)
{
    long long start = ut_export_milliseconds(cue->start), end = ut_export_milliseconds(cue->end);
    clock_time(out, start, point);
    ut_buf_adds(out, " --> ");
    clock_time(out, end > start ? end : start + 1, point);
    ut_buf_adds(out, "\n");
}

static void markup(ut_buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '&')
            ut_buf_adds(out, "&amp;");
        else if (text[i] == '<')
            ut_buf_adds(out, "&lt;");
        else if (text[i] == '>')
            ut_buf_adds(out, "&gt;");
        else
            ut_buf_add(out, text + i, 1);
    }
}

static void plain(ut_buf *out, const char *text, size_t length)
{
    ut_buf_add(out, text, length);
}

static void cue_text(ut_buf *out, const char *text, size_t length,
                     void (*add)(ut_buf *, const char *, size_t))
{
    for (size_t at = 0; at < length;) {
        size_t next, line = ut_cue_line(text + at, length - at, &next);
        if (at)
            ut_buf_adds(out, "\n");
        add(out, text + at, line);
        at += next > 0 ? next : 1;
    }
}

typedef void (*cue_writer)(ut_buf *out, size_t number, const char *speaker, const char *text,
                           const ut_cue_span *cue);

static ut_status each_cue(const ut_conversation *c, ut_buf *out, cue_writer write)
{
    ut_buf text;
    ut_buf_init(&text, 0);
    size_t number = 0;
    ut_status status = UT_OK;
    for (size_t i = 0; i < c->utterance_count && status == UT_OK; i++) {
        const ut_utterance *u = &c->utterances[i];
        ut_buf_clear(&text);
        ut_export_line(&text, u, true);
        status = ut_buf_status(&text);
        ut_cue_span *cues = NULL;
        size_t count = 0;
        if (status == UT_OK && text.length)
            status = ut_cue_cut(u, text.data, text.length, &cues, &count);
        for (size_t k = 0; k < count; k++)
            write(out, ++number, ut_export_speaker(c, u), text.data, &cues[k]);
        free(cues);
    }
    ut_buf_free(&text);
    return status == UT_OK ? ut_buf_status(out) : status;
}

static void write_srt(ut_buf *out, size_t number, const char *speaker, const char *text,
                      const ut_cue_span *cue)
{
    ut_buf_addf(out, "%s%zu\n", number > 1 ? "\n" : "", number);
    cue_times(out, cue, ',');
    if (speaker)
        ut_buf_addf(out, "[%s]: ", speaker);
    cue_text(out, text + cue->from, cue->to - cue->from, plain);
    ut_buf_adds(out, "\n");
}

ut_status ut_export_srt(const ut_conversation *c, ut_buf *out)
{
    return each_cue(c, out, write_srt);
}

static void write_vtt(ut_buf *out, size_t number, const char *speaker, const char *text,
                      const ut_cue_span *cue)
{
    ut_buf_addf(out, "\n%zu\n", number);
    cue_times(out, cue, '.');
    if (speaker) {
        ut_buf_adds(out, "<v ");
        markup(out, speaker, strlen(speaker));
        ut_buf_adds(out, ">");
    }
    cue_text(out, text + cue->from, cue->to - cue->from, markup);
    ut_buf_adds(out, speaker ? "</v>\n" : "\n");
}

ut_status ut_export_vtt(const ut_conversation *c, ut_buf *out)
{
    ut_buf_adds(out, "WEBVTT\n");
    return each_cue(c, out, write_vtt);
}

/* ------------------------------------------------------------------------ one line each */

ut_status ut_export_tsv(const ut_conversation *c, ut_buf *out)
{
    ut_buf_adds(out, "start\tend\ttext\n");
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        ut_buf_addf(out, "%lld\t%lld\t", ut_export_milliseconds(u->start),
                    ut_export_milliseconds(u->end));
        ut_export_line(out, u, false);
        ut_buf_adds(out, "\n");
    }
    return ut_buf_status(out);
}

ut_status ut_export_txt(const ut_conversation *c, ut_buf *out)
{
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        const char *speaker = ut_export_speaker(c, u);
        if (speaker)
            ut_buf_addf(out, "[%s]: ", speaker);
        ut_export_line(out, u, true);
        ut_buf_adds(out, "\n");
    }
    return ut_buf_status(out);
}

static void field(ut_buf *out, const char *text)
{
    if (!text || !*text)
        ut_buf_adds(out, "<NA>");
    for (; text && *text; text++)
        ut_buf_add(out, (unsigned char)*text <= ' ' ? "_" : text, 1);
}

ut_status ut_export_rttm(const ut_conversation *c, ut_buf *out)
{
    for (size_t i = 0; i < c->utterance_count; i++) {
        const ut_utterance *u = &c->utterances[i];
        const char *speaker = ut_export_speaker(c, u);
        if (!speaker)
            continue;
        ut_buf_adds(out, "SPEAKER ");
        field(out, c->id);
        ut_buf_adds(out, " 1 ");
        ut_buf_add_fixed(out, u->start, 3);
        ut_buf_adds(out, " ");
        ut_buf_add_fixed(out, u->end - u->start, 3);
        ut_buf_adds(out, " <NA> <NA> ");
        field(out, speaker);
        ut_buf_adds(out, " <NA> <NA>\n");
    }
    return ut_buf_status(out);
}
