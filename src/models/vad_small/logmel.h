/* Log-mel frames for the two small speech networks trained here (vad_small, speaker_small).
 *
 * 16 kHz; a frame is 400 samples under a periodic Hann window, zero-padded to 512 for the
 * transform; 40 triangles of peak 1, equally spaced on the HTK mel scale from 60 to 7600 Hz, over
 * the power spectrum; natural log of (power + 1e-10). tools/train/vad_logmel.py is its twin.
 *
 * The tables are immutable once made and may be shared between threads. */
#ifndef UT_MODELS_VAD_SMALL_LOGMEL_H
#define UT_MODELS_VAD_SMALL_LOGMEL_H

enum { UT_LOGMEL_FRAME = 400, UT_LOGMEL_FFT = 512, UT_LOGMEL_BANDS = 40 };

typedef struct ut_logmel {
    float window[UT_LOGMEL_FRAME];
    float cosine[UT_LOGMEL_FFT / 2], sine[UT_LOGMEL_FFT / 2];
    float filters[UT_LOGMEL_BANDS][UT_LOGMEL_FFT / 2 + 1];
    int first[UT_LOGMEL_BANDS], last[UT_LOGMEL_BANDS]; /* bins of each filter that are not zero */
} ut_logmel;

void ut_logmel_init(ut_logmel *tables);

/* mel[BANDS] of pcm[FRAME] (finite, -1..1). */
void ut_logmel_frame(const ut_logmel *tables, const float *pcm, float *mel);

#endif
