/* Mel-frequency cepstral coefficients in the three conventions that differ from one another in
 * nearly everything: the number and shape of the filters, magnitude or power, the logarithm, the
 * transform, the lifter, what stands for c0, and what is done about the ends of the signal.
 *
 *   UT_MFCC_HTK      HTK's MFCC_0 (The HTK Book, 5), which openSMILE's MFCC12_0 follows: 25 ms
 *                    Hamming, pre-emphasis 0.97, 26 bands of magnitudes, lifter 22; c1 .. c12, c0
 *   UT_MFCC_KALDI    Kaldi's compute-mfcc-feats without dither: 25 ms Povey window, 23 bands of
 *                    power from 20 Hz, lifter 22; the log energy in the place of c0, c1 .. c12
 *   UT_MFCC_LIBROSA  librosa.feature.mfcc(y, sr=rate): 2048 points, hop 512, centred, 128 Slaney
 *                    bands of power in decibels down to 80 below the greatest of the signal,
 *                    orthonormal; c0 .. c19
 *
 *     ut_mfcc *mfcc;
 *     if (ut_mfcc_create(UT_MFCC_KALDI, 16000, &mfcc, &err) != UT_OK) ...
 *     float *rows = malloc(ut_mfcc_frames(mfcc, n) * ut_mfcc_count(mfcc) * sizeof *rows);
 *     status = ut_mfcc_run(mfcc, pcm, n, rows, &err);
 *
 * Samples are -1 .. 1, and mean 16 bits to HTK and Kaldi. Another level moves c0 (the energy)
 * alone, but for what lies at the floor of the logarithm. A ut_mfcc is immutable and may be shared
 * between threads. */
#ifndef UT_DSP_MFCC_H
#define UT_DSP_MFCC_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

typedef enum ut_mfcc_kind { UT_MFCC_HTK, UT_MFCC_KALDI, UT_MFCC_LIBROSA } ut_mfcc_kind;

enum { UT_MFCC_MOST = 20 }; /* coefficients a frame */

typedef struct ut_mfcc ut_mfcc;

/* `rate` 8000 to 48000 Hz. UT_ERR_USAGE, UT_ERR_MEMORY. */
UT_MUST_CHECK ut_status ut_mfcc_create(ut_mfcc_kind kind, int rate, ut_mfcc **mfcc, ut_error *err);
void ut_mfcc_destroy(ut_mfcc *mfcc); /* NULL is fine */

size_t ut_mfcc_count(const ut_mfcc *mfcc); /* coefficients a frame */
size_t ut_mfcc_frame(const ut_mfcc *mfcc); /* samples */
size_t ut_mfcc_hop(const ut_mfcc *mfcc);
/* Zeros that stand before and behind the signal: frame i begins at sample i * hop - padding. */
size_t ut_mfcc_padding(const ut_mfcc *mfcc);
/* The number in the name of coefficient `index`: 0 for c0, or the energy. */
size_t ut_mfcc_number(const ut_mfcc *mfcc, size_t index);

/* Frames of a signal of n samples. */
size_t ut_mfcc_frames(const ut_mfcc *mfcc, size_t n);
/* rows[ut_mfcc_frames(n)][ut_mfcc_count()] of the whole signal pcm[n]. */
UT_MUST_CHECK ut_status ut_mfcc_run(const ut_mfcc *mfcc, const float *pcm, size_t n, float *rows,
                                    ut_error *err);

/* row[bands]: coefficient `number` of a cepstrum is its product with the logarithms of the bands. A
 * cosine times `scale` (orthonormal: sqrt(2 / bands), of c0 sqrt(1 / bands)) and, where `lifted`,
 * HTK's lifter of 22. */
void ut_mfcc_cosine(size_t number, size_t bands, double scale, bool lifted, float *row);

/* Regression over two frames on both sides (The HTK Book, 5.9), the ends repeated: out[frames] with
 * a stride from x[frames] with a stride, `count` values each. */
void ut_mfcc_deltas(const float *x, size_t stride, size_t frames, size_t count, float *out,
                    size_t out_stride);

#endif
