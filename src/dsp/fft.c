#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>

typedef float real;
#include "dsp/fft_passes.h"

enum { LARGEST = 65536 };

static void fill_roots(root *roots, int count, int n)
{
    for (int k = 0; k < count; k++) {
        double angle = -2 * M_PI * k / n;
        roots[k] = (root){(float)cos(angle), (float)sin(angle)};
    }
}

ut_fft *ut_fft_create(int n)
{
    static const int tried[] = {4, 2, 3, 5};
    if (n < 1 || n > LARGEST)
        return NULL;
    int size = n % 2 ? n : n / 2;
    ut_fft *fft = calloc(1, sizeof *fft);
    root *roots = malloc(((size_t)size + (size_t)n / 2 + 1) * sizeof *roots);
    if (!fft || !roots) {
        free(fft);
        free(roots);
        return NULL;
    }
    *fft = (ut_fft){.n = n, .size = size, .roots = roots, .turns = roots + size};
    fill_roots(fft->roots, size, size);
    fill_roots(fft->turns, n / 2 + 1, n);
    int left = size;
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        while (left % tried[i] == 0) {
            fft->factors[fft->factor_count++] = tried[i];
            left /= tried[i];
        }
    for (int f = 7; left > 1; f += 2)
        while (left % f == 0) {
            fft->factors[fft->factor_count++] = f;
            left /= f;
        }
    return fft;
}

void ut_fft_destroy(ut_fft *fft)
{
    if (!fft)
        return;
    free(fft->roots);
    free(fft);
}

/* Two arrays of complex points and one of the largest factor, which may be all of them. */
size_t ut_fft_scratch(const ut_fft *fft)
{
    return (size_t)fft->size * 6;
}

void ut_fft_forward(const ut_fft *fft, const float *x, float *re, float *im, float *scratch)
{
    const value *z = run_real(fft, x, scratch);
    for (int k = 0; k <= fft->n / 2; k++) {
        value v = bin(fft, z, k);
        re[k] = v.re;
        im[k] = v.im;
    }
}

void ut_fft_power(const ut_fft *fft, const float *x, float *power, float *scratch)
{
    const value *z = run_real(fft, x, scratch);
    for (int k = 0; k <= fft->n / 2; k++) {
        value v = bin(fft, z, k);
        power[k] = v.re * v.re + v.im * v.im;
    }
}

/* conj z[k] of the points from the real signal's spectrum: bin() turned round. */
static inline value point(const ut_fft *fft, const float *re, const float *im, int k)
{
    int other = fft->size - k;
    value sum = {0.5f * (re[k] + re[other]), 0.5f * (im[k] - im[other])};
    value difference = {0.5f * (re[k] - re[other]), 0.5f * (im[k] + im[other])};
    root turn = {fft->turns[k].re, -fft->turns[k].im};
    value odd = mul(difference, turn);
    return (value){sum.re - odd.im, -(sum.im + odd.re)};
}

/* The inverse is the forward transform of the conjugate, conjugated. */
void ut_fft_inverse(const ut_fft *fft, const float *re, const float *im, float *x, float *scratch)
{
    value *work = (value *)scratch;
    int size = fft->size;
    if (size < fft->n) {
        for (int k = 0; k < size; k++)
            work[k] = point(fft, re, im, k);
    } else {
        for (int k = 0; k < size; k++)
            work[k] = k <= size / 2 ? (value){re[k], -im[k]} : (value){re[size - k], im[size - k]};
    }
    const value *out = run(fft, work);
    if (size < fft->n) {
        for (int i = 0; i < size; i++) {
            x[2 * i] = out[i].re / (float)size;
            x[2 * i + 1] = -out[i].im / (float)size;
        }
    } else {
        for (int i = 0; i < size; i++)
            x[i] = out[i].re / (float)size;
    }
}
