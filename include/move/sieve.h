/* sieve: which keys were seen before, in two bytes a key: of keys that were not, one in some thousands counts as seen.
 *
 * A struct inside its owner's, which releases it; all zero it is closed.
 */
#ifndef MOONGATE_MOVE_SIEVE_H
#define MOONGATE_MOVE_SIEVE_H

#include "move/tier.h"

struct sieve {
    uint64_t *bits; /* owned; NULL: it is closed */
    uint64_t mask;  /* their number less 1: a power of two */
};

/* For about n keys. More than 64 MB are not taken: then it is less exact. */
void sieve_open(struct sieve *s, uint64_t n);
void sieve_close(struct sieve *s);

/* True: the key was put before. */
bool sieve_put(struct sieve *s, const struct tier_key *key);

#endif
