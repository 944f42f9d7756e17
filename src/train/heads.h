/* Training the two heads, and what comes out of it. */
#ifndef UT_TRAIN_HEADS_H
#define UT_TRAIN_HEADS_H

#include "eval/metrics.h"
#include "train/features.h"
#include "train/fit.h"
#include "train/text_model.h"
#include "train/voice_model.h"

typedef struct ut_head_options {
    ut_fit_options fit;
    int epochs;       /* 0: 30 for the voice, 12 for the text */
    const char *init; /* weights file of a head of the same kind to start from; NULL: random */
} ut_head_options;

/* A set and what was taken from it; rows are those of `features`. */
typedef struct ut_voice_set {
    const ut_dataset *dataset;
    const ut_features *features;
} ut_voice_set;

typedef struct ut_trained_voice {
    ut_voice_model model;        /* for inputs as they come from the encoder */
    float temperature[2];        /* of an unknown and of a known speaker */
    ut_classification scores[2]; /* on the validation set, the same */
    double ece[2];               /* expected calibration error there */
    ut_history history;
} ut_trained_voice;

UT_MUST_CHECK ut_status ut_train_voice(const ut_voice_set *train, const ut_voice_set *validation,
                                       bool project, const ut_head_options *options,
                                       ut_trained_voice *trained, ut_error *err);
void ut_trained_voice_free(ut_trained_voice *trained);

/* Texts of a set: rows[count] samples of the dataset that have one, their vectors and hashes. */
typedef struct ut_text_set {
    const ut_dataset *dataset;
    size_t *samples;
    size_t count;
    float *vectors; /* [count, 384] */
    uint32_t *hashes;
    size_t *starts; /* [count + 1] */
} ut_text_set;

/* Makes the vectors of texts[count] into out[count, 384]. */
typedef ut_status (*ut_embed_texts)(void *context, const char *const *texts, size_t count,
                                    float *out, ut_error *err);

UT_MUST_CHECK ut_status ut_text_set_make(const ut_dataset *dataset, ut_embed_texts embed,
                                         void *context, atomic_bool *cancelled, ut_text_set *set,
                                         ut_error *err);
void ut_text_set_free(ut_text_set *set);

typedef struct ut_trained_text {
    ut_text_model model;
    float scale, prior[UT_TEXT_LABELS];
    ut_classification scores;
    double ece;
    double gain; /* nats by which the words tell more than how often each emotion occurs */
    ut_history history;
} ut_trained_text;

UT_MUST_CHECK ut_status ut_train_text(const ut_text_set *train, const ut_text_set *validation,
                                      const ut_head_options *options, ut_trained_text *trained,
                                      ut_error *err);
void ut_trained_text_free(ut_trained_text *trained);

#endif
