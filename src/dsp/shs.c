#include "dsp/shs.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { BINS = UT_SHS_BINS, POINTS = BINS, HARMONICS = 15, STATES = UT_SHS_CANDIDATES + 1 };

static const double BIN_HZ = 16000.0 / 1024.0;
static const double LOW_HZ = 25.0, HIGH_HZ = 8000.0; /* of the logarithmic axis */
static const float LOWEST = 55.0f, HIGHEST = 1000.0f;
static const float COMPRESSION = 0.85f;
static const float VOICED = 0.7f;
/* Costs of the path, in the same unit as LOCAL times minus the logarithm of the voicing. */
static const float LOCAL = 2.0f, THRESHOLD = 8.0f, JUMP = 20.0f, TURN = 10.0f, SILENCE = 1.0f;
/* For a candidate that is not the frame's best, per factor e between the two. Without it 3 % of the
 * frames of 34 recordings came out another way than in openSMILE, with it 0.8 %. */
static const float ASIDE = 8.0f;

struct ut_shs {
    /* Natural cubic spline over the logarithm of the bins' frequencies: the second derivatives m of
     * values y solve a tridiagonal system, whose elimination is done once. */
    float left[BINS], pivot[BINS], over[BINS]; /* below the diagonal, 1 / pivot, above / pivot */
    float gap[BINS];                           /* 1 / (x[k+1] - x[k]) */
    int interval[POINTS];
    float a[POINTS], b[POINTS], ca[POINTS],
        cb[POINTS]; /* of y and m at both ends of the interval */
    float hearing[POINTS];
    int shift[HARMONICS]; /* points from the fundamental */
    float weight[HARMONICS];
    float raised[BINS], second[BINS], axis[POINTS], sum[POINTS];
    uint8_t kept[BINS];
};

static void prepare_spline(ut_shs *s, const double *x)
{
    double ratio = 0.0;
    for (int k = 1; k + 1 < BINS; k++) {
        double h0 = x[k] - x[k - 1], h1 = x[k + 1] - x[k];
        double pivot = 2.0 * (h0 + h1) - h0 * ratio;
        ratio = h1 / pivot;
        s->left[k] = (float)h0;
        s->pivot[k] = (float)(1.0 / pivot);
        s->over[k] = (float)ratio;
    }
    for (int k = 0; k + 1 < BINS; k++)
        s->gap[k] = (float)(1.0 / (x[k + 1] - x[k]));
}

static void prepare_points(ut_shs *s, const double *x)
{
    double octaves = log2(HIGH_HZ / LOW_HZ), per_octave = POINTS / octaves;
    for (int i = 0, k = 0; i < POINTS; i++) {
        double at = log2(LOW_HZ) + octaves * i / (POINTS - 1);
        while (k + 2 < BINS && x[k + 1] <= at)
            k++;
        double h = x[k + 1] - x[k], b = (at - x[k]) / h, a = 1.0 - b;
        s->interval[i] = k;
        s->a[i] = (float)a;
        s->b[i] = (float)b;
        s->ca[i] = (float)((a * a * a - a) * h * h / 6.0);
        s->cb[i] = (float)((b * b * b - b) * h * h / 6.0);
        s->hearing[i] = (float)(0.5 + atan((3.0 * i - 64.0) / per_octave) / M_PI);
    }
    double weight = 1.0;
    for (int h = 0; h < HARMONICS; h++) {
        s->shift[h] = (int)(log2(h + 1.0) * per_octave);
        s->weight[h] = (float)(weight / HARMONICS);
        weight *= (double)COMPRESSION;
    }
}

ut_shs *ut_shs_create(void)
{
    double x[BINS];
    ut_shs *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    x[0] = log2(0.5 * BIN_HZ);
    for (int k = 1; k < BINS; k++)
        x[k] = log2(k * BIN_HZ);
    prepare_spline(s, x);
    prepare_points(s, x);
    return s;
}

void ut_shs_destroy(ut_shs *shs)
{
    free(shs);
}

/* Peaks and two bins on both sides stay; then [1 2 1] / 4. */
static void enhance(ut_shs *s, const float *magnitude)
{
    float *y = s->second; /* free until the spline */
    memset(s->kept, 0, sizeof s->kept);
    memset(s->kept, 1, 3);
    s->kept[BINS - 1] = 1;
    for (int k = 1; k + 1 < BINS; k++)
        if (magnitude[k] > magnitude[k - 1] && magnitude[k] > magnitude[k + 1])
            memset(s->kept + (k < 2 ? 0 : k - 2), 1, k < 2 ? 4 : (size_t)(k + 3 > BINS ? 4 : 5));
    for (int k = 0; k < BINS; k++)
        y[k] = s->kept[k] ? magnitude[k] : 0.0f;
    s->raised[0] = 0.25f * (2.0f * y[0] + y[1]);
    for (int k = 1; k + 1 < BINS; k++)
        s->raised[k] = 0.25f * (y[k - 1] + 2.0f * y[k] + y[k + 1]);
    s->raised[BINS - 1] = y[BINS - 1];
}

static void to_axis(ut_shs *s)
{
    const float *y = s->raised;
    float *m = s->second;
    m[0] = m[BINS - 1] = 0.0f;
    for (int k = 1; k + 1 < BINS; k++) {
        float right = 6.0f * ((y[k + 1] - y[k]) * s->gap[k] - (y[k] - y[k - 1]) * s->gap[k - 1]);
        m[k] = (right - s->left[k] * m[k - 1]) * s->pivot[k];
    }
    for (int k = BINS - 2; k > 0; k--)
        m[k] -= s->over[k] * m[k + 1];
    for (int i = 0; i < POINTS; i++) {
        int k = s->interval[i];
        float value = s->a[i] * y[k] + s->b[i] * y[k + 1] + s->ca[i] * m[k] + s->cb[i] * m[k + 1];
        s->axis[i] = value > 0.0f ? value * s->hearing[i] : 0.0f;
    }
}

typedef struct peak {
    int at;
    float height;
} peak;

static int highest_peaks(const float *sum, peak *peaks)
{
    int count = 0;
    for (int i = 1; i + 1 < POINTS; i++) {
        if (sum[i] <= sum[i - 1] || sum[i] <= sum[i + 1])
            continue;
        if (count == UT_SHS_CANDIDATES && sum[i] <= peaks[count - 1].height)
            continue;
        int at = count < UT_SHS_CANDIDATES ? count++ : count - 1;
        for (; at > 0 && peaks[at - 1].height < sum[i]; at--)
            peaks[at] = peaks[at - 1];
        peaks[at] = (peak){i, sum[i]};
    }
    return count;
}

void ut_shs_run(ut_shs *shs, const float *magnitude, ut_shs_frame *frame)
{
    ut_shs *s = shs;
    enhance(s, magnitude);
    to_axis(s);
    memset(s->sum, 0, sizeof s->sum);
    for (int h = 0; h < HARMONICS; h++)
        for (int i = 0; i < POINTS - s->shift[h]; i++)
            s->sum[i] += s->weight[h] * s->axis[i + s->shift[h]];
    double total = 0.0;
    for (int i = 0; i < POINTS; i++)
        total += s->sum[i];
    float mean = (float)(total / POINTS);
    peak peaks[UT_SHS_CANDIDATES];
    int count = highest_peaks(s->sum, peaks), best = 0;
    memset(frame, 0, sizeof *frame);
    for (int p = 0; p < count; p++) {
        const float *y = s->sum + peaks[p].at;
        float bend = y[-1] - 2.0f * y[0] + y[1], slope = 0.5f * (y[-1] - y[1]);
        float at = (float)peaks[p].at + slope / bend, height = y[0] - 0.5f * slope * slope / bend;
        float hz = (float)(LOW_HZ * exp2(log2(HIGH_HZ / LOW_HZ) * at / (POINTS - 1)));
        if (hz < LOWEST || hz > HIGHEST)
            continue;
        frame->hz[frame->count] = hz;
        frame->voicing[frame->count] = fmaxf(0.0f, 1.0f - mean / height);
        if (frame->voicing[frame->count] > frame->voicing[best])
            best = frame->count;
        frame->count++;
    }
    float hz = frame->hz[0], voicing = frame->voicing[0];
    frame->hz[0] = frame->hz[best];
    frame->voicing[0] = frame->voicing[best];
    frame->hz[best] = hz;
    frame->voicing[best] = voicing;
}

/* ----------------------------------------------------------------------------------- path */

/* State 0 is "unvoiced", state i candidate i - 1; logs[0] is unused. */
typedef struct column {
    float logs[STATES], local[STATES];
    int count;
} column;

static void fill_column(const ut_shs_frame *f, column *c)
{
    c->count = f->count + 1;
    c->logs[0] = 0.0f;
    c->local[0] = f->count && f->voicing[0] >= VOICED ? THRESHOLD : 0.0f;
    for (int i = 0; i < f->count; i++) {
        c->logs[i + 1] = logf(f->hz[i]);
        c->local[i + 1] = -LOCAL * logf(fmaxf(f->voicing[i], 1e-10f)) +
                          ASIDE * fabsf(c->logs[i + 1] - c->logs[1]) +
                          (f->voicing[i] < VOICED ? THRESHOLD : 0.0f);
    }
}

static float transition(const column *before, int from, const column *now, int to)
{
    if (from == 0 && to == 0)
        return SILENCE;
    if (from == 0 || to == 0)
        return TURN;
    return JUMP * fabsf(now->logs[to] - before->logs[from]);
}

ut_status ut_shs_path(const ut_shs_frame *frames, size_t n, float *hz, ut_error *err)
{
    if (n == 0)
        return UT_OK;
    uint8_t(*from)[STATES] = malloc(n * sizeof *from);
    if (!from)
        return ut_fail_memory(err, "pitch");
    column columns[2];
    float score[2][STATES];
    fill_column(&frames[0], &columns[0]);
    memcpy(score[0], columns[0].local, sizeof score[0]);
    for (size_t f = 1; f < n; f++) {
        const column *before = &columns[(f - 1) % 2];
        column *now = &columns[f % 2];
        fill_column(&frames[f], now);
        for (int i = 0; i < now->count; i++) {
            float best = INFINITY;
            for (int q = 0; q < before->count; q++) {
                float value = score[(f - 1) % 2][q] + transition(before, q, now, i);
                if (value < best) {
                    best = value;
                    from[f][i] = (uint8_t)q;
                }
            }
            score[f % 2][i] = best + now->local[i];
        }
    }
    int at = 0;
    for (int i = 1; i < columns[(n - 1) % 2].count; i++)
        if (score[(n - 1) % 2][i] < score[(n - 1) % 2][at])
            at = i;
    for (size_t f = n; f > 0; f--) {
        hz[f - 1] = at ? frames[f - 1].hz[at - 1] : 0.0f;
        if (f > 1)
            at = from[f - 1][at];
    }
    free(from);
    return UT_OK;
}
