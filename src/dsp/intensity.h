/* Intensity in decibels over 2e-5, as Praat's manual describes its "To Intensity" with "subtract
 * mean": the mean of the squares under a Kaiser window of 6.4 periods of the lowest pitch, once the
 * mean of the samples under it is taken from them (docs/features.md says how far the two agree).
 * Pure functions. */
#ifndef UT_DSP_INTENSITY_H
#define UT_DSP_INTENSITY_H

#include <stddef.h>

#include "undertone_status.h"

enum { UT_INTENSITY_RATE = 16000, UT_INTENSITY_SILENCE = -300 /* dB */ };

/* Seconds from one frame to the next: 0.8 periods of `lowest` hertz. */
double ut_intensity_hop(double lowest);

/* Frames of n samples, 0 if n is shorter than a window. They stand in the middle of the signal:
 * frame i is about second ut_intensity_time(). */
size_t ut_intensity_frames(double lowest, size_t n);
double ut_intensity_time(double lowest, size_t n, size_t frame);

/* db[ut_intensity_frames()] of pcm[n]; full scale's square wave has 94 dB, digital
 * silence UT_INTENSITY_SILENCE. `lowest` is a pitch of 20 to 1000 Hz. Allocates a window. */
UT_MUST_CHECK ut_status ut_intensity_track(double lowest, const float *pcm, size_t n, double *db,
                                           ut_error *err);

#endif
