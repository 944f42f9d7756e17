/* Whether one system is better than another on the same utterances, or was only lucky.
 *
 * Pure functions over caller's memory. */
#ifndef UT_EVAL_SIGNIFICANCE_H
#define UT_EVAL_SIGNIFICANCE_H

#include <stdint.h>

#include "eval/metrics.h"
#include "undertone_status.h"

/* McNemar's test (1947) on the utterances that one system has right and the other wrong. */
typedef struct ut_mcnemar {
    size_t only_first, only_second; /* right there, wrong in the other */
    double exact;                   /* two-sided binomial p; 1 where they never differ */
    double chi2, chi2_p;            /* with Edwards's correction for continuity */
} ut_mcnemar;

void ut_mcnemar_test(const int *truth, const int *first, const int *second, size_t count,
                     ut_mcnemar *out);

/* What is compared: each of the whole, and the second system's minus the first's. */
enum {
    UT_COMPARED_ACCURACY,
    UT_COMPARED_UAR,
    UT_COMPARED_MACRO_F1,
    UT_COMPARED_WEIGHTED_F1,
    UT_COMPARED
};
extern const char *const ut_compared_names[UT_COMPARED]; /* "accuracy" ... */

/* The middle 95 % of what a measure is when utterances are drawn anew with replacement, as many as
 * there are (Efron's percentile bootstrap). */
typedef struct ut_interval {
    double value, low, high;
} ut_interval;

typedef struct ut_bootstrap {
    ut_interval first[UT_COMPARED], second[UT_COMPARED], gain[UT_COMPARED];
} ut_bootstrap;

/* As ut_classify(); both systems see the same draws. Draw d takes the utterances
 * ut_random_below(r, count), r = ut_random_seeded(seed, d). */
UT_MUST_CHECK ut_status ut_bootstrap_test(const int *truth, const int *first, const int *second,
                                          size_t count, size_t classes, size_t draws, uint64_t seed,
                                          ut_bootstrap *out, ut_error *err);

/* Percentile (0..100) of sorted values, linear between neighbours as numpy's. */
double ut_percentile(const double *sorted, size_t count, double percent);

#endif
