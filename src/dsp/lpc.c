#include "dsp/lpc.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ut_lpc_levinson(const double *r, int order, double *a)
{
    memset(a, 0, (size_t)(order + 1) * sizeof *a);
    a[0] = 1.0;
    double error = r[0];
    for (int i = 1; i <= order && error > 0.0; i++) {
        double sum = r[i];
        for (int j = 1; j < i; j++)
            sum += a[j] * r[i - j];
        double k = -sum / error;
        for (int j = 1; j <= i / 2; j++) {
            double front = a[j], back = a[i - j];
            a[j] = front + k * back;
            a[i - j] = back + k * front;
        }
        a[i] = k;
        error *= 1.0 - k * k;
    }
}

void ut_lpc_burg(const double *x, size_t n, int order, double *a, double *work)
{
    double *forward = work, *backward = work + n;
    memcpy(forward, x, n * sizeof *x);
    memcpy(backward, x, n * sizeof *x);
    memset(a, 0, (size_t)(order + 1) * sizeof *a);
    a[0] = 1.0;
    for (int i = 1; i <= order && (size_t)i < n; i++) {
        double both = 0.0, power = 0.0;
        for (size_t t = (size_t)i; t < n; t++) {
            both += forward[t] * backward[t - 1];
            power += forward[t] * forward[t] + backward[t - 1] * backward[t - 1];
        }
        if (!(power > 0.0))
            return;
        double k = -2.0 * both / power;
        for (int j = 1; j <= i / 2; j++) {
            double front = a[j], back = a[i - j];
            a[j] = front + k * back;
            a[i - j] = back + k * front;
        }
        a[i] = k;
        for (size_t t = n - 1; t >= (size_t)i; t--) {
            double f = forward[t], b = backward[t - 1];
            forward[t] = f + k * b;
            backward[t] = b + k * f;
        }
    }
}

/* -------------------------------------------------------------------------------- roots */

/* p(z) = sum of c[i] z^(degree - i), and p', p'' / 2 at z (Horner). */
static void evaluate(const double *c, int degree, double complex z, double complex *p,
                     double complex *first, double complex *second)
{
    double complex b = c[0], d = 0.0, f = 0.0;
    for (int i = 1; i <= degree; i++) {
        f = f * z + d;
        d = d * z + b;
        b = b * z + c[i];
    }
    *p = b;
    *first = d;
    *second = f;
}

/* Laguerre's method from `z`. */
static double complex find_root(const double *c, int degree, double complex z)
{
    for (int turn = 0; turn < 60; turn++) {
        double complex p, first, second;
        evaluate(c, degree, z, &p, &first, &second);
        if (cabs(p) < 1e-13)
            break;
        double complex g = first / p, h = g * g - 2.0 * second / p;
        double complex root = csqrt((degree - 1) * (degree * h - g * g));
        double complex plus = g + root, minus = g - root;
        double complex larger = cabs(plus) > cabs(minus) ? plus : minus;
        double complex step = cabs(larger) > 0.0 ? degree / larger : 0.5 + 0.5 * I;
        /* Every tenth step is shortened: cycles are rare, and end so. */
        z -= turn % 10 == 9 ? 0.3 * step : step;
        if (cabs(step) < 1e-13 * (1.0 + cabs(z)))
            break;
    }
    return z;
}

/* Divides the root out of c (a real one, or a pair); returns the new degree. */
static int deflate(double *c, int degree, double complex z)
{
    if (cimag(z) == 0.0) {
        for (int i = 1; i < degree; i++)
            c[i] += creal(z) * c[i - 1];
        return degree - 1;
    }
    double p = 2.0 * creal(z), q = -(creal(z) * creal(z) + cimag(z) * cimag(z));
    c[1] += p * c[0];
    for (int i = 2; i < degree - 1; i++)
        c[i] += p * c[i - 1] + q * c[i - 2];
    return degree - 2;
}

static int by_hz(const void *a, const void *b)
{
    double x = ((const ut_lpc_formant *)a)->hz, y = ((const ut_lpc_formant *)b)->hz;
    return (x > y) - (x < y);
}

int ut_lpc_formants(const double *a, int order, double rate, double low, double high,
                    ut_lpc_formant *formants)
{
    double c[UT_LPC_ORDER_MOST + 1];
    int degree = order, count = 0;
    memcpy(c, a, (size_t)(order + 1) * sizeof *c);
    while (degree > 0 && fabs(c[degree]) < 1e-14)
        degree--;
    while (degree > 0) {
        double complex z = find_root(c, degree, 0.5 + 0.5 * I);
        if (fabs(cimag(z)) < 1e-8 * cabs(z) || degree == 1)
            z = creal(z);
        degree = deflate(c, degree, z);
        if (cimag(z) == 0.0)
            continue;
        double radius = cabs(z), hz = fabs(carg(z)) * rate / (2.0 * M_PI);
        if (hz > low && hz < high)
            formants[count++] = (ut_lpc_formant){hz, -log(radius) * rate / M_PI};
    }
    qsort(formants, (size_t)count, sizeof *formants, by_hz);
    return count;
}
