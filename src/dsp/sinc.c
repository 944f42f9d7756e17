#include "dsp/sinc.h"

#include <math.h>

/* One side's cosine, which turns by a constant angle from a sample to the next. */
typedef struct cosine {
    double c, s, turn_c, turn_s;
} cosine;

static inline cosine start(double distance, int count)
{
    double turn = M_PI / (distance + count);
    return (cosine){cos(turn * distance), sin(turn * distance), cos(turn), sin(turn)};
}

static inline double next(cosine *w)
{
    double now = w->c;
    w->c = now * w->turn_c - w->s * w->turn_s;
    w->s = w->s * w->turn_c + now * w->turn_s;
    return now;
}

/* left[0], left[-1] ... and left[1], left[2] ..., `count` on each side of the place that is `share`
 * of a sample behind left[0]. The sine only changes its sign from one sample to the next. Both
 * sides in one loop: neither waits for the other's cosine. */
static double between(const double *left, int count, double share)
{
    cosine before = start(share, count), after = start(1.0 - share, count);
    double sum = 0.0, sine = sin(M_PI * share);
    for (int i = 0; i < count; i++) {
        double one = left[-i] * (1.0 + next(&before)) / (share + i);
        double other = left[1 + i] * (1.0 + next(&after)) / (1.0 - share + i);
        sum += sine * (one + other);
        sine = -sine;
    }
    return sum / (2.0 * M_PI);
}

/* Where there are but two samples or one on the shorter side, a cubic through the inner two with
 * the slopes of their neighbours, or a line. */
static double near_the_end(const double *left, int count, double share)
{
    double low = left[0], high = left[1], linear = low + share * (high - low);
    if (count < 2)
        return linear;
    double rise_low = 0.5 * (left[1] - left[-1]), rise_high = 0.5 * (left[2] - left[0]);
    double bend = 0.5 * (rise_high - rise_low);
    double twist = (share - 0.5) * (rise_low + rise_high - 2.0 * (high - low));
    return linear - share * (1.0 - share) * (bend + twist);
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
    return count > 2 ? between(y + left, count, share) : near_the_end(y + left, count, share);
}

/* Golden section with parabolic steps (R. Brent, "Algorithms for Minimization without Derivatives",
 * 1973, 5.8). */
double ut_sinc_peak(const double *y, size_t n, size_t at, int depth, double *where)
{
    static const double GOLDEN = 0.3819660112501051, EXACT = 1e-9;
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
