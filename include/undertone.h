/* Undertone: who said what in a recorded conversation, when, how they felt, and why it thinks so.
 *
 * Two objects. A ut_engine holds the models: opened once, immutable, shared between threads. A
 * ut_session is one conversation in progress: one thread at a time. A ut_result belongs to the
 * caller and outlives both.
 *
 *     ut_options options = ut_options_default();
 *     if (ut_engine_open(&options, &engine, &error) != UT_OK)
 *         return complain(error.message);
 *     session = ut_session_create(engine);
 *     if (ut_session_analyze(session, "call.wav", &result, &error) == UT_OK)
 *         for (size_t i = 0; i < ut_result_count(result); i++) {
 *             ut_utterance_info u = ut_result_utterance(result, i);
 *             printf("%.1f %s %s: %s\n", u.start, u.speaker, u.emotion, u.text);
 *         }
 *     ut_result_destroy(result);
 *     ut_session_destroy(session);
 *     ut_engine_close(engine);
 *
 * examples/analyze.c is the whole of it.
 *
 * Times are seconds from the start of the recording, probabilities lie in [0, 1], text is UTF-8.
 * Functions that can fail return ut_status and fill an ut_error with one sentence that names the
 * thing at fault and what to do about it. Nothing is downloaded, and nothing leaves the machine
 * unless ut_options.llm names a language model elsewhere. */
#ifndef UNDERTONE_H
#define UNDERTONE_H

#include <stddef.h>

#include "undertone_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The emotions, always in this order: sad, happy, angry, neutral, non-neutral (any other emotion).
 */
enum { UNDERTONE_EMOTIONS = 5 };
/* "sad" ... for 0 .. 4, NULL beyond. */
UT_API const char *ut_label_name(int label);

/* "1.2.3" */
UT_API const char *ut_version(void);

/* What two-channel recordings are: one signal, one speaker a channel, or whichever the channels
 * show. */
typedef enum ut_channels { UT_CHANNELS_AUTO, UT_CHANNELS_MIX, UT_CHANNELS_SPLIT } ut_channels;

/* Experts to ask; any combination. */
enum { UT_MODALITY_AUDIO = 1, UT_MODALITY_TEXT = 2, UT_MODALITY_CONTEXT = 4, UT_MODALITY_ALL = 7 };

/* Strings may be NULL for the default and must live until ut_engine_open() returns. */
typedef struct ut_options {
    const char *asr_model;  /* "auto" (best installed), "none" (voice only), a name or a folder */
    const char *text_model; /* "auto", "bundled", a name or a folder */
    const char *vad_model;  /* "auto", "bundled", "silero", "segmentation" */
    const char *speaker_model; /* "auto", "bundled", "resemblyzer" */
    const char *model;         /* heads that `undertone train` wrote; NULL: the bundled ones */
    const char
        *models_dir;      /* bundled weights; default: beside the program or the installed place */
    const char *language; /* "en"; NULL: detected for each recording */
    /* Text as if it had been said before: names and terms that the recogniser should expect. */
    const char *initial_prompt;
    double max_duration; /* seconds that a recording may last; 0: 24 hours */
    int beam_size;       /* 1..8, 5 */
    int num_speakers;    /* 0: estimated */
    int min_speakers;    /* 0: no bound */
    int max_speakers;    /* 0: no bound */
    ut_channels channels;
    unsigned modalities;
    int retrieval; /* 1: labelled examples vote, 0: not */
    int causal; /* 1: turns after an utterance do not change what context says of it, 0: they may */
    /* The user's knowledge base: a file (made if absent) or "chroma://host:port/collection". Its
     * labelled utterances vote beside the bundled examples; what is analysed is added to it without
     * a label. NULL: none. */
    const char *store;

    /* A language model that is asked where the judgement is unsure, at OPENAI_BASE_URL with
     * OPENAI_API_KEY: its name there; NULL: none, and nothing is sent. */
    const char *llm;
    const char *llm_gate;   /* "auto" (where unsure), "always", "never" */
    const char *llm_budget; /* "200000" tokens or "$2.50" in the engine's life; NULL: no bound */
    const char *llm_price;  /* of a million tokens, sent and answered: "0.15,0.60"; or NULL */
    int llm_rate;           /* calls a minute; 0: as many as the server takes */
    int llm_timeout;        /* seconds for an answer; 0: 120 */
    int redact;             /* 1: mask names, numbers, addresses and cards in what is sent */
} ut_options;

UT_API ut_options ut_options_default(void);

typedef struct ut_engine ut_engine;
typedef struct ut_session ut_session;
typedef struct ut_result ut_result;

/* Loads the models. The engine may be used by any number of sessions in any threads. */
UT_API UT_MUST_CHECK ut_status ut_engine_open(const ut_options *options, ut_engine **engine,
                                              ut_error *err);
/* After every session of it is destroyed. NULL is fine. */
UT_API void ut_engine_close(ut_engine *engine);
/* One line that says which models were taken; belongs to the engine. */
UT_API const char *ut_engine_summary(const ut_engine *engine);

/* NULL when out of memory. */
UT_API ut_session *ut_session_create(const ut_engine *engine);
UT_API void ut_session_destroy(ut_session *session);

/* Called from the working thread: `stage` is "transcribe", "extract" or "analyze", `done` in [0,
 * 1]. */
typedef void (*ut_progress)(void *context, const char *stage, double done);
UT_API void ut_session_set_progress(ut_session *session, ut_progress progress, void *context);
/* Makes the analysis in progress, else the next one, return UT_ERR_CANCELLED soon. Any thread, also
 * a signal handler. */
UT_API void ut_session_cancel(ut_session *session);

/* How recordings of this session are taken, in place of the engine's own options: language,
 * initial_prompt, max_duration, beam_size, num_speakers, min_speakers, max_speakers, channels,
 * modalities, retrieval and causal. The others name models, and stay the engine's. Copied. */
UT_API UT_MUST_CHECK ut_status ut_session_set_options(ut_session *session,
                                                      const ut_options *options, ut_error *err);

/* A turn of the conversation before the recording began. UTF-8. */
typedef struct ut_past_turn {
    const char *speaker; /* "SPEAKER_00" ... is who is called so in the result; others are others */
    const char *text;
    int emotion; /* label, or -1: not known */
} ut_past_turn;

/* At most so many, and so many bytes of a text and of a name. */
enum { UT_HISTORY_TURNS = 50, UT_HISTORY_TEXT = 8192, UT_HISTORY_NAME = 256 };

/* Turns before the recordings of this session, oldest first: they count as previous turns for the
 * context expert and the language model, and stand in the document. Copied. UT_ERR_LIMIT,
 * UT_ERR_FORMAT (no UTF-8). */
UT_API UT_MUST_CHECK ut_status ut_session_set_history(ut_session *session,
                                                      const ut_past_turn *turns, size_t count,
                                                      ut_error *err);

/* What the recordings of this session are called in the document, in place of the last part of
 * their path: a file's name, UTF-8. Copied. */
UT_API UT_MUST_CHECK ut_status ut_session_set_name(ut_session *session, const char *name,
                                                   ut_error *err);

/* Analyses one recording: every step. *result is destroyed by the caller. */
UT_API UT_MUST_CHECK ut_status ut_session_analyze(ut_session *session, const char *path,
                                                  ut_result **result, ut_error *err);
/* The first step alone: who said what, when. Emotions are not judged. */
UT_API UT_MUST_CHECK ut_status ut_session_transcribe(ut_session *session, const char *path,
                                                     ut_result **result, ut_error *err);

/* What was found. Pointers belong to the result. */
typedef struct ut_utterance_info {
    double start, end;
    const char *speaker; /* "SPEAKER_00", "" if unknown */
    const char *text;    /* "" if not recognised */
    const char *emotion; /* label of the highest probability */
    float probabilities[UNDERTONE_EMOTIONS];
    /* Bit 1 << label: those that cannot be ruled out; of the utterances that are truly so, nine of
     * ten have the label in their set (docs/evaluation.md). */
    unsigned label_set;
    const char *explanation;
} ut_utterance_info;

UT_API void ut_result_destroy(ut_result *result); /* NULL is fine */
UT_API size_t ut_result_count(const ut_result *result);
UT_API ut_utterance_info ut_result_utterance(const ut_result *result, size_t index);
UT_API double ut_result_duration(const ut_result *result);
UT_API const char *ut_result_language(const ut_result *result); /* "" if unknown */
/* The whole document (docs/conversation.schema.json), UTF-8; belongs to the result. */
UT_API const char *ut_result_json(const ut_result *result);

#ifdef __cplusplus
}
#endif

#endif
