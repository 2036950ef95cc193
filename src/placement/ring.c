/* The ring of Karger et al., "Consistent Hashing and Random Trees" (1997), with an index instead of a binary search: points
 * are spread evenly, as they are hashes, so the bucket of a hash leads to within a point or two of the answer. The index
 * makes the search faster, and changes no answer: selector_test.c compares it with the plain search.
 */
#include "placement/ring.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/job.h"

/* Points or buckets between two pauses of a job; how many points are sorted without qsort. */
enum { REST_EVERY = 8192, FEW = 16 };

static bool ring_is_closed(const struct ring *ring)
{
    return ring->start && ring->points_n > 0 && ring->points_n <= ring->room;
}

void ring_add(struct ring *ring, uint32_t value, uint32_t server)
{
    assert(!ring->start && ring->points_n <= ring->room);
    job_rest_often();
    if (ring->points_n == ring->room) {
        ring->room = ring->room ? ring->room * 2 : 256;
        ring->points = reallocarray(ring->points, ring->room, sizeof *ring->points);
        if (!ring->points) abort();
    }
    ring->points[ring->points_n++] = (struct ring_point){value, server};
}

/* Equal values keep the order of servers, so that the answer does not depend on how points are sorted. */
static bool is_behind(const struct ring_point *p, const struct ring_point *q)
{
    return p->value != q->value ? p->value > q->value : p->server > q->server;
}

static int compare_points(const void *a, const void *b)
{
    job_rest_often();
    return is_behind(a, b) - is_behind(b, a);
}

/* Two to four points a bucket: a search takes one step into the index and one or two along the points, and the index takes an eighth to a
 * quarter of the points' memory. */
static uint32_t choose_buckets(struct ring *ring)
{
    unsigned bits = 1;
    while (bits < 24 && (4u << bits) <= ring->points_n) bits++;
    ring->shift = 32 - bits;
    return 1u << bits;
}

/* How many points each bucket has; then where each begins. */
static void count_points(struct ring *ring, uint32_t buckets)
{
    uint32_t sum = 0;
    ring->start = calloc(buckets, sizeof *ring->start);
    if (!ring->start) abort();
    for (uint32_t i = 0; i < ring->points_n; i++) {
        if (i % REST_EVERY == 0) job_rest();
        ring->start[ring->points[i].value >> ring->shift]++;
    }
    for (uint32_t b = 0; b < buckets; b++) {
        uint32_t n = ring->start[b];
        ring->start[b] = sum;
        sum += n;
    }
}

/* Into memory of their exact size, each to the next place of its bucket. start[b] is then where bucket b ends. */
static void spread_points(struct ring *ring)
{
    struct ring_point *to = reallocarray(NULL, ring->points_n, sizeof *to);
    if (!to) abort();
    for (uint32_t i = 0; i < ring->points_n; i++) {
        if (i % REST_EVERY == 0) job_rest();
        to[ring->start[ring->points[i].value >> ring->shift]++] = ring->points[i];
    }
    free(ring->points);
    ring->points = to;
    ring->room = ring->points_n;
}

/* A hash spreads points evenly, so that most buckets have three at most. One that does not, such as crc16, fills a few of them. */
static void sort_few(struct ring_point *points, uint32_t n)
{
    if (n > FEW) {
        qsort(points, n, sizeof *points, compare_points);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct ring_point moved = points[i];
        uint32_t at = i;
        for (; at > 0 && is_behind(&points[at - 1], &moved); at--) points[at] = points[at - 1];
        points[at] = moved;
    }
}

/* Sorts each bucket, and sets start back to where it begins. */
static void sort_buckets(struct ring *ring, uint32_t buckets)
{
    uint32_t from = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        uint32_t end = ring->start[b];
        if (b % REST_EVERY == 0) job_rest();
        sort_few(ring->points + from, end - from);
        ring->start[b] = from;
        from = end;
    }
}

/* The index and the order come of one distribution over buckets. */
void ring_close(struct ring *ring)
{
    assert(ring->points_n > 0 && !ring->start);
    uint32_t buckets = choose_buckets(ring);
    count_points(ring, buckets);
    spread_points(ring);
    sort_buckets(ring, buckets);
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
