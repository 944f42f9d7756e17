/* Speaker embeddings as Resemblyzer's voice encoder makes them: 1.6 s of speech in (160 frames of
 * 40 mel powers), 256 values of length 1 out; the cosine tells how alike two voices are.
 *
 * Wan et al., "Generalized end-to-end loss for speaker verification", 2018; weights of
 * resemble-ai/Resemblyzer (Apache-2.0): three LSTM layers of 256, the last state through a linear
 * layer and ReLU, normalised. The features are librosa's Slaney mel powers (25 ms Hann windows
 * every 10 ms), without a logarithm: gain matters, and speech quieter than -30 dBFS is raised to
 * it.
 *
 * The model is immutable and may be shared between threads; a scratch belongs to one thread. */
#ifndef UT_MODELS_RESEMBLYZER_RESEMBLYZER_H
#define UT_MODELS_RESEMBLYZER_RESEMBLYZER_H

#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_RESEMBLYZER_BANDS = 40,
    UT_RESEMBLYZER_PARTIAL = 160, /* frames that are embedded at once */
    UT_RESEMBLYZER_HOP = 160,     /* samples between frames */
    UT_RESEMBLYZER_FRAME = 400,   /* samples of a frame */
    UT_RESEMBLYZER_SIZE = 256,    /* values of an embedding */
    UT_RESEMBLYZER_BATCH = 16     /* partials that one call takes at most */
};

typedef struct ut_resemblyzer ut_resemblyzer;

/* `path`: pretrained.pt. */
UT_MUST_CHECK ut_status ut_resemblyzer_open(const char *path, ut_resemblyzer **model,
                                            ut_error *err);
void ut_resemblyzer_close(ut_resemblyzer *model); /* NULL is fine */

/* features[count, bands] of `count` frames; frame i is centred on pcm[i * HOP + FRAME / 2], so pcm
 * holds (count - 1) * HOP + FRAME samples (finite). */
void ut_resemblyzer_features(const ut_resemblyzer *model, const float *pcm, int count,
                             float *features);

/* Floats of scratch for calls with up to `count` partials. */
size_t ut_resemblyzer_scratch(int count);

/* embeddings[count, SIZE] of features[count, PARTIAL, BANDS], each of length 1; count at most
 * UT_RESEMBLYZER_BATCH. */
void ut_resemblyzer_embed(const ut_resemblyzer *model, const float *features, int count,
                          float *embeddings, float *scratch);

#endif
