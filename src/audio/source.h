/* Inside audio: decoded frames at the recording's own rate, from libsndfile or from ffmpeg. */
#ifndef UT_AUDIO_SOURCE_H
#define UT_AUDIO_SOURCE_H

#include <stdbool.h>

#include "audio/reader.h"

typedef struct ut_source ut_source;

struct ut_source {
    ut_audio_info info;
    bool cut_short;    /* known at the end: less came than the file promised */
    char problem[512]; /* what the decoder said, "" if nothing */
    const char *path;  /* borrowed */
    ut_status (*read)(ut_source *source, float *out, size_t frames, size_t *got, ut_error *err);
    void (*close)(ut_source *source);
};

/* UT_ERR_FORMAT if libsndfile does not know the format; the caller then tries ffmpeg. */
ut_status ut_source_open_sndfile(const char *path, ut_source **source, ut_error *err);
ut_status ut_source_open_ffmpeg(const char *path, ut_source **source, ut_error *err);

/* Hushes a channel while another is at least 12 dB louder: then it holds only what leaks in. Works
 * sample by sample, without looking ahead. */
typedef struct ut_gate {
    float own, others; /* falling peaks */
    float own_decay, others_decay, step, gain;
} ut_gate;
void ut_gate_begin(ut_gate *gate, int rate);
/* `channel` out of `frames` interleaved frames of `in` to `out`. */
void ut_gate_run(ut_gate *gate, const float *in, size_t frames, size_t channels, size_t channel,
                 float *out);

/* Rate, channels and duration against base/limits.h. */
ut_status ut_source_check(const ut_source *source, ut_error *err);

#endif
