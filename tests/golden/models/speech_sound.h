/* The synthetic sound of tools/golden/speech_models.py, sample for sample. */
#ifndef UT_SPEECH_SOUND_H
#define UT_SPEECH_SOUND_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline float *ut_speech_sound(int count)
{
    float *pcm = malloc((size_t)count * sizeof *pcm);
    uint32_t state = 12345;
    for (int i = 0; pcm && i < count; i++) {
        double t = i / 16000.0, voice = 0.0, swell = sin(2.0 * M_PI * 0.7 * t);
        state = state * 1664525u + 1013904223u;
        for (int k = 1; k < 20; k++)
            voice += sin(2.0 * M_PI * k * (120.0 * t + 10.0 * t * t)) / k;
        pcm[i] = (float)(0.05 * swell * swell * voice + 0.02 * (state / 2147483648.0 - 1.0));
    }
    return pcm;
}

#endif
