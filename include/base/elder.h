/* elder: the board of a master of another build, read by the names of its counters.
 *
 * For src/base/board.c only. The board owns it. It is read while its processes still count there; nothing is written to it.
 */
#ifndef MOONGATE_BASE_ELDER_H
#define MOONGATE_BASE_ELDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/board.h"

struct elder;

/* Fills in what other builds need to read this board. */
void elder_plan(struct board_memory *memory);

/* Maps the board in that file. NULL when it cannot be read by names. The caller still owns fd. */
struct elder *elder_map(int fd);

/* The sums of those of its cells that this build has, too. with_gauges: also of gauges, which count while its processes live. */
struct board_row elder_sum(const struct elder *e, bool with_gauges);

/* What its last `stats reset` has kept of these. */
struct board_row elder_before(const struct elder *e);

/* When its service started, in seconds of the monotonic clock. */
double elder_started(const struct elder *e);

/* The process of its part i, which is below elder_parts; 0: none. */
uint32_t elder_parts(const struct elder *e);
int32_t elder_pid(const struct elder *e, uint32_t i);

/* Unmaps it, in this process. NULL is allowed. */
void elder_release(struct elder *e);

#endif
