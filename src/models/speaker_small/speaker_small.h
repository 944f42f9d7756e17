/* Speaker embeddings with the bundled network (models/speech/speaker-small.safetensors, trained
 * here: tools/train/speaker_small.py), used where Resemblyzer was not pulled: 1.6 s of speech in
 * (160 frames of 40 log-mel values), 256 values of length 1 out; the cosine tells how alike two
 * voices are. The same shape as models/resemblyzer/resemblyzer.h.
 *
 * A partial less its mean (so that level does not matter), four convolutions over time (widths 5,
 * 3, 3, 1, dilations 1, 2, 3, 1; 128, 128, 128, 256 channels), mean and deviation over time (as
 * x-vectors do, Snyder et al. 2018), a linear layer. The model is immutable and may be shared
 * between threads; a scratch belongs to one thread. */
#ifndef UT_MODELS_SPEAKER_SMALL_SPEAKER_SMALL_H
#define UT_MODELS_SPEAKER_SMALL_SPEAKER_SMALL_H

#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_SPEAKER_SMALL_BANDS = 40,
    UT_SPEAKER_SMALL_PARTIAL = 160, /* frames that are embedded at once */
    UT_SPEAKER_SMALL_HOP = 160,     /* samples between frames */
    UT_SPEAKER_SMALL_FRAME = 400,   /* samples of a frame */
    UT_SPEAKER_SMALL_SIZE = 256,    /* values of an embedding */
    UT_SPEAKER_SMALL_BATCH = 16     /* partials that one call takes at most */
};

typedef struct ut_speaker_small ut_speaker_small;

/* `path`: speaker-small.safetensors. */
UT_MUST_CHECK ut_status ut_speaker_small_open(const char *path, ut_speaker_small **model,
                                              ut_error *err);
void ut_speaker_small_close(ut_speaker_small *model); /* NULL is fine */

/* features[count, bands] of `count` frames; frame i covers pcm[i * HOP] to pcm[i * HOP + FRAME], so
 * pcm holds (count - 1) * HOP + FRAME samples (finite). */
void ut_speaker_small_features(const ut_speaker_small *model, const float *pcm, int count,
                               float *features);

/* Floats of scratch for calls with up to `count` partials. */
size_t ut_speaker_small_scratch(int count);

/* embeddings[count, SIZE] of features[count, PARTIAL, BANDS], each of length 1; count at most
 * UT_SPEAKER_SMALL_BATCH. A partial's result does not depend on what else is in the batch. */
void ut_speaker_small_embed(const ut_speaker_small *model, const float *features, int count,
                            float *embeddings, float *scratch);

#endif
