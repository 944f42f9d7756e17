/* What Praat's users report of a voice: jitter and shimmer of the pulses that To PointProcess (cc)
 * finds after To Pitch (75 to 600 Hz), and To Harmonicity (cc), all with standard arguments.
 *
 * Pure functions. */
#ifndef UT_DSP_VOICE_REPORT_H
#define UT_DSP_VOICE_REPORT_H

#include <stddef.h>

#include "undertone_status.h"

enum { UT_VOICE_REPORT = 17 };

/* "pulses" ..., NULL beyond the last. Names end in the unit where there is one; jitter and shimmer
 * are shares, as Praat's commands give them. */
const char *ut_voice_report_name(size_t index);

/* values[UT_VOICE_REPORT] of pcm[n] at `rate` hertz (8000 to 48000); NAN where undefined. */
UT_MUST_CHECK ut_status ut_voice_report(int rate, const float *pcm, size_t n, float *values,
                                        ut_error *err);

#endif
