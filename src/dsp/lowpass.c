#include "dsp/lowpass.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

typedef struct value {
    double re, im;
} value;

static inline value mul(value a, value b)
{
    return (value){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline value mul_conj(value a, value b)
{
    return (value){a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}

static inline value add(value a, value b)
{
    return (value){a.re + b.re, a.im + b.im};
}

static inline value sub(value a, value b)
{
    return (value){a.re - b.re, a.im - b.im};
}

/* The roots of unity exp(-2 pi i k / points) as products of two: a table of all of them would be as
 * large as the signal. */
enum { FINE_BITS = 12, FINE = 1 << FINE_BITS };

typedef struct roots {
    size_t points;
    value *coarse; /* every FINE-th */
    value fine[FINE];
} roots;

static value root_of(size_t k, size_t points)
{
    double angle = -2.0 * M_PI * (double)k / (double)points;
    return (value){cos(angle), sin(angle)};
}

static inline value root_at(const roots *r, size_t k)
{
    return mul(r->coarse[k >> FINE_BITS], r->fine[k & (FINE - 1)]);
}

static void roots_close(roots *r)
{
    if (r)
        free(r->coarse);
    free(r);
}

static roots *roots_open(size_t points)
{
    size_t count = (points >> FINE_BITS) + 1;
    roots *r = malloc(sizeof *r);
    value *coarse = malloc(count * sizeof *coarse);
    if (!r || !coarse) {
        free(r);
        free(coarse);
        return NULL;
    }
    r->points = points;
    r->coarse = coarse;
    for (size_t k = 0; k < count; k++)
        coarse[k] = root_of(k << FINE_BITS, points);
    for (size_t k = 0; k < FINE; k++)
        r->fine[k] = root_of(k, points);
    return r;
}

/* ------------------------------------------------- complex transform of z[m], in place */

/* Decimation in frequency, two levels at once; the spectrum comes out in bit-reversed order. A
 * quarter is done with before the next begins, so that it stays in the cache once it fits. */
static void forward(const roots *r, value *z, size_t m)
{
    if (m == 2) {
        value a = z[0];
        z[0] = add(a, z[1]);
        z[1] = sub(a, z[1]);
    }
    if (m <= 2)
        return;
    size_t q = m / 4, stride = r->points / m;
    for (size_t k = 0; k < q; k++) {
        value a = z[k], b = z[k + q], c = z[k + 2 * q], d = z[k + 3 * q];
        value w = root_at(r, k * stride), w2 = mul(w, w);
        value even = add(a, c), sum = add(b, d), odd = sub(a, c), turned = sub(b, d);
        turned = (value){turned.im, -turned.re}; /* times -i */
        z[k] = add(even, sum);
        z[k + q] = mul(sub(even, sum), w2);
        z[k + 2 * q] = mul(add(odd, turned), w);
        z[k + 3 * q] = mul(sub(odd, turned), mul(w2, w));
    }
    for (size_t i = 0; i < 4; i++)
        forward(r, z + i * q, q);
}

/* forward() backwards, step by step: m times what went in. */
static void backward(const roots *r, value *z, size_t m)
{
    if (m == 2) {
        value a = z[0];
        z[0] = add(a, z[1]);
        z[1] = sub(a, z[1]);
    }
    if (m <= 2)
        return;
    size_t q = m / 4, stride = r->points / m;
    for (size_t i = 0; i < 4; i++)
        backward(r, z + i * q, q);
    for (size_t k = 0; k < q; k++) {
        value w = root_at(r, k * stride), w2 = mul(w, w);
        value a = z[k], b = mul_conj(z[k + q], w2), c = mul_conj(z[k + 2 * q], w);
        value d = mul_conj(z[k + 3 * q], mul(w2, w));
        value even = add(a, b), sum = add(c, d), odd = sub(a, b), turned = sub(c, d);
        turned = (value){-turned.im, turned.re}; /* times i */
        z[k] = add(even, sum);
        z[k + q] = add(odd, turned);
        z[k + 2 * q] = sub(even, sum);
        z[k + 3 * q] = sub(odd, turned);
    }
}

/* -------------------------------------------------------------------------- the cut */

static value cut_bin(value x, size_t k, size_t kept)
{
    return (value){2 * k < kept ? x.re : 0.0, 2 * k + 1 < kept ? x.im : 0.0};
}

/* The spectrum of the real signal from that of its points, for bins k and m - k alike: what is at
 * `a` and `b` is z[k] and z[m - k], which may be the same. */
static void cut_pair(value *a, value *b, value root, size_t k, size_t m, size_t kept)
{
    value even = {0.5 * (a->re + b->re), 0.5 * (a->im - b->im)};
    value odd = mul((value){0.5 * (a->im + b->im), 0.5 * (b->re - a->re)}, root);
    value low = cut_bin(add(even, odd), k, kept);
    value high = sub(even, odd); /* its conjugate is bin m - k */
    high = cut_bin((value){high.re, -high.im}, m - k, kept);
    even = (value){0.5 * (low.re + high.re), 0.5 * (low.im - high.im)};
    odd = mul_conj((value){0.5 * (low.re - high.re), 0.5 * (low.im + high.im)}, root);
    *a = (value){even.re - odd.im, even.im + odd.re};
    *b = (value){even.re + odd.im, odd.re - even.im};
}

/* z[m] stands in bit-reversed order: there k and m - k lie mirrored within the block that begins at
 * the place's highest bit. */
static void cut(const roots *r, value *z, size_t m, size_t kept)
{
    double mean = kept ? 0.5 * (z[0].re + z[0].im) : 0.0; /* bins 0 and m without m */
    z[0] = (value){mean, mean};
    for (size_t block = 1; block < m; block *= 2)
        for (size_t i = 0, k = m / 2 / block; i <= (block - 1) / 2; i++) {
            cut_pair(&z[block + i], &z[2 * block - 1 - i], root_at(r, k), k, m, kept);
            size_t bit = m / 2; /* the next k: one more, from the other end of the number */
            for (; k & bit; bit /= 2)
                k ^= bit;
            k |= bit;
        }
}

size_t ut_lowpass_points(size_t n)
{
    size_t points = 4;
    while (points < n)
        points *= 2;
    return points;
}

ut_status ut_lowpass(double *x, size_t points, size_t kept, ut_error *err)
{
    roots *r = roots_open(points);
    if (!r)
        return ut_fail_memory(err, "lowpass");
    size_t m = points / 2;
    value *z = (value *)x;
    forward(r, z, m);
    cut(r, z, m, kept);
    backward(r, z, m);
    for (size_t i = 0; i < points; i++)
        x[i] /= (double)m;
    roots_close(r);
    return UT_OK;
}
