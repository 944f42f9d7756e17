/* Harmonics-to-noise ratio by forward cross-correlation, after Praat's To Harmonicity (cc) with its
 * standard settings: 0.01 s, 75 Hz, 0.1, 1 period a window (docs/features.md says how far the two
 * agree). The strongest repetition r of a frame, at any lag up to the longest period, stands for
 * the share of its power that is periodic: 10 log10(r / (1 - r)) (P. Boersma, "Accurate short-term
 * analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound",
 * 1993).
 *
 * Pure functions; the level of the signal does not matter. */
#ifndef UT_DSP_HARMONICITY_H
#define UT_DSP_HARMONICITY_H

#include <stddef.h>

#include "undertone_status.h"

#define UT_HARMONICITY_HOP 0.01 /* seconds */

/* Frames of n samples at `rate` (8000 to 48000), 0 if n is shorter than two of the longest periods.
 * They stand in the middle of the signal: frame i is about second ut_harmonicity_time(). */
size_t ut_harmonicity_frames(int rate, size_t n);
double ut_harmonicity_time(int rate, size_t n, size_t frame);

/* db[ut_harmonicity_frames()] from -150 to 150: NAN in frames that are silent or where nothing
 * repeats. */
UT_MUST_CHECK ut_status ut_harmonicity_track(int rate, const float *pcm, size_t n, double *db,
                                             ut_error *err);

#endif
