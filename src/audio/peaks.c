#include "audio/peaks.h"

#include <math.h>

static const size_t FIRST_WIDTH = 160; /* 10 ms at 16 kHz */

/* When there is no room left, neighbours become one: between half and all of UT_PEAKS_MOST. */
static void halve(ut_peaks *p)
{
    for (size_t i = 0; i < UT_PEAKS_MOST / 2; i++)
        p->values[i] = fmaxf(p->values[2 * i], p->values[2 * i + 1]);
    p->count = UT_PEAKS_MOST / 2;
    p->width *= 2;
}

static void put(ut_peaks *p)
{
    p->values[p->count++] = p->open;
    p->open = 0;
    p->open_samples = 0;
}

void ut_peaks_add(ut_peaks *p, const float *pcm, size_t samples)
{
    p->width = p->width ? p->width : FIRST_WIDTH;
    for (size_t i = 0; i < samples; i++) {
        if (p->open_samples == p->width) {
            if (p->count + 1 == UT_PEAKS_MOST) {
                put(p);
                halve(p);
            } else {
                put(p);
            }
        }
        p->open = fmaxf(p->open, fabsf(pcm[i]));
        p->open_samples++;
    }
}

void ut_peaks_end(ut_peaks *p)
{
    if (p->open_samples)
        put(p);
}
