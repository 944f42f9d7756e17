#include "audio/write.h"

#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

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

static SNDFILE *open_encoder(int fd, const char **mime)
{
    SF_INFO info = {.samplerate = UT_AUDIO_RATE,
                    .channels = 1,
                    .format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    *mime = "audio/mpeg";
    SNDFILE *file = sf_format_check(&info) ? sf_open_fd(fd, SFM_WRITE, &info, SF_FALSE) : NULL;
    if (file) {
        double level = 0.9;
        sf_command(file, SFC_SET_COMPRESSION_LEVEL, &level, sizeof level);
        return file;
    }
    info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    *mime = "audio/flac";
    return sf_open_fd(fd, SFM_WRITE, &info, SF_FALSE);
}

static ut_status encode(SNDFILE *file, FILE *out, const float *pcm, size_t frames, size_t most,
                        const char *path, ut_error *err)
{
    struct stat st = {0};
    if (sf_writef_float(file, pcm, (sf_count_t)frames) != (sf_count_t)frames)
        return ut_fail(err, UT_ERR_IO, "audio", "%s could not be packed; is there space left?",
                       path);
    if (fstat(fileno(out), &st) != 0 || (size_t)st.st_size > most)
        return ut_fail(err, UT_ERR_LIMIT, "audio", "%s is too long to be packed into a page", path);
    return UT_OK;
}

ut_status ut_audio_encode(const char *path, FILE *out, size_t most, const char **mime,
                          ut_peaks *peaks, ut_error *err)
{
    ut_audio *audio = NULL;
    UT_TRY(ut_audio_open(path, UT_AUDIO_MIX, &audio, err));
    SNDFILE *file = NULL;
    float *pcm = malloc(WINDOW * sizeof *pcm);
    ut_status status = pcm ? UT_OK : ut_fail_memory(err, "audio");
    if (peaks)
        *peaks = (ut_peaks){0};
    if (status == UT_OK && out && !(file = open_encoder(fileno(out), mime)))
        status = ut_fail(err, UT_ERR_UNSUPPORTED, "audio",
                         "%s cannot be packed: libsndfile has neither MP3 nor FLAC", path);
    if (file)
        sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
    size_t got = WINDOW;
    while (status == UT_OK && got == WINDOW) {
        status = ut_audio_read(audio, pcm, WINDOW, &got, err);
        if (status == UT_OK && peaks)
            ut_peaks_add(peaks, pcm, got);
        if (status == UT_OK && file)
            status = encode(file, out, pcm, got, most, path, err);
    }
    if (peaks)
        ut_peaks_end(peaks);
    if (file && sf_close(file) != 0 && status == UT_OK)
        status =
            ut_fail(err, UT_ERR_IO, "audio", "%s could not be packed; is there space left?", path);
    free(pcm);
    ut_audio_close(audio);
    return status;
}
