/* Where to cut speech into windows for the recogniser. Pure functions. */
#ifndef UT_SPEECH_WINDOWS_H
#define UT_SPEECH_WINDOWS_H

#include <stddef.h>

#include "speech/vad.h"

/* Steps before the best cut of a stretch of `count` scores: the lowest one in its second half (the
 * later of equals), 1 .. count. The rule is WhisperX's min-cut. */
size_t ut_window_cut(const float *scores, size_t count);

/* How many of the segments (at least 1) the next window takes: as many as fit `longest` seconds
 * from the first one's start, without a pause longer than `gap`; when segments are left over that
 * would have followed without such a pause, the window ends at the longest pause of its second
 * half. */
size_t ut_window_take(const ut_segment *segments, size_t count, double longest, double gap);

#endif
