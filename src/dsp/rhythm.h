/* Rhythm from the loudness contour: pauses, and syllable nuclei after N. de Jong and T. Wempe,
 * "Praat script to detect syllable nuclei and measure speech rate automatically" (2009): peaks of
 * the contour within 25 dB of the loudest, 2 dB above the dips on both sides, and voiced. */
#ifndef UT_DSP_RHYTHM_H
#define UT_DSP_RHYTHM_H

#include <stddef.h>

typedef struct ut_rhythm {
    int syllables;
    int pauses;
    double pause_seconds;
} ut_rhythm;

/* level_db[frames] and voiced[frames], `hop` seconds apart; threshold_db parts speech from silence.
 * A pause is 0.25 s of silence and more. `smooth` is scratch of `frames` floats. */
ut_rhythm ut_rhythm_measure(const float *level_db, const unsigned char *voiced, size_t frames,
                            double hop, float threshold_db, float *smooth);

#endif
