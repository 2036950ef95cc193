/* The ring of Karger et al., "Consistent Hashing and Random Trees" (1997), with an index instead of a binary search: points
 * are spread evenly, as they are hashes, so the bucket of a hash leads to within a point or two of the answer. The index
 * makes the search faster, and changes no answer: selector_test.c compares it with the plain search.
 */
#include "placement/ring.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool ring_is_closed(const struct ring *ring)
{
    return ring->start && ring->points_n > 0 && ring->points_n <= ring->room;
}

void ring_add(struct ring *ring, uint32_t value, uint32_t server)
{
    assert(!ring->start && ring->points_n <= ring->room);
    if (ring->points_n == ring->room) {
        ring->room = ring->room ? ring->room * 2 : 256;
        ring->points = reallocarray(ring->points, ring->room, sizeof *ring->points);
        if (!ring->points) abort();
    }
    ring->points[ring->points_n++] = (struct ring_point){value, server};
}

/* Equal values keep the order of servers, so that the answer does not depend on qsort. */
static int compare_points(const void *a, const void *b)
{
    const struct ring_point *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->server > q->server) - (p->server < q->server);
}

/* About as many buckets as points: a search then takes one step into the index and one or two along the points. */
static void build_index(struct ring *ring)
{
    unsigned bits = 1;
    while (bits < 24 && (1u << bits) < ring->points_n) bits++;
    uint32_t buckets = 1u << bits;
    ring->shift = 32 - bits;
    ring->start = calloc(buckets, sizeof *ring->start);
    if (!ring->start) abort();
    uint32_t point = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        while (point < ring->points_n && ring->points[point].value < b << ring->shift) point++;
        ring->start[b] = point;
    }
}

void ring_close(struct ring *ring)
{
    assert(ring->points_n > 0 && !ring->start);
    qsort(ring->points, ring->points_n, sizeof *ring->points, compare_points);
    build_index(ring);
    assert(ring_is_closed(ring));
}

void ring_release(struct ring *ring)
{
    free(ring->points);
    free(ring->start);
    *ring = (struct ring){0};
}

const struct ring_point *ring_find(const struct ring *ring, uint32_t hash)
{
    assert(ring->start);
    uint32_t i = ring->start[hash >> ring->shift];
    while (i < ring->points_n && ring->points[i].value < hash) i++;
    return &ring->points[i < ring->points_n ? i : 0];
}
