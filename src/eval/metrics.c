#include "eval/metrics.h"

#include <math.h>
#include <string.h>

static double quotient(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void average(ut_average *sum, const ut_class_metrics *m, double weight)
{
    sum->precision += weight * m->precision;
    sum->recall += weight * m->recall;
    sum->f1 += weight * m->f1;
}

void ut_classify(const int *truth, const int *predicted, size_t count, size_t classes,
                 ut_classification *out)
{
    memset(out, 0, sizeof *out);
    out->classes = classes;
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        ut_class_metrics *m = &out->by_class[truth[i]];
        m->support++;
        if (predicted[i] < 0) {
            m->missed++;
            continue;
        }
        out->by_class[predicted[i]].predicted++;
        out->confusion[truth[i]][predicted[i]]++;
        out->correct += truth[i] == predicted[i];
    }
    out->accuracy = quotient((double)out->correct, (double)count);
    size_t present = 0;
    for (size_t k = 0; k < classes; k++) {
        ut_class_metrics *m = &out->by_class[k];
        double hits = (double)out->confusion[k][k];
        m->precision = quotient(hits, (double)m->predicted);
        m->recall = quotient(hits, (double)m->support);
        m->f1 = quotient(2 * hits, (double)(m->predicted + m->support));
        average(&out->macro, m, 1.0 / (double)classes);
        average(&out->weighted, m, quotient((double)m->support, (double)count));
        present += m->support > 0;
        out->uar += m->recall;
    }
    out->uar = quotient(out->uar, (double)present);
}

void ut_calibrate(const double *confidence, const int *right, size_t count, ut_calibration *out)
{
    memset(out, 0, sizeof *out);
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        int bin = (int)ceil(confidence[i] * UT_METRICS_BINS) - 1;
        bin = bin < 0 ? 0 : bin >= UT_METRICS_BINS ? UT_METRICS_BINS - 1 : bin;
        out->bins[bin].count++;
        out->bins[bin].confidence += confidence[i];
        out->bins[bin].accuracy += right[i] ? 1 : 0;
    }
    for (int b = 0; b < UT_METRICS_BINS; b++) {
        ut_calibration_bin *bin = &out->bins[b];
        bin->confidence = quotient(bin->confidence, (double)bin->count);
        bin->accuracy = quotient(bin->accuracy, (double)bin->count);
        out->ece +=
            quotient((double)bin->count, (double)count) * fabs(bin->accuracy - bin->confidence);
    }
}
