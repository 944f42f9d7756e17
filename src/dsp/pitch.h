/* Pitch by autocorrelation with a path finder: P. Boersma, "Accurate short-term analysis of the
 * fundamental frequency and the harmonics-to-noise ratio of a sampled sound" (1993), with Praat's
 * standard settings and Praat's frames (docs/features.md says how far the two agree).
 *
 * Pure functions; the level of the signal does not matter. */
#ifndef UT_DSP_PITCH_H
#define UT_DSP_PITCH_H

#include <stddef.h>

#include "undertone_status.h"

typedef struct ut_pitch_options {
    int rate;        /* hertz, 8000 to 48000 */
    double floor_hz; /* the window is three periods of it */
    double ceiling_hz;
    double hop;               /* seconds */
    double silence_threshold; /* of the greatest amplitude */
    double voicing_threshold; /* of the autocorrelation */
    double octave_cost;       /* per octave below the ceiling */
    double octave_jump_cost;  /* per octave between frames 10 ms apart */
    double voiced_unvoiced_cost;
} ut_pitch_options;

/* Praat's standard settings at 75 to 600 Hz and 10 ms. */
ut_pitch_options ut_pitch_defaults(int rate);

typedef struct ut_pitch_frame {
    double hz;       /* 0 where unvoiced */
    double strength; /* autocorrelation at the period, 0..1; 0 where unvoiced */
} ut_pitch_frame;

/* Frames of n samples, 0 if n is shorter than a window. They stand in the middle of the signal:
 * frame i is about second ut_pitch_time(). */
size_t ut_pitch_frames(const ut_pitch_options *options, size_t n);
double ut_pitch_time(const ut_pitch_options *options, size_t n, size_t frame);

/* frames[ut_pitch_frames()]. Allocates about 260 bytes a frame while it runs. */
UT_MUST_CHECK ut_status ut_pitch_track(const ut_pitch_options *options, const float *pcm, size_t n,
                                       ut_pitch_frame *frames, ut_error *err);

#endif
