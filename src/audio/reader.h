/* Reading recordings: any format, rate and channel count in, a stream of 16 kHz floats out.
 *
 * WAV of every depth, AIFF, FLAC, Ogg Vorbis, Opus and MP3 come through libsndfile; M4A, MP4, WebM,
 * AMR, WMA and whatever else libsndfile refuses through the ffmpeg program as a child process
 * behind a pipe. Samples are about -1 .. 1. Memory does not grow with the recording: blocks of
 * 4096 frames are decoded, mixed and resampled (libsoxr, high quality) as the caller asks for them.
 * The stream does not depend on how many samples are asked for at a time.
 *
 * One reader belongs to one thread. */
#ifndef UT_AUDIO_READER_H
#define UT_AUDIO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "undertone_status.h"

#define UT_AUDIO_RATE 16000 /* hertz of what ut_audio_read() gives */

/* Which channels are read: 0, 1, ... is one channel alone, hushed while another is at least 12 dB
 * louder, since what it holds then is that one's leak. */
enum {
    UT_AUDIO_MIX = -1, /* the mean of all channels, as one */
    UT_AUDIO_ALL = -2, /* every channel, interleaved */
};

typedef struct ut_audio_info {
    int rate;        /* of the recording, hertz */
    int channels;    /* of the recording */
    double duration; /* seconds; NAN where the file does not tell */
    char format[32]; /* "wav", "flac", "ogg", "mp3", "mov,mp4,m4a,3gp,3g2,mj2" ... */
} ut_audio_info;

typedef struct ut_audio ut_audio;

/* Opens a recording and decodes its first block, so that what is not audio, is empty or cannot be
 * decoded at all fails here. Errors: UT_ERR_NOT_FOUND, UT_ERR_IO (unreadable, a folder),
 * UT_ERR_FORMAT (not audio, no samples), UT_ERR_LIMIT (base/limits.h: channels, rate, duration),
 * UT_ERR_UNSUPPORTED (needs ffmpeg, which is not installed), UT_ERR_USAGE (no such channel). */
UT_MUST_CHECK ut_status ut_audio_open(const char *path, int channel, ut_audio **audio,
                                      ut_error *err);
void ut_audio_close(ut_audio *audio); /* NULL is fine */

/* Belongs to the reader. */
const ut_audio_info *ut_audio_get_info(const ut_audio *audio);

/* Channels of what is read: 1, or all of them under UT_AUDIO_ALL. */
int ut_audio_width(const ut_audio *audio);

/* Up to `frames` frames (room for frames * width floats). *got is below `frames` only at the end.
 * Samples that are not finite, or absurd (above 1e4), read as 0 and are counted; a recording of
 * nothing else is UT_ERR_FORMAT. */
UT_MUST_CHECK ut_status ut_audio_read(ut_audio *audio, float *out, size_t frames, size_t *got,
                                      ut_error *err);

/* Seconds of the recording decoded so far. */
double ut_audio_position(const ut_audio *audio);

/* After the end: what was wrong but did not stop the reading (cut short, samples that are not
 * numbers), as one sentence; "" if nothing. Belongs to the reader. */
const char *ut_audio_warning(const ut_audio *audio);

/* Whether a two-channel recording has one party a channel: in most frames with sound one channel is
 * at least 12 dB above the other, each of the two leads in at least 4 % of them, and the signals
 * hardly correlate. Reads the file once, no further than `most` seconds (0: all of it), in constant
 * memory; false for any other channel count. */
UT_MUST_CHECK ut_status ut_audio_is_split(const char *path, double most, bool *split,
                                          ut_error *err);

/* Whether a file of this name is a recording, by its ending. */
bool ut_audio_is_name(const char *name);

#endif
