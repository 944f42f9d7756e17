/* What the two halves of diarization share: diarize.c listens (windows, local speakers,
 * embeddings), diarize_turns.c decides (clusters, activity, turns). */
#ifndef UT_SPEECH_DIARIZE_INTERNAL_H
#define UT_SPEECH_DIARIZE_INTERNAL_H

#include <stdint.h>

#include "speech/diarize.h"

enum { UT_LOCALS = 3, UT_EMBEDDING_MAX = 256 };

/* How windows lie over the stream, in samples; frame f of window w is centred on
 * w * step + first + f * hop. */
typedef struct ut_window_grid {
    int window, step, hop, first, frames;
} ut_window_grid;

/* A local speaker's voice in one window. */
typedef struct ut_voice {
    uint32_t window;
    uint16_t frames; /* of 10 ms that were embedded */
    uint8_t local;
    uint8_t clean;    /* 1: nobody else spoke in them, and they are enough to cluster */
    int16_t speaker;  /* decided at the end; -1: none */
    float confidence; /* decided at the end */
    int8_t values[UT_EMBEDDING_MAX];
} ut_voice;

/* All that is kept of the stream. scores[windows, frames]: the local speakers' probabilities in 4
 * bits each, the first lowest; a local speaker is active at 8 and above. */
typedef struct ut_heard {
    ut_window_grid grid;
    size_t samples;
    uint16_t *scores;
    size_t windows, score_capacity;
    ut_voice *voices; /* by window */
    size_t voice_count, voice_capacity;
} ut_heard;

/* Clusters the voices: sets speaker and confidence of each. *speakers may be 0. */
UT_MUST_CHECK ut_status ut_diarize_cluster(ut_heard *heard, int size, float threshold,
                                           const ut_diarize_options *options, int *speakers,
                                           ut_error *err);

/* Turns from windows whose voices have speakers; *speakers becomes the number that has turns. */
UT_MUST_CHECK ut_status ut_diarize_turns(const ut_heard *heard, ut_arena *arena, ut_turn **turns,
                                         size_t *turn_count, int *speakers, ut_error *err);

#endif
