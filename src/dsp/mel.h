/* Mel spectra: windowed frames, power or magnitude spectrum, triangular mel filters, logarithm.
 *
 * One description covers the front ends in use: Whisper's (400 points, hop 160, 80 or 128 Slaney
 * bands), Resemblyzer's (400, 160, 40 Slaney bands, no logarithm), HTK's and our own networks'. A
 * ut_mel is immutable and may be shared between threads. No allocation after ut_mel_create(). */
#ifndef UT_DSP_MEL_H
#define UT_DSP_MEL_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/fft.h"
#include "undertone_status.h"

typedef enum ut_mel_scale {
    UT_MEL_SLANEY, /* linear below 1 kHz, logarithmic above (librosa's default, Whisper) */
    UT_MEL_HTK     /* 2595 log10(1 + f / 700) */
} ut_mel_scale;

typedef enum ut_window {
    UT_WINDOW_HANN_PERIODIC,
    UT_WINDOW_HANN,
    UT_WINDOW_HAMMING,
    UT_WINDOW_POVEY /* Hann to the power of 0.85: Kaldi's */
} ut_window;

typedef struct ut_mel_options {
    int rate;        /* hertz */
    int frame;       /* samples in a window */
    int fft;         /* points, at least frame (zeros behind) */
    int hop;         /* samples between frames */
    int bands;       /* at most 256 */
    float low, high; /* hertz; high 0 means rate / 2 */
    ut_mel_scale scale;
    ut_window window;
    bool warped;     /* triangles are straight over mels (HTK, Kaldi), not over hertz (librosa) */
    bool area;       /* each filter divided by its width (Slaney's norm) */
    bool magnitude;  /* filters see the magnitude, not the power */
    float log_floor; /* > 0: natural logarithm of max(value, log_floor); 0: no logarithm */
    bool add_floor;  /* of value + log_floor instead */
    bool centred;    /* each frame has its mean taken off before anything else */
    float emphasis;  /* each sample less so much of the one before it; the first, of itself */
    float gain;      /* samples are multiplied by it (32768: the scale of 16 bits); 0 means 1 */
} ut_mel_options;

/* 16 kHz, 25 ms periodic Hann, 512 points, 10 ms hop, 40 HTK bands 60-7600 Hz, no area norm, log of
 * (power + 1e-10): the front end of the speech networks trained here (tools/train/vad_logmel.py is
 * its twin). */
ut_mel_options ut_mel_defaults(void);

typedef struct ut_mel ut_mel;

UT_MUST_CHECK ut_status ut_mel_create(const ut_mel_options *options, ut_mel **mel, ut_error *err);
void ut_mel_destroy(ut_mel *mel); /* NULL is fine */
const ut_mel_options *ut_mel_get(const ut_mel *mel);
/* Its transform, for what else is asked of the same frames: as long as the mel lives. */
const ut_fft *ut_mel_transform(const ut_mel *mel);

/* Frames of n samples when frame i begins at i * hop: 0 if n < frame. */
int ut_mel_frames(const ut_mel *mel, size_t n);

/* Floats of scratch: by the points of the transform, for buffers of a known size, or of a mel. */
#define UT_MEL_SCRATCH(fft) (32 * (fft))
size_t ut_mel_scratch(const ut_mel *mel);

/* out[bands] of the frame pcm[0 .. frame). */
void ut_mel_frame(const ut_mel *mel, const float *pcm, float *out, float *scratch);

/* out[count, bands] of frames that begin at pcm + i * hop: what ut_mel_frame() makes of each, bit
 * by bit, four at a time. */
void ut_mel_run(const ut_mel *mel, const float *pcm, int count, float *out, float *scratch);

/* The filter bank itself, filters[bands, fft/2+1], for tests and for power spectra made elsewhere.
 */
void ut_mel_filters(const ut_mel *mel, float *filters);
void ut_mel_apply(const ut_mel *mel, const float *spectrum, float *out);

/* window[n]. */
void ut_window_fill(ut_window kind, int n, float *window);

#endif
