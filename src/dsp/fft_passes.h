/* The transform itself, over one signal or over four side by side: whoever includes this says first
 * what a `real` is, a float or a vector of four. The operations and their order are the same, and
 * so are the results, bit by bit. */
#include "dsp/fft.h"

#include <string.h>

enum { UT_FFT_FACTORS = 16 };

typedef struct root {
    float re, im;
} root;

/* Two real samples make one complex point where n is even, one where it is odd. */
struct ut_fft {
    int n;
    int size; /* points of the complex transform: n / 2 or n */
    int factor_count;
    int factors[UT_FFT_FACTORS];
    root *roots; /* exp(-2 pi i k / size), k = 0 .. size-1 */
    root *turns; /* exp(-2 pi i k / n), k = 0 .. n/2 */
};

typedef struct value {
    real re, im;
} value;

static inline value mul(value a, root b)
{
    return (value){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline value add(value a, value b)
{
    return (value){a.re + b.re, a.im + b.im};
}

static inline value sub(value a, value b)
{
    return (value){a.re - b.re, a.im - b.im};
}

static void butterfly2(value *out, int m, int step, const root *roots)
{
    for (int k = 0; k < m; k++) {
        value t = mul(out[k + m], roots[k * step]);
        out[k + m] = sub(out[k], t);
        out[k] = add(out[k], t);
    }
}

static void butterfly4(value *out, int m, int step, const root *roots)
{
    for (int k = 0; k < m; k++) {
        value a = out[k];
        value b = mul(out[k + m], roots[k * step]);
        value c = mul(out[k + 2 * m], roots[2 * k * step]);
        value d = mul(out[k + 3 * m], roots[3 * k * step]);
        value even = add(a, c), odd = sub(a, c);
        value sum = add(b, d), turned = sub(b, d);
        turned = (value){turned.im, -turned.re}; /* times -i */
        out[k] = add(even, sum);
        out[k + m] = add(odd, turned);
        out[k + 2 * m] = sub(even, sum);
        out[k + 3 * m] = sub(odd, turned);
    }
}

/* Any radix, by the sum itself. */
static void butterfly(value *out, int m, int step, int radix, int n, const root *roots,
                      value *column)
{
    for (int k = 0; k < m; k++) {
        for (int q = 0; q < radix; q++)
            column[q] = out[k + q * m];
        for (int p = 0; p < radix; p++) {
            int row = k + p * m;
            value sum = column[0];
            for (int q = 1, at = 0; q < radix; q++) {
                at = (int)((at + (long)row * step) % n);
                sum = add(sum, mul(column[q], roots[at]));
            }
            out[row] = sum;
        }
    }
}

/* Decimation in time: out[n'] from every step-th input. */
static void transform(const ut_fft *fft, const value *in, value *out, int step, int level,
                      value *column)
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
static value *run(const ut_fft *fft, value *work)
{
    value *out = work + fft->size;
    if (fft->size == 1)
        out[0] = work[0];
    else
        transform(fft, work, out, 1, 0, work + 2 * fft->size);
    return out;
}

static const value *run_real(const ut_fft *fft, const real *x, real *scratch)
{
    value *work = (value *)scratch;
    if (fft->size < fft->n)
        memcpy(work, x, (size_t)fft->n * sizeof *x);
    else
        for (int i = 0; i < fft->n; i++)
            work[i] = (value){.re = x[i]};
    return run(fft, work);
}

/* Bin k of the real signal's spectrum, from the spectrum z of its points: that of the even samples
 * is (z[k] + conj z[-k]) / 2, that of the odd ones (z[k] - conj z[-k]) / 2i. */
static inline value bin(const ut_fft *fft, const value *z, int k)
{
    if (fft->size == fft->n)
        return z[k];
    value a = z[k < fft->size ? k : 0], b = z[k > 0 ? fft->size - k : 0];
    value even = {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
    value odd = {0.5f * (a.im + b.im), 0.5f * (b.re - a.re)};
    return add(even, mul(odd, fft->turns[k]));
}
