/* What is plotted: requests a second, hit rate, p99 and errors over the time of the recording, and which share of requests took at most
 * how long. A line for the recording, where it has the number, and one for each script. */
#include "replay/report_plots.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/html.h"

enum { POINTS = 640, LINES = 3 };

_Static_assert((int)REPLAY_BUCKETS <= POINTS && (int)LATENCY_BUCKETS <= POINTS, "room for all");

/* A plot with the points of its lines. */
struct drawing {
    struct plot plot;
    struct plot_line lines[LINES];
    double x[POINTS], y[LINES][POINTS];
};

typedef double number_fn(const struct replay_results *r, const struct replay_bucket *b);

static double number_of_requests(const struct replay_results *r, const struct replay_bucket *b)
{
    return (double)b->requests / r->bucket;
}

static double number_of_hits(const struct replay_results *r, const struct replay_bucket *b)
{
    return b->gets ? (double)b->hits / (double)b->gets : NAN;
}

static double number_of_errors(const struct replay_results *r, const struct replay_bucket *b)
{
    return (double)b->errors / r->bucket;
}

static double number_of_p99(const struct replay_results *r, const struct replay_bucket *b)
{
    return b->requests ? (double)b->p99_us / 1e6 : NAN;
}

/* --- lines ------------------------------------------------------------------------------------- */

static struct plot_line *add_line(struct drawing *d, const char *name, const char *look, uint32_t n)
{
    assert(d->plot.lines_n < LINES);
    struct plot_line *l = &d->lines[d->plot.lines_n];
    *l = (struct plot_line){name, look, d->x, d->y[d->plot.lines_n], n};
    d->plot.lines_n++;
    return l;
}

static double most_of(const struct drawing *d)
{
    double most = 0;
    for (uint32_t i = 0; i < d->plot.lines_n; i++)
        for (uint32_t k = 0; k < d->lines[i].n; k++)
            if (d->y[i][k] > most) most = d->y[i][k];
    return most;
}

static void scale(struct drawing *d, double most, plot_put_fn *put)
{
    double top = plot_scale(most, put, d->plot.y, &d->plot.y_n);
    for (uint32_t i = 0; i < d->plot.lines_n; i++)
        for (uint32_t k = 0; k < d->lines[i].n; k++) d->y[i][k] /= top;
}

/* --- over time --------------------------------------------------------------------------------- */

static void add_buckets(struct drawing *d, const struct replay_results *r, const char *name,
                        const char *look, const struct replay_bucket *buckets, number_fn *number)
{
    (void)add_line(d, name, look, r->buckets_n);
    double *y = d->y[d->plot.lines_n - 1];
    for (uint32_t i = 0; i < r->buckets_n; i++) y[i] = number(r, &buckets[i]);
}

/* most: of the axis; 0: as the lines need. */
static void write_over_time(const struct replay_results *r, const char *title, const char *what,
                            number_fn *number, double most, plot_put_fn *put, FILE *out)
{
    struct drawing d = {.plot = {.title = title, .unit = "", .what = what}};
    double seconds = r->bucket * r->buckets_n;
    d.plot.lines = d.lines;
    for (uint32_t i = 0; i < r->buckets_n; i++) d.x[i] = (i + 0.5) / r->buckets_n;
    add_buckets(&d, r, "recorded", "recorded", r->recorded_buckets, number);
    if (r->sides[REPLAY_OLD].is_there)
        add_buckets(&d, r, r->sides[REPLAY_OLD].path, "old", r->buckets[REPLAY_OLD], number);
    add_buckets(&d, r, r->sides[REPLAY_NEW].path, "new", r->buckets[REPLAY_NEW], number);
    scale(&d, most > 0 ? most : most_of(&d), put);
    double end = plot_scale(seconds, html_duration, d.plot.x, &d.plot.x_n);
    for (uint32_t i = 0; i < d.plot.x_n; i++) d.plot.x[i].at *= end / seconds;
    while (d.plot.x_n && d.plot.x[d.plot.x_n - 1].at > 1) d.plot.x_n--;
    plot_write(&d.plot, out);
}

/* --- latencies --------------------------------------------------------------------------------- */

/* The first and the last bucket that has a time in any of the histograms. False: all are empty. */
static bool span_of(const struct latency *const *all, uint32_t n, unsigned *first, unsigned *last)
{
    bool any = false;
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++)
        for (uint32_t i = 0; i < n; i++) {
            if (!all[i]->counts[b]) continue;
            if (!any) *first = b;
            *last = b;
            any = true;
        }
    return any;
}

static double seconds_of(unsigned bucket)
{
    double limit = latency_limit(bucket);
    return isinf(limit) ? latency_limit(LATENCY_BUCKETS - 2) : limit;
}

static void add_shares(struct drawing *d, const char *name, const char *look,
                       const struct latency *l, unsigned first, unsigned last)
{
    uint64_t all = latency_count(l), sum = 0;
    (void)add_line(d, name, look, last - first + 1);
    double *y = d->y[d->plot.lines_n - 1];
    for (unsigned b = first; b <= last; b++) {
        sum += l->counts[b];
        y[b - first] = all ? (double)sum / (double)all : NAN;
    }
}

/* Powers of ten, from the first to the last time. */
static void mark_times(struct drawing *d, double from, double to)
{
    for (double t = pow(10, ceil(log10(from))); t <= to && d->plot.x_n < PLOT_TICKS; t *= 10) {
        struct plot_tick *tick = &d->plot.x[d->plot.x_n++];
        tick->at = log(t / from) / log(to / from);
        FILE *label = fmemopen(tick->label, sizeof tick->label, "w");
        if (!label) abort();
        html_latency(label, t);
        if (fclose(label) != 0) abort();
    }
}

static void write_latencies(const struct replay_results *r, FILE *out)
{
    const struct replay_side *a = &r->sides[REPLAY_OLD], *b = &r->sides[REPLAY_NEW];
    const struct latency *all[] = {&r->recorded.latency, &b->latency, &a->latency};
    unsigned first = 0, last = 0;
    struct drawing d = {
        .plot = {.title = "Share of requests that took at most",
                 .unit = "",
                 .what = "For each latency the share of requests that took at most so long"}};
    if (!span_of(all, a->is_there ? 3 : 2, &first, &last)) return;
    if (first > 0) first--;
    if (last == first) last++;
    double from = seconds_of(first), to = seconds_of(last);
    d.plot.lines = d.lines;
    for (unsigned k = first; k <= last; k++)
        d.x[k - first] = log(seconds_of(k) / from) / log(to / from);
    add_shares(&d, "recorded", "recorded", &r->recorded.latency, first, last);
    if (a->is_there) add_shares(&d, a->path, "old", &a->latency, first, last);
    add_shares(&d, b->path, "new", &b->latency, first, last);
    scale(&d, 1, html_share);
    mark_times(&d, from, to);
    plot_write(&d.plot, out);
}

void report_plots_write(const struct replay_results *r, FILE *out)
{
    if (r->buckets_n > 0 && r->bucket > 0) {
        write_over_time(r, "Hit rate", "Hit rate over the time of the recording", number_of_hits, 1,
                        html_share, out);
        write_over_time(r, "Requests a second", "Requests a second over the time of the recording",
                        number_of_requests, 0, html_count, out);
        write_over_time(r, "p99 of the latency",
                        "p99 of the latency over the time of the recording", number_of_p99, 0,
                        html_latency, out);
        write_over_time(r, "Errors a second", "Errors a second over the time of the recording",
                        number_of_errors, 0, html_count, out);
    }
    write_latencies(r, out);
}
