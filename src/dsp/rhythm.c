#include "dsp/rhythm.h"

#include <math.h>

static const double SHORTEST_PAUSE = 0.25;
static const float DIP_DB = 2.0f;

/* Five points of a binomial, so that single frames make no peaks: with 25 ms frames about the 64 ms
 * window of the published script. */
static void smooth_contour(const float *x, size_t n, float *out)
{
    static const float weights[5] = {1.0f, 4.0f, 6.0f, 4.0f, 1.0f};
    for (size_t i = 0; i < n; i++) {
        float sum = 0.0f, total = 0.0f;
        for (int q = -2; q <= 2; q++) {
            if ((q < 0 && i < (size_t)-q) || i + (size_t)(q + 2) >= n + 2)
                continue;
            sum += weights[q + 2] * x[i + (size_t)(q + 2) - 2];
            total += weights[q + 2];
        }
        out[i] = sum / total;
    }
}

static void count_pauses(const float *level, size_t n, double hop, float threshold, ut_rhythm *r)
{
    size_t run = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && level[i] < threshold) {
            run++;
            continue;
        }
        if ((double)run * hop >= SHORTEST_PAUSE) {
            r->pauses++;
            r->pause_seconds += (double)run * hop;
        }
        run = 0;
    }
}

/* Walks the contour with the last low and the highest point since: a nucleus is counted when the
 * contour has fallen DIP_DB below a peak that rose DIP_DB above the dip before it. */
static int count_nuclei(const float *level, const unsigned char *voiced, size_t n, float threshold)
{
    int nuclei = 0, rising = 0;
    float low = -INFINITY, high = -INFINITY;
    size_t peak = 0;
    if (n)
        low = fminf(level[0], threshold);
    for (size_t i = 0; i <= n; i++) {
        float value = i < n ? level[i] : -INFINITY;
        if (value > high) {
            high = value;
            peak = i;
        }
        rising = rising || high - low >= DIP_DB;
        if (rising && high - value >= DIP_DB) {
            if (high >= threshold && voiced[peak])
                nuclei++;
            rising = 0;
            low = value;
            high = value;
        } else if (!rising && value < low) {
            low = value;
            high = value;
        }
    }
    return nuclei;
}

ut_rhythm ut_rhythm_measure(const float *level_db, const unsigned char *voiced, size_t frames,
                            double hop, float threshold_db, float *smooth)
{
    ut_rhythm rhythm = {0, 0, 0.0};
    smooth_contour(level_db, frames, smooth);
    count_pauses(smooth, frames, hop, threshold_db, &rhythm);
    rhythm.syllables = count_nuclei(smooth, voiced, frames, threshold_db);
    return rhythm;
}
