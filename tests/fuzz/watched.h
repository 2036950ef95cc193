/* watched: clients of a fuzzed worker, whose requests may be watched, be slow, and be recorded with their values for a reader that does not read:
 * all of them, or none. Owns the reader's socket until the next one is made. */
#ifndef TESTS_FUZZ_WATCHED_H
#define TESTS_FUZZ_WATCHED_H

#include <unistd.h>

#include "client/clients.h"

static inline void fuzz_record(struct clients *set)
{
    static int reader = -1;
    const struct feed_settings all = {.mode = RECORDING_VALUES, .share = UINT32_MAX};
    int workers;
    if (reader >= 0) close(reader);
    if (!feed_create_socket(&workers, &reader)) abort();
    feed_begin(&set->feed, workers, &all, 0, set->turn->now);
}

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
    fuzz_record(set);
    sighting_look(set);
    ring->read = ring->written;
}

#endif
