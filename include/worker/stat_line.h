/* stat_line: one line of statistics in the form of memcached. Owns nothing. */
#ifndef MOONGATE_WORKER_STAT_LINE_H
#define MOONGATE_WORKER_STAT_LINE_H

#include <stdint.h>

#include "net/outq.h"

/* Appends `STAT name value`. A script names counters and servers, so neither name nor value is trusted to be short: both are cut to
 * what a line may have. I1: exactly one line. */
void stat_line(struct outq *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void stat_line_number(struct outq *out, const char *name, uint64_t number);

#endif
