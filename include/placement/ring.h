/* ring: points on a circle of 32-bit values, each of one server, and the search for the first point from a hash on.
 *
 * A struct inside its selector, in a worker; ring_release frees the points. Points are added, then ring_close is called
 * once, then the ring is read-only.
 */
#ifndef MOONGATE_PLACEMENT_RING_H
#define MOONGATE_PLACEMENT_RING_H

#include <stdint.h>

struct ring_point {
    uint32_t value;
    uint32_t server;
};

/* Invariant: start is NULL until ring_close. From then on there is a point, points are sorted by value, then by server, and
 * start has an entry for each bucket of 1 << shift values. {0} is an empty ring. */
struct ring {
    struct ring_point *points;
    uint32_t points_n;
    uint32_t room; /* points that fit */
    /* For each bucket: the index of the first point with value >= bucket << shift; points_n when there is none. */
    uint32_t *start;
    unsigned shift;
};

/* Only before ring_close. Several servers may have the same value. Aborts without memory, as ring_close does. */
void ring_add(struct ring *ring, uint32_t value, uint32_t server);

/* Sorts the points, at least one, and builds the index. */
void ring_close(struct ring *ring);

void ring_release(struct ring *ring);

/* The first point with value >= hash; after the last point, the first of all. Of equal values the one of the lowest server. */
const struct ring_point *ring_find(const struct ring *ring, uint32_t hash);

#endif
