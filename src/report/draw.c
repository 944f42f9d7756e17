#include "report/draw.h"

#include <cairo-svg.h>
#include <string.h>

#include "base/error.h"

#define PNG_SCALE 2.0 /* pixels per point, for sharp screens */

void ut_draw_color(cairo_t *cr, ut_color c)
{
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
}

void ut_draw_text(cairo_t *cr, double x, double y, double at, double size, const char *text)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(cr, size);
    cairo_text_extents(cr, text, &extents);
    cairo_move_to(cr, x - at * extents.x_advance, y);
    cairo_show_text(cr, text);
}

void ut_draw_number(cairo_t *cr, double x, double y, double at, double size, double value,
                    int decimals, const char *unit)
{
    ut_buf text;
    ut_buf_init(&text, 64);
    ut_buf_add_fixed(&text, value, decimals);
    ut_buf_adds(&text, unit);
    ut_draw_text(cr, x, y, at, size, ut_buf_text(&text));
    ut_buf_free(&text);
}

void ut_draw_upright(cairo_t *cr, double x, double y, double size, const char *text)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, -1.5707963267948966);
    ut_draw_text(cr, 0, 0, 0.5, size, text);
    cairo_restore(cr);
}

void ut_draw_bold(cairo_t *cr, int on)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           on ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
}

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

ut_status ut_draw_render(ut_drawing draw, const void *what, double width, double height,
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
    ut_draw_color(cr, ut_white);
    cairo_paint(cr);
    draw(cr, what, width);
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
