/* Real discrete Fourier transform of any size: mixed radix 2, 3, 4, 5 over the factors it has,
 * plain sums over what is left (fine for the small primes that window sizes hold). An even size
 * goes through a complex transform of half of it.
 *
 * A plan is immutable and may be shared between threads; the scratch belongs to one. No allocation
 * after ut_fft_create(). */
#ifndef UT_DSP_FFT_H
#define UT_DSP_FFT_H

#include <stddef.h>

typedef struct ut_fft ut_fft;

/* n of 1 .. 65536. NULL when out of memory or n is out of range. */
ut_fft *ut_fft_create(int n);
void ut_fft_destroy(ut_fft *fft); /* NULL is fine */

/* Floats of scratch for ut_fft_forward. */
size_t ut_fft_scratch(const ut_fft *fft);

/* re[n/2+1], im[n/2+1] = sum over t of x[t] exp(-2 pi i k t / n). */
void ut_fft_forward(const ut_fft *fft, const float *x, float *re, float *im, float *scratch);

/* The power spectrum alone: power[n/2+1] = re^2 + im^2. */
void ut_fft_power(const ut_fft *fft, const float *x, float *power, float *scratch);

/* The same of four signals at once, sample by sample beside one another: x[n][4], power[n/2+1][4].
 * Each is bit by bit what ut_fft_power() makes of it, in a third of the time. Four times the
 * scratch. */
void ut_fft_power4(const ut_fft *fft, const float *x, float *power, float *scratch);

/* Inverse of ut_fft_forward, including the 1/n: x[n] from re[n/2+1], im[n/2+1]. */
void ut_fft_inverse(const ut_fft *fft, const float *re, const float *im, float *x, float *scratch);

#endif
