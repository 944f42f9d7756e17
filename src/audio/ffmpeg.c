/* Formats that libsndfile does not read, through the ffmpeg program: ffprobe tells rate and
 * channels, ffmpeg writes raw floats into a pipe. A demuxer's bug stays in the child, whose
 * processor time and memory are limited, which may open local files only, and which knows no
 * playlist formats (those name other files). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/source.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/process.h"

static const char containers[] =
    "mov,matroska,webm,asf,amr,amrnb,amrwb,aac,ac3,eac3,aiff,au,caf,wav,w64,ogg,flac,mp3,avi,"
    "mpeg,mpegts,wv,ape,tta,dts,gsm,g722,flv,mpc,mpc8,tak,oma,sln,nut,voc,ircam,nistsphere";

/* 24 hours decode in about 10 minutes of processor time; Debian's ffmpeg maps some 700 MB of
 * libraries and tables. */
static const ut_process_limits limits = {.cpu_seconds = 3600, .address_bytes = 3072 * UT_MIB};

typedef struct ffmpeg_source {
    ut_source base;
    ut_process process;
    bool running;
    unsigned long long frames;
    uint8_t rest[UT_LIMIT_CHANNELS * sizeof(float)]; /* bytes of a frame not yet whole */
    size_t rest_size;
} ffmpeg_source;

/* "file:" keeps a name with a colon or a dash from being read as a protocol or an option. */
static char *file_url(const char *path)
{
    size_t size = strlen(path) + 6;
    char *url = malloc(size);
    if (url)
        snprintf(url, size, "file:%s", path);
    return url;
}

static ut_status probe(const char *path, const char *url, json_t **out, ut_error *err)
{
    const char *const argv[] = {"ffprobe",
                                "-v",
                                "error",
                                "-protocol_whitelist",
                                "file,pipe",
                                "-format_whitelist",
                                containers,
                                "-select_streams",
                                "a:0",
                                "-show_entries",
                                "stream=sample_rate,channels,duration:format=duration,format_name",
                                "-of",
                                "json",
                                "-i",
                                url,
                                NULL};
    ut_process process;
    ut_buf text;
    int code;
    ut_buf_init(&text, UT_LIMIT_CONFIG_BYTES);
    UT_TRY(ut_process_start(&process, argv, limits, err));
    ut_status status;
    size_t got = 0;
    do {
        char block[4096];
        status = ut_process_read(&process, block, sizeof block, &got, err);
        ut_buf_add(&text, block, got);
    } while (status == UT_OK && got);
    ut_process_finish(&process, &code);
    if (status == UT_OK && (code != 0 || ut_buf_status(&text) != UT_OK)) {
        /* The message begins with the file's name, or with "[part @ address] ": only what follows
         * is news. */
        const char *said = strrchr(process.last_error, ':');
        said = said ? said + 1 + (said[1] == ' ') : process.last_error;
        const char *part = *said == '[' ? strstr(said, "] ") : NULL;
        said = part ? part + 2 : said;
        status = ut_fail(err, UT_ERR_FORMAT, "audio",
                         "%s is not audio in a known format, or is damaged (ffmpeg: %s); copy it "
                         "again or convert it to WAV",
                         path, *said ? said : "no reason given");
    }
    if (status == UT_OK)
        status = ut_json_parse(ut_buf_text(&text), text.length, "ffprobe's answer", out, err);
    ut_buf_free(&text);
    return status;
}

/* ffprobe prints some numbers as strings. */
static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_number(value))
        return json_number_value(value);
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : 0;
}

static ut_status take_info(ffmpeg_source *s, const json_t *answer, ut_error *err)
{
    const json_t *stream = json_array_get(json_object_get(answer, "streams"), 0);
    const json_t *format = json_object_get(answer, "format");
    if (!stream)
        return ut_fail(err, UT_ERR_FORMAT, "audio",
                       "%s holds no sound track; is it the right file?", s->base.path);
    double rate = number_of(stream, "sample_rate");
    double channels = number_of(stream, "channels");
    double duration = number_of(stream, "duration");
    if (!(duration > 0))
        duration = number_of(format, "duration");
    s->base.info.rate = rate > 0 && rate < 1e9 ? (int)rate : 0;
    s->base.info.channels = channels > 0 && channels < 1e6 ? (int)channels : 0;
    s->base.info.duration = duration > 0 ? duration : NAN;
    snprintf(s->base.info.format, sizeof s->base.info.format, "%s",
             ut_json_string_or(format, "format_name", "ffmpeg"));
    return UT_OK;
}

static ut_status start(ffmpeg_source *s, const char *url, ut_error *err)
{
    char channels[16];
    char rate[16];
    snprintf(channels, sizeof channels, "%d", s->base.info.channels);
    snprintf(rate, sizeof rate, "%d", s->base.info.rate);
    const char *const argv[] = {"ffmpeg",
                                "-v",
                                "error",
                                "-nostdin",
                                "-threads",
                                "1",
                                "-protocol_whitelist",
                                "file,pipe",
                                "-format_whitelist",
                                containers,
                                "-i",
                                url,
                                "-map",
                                "0:a:0",
                                "-vn",
                                "-sn",
                                "-dn",
                                "-ac",
                                channels,
                                "-ar",
                                rate,
                                "-c:a",
                                "pcm_f32le",
                                "-f",
                                "f32le",
                                "pipe:1",
                                NULL};
    UT_TRY(ut_process_start(&s->process, argv, limits, err));
    s->running = true;
    return UT_OK;
}

/* At the end of the pipe: an exit code, or less sound than was promised, means a damaged file. */
static void finish(ffmpeg_source *s)
{
    int code;
    ut_process_finish(&s->process, &code);
    s->running = false;
    double seconds = (double)s->frames / s->base.info.rate;
    double promised = s->base.info.duration;
    if (code != 0 || (promised > 0 && seconds < 0.98 * promised - 0.5))
        s->base.cut_short = true;
    snprintf(s->base.problem, sizeof s->base.problem, "%s", s->process.last_error);
}

static ut_status read_frames(ut_source *base, float *out, size_t frames, size_t *got, ut_error *err)
{
    ffmpeg_source *s = (ffmpeg_source *)base;
    size_t frame = (size_t)base->info.channels * sizeof(float);
    uint8_t *bytes = (uint8_t *)out;
    size_t have = s->rest_size;
    memcpy(bytes, s->rest, have);
    s->rest_size = 0;
    while (s->running && have < frames * frame) {
        size_t n;
        UT_TRY(ut_process_read(&s->process, bytes + have, frames * frame - have, &n, err));
        have += n;
        if (n == 0)
            finish(s);
    }
    *got = have / frame;
    s->rest_size = have % frame;
    memcpy(s->rest, bytes + *got * frame, s->rest_size);
    s->frames += *got;
    return UT_OK;
}

static void close_source(ut_source *base)
{
    ffmpeg_source *s = (ffmpeg_source *)base;
    if (s->running)
        ut_process_kill(&s->process);
    free(s);
}

ut_status ut_source_open_ffmpeg(const char *path, ut_source **source, ut_error *err)
{
    if (!ut_process_available("ffmpeg") || !ut_process_available("ffprobe"))
        return ut_fail(
            err, UT_ERR_UNSUPPORTED, "audio",
            "%s is not WAV, FLAC, Ogg, Opus or MP3; for M4A, MP4, WebM, AMR, WMA and others "
            "install the package ffmpeg",
            path);
    ffmpeg_source *s = calloc(1, sizeof *s);
    char *url = file_url(path);
    json_t *answer = NULL;
    ut_status status = UT_OK;
    if (!s || !url) {
        status = ut_fail_memory(err, "audio");
        goto done;
    }
    s->base = (ut_source){.path = path, .read = read_frames, .close = close_source};
    if ((status = probe(path, url, &answer, err)) != UT_OK ||
        (status = take_info(s, answer, err)) != UT_OK ||
        (status = ut_source_check(&s->base, err)) != UT_OK ||
        (status = start(s, url, err)) != UT_OK)
        goto done;
    *source = &s->base;
    s = NULL;
done:
    json_decref(answer);
    free(url);
    free(s);
    return status;
}
