/* option_values: numbers as people write them: with units of sizes and of times. Pure functions; nothing to free. */
#ifndef MOONGATE_WORKER_OPTION_VALUES_H
#define MOONGATE_WORKER_OPTION_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, and one of k, m and g where a unit is allowed; false for any other text. A number that does not fit becomes
 * UINT64_MAX, which no range allows, so the user reads "out of range". */
bool option_number(const char *text, bool unit_allowed, uint64_t *number);

/* Decimal digits, perhaps with a point. */
bool option_decimal(const char *text, double *number);

/* A decimal number of seconds, or with ms, s, m or h behind it: 0.25, 50ms, 2s, 1.5m. */
bool option_time(const char *text, double *seconds);

/* A share: 25% and 0.25 are the same. It may be above 1. */
bool option_share(const char *text, double *share);

#endif
