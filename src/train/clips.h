/* What the recordings of a dataset hold: how long each utterance is, where in it there is speech,
 * and how loud.
 *
 * Every recording is decoded once for this, several at a time; samples are not kept. */
#ifndef UT_TRAIN_CLIPS_H
#define UT_TRAIN_CLIPS_H

#include <stdatomic.h>

#include "base/hash.h"
#include "train/dataset.h"

enum { UT_CLIP_MOST = 30 * 16000 /* samples of an utterance that are heard: a window's */ };

typedef struct ut_clip {
    char sha256[UT_SHA256_HEX]; /* of the recording's file */
    size_t from;                /* its first sample in the recording, at 16 kHz */
    size_t count;               /* samples, at most UT_CLIP_MOST; 0 where there is no recording */
    size_t first, last;         /* where its speech lies, counted from `from` */
    float gain;                 /* that brings its speech to -26 dBFS */
} ut_clip;

/* clips[dataset->count]. A recording that is missing, no audio, or too short for an utterance is
 * an error that names the first such rows and how many there are. `progress` may be NULL. */
UT_MUST_CHECK ut_status ut_clips_measure(const ut_dataset *dataset, int jobs,
                                         atomic_bool *cancelled, ut_clip *clips, ut_error *err);

/* What two sets have in common. */
typedef struct ut_common {
    size_t speakers;
    size_t texts, of; /* different texts of the other set: those in the first too, and all */
} ut_common;

/* The same recordings in two sets: UT_ERR_FORMAT naming one (by contents, so under any name; parts
 * of one recording that do not overlap count as different). */
UT_MUST_CHECK ut_status ut_clips_compare(const ut_dataset *train, const ut_clip *train_clips,
                                         const ut_dataset *other, const ut_clip *other_clips,
                                         ut_common *common, ut_error *err);

#endif
