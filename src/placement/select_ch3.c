#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* Ch3, mcrouter's default. Source: furc_hash by Mark Rabkin in mcrouter's lib/fbi/hash.c; select_mcrouter_test.c has its
 * numbers.
 *
 * It walks down a binary tree over 2^depth places, and the bits of an endless stream choose the way. The first 64 bits of
 * the stream are MurmurHash64A of the key; each next 64 bits are MurmurHash64A of the 64 before.
 *
 * A walk starts at the top. Bit d of the stream belongs to depth d. While it is 0, the place is in the lower half, and d goes
 * down by one; depth 0 is the first place. When it is 1, the place is in the upper half of the tree of depth d, and the next
 * d - 1 bits, TURN apart, are the rest of its number. A place beyond the last server starts another walk, from the next bit,
 * at the same depth. A server that is added at the end takes keys, and no other key moves (movement_test.c). */
enum { SEED = 4193360111, TURN = 23, TRIES = 32, SERVERS_MAX = 1 << TURN };
enum { WORDS = (TURN + TRIES * TURN * TURN) / 64 + 1 };

struct bits {
    uint32_t words_n; /* words computed so far: only those that a walk reads */
    uint64_t words[WORDS];
};

static uint32_t bit_at(struct bits *bits, uint32_t at)
{
    assert(at / 64 < WORDS);
    for (uint32_t i = bits->words_n; i <= at / 64; i++, bits->words_n++)
        bits->words[i] = hash_murmur64a_word(bits->words[i - 1], SEED);
    return bits->words[at / 64] >> at % 64 & 1;
}

/* first: MurmurHash64A of the key. After TRIES walks the original gives up, and takes server 0. */
static uint32_t furc(uint64_t first, uint32_t servers)
{
    struct bits bits;
    bits.words[0] = first;
    bits.words_n = 1;
    uint32_t depth = 1;
    while (servers > 1u << depth) depth++;
    uint32_t at = depth;
    for (unsigned i = 0; i < TRIES; i++) {
        while (!bit_at(&bits, at)) {
            if (--depth == 0) return 0;
            at = depth;
        }
        uint32_t place = 1;
        at += TURN;
        for (uint32_t k = 1; k < depth; k++, at += TURN) place = place << 1 | bit_at(&bits, at);
        if (place < servers) return place;
    }
    return 0;
}

static void build(struct selector *s, const struct selector_server *servers)
{
    assert(s->servers <= SERVERS_MAX);
}

static void pick(const struct selector *s, const void *key, size_t len,
                 struct selector_choice *choice)
{
    choice->hash = hash_murmur64a(key, len, SEED);
    choice->server = furc(choice->hash, s->servers);
}

const struct selector_kind select_ch3 = {.ignores_names = true,
                                         .ignores_weights = true,
                                         .hashes_itself = true,
                                         .build = build,
                                         .pick = pick};

/* --- weighted ------------------------------------------------------------------------------------ */

/* WeightedCh3. Source: mcrouter's lib/WeightedCh3HashFunc.cpp.
 *
 * A weight is a part of 1. The server that Ch3 chooses takes the key if the key's SpookyHash is in that part of all 32-bit
 * numbers. Otherwise the same is tried with digits after the key: 0, 1 ... 9, 01, 11, 21, which are numbers with the lowest
 * digit first. When 32 tries have failed, the last server tried takes it. A server without a weight has 0.5. */
enum { SALTED_MAX = 512, SALT_MAX = 2 };

static void build_weighted(struct selector *s, const struct selector_server *servers)
{
    uint64_t *takes = calloc(s->servers, sizeof *takes);
    if (!takes) abort();
    assert(s->servers <= SERVERS_MAX);
    for (uint32_t i = 0; i < s->servers; i++)
        takes[i] = (uint64_t)(servers[i].weight * (double)UINT32_MAX);
    s->own = takes;
}

/* The digits of a number, lowest first. Returns how many. */
static size_t write_salt(char *to, unsigned salt)
{
    size_t n = 0;
    do to[n++] = (char)('0' + salt % 10);
    while (salt /= 10);
    return n;
}

static void pick_weighted(const struct selector *s, const void *key, size_t len,
                          struct selector_choice *choice)
{
    const uint64_t *takes = s->own;
    char salted[SALTED_MAX];
    pick(s, key, len, choice);
    if (hash_spooky(key, len) < takes[choice->server]) return;
    assert(len + SALT_MAX <= sizeof salted);
    memcpy(salted, key, len);
    for (unsigned salt = 0; salt < TRIES - 1; salt++) {
        size_t n = len + write_salt(salted + len, salt);
        choice->server = furc(hash_murmur64a(salted, n, SEED), s->servers);
        if (hash_spooky(salted, n) < takes[choice->server]) return;
    }
}

const struct selector_kind select_weighted_ch3 = {.ignores_names = true,
                                                  .hashes_itself = true,
                                                  .takes_zero = true,
                                                  .takes_parts = true,
                                                  .usual_weight = 0.5,
                                                  .build = build_weighted,
                                                  .pick = pick_weighted,
                                                  .release = select_free_own};
