#include "report/curves.h"

#include <math.h>
#include <stdio.h>

#include "report/draw.h"

enum { WIDE = 330, HIGH = 190, LEFT = 62, TOP = 74, BETWEEN = 62, STEPS = 5 };

typedef struct all {
    const ut_curves *trainings;
    size_t count;
} all;

/* A plot's axes: values from low to high, epochs 1 .. count. */
typedef struct plot {
    double x, y; /* upper left corner */
    double low, high;
    size_t count;
} plot;

static double across(const plot *p, size_t epoch)
{
    return p->x + (p->count > 1 ? WIDE * (double)epoch / (double)(p->count - 1) : WIDE / 2.0);
}

static double up(const plot *p, double value)
{
    return p->y + HIGH * (1 - (value - p->low) / (p->high - p->low));
}

static void grid(cairo_t *cr, const plot *p, const char *title, int decimals)
{
    for (int i = 0; i <= STEPS; i++) {
        double value = p->low + (p->high - p->low) * i / STEPS;
        ut_draw_color(cr, ut_line);
        cairo_set_line_width(cr, 1);
        cairo_move_to(cr, p->x, up(p, value));
        cairo_rel_line_to(cr, WIDE, 0);
        cairo_stroke(cr);
        ut_draw_color(cr, ut_soft);
        ut_draw_number(cr, p->x - 8, up(p, value) + 4, 1, 12, value, decimals, "");
    }
    ut_draw_upright(cr, p->x - 46, p->y + HIGH / 2.0, 13, title);
    ut_draw_number(cr, p->x, p->y + HIGH + 18, 0.5, 12, 1, 0, "");
    if (p->count > 1)
        ut_draw_number(cr, p->x + WIDE, p->y + HIGH + 18, 0.5, 12, (double)p->count, 0, "");
    ut_draw_text(cr, p->x + WIDE / 2.0, p->y + HIGH + 18, 0.5, 12, "epoch");
}

static void curve(cairo_t *cr, const plot *p, const float *values, size_t stride, ut_color color,
                  bool dashed)
{
    const double dash[] = {6, 4};
    ut_draw_color(cr, color);
    cairo_set_line_width(cr, 2);
    cairo_set_dash(cr, dash, dashed ? 2 : 0, 0);
    for (size_t i = 0; i < p->count; i++) {
        double y = up(p, fmin(fmax((double)values[i * stride], p->low), p->high));
        if (i)
            cairo_line_to(cr, across(p, i), y);
        else
            cairo_move_to(cr, across(p, i), y);
    }
    cairo_stroke(cr);
    cairo_set_dash(cr, dash, 0, 0);
}

static void mark_best(cairo_t *cr, const plot *p, double value, size_t best)
{
    ut_draw_color(cr, ut_orange);
    cairo_arc(cr, across(p, best), up(p, value), 5, 0, 6.283185307179586);
    cairo_fill(cr);
}

static double highest(const ut_curves *c)
{
    double most = 0.1;
    for (size_t i = 0; i < c->count; i++)
        most =
            fmax(most, fmax((double)c->loss[i * c->stride], (double)c->validation[i * c->stride]));
    return ceil(most * 2) / 2;
}

static void draw(cairo_t *cr, const void *what, double width)
{
    const all *a = what;
    (void)width;
    for (size_t t = 0; t < a->count; t++) {
        const ut_curves *c = &a->trainings[t];
        const double x = LEFT + (double)t * (WIDE + BETWEEN);
        const plot losses = {x, TOP, 0, highest(c), c->count};
        const plot recalls = {x, TOP + HIGH + BETWEEN, 0, 1, c->count};
        char line[160];
        ut_draw_color(cr, ut_ink);
        ut_draw_bold(cr, 1);
        ut_draw_text(cr, x, 28, 0, 17, c->title);
        ut_draw_bold(cr, 0);
        ut_draw_color(cr, ut_soft);
        snprintf(line, sizeof line,
                 "line: training, dashes: validation; dot: epoch %zu, which remains", c->best + 1);
        ut_draw_text(cr, x, 48, 0, 11, line);
        grid(cr, &losses, "loss", 1);
        curve(cr, &losses, c->loss, c->stride, ut_light, false);
        curve(cr, &losses, c->validation, c->stride, ut_blue, true);
        mark_best(cr, &losses, (double)c->validation[c->best * c->stride], c->best);
        grid(cr, &recalls, "mean recall", 1);
        curve(cr, &recalls, c->recall, c->stride, ut_blue, true);
        mark_best(cr, &recalls, (double)c->recall[c->best * c->stride], c->best);
        ut_draw_color(cr, ut_ink);
        ut_draw_number(cr, across(&recalls, c->best),
                       up(&recalls, (double)c->recall[c->best * c->stride]) - 10, 0.5, 12,
                       100 * (double)c->recall[c->best * c->stride], 1, " %");
    }
}

ut_status ut_curves_draw(const ut_curves *trainings, size_t count, ut_figure_format format,
                         ut_buf *out, ut_error *err)
{
    const all a = {trainings, count};
    return ut_draw_render(draw, &a, LEFT + (double)count * (WIDE + BETWEEN),
                          TOP + 2 * HIGH + BETWEEN + 40, format, out, err);
}
