/* sieve: which keys were seen before, in two bytes a key: of keys that were not, one in some thousands counts as seen.
 *
 * Structs inside their owner's, which releases them; all zero they are closed.
 */
#ifndef MOONGATE_MOVE_SIEVE_H
#define MOONGATE_MOVE_SIEVE_H

#include "move/dump.h"

struct sieve {
    uint64_t *bits; /* owned; NULL: it is closed */
    uint64_t mask;  /* their number less 1: a power of two */
};

/* For about n keys. More than 64 MB are not taken: then it is less exact. */
void sieve_open(struct sieve *s, uint64_t n);
void sieve_close(struct sieve *s);

/* True: the key was put before. */
bool sieve_put(struct sieve *s, const struct tier_key *key);

/* Keys of a list that may miss some. It is asked for until it names nothing new and as many keys as the server has items, SIEVE_LISTS times at
 * most. */
enum { SIEVE_LISTS = 6 };

struct sieved {
    struct sieve seen;
    uint32_t lists; /* that were begun */
    uint64_t fresh; /* keys of the last one that none before has named */
    uint64_t named; /* keys of all of them, each once */
};

/* For the first list; what was kept of another server goes. */
void sieved_begin(struct sieved *s);

/* True: the key is new. expected: items that the server has, about; needed for the first one. Of the first list all keys are new. */
bool sieved_put(struct sieved *s, const struct tier_key *key, uint64_t expected);

/* After a list that was whole, of a server with so many items, about. True: it is to be asked for once more. Else nothing is kept. */
bool sieved_again(struct sieved *s, uint64_t expected);

void sieved_close(struct sieved *s);

/* While that dump lists keys for it: true, nothing is to be read or added, since a list by LRU misses keys that move. With a second list, or a
 * later one, that is so from its beginning: the best words are tried first each time, so its kind is not known yet. */
static inline bool sieved_waits(const struct sieved *s, const struct dump *d)
{
    return s->lists > 1 || (d->step == DUMP_KEYS && !d->is_ordered);
}

#endif
