/* What the pictures are drawn with: text, numbers, colours, and a drawing as SVG or PNG. */
#ifndef UT_REPORT_DRAW_H
#define UT_REPORT_DRAW_H

#include <cairo.h>

#include "report/figures.h"

typedef struct ut_color {
    double r, g, b;
} ut_color;

/* Shades that stay apart in grey and for the colour-blind. */
static const ut_color ut_ink = {0.11, 0.12, 0.14}, ut_soft = {0.36, 0.39, 0.44},
                      ut_line = {0.86, 0.87, 0.89}, ut_blue = {0.031, 0.318, 0.612},
                      ut_light = {0.53, 0.7, 0.87}, ut_orange = {0.84, 0.37, 0.0},
                      ut_white = {1, 1, 1};

void ut_draw_color(cairo_t *cr, ut_color c);
/* `at` 0: left, 0.5: centre, 1: right end of the text lies at x; y is the base line. */
void ut_draw_text(cairo_t *cr, double x, double y, double at, double size, const char *text);
void ut_draw_number(cairo_t *cr, double x, double y, double at, double size, double value,
                    int decimals, const char *unit);
void ut_draw_upright(cairo_t *cr, double x, double y, double size, const char *text);
void ut_draw_bold(cairo_t *cr, int on);

/* Appends a drawing of width x height points to `out`; `draw` gets `what`. */
typedef void (*ut_drawing)(cairo_t *cr, const void *what, double width);
UT_MUST_CHECK ut_status ut_draw_render(ut_drawing draw, const void *what, double width,
                                       double height, ut_figure_format format, ut_buf *out,
                                       ut_error *err);

#endif
