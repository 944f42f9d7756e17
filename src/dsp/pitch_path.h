/* The path finder of P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
 * harmonics-to-noise ratio of a sampled sound" (1993): candidates of a frame come from whatever
 * measures periodicity; the path through them is the one of the greatest sum of strengths less the
 * costs of its transitions.
 *
 * Pure functions. */
#ifndef UT_DSP_PITCH_PATH_H
#define UT_DSP_PITCH_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/pitch.h"

enum { UT_PITCH_CANDIDATES = 15 };

/* Candidate 0 is "unvoiced", the others are below the ceiling. */
typedef struct ut_pitch_candidates {
    double hz[UT_PITCH_CANDIDATES];
    double strength[UT_PITCH_CANDIDATES];
    uint8_t from[UT_PITCH_CANDIDATES]; /* the path's: best candidate of the frame before */
    uint8_t count;
} ut_pitch_candidates;

/* The peaks of r[-lags .. lags] (normalised, symmetric) at lags 2 .. `longest` as candidates, with
 * the one of no voice in a frame whose greatest amplitude is `loudness` of the signal's. */
void ut_pitch_find_candidates(const ut_pitch_options *options, const double *r, size_t lags,
                              size_t longest, double loudness, ut_pitch_candidates *out);

/* out[frames] of all[frames], frames > 0. */
void ut_pitch_find_path(const ut_pitch_options *options, ut_pitch_candidates *all, size_t frames,
                        ut_pitch_frame *out);

#endif
