/* Conversation analytics: who talked how much, how fast and how loud, who interrupted whom, where
 * nobody spoke, how the emotions went.
 *
 * A pure function of the document as it is written: times count in whole milliseconds,
 * probabilities in steps of 1e-4, so that a document that was written and read back has the same
 * analytics. Everything lives in the conversation's arena. n log n in the utterances.
 *
 * Definitions, after M. Heldner and J. Edlund, "Pauses, gaps and overlaps in conversations"
 * (Journal of Phonetics 38, 2010), whose unit is the talkspurt, here the utterance:
 *
 * talk time   the length of the union of a speaker's utterances; the share is of the sum over all
 *             speakers, so that overlaps count for both
 * overlap     the time in which two or more different speakers speak (their overlap between
 *             speakers); a speaker's own utterances that lie over one another are none, and
 *             everybody who is not known counts as one speaker
 * turn        consecutive utterances of one speaker
 * interruption (their overlap between speakers) an utterance begins while another speaker's goes
 *             on, at least 0.2 s before that ends, and outlasts it: the floor changes hands. Below
 *             0.2 s overlaps are the ordinary inexactness of turn-taking (S. Levinson and F.
 *             Torreira, "Timing in turn-taking and its implications for processing models of
 *             language", Frontiers in Psychology 6, 2015: most overlaps are shorter). If several
 *             others are speaking, the one that ends last is interrupted.
 * interjection (their overlap within a speaker) an utterance lies wholly within another speaker's:
 *             the floor stays where it is
 * silence     at least 1 s between two utterances in which nobody speaks: the "standard maximum"
 *             silence that talk tolerates is about that (G. Jefferson, "Preliminary notes on a
 *             possible metric which provides for a 'standard maximum' silence of approximately one
 *             second in conversation", 1989)
 * talk speed  words a minute of the utterances with words; syllables a second as measured in the
 *             sound (src/dsp/syllables.h), pauses within utterances included; both over the
 *             utterances' time
 * loudness    mean of the utterances' levels of speech in dB, weighted by their length
 * emotions    mean of the probabilities, weighted by the seconds of the utterances: over all, and
 *             over each quarter of the recording
 * turning point an utterance at which a speaker's emotion changes: the mean of the probabilities of
 *             the speaker's three utterances from here on differs from that of the three before by
 *             at least 0.35 (total variation, 0 to 1), more than at any neighbour within three, and
 *             another emotion leads. The window-sliding method of C. Truong, L. Oudre and N.
 *             Vayatis, "Selective review of offline change point detection methods" (Signal
 *             Processing 167, 2020). */
#ifndef UT_CONVERSATION_ANALYTICS_H
#define UT_CONVERSATION_ANALYTICS_H

#include "conversation/conversation.h"

#define UT_QUARTERS 4

/* Mean emotions of some seconds; seconds 0: nothing was judged there. */
typedef struct ut_mood {
    double seconds;
    double probabilities[UT_EMOTIONS];
} ut_mood;

typedef struct ut_talker {
    double talk_time, talk_share; /* seconds; 0..1 */
    size_t turns, utterances;
    size_t words;
    double words_per_minute, syllables_per_second, loudness_db; /* NAN: not known */
    size_t interrupted, was_interrupted, interjections;
    ut_mood mood, quarters[UT_QUARTERS];
} ut_talker;

typedef struct ut_interruption {
    double time, overlap; /* when it began; seconds until the other stopped */
    int by, of;           /* speakers */
    size_t utterance;     /* that interrupts */
} ut_interruption;

typedef struct ut_silence {
    double start, end;
    int after, before; /* the speakers around it, -1 unknown */
} ut_silence;

typedef struct ut_turning_point {
    size_t utterance;
    double time;
    int speaker;
    ut_emotion_label from, to; /* what led before and leads from here on */
    double change;             /* total variation */
} ut_turning_point;

typedef struct ut_analytics {
    double speech, overlap, silence; /* seconds with a voice, with two or more, of the silences */
    ut_talker *talkers;              /* [speaker_count] */
    ut_interruption *interruptions;  /* by time */
    size_t interruption_count;
    ut_silence *silences;
    size_t silence_count;
    ut_mood quarters[UT_QUARTERS]; /* all speakers */
    ut_turning_point *turning_points;
    size_t turning_point_count;
} ut_analytics;

/* Sets c->analytics. UT_ERR_MEMORY. */
UT_MUST_CHECK ut_status ut_conversation_measure(ut_conversation *c, ut_error *err);

/* The member "analytics" of the document; a new reference, NULL when out of memory. */
json_t *ut_analytics_json(const ut_conversation *c);

#endif
