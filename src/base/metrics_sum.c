/* The same name may have another number in each part, so it is looked for in each. A name is shown with the first part that has it. */
#include "base/metrics_sum.h"

#include <string.h>

static double value_of(const struct metrics *m, enum metric_kind kind, int at)
{
    double value;
    const double *cell = kind == METRIC_GAUGE ? &m->gauges[at].value : &m->counters[at].value;
    __atomic_load(cell, &value, __ATOMIC_RELAXED);
    return value;
}

/* Adds all parts from `part` on, the first that has the name, which has this number there. */
static void sum_up(const struct board_memory *board, enum metric_kind kind, uint32_t part,
                   int number, metrics_sum_fn *fn, void *arg)
{
    const struct metrics *own = &board->parts[part].metrics;
    const char *name = own->names[kind][number];
    struct metric_histogram h = {.bounds_n = 0};
    double sum = 0;
    if (kind == METRIC_HISTOGRAM) {
        h.bounds_n = own->histograms[number].bounds_n;
        memcpy(h.bounds, own->histograms[number].bounds, sizeof h.bounds);
    }
    for (uint32_t i = part; i < board->parts_n; i++) {
        const struct metrics *m = &board->parts[i].metrics;
        int at = metrics_find(m, kind, name, (uint32_t)number);
        if (at < 0) continue;
        if (kind == METRIC_HISTOGRAM)
            metric_histogram_add(&h, &m->histograms[at]);
        else
            sum += value_of(m, kind, at);
    }
    fn(arg, kind, name, sum, kind == METRIC_HISTOGRAM ? &h : NULL);
}

void metrics_sum_each(const struct board *board, enum metric_kind kind, metrics_sum_fn *fn,
                      void *arg)
{
    const struct board_memory *memory = board->memory;
    for (uint32_t part = 0; part < memory->parts_n; part++) {
        const struct metrics *own = &memory->parts[part].metrics;
        for (int i = 0; i < METRICS && own->names[kind][i][0]; i++) {
            uint32_t first = 0;
            while (first < part && metrics_find(&memory->parts[first].metrics, kind,
                                                own->names[kind][i], (uint32_t)i) < 0)
                first++;
            if (first == part) sum_up(memory, kind, part, i, fn, arg);
        }
    }
}
