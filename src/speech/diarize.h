/* Speaker diarization: who speaks when, over a stream of any length.
 *
 * With a segmentation network: 5 s windows slide over the stream; each local speaker's undisturbed
 * speech is embedded; embeddings are clustered (average linkage, cosine distance) into speakers,
 * two local speakers of one window never into the same; the windows' activities are then summed per
 * speaker, and the speakers with most evidence win each frame (as many as the windows say speak at
 * once). Follows pyannote.audio's pipeline (Bredin 2023).
 *
 * Without one: speech detection cuts the stream into 1.6 s windows, which are embedded and
 * clustered.
 *
 * Memory: the networks' windows, and less than 1 KB a second of recording; at most
 * UT_DIARIZE_CLUSTERED embeddings are clustered exactly, the others go to the nearest speaker. One
 * thread at a time per diarizer; networks are borrowed, immutable and may be shared. */
#ifndef UT_SPEECH_DIARIZE_H
#define UT_SPEECH_DIARIZE_H

#include "base/arena.h"
#include "speech/vad.h"
#include "undertone_status.h"

enum { UT_DIARIZE_CLUSTERED = 1200, UT_DIARIZE_SPEAKERS = 32 };

/* A speaker-embedding network of any kind. Frames are `frame` samples, `hop` apart. */
typedef struct ut_speaker_encoder {
    const char *name; /* "resemblyzer", "speaker_small" */
    int size;         /* values of an embedding, at most 256 */
    int bands;        /* values of a feature frame, at most 128 */
    int hop, frame;   /* samples, 16 kHz */
    int partial;      /* frames that are embedded at once, at most 320 */
    int batch;        /* partials that one call takes at most */
    int power;        /* 1: features scale with the square of the gain and are raised to -30 dBFS */
    float threshold;  /* cosine distance at which clusters are no longer merged */
    const void *model;
    /* features[count, bands] of pcm[(count - 1) * hop + frame]. */
    void (*features)(const void *model, const float *pcm, int count, float *features);
    /* Floats of scratch for embed with `count` partials. */
    size_t (*scratch)(int count);
    /* embeddings[count, size] (length 1) of features[count, partial, bands]. */
    void (*embed)(const void *model, const float *features, int count, float *embeddings,
                  float *scratch);
} ut_speaker_encoder;

struct ut_resemblyzer;
/* Resemblyzer as an ut_speaker_encoder. */
ut_speaker_encoder ut_speaker_encoder_from_resemblyzer(const struct ut_resemblyzer *model);

struct ut_segmentation;
typedef struct ut_diarize_models {
    const struct ut_segmentation *segmentation; /* NULL: fall back on vad */
    ut_speaker_encoder encoder;
    ut_vad vad; /* used when segmentation is NULL */
} ut_diarize_models;

typedef struct ut_diarize_options {
    int num_speakers; /* 0: estimate, between the two that follow (0: no bound) */
    int min_speakers, max_speakers;
    double step;     /* seconds between segmentation windows */
    float threshold; /* <= 0: the encoder's own */
} ut_diarize_options;

/* 0, 0, 0, 1.5, 0: 1 s costs half as much again and tells no better, 2.5 s tells worse. */
ut_diarize_options ut_diarize_defaults(void);

/* A stretch of one speaker. Turns of different speakers may overlap. */
typedef struct ut_turn {
    double start, end;
    int speaker;      /* 0 .. speakers - 1, in the order of their first words */
    float confidence; /* 0..1: how much nearer the voice is to this speaker than to the next */
} ut_turn;

typedef struct ut_diarizer ut_diarizer;

UT_MUST_CHECK ut_status ut_diarizer_create(const ut_diarize_models *models,
                                           const ut_diarize_options *options,
                                           ut_diarizer **diarizer, ut_error *err);
void ut_diarizer_destroy(ut_diarizer *diarizer); /* NULL is fine */

/* Takes the next samples (16 kHz mono), any count. Samples that are not finite count as silence. */
UT_MUST_CHECK ut_status ut_diarizer_push(ut_diarizer *diarizer, const float *pcm, size_t count,
                                         ut_error *err);
/* No more samples follow: clusters, and puts the turns (by start time) into `arena`. No speech
 * gives no turns and no speakers. */
UT_MUST_CHECK ut_status ut_diarizer_finish(ut_diarizer *diarizer, ut_arena *arena, ut_turn **turns,
                                           size_t *turn_count, int *speakers, ut_error *err);

#endif
