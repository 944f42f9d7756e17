#include "speech/windows.h"

size_t ut_window_cut(const float *scores, size_t count)
{
    size_t best = count / 2;
    for (size_t i = best + 1; i < count; i++)
        if (scores[i] <= scores[best])
            best = i;
    return best > 0 ? best : count;
}

size_t ut_window_take(const ut_segment *segments, size_t count, double longest, double gap)
{
    size_t taken = 1;
    double start = segments[0].start;
    while (taken < count && segments[taken].end - start <= longest &&
           segments[taken].start - segments[taken - 1].end <= gap)
        taken++;
    if (taken == count || segments[taken].start - segments[taken - 1].end > gap)
        return taken;
    /* Full: rather end at a long pause than wherever 30 s happen to be over. */
    size_t best = taken;
    double pause = segments[taken].start - segments[taken - 1].end;
    for (size_t i = 1; i < taken; i++) {
        double here = segments[i].start - segments[i - 1].end;
        if (segments[i - 1].end - start >= longest / 2 && here > pause) {
            pause = here;
            best = i;
        }
    }
    return best;
}
