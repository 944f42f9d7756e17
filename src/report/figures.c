#include "report/figures.h"

#include "report/draw.h"

const ut_figure ut_figures[UT_FIGURE_COUNT] = {
    {"confusion_matrix", ut_figure_confusion},
    {"reliability", ut_figure_reliability},
};

/* -------------------------------------------------------------------- confusion matrix */

enum { CELL = 84, LEFT = 118, TOP = 92 };

static void cell(cairo_t *cr, int row, int column, size_t count, size_t support)
{
    double share = support ? (double)count / (double)support : 0, x = LEFT + column * CELL,
           y = TOP + row * CELL, middle = x + CELL / 2.0;
    ut_color shade = {1 - share * (1 - ut_blue.r), 1 - share * (1 - ut_blue.g),
                      1 - share * (1 - ut_blue.b)};
    ut_draw_color(cr, shade);
    cairo_rectangle(cr, x, y, CELL, CELL);
    cairo_fill_preserve(cr);
    ut_draw_color(cr, ut_line);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    ut_draw_color(cr, share > 0.5 ? ut_white : ut_ink);
    ut_draw_bold(cr, row == column);
    ut_draw_number(cr, middle, y + CELL / 2.0 + 1, 0.5, 19, (double)count, 0, "");
    ut_draw_bold(cr, 0);
    if (support)
        ut_draw_number(cr, middle, y + CELL / 2.0 + 20, 0.5, 12, share * 100, 0, " %");
}

static void draw_confusion(cairo_t *cr, const void *what, double width)
{
    const ut_evaluation *e = what;
    const ut_classification *c = &e->emotions;
    int columns = UT_EMOTIONS + (e->missed > 0);
    ut_draw_color(cr, ut_ink);
    ut_draw_bold(cr, 1);
    ut_draw_text(cr, LEFT, 28, 0, 17, "Confusion matrix");
    ut_draw_bold(cr, 0);
    ut_draw_color(cr, ut_soft);
    cairo_set_font_size(cr, 12);
    ut_buf text;
    ut_buf_init(&text, 256);
    ut_buf_addf(&text, "%zu utterances, accuracy ", c->count);
    ut_buf_add_fixed(&text, c->accuracy * 100, 1);
    ut_buf_adds(&text, " %, mean recall ");
    ut_buf_add_fixed(&text, c->uar * 100, 1);
    ut_buf_adds(&text, " %");
    ut_draw_text(cr, LEFT, 48, 0, 12, ut_buf_text(&text));
    ut_buf_free(&text);
    for (int j = 0; j < columns; j++) {
        ut_draw_color(cr, j < UT_EMOTIONS ? ut_ink : ut_soft);
        ut_draw_text(cr, LEFT + (j + 0.5) * CELL, TOP - 9, 0.5, 13,
                     j < UT_EMOTIONS ? ut_emotion_name((ut_emotion_label)j) : "missed");
    }
    for (int i = 0; i < UT_EMOTIONS; i++) {
        const ut_class_metrics *m = &c->by_class[i];
        ut_draw_color(cr, ut_ink);
        ut_draw_text(cr, LEFT - 10, TOP + (i + 0.5) * CELL + 4, 1, 13,
                     ut_emotion_name((ut_emotion_label)i));
        for (int j = 0; j < UT_EMOTIONS; j++)
            cell(cr, i, j, c->confusion[i][j], m->support);
        if (e->missed)
            cell(cr, i, UT_EMOTIONS, m->missed, m->support);
    }
    ut_draw_color(cr, ut_soft);
    ut_draw_text(cr, (LEFT + width - 24) / 2, TOP + UT_EMOTIONS * CELL + 24, 0.5, 13, "predicted");
    ut_draw_upright(cr, 24, TOP + UT_EMOTIONS * CELL / 2.0, 13, "true");
}

/* ------------------------------------------------------------------------- reliability */

enum { PLOT = 380, PLOT_LEFT = 70, PLOT_TOP = 66, COUNTS = 70, GAP = 26 };

static void axes(cairo_t *cr)
{
    for (int i = 0; i <= 5; i++) {
        double at = PLOT * i / 5.0;
        ut_draw_color(cr, ut_line);
        cairo_set_line_width(cr, 1);
        cairo_move_to(cr, PLOT_LEFT, PLOT_TOP + PLOT - at);
        cairo_rel_line_to(cr, PLOT, 0);
        cairo_stroke(cr);
        ut_draw_color(cr, ut_soft);
        ut_draw_number(cr, PLOT_LEFT - 8, PLOT_TOP + PLOT - at + 4, 1, 12, i / 5.0, 1, "");
        ut_draw_number(cr, PLOT_LEFT + at, PLOT_TOP + PLOT + GAP + COUNTS + 18, 0.5, 12, i / 5.0, 1,
                       "");
    }
    ut_draw_text(cr, PLOT_LEFT + PLOT / 2.0, PLOT_TOP + PLOT + GAP + COUNTS + 40, 0.5, 13,
                 "confidence");
    ut_draw_upright(cr, 22, PLOT_TOP + PLOT / 2.0, 13, "accuracy");
    ut_draw_upright(cr, 22, PLOT_TOP + PLOT + GAP + COUNTS / 2.0, 13, "count");
}

static void bars(cairo_t *cr, const ut_calibration *c)
{
    const double wide = (double)PLOT / UT_METRICS_BINS;
    size_t most = 1;
    for (int b = 0; b < UT_METRICS_BINS; b++)
        most = c->bins[b].count > most ? c->bins[b].count : most;
    for (int b = 0; b < UT_METRICS_BINS; b++) {
        const ut_calibration_bin *bin = &c->bins[b];
        if (!bin->count)
            continue;
        double x = PLOT_LEFT + b * wide, bottom = PLOT_TOP + PLOT + GAP + COUNTS;
        ut_draw_color(cr, ut_light);
        cairo_rectangle(cr, x + 1, PLOT_TOP + PLOT * (1 - bin->accuracy), wide - 2,
                        PLOT * bin->accuracy);
        cairo_fill(cr);
        double height = COUNTS * (double)bin->count / (double)most;
        cairo_rectangle(cr, x + 1, bottom - height, wide - 2, height);
        cairo_fill(cr);
        ut_draw_color(cr, ut_orange);
        cairo_arc(cr, PLOT_LEFT + PLOT * bin->confidence, PLOT_TOP + PLOT * (1 - bin->accuracy), 4,
                  0, 6.283185307179586);
        cairo_fill(cr);
        ut_draw_color(cr, ut_soft);
        ut_draw_number(cr, x + wide / 2, bottom - height - 3, 0.5, 9, (double)bin->count, 0, "");
    }
    ut_draw_color(cr, ut_ink);
    cairo_set_line_width(cr, 1.2);
    const double dash[] = {5, 4};
    cairo_set_dash(cr, dash, 2, 0);
    cairo_move_to(cr, PLOT_LEFT, PLOT_TOP + PLOT);
    cairo_rel_line_to(cr, PLOT, -PLOT);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
}

static void draw_reliability(cairo_t *cr, const void *what, double width)
{
    const ut_evaluation *e = what;
    (void)width;
    ut_draw_color(cr, ut_ink);
    ut_draw_bold(cr, 1);
    ut_draw_text(cr, PLOT_LEFT, 28, 0, 17, "Reliability");
    ut_draw_bold(cr, 0);
    ut_draw_color(cr, ut_soft);
    ut_buf text;
    ut_buf_init(&text, 256);
    ut_buf_addf(&text, "%zu predictions, calibration error (ECE) ", e->calibration.count);
    ut_buf_add_fixed(&text, e->calibration.ece, 3);
    ut_buf_adds(&text, "; dots: bin means");
    ut_draw_text(cr, PLOT_LEFT, 48, 0, 12, ut_buf_text(&text));
    ut_buf_free(&text);
    axes(cr);
    bars(cr, &e->calibration);
}

ut_status ut_figure_confusion(const ut_evaluation *e, ut_figure_format format, ut_buf *out,
                              ut_error *err)
{
    double columns = UT_EMOTIONS + (e->missed > 0);
    return ut_draw_render(draw_confusion, e, LEFT + columns * CELL + 24,
                          TOP + UT_EMOTIONS * CELL + 42, format, out, err);
}

ut_status ut_figure_reliability(const ut_evaluation *e, ut_figure_format format, ut_buf *out,
                                ut_error *err)
{
    return ut_draw_render(draw_reliability, e, PLOT_LEFT + PLOT + 30,
                          PLOT_TOP + PLOT + GAP + COUNTS + 56, format, out, err);
}
