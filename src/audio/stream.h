/* One lane of a recording (its mix, or one channel) as a forward-only window of 16 kHz samples: ask
 * for [from, to) with from never falling, and only that much is held. */
#ifndef UT_AUDIO_STREAM_H
#define UT_AUDIO_STREAM_H

#include <stddef.h>

#include "audio/reader.h"

enum { UT_RATE = UT_AUDIO_RATE };

typedef struct ut_stream {
    ut_audio *audio;
    float *pcm;
    size_t base, count, capacity; /* pcm[0 .. count) are the samples from `base` on */
    int ended;
} ut_stream;

/* `channel` -1 is the mix of all. */
/* After a failure there is nothing to close. */
UT_MUST_CHECK ut_status ut_stream_open(ut_stream *stream, const char *path, int channel,
                                       ut_error *err);
void ut_stream_close(ut_stream *stream);

/* Makes samples from .. to available: *pcm points at `from`, *got is less than asked for only at
 * the end of the recording. Valid until the next call. */
UT_MUST_CHECK ut_status ut_stream_window(ut_stream *stream, size_t from, size_t to,
                                         const float **pcm, size_t *got, ut_error *err);

#endif
