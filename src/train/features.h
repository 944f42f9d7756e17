/* What the frozen encoder says of every utterance: the inputs of the voice head.
 *
 * With Whisper: mean and deviation of some of its layers over the utterance's frames, in windows
 * with other speech (train/windows.h). Without: voice-net's embedding of the utterance alone. Each
 * utterance is cut in three ways, since a segmenter will sometimes cut badly: its speech, all of
 * it, and a random part of its speech. Half precision keeps what matters (Whisper's own weights are
 * so), and a thousand utterances in 30 MB.
 *
 * Every window's features are kept in a folder under the hash of all that made them, so that a
 * second training begins at once and an interrupted one loses little. */
#ifndef UT_TRAIN_FEATURES_H
#define UT_TRAIN_FEATURES_H

#include "models/emotion_voice/voice_net.h"
#include "models/whisper/whisper.h"
#include "train/windows.h"

enum { UT_CUT_SPEECH, UT_CUT_WHOLE, UT_CUT_PART, UT_CUTS };

typedef struct ut_hearing {
    const ut_whisper *whisper; /* NULL: voice-net hears */
    const int *layers;         /* of its encoder, ascending */
    size_t layer_count;
    const ut_voice_net *net;
    const char *sha256; /* of the encoder's weights file */
} ut_hearing;

/* Values of a feature vector. */
size_t ut_hearing_dim(const ut_hearing *hearing);

typedef struct ut_features {
    size_t *samples; /* [count]: which sample of the dataset a row belongs to, ascending */
    size_t count;
    size_t dim;
    uint16_t *values; /* f16 [count, UT_CUTS, dim] */
    size_t kept;      /* windows that the cache had */
    size_t windows;
} ut_features;

typedef struct ut_features_options {
    int jobs;
    const char *cache; /* a folder that is there; NULL: none */
    atomic_bool *cancelled;
    void (*progress)(void *context, size_t done, size_t all); /* one at a time; NULL: none */
    void *context;
} ut_features_options;

/* Freed with ut_features_free(). UT_ERR_FORMAT names an utterance whose features are no numbers. */
UT_MUST_CHECK ut_status ut_features_extract(const ut_hearing *hearing, const ut_dataset *dataset,
                                            const ut_clip *clips,
                                            const ut_features_options *options,
                                            ut_features *features, ut_error *err);
void ut_features_free(ut_features *features);

#endif
