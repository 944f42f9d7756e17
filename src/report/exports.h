/* A conversation in other programs' formats. Each function appends to `out` and returns
 * ut_buf_status(out); the caller writes the file. The same conversation gives the same bytes.
 *
 * An utterance without text (voice-only analysis) is shown as its emotion in round brackets in the
 * subtitles and the plain text. Line breaks inside texts become spaces. */
#ifndef UT_REPORT_EXPORTS_H
#define UT_REPORT_EXPORTS_H

#include "base/buf.h"
#include "conversation/conversation.h"

/* RFC 4180 (CRLF, a header line, quotes where needed), UTF-8: index, start, end, speaker,
 * speaker_confidence, text, text_confidence, emotion, confidence, the five probabilities,
 * explanation. Unknown values are empty. */
UT_MUST_CHECK ut_status ut_export_csv(const ut_conversation *c, ut_buf *out);

/* Subtitles. Cues of at most two lines of 42 columns (the usual limit for readers), cut where words
 * have their times; long utterances become several cues. SubRip prefixes the speaker as
 * WhisperX does; WebVTT (W3C) uses voice tags. */
UT_MUST_CHECK ut_status ut_export_srt(const ut_conversation *c, ut_buf *out);
UT_MUST_CHECK ut_status ut_export_vtt(const ut_conversation *c, ut_buf *out);

/* Whisper's: header "start end text", whole milliseconds, tabs. */
UT_MUST_CHECK ut_status ut_export_tsv(const ut_conversation *c, ut_buf *out);

/* "[SPEAKER_00]: text", one utterance a line. */
UT_MUST_CHECK ut_status ut_export_txt(const ut_conversation *c, ut_buf *out);

/* NIST's rich transcription time marks; the file's name is the conversation's id with white space
 * replaced by '_'. Utterances without a speaker are left out. */
UT_MUST_CHECK ut_status ut_export_rttm(const ut_conversation *c, ut_buf *out);

/* Annotation programs: a tier a speaker ("unknown" for utterances without one) with the texts,
 * beside it one with the emotions and, where words are known, one with them. Where a speaker's
 * utterances overlap, the later one begins when the earlier ends, since a tier may not overlap
 * itself; times are whole milliseconds.
 *
 * Praat's TextGrid, long form (manual page "TextGrid file formats"). */
UT_MUST_CHECK ut_status ut_export_textgrid(const ut_conversation *c, ut_buf *out);
/* ELAN's EAF 3.0 ("EAF schema description", Max Planck Institute for Psycholinguistics): the
 * emotions are annotations of the texts, with a controlled vocabulary to correct them by. The date,
 * which the format wants, is fixed. */
UT_MUST_CHECK ut_status ut_export_eaf(const ut_conversation *c, ut_buf *out);

/* Audacity's label track: "start end [SPEAKER_00] emotion: text", tabs, seconds. */
UT_MUST_CHECK ut_status ut_export_audacity(const ut_conversation *c, ut_buf *out);

typedef struct ut_export {
    const char *name; /* of the file beside conversation.json */
    ut_status (*write)(const ut_conversation *c, ut_buf *out);
} ut_export;

/* All of them: "utterances.csv", "conversation.srt", ... */
#define UT_EXPORT_COUNT 9
extern const ut_export ut_exports[UT_EXPORT_COUNT];

#endif
