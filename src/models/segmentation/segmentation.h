/* Speaker segmentation (PyanNet of pyannote/segmentation): 5 s of sound in, for each of three local
 * speakers and each 16.9 ms the probability that he or she speaks. Several may speak at once; which
 * local speaker is who changes from window to window.
 *
 * Bredin and Laurent, "End-to-end speaker segmentation for overlap-aware resegmentation", 2021;
 * weights and hyper-parameters as the MIT-licensed checkpoint has them. SincNet (80 sinc filters of
 * 251 samples, stride 10, two convolutions, each pooled by 3 and instance-normalised), four two-way
 * LSTM layers of 128, two linear layers, three sigmoids.
 *
 * The model is immutable and may be shared between threads; a scratch belongs to one thread. */
#ifndef UT_MODELS_SEGMENTATION_SEGMENTATION_H
#define UT_MODELS_SEGMENTATION_SEGMENTATION_H

#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_SEGMENTATION_WINDOW = 80000, /* samples */
    UT_SEGMENTATION_FRAMES = 293,   /* frames of a window */
    UT_SEGMENTATION_HOP = 270,      /* samples between frames */
    UT_SEGMENTATION_FIRST = 495,    /* the sample in the middle of the first frame's view */
    UT_SEGMENTATION_SPEAKERS = 3,   /* local speakers */
    UT_SEGMENTATION_BATCH = 8       /* windows that one call takes at most */
};

typedef struct ut_segmentation ut_segmentation;

/* `path`: pytorch_model.bin. */
UT_MUST_CHECK ut_status ut_segmentation_open(const char *path, ut_segmentation **model,
                                             ut_error *err);
void ut_segmentation_close(ut_segmentation *model); /* NULL is fine */

/* Floats of scratch for calls with up to `count` windows. */
size_t ut_segmentation_scratch(int count);

/* Runs `count` (1..UT_SEGMENTATION_BATCH) windows; windows[i] points to UT_SEGMENTATION_WINDOW
 * samples (16 kHz mono, finite; windows may overlap in memory). probabilities[count, frames,
 * speakers]. */
void ut_segmentation_run(const ut_segmentation *model, const float *const *windows, int count,
                         float *probabilities, float *scratch);

#endif
