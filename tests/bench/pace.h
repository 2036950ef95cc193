/* pace: when each request is due, where a run keeps a fixed rate (-O) whatever the peer does.
 *
 * Requests are due at even distances, and connections take turns: request k belongs to connection k modulo their number. One that
 * cannot be sent, because its connection waits for replies, is sent later; its latency counts from when it was due. So a peer that
 * stalls is seen by all requests that were due meanwhile, not only by those that it had.
 */
#ifndef MOONGATE_BENCH_PACE_H
#define MOONGATE_BENCH_PACE_H

#include "state.h"

static struct {
    uint64_t base, end; /* nothing is due at `end` or later */
    uint64_t looked_at; /* requests, in the order in which they are due */
    uint64_t written;
} pace;

static inline uint64_t pace_due(uint64_t request)
{
    return pace.base + (uint64_t)((double)request * 1e9 / opt.rate);
}

/* When the next request of a connection is due. */
static inline uint64_t pace_next(const struct conn *c)
{
    return pace_due(c->turns * opt.connections + (uint64_t)(c - conns));
}

/* The clock goes on from `at` as if the time since `since` had not been. */
static inline void pace_resume(uint64_t since, uint64_t at)
{
    pace.base += at - since;
}

/* Whether a request that was due has not been written. */
static inline bool pace_is_behind(uint64_t at)
{
    return pace_due(pace.written) <= at && pace_due(pace.written) < pace.end;
}

#endif
