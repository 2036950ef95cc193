/* metrics: what a script counts: named counters, gauges and histograms, in a worker's part of the board, which owns them.
 *
 * Written with plain stores by the worker in that slot and summed by any process that reads. A metric stays once it is made: it
 * goes on counting over reloads and, but for gauges, in the next worker of that slot.
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
    double bounds[METRIC_BOUNDS];       /* growing: the largest value of each bucket */
    uint64_t counts[METRIC_BOUNDS + 1]; /* by bucket; the last one has no bound */
    double sum;
};

/* A name's place is the number of its metric. "" = free; a name is written once, its first byte last. */
struct metrics {
    char names[METRIC_KIND_COUNT][METRICS][METRIC_NAME];
    struct metric_counter counters[METRICS];
    struct metric_gauge gauges[METRICS];
    struct metric_histogram histograms[METRICS];
};

/* The number of the metric of that kind and name, made when there is none. -1 when it cannot be made; then *wrong is a static
 * sentence that says why. A name has 1..METRIC_NAME - 1 bytes. bounds: for a histogram, bounds_n growing numbers,
 * 1..METRIC_BOUNDS of them. */
int metrics_open(struct metrics *m, enum metric_kind kind, const char *name, const double *bounds,
                 uint32_t bounds_n, const char **wrong);

/* The number of a name, or -1. Looks at the number `likely` (< METRICS) first. */
int metrics_find(const struct metrics *m, enum metric_kind kind, const char *name, uint32_t likely);

/* Counts a value in its bucket and adds it to the sum. Only for the process that writes the part. */
void metric_observe(struct metric_histogram *h, double value);

/* Adds another worker's histogram of the same name and bounds. */
void metric_histogram_add(struct metric_histogram *sum, const struct metric_histogram *h);

/* Sets all gauges to zero: their worker is gone. */
void metrics_clear_gauges(struct metrics *m);

#endif
#endif
