#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 16, LARGEST = 65536 };

typedef struct complex_value {
    float re, im;
} complex_value;

/* Two real samples make one complex point where n is even, one where it is odd. */
struct ut_fft {
    int n;
    int size; /* points of the complex transform: n / 2 or n */
    int factor_count;
    int factors[FACTORS];
    complex_value *roots; /* exp(-2 pi i k / size), k = 0 .. size-1 */
    complex_value *turns; /* exp(-2 pi i k / n), k = 0 .. n/2 */
};

static void fill_roots(complex_value *roots, int count, int n)
{
    for (int k = 0; k < count; k++) {
        double angle = -2 * M_PI * k / n;
        roots[k] = (complex_value){(float)cos(angle), (float)sin(angle)};
    }
}

ut_fft *ut_fft_create(int n)
{
    static const int tried[] = {4, 2, 3, 5};
    if (n < 1 || n > LARGEST)
        return NULL;
    int size = n % 2 ? n : n / 2;
    ut_fft *fft = calloc(1, sizeof *fft);
    complex_value *roots = malloc(((size_t)size + (size_t)n / 2 + 1) * sizeof *roots);
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

static inline complex_value mul(complex_value a, complex_value b)
{
    return (complex_value){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline complex_value add(complex_value a, complex_value b)
{
    return (complex_value){a.re + b.re, a.im + b.im};
}

static inline complex_value sub(complex_value a, complex_value b)
{
    return (complex_value){a.re - b.re, a.im - b.im};
}

static void butterfly2(complex_value *out, int m, int step, const complex_value *roots)
{
    for (int k = 0; k < m; k++) {
        complex_value t = mul(out[k + m], roots[k * step]);
        out[k + m] = sub(out[k], t);
        out[k] = add(out[k], t);
    }
}

static void butterfly4(complex_value *out, int m, int step, const complex_value *roots)
{
    for (int k = 0; k < m; k++) {
        complex_value a = out[k];
        complex_value b = mul(out[k + m], roots[k * step]);
        complex_value c = mul(out[k + 2 * m], roots[2 * k * step]);
        complex_value d = mul(out[k + 3 * m], roots[3 * k * step]);
        complex_value even = add(a, c), odd = sub(a, c);
        complex_value sum = add(b, d), turned = sub(b, d);
        turned = (complex_value){turned.im, -turned.re}; /* times -i */
        out[k] = add(even, sum);
        out[k + m] = add(odd, turned);
        out[k + 2 * m] = sub(even, sum);
        out[k + 3 * m] = sub(odd, turned);
    }
}

/* Any radix, by the sum itself. */
static void butterfly(complex_value *out, int m, int step, int radix, int n,
                      const complex_value *roots, complex_value *column)
{
    for (int k = 0; k < m; k++) {
        for (int q = 0; q < radix; q++)
            column[q] = out[k + q * m];
        for (int p = 0; p < radix; p++) {
            int row = k + p * m;
            complex_value sum = column[0];
            for (int q = 1, at = 0; q < radix; q++) {
                at = (int)((at + (long)row * step) % n);
                sum = add(sum, mul(column[q], roots[at]));
            }
            out[row] = sum;
        }
    }
}

/* Decimation in time: out[n'] from every step-th input. */
static void transform(const ut_fft *fft, const complex_value *in, complex_value *out, int step,
                      int level, complex_value *column)
{
    int radix = fft->factors[level];
    int m = fft->size / step / radix;
    for (int q = 0; q < radix; q++) {
        if (m == 1)
            out[q] = in[q * step];
        else
            transform(fft, in + q * step, out + q * m, step * radix, level + 1, column);
    }
    if (radix == 4)
        butterfly4(out, m, step, fft->roots);
    else if (radix == 2)
        butterfly2(out, m, step, fft->roots);
    else
        butterfly(out, m, step, radix, fft->size, fft->roots, column);
}

/* The complex transform of work[size], behind it. */
static complex_value *run(const ut_fft *fft, complex_value *work)
{
    complex_value *out = work + fft->size;
    if (fft->size == 1)
        out[0] = work[0];
    else
        transform(fft, work, out, 1, 0, work + 2 * fft->size);
    return out;
}

static const complex_value *run_real(const ut_fft *fft, const float *x, float *scratch)
{
    complex_value *work = (complex_value *)scratch;
    if (fft->size < fft->n)
        memcpy(work, x, (size_t)fft->n * sizeof *x);
    else
        for (int i = 0; i < fft->n; i++)
            work[i] = (complex_value){x[i], 0};
    return run(fft, work);
}

/* Bin k of the real signal's spectrum, from the spectrum z of its points: that of the even samples
 * is (z[k] + conj z[-k]) / 2, that of the odd ones (z[k] - conj z[-k]) / 2i. */
static inline complex_value bin(const ut_fft *fft, const complex_value *z, int k)
{
    if (fft->size == fft->n)
        return z[k];
    complex_value a = z[k < fft->size ? k : 0], b = z[k > 0 ? fft->size - k : 0];
    complex_value even = {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
    complex_value odd = {0.5f * (a.im + b.im), 0.5f * (b.re - a.re)};
    return add(even, mul(odd, fft->turns[k]));
}

void ut_fft_forward(const ut_fft *fft, const float *x, float *re, float *im, float *scratch)
{
    const complex_value *z = run_real(fft, x, scratch);
    for (int k = 0; k <= fft->n / 2; k++) {
        complex_value value = bin(fft, z, k);
        re[k] = value.re;
        im[k] = value.im;
    }
}

void ut_fft_power(const ut_fft *fft, const float *x, float *power, float *scratch)
{
    const complex_value *z = run_real(fft, x, scratch);
    for (int k = 0; k <= fft->n / 2; k++) {
        complex_value value = bin(fft, z, k);
        power[k] = value.re * value.re + value.im * value.im;
    }
}

/* conj z[k] of the points from the real signal's spectrum: bin() turned round. */
static inline complex_value point(const ut_fft *fft, const float *re, const float *im, int k)
{
    int other = fft->size - k;
    complex_value sum = {0.5f * (re[k] + re[other]), 0.5f * (im[k] - im[other])};
    complex_value difference = {0.5f * (re[k] - re[other]), 0.5f * (im[k] + im[other])};
    complex_value turn = {fft->turns[k].re, -fft->turns[k].im};
    complex_value odd = mul(difference, turn);
    return (complex_value){sum.re - odd.im, -(sum.im + odd.re)};
}

/* The inverse is the forward transform of the conjugate, conjugated. */
void ut_fft_inverse(const ut_fft *fft, const float *re, const float *im, float *x, float *scratch)
{
    complex_value *work = (complex_value *)scratch;
    int size = fft->size;
    if (size < fft->n) {
        for (int k = 0; k < size; k++)
            work[k] = point(fft, re, im, k);
    } else {
        for (int k = 0; k < size; k++)
            work[k] = k <= size / 2 ? (complex_value){re[k], -im[k]}
                                    : (complex_value){re[size - k], im[size - k]};
    }
    const complex_value *out = run(fft, work);
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
