/* metrics: what a script counts: named counters, gauges and histograms, a worker's own part of the board.
 *
 * Written with plain stores by the worker in that slot, summed by whoever reads. A name stays once it is made: it goes on
 * counting over reloads and, but for gauges, in the worker that comes after.
 */
#ifndef MOONGATE_BASE_METRICS_H
#define MOONGATE_BASE_METRICS_H

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* Read by LuaJIT's FFI too (through script/abi.h): a script holds references to these. */
struct metric_counter {
    double value; /* only grows */
};

struct metric_gauge {
    double value;
};

#ifndef MOONGATE_CDEF

enum { METRIC_NAME = 64, METRICS = 256, METRIC_BOUNDS = 32 };

/* kind, member of struct metrics, word */
#define METRIC_KINDS(X)                                                                            \
    X(COUNTER, counters, "counter")                                                                \
    X(GAUGE, gauges, "gauge")                                                                      \
    X(HISTOGRAM, histograms, "histogram")

enum metric_kind {
#define X(kind, member, word) METRIC_##kind,
    METRIC_KINDS(X)
#undef X
        METRIC_KIND_COUNT
};

struct metric_histogram {
    uint32_t bounds_n;
    double bounds[METRIC_BOUNDS];       /* growing: the most that belongs to each bucket */
    uint64_t counts[METRIC_BOUNDS + 1]; /* by bucket; the last one has no bound */
    double sum;
};

/* Names: "" = free; written once, before anything else of it is read. The metric of a name has its number. */
struct metrics {
    char names[METRIC_KIND_COUNT][METRICS][METRIC_NAME];
    struct metric_counter counters[METRICS];
    struct metric_gauge gauges[METRICS];
    struct metric_histogram histograms[METRICS];
};

/* The number of that name among its kind, made if need be; -1 when it cannot be, and *wrong says why. Names are shorter
 * than METRIC_NAME. bounds: of a histogram, bounds_n of them, 1..METRIC_BOUNDS, growing. */
int metrics_open(struct metrics *m, enum metric_kind kind, const char *name, const double *bounds,
                 uint32_t bounds_n, const char **wrong);

/* The number of a name, or -1; `likely` is looked at first. */
int metrics_find(const struct metrics *m, enum metric_kind kind, const char *name, uint32_t likely);

void metric_observe(struct metric_histogram *h, double value);

/* Adds another worker's of the same name. */
void metric_histogram_add(struct metric_histogram *sum, const struct metric_histogram *h);

/* What a worker that is gone no longer is. */
void metrics_clear_gauges(struct metrics *m);

#endif
#endif
