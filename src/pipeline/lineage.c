#include "pipeline/lineage.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

enum { BOX_WIDTH = 240, BOX_HEIGHT = 52, GAP_X = 130, GAP_Y = 22, MARGIN = 24 };

typedef struct node {
    const json_t *artifact;
    const char *sha256;
    int column, row;
} node;

typedef struct graph {
    node *nodes;
    size_t count;
    int columns, rows;
} graph;

static node *find(const graph *g, const char *sha256)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->nodes[i].sha256, sha256) == 0)
            return &g->nodes[i];
    return NULL;
}

/* One column further right than the rightmost of what it is made from. True if something moved. */
static bool push_right(const graph *g, const json_t *step)
{
    node *output = find(g, ut_json_string_or(step, "output", ""));
    bool moved = false;
    size_t i;
    json_t *input;
    json_array_foreach(json_object_get(step, "inputs"), i, input)
    {
        const node *from = find(g, ut_json_string_or(input, "sha256", ""));
        if (from && output && from != output && output->column <= from->column) {
            output->column = from->column + 1;
            moved = true;
        }
    }
    return moved;
}

static void lay_out(graph *g, const json_t *steps)
{
    /* A chain is never longer than there are artifacts; what would be a circle ends there, too. */
    bool moved = true;
    for (size_t round = 0; moved && round <= g->count; round++) {
        size_t i;
        json_t *step;
        moved = false;
        json_array_foreach(steps, i, step) moved = push_right(g, step) || moved;
    }
    for (size_t i = 0; i < g->count; i++) {
        node *n = &g->nodes[i];
        n->row = 0;
        for (size_t k = 0; k < i; k++)
            n->row += g->nodes[k].column == n->column;
        g->columns = n->column + 1 > g->columns ? n->column + 1 : g->columns;
        g->rows = n->row + 1 > g->rows ? n->row + 1 : g->rows;
    }
}

static int left_of(const node *n)
{
    return MARGIN + n->column * (BOX_WIDTH + GAP_X);
}

static int middle_of(const node *n)
{
    return MARGIN + n->row * (BOX_HEIGHT + GAP_Y) + BOX_HEIGHT / 2;
}

static void add_escaped(ut_buf *out, const char *text, size_t most)
{
    for (size_t i = 0; text[i] && i < most; i++) {
        const char *entity = text[i] == '&'   ? "&amp;"
                             : text[i] == '<' ? "&lt;"
                             : text[i] == '>' ? "&gt;"
                                              : NULL;
        if (entity)
            ut_buf_adds(out, entity);
        else
            ut_buf_add(out, &text[i], 1);
    }
}

/* At most `most` bytes of a text, cut between letters. */
static size_t fitting(const char *text, size_t most)
{
    size_t n = strlen(text);
    if (n <= most)
        return n;
    while (most && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void draw_box(const node *n, bool chosen, ut_buf *out)
{
    int x = left_of(n);
    int y = middle_of(n) - BOX_HEIGHT / 2;
    const char *name = ut_json_string_or(n->artifact, "name", "");
    ut_buf_addf(out,
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"%s\" "
                "stroke-width=\"%d\"/>\n<text x=\"%d\" y=\"%d\" font-weight=\"bold\">",
                x, y, BOX_WIDTH, BOX_HEIGHT, chosen ? "chosen" : "box", chosen ? 2 : 1, x + 10,
                y + 21);
    add_escaped(out, name, fitting(name, 30));
    ut_buf_addf(out, "</text>\n<text x=\"%d\" y=\"%d\" class=\"soft\">", x + 10, y + 40);
    add_escaped(out, ut_json_string_or(n->artifact, "kind", ""), 16);
    ut_buf_addf(out, " %.12s</text>\n", n->sha256);
}

static void draw_step(const graph *g, const json_t *step, ut_buf *out)
{
    const node *to = find(g, ut_json_string_or(step, "output", ""));
    size_t i;
    json_t *input;
    json_array_foreach(json_object_get(step, "inputs"), i, input)
    {
        const node *from = find(g, ut_json_string_or(input, "sha256", ""));
        if (!from || !to || from == to)
            continue;
        int x0 = left_of(from) + BOX_WIDTH;
        int x1 = left_of(to);
        int y0 = middle_of(from);
        int y1 = middle_of(to);
        ut_buf_addf(out,
                    "<path d=\"M%d %d C%d %d %d %d %d %d\" class=\"line\" "
                    "marker-end=\"url(#arrow)\"/>\n<text x=\"%d\" y=\"%d\" "
                    "text-anchor=\"middle\" class=\"soft\">",
                    x0, y0, x0 + GAP_X / 2, y0, x1 - GAP_X / 2, y1, x1, y1, x1 - GAP_X / 2,
                    (y0 + y1) / 2 - 6);
        add_escaped(out, ut_json_string_or(step, "step", ""), 16);
        ut_buf_adds(out, "</text>\n");
    }
}

/* Those of the page (web/components/style.css), light and dark. */
static const char colours[] =
    ".sheet{fill:#fff}.box{fill:#f1f1ee}.chosen{fill:#fdf3cf}.box,.chosen{stroke:#5b616b}"
    "text{fill:#1c1e22}.soft{fill:#5b616b}.tip{fill:#5b616b}.line{fill:none;stroke:#5b616b}"
    "@media(prefers-color-scheme:dark){.sheet{fill:#1a1d21}.box{fill:#22262b}"
    ".chosen{fill:#3a331a}.box,.chosen{stroke:#a6adb8}text{fill:#eceef1}.soft{fill:#a6adb8}"
    ".tip{fill:#a6adb8}.line{stroke:#a6adb8}}";

static void draw(const graph *g, const json_t *steps, const char *sha256, ut_buf *out)
{
    int width = 2 * MARGIN + g->columns * (BOX_WIDTH + GAP_X) - GAP_X;
    int height = 2 * MARGIN + g->rows * (BOX_HEIGHT + GAP_Y) - GAP_Y;
    ut_buf_addf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n"
                "<defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"10\" refY=\"5\" "
                "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L10 5 L0 10 "
                "z\" class=\"tip\"/></marker>\n<style>%s</style></defs>\n"
                "<rect width=\"100%%\" height=\"100%%\" class=\"sheet\"/>\n",
                width, height, width, height, colours);
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) draw_step(g, step, out);
    for (size_t n = 0; n < g->count; n++)
        draw_box(&g->nodes[n], strcmp(g->nodes[n].sha256, sha256) == 0, out);
    ut_buf_adds(out, "</svg>\n");
}

ut_status ut_lineage_svg(const json_t *lineage, const char *sha256, ut_buf *svg, ut_error *err)
{
    const json_t *artifacts = json_object_get(lineage, "artifacts");
    const json_t *steps = json_object_get(lineage, "steps");
    graph g = {.count = json_array_size(artifacts)};
    g.nodes = calloc(g.count + 1, sizeof *g.nodes);
    if (!g.nodes)
        return ut_fail_memory(err, "lineage");
    for (size_t i = 0; i < g.count; i++) {
        g.nodes[i].artifact = json_array_get(artifacts, i);
        g.nodes[i].sha256 = ut_json_string_or(g.nodes[i].artifact, "sha256", "");
    }
    lay_out(&g, steps);
    draw(&g, steps, sha256, svg);
    free(g.nodes);
    return ut_buf_status(svg) == UT_OK ? UT_OK : ut_fail_memory(err, "lineage");
}
