#include "dsp/harmonicity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/sinc.h"

static const double HOP = UT_HARMONICITY_HOP, FLOOR_HZ = 75.0, SILENCE = 0.1;

enum {
    DEPTH = 700, /* samples on each side that a peak is taken from, as far as there are */
    AT_ONCE = 4, /* lags that are summed side by side, so that none waits for its own sum */
};

/* Between samples a peak rises above its own sample by less than this, if it is worth looking. */
static const double RISE = 0.3;

typedef struct meter {
    int rate;
    size_t period; /* longest, samples */
    size_t width;  /* of a window, and the longest lag */
    double *frame; /* [2 width + AT_ONCE] */
    double *r;     /* [2 width + 1]: lags -width .. width */
} meter;

size_t ut_harmonicity_frames(int rate, size_t n)
{
    double window = 2.0 / FLOOR_HZ, seconds = (double)n * (1.0 / rate);
    return seconds < window ? 0 : (size_t)((seconds - window) / HOP) + 1;
}

double ut_harmonicity_time(int rate, size_t n, size_t frame)
{
    double seconds = (double)n * (1.0 / rate), all = (double)ut_harmonicity_frames(rate, n) * HOP;
    return 0.5 * seconds - 0.5 * all + 0.5 * HOP + (double)frame * HOP;
}

/* r[0 .. width]: the window against what lies behind it, each by its own power. */
static void correlate(meter *m)
{
    double *r = m->r + m->width;
    const double *x = m->frame;
    double own = 0.0;
    for (size_t i = 0; i < m->width; i++)
        own += x[i] * x[i];
    double other = own;
    for (size_t lag = 0; lag <= m->width; lag += AT_ONCE) {
        double sums[AT_ONCE] = {0};
        for (size_t i = 0; i < m->width; i++)
            for (size_t q = 0; q < AT_ONCE; q++)
                sums[q] += x[i] * x[i + lag + q];
        for (size_t q = 0; q < AT_ONCE && lag + q <= m->width; q++) {
            double both = own * other;
            r[lag + q] = both > 0.0 ? sums[q] / sqrt(both) : 0.0;
            r[-(ptrdiff_t)(lag + q)] = r[lag + q];
            double gone = x[lag + q], come = x[lag + q + m->width];
            other = fmax(0.0, other + come * come - gone * gone);
        }
    }
}

/* The greatest peak. */
static double strongest(const meter *m)
{
    const double *r = m->r + m->width;
    double best = 0.0;
    for (size_t i = 2; i < m->width; i++) {
        if (r[i] <= 0.0 || r[i] <= r[i - 1] || r[i] < r[i + 1] || r[i] + RISE < best)
            continue;
        double where, value = ut_sinc_peak(m->r, 2 * m->width + 1, m->width + i, DEPTH, &where);
        best = fmax(best, value > 1.0 ? 1.0 / value : value);
    }
    return best;
}

/* Samples before the signal and behind it count as none. */
static double analyse_frame(meter *m, const float *pcm, size_t n, double time, double peak)
{
    double step = 1.0 / m->rate, sum = 0.0, local = 0.0;
    size_t right = (size_t)((time - 0.5 * step) / step) + 1; /* the sample behind the middle */
    ptrdiff_t from = (ptrdiff_t)floor((time - 1.0 / FLOOR_HZ - 0.5 * step) / step);
    for (size_t i = right - m->period; i < right + m->period && i < n; i++)
        sum += pcm[i];
    double mean = sum / (double)(2 * m->period);
    size_t near = m->width / 2;
    for (size_t i = right - near; i < right + near && i < n; i++)
        local = fmax(local, fabs(pcm[i] - mean));
    /* What is not repeated as well as a frame is silent is unvoiced; nothing is repeated better
     * than by 1. */
    double silence = 2.0 - fmin(local / peak, 1.0) / SILENCE;
    if (silence >= 1.0)
        return NAN;
    for (size_t i = 0; i < 2 * m->width + AT_ONCE; i++) {
        ptrdiff_t at = from + (ptrdiff_t)i;
        m->frame[i] = at >= 0 && (size_t)at < n ? pcm[at] - mean : 0.0;
    }
    correlate(m);
    double r = strongest(m);
    if (r <= fmax(silence, 0.0))
        return NAN;
    return r < 1e-15 ? -150.0 : r > 1.0 - 1e-15 ? 150.0 : 10.0 * log10(r / (1.0 - r));
}

ut_status ut_harmonicity_track(int rate, const float *pcm, size_t n, double *db, ut_error *err)
{
    size_t count = ut_harmonicity_frames(rate, n);
    meter m = {.rate = rate, .period = (size_t)(rate / FLOOR_HZ)};
    m.width = 2 * (m.period / 2 - 1);
    m.frame = calloc(4 * m.width + AT_ONCE + 1, sizeof *m.frame);
    if (!m.frame)
        return ut_fail_memory(err, "harmonicity");
    m.r = m.frame + 2 * m.width + AT_ONCE;
    double sum = 0.0, peak = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += pcm[i];
    for (size_t i = 0; i < n; i++)
        peak = fmax(peak, fabs(pcm[i] - sum / (double)n));
    for (size_t f = 0; f < count; f++)
        db[f] = peak > 0.0 ? analyse_frame(&m, pcm, n, ut_harmonicity_time(rate, n, f), peak) : NAN;
    free(m.frame);
    return UT_OK;
}
