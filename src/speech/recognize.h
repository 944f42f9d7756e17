/* Recognition: the words of one window of speech, with times and probabilities.
 *
 * An ut_recognizer is immutable and shared between threads; an ut_recognizer_session holds the
 * buffers of one window and belongs to one thread at a time. Decoding follows openai-whisper and
 * faster-whisper: beam search, suppressed tokens, temperature fallback with its three rules, word
 * times by dynamic time warping over the alignment heads. Windows come from speech detection and
 * are decoded without timestamp tokens, as WhisperX does. Results depend on nothing but the model,
 * the samples and the options: sampling is seeded. */
#ifndef UT_SPEECH_RECOGNIZE_H
#define UT_SPEECH_RECOGNIZE_H

#include <stdbool.h>

#include "base/arena.h"
#include "conversation/conversation.h"
#include "models/whisper/whisper.h"
#include "undertone_status.h"

typedef struct ut_recognizer ut_recognizer;
typedef struct ut_recognizer_session ut_recognizer_session;

typedef struct ut_recognize_options {
    const char *language;             /* "en"; NULL: detect in this window */
    float sure_language;              /* a window less sure of its language is not decoded */
    const char *initial_prompt;       /* text as if it came before: names, terms; NULL: none */
    int beam;                         /* 1 (greedy) .. UT_WHISPER_ROWS */
    int temperatures;                 /* tries: 0, 0.2 ... 1.0; 1 turns the fallback off */
    float compression_ratio;          /* text that zlib shrinks more is a loop: try again */
    float mean_log_probability;       /* less certain text: try again */
    float no_speech;                  /* more, and uncertain text: silence */
    bool timestamps;                  /* decode with timestamp tokens and their rules */
    bool words;                       /* word times (else the words share the window evenly) */
    bool (*cancelled)(void *context); /* asked before every step; NULL: never */
    void *context;
} ut_recognize_options;

/* NULL, 0, NULL, 5, 6, 2.4, -1.0, 0.6, false, true, NULL, NULL. */
ut_recognize_options ut_recognize_defaults(void);

typedef struct ut_recognition {
    ut_word *words; /* times in seconds from the window's start, speaker -1; in the arena */
    size_t word_count;
    const char *text;           /* trimmed, in the arena; "" for silence */
    float probability;          /* mean over the words, NAN without words */
    float mean_log_probability; /* of the tokens */
    float no_speech;
    float temperature; /* at which the text was accepted */
    float compression_ratio;
    char language[8];
    float language_probability; /* 1 when it was given */
} ut_recognition;

/* `dir`: a Whisper folder (models/whisper/whisper.h). */
UT_MUST_CHECK ut_status ut_recognizer_open(const char *dir, ut_recognizer **recognizer,
                                           ut_error *err);
void ut_recognizer_close(ut_recognizer *recognizer); /* NULL is fine */
const ut_whisper *ut_recognizer_model(const ut_recognizer *recognizer);

UT_MUST_CHECK ut_status ut_recognizer_session_create(const ut_recognizer *recognizer,
                                                     ut_recognizer_session **session,
                                                     ut_error *err);
void ut_recognizer_session_destroy(ut_recognizer_session *session); /* NULL is fine */
/* The encoder's state of the window recognised last (ut_whisper_layers). */
const ut_whisper_state *ut_recognizer_state(const ut_recognizer_session *session);

/* pcm[n]: 16 kHz mono, at most 30 s (the rest is not heard). UT_ERR_USAGE for a language that the
 * model does not have, UT_ERR_LIMIT for a prompt beyond UT_BPE_MAX_BYTES (of its tokens the last
 * that fit are taken), UT_ERR_CANCELLED. */
UT_MUST_CHECK ut_status ut_recognize(ut_recognizer_session *session, const float *pcm, size_t n,
                                     const ut_recognize_options *options, ut_arena *arena,
                                     ut_recognition *result, ut_error *err);

/* What several windows of a recording say of its language, when the first is not sure: the mean of
 * their probabilities, each weighed by how surely it is speech. Start from zeros. */
enum { UT_MOST_LANGUAGES = 256 };
typedef struct ut_language_votes {
    double sums[UT_MOST_LANGUAGES];
    double weight;
} ut_language_votes;

/* Hears a window (as ut_recognize does) and adds its vote. */
UT_MUST_CHECK ut_status ut_recognize_language(ut_recognizer_session *session, const float *pcm,
                                              size_t n, ut_language_votes *votes, ut_error *err);
/* The language with most votes, and its share of them ("en" and 1 from an English-only model; share
 * 0 where nothing has voted). */
void ut_language_elect(const ut_recognizer *recognizer, const ut_language_votes *votes,
                       char language[8], float *share);

/* Whether a language ("en") puts spaces between words; Chinese, Japanese, Thai ... do not, and
 * every run of whole characters is a word there. */
bool ut_language_is_spaced(const char *language);

#endif
