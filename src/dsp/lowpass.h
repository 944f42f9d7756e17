/* A low-pass over a whole recording at once: the discrete Fourier transform of all of it, nothing
 * from a bin on, and back. There is no transition band, as no filter that runs over a signal has
 * it.
 *
 * In place and in double precision, since what is left beside a loud sound must not be the
 * transform's own rounding. Pure, thread-safe, no allocation beyond the roots: 64 kB and a
 * 512th of the signal. */
#ifndef UT_DSP_LOWPASS_H
#define UT_DSP_LOWPASS_H

#include <stddef.h>

#include "undertone_status.h"

/* The least power of two that is n or more, and 4 or more. */
size_t ut_lowpass_points(size_t n);

/* x[points], points a power of two of 4 to 2^26, keeps the first `kept` of the real numbers that
 * make up its spectrum, in the order re 0, re points/2, re 1, im 1, re 2, im 2 ... The second of
 * them, the highest frequency, goes whatever `kept` is. */
UT_MUST_CHECK ut_status ut_lowpass(double *x, size_t points, size_t kept, ut_error *err);

#endif
