#include "audio/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

enum { BLOCK = UT_RATE };

ut_status ut_stream_open(ut_stream *stream, const char *path, int channel, ut_error *err)
{
    *stream = (ut_stream){0};
    return ut_audio_open(path, channel, &stream->audio, err);
}

void ut_stream_close(ut_stream *stream)
{
    ut_audio_close(stream->audio);
    free(stream->pcm);
    *stream = (ut_stream){0};
}

/* Forgets what lies before `from`. */
static void drop(ut_stream *stream, size_t from)
{
    if (!stream->pcm || from <= stream->base)
        return;
    size_t gone = from - stream->base;
    if (gone > stream->count)
        gone = stream->count;
    memmove(stream->pcm, stream->pcm + gone, (stream->count - gone) * sizeof *stream->pcm);
    stream->base += gone;
    stream->count -= gone;
}

ut_status ut_stream_window(ut_stream *stream, size_t from, size_t to, const float **pcm,
                           size_t *got, ut_error *err)
{
    drop(stream, from);
    while (!stream->ended && stream->base + stream->count < to) {
        if (!ut_grow(&stream->pcm, &stream->capacity, stream->count + BLOCK, sizeof(float)))
            return ut_fail_memory(err, "pipeline");
        size_t n;
        UT_TRY(ut_audio_read(stream->audio, stream->pcm + stream->count, BLOCK, &n, err));
        stream->count += n;
        stream->ended = n == 0;
        drop(stream, from);
    }
    size_t skip = from > stream->base ? from - stream->base : 0;
    size_t have = stream->count > skip ? stream->count - skip : 0;
    *pcm = stream->pcm ? stream->pcm + (have ? skip : 0) : NULL;
    *got = have < to - from ? have : to - from;
    return UT_OK;
}
