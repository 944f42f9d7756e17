/* Classification metrics as scikit-learn defines them, and the expected calibration error.
 *
 * Pure functions over caller's memory; thread-safe. Undefined quotients (nothing predicted, nothing
 * true) are 0, as with scikit-learn's zero_division=0. */
#ifndef UT_EVAL_METRICS_H
#define UT_EVAL_METRICS_H

#include <stddef.h>

#define UT_METRICS_CLASSES 16 /* at most */
#define UT_METRICS_BINS 15    /* of the reliability diagram */
#define UT_METRICS_MISSED (-1)

typedef struct ut_class_metrics {
    size_t support;   /* times true */
    size_t predicted; /* times predicted */
    size_t missed;    /* times true and without a prediction */
    double precision, recall, f1;
} ut_class_metrics;

typedef struct ut_average {
    double precision, recall, f1;
} ut_average;

typedef struct ut_classification {
    size_t classes, count;
    size_t correct;
    double accuracy;
    double uar;          /* unweighted average recall over the classes that occur in the truth
                            (balanced_accuracy_score) */
    ut_average macro;    /* over all classes, absent ones counting 0 */
    ut_average weighted; /* by support */
    ut_class_metrics by_class[UT_METRICS_CLASSES];
    size_t confusion[UT_METRICS_CLASSES]
                    [UT_METRICS_CLASSES]; /* [true][predicted], missed left out */
} ut_classification;

/* truth[i] in [0, classes); predicted[i] the same or UT_METRICS_MISSED: no prediction was made,
 * which counts as wrong. `classes` is at most UT_METRICS_CLASSES. */
void ut_classify(const int *truth, const int *predicted, size_t count, size_t classes,
                 ut_classification *out);

typedef struct ut_calibration_bin {
    size_t count;
    double confidence; /* mean of the bin's confidences, 0 when empty */
    double accuracy;   /* share of the bin's predictions that are right, 0 when empty */
} ut_calibration_bin;

typedef struct ut_calibration {
    size_t count;
    double ece; /* expected calibration error (Guo et al. 2017): sum of bin share * |accuracy -
                   confidence| */
    ut_calibration_bin bins[UT_METRICS_BINS]; /* bin i holds confidences in (i/15, (i+1)/15] */
} ut_calibration;

/* confidence[i] in [0, 1], right[i] 0 or 1. */
void ut_calibrate(const double *confidence, const int *right, size_t count, ut_calibration *out);

#endif
