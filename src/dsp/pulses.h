/* The voice's pulses, one a period, as Praat's manual describes them under "Sound & Pitch: To
 * PointProcess (cc)": from the extremum in the middle of a voiced stretch to both sides, a period
 * of the pitch at a time, always to where the waveform about a pulse repeats best. docs/features.md
 * says how far the two agree.
 *
 * Pure functions; the level of the signal does not matter. */
#ifndef UT_DSP_PULSES_H
#define UT_DSP_PULSES_H

#include "dsp/pitch.h"

typedef struct ut_pulses {
    double *times; /* seconds, [count], rising */
    size_t count, capacity;
} ut_pulses;

/* `pitch` of ut_pitch_track() with the same options and signal. Release with ut_pulses_free(), also
 * after an error. */
UT_MUST_CHECK ut_status ut_pulses_find(const ut_pitch_options *options, const float *pcm, size_t n,
                                       const ut_pitch_frame *pitch, size_t frames,
                                       ut_pulses *pulses, ut_error *err);
void ut_pulses_free(ut_pulses *pulses);

#endif
