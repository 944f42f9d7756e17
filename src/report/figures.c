#include "report/figures.h"

#include <cairo-svg.h>
#include <cairo.h>
#include <string.h>

#include "base/error.h"

const ut_figure ut_figures[UT_FIGURE_COUNT] = {
    {"confusion_matrix", ut_figure_confusion},
    {"reliability", ut_figure_reliability},
};

#define PNG_SCALE 2.0 /* pixels per point, for sharp screens */

typedef struct color {
    double r, g, b;
} color;

static const color ink = {0.11, 0.12, 0.14}, soft = {0.36, 0.39, 0.44}, line = {0.86, 0.87, 0.89},
                   blue = {0.031, 0.318, 0.612}, light = {0.53, 0.7, 0.87},
                   orange = {0.84, 0.37, 0.0}, white = {1, 1, 1};

static void set(cairo_t *cr, color c)
{
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
}

/* `at` 0: left, 0.5: centre, 1: right end of the text lies at x; y is the base line. */
static void text_at(cairo_t *cr, double x, double y, double at, double size, const char *text)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(cr, size);
    cairo_text_extents(cr, text, &extents);
    cairo_move_to(cr, x - at * extents.x_advance, y);
    cairo_show_text(cr, text);
}

static void number_at(cairo_t *cr, double x, double y, double at, double size, double value,
                      int decimals, const char *unit)
{
    ut_buf text;
    ut_buf_init(&text, 64);
    ut_buf_add_fixed(&text, value, decimals);
    ut_buf_adds(&text, unit);
    text_at(cr, x, y, at, size, ut_buf_text(&text));
    ut_buf_free(&text);
}

static void upright(cairo_t *cr, double x, double y, double size, const char *text)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, -1.5707963267948966);
    text_at(cr, 0, 0, 0.5, size, text);
    cairo_restore(cr);
}

static void bold(cairo_t *cr, int on)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           on ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
}

/* -------------------------------------------------------------------- confusion matrix */

enum { CELL = 84, LEFT = 118, TOP = 92 };

static void cell(cairo_t *cr, int row, int column, size_t count, size_t support)
{
    double share = support ? (double)count / (double)support : 0, x = LEFT + column * CELL,
           y = TOP + row * CELL, middle = x + CELL / 2.0;
    color shade = {1 - share * (1 - blue.r), 1 - share * (1 - blue.g), 1 - share * (1 - blue.b)};
    set(cr, shade);
    cairo_rectangle(cr, x, y, CELL, CELL);
    cairo_fill_preserve(cr);
    set(cr, line);
    cairo_set_line_width(cr, 1);
    cairo_stroke(cr);
    set(cr, share > 0.5 ? white : ink);
    bold(cr, row == column);
    number_at(cr, middle, y + CELL / 2.0 + 1, 0.5, 19, (double)count, 0, "");
    bold(cr, 0);
    if (support)
        number_at(cr, middle, y + CELL / 2.0 + 20, 0.5, 12, share * 100, 0, " %");
}

static void draw_confusion(cairo_t *cr, const ut_evaluation *e, double width)
{
    const ut_classification *c = &e->emotions;
    int columns = UT_EMOTIONS + (e->missed > 0);
    set(cr, ink);
    bold(cr, 1);
    text_at(cr, LEFT, 28, 0, 17, "Confusion matrix");
    bold(cr, 0);
    set(cr, soft);
    cairo_set_font_size(cr, 12);
    ut_buf text;
    ut_buf_init(&text, 256);
    ut_buf_addf(&text, "%zu utterances, accuracy ", c->count);
    ut_buf_add_fixed(&text, c->accuracy * 100, 1);
    ut_buf_adds(&text, " %, mean recall ");
    ut_buf_add_fixed(&text, c->uar * 100, 1);
    ut_buf_adds(&text, " %");
    text_at(cr, LEFT, 48, 0, 12, ut_buf_text(&text));
    ut_buf_free(&text);
    for (int j = 0; j < columns; j++) {
        set(cr, j < UT_EMOTIONS ? ink : soft);
        text_at(cr, LEFT + (j + 0.5) * CELL, TOP - 9, 0.5, 13,
                j < UT_EMOTIONS ? ut_emotion_name((ut_emotion_label)j) : "missed");
    }
    for (int i = 0; i < UT_EMOTIONS; i++) {
        const ut_class_metrics *m = &c->by_class[i];
        set(cr, ink);
        text_at(cr, LEFT - 10, TOP + (i + 0.5) * CELL + 4, 1, 13,
                ut_emotion_name((ut_emotion_label)i));
        for (int j = 0; j < UT_EMOTIONS; j++)
            cell(cr, i, j, c->confusion[i][j], m->support);
        if (e->missed)
            cell(cr, i, UT_EMOTIONS, m->missed, m->support);
    }
    set(cr, soft);
    text_at(cr, (LEFT + width - 24) / 2, TOP + UT_EMOTIONS * CELL + 24, 0.5, 13, "predicted");
    upright(cr, 24, TOP + UT_EMOTIONS * CELL / 2.0, 13, "true");
}

/* ------------------------------------------------------------------------- reliability */

enum { PLOT = 380, PLOT_LEFT = 70, PLOT_TOP = 66, COUNTS = 70, GAP = 26 };

static void axes(cairo_t *cr)
{
    for (int i = 0; i <= 5; i++) {
        double at = PLOT * i / 5.0;
        set(cr, line);
        cairo_set_line_width(cr, 1);
        cairo_move_to(cr, PLOT_LEFT, PLOT_TOP + PLOT - at);
        cairo_rel_line_to(cr, PLOT, 0);
        cairo_stroke(cr);
        set(cr, soft);
        number_at(cr, PLOT_LEFT - 8, PLOT_TOP + PLOT - at + 4, 1, 12, i / 5.0, 1, "");
        number_at(cr, PLOT_LEFT + at, PLOT_TOP + PLOT + GAP + COUNTS + 18, 0.5, 12, i / 5.0, 1, "");
    }
    text_at(cr, PLOT_LEFT + PLOT / 2.0, PLOT_TOP + PLOT + GAP + COUNTS + 40, 0.5, 13, "confidence");
    upright(cr, 22, PLOT_TOP + PLOT / 2.0, 13, "accuracy");
    upright(cr, 22, PLOT_TOP + PLOT + GAP + COUNTS / 2.0, 13, "count");
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
        set(cr, light);
        cairo_rectangle(cr, x + 1, PLOT_TOP + PLOT * (1 - bin->accuracy), wide - 2,
                        PLOT * bin->accuracy);
        cairo_fill(cr);
        double height = COUNTS * (double)bin->count / (double)most;
        cairo_rectangle(cr, x + 1, bottom - height, wide - 2, height);
        cairo_fill(cr);
        set(cr, orange);
        cairo_arc(cr, PLOT_LEFT + PLOT * bin->confidence, PLOT_TOP + PLOT * (1 - bin->accuracy), 4,
                  0, 6.283185307179586);
        cairo_fill(cr);
        set(cr, soft);
        number_at(cr, x + wide / 2, bottom - height - 3, 0.5, 9, (double)bin->count, 0, "");
    }
    set(cr, ink);
    cairo_set_line_width(cr, 1.2);
    const double dash[] = {5, 4};
    cairo_set_dash(cr, dash, 2, 0);
    cairo_move_to(cr, PLOT_LEFT, PLOT_TOP + PLOT);
    cairo_rel_line_to(cr, PLOT, -PLOT);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
}

static void draw_reliability(cairo_t *cr, const ut_evaluation *e, double width)
{
    (void)width;
    set(cr, ink);
    bold(cr, 1);
    text_at(cr, PLOT_LEFT, 28, 0, 17, "Reliability");
    bold(cr, 0);
    set(cr, soft);
    ut_buf text;
    ut_buf_init(&text, 256);
    ut_buf_addf(&text, "%zu predictions, calibration error (ECE) ", e->calibration.count);
    ut_buf_add_fixed(&text, e->calibration.ece, 3);
    ut_buf_adds(&text, "; dots: bin means");
    text_at(cr, PLOT_LEFT, 48, 0, 12, ut_buf_text(&text));
    ut_buf_free(&text);
    axes(cr);
    bars(cr, &e->calibration);
}

/* ------------------------------------------------------------------------------- output */

static cairo_status_t sink(void *context, const unsigned char *data, unsigned length)
{
    ut_buf *out = context;
    ut_buf_add(out, data, length);
    return out->status == UT_OK ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* cairo numbers its surfaces through the life of the process; the number means nothing, and
 * without it the same drawing is the same bytes. */
static void drop_surface_number(ut_buf *out, size_t from)
{
    static const char mark[] = "id=\"surface";
    char *found = out->data ? strstr(out->data + from, mark) : NULL;
    if (!found)
        return;
    char *digits = found + sizeof mark - 1;
    size_t count = strspn(digits, "0123456789");
    memmove(digits, digits + count, strlen(digits + count) + 1);
    out->length -= count;
}

typedef void (*drawing)(cairo_t *cr, const ut_evaluation *e, double width);

static ut_status render(drawing draw, const ut_evaluation *e, double width, double height,
                        ut_figure_format format, ut_buf *out, ut_error *err)
{
    size_t from = out->length;
    cairo_surface_t *surface =
        format == UT_FIGURE_SVG
            ? cairo_svg_surface_create_for_stream(sink, out, width, height)
            : cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * PNG_SCALE),
                                         (int)(height * PNG_SCALE));
    cairo_t *cr = cairo_create(surface);
    if (format == UT_FIGURE_PNG)
        cairo_scale(cr, PNG_SCALE, PNG_SCALE);
    set(cr, white);
    cairo_paint(cr);
    draw(cr, e, width);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (status == CAIRO_STATUS_SUCCESS && format == UT_FIGURE_PNG)
        status = cairo_surface_write_to_png_stream(surface, sink, out);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (format == UT_FIGURE_SVG)
        drop_surface_number(out, from);
    if (ut_buf_status(out) != UT_OK)
        return ut_fail_memory(err, "report");
    if (status != CAIRO_STATUS_SUCCESS)
        return ut_fail(err, UT_ERR_INTERNAL, "report",
                       "a picture could not be drawn: %s; check the installation of cairo and its "
                       "fonts (package fonts-dejavu-core)",
                       cairo_status_to_string(status));
    return UT_OK;
}

ut_status ut_figure_confusion(const ut_evaluation *e, ut_figure_format format, ut_buf *out,
                              ut_error *err)
{
    double columns = UT_EMOTIONS + (e->missed > 0);
    return render(draw_confusion, e, LEFT + columns * CELL + 24, TOP + UT_EMOTIONS * CELL + 42,
                  format, out, err);
}

ut_status ut_figure_reliability(const ut_evaluation *e, ut_figure_format format, ut_buf *out,
                                ut_error *err)
{
    return render(draw_reliability, e, PLOT_LEFT + PLOT + 30, PLOT_TOP + PLOT + GAP + COUNTS + 56,
                  format, out, err);
}
