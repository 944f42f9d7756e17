/* How regular the voice's periods are: jitter (of their lengths) and shimmer (of their amplitudes),
 * as Praat's manual defines them under "Voice 2. Jitter" and "Voice 3. Shimmer", with its standard
 * arguments: periods of 0.0001 to 0.02 s, neighbours that differ by a factor of at most 1.3 in
 * length and 1.6 in amplitude. docs/features.md says how far the two agree.
 *
 * Pure functions; the level of the signal does not matter. */
#ifndef UT_DSP_PERTURBATION_H
#define UT_DSP_PERTURBATION_H

#include <stddef.h>

#include "undertone_status.h"

/* Each is NAN where no neighbours are to be compared. All but those in seconds and decibels are
 * shares: 0.01 is what Praat's voice report calls 1 %. */
typedef struct ut_jitter {
    size_t periods;
    double mean, deviation; /* of the periods, seconds */
    double local;           /* mean difference of neighbours by the mean period */
    double local_absolute;  /* seconds */
    double rap, ppq5;       /* mean difference from the mean of 3 and 5, by the mean period */
    double ddp;             /* mean difference of neighbouring differences, likewise */
} ut_jitter;

typedef struct ut_shimmer {
    double local;             /* mean difference of neighbours by the mean amplitude */
    double local_db;          /* mean size of the neighbours' ratio, decibels */
    double apq3, apq5, apq11; /* mean difference from the mean of 3, 5, 11, by the mean amplitude */
    double dda;               /* mean difference of neighbouring differences, likewise */
} ut_shimmer;

/* Of pulses at the rising times[count] in seconds. */
UT_MUST_CHECK ut_status ut_jitter_measure(const double *times, size_t count, ut_jitter *out,
                                          ut_error *err);

/* Of the same pulses in pcm[n] of `rate` hertz. A pulse's amplitude is the root mean square of the
 * samples about it, under a raised cosine over a fifth of the period before and of the one behind.
 */
UT_MUST_CHECK ut_status ut_shimmer_measure(const double *times, size_t count, const float *pcm,
                                           size_t n, int rate, ut_shimmer *out, ut_error *err);

#endif
