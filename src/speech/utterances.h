/* Words to speakers, and utterances out of both.
 *
 * Pure functions over arrays; results live in the arena they are given. */
#ifndef UT_SPEECH_UTTERANCES_H
#define UT_SPEECH_UTTERANCES_H

#include "base/arena.h"
#include "conversation/conversation.h"
#include "speech/diarize.h"

typedef struct ut_utterance_options {
    double pause;        /* a longer pause between two words ends an utterance */
    double longest;      /* seconds; a longer one is cut at its best pause or sentence end */
    double sentence_min; /* a sentence end cuts when the utterance is at least this long */
} ut_utterance_options;

/* 0.7, 15, 6. */
ut_utterance_options ut_utterance_defaults(void);

/* Gives every word (by start time) its speaker: the turn that overlaps it most, else the nearest;
 * then a short run of words inside another speaker's sentence goes back to that speaker unless a
 * pause or punctuation sets it off. No turns: everything is speaker 0. */
void ut_words_to_speakers(ut_word *words, size_t word_count, const ut_turn *turns,
                          size_t turn_count);

/* Utterances from words that have speakers (ut_words_to_speakers), cut at changes of speaker,
 * pauses, and sentence ends; each one's words point into `words`, text is joined with spaces, and
 * speaker_confidence is the mean of the turns under its words. Other members are empty (numbers
 * NAN). `spaced` false joins words without spaces (Chinese, Japanese ...). */
UT_MUST_CHECK ut_status ut_utterances_from_words(ut_arena *arena, ut_word *words, size_t word_count,
                                                 const ut_turn *turns, size_t turn_count,
                                                 const ut_utterance_options *options, bool spaced,
                                                 ut_utterance **utterances, size_t *count,
                                                 ut_error *err);

/* Without words: one utterance a turn, long ones cut into even parts, gaps shorter than the pause
 * between turns of the same speaker bridged when nobody else speaks in between. */
UT_MUST_CHECK ut_status ut_utterances_from_turns(ut_arena *arena, const ut_turn *turns,
                                                 size_t turn_count,
                                                 const ut_utterance_options *options,
                                                 ut_utterance **utterances, size_t *count,
                                                 ut_error *err);

#endif
