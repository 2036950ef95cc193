/* watched: clients of a fuzzed worker, whose requests may be watched, and be slow: all of them, or none. Owns nothing. */
#ifndef TESTS_FUZZ_WATCHED_H
#define TESTS_FUZZ_WATCHED_H

#include "client/clients.h"

/* Without a line in the log. ring: requests are watched, those of the letter k by two; NULL: they are not. */
static inline void fuzz_quiet(struct clients *set, struct live_ring *ring)
{
    static struct live_filters filters;
    struct live_filter all = {.sample = UINT32_MAX},
                       some = {.sample = UINT32_MAX, .prefix_len = 1, .prefix = "k"};
    set->log.burst = 0;
    if (!ring) return;
    live_watch(&filters, 0, &all);
    live_watch(&filters, 1, &some);
    sighting_init(&set->sighting, &filters, ring);
    set->sighting.lines.burst = 0;
    set->limits.slow_log = 1e-9;
    sighting_look(set);
    ring->read = ring->written;
}

#endif
