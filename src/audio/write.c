#include "audio/write.h"

#include <limits.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/reader.h"
#include "base/error.h"
#include "base/file.h"

enum { WINDOW = 16000 };

ut_status ut_wav_write(const char *path, const float *pcm, size_t frames, int channels, int rate,
                       ut_wav_depth depth, ut_error *err)
{
    char *temporary;
    UT_TRY(ut_file_begin(path, &temporary, err));
    SF_INFO info = {.samplerate = rate,
                    .channels = channels,
                    .format =
                        SF_FORMAT_WAV | (depth == UT_WAV_F32 ? SF_FORMAT_FLOAT : SF_FORMAT_PCM_16)};
    SNDFILE *file = sf_open(temporary, SFM_WRITE, &info);
    if (!file) {
        ut_file_discard(temporary);
        return ut_fail(err, UT_ERR_IO, "audio", "cannot write %s", path);
    }
    sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it holds the time of day */
    sf_count_t put = sf_writef_float(file, pcm, (sf_count_t)frames);
    if (sf_close(file) != 0 || put != (sf_count_t)frames) {
        ut_file_discard(temporary);
        return ut_fail(err, UT_ERR_IO, "audio", "cannot write %s; is there space left?", path);
    }
    return ut_file_commit(temporary, path, err);
}

/* A file in memory that libsndfile writes: encoders seek back to complete their headers. */
typedef struct memory_file {
    ut_buf *buf;
    size_t base; /* where it begins in the buffer */
    size_t at;
} memory_file;

static sf_count_t memory_length(void *context)
{
    memory_file *m = context;
    return (sf_count_t)(m->buf->length - m->base);
}

static sf_count_t memory_seek(sf_count_t offset, int whence, void *context)
{
    memory_file *m = context;
    sf_count_t from = whence == SEEK_SET   ? 0
                      : whence == SEEK_CUR ? (sf_count_t)m->at
                                           : memory_length(context);
    if (from + offset < 0 || from + offset > memory_length(context))
        return -1;
    m->at = (size_t)(from + offset);
    return (sf_count_t)m->at;
}

static sf_count_t memory_read(void *out, sf_count_t count, void *context)
{
    memory_file *m = context;
    sf_count_t left = memory_length(context) - (sf_count_t)m->at;
    if (count > left)
        count = left;
    if (count <= 0)
        return 0;
    memcpy(out, m->buf->data + m->base + m->at, (size_t)count);
    m->at += (size_t)count;
    return count;
}

static sf_count_t memory_write(const void *bytes, sf_count_t count, void *context)
{
    memory_file *m = context;
    if (count <= 0)
        return 0;
    size_t over = m->buf->length - m->base - m->at;
    if (over > (size_t)count)
        over = (size_t)count;
    if (over)
        memcpy(m->buf->data + m->base + m->at, bytes, over);
    ut_buf_add(m->buf, (const char *)bytes + over, (size_t)count - over);
    if (ut_buf_status(m->buf) != UT_OK)
        return 0;
    m->at += (size_t)count;
    return count;
}

static sf_count_t memory_tell(void *context)
{
    return (sf_count_t)((memory_file *)context)->at;
}

static SNDFILE *open_encoder(memory_file *memory, const char **mime)
{
    static SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, memory_write, memory_tell};
    SF_INFO info = {.samplerate = UT_AUDIO_RATE,
                    .channels = 1,
                    .format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    *mime = "audio/mpeg";
    SNDFILE *file = sf_format_check(&info) ? sf_open_virtual(&io, SFM_WRITE, &info, memory) : NULL;
    if (file) {
        double level = 0.9;
        sf_command(file, SFC_SET_COMPRESSION_LEVEL, &level, sizeof level);
        return file;
    }
    info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    *mime = "audio/flac";
    return sf_open_virtual(&io, SFM_WRITE, &info, memory);
}

ut_status ut_audio_encode(const char *path, ut_buf *out, const char **mime, ut_error *err)
{
    ut_audio *audio = NULL;
    UT_TRY(ut_audio_open(path, UT_AUDIO_MIX, &audio, err));
    memory_file memory = {.buf = out, .base = out->length};
    SNDFILE *file = NULL;
    float *pcm = malloc(WINDOW * sizeof *pcm);
    ut_status status = pcm ? UT_OK : ut_fail_memory(err, "audio");
    if (status == UT_OK && !(file = open_encoder(&memory, mime)))
        status = ut_fail(err, UT_ERR_UNSUPPORTED, "audio",
                         "%s cannot be packed: libsndfile has neither MP3 nor FLAC", path);
    if (file)
        sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    size_t got = WINDOW;
    while (status == UT_OK && got == WINDOW) {
        status = ut_audio_read(audio, pcm, WINDOW, &got, err);
        if (status == UT_OK && sf_writef_float(file, pcm, (sf_count_t)got) != (sf_count_t)got)
            status = ut_fail(err, UT_ERR_LIMIT, "audio", "%s is too long to be packed into a page",
                             path);
    }
    if (file)
        sf_close(file);
    if (status == UT_OK && ut_buf_status(out) != UT_OK)
        status =
            ut_fail(err, UT_ERR_LIMIT, "audio", "%s is too long to be packed into a page", path);
    free(pcm);
    ut_audio_close(audio);
    return status;
}
