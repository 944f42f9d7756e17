/* Values between samples: interpolation by a sine x / x under a raised cosine, as P. Boersma,
 * "Accurate short-term analysis ..." (1993), places the peaks of an autocorrelation. Pure
 * functions, no allocation. */
#ifndef UT_DSP_SINC_H
#define UT_DSP_SINC_H

#include <stddef.h>

/* The value at `x` of y[n], n > 0, from `depth` samples on both sides, or as many as there are on
 * the shorter one: of two it is a cubic's, of one a line's. Outside it is the nearest sample's. */
double ut_sinc_at(const double *y, size_t n, double x, int depth);

/* The greatest value within a sample of the peak y[at], 0 < at < n - 1, and where it is. */
double ut_sinc_peak(const double *y, size_t n, size_t at, int depth, double *where);

#endif
