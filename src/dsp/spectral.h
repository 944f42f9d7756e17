/* What a 25 ms frame's spectrum looks like: HTK-style cepstrum, and its shape in a few numbers.
 *
 * 16 kHz mono. A ut_spectral belongs to one thread; no allocation after ut_spectral_create(). None
 * of the values depends on the level. */
#ifndef UT_DSP_SPECTRAL_H
#define UT_DSP_SPECTRAL_H

#include "undertone_status.h"

enum {
    UT_SPECTRAL_RATE = 16000,
    UT_SPECTRAL_FRAME = 400,
    UT_SPECTRAL_HOP = 160,
    UT_MFCC_COUNT = 12, /* c1 .. c12 */
};

typedef struct ut_spectral_frame {
    float
        mfcc[UT_MFCC_COUNT]; /* pre-emphasis 0.97, Hamming, 26 HTK bands of magnitudes, lifter 22 */
    float centroid_hz;
    float rolloff_hz; /* 85 % of the power lies below */
    float flux;       /* distance of the unit-length magnitude spectra of this frame and the last */
    float slope_db_per_khz; /* of a line through the power in dB, 0 to 5 kHz */
    float flatness;         /* geometric by arithmetic mean of the power, 0..1 */
    float alpha_db;         /* power of 50-1000 Hz against 1-5 kHz */
} ut_spectral_frame;

typedef struct ut_spectral ut_spectral;
/* NULL when out of memory. */
ut_spectral *ut_spectral_create(void);
void ut_spectral_destroy(ut_spectral *spectral); /* NULL is fine */
/* The next frame's flux is 0, as there is none before it. */
void ut_spectral_reset(ut_spectral *spectral);
/* pcm[UT_SPECTRAL_FRAME]; false if the frame is all zeros. */
int ut_spectral_run(ut_spectral *spectral, const float *pcm, ut_spectral_frame *out);

#endif
