/* Agglomerative clustering with average linkage over cosine distance, as SciPy's
 * linkage(..., "average", "cosine") does it, by nearest-neighbour chains in O(n^2) time.
 *
 * Pure functions; memory is n (n - 1) / 2 floats while they run. */
#ifndef UT_SPEECH_CLUSTER_H
#define UT_SPEECH_CLUSTER_H

#include "undertone_status.h"

typedef struct ut_merge {
    int a, b;     /* clusters that merge: below n a vector, else merge (id - n); a < b */
    float height; /* their distance; merges come in order of height */
} ut_merge;

/* What two vectors of one group are farther apart: a cluster that would hold many such pairs is not
 * made, a stray one in large clusters is forgiven. */
#define UT_CLUSTER_APART 3.0f

/* vectors[n, size] of any length; merges[n - 1]. n of 1 and more. Vectors of length 0 are at
 * distance 1 of everything. groups[n] (NULL: none): vectors of the same group, 0 and above, should
 * not meet. */
UT_MUST_CHECK ut_status ut_cluster_link(const float *vectors, int n, int size, const int *groups,
                                        ut_merge *merges, ut_error *err);

/* Makes merges lower than `threshold`, but goes on to at most `most` clusters (0: no bound) and
 * stops at `least`; labels[n] are 0 .. in order of first appearance. Returns the number of
 * clusters. */
int ut_cluster_cut(const ut_merge *merges, int n, float threshold, int least, int most,
                   int *labels);

#endif
