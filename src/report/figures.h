/* Pictures of an evaluation, by cairo: one drawing, as SVG or PNG. The same evaluation gives the
 * same SVG bytes with one version of cairo. Legible in grey and for the colour-blind: shades of one
 * blue, and every value written out. */
#ifndef UT_REPORT_FIGURES_H
#define UT_REPORT_FIGURES_H

#include "base/buf.h"
#include "eval/evaluate.h"

typedef enum ut_figure_format { UT_FIGURE_SVG, UT_FIGURE_PNG } ut_figure_format;

/* Counts of truth (rows) against prediction (columns) with each row's shares; a column of missed
 * utterances is added when there are any. */
UT_MUST_CHECK ut_status ut_figure_confusion(const ut_evaluation *e, ut_figure_format format,
                                            ut_buf *out, ut_error *err);

/* Accuracy against confidence in 15 bins with the expected calibration error, and how many
 * predictions each bin holds. */
UT_MUST_CHECK ut_status ut_figure_reliability(const ut_evaluation *e, ut_figure_format format,
                                              ut_buf *out, ut_error *err);

typedef struct ut_figure {
    const char *name; /* of the file, without its ending: "confusion_matrix", "reliability" */
    ut_status (*draw)(const ut_evaluation *e, ut_figure_format format, ut_buf *out, ut_error *err);
} ut_figure;

#define UT_FIGURE_COUNT 2
extern const ut_figure ut_figures[UT_FIGURE_COUNT];

#endif
