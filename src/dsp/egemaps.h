/* The extended Geneva Minimalistic Acoustic Parameter Set, version 02: 25 low-level descriptors
 * each 10 ms and 88 functionals of a whole utterance, under their usual names and in their usual
 * order.
 *
 * Follows F. Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice
 * Research and Affective Computing" (IEEE Transactions on Affective Computing 7, 2016), and for the
 * details that paper leaves open what openSMILE answers when it is asked, as a black box
 * (docs/features.md says how far the two agree).
 *
 *     float values[UT_EGEMAPS_FUNCTIONALS];
 *     if (ut_egemaps_functionals(pcm, n, values, &err) == UT_OK)
 *         printf("%s %g\n", ut_egemaps_functional_name(0), values[0]);
 *
 * In: 16 kHz mono, -1 .. 1. Out, always finite:
 *
 *   Loudness          sones, about (the auditory spectrum's sum)
 *   alphaRatio, hammarbergIndex, logRelF0-..., F1amplitudeLogRelF0, HNRdBACF, shimmerLocaldB   dB
 *   slope0-500, slope500-1500 dB/Hz F0semitoneFrom27.5Hz semitones, 0: unvoiced F1frequency,
 * F1bandwidth ...                                                               Hz jitterLocal
 * share of a period spectralFlux, mfcc1 ... without unit functionals       ..._stddevNorm is
 * deviation / mean (signed), slopes are per second, lengths in seconds, equivalentSoundLevel_dBp in
 * dB of full scale
 *
 * Where nothing is voiced, what needs a voice is 0 (the formants' amplitudes -201 dB), as openSMILE
 * has it. Loudness, flux and the sound level follow the level of the recording; pitch, voice
 * quality, formants, cepstrum and the ratios do not (the two slopes hardly: 0.0008 per dB).
 *
 * Values are the caller's. Pure and thread-safe. Work and memory (about 200 bytes each 10 ms) grow
 * with the utterance, which the caller cuts; at most ten minutes.
 *
 * Errors, with nothing written: UT_ERR_FORMAT for a sample that is no number (or above 1e9) and for
 * less than 60 ms, UT_ERR_LIMIT, UT_ERR_MEMORY. */
#ifndef UT_DSP_EGEMAPS_H
#define UT_DSP_EGEMAPS_H

#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_EGEMAPS_RATE = 16000,
    UT_EGEMAPS_HOP = 160,
    UT_EGEMAPS_SHORTEST = 960, /* samples */
    UT_EGEMAPS_DESCRIPTORS = 25,
    UT_EGEMAPS_FUNCTIONALS = 88,
};

/* "Loudness_sma3" ...; NULL beyond the last. */
const char *ut_egemaps_descriptor_name(size_t index);
/* "F0semitoneFrom27.5Hz_sma3nz_amean" ...; NULL beyond the last. */
const char *ut_egemaps_functional_name(size_t index);

/* values[UT_EGEMAPS_FUNCTIONALS] of pcm[n]. */
UT_MUST_CHECK ut_status ut_egemaps_functionals(const float *pcm, size_t n, float *values,
                                               ut_error *err);

/* Rows of descriptors that n samples make: each is 60 ms long and begins at its number times 10 ms.
 */
size_t ut_egemaps_frames(size_t n);
/* rows[ut_egemaps_frames(n)][UT_EGEMAPS_DESCRIPTORS]. */
UT_MUST_CHECK ut_status ut_egemaps_descriptors(const float *pcm, size_t n, float *rows,
                                               ut_error *err);

#endif
