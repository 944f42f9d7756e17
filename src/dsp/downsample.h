/* The sound at 11 kHz, as Praat's manual describes its "Resample: 11000, 50" and as its samples are
 * (docs/features.md says how near): all of the recording's spectrum from 5500 Hz on is cut away at
 * once, then the values between samples are interpolated by a sine x / x under a raised cosine over
 * 50 samples on both sides. Pure and thread-safe. */
#ifndef UT_DSP_DOWNSAMPLE_H
#define UT_DSP_DOWNSAMPLE_H

#include <stddef.h>

#include "undertone_status.h"

enum { UT_DOWNSAMPLE_FROM = 16000, UT_DOWNSAMPLE_TO = 11000 };

/* Samples that n become. */
size_t ut_downsample_count(size_t n);
/* The second of the first of them; they stand in the middle of the recording. */
double ut_downsample_first(size_t n);

/* *out[ut_downsample_count()] of pcm[n], n > 0; the caller frees it. Needs 16 to 32 bytes a sample
 * of the recording while it runs (8 for every one of the next power of two), 5.5 afterwards. */
UT_MUST_CHECK ut_status ut_downsample(const float *pcm, size_t n, double **out, ut_error *err);

#endif
