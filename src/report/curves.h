/* Learning curves: how a training went, epoch by epoch. */
#ifndef UT_REPORT_CURVES_H
#define UT_REPORT_CURVES_H

#include "report/figures.h"

/* One training: losses on the left, mean recall (0..1) on the right, a mark at the best epoch. */
typedef struct ut_curves {
    const char *title;
    const float *loss, *validation, *recall; /* [count], `stride` floats apart */
    size_t count, stride;
    size_t best;
} ut_curves;

/* `trainings` side by side, at least one. */
UT_MUST_CHECK ut_status ut_curves_draw(const ut_curves *trainings, size_t count,
                                       ut_figure_format format, ut_buf *out, ut_error *err);

#endif
