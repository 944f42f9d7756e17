#include "audio/reader.h"

#include <math.h>
#include <soxr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/source.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"

enum { BLOCK = 4096 }; /* frames decoded at a time */

struct ut_audio {
    ut_source *source;
    soxr_t resampler; /* NULL at 16 kHz */
    char *path;
    int channel;
    int width;
    float *decoded; /* [BLOCK, channels] */
    float *picked;  /* [BLOCK, width], the wanted channels */
    float *ready;   /* [ready_room, width] at 16 kHz */
    size_t ready_room, ready_count, ready_at;
    ut_gate gate; /* of one channel alone */
    bool source_ended, ended;
    uint64_t frames; /* decoded */
    uint64_t samples, unusable;
    char warning[640];
};

ut_status ut_source_check(const ut_source *source, ut_error *err)
{
    const ut_audio_info *info = &source->info;
    if (info->channels < 1 || info->channels > UT_LIMIT_CHANNELS)
        return ut_fail(err, UT_ERR_LIMIT, "audio",
                       "%s has %d channels; 1 to %d are read, mix it down first", source->path,
                       info->channels, UT_LIMIT_CHANNELS);
    if (info->rate < UT_LIMIT_RATE_LOW || info->rate > UT_LIMIT_RATE_HIGH)
        return ut_fail(err, UT_ERR_LIMIT, "audio",
                       "%s has a rate of %d Hz; %d to %d Hz are read, resample it first",
                       source->path, info->rate, UT_LIMIT_RATE_LOW, UT_LIMIT_RATE_HIGH);
    if (info->duration > UT_LIMIT_DURATION_S)
        return ut_fail(err, UT_ERR_LIMIT, "audio",
                       "%s lasts %.1f hours; at most %.0f are read, cut it first", source->path,
                       info->duration / 3600, UT_LIMIT_DURATION_S / 3600);
    return UT_OK;
}

static ut_status open_source(ut_audio *audio, ut_error *err)
{
    ut_error first = {0};
    ut_status status = ut_source_open_sndfile(audio->path, &audio->source, &first);
    /* An empty file is named as such; anything else unknown to libsndfile may be known to ffmpeg.
     */
    if (status == UT_ERR_FORMAT && !strstr(first.message, "is empty;"))
        return ut_source_open_ffmpeg(audio->path, &audio->source, err);
    if (status != UT_OK && err)
        *err = first;
    if (status == UT_OK)
        status = ut_source_check(audio->source, err);
    return status;
}

/* Takes the wanted channels out of a decoded block. */
static void pick(ut_audio *audio, size_t frames)
{
    size_t channels = (size_t)audio->source->info.channels;
    float *in = audio->decoded;
    size_t unusable = 0;
    for (size_t i = 0; i < frames * channels; i++) {
        bool usable = fabsf(in[i]) <= 1e4f;
        in[i] = usable ? in[i] : 0.0f;
        unusable += !usable;
    }
    audio->unusable += unusable;
    audio->samples += frames * channels;
    if (audio->channel == UT_AUDIO_ALL || (audio->channel == UT_AUDIO_MIX && channels == 1)) {
        memcpy(audio->picked, in, frames * channels * sizeof *in);
    } else if (audio->channel >= 0) {
        ut_gate_run(&audio->gate, in, frames, channels, (size_t)audio->channel, audio->picked);
    } else {
        for (size_t i = 0; i < frames; i++) {
            double sum = 0;
            for (size_t c = 0; c < channels; c++)
                sum += in[i * channels + c];
            audio->picked[i] = (float)(sum / (double)channels);
        }
    }
}

static ut_status at_end(ut_audio *audio, ut_error *err)
{
    audio->source_ended = true;
    if (audio->samples && audio->unusable == audio->samples)
        return ut_fail(err, UT_ERR_FORMAT, "audio",
                       "%s holds only samples that are not numbers; export it again", audio->path);
    size_t used = 0;
    if (audio->source->cut_short)
        used = (size_t)snprintf(
            audio->warning, sizeof audio->warning,
            "the recording is cut short or damaged; read up to %.1f s, copy it again "
            "if there should be more%s%.300s",
            ut_audio_position(audio), *audio->source->problem ? ": " : "", audio->source->problem);
    if (audio->unusable)
        snprintf(audio->warning + used, sizeof audio->warning - used,
                 "%s%llu samples were not numbers and count as silence", used ? "; " : "",
                 (unsigned long long)audio->unusable);
    return UT_OK;
}

/* Decodes one block and resamples it into `ready`. */
static ut_status fill(ut_audio *audio, ut_error *err)
{
    size_t got = 0;
    audio->ready_at = audio->ready_count = 0;
    if (!audio->source_ended) {
        UT_TRY(audio->source->read(audio->source, audio->decoded, BLOCK, &got, err));
        pick(audio, got);
        audio->frames += got;
        if (ut_audio_position(audio) > UT_LIMIT_DURATION_S)
            return ut_fail(err, UT_ERR_LIMIT, "audio", "%s lasts over %.0f hours; cut it first",
                           audio->path, UT_LIMIT_DURATION_S / 3600);
        if (got < BLOCK)
            UT_TRY(at_end(audio, err));
    }
    if (!audio->resampler) {
        memcpy(audio->ready, audio->picked, got * (size_t)audio->width * sizeof(float));
        audio->ready_count = got;
        audio->ended = audio->source_ended;
        return UT_OK;
    }
    size_t done = 0;
    size_t taken = 0;
    soxr_error_t problem = soxr_process(audio->resampler, got ? audio->picked : NULL, got, &taken,
                                        audio->ready, audio->ready_room, &done);
    if (problem || taken < got)
        return ut_fail(err, UT_ERR_INTERNAL, "audio", "%s could not be resampled: %s", audio->path,
                       problem ? soxr_strerror(problem) : "no room");
    audio->ready_count = done;
    /* Behind the last input the resampler gives its tail over as many calls as it needs. */
    audio->ended = audio->source_ended && got == 0 && done == 0;
    return UT_OK;
}

static ut_status prepare(ut_audio *audio, ut_error *err)
{
    const ut_audio_info *info = &audio->source->info;
    if (audio->channel >= info->channels || audio->channel < UT_AUDIO_ALL)
        return ut_fail(err, UT_ERR_USAGE, "audio", "%s has no channel %d; it has %d", audio->path,
                       audio->channel, info->channels);
    audio->width = audio->channel == UT_AUDIO_ALL ? info->channels : 1;
    size_t width = (size_t)audio->width;
    /* The resampler holds some input back and may give it with a later block: room for four. */
    audio->ready_room = BLOCK;
    if (info->rate != UT_AUDIO_RATE) {
        audio->ready_room = (size_t)(4.0 * BLOCK * UT_AUDIO_RATE / info->rate) + BLOCK;
        soxr_error_t problem = NULL;
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
        audio->resampler = soxr_create(info->rate, UT_AUDIO_RATE, (unsigned)audio->width, &problem,
                                       NULL, &quality, &runtime);
        if (!audio->resampler)
            return ut_fail_memory(err, "audio");
    }
    audio->decoded = calloc(BLOCK * (size_t)info->channels, sizeof(float));
    audio->picked = calloc(BLOCK * width, sizeof(float));
    audio->ready = calloc(audio->ready_room * width, sizeof(float));
    if (!audio->decoded || !audio->picked || !audio->ready)
        return ut_fail_memory(err, "audio");
    ut_gate_begin(&audio->gate, info->rate);
    UT_TRY(fill(audio, err));
    if (audio->frames == 0)
        return ut_fail(err, UT_ERR_FORMAT, "audio",
                       "%s holds no sound that can be decoded%s%s; record or copy it again",
                       audio->path, *audio->source->problem ? ": " : "", audio->source->problem);
    return UT_OK;
}

ut_status ut_audio_open(const char *path, int channel, ut_audio **out, ut_error *err)
{
    *out = NULL;
    ut_audio *audio = calloc(1, sizeof *audio);
    if (!audio || !(audio->path = strdup(path))) {
        free(audio);
        return ut_fail_memory(err, "audio");
    }
    audio->channel = channel;
    ut_status status = open_source(audio, err);
    if (status == UT_OK)
        status = prepare(audio, err);
    if (status != UT_OK) {
        ut_audio_close(audio);
        return status;
    }
    *out = audio;
    return UT_OK;
}

void ut_audio_close(ut_audio *audio)
{
    if (!audio)
        return;
    if (audio->source)
        audio->source->close(audio->source);
    soxr_delete(audio->resampler);
    free(audio->decoded);
    free(audio->picked);
    free(audio->ready);
    free(audio->path);
    free(audio);
}

const ut_audio_info *ut_audio_get_info(const ut_audio *audio)
{
    return &audio->source->info;
}

int ut_audio_width(const ut_audio *audio)
{
    return audio->width;
}

double ut_audio_position(const ut_audio *audio)
{
    return (double)audio->frames / audio->source->info.rate;
}

const char *ut_audio_warning(const ut_audio *audio)
{
    return audio->warning;
}

ut_status ut_audio_read(ut_audio *audio, float *out, size_t frames, size_t *got, ut_error *err)
{
    size_t width = (size_t)audio->width;
    *got = 0;
    while (*got < frames) {
        if (audio->ready_at == audio->ready_count) {
            if (audio->ended)
                break;
            UT_TRY(fill(audio, err));
            continue;
        }
        size_t n = audio->ready_count - audio->ready_at;
        if (n > frames - *got)
            n = frames - *got;
        memcpy(out + *got * width, audio->ready + audio->ready_at * width,
               n * width * sizeof(float));
        audio->ready_at += n;
        *got += n;
    }
    return UT_OK;
}

bool ut_audio_is_name(const char *name)
{
    static const char *const endings[] = {".wav", ".wave", ".flac", ".ogg",  ".oga", ".opus",
                                          ".mp3", ".m4a",  ".mp4",  ".webm", ".amr", ".wma",
                                          ".aac", ".aif",  ".aiff", ".au",   ".caf", ".w64",
                                          ".mkv", ".mov",  ".3gp",  ".avi"};
    const char *ending = ut_path_ending(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return true;
    return false;
}
