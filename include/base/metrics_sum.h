/* metrics_sum: what scripts count (base/metrics.h), added up over all parts of the board.
 *
 * Reads the board and owns nothing; any process that has the board may call it.
 */
#ifndef MOONGATE_BASE_METRICS_SUM_H
#define MOONGATE_BASE_METRICS_SUM_H

#include "base/board.h"

/* One metric. value: of a counter or a gauge. histogram: of a histogram, else NULL. Valid during the call. */
typedef void metrics_sum_fn(void *arg, enum metric_kind kind, const char *name, double value,
                            const struct metric_histogram *histogram);

/* Calls fn once for each name of a kind, in the order in which they were made. */
void metrics_sum_each(const struct board *board, enum metric_kind kind, metrics_sum_fn *fn,
                      void *arg);

#endif
