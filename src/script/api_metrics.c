/* The bodies of services.h for metrics. They lie in the worker's part of the board: Lua adds to a counter without a call of
 * C, a reload keeps it, and statistics add up the workers' parts. */
#include "script/state.h"

static int open_metric(struct script *s, enum metric_kind kind, const char *name,
                       const double *bounds, uint32_t n)
{
    return metrics_open(s->host.metrics, kind, name, bounds, n, &s->wrong);
}

struct metric_counter *mg_counter(struct script *s, const char *name)
{
    int number = open_metric(s, METRIC_COUNTER, name, NULL, 0);
    return number < 0 ? NULL : &s->host.metrics->counters[number];
}

struct metric_gauge *mg_gauge(struct script *s, const char *name)
{
    int number = open_metric(s, METRIC_GAUGE, name, NULL, 0);
    return number < 0 ? NULL : &s->host.metrics->gauges[number];
}

int32_t mg_histogram(struct script *s, const char *name, const double *bounds, uint32_t n)
{
    return open_metric(s, METRIC_HISTOGRAM, name, bounds, n);
}

void mg_observe(struct script *s, int32_t histogram, double value)
{
    if (histogram >= 0 && histogram < METRICS)
        metric_observe(&s->host.metrics->histograms[histogram], value);
}
