/* How regular the voice's periods are: jitter (of their lengths) and shimmer (of their heights),
 * the "local" measures of Praat: mean difference of neighbours by the mean. Periods are found by
 * waveform matching, and neighbours that differ by more than 1.3 (lengths) or 1.6 (heights) are
 * left out. */
#ifndef UT_DSP_VOICE_QUALITY_H
#define UT_DSP_VOICE_QUALITY_H

#include "dsp/pitch.h"

typedef struct ut_voice_quality {
    float jitter_percent;  /* NAN with fewer than 10 pairs of periods */
    float shimmer_percent; /* likewise */
} ut_voice_quality;

/* `pitch` of ut_pitch_track() with the same options and signal. */
ut_voice_quality ut_voice_quality_measure(const ut_pitch_options *options, const float *pcm,
                                          size_t n, const ut_pitch_frame *pitch, size_t frames);

#endif
