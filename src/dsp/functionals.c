#include "dsp/functionals.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const float PEAK_SHARE = 0.10f; /* of the contour's range */
/* A higher peak takes the place of the last one when it is higher by this share of it; found, like
 * the margin, by giving openSMILE contours of its own: the slopes of loudness are within 1 % for 99
 * of 100 recordings. */
static const float PEAK_STEP = 0.05f;
static const size_t MARGIN = 2; /* values at both ends that are no turns */

ut_moments ut_moments_of(const float *x, size_t n)
{
    ut_moments m = {0.0, 0.0};
    if (n == 0)
        return m;
    for (size_t i = 0; i < n; i++)
        m.mean += x[i];
    m.mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        m.deviation += (x[i] - m.mean) * (x[i] - m.mean);
    m.deviation = sqrt(m.deviation / (double)n);
    return m;
}

double ut_coefficient_of_variation(ut_moments m)
{
    return m.mean != 0.0 ? m.deviation / m.mean : 0.0;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void ut_sort(float *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
}

double ut_quantile(const float *sorted, size_t n, double share)
{
    if (n == 0)
        return 0.0;
    double at = share * (double)(n - 1);
    size_t low = (size_t)at;
    size_t high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * ((double)sorted[high] - sorted[low]);
}

typedef struct slope_sum {
    double sum, squares;
    size_t count;
} slope_sum;

static void add_slope(slope_sum *s, double value)
{
    s->sum += value;
    s->squares += value * value;
    s->count++;
}

/* What lies between the last turn and the contour's end counts in the mean but not in the
 * deviation, and with its own sign: so does openSMILE, found by giving it contours of straight
 * lines. */
static ut_moments finish(slope_sum s, bool is_last, double last)
{
    ut_moments m = {0.0, 0.0};
    size_t count = s.count + is_last;
    if (count == 0)
        return m;
    m.mean = (s.sum + (is_last ? last : 0.0)) / (double)count;
    double spread = s.squares - 2.0 * m.mean * s.sum + (double)s.count * m.mean * m.mean;
    m.deviation = sqrt(fmax(0.0, spread) / (double)count);
    return m;
}

/* 1 at a peak, -1 in a valley, else 0. */
static int turn_at(const float *x, size_t i)
{
    if (x[i] > x[i - 1] && x[i] > x[i + 1])
        return 1;
    return x[i] < x[i - 1] && x[i] < x[i + 1] ? -1 : 0;
}

/* Slopes are added when their end is sure, which is when the next turn comes. */
ut_slopes ut_slopes_of(const float *x, size_t n, double hop)
{
    ut_slopes out = {0};
    if (n < 2)
        return out;
    float low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    float threshold = PEAK_SHARE * (high - low);
    slope_sum rising = {0}, falling = {0};
    size_t before = 0, last = 0; /* turns; contour's begin counts as one */
    int kind = 0;
    for (size_t i = 1; i < n; i++) {
        int turn = i >= MARGIN && i + MARGIN < n ? turn_at(x, i) : 0;
        if (i + 1 < n && turn == 0)
            continue;
        float gain = (x[i] - x[last]) * (float)turn;
        if (i + 1 < n && turn == kind) {
            if (gain > (turn > 0 ? PEAK_STEP * x[last] : 0.0f))
                last = i;
            continue;
        }
        if (i + 1 < n && (kind ? gain : fabsf(gain)) < threshold)
            continue;
        if (kind != 0) {
            double slope = ((double)x[last] - x[before]) / ((double)(last - before) * hop);
            add_slope(kind > 0 ? &rising : &falling, kind * slope);
            out.peaks += kind > 0;
            before = last;
        }
        if (i + 1 < n) {
            last = i;
            kind = turn;
        }
    }
    bool has_end = kind != 0 && last + 1 < n;
    double end = has_end ? ((double)x[n - 1] - x[last]) / ((double)(n - 1 - last) * hop) : 0.0;
    out.rising = finish(rising, has_end && kind < 0, end);
    out.falling = finish(falling, has_end && kind > 0, end);
    return out;
}
