/* ring: points on a circle of 32-bit values, each a server's; and the look-up of the first point from a hash on.
 *
 * Owned by its selector; built once, read-only afterwards.
 */
#ifndef MOONGATE_PLACEMENT_RING_H
#define MOONGATE_PLACEMENT_RING_H

#include <stdint.h>

struct ring_point {
    uint32_t value;
    uint32_t server;
};

/* Invariant: points are sorted by value, then by server; start has one entry a bucket. */
struct ring {
    struct ring_point *points;
    uint32_t points_n;
    uint32_t room;
    uint32_t *start; /* first point with value >= bucket << shift */
    unsigned shift;
};

/* Before ring_close: one more point. */
void ring_add(struct ring *ring, uint32_t value, uint32_t server);

/* No more points: sorts them and builds the index. */
void ring_close(struct ring *ring);

void ring_release(struct ring *ring);

/* The first point with value >= hash, past the end the first of all. There is at least one. */
const struct ring_point *ring_find(const struct ring *ring, uint32_t hash);

#endif
