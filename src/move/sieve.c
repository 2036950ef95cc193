/* A Bloom filter of 16 to 32 bits a key, with 8 places for each. */
#include "move/sieve.h"

#include <stdlib.h>

#include "placement/hash.h"

enum { BITS = 16, PLACES = 8 };

static const uint64_t LEAST = 1 << 16, MOST = 1ull << 29; /* bits */

void sieve_open(struct sieve *s, uint64_t n)
{
    uint64_t bits = LEAST;
    while (bits < MOST && bits / BITS < n) bits *= 2;
    s->mask = bits - 1;
    s->bits = calloc(bits / 64, sizeof *s->bits);
    if (!s->bits) abort();
}

void sieve_close(struct sieve *s)
{
    free(s->bits);
    s->bits = NULL;
}

bool sieve_put(struct sieve *s, const struct tier_key *key)
{
    uint64_t hash = hash_bytes64(HASH_XXH3, key->bytes, key->len, 0);
    uint64_t step = (hash >> 32 | hash << 32) | 1;
    bool was_there = true;
    for (int i = 0; i < PLACES; i++, hash += step) {
        uint64_t at = hash & s->mask, bit = 1ull << (at & 63);
        was_there &= (s->bits[at / 64] & bit) != 0;
        s->bits[at / 64] |= bit;
    }
    return was_there;
}

void sieved_begin(struct sieved *s)
{
    sieved_close(s);
    s->lists = 1;
    s->fresh = s->named = 0;
}

bool sieved_put(struct sieved *s, const struct tier_key *key, uint64_t expected)
{
    if (!s->seen.bits) sieve_open(&s->seen, 2 * expected);
    bool is_named = sieve_put(&s->seen, key);
    s->named += !is_named;
    if (is_named && s->lists > 1) return false;
    s->fresh++;
    return true;
}

/* True: the lists name fewer keys than there are items. The sieve takes some keys for others, so a few of many may lack. */
static bool lacks(const struct sieved *s, uint64_t expected)
{
    return s->named + s->named / 256 < expected;
}

/* memcached leaves out of such a list an item that moves to another list of the LRU, and one that is being sent to a client: those are the
 * popular ones. Items that have expired count among the expected ones, and no list names them, so there is an end to the lists. */
bool sieved_again(struct sieved *s, uint64_t expected)
{
    bool wants = s->lists == 1 || s->fresh > 0 || lacks(s, expected);
    if (wants && s->lists < SIEVE_LISTS) {
        s->lists++;
        s->fresh = 0;
        return true;
    }
    sieved_close(s);
    return false;
}

void sieved_close(struct sieved *s)
{
    sieve_close(&s->seen);
}
