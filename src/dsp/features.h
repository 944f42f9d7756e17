/* The acoustic measurements of one utterance: loudness, pitch, voice quality, rhythm, the
 * spectrum's shape, cepstrum and its deltas, as one row of named values.
 *
 * Everything but the loudness is the same at any level. Work and memory (about 250 bytes each 10
 * ms) grow with the utterance, which the caller cuts; at most ten minutes. Pure and thread-safe. */
#ifndef UT_DSP_FEATURES_H
#define UT_DSP_FEATURES_H

#include <stddef.h>

#include "undertone_status.h"

size_t ut_acoustic_feature_count(void);
/* "pitch_mean_hz", "mfcc1_std" ...; NULL beyond the last. The order and the names are stable. */
const char *ut_acoustic_feature_name(size_t index);
/* "Hz", "dB", "semitones", "1/s", "" ... */
const char *ut_acoustic_feature_unit(size_t index);
/* One line for people. */
const char *ut_acoustic_feature_meaning(size_t index);

/* values[ut_acoustic_feature_count()] of pcm[n]; `rate` must be 16000. NAN where a value is
 * undefined (no voiced frame, silence, less than 40 ms; rates and pauses, less than
 * UT_SYLLABLES_SHORTEST samples). UT_ERR_FORMAT if a sample is no number. */
UT_MUST_CHECK ut_status ut_acoustic_features(const float *pcm, size_t n, int rate, float *values,
                                             ut_error *err);

#endif
