#include "replay/report_plot.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/html.h"

/* Of the drawing, in its own units; the lines lie in the box. */
enum { WIDTH = 640, HEIGHT = 220, LEFT = 64, RIGHT = 628, TOP = 10, BOTTOM = 190 };

static double left_of(double x)
{
    return LEFT + x * (RIGHT - LEFT);
}

static double top_of(double y)
{
    return BOTTOM - y * (BOTTOM - TOP);
}

/* --- axes -------------------------------------------------------------------------------------- */

static void put_label(struct plot_tick *tick, plot_put_fn *put, double number)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (!to) abort();
    put(to, number);
    if (fclose(to) != 0) abort();
    snprintf(tick->label, sizeof tick->label, "%s", text);
    free(text);
}

double plot_scale(double most, plot_put_fn *put, struct plot_tick ticks[PLOT_TICKS], uint32_t *n)
{
    double above = most > 0 && isfinite(most) ? most : 1;
    double power = pow(10, floor(log10(above / 5))), step = power;
    static const double round_numbers[] = {1, 2, 2.5, 5, 10};
    for (size_t i = 0; i < sizeof round_numbers / sizeof *round_numbers; i++) {
        step = round_numbers[i] * power;
        if (step * 5 >= above * (1 - 1e-9)) break;
    }
    uint32_t steps = (uint32_t)ceil(above / step - 1e-9);
    assert(steps >= 1 && steps < PLOT_TICKS);
    for (*n = 0; *n <= steps; ++*n) {
        ticks[*n].at = (double)*n / steps;
        put_label(&ticks[*n], put, *n * step);
    }
    return steps * step;
}

static void write_axes(const struct plot *p, FILE *out)
{
    for (uint32_t i = 0; i < p->y_n; i++) {
        double y = top_of(p->y[i].at);
        fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, RIGHT);
        fprintf(out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                LEFT - 6, y + 4, p->y[i].label);
    }
    for (uint32_t i = 0; i < p->x_n; i++) {
        const char *anchor = p->x[i].at > 0.97 ? "end" : p->x[i].at < 0.03 ? "start" : "middle";
        fprintf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
                left_of(p->x[i].at), HEIGHT - 8, anchor, p->x[i].label);
    }
}

/* --- lines ------------------------------------------------------------------------------------- */

static double within(double share)
{
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* Each piece between gaps begins with a move. A piece of one point is a dot: a line of no length with round ends. */
static void write_line(const struct plot_line *l, FILE *out)
{
    fprintf(out, "<path class=\"curve %s\" d=\"", l->look);
    bool is_drawn = false;
    for (uint32_t i = 0; i < l->n; i++) {
        if (isnan(l->y[i])) {
            is_drawn = false;
            continue;
        }
        double x = left_of(within(l->x[i])), y = top_of(within(l->y[i]));
        fprintf(out, "%c%.1f %.1f", is_drawn ? 'L' : 'M', x, y);
        if (!is_drawn) fputs("h0", out);
        is_drawn = true;
    }
    fputs("\"/>\n", out);
}

static void write_legend(const struct plot *p, FILE *out)
{
    fputs("<p class=\"legend\">", out);
    for (uint32_t i = 0; i < p->lines_n; i++) {
        fprintf(out, "<span class=\"%s\">", p->lines[i].look);
        html_text(out, p->lines[i].name);
        fputs("</span> ", out);
    }
    fputs("</p>\n", out);
}

void plot_write(const struct plot *p, FILE *out)
{
    fputs("<figure><figcaption>", out);
    html_text(out, p->title);
    if (p->unit[0]) {
        fputs(" <small>", out);
        html_text(out, p->unit);
        fputs("</small>", out);
    }
    fputs("</figcaption>\n", out);
    write_legend(p, out);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    html_text(out, p->what);
    fputs("\">\n", out);
    write_axes(p, out);
    for (uint32_t i = 0; i < p->lines_n; i++) write_line(&p->lines[i], out);
    fputs("</svg></figure>\n", out);
}
