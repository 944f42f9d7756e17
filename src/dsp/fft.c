#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 16, LARGEST = 65536 };

typedef struct complex_value {
    float re, im;
} complex_value;

struct ut_fft {
    int n;
    int factor_count;
    int factors[FACTORS];
    complex_value *roots; /* exp(-2 pi i k / n), k = 0 .. n-1 */
};

ut_fft *ut_fft_create(int n)
{
    static const int tried[] = {4, 2, 3, 5};
    if (n < 1 || n > LARGEST)
        return NULL;
    ut_fft *fft = calloc(1, sizeof *fft);
    complex_value *roots = malloc((size_t)n * sizeof *roots);
    if (!fft || !roots) {
        free(fft);
        free(roots);
        return NULL;
    }
    fft->n = n;
    fft->roots = roots;
    int left = n;
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
    for (int k = 0; k < n; k++) {
        double angle = -2 * M_PI * k / n;
        roots[k] = (complex_value){(float)cos(angle), (float)sin(angle)};
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

/* Two arrays of n complex values and one of the largest factor, which may be all of n. */
size_t ut_fft_scratch(const ut_fft *fft)
{
    return (size_t)fft->n * 6;
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
    int m = fft->n / step / radix;
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
        butterfly(out, m, step, radix, fft->n, fft->roots, column);
}

static complex_value *run(const ut_fft *fft, complex_value *work)
{
    complex_value *out = work + fft->n;
    if (fft->n == 1)
        out[0] = work[0];
    else
        transform(fft, work, out, 1, 0, work + 2 * fft->n);
    return out;
}

void ut_fft_forward(const ut_fft *fft, const float *x, float *re, float *im, float *scratch)
{
    complex_value *work = (complex_value *)scratch;
    for (int i = 0; i < fft->n; i++)
        work[i] = (complex_value){x[i], 0};
    const complex_value *out = run(fft, work);
    for (int k = 0; k <= fft->n / 2; k++) {
        re[k] = out[k].re;
        im[k] = out[k].im;
    }
}

void ut_fft_power(const ut_fft *fft, const float *x, float *power, float *scratch)
{
    complex_value *work = (complex_value *)scratch;
    for (int i = 0; i < fft->n; i++)
        work[i] = (complex_value){x[i], 0};
    const complex_value *out = run(fft, work);
    for (int k = 0; k <= fft->n / 2; k++)
        power[k] = out[k].re * out[k].re + out[k].im * out[k].im;
}

/* The inverse is the forward transform of the conjugate, conjugated. */
void ut_fft_inverse(const ut_fft *fft, const float *re, const float *im, float *x, float *scratch)
{
    complex_value *work = (complex_value *)scratch;
    for (int k = 0; k <= fft->n / 2; k++)
        work[k] = (complex_value){re[k], -im[k]};
    for (int k = fft->n / 2 + 1; k < fft->n; k++)
        work[k] = (complex_value){re[fft->n - k], im[fft->n - k]};
    const complex_value *out = run(fft, work);
    for (int i = 0; i < fft->n; i++)
        x[i] = out[i].re / (float)fft->n;
}
