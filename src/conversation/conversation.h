/* The conversation: one document that grows as it passes through the steps transcribe, extract,
 * analyze and evaluate. Each step adds its own part and never changes another's.
 *
 * Ownership: everything a conversation points to lives in its arena; strings are UTF-8. One thread
 * at a time. Times are seconds from the start of the recording, rounded to 1 ms; probabilities lie
 * in [0, 1]. Absent numbers are NAN, absent arrays NULL with a count of 0. The JSON form
 * (ut_conversation_write) is versioned and described by docs/conversation.schema.json; writing and
 * reading it back gives the same bytes. Both go from one utterance to the next, so that a long
 * recording needs no tree of its whole document (analyze on the document of two hours, 12 MB: 14 MB
 * of heap instead of 128). */
#ifndef UT_CONVERSATION_CONVERSATION_H
#define UT_CONVERSATION_CONVERSATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "undertone_status.h"

#define UT_CONVERSATION_VERSION 1

/* The five emotions, always in this order. */
typedef enum ut_emotion_label {
    UT_SAD,
    UT_HAPPY,
    UT_ANGRY,
    UT_NEUTRAL,
    UT_NON_NEUTRAL, /* any other emotion: fear, disgust, surprise, frustration ... */
    UT_EMOTIONS
} ut_emotion_label;

/* "sad", "happy", "angry", "neutral", "non-neutral". */
const char *ut_emotion_name(ut_emotion_label label);
/* -1 if `name` is none of them (case is ignored; "nonneutral" and "non_neutral" are taken too). */
int ut_emotion_from_name(const char *name);
/* The names of a set of labels (bit 1 << label); a new reference, NULL when out of memory. */
json_t *ut_label_set_json(unsigned set);

/* The experts whose opinions are fused, always in this order. */
typedef enum ut_expert {
    UT_EXPERT_ACOUSTIC,
    UT_EXPERT_TEXT,
    UT_EXPERT_CONTEXT,
    UT_EXPERT_RETRIEVAL,
    UT_EXPERT_LANGUAGE_MODEL,
    UT_EXPERTS
} ut_expert;

const char *ut_expert_name(ut_expert expert);

typedef struct ut_word {
    const char *text; /* without surrounding spaces */
    double start, end;
    float probability; /* the decoder's */
    bool interpolated; /* timing: false "aligned", true "interpolated" */
    int speaker;       /* index into speakers, -1 unknown; equals the utterance's in the document */
} ut_word;

/* A named acoustic value: as measured, and relative to the speaker's own baseline (in standard
 * deviations of that speaker's utterances so far; NAN while there is no baseline). */
typedef struct ut_feature {
    const char *name; /* e.g. "pitch_mean_hz" */
    float value;
    float relative;
} ut_feature;

/* An embedding and the model that made it ("all-MiniLM-L6-v2", "whisper-base-voice"). */
typedef struct ut_embedding {
    const char *model;
    float *values;
    size_t count; /* 0: absent */
} ut_embedding;

/* Whether it was made by `model` and holds `count` numbers. One that holds others (NAN, of a
 * document from elsewhere) counts as none. */
bool ut_embedding_of(const ut_embedding *embedding, const char *model, size_t count);

/* What the language model says that it went by. */
typedef enum ut_grounds {
    UT_GROUNDS_WORDS,
    UT_GROUNDS_VOICE,
    UT_GROUNDS_TURNS,
    UT_GROUNDS_EXAMPLES,
    UT_GROUNDS_BASE, /* the other experts' joint opinion */
    UT_GROUNDS
} ut_grounds;

/* "words", "voice", "turns", "examples", "base". */
const char *ut_grounds_name(ut_grounds grounds);

typedef struct ut_opinion {
    bool present;
    float probabilities[UT_EMOTIONS];
    float weight;       /* share in the fused decision, 0..1 */
    const char *reason; /* in the language model's own words; NULL for other experts */
    unsigned grounds;   /* the same; bit 1 << ut_grounds */
} ut_opinion;

/* A labelled example that retrieval brought. */
typedef struct ut_example {
    const char *text;
    ut_emotion_label label;
    float distance; /* cosine distance, 0..2 */
    const char *source;
} ut_example;

/* A cue of the decision: `effect` is what the decided label's probability would lose without it
 * (negative: the cue speaks against the label). */
typedef struct ut_cue {
    const char *name;              /* feature name, the word, or "turn 12" */
    const char *text;              /* in words: "much louder than this speaker's usual" */
    float value, relative, effect; /* of a word only effect; of a turn value is its index */
} ut_cue;

typedef struct ut_emotion {
    bool present;
    ut_emotion_label label;
    float probabilities[UT_EMOTIONS]; /* calibrated, sum 1 */
    unsigned label_set;               /* bit 1 << label (emotion/fusion.h); 0: not made */
    ut_opinion opinions[UT_EXPERTS];
    const char *explanation;
    ut_example *examples;
    size_t example_count;
    ut_cue *cues;
    size_t cue_count;
} ut_emotion;

typedef struct ut_utterance {
    double start, end;
    int speaker;              /* index into speakers */
    float speaker_confidence; /* 0..1, NAN unknown */
    const char *text;         /* "" when nothing was recognised */
    float text_confidence;    /* mean word probability, NAN without a recogniser */
    ut_word *words;
    size_t word_count;
    ut_embedding voice; /* for the acoustic expert; from transcribe (Whisper) or extract */
    ut_feature *features;
    size_t feature_count;
    ut_embedding text_embedding;
    ut_embedding combined;
    ut_emotion emotion;
} ut_utterance;

typedef struct ut_model_record {
    const char *job; /* "recognition", "speech", "segmentation", "speaker", "text", "emotion" ... */
    const char *name;
    const char *sha256; /* of the weights file */
} ut_model_record;

typedef struct ut_setting {
    const char *name;
    const char *value;
} ut_setting;

/* A turn before the recording, as the caller knows it. */
typedef struct ut_earlier_turn {
    const char *speaker, *text;
    int emotion; /* ut_emotion_label, or -1: not known */
} ut_earlier_turn;

typedef struct ut_conversation {
    ut_arena *arena;
    const char *id; /* the result's name, e.g. "calls/first" */
    struct {
        const char *file; /* path relative to the audio folder */
        const char *sha256;
        double duration;
        int rate;
        int channels;
    } source;
    const char *language;  /* "en", or NULL when not recognised */
    const char **speakers; /* "SPEAKER_00" ... */
    size_t speaker_count;
    ut_earlier_turn *history; /* oldest first */
    size_t history_count;
    ut_utterance *utterances; /* by start time */
    size_t utterance_count;
    ut_model_record *models;
    size_t model_count;
    ut_setting *settings;
    size_t setting_count;
    const char **notes; /* what was skipped and why, for the person */
    size_t note_count;
    struct ut_analytics *analytics; /* conversation/analytics.h; NULL before analyze */
} ut_conversation;

UT_MUST_CHECK ut_status ut_conversation_create(ut_conversation **conversation, ut_error *err);
void ut_conversation_destroy(ut_conversation *conversation); /* NULL is fine */

/* Adds to models, settings, notes (copies the strings). A second model of the same job, or setting
 * of the same name, replaces the first. */
UT_MUST_CHECK ut_status ut_conversation_add_model(ut_conversation *c, const char *job,
                                                  const char *name, const char *sha256);
UT_MUST_CHECK ut_status ut_conversation_add_setting(ut_conversation *c, const char *name,
                                                    const char *value);
UT_MUST_CHECK ut_status ut_conversation_add_note(ut_conversation *c, const char *format, ...)
    UT_PRINTF(2, 3);

typedef enum ut_document_form {
    UT_DOCUMENT_WHOLE, /* the file: indented, everything */
    UT_DOCUMENT_PAGE   /* for a page: compact, without embeddings and words */
} ut_document_form;

UT_MUST_CHECK ut_status ut_conversation_write(const ut_conversation *c, ut_document_form form,
                                              ut_sink sink, ut_error *err);
/* `name` is for messages. Checks every member's type and range; the first thing wrong is named by
 * its place. */
UT_MUST_CHECK ut_status ut_conversation_parse(const char *text, size_t length, const char *name,
                                              ut_conversation **conversation, ut_error *err);
/* Replaces *c by what a reader of its written form would have. On failure *c is NULL. */
UT_MUST_CHECK ut_status ut_conversation_settle(ut_conversation **c, ut_error *err);

#endif
