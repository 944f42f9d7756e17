#include "eval/significance.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

const char *const ut_compared_names[UT_COMPARED] = {"accuracy", "uar", "macro_f1", "weighted_f1"};

/* P(X <= k) of n fair coins, summed from the largest term down, in logarithms. */
static double binomial_below(size_t k, size_t n)
{
    double sum = 0;
    const double all = lgamma((double)n + 1) - (double)n * log(2);
    for (size_t i = k + 1; i-- > 0;) {
        double term = exp(all - lgamma((double)i + 1) - lgamma((double)(n - i) + 1));
        sum += term;
        if (term < sum * 1e-18)
            break;
    }
    return sum;
}

void ut_mcnemar_test(const int *truth, const int *first, const int *second, size_t count,
                     ut_mcnemar *out)
{
    *out = (ut_mcnemar){.exact = 1, .chi2_p = 1};
    for (size_t i = 0; i < count; i++) {
        bool a = first[i] == truth[i];
        bool b = second[i] == truth[i];
        out->only_first += a && !b;
        out->only_second += b && !a;
    }
    const size_t n = out->only_first + out->only_second;
    if (!n)
        return;
    const size_t less = out->only_first < out->only_second ? out->only_first : out->only_second;
    out->exact = fmin(1, 2 * binomial_below(less, n));
    double apart = fabs((double)out->only_first - (double)out->only_second) - 1;
    out->chi2 = apart * apart / (double)n;
    out->chi2_p = erfc(sqrt(out->chi2 / 2));
}

static void measure(const int *truth, const int *predicted, size_t count, size_t classes,
                    double out[UT_COMPARED])
{
    ut_classification c;
    ut_classify(truth, predicted, count, classes, &c);
    out[UT_COMPARED_ACCURACY] = c.accuracy;
    out[UT_COMPARED_UAR] = c.uar;
    out[UT_COMPARED_MACRO_F1] = c.macro.f1;
    out[UT_COMPARED_WEIGHTED_F1] = c.weighted.f1;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

double ut_percentile(const double *sorted, size_t count, double percent)
{
    double at = percent / 100 * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static ut_interval interval_of(double value, double *values, size_t draws)
{
    qsort(values, draws, sizeof *values, by_value);
    return (ut_interval){value, ut_percentile(values, draws, 2.5),
                         ut_percentile(values, draws, 97.5)};
}

ut_status ut_bootstrap_test(const int *truth, const int *first, const int *second, size_t count,
                            size_t classes, size_t draws, uint64_t seed, ut_bootstrap *out,
                            ut_error *err)
{
    int *drawn = calloc(3 * count + 1, sizeof *drawn);
    double *values = calloc(3 * UT_COMPARED * draws + 1, sizeof *values);
    double a[UT_COMPARED];
    double b[UT_COMPARED];
    if (!drawn || !values) {
        free(drawn);
        free(values);
        return ut_fail_memory(err, "eval");
    }
    for (size_t d = 0; d < draws; d++) {
        ut_random r = ut_random_seeded(seed, d);
        for (size_t i = 0; i < count; i++) {
            size_t at = ut_random_below(&r, count);
            drawn[i] = truth[at];
            drawn[count + i] = first[at];
            drawn[2 * count + i] = second[at];
        }
        measure(drawn, drawn + count, count, classes, a);
        measure(drawn, drawn + 2 * count, count, classes, b);
        for (size_t m = 0; m < UT_COMPARED; m++) {
            values[(3 * m + 0) * draws + d] = a[m];
            values[(3 * m + 1) * draws + d] = b[m];
            values[(3 * m + 2) * draws + d] = b[m] - a[m];
        }
    }
    measure(truth, first, count, classes, a);
    measure(truth, second, count, classes, b);
    for (size_t m = 0; m < UT_COMPARED; m++) {
        out->first[m] = interval_of(a[m], values + 3 * m * draws, draws);
        out->second[m] = interval_of(b[m], values + (3 * m + 1) * draws, draws);
        out->gain[m] = interval_of(b[m] - a[m], values + (3 * m + 2) * draws, draws);
    }
    free(drawn);
    free(values);
    return UT_OK;
}
