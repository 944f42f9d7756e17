#include "dsp/sinc.h"

#include <math.h>

/* One side: the samples y[0], y[step] ... `count` of them, the first `distance` away. The sine only
 * changes its sign from one to the next, and the cosine turns by a constant angle. */
static double side(const double *y, ptrdiff_t step, int count, double distance, double sine)
{
    double turn = M_PI / (distance + count), c = cos(turn * distance), s = sin(turn * distance);
    double turn_c = cos(turn), turn_s = sin(turn), sum = 0.0;
    for (int i = 0; i < count; i++) {
        sum += y[i * step] * sine * (1.0 + c) / (distance + i);
        double next = c * turn_c - s * turn_s;
        s = s * turn_c + c * turn_s;
        c = next;
        sine = -sine;
    }
    return sum / (2.0 * M_PI);
}

double ut_sinc_at(const double *y, size_t n, double x, int depth)
{
    if (!(x > 0.0))
        return y[0];
    if (x >= (double)(n - 1))
        return y[n - 1];
    size_t left = (size_t)x, right = left + 1;
    double share = x - (double)left;
    if (share == 0.0)
        return y[left];
    int count = depth;
    if ((size_t)count > right)
        count = (int)right;
    if ((size_t)count > n - right)
        count = (int)(n - right);
    double sine = sin(M_PI * share);
    return side(y + left, -1, count, share, sine) + side(y + right, 1, count, 1.0 - share, sine);
}

/* Golden section with parabolic steps (R. Brent, "Algorithms for Minimization without Derivatives",
 * 1973, 5.8). */
double ut_sinc_peak(const double *y, size_t n, size_t at, int depth, double *where)
{
    static const double GOLDEN = 0.3819660112501051, EXACT = 1e-10;
    double a = (double)at - 1.0, b = (double)at + 1.0;
    double x = a + GOLDEN * (b - a), w = x, v = x, moved = 0.0, before = 0.0;
    double fx = ut_sinc_at(y, n, x, depth), fw = fx, fv = fx;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (a + b), near = EXACT * fabs(x) + EXACT / 4;
        if (fabs(x - middle) <= 2 * near - 0.5 * (b - a))
            break;
        double r = (x - w) * (fx - fv), q = (x - v) * (fx - fw);
        double p = (x - v) * q - (x - w) * r, old = before;
        q = 2 * (q - r);
        p = q > 0 ? -p : p;
        q = fabs(q);
        before = moved;
        if (fabs(old) > near && fabs(p) < fabs(0.5 * q * old) && p > q * (a - x) &&
            p < q * (b - x)) {
            moved = p / q;
        } else {
            before = x < middle ? b - x : a - x;
            moved = GOLDEN * before;
        }
        double u = x + (fabs(moved) >= near ? moved : copysign(near, moved));
        double fu = ut_sinc_at(y, n, u, depth);
        if (fu >= fx) {
            *(u < x ? &b : &a) = x;
            v = w, fv = fw, w = x, fw = fx, x = u, fx = fu;
        } else {
            *(u < x ? &a : &b) = u;
            if (fu >= fw || w == x)
                v = w, fv = fw, w = u, fw = fu;
            else if (fu >= fv || v == x || v == w)
                v = u, fv = fu;
        }
    }
    *where = x;
    return fx;
}
