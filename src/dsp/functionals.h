/* Statistics of a contour: what the functionals of GeMAPS (Eyben et al. 2016, section 4) need.
 *
 * Contours are float[n], one value each 10 ms. Pure functions, no allocation but where scratch is
 * handed in. Everything is 0 for an empty contour. */
#ifndef UT_DSP_FUNCTIONALS_H
#define UT_DSP_FUNCTIONALS_H

#include <stddef.h>

typedef struct ut_moments {
    double mean;
    double deviation; /* of the population */
} ut_moments;

ut_moments ut_moments_of(const float *x, size_t n);
/* deviation / mean, with the sign of the mean ("stddevNorm" in openSMILE); 0 where the mean is. */
double ut_coefficient_of_variation(ut_moments m);

/* Sorts x[n]; linear between the two nearest values. */
void ut_sort(float *x, size_t n);
double ut_quantile(const float *sorted, size_t n, double share);

/* Peaks and valleys that differ from their neighbours by 10 % of the contour's range at least, and
 * the slopes between them, per second. The contour's ends close the first and the last slope. */
typedef struct ut_slopes {
    size_t peaks;
    ut_moments rising, falling; /* both positive for what goes up, and down */
} ut_slopes;
ut_slopes ut_slopes_of(const float *x, size_t n, double hop);

#endif
