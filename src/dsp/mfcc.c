#include "dsp/mfcc.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dsp/mel.h"
#include "nn/ops.h"

struct ut_mfcc {
    ut_mfcc_kind kind;
    ut_mel *mel;
    size_t count, frame, hop, bands, padding;
    float cosine[]; /* [count, bands], the lifter in it */
};

/* librosa keeps 80 dB of a signal; bands are natural logarithms. */
static const float RANGE = 80.0f * (float)M_LN10 / 10.0f;

static ut_mel_options front_end(ut_mfcc_kind kind, int rate)
{
    ut_mel_options o = {.rate = rate,
                        .frame = rate / 40,
                        .hop = rate / 100,
                        .bands = 26,
                        .scale = UT_MEL_HTK,
                        .window = UT_WINDOW_HAMMING,
                        .warped = true,
                        .magnitude = true,
                        .log_floor = 1.0f,
                        .emphasis = 0.97f,
                        .gain = 32767.0f};
    if (kind == UT_MFCC_KALDI) {
        o.bands = 23;
        o.low = 20.0f;
        o.window = UT_WINDOW_POVEY;
        o.magnitude = false;
        o.centred = true;
        o.log_floor = FLT_EPSILON;
        o.gain = 32768.0f;
    } else if (kind == UT_MFCC_LIBROSA) {
        o = (ut_mel_options){.rate = rate,
                             .frame = 2048,
                             .hop = 512,
                             .bands = 128,
                             .scale = UT_MEL_SLANEY,
                             .area = true,
                             .log_floor = 1e-10f};
    }
    for (o.fft = 1; o.fft < o.frame;)
        o.fft *= 2;
    return o;
}

void ut_mfcc_cosine(size_t number, size_t bands, double scale, bool lifted, float *row)
{
    double c = (double)number, n = (double)bands;
    if (lifted)
        scale *= 1.0 + 11.0 * sin(M_PI * c / 22.0);
    for (size_t b = 0; b < bands; b++)
        row[b] = (float)(scale * cos(M_PI * c * ((double)b + 0.5) / n));
}

/* Orthonormal but for HTK's c0, which is as large as the others. */
static void fill_cosine(ut_mfcc *m)
{
    for (size_t i = 0; i < m->count; i++) {
        size_t c = ut_mfcc_number(m, i);
        double scale = c || m->kind == UT_MFCC_HTK ? sqrt(2.0 / (double)m->bands)
                                                   : sqrt(1.0 / (double)m->bands);
        bool decibels = m->kind == UT_MFCC_LIBROSA;
        ut_mfcc_cosine(c, m->bands, decibels ? scale * (10.0 / M_LN10) : scale, !decibels,
                       m->cosine + i * m->bands);
    }
}

ut_status ut_mfcc_create(ut_mfcc_kind kind, int rate, ut_mfcc **out, ut_error *err)
{
    if (rate < 8000 || rate > 48000)
        return ut_fail(err, UT_ERR_USAGE, "mfcc",
                       "cepstral coefficients want 8000 to 48000 Hz, not %d; resample", rate);
    ut_mel_options o = front_end(kind, rate);
    size_t count = kind == UT_MFCC_LIBROSA ? UT_MFCC_MOST : 13;
    ut_mfcc *m = calloc(1, sizeof *m + count * (size_t)o.bands * sizeof *m->cosine);
    if (!m)
        return ut_fail_memory(err, "mfcc");
    m->kind = kind;
    m->count = count;
    m->frame = (size_t)o.frame;
    m->hop = (size_t)o.hop;
    m->bands = (size_t)o.bands;
    m->padding = kind == UT_MFCC_LIBROSA ? m->frame / 2 : 0;
    ut_status status = ut_mel_create(&o, &m->mel, err);
    if (status != UT_OK) {
        ut_mfcc_destroy(m);
        return status;
    }
    fill_cosine(m);
    *out = m;
    return UT_OK;
}

void ut_mfcc_destroy(ut_mfcc *mfcc)
{
    if (!mfcc)
        return;
    ut_mel_destroy(mfcc->mel);
    free(mfcc);
}

size_t ut_mfcc_count(const ut_mfcc *mfcc)
{
    return mfcc->count;
}

size_t ut_mfcc_frame(const ut_mfcc *mfcc)
{
    return mfcc->frame;
}

size_t ut_mfcc_hop(const ut_mfcc *mfcc)
{
    return mfcc->hop;
}

size_t ut_mfcc_padding(const ut_mfcc *mfcc)
{
    return mfcc->padding;
}

size_t ut_mfcc_number(const ut_mfcc *mfcc, size_t index)
{
    return mfcc->kind == UT_MFCC_HTK ? (index + 1) % mfcc->count : index;
}

size_t ut_mfcc_frames(const ut_mfcc *mfcc, size_t n)
{
    n += 2 * mfcc->padding;
    return n < mfcc->frame ? 0 : (n - mfcc->frame) / mfcc->hop + 1;
}

/* Kaldi's c0: of the frame as it was recorded, its mean taken off, at 16 bits. */
static float log_energy(const ut_mfcc *m, const float *pcm)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < m->frame; i++) {
        sum += pcm[i];
        squares += (double)pcm[i] * pcm[i];
    }
    double energy = (squares - sum * sum / (double)m->frame) * 32768.0 * 32768.0;
    return (float)log(fmax(energy, (double)FLT_EPSILON));
}

/* Nothing of the signal is more than RANGE below its greatest band. */
static void lift(float *bands, size_t n)
{
    float top = -INFINITY;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, bands[i]);
    for (size_t i = 0; i < n; i++)
        bands[i] = fmaxf(bands[i], top - RANGE);
}

/* bands[count] of all frames: of those that lie in the signal where they lie, of those that reach
 * over its ends, into the padding, from a copy. */
static void find_bands(const ut_mfcc *m, const float *pcm, size_t n, size_t count, float *bands,
                       float *scratch)
{
    float *copy = scratch + ut_mel_scratch(m->mel);
    size_t first = (m->padding + m->hop - 1) / m->hop;
    size_t last = n < m->frame ? 0 : (n - m->frame + m->padding) / m->hop + 1;
    if (last > first)
        ut_mel_run(m->mel, pcm + (first * m->hop - m->padding), (int)(last - first),
                   bands + first * m->bands, scratch);
    for (size_t f = 0; f < count; f++) {
        if (f >= first && f < last)
            continue;
        size_t from = f * m->hop > m->padding ? f * m->hop - m->padding : 0;
        size_t zeros = f * m->hop < m->padding ? m->padding - f * m->hop : 0;
        size_t here = n - from < m->frame - zeros ? n - from : m->frame - zeros;
        memset(copy, 0, m->frame * sizeof *copy);
        if (here > 0) /* what is empty need not lie anywhere */
            memcpy(copy + zeros, pcm + from, here * sizeof *copy);
        ut_mel_frame(m->mel, copy, bands + f * m->bands, scratch);
    }
}

ut_status ut_mfcc_run(const ut_mfcc *mfcc, const float *pcm, size_t n, float *rows, ut_error *err)
{
    const ut_mfcc *m = mfcc;
    size_t count = ut_mfcc_frames(m, n);
    if (count == 0)
        return UT_OK;
    float *bands = calloc(count * m->bands + ut_mel_scratch(m->mel) + m->frame, sizeof *bands);
    if (!bands)
        return ut_fail_memory(err, "mfcc");
    find_bands(m, pcm, n, count, bands, bands + count * m->bands);
    if (m->kind == UT_MFCC_LIBROSA)
        lift(bands, count * m->bands);
    ut_matmul_nt(rows, (int)m->count, bands, (int)m->bands, m->cosine, (int)m->bands, (int)count,
                 (int)m->count, (int)m->bands, 0);
    for (size_t f = 0; m->kind == UT_MFCC_KALDI && f < count; f++)
        rows[f * m->count] = log_energy(m, pcm + f * m->hop);
    free(bands);
    return UT_OK;
}

void ut_mfcc_deltas(const float *x, size_t stride, size_t frames, size_t count, float *out,
                    size_t out_stride)
{
    for (size_t f = 0; f < frames; f++) {
        const float *before = x + (f ? f - 1 : 0) * stride;
        const float *after = x + (f + 1 < frames ? f + 1 : frames - 1) * stride;
        const float *far_before = x + (f > 1 ? f - 2 : 0) * stride;
        const float *far_after = x + (f + 2 < frames ? f + 2 : frames - 1) * stride;
        for (size_t c = 0; c < count; c++)
            out[f * out_stride + c] =
                0.1f * (after[c] - before[c]) + 0.2f * (far_after[c] - far_before[c]);
    }
}
