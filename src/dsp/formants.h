/* Formants by Burg's linear prediction of ten poles below 5500 Hz, as Praat's manual describes its
 * "To Formant (burg): 0, 5, 5500, 0.025, 50": the sound at 11 kHz, pre-emphasis of 6 dB an octave
 * from 50 Hz on, windows of 50 ms under a Gaussian, 6.25 ms apart, in the middle of the signal
 * (docs/features.md says how far the two agree).
 *
 * Pure functions; the level of the signal does not matter. */
#ifndef UT_DSP_FORMANTS_H
#define UT_DSP_FORMANTS_H

#include <stddef.h>

#include "dsp/lpc.h"
#include "undertone_status.h"

enum { UT_FORMANTS = 5, UT_FORMANTS_RATE = 16000 };
#define UT_FORMANTS_HOP 0.00625 /* seconds */

typedef struct ut_formant_frame {
    int count;                            /* 0 in silence, at most UT_FORMANTS */
    ut_lpc_formant formants[UT_FORMANTS]; /* by rising frequency */
} ut_formant_frame;

/* Frames of n samples at UT_FORMANTS_RATE: one if n is shorter than a window, none of less than a
 * millisecond. Frame i is about second ut_formant_time(). */
size_t ut_formant_frames(size_t n);
double ut_formant_time(size_t n, size_t frame);

/* frames[ut_formant_frames()]. Allocates what ut_downsample() does: 16 to 32 bytes a sample. */
UT_MUST_CHECK ut_status ut_formant_track(const float *pcm, size_t n, ut_formant_frame *frames,
                                         ut_error *err);

#endif
