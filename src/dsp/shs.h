/* Pitch by sub-harmonic summation: D. Hermes, "Measurement of pitch by subharmonic summation"
 * (1988), on a spectrum whose peaks are enhanced, on a logarithmic axis, weighted by hearing, 15
 * harmonics that weigh 0.85 of the one before; then the cheapest path through the candidates
 * (Viterbi). The settings are those of GeMAPS (Eyben et al. 2016).
 *
 * 16 kHz, frames of 60 ms. A ut_shs is immutable after creation but for its scratch: one thread. */
#ifndef UT_DSP_SHS_H
#define UT_DSP_SHS_H

#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_SHS_BINS = 513, /* of the magnitude spectrum, 1024 points at 16 kHz */
    UT_SHS_CANDIDATES = 6
};

typedef struct ut_shs_frame {
    int count;
    float hz[UT_SHS_CANDIDATES];      /* 55 .. 1000, the best first */
    float voicing[UT_SHS_CANDIDATES]; /* 0 .. 1; voiced from 0.7 */
} ut_shs_frame;

typedef struct ut_shs ut_shs;
/* NULL when out of memory. */
ut_shs *ut_shs_create(void);
void ut_shs_destroy(ut_shs *shs); /* NULL is fine */

/* Candidates of one frame's magnitude[UT_SHS_BINS]. */
void ut_shs_run(ut_shs *shs, const float *magnitude, ut_shs_frame *frame);

/* hz[n]: the path through n frames, 0 where unvoiced. */
UT_MUST_CHECK ut_status ut_shs_path(const ut_shs_frame *frames, size_t n, float *hz, ut_error *err);

#endif
