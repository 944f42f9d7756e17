/* Writing sound: WAV files, and a recording packed small for the player of a report. */
#ifndef UT_AUDIO_WRITE_H
#define UT_AUDIO_WRITE_H

#include <stddef.h>
#include <stdio.h>

#include "audio/peaks.h"
#include "undertone_status.h"

typedef enum ut_wav_depth { UT_WAV_S16, UT_WAV_F32 } ut_wav_depth;

/* Writes `frames` interleaved frames; the file is whole or absent. Samples outside -1 .. 1 are
 * clipped at 16 bits and kept as floats. */
UT_MUST_CHECK ut_status ut_wav_write(const char *path, const float *pcm, size_t frames,
                                     int channels, int rate, ut_wav_depth depth, ut_error *err);

/* Encodes the recording at `path` (mixed to one channel, 16 kHz) for a web page: MP3, which every
 * browser plays and which comes out the same each time (an Ogg stream carries a random serial
 * number), about 12 MB an hour; FLAC where libsndfile was built without MP3. Into `out`, an empty
 * file that can be read back; UT_ERR_LIMIT beyond `most` bytes. *mime is "audio/mpeg" or
 * "audio/flac", static. On the way `peaks`, unless it is NULL, takes the outline of the sound.
 * Without `out` that is all. */
UT_MUST_CHECK ut_status ut_audio_encode(const char *path, FILE *out, size_t most, const char **mime,
                                        ut_peaks *peaks, ut_error *err);

#endif
