/* Autocorrelation in double precision, through the power spectrum (Wiener-Khinchin). What is read
 * off its peaks to a thousandth of a hertz does not stand the rounding of single precision.
 *
 * One object belongs to one thread. */
#ifndef UT_DSP_AUTOCORRELATION_H
#define UT_DSP_AUTOCORRELATION_H

#include <stddef.h>

typedef struct ut_autocorrelation ut_autocorrelation;

/* Of frames of at most `width` samples, at lags 0 .. `lags`. NULL when out of memory. */
ut_autocorrelation *ut_autocorrelation_create(size_t width, size_t lags);
void ut_autocorrelation_destroy(ut_autocorrelation *a); /* NULL is fine */

/* r[lags + 1] = sum of x[i] x[i + lag] over the frame x[width], nothing being behind its end. */
void ut_autocorrelation_run(ut_autocorrelation *a, const double *x, double *r);

#endif
