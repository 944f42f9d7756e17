/* Speech detection: a network scores the stream step by step, hysteresis turns scores into
 * segments.
 *
 * Memory is bounded by the open segment's bookkeeping, never by the recording. Times are seconds
 * from the first sample pushed. One thread at a time per segmenter; networks may be shared. */
#ifndef UT_SPEECH_VAD_H
#define UT_SPEECH_VAD_H

#include <stddef.h>

#include "undertone_status.h"

/* A speech-detection network of any kind, as a stream. `model` is borrowed. */
typedef struct ut_vad {
    const char *name;   /* "silero", "vad_small" */
    int step;           /* samples (16 kHz mono) that one score takes */
    size_t state_bytes; /* of a stream's state; zeroed memory is a fresh one */
    float onset;        /* tuned hysteresis: speech begins at or above */
    float offset;       /* ... and ends below */
    const void *model;
    /* Probability of speech in the next `step` samples. */
    float (*score)(const void *model, void *state, const float *pcm);
} ut_vad;

struct ut_silero;
/* The silero network as an ut_vad. */
ut_vad ut_vad_from_silero(const struct ut_silero *model);

typedef struct ut_vad_options {
    float onset, offset; /* <= 0: the network's own */
    double min_speech;   /* shorter segments are dropped */
    double min_silence;  /* shorter gaps are bridged */
    double pad;          /* added on both sides, never into the neighbour */
    double window;       /* windows for the recogniser hold at most this */
    double merge_gap;    /* a longer pause always ends a window */
} ut_vad_options;

/* onset and offset the network's, 0.25, 0.3, 0.1, 30, 4. */
ut_vad_options ut_vad_defaults(void);

typedef struct ut_segment {
    double start, end;
    float score; /* mean probability of speech inside */
} ut_segment;

typedef struct ut_segmenter ut_segmenter;

UT_MUST_CHECK ut_status ut_segmenter_create(const ut_vad *vad, const ut_vad_options *options,
                                            ut_segmenter **segmenter, ut_error *err);
void ut_segmenter_destroy(ut_segmenter *segmenter); /* NULL is fine */

/* Takes the next samples, any count. Samples that are not finite count as silence. */
UT_MUST_CHECK ut_status ut_segmenter_push(ut_segmenter *segmenter, const float *pcm, size_t count,
                                          ut_error *err);
/* No more samples follow: closes what is open. */
UT_MUST_CHECK ut_status ut_segmenter_finish(ut_segmenter *segmenter, ut_error *err);

/* All segments closed so far, by time, disjoint; valid until the next call that takes the segmenter
 * mutably. 24 bytes a segment is all that grows with the recording. */
const ut_segment *ut_segmenter_segments(const ut_segmenter *segmenter, size_t *count);

/* Windows for the recogniser: runs of speech of at most options.window seconds, each the span from
 * a segment's start to a segment's end; a segment longer than that is cut where the score is lowest
 * in the second half. The windows closed so far; like segments, they only grow. */
const ut_segment *ut_segmenter_windows(const ut_segmenter *segmenter, size_t *count);

#endif
