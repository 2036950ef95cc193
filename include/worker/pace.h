/* pace: how long the turns of a worker's loop take. While one lasts, no client of the worker is served: so the longest shows what a
 * script, or a machine that is too busy, costs everyone.
 *
 * Owned by the worker. It reads the clock once a turn, at its end.
 */
#ifndef MOONGATE_WORKER_PACE_H
#define MOONGATE_WORKER_PACE_H

#include <stdint.h>

#include "base/board.h"

/* Times in seconds of the monotonic clock. */
struct pace {
    double began;     /* of this turn; 0: none has begun */
    double until;     /* when `longest` begins from zero again */
    uint64_t longest; /* microseconds, since then */
    uint64_t before;  /* the longest of the time before that */
};

/* A turn begins now. */
static inline void pace_begin(struct pace *p, double now)
{
    p->began = now;
}

/* The turn ends now: shows the longest in row. */
void pace_end(struct pace *p, double now, struct board_row *row);

#endif
