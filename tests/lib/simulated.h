/* simulated: caches that hold no values, to compare policies: which item goes when the cache is full.
 *
 * Each gets the same bytes. An item costs what the caller says, with its metadata; what a policy needs beside its items (ghosts, a
 * sketch) is taken off the bytes. One thread; who creates a cache destroys it. The policies are written as their papers describe them,
 * with queues that are bounded by bytes.
 */
#ifndef LIB_SIMULATED_H
#define LIB_SIMULATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ADAPTIVE is what src/store/policy.c does. */
enum simulated_policy {
    SIM_LRU,
    SIM_SLRU,
    SIM_2Q,
    SIM_SIEVE,
    SIM_TINYLFU,
    SIM_S3FIFO,
    SIM_ADAPTIVE,
    SIM_POLICIES
};

struct simulated;

const char *simulated_name(enum simulated_policy policy);

/* item_mean: about how many bytes an item takes, for the sizes of ghosts and sketches. */
struct simulated *simulated_create(enum simulated_policy policy, uint64_t bytes,
                                   uint32_t item_mean);
void simulated_destroy(struct simulated *s);

/* A get, and after a miss the set. True: it was a hit. */
bool simulated_get(struct simulated *s, uint64_t key, uint32_t item_bytes);

/* All counts are right, and each item is in one queue. */
bool simulated_is_sane(const struct simulated *s);

#endif
