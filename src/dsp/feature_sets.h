/* The sets of acoustic features that `undertone features` measures, behind one face: a row of
 * values of a stretch of sound (its summary), and rows of values by frame where a set has them.
 *
 *     ut_feature_set *set;
 *     if (ut_feature_set_open("mfcc-kaldi", &set, &err) != UT_OK) ...
 *     float *values = malloc(ut_feature_set_columns(set, false) * sizeof *values);
 *     status = ut_feature_set_summary(set, pcm, n, values, &err);
 *
 * 16 kHz mono, at most UT_FEATURE_SET_LONGEST samples at a time. Values that are undefined (no
 * voiced frame, silence) are NAN. A set opened belongs to one thread. */
#ifndef UT_DSP_FEATURE_SETS_H
#define UT_DSP_FEATURE_SETS_H

#include <stdbool.h>
#include <stddef.h>

#include "undertone_status.h"

enum {
    UT_FEATURE_SET_RATE = 16000,
    UT_FEATURE_SET_LONGEST = 600 * UT_FEATURE_SET_RATE,
    UT_FEATURE_NAME = 64, /* bytes of a column's name, its end included */
};

/* "mfcc-htk" ..., in the order of the help; NULL beyond the last. */
const char *ut_feature_set_name(size_t index);
/* One line for people. */
const char *ut_feature_set_meaning(size_t index);

typedef struct ut_feature_set ut_feature_set;

/* UT_ERR_USAGE names the sets that there are. */
UT_MUST_CHECK ut_status ut_feature_set_open(const char *name, ut_feature_set **set, ut_error *err);
void ut_feature_set_close(ut_feature_set *set); /* NULL is fine */

bool ut_feature_set_has_frames(const ut_feature_set *set);
/* Values of a summary, or of a frame. */
size_t ut_feature_set_columns(const ut_feature_set *set, bool frames);
void ut_feature_set_column(const ut_feature_set *set, bool frames, size_t index,
                           char name[UT_FEATURE_NAME]);

/* values[columns] of pcm[n]. What has no summary of its own is told by the mean and the standard
 * deviation of its frames. Errors: UT_ERR_LIMIT, UT_ERR_FORMAT (too short for the set), ... */
UT_MUST_CHECK ut_status ut_feature_set_summary(ut_feature_set *set, const float *pcm, size_t n,
                                               float *values, ut_error *err);

/* Where the frames of n samples lie, in seconds: frame i from `first` + i * `hop`, `length` long.
 */
typedef struct ut_feature_grid {
    size_t count;
    double first, hop, length;
} ut_feature_grid;
ut_feature_grid ut_feature_set_grid(const ut_feature_set *set, size_t n);

/* rows[grid.count][columns]. */
UT_MUST_CHECK ut_status ut_feature_set_frames(ut_feature_set *set, const float *pcm, size_t n,
                                              float *rows, ut_error *err);

#endif
