/* Syllables and pauses from the intensity alone, after N. de Jong and T. Wempe, "Praat script to
 * detect syllable nuclei and measure speech rate automatically" (2009), with the thresholds of its
 * revision of 2010. What sounds is within 25 dB of the loudest (0.99 quantile). A syllable's
 * nucleus is a peak that sounds, rises by 2 dB over the dip before it and is voiced; a pause is
 * silence of 0.3 s and more between two stretches of sound of 0.1 s and more. Pure functions. */
#ifndef UT_DSP_SYLLABLES_H
#define UT_DSP_SYLLABLES_H

#include <stddef.h>

#include "dsp/pitch.h"
#include "undertone_status.h"

enum { UT_SYLLABLES_RATE = 16000, UT_SYLLABLES_SHORTEST = 2048 };

typedef struct ut_syllables {
    int count;
    int pauses;
    double phonation; /* seconds that sound, pauses and silent ends left out */
    double paused;    /* seconds of pauses */
} ut_syllables;

/* The pitch that the authors take: 30 to 450 Hz, a window of 0.1 s each 0.02 s, voiced from an
 * autocorrelation of 0.25 on. Any other track of the same signal may tell what is voiced. */
ut_pitch_options ut_syllables_pitch(void);

/* *out of pcm[n], n >= UT_SYLLABLES_SHORTEST, and its pitch[ut_pitch_frames(options, n)]. All 0 in
 * digital silence. Allocates 8 bytes each 16 ms. */
UT_MUST_CHECK ut_status ut_syllables_find(const float *pcm, size_t n,
                                          const ut_pitch_options *options,
                                          const ut_pitch_frame *pitch, ut_syllables *out,
                                          ut_error *err);

#endif
