/* report_plot: a plot of lines, as SVG inside of HTML. It owns nothing: lines and labels are the caller's.
 *
 * Places are shares of the plot's width and height, from the left and from below: 0 to 1.
 */
#ifndef MOONGATE_REPLAY_REPORT_PLOT_H
#define MOONGATE_REPLAY_REPORT_PLOT_H

#include <stdint.h>
#include <stdio.h>

enum { PLOT_LABEL = 48, PLOT_TICKS = 8 };

struct plot_tick {
    double at;
    char label[PLOT_LABEL]; /* HTML */
};

struct plot_line {
    const char *name;    /* what it shows; of the legend */
    const char *look;    /* its class in report.css: recorded, old, new */
    const double *x, *y; /* n of each; NAN in y: a gap */
    uint32_t n;
};

struct plot {
    const char *title, *unit; /* unit: behind the title, or "" */
    const char *what;         /* one sentence for those who do not see it */
    const struct plot_line *lines;
    uint32_t lines_n;
    struct plot_tick x[PLOT_TICKS], y[PLOT_TICKS];
    uint32_t x_n, y_n;
};

void plot_write(const struct plot *p, FILE *out);

/* Ticks of an axis from 0 to the returned number, a round one that is at least `most`: in at most five steps of
 * 1, 2, 2.5 or 5 times a power of ten. put writes the label of a number. */
typedef void plot_put_fn(FILE *out, double number);
double plot_scale(double most, plot_put_fn *put, struct plot_tick ticks[PLOT_TICKS], uint32_t *n);

#endif
