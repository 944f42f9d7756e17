/* The parts of eGeMAPS: what is measured in the 20 ms frames, what in the 60 ms ones, and the
 * functionals of it. */
#ifndef UT_DSP_EGEMAPS_INTERNAL_H
#define UT_DSP_EGEMAPS_INTERNAL_H

#include <stdbool.h>

#include "dsp/egemaps.h"

enum {
    UT_GEMAPS_HOP = UT_EGEMAPS_HOP,
    UT_GEMAPS_SHORT = 320, /* samples of a short frame */
    UT_GEMAPS_SHORT_FFT = 512,
    UT_GEMAPS_LONG = UT_EGEMAPS_SHORTEST,
    UT_GEMAPS_LONG_FFT = 1024,
    UT_GEMAPS_FORMANTS = 3,
    UT_GEMAPS_ALL_FORMANTS = 5,
};

/* Descriptors, in the order of their names. The first ten belong to short frames, the rest to long.
 */
enum {
    LOUDNESS,
    ALPHA_RATIO,
    HAMMARBERG,
    SLOPE_LOW,
    SLOPE_HIGH,
    FLUX,
    MFCC_1,
    MFCC_4 = MFCC_1 + 3,
    SHORT_DESCRIPTORS,
    F0 = SHORT_DESCRIPTORS,
    JITTER,
    SHIMMER,
    HNR,
    H1_H2,
    H1_A3,
    FORMANT_1, /* frequency, bandwidth, amplitude; thrice */
};
#define LONG_DESCRIPTORS (UT_EGEMAPS_DESCRIPTORS - SHORT_DESCRIPTORS)

/* What openSMILE calls silence: -201 dB. */
#define UT_GEMAPS_NO_AMPLITUDE (-201.0f)

/* Contours before smoothing, each beside the next: short_rows[SHORT_DESCRIPTORS][short_frames],
 * long_rows[LONG_DESCRIPTORS][frames]; F0 in semitones from 27.5 Hz. */
typedef struct ut_gemaps_contours {
    size_t short_frames, frames;
    float *short_rows, *long_rows;
    float *hz;    /* [frames], 0 where unvoiced */
    double power; /* mean over the short frames of their mean squares */
} ut_gemaps_contours;

/* ------------------------------------------------------------------------- short frames */

typedef struct ut_gemaps_short ut_gemaps_short;
ut_gemaps_short *ut_gemaps_short_create(void); /* NULL when out of memory */
void ut_gemaps_short_destroy(ut_gemaps_short *s);
/* values[SHORT_DESCRIPTORS] of pcm[UT_GEMAPS_SHORT], the frame after the last one (for the flux).
 */
void ut_gemaps_short_run(ut_gemaps_short *s, const float *pcm, float *values);

typedef struct ut_gemaps_formants {
    float hz[UT_GEMAPS_FORMANTS], bandwidth[UT_GEMAPS_FORMANTS]; /* 0 where there is none */
} ut_gemaps_formants;
/* Formants of pcm[UT_GEMAPS_SHORT]. */
void ut_gemaps_short_formants(ut_gemaps_short *s, const float *pcm, ut_gemaps_formants *formants);

/* -------------------------------------------------------------------------- long frames */

/* Fills contours->hz and the long rows of pcm[n]. `every_formant`: in unvoiced frames too, which
 * functionals never look at. */
UT_MUST_CHECK ut_status ut_gemaps_long_run(const float *pcm, size_t n, bool every_formant,
                                           ut_gemaps_contours *contours, ut_error *err);

/* Jitter and shimmer (dB), [frames], of voiced frames `hz`: periods are followed through pcm[n]. */
void ut_gemaps_periods(const float *pcm, size_t n, const float *hz, size_t frames, float *jitter,
                       float *shimmer);

/* -------------------------------------------------------------------------- functionals */

/* Means over three frames (ends repeated). `skip`: zeros stay zero and do not count. */
void ut_gemaps_smooth(const float *x, size_t n, bool skip, float *out);
/* values[UT_EGEMAPS_FUNCTIONALS]; scratch of 2 * short_frames floats. */
void ut_gemaps_functionals(const ut_gemaps_contours *contours, float *scratch, float *values);

#endif
