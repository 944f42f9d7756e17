/* Linear prediction, and the resonances in it. Pure functions, no allocation. */
#ifndef UT_DSP_LPC_H
#define UT_DSP_LPC_H

#include <stddef.h>

enum { UT_LPC_ORDER_MOST = 32 };

/* a[0 .. order], a[0] = 1: the prediction error filter that autocorrelation r[0 .. order] has
 * (Levinson and Durbin). All zeros behind a[0] for silence. */
void ut_lpc_levinson(const double *r, int order, double *a);

/* The same after J. Burg ("Maximum entropy spectral analysis", 1975) from x[n] itself; `work` is
 * scratch of 2 n. */
void ut_lpc_burg(const double *x, size_t n, int order, double *a, double *work);

typedef struct ut_lpc_formant {
    double hz, bandwidth;
} ut_lpc_formant;

/* The resonances of a[0 .. order] at `rate`, between `low` and `high` hertz, by rising frequency:
 * formants[order] has room for all. A root outside the unit circle has a negative bandwidth.
 * Returns how many. */
int ut_lpc_formants(const double *a, int order, double rate, double low, double high,
                    ut_lpc_formant *formants);

#endif
