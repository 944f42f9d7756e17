/* The outline of a recording for drawing its waveform: the largest level of each of a few hundred
 * equal parts, taken in one pass over samples of unknown number. No allocation; one thread. */
#ifndef UT_AUDIO_PEAKS_H
#define UT_AUDIO_PEAKS_H

#include <stddef.h>

enum { UT_PEAKS_MOST = 2048 };

/* Zeroed at first. */
typedef struct ut_peaks {
    float values[UT_PEAKS_MOST]; /* [count] absolute levels */
    size_t count;
    size_t width; /* samples a value; 0 before the first */
    float open;   /* the part under way: its largest level and its samples */
    size_t open_samples;
} ut_peaks;

void ut_peaks_add(ut_peaks *peaks, const float *pcm, size_t samples);
/* The last part, which may be shorter, counts too. */
void ut_peaks_end(ut_peaks *peaks);

#endif
