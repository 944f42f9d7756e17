#include <math.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/source.h"
#include "base/error.h"
#include "base/file.h"

typedef struct sndfile_source {
    ut_source base;
    SNDFILE *file;
    sf_count_t promised; /* frames, or -1 */
    sf_count_t read;
} sndfile_source;

static ut_status read_frames(ut_source *base, float *out, size_t frames, size_t *got, ut_error *err)
{
    (void)err;
    sndfile_source *s = (sndfile_source *)base;
    sf_count_t n = sf_readf_float(s->file, out, (sf_count_t)frames);
    *got = n > 0 ? (size_t)n : 0;
    s->read += n > 0 ? n : 0;
    if (*got < frames && (s->read < s->promised || sf_error(s->file) != SF_ERR_NO_ERROR))
        base->cut_short = true;
    return UT_OK;
}

static void close_source(ut_source *base)
{
    sndfile_source *s = (sndfile_source *)base;
    if (s->file)
        sf_close(s->file);
    free(s);
}

static void name_format(const SF_INFO *info, char *out, size_t size)
{
    static const struct {
        int format;
        const char *name;
    } names[] = {
        {SF_FORMAT_WAV, "wav"},   {SF_FORMAT_WAVEX, "wav"}, {SF_FORMAT_AIFF, "aiff"},
        {SF_FORMAT_FLAC, "flac"}, {SF_FORMAT_OGG, "ogg"},   {SF_FORMAT_MPEG, "mp3"},
        {SF_FORMAT_AU, "au"},     {SF_FORMAT_CAF, "caf"},   {SF_FORMAT_W64, "w64"},
        {SF_FORMAT_RF64, "rf64"},
    };
    const char *name = "other";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((info->format & SF_FORMAT_TYPEMASK) == names[i].format)
            name = names[i].name;
    if ((info->format & SF_FORMAT_SUBMASK) == SF_FORMAT_OPUS)
        name = "opus";
    snprintf(out, size, "%s", name);
}

/* libsndfile shortens a recording silently to what the file holds; its log tells ("data : 1000
 * (should be 10)"). Sizes near 2 or 4 GiB are what programs write that stream into a pipe. */
static bool header_promises_more(SNDFILE *file)
{
    char log[8192];
    int length = sf_command(file, SFC_GET_LOG_INFO, log, sizeof log);
    if (length <= 0)
        return false;
    log[sizeof log - 1] = 0;
    const char *line = strstr(log, "data : ");
    if (!line)
        return false;
    char *end;
    unsigned long long promised = strtoull(line + strlen("data : "), &end, 10);
    if (strncmp(end, " (should be ", 12) != 0)
        return false;
    unsigned long long present = strtoull(end + 12, NULL, 10);
    return promised > present && promised < 0x7fff0000ULL;
}

/* libsndfile notes in globals why it cannot open a file. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

ut_status ut_source_open_sndfile(const char *path, ut_source **source, ut_error *err)
{
    int fd;
    size_t length;
    /* By descriptor, so that libsndfile judges by content and not by a name's ending. */
    UT_TRY(ut_file_open(path, &fd, &length, err));
    if (length == 0) {
        close(fd);
        return ut_fail(err, UT_ERR_FORMAT, "audio", "%s is empty; copy or record the file again",
                       path);
    }
    sndfile_source *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return ut_fail_memory(err, "audio");
    }
    SF_INFO info = {0};
    pthread_mutex_lock(&opening);
    s->file = sf_open_fd(fd, SFM_READ, &info, SF_TRUE);
    pthread_mutex_unlock(&opening);
    if (!s->file) {
        free(s); /* libsndfile has closed fd */
        return ut_fail(err, UT_ERR_FORMAT, "audio", "%s is not in a format libsndfile reads", path);
    }
    s->promised = info.frames >= 0 && info.frames < SF_COUNT_MAX ? info.frames : -1;
    s->base = (ut_source){.path = path, .read = read_frames, .close = close_source};
    s->base.info.rate = info.samplerate;
    s->base.info.channels = info.channels;
    s->base.info.duration =
        s->promised >= 0 && info.samplerate > 0 ? (double)s->promised / info.samplerate : NAN;
    name_format(&info, s->base.info.format, sizeof s->base.info.format);
    s->base.cut_short = header_promises_more(s->file);
    *source = &s->base;
    return UT_OK;
}
