#include "dsp/autocorrelation.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Two real samples make a complex point. The forward transform leaves its bins in bit-reversed
 * order and the backward one takes them so: nothing is ever moved. */
struct ut_autocorrelation {
    size_t width, lags;
    size_t size;      /* complex points, a power of two */
    double *cosines;  /* of 2 pi k / (2 size), [size] */
    double *sines;    /* [size] */
    double *re, *im;  /* [size] */
    uint32_t *places; /* of bin k, [size] */
};

ut_autocorrelation *ut_autocorrelation_create(size_t width, size_t lags)
{
    ut_autocorrelation *a = calloc(1, sizeof *a);
    size_t size = 2;
    while (2 * size < width + lags + 1)
        size *= 2;
    double *all = calloc(4 * size, sizeof *all);
    uint32_t *places = calloc(size, sizeof *places);
    if (!a || !all || !places) {
        free(a);
        free(all);
        free(places);
        return NULL;
    }
    *a = (ut_autocorrelation){.width = width,
                              .lags = lags,
                              .size = size,
                              .cosines = all,
                              .sines = all + size,
                              .re = all + 2 * size,
                              .im = all + 3 * size,
                              .places = places};
    for (size_t k = 0; k < size; k++) {
        a->cosines[k] = cos(M_PI * (double)k / (double)size);
        a->sines[k] = sin(M_PI * (double)k / (double)size);
        places[k] = places[k / 2] / 2 + (k % 2 ? (uint32_t)(size / 2) : 0);
    }
    return a;
}

void ut_autocorrelation_destroy(ut_autocorrelation *a)
{
    if (!a)
        return;
    free(a->cosines);
    free(a->places);
    free(a);
}

/* Decimation in frequency: order in, bit-reversed order out. */
static void forward(const ut_autocorrelation *a)
{
    for (size_t half = a->size / 2; half > 0; half /= 2) {
        size_t stride = a->size / half; /* roots are of 2 size */
        for (size_t from = 0; from < a->size; from += 2 * half) {
            double *re = a->re + from, *im = a->im + from;
            for (size_t k = 0; k < half; k++) {
                double c = a->cosines[k * stride], s = a->sines[k * stride];
                double dr = re[k] - re[k + half], di = im[k] - im[k + half];
                re[k] += re[k + half];
                im[k] += im[k + half];
                re[k + half] = dr * c + di * s;
                im[k + half] = di * c - dr * s;
            }
        }
    }
}

/* Decimation in time with the conjugate roots, the other way round; not divided by the size. */
static void backward(const ut_autocorrelation *a)
{
    for (size_t half = 1; half < a->size; half *= 2) {
        size_t stride = a->size / half;
        for (size_t from = 0; from < a->size; from += 2 * half) {
            double *re = a->re + from, *im = a->im + from;
            for (size_t k = 0; k < half; k++) {
                double c = a->cosines[k * stride], s = a->sines[k * stride];
                double tr = re[k + half] * c - im[k + half] * s;
                double ti = im[k + half] * c + re[k + half] * s;
                re[k + half] = re[k] - tr;
                im[k + half] = im[k] - ti;
                re[k] += tr;
                im[k] += ti;
            }
        }
    }
}

/* From the spectrum of the points to that of the real signal, its power, and back to the points of
 * the real signal that has the power as its spectrum. Bins k and size - k belong together: with
 * even and odd samples' spectra E and O, the signal's is E + w O at k and conj(E - w O) at
 * size - k, w = exp(-pi i k / size). */
static void to_power(const ut_autocorrelation *a)
{
    for (size_t k = 0; k <= a->size / 2; k++) {
        size_t p = a->places[k], q = a->places[k > 0 ? a->size - k : 0];
        double er = 0.5 * (a->re[p] + a->re[q]), ei = 0.5 * (a->im[p] - a->im[q]);
        double odd_re = 0.5 * (a->im[p] + a->im[q]), odd_im = 0.5 * (a->re[q] - a->re[p]);
        double c = a->cosines[k], s = a->sines[k];
        double tr = odd_re * c + odd_im * s, ti = odd_im * c - odd_re * s;
        double low = (er + tr) * (er + tr) + (ei + ti) * (ei + ti);
        double high = (er - tr) * (er - tr) + (ei - ti) * (ei - ti);
        double even = 0.5 * (low + high), odd = 0.5 * (low - high);
        /* Points' spectrum: even + i odd / w, both spectra being real. */
        a->re[p] = even - odd * s;
        a->im[p] = odd * c;
        if (q == p)
            continue;
        a->re[q] = even + odd * s;
        a->im[q] = odd * c;
    }
}

void ut_autocorrelation_run(ut_autocorrelation *a, const double *x, double *r)
{
    for (size_t i = 0; i < a->size; i++) {
        a->re[i] = 2 * i < a->width ? x[2 * i] : 0.0;
        a->im[i] = 2 * i + 1 < a->width ? x[2 * i + 1] : 0.0;
    }
    forward(a);
    to_power(a);
    backward(a);
    for (size_t i = 0; i <= a->lags; i++)
        r[i] = (i % 2 ? a->im[i / 2] : a->re[i / 2]) / (double)a->size;
}
