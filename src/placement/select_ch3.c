#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash_old.h"
#include "placement/select.h"

/* Ch3, mcrouter's default (furc_hash of lib/fbi/hash.c, after Mark Rabkin): a walk down a binary tree over 2^depth places, the
 * bits of an endless stream saying where to go. The stream's first 64 bits are MurmurHash64A of the key, each next 64 that of
 * the 64 before them; depth d of attempt after attempt reads its bits TURN apart.
 *
 * From the top: while the bit at d is 0 the place is in the lower half, so d sinks; at 0 it is place 0. Else the place is in
 * the upper half of the tree of depth d, and the next d - 1 bits are the rest of its number. Beyond the last server: try
 * again from the bit after, in a tree that is as deep as this one. */
enum { SEED = 4193360111, TURN = 23, TRIES = 32, SERVERS_MAX = 1 << TURN };
enum { WORDS = (TURN + TRIES * TURN * TURN) / 64 + 1 };

struct bits {
    uint32_t words_n; /* of words that are there: not one more is hashed than is read */
    uint64_t words[WORDS];
};

static uint32_t bit_at(struct bits *bits, uint32_t at)
{
    for (uint32_t i = bits->words_n; i <= at / 64; i++, bits->words_n++)
        bits->words[i] = hash_murmur64a_word(bits->words[i - 1], SEED);
    return bits->words[at / 64] >> at % 64 & 1;
}

/* first: MurmurHash64A of the key. */
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

const struct selector_kind select_ch3 = {.hashes_itself = true, .build = build, .pick = pick};

/* --- weighted ------------------------------------------------------------------------------------ */

/* WeightedCh3 (mcrouter's lib/WeightedCh3HashFunc.cpp): Ch3's server takes the key if the key's SpookyHash is below the server's
 * weight, a part of 1, of all 32-bit numbers. Else the same with a digit string after the key: 0, 1 ... 9, 01, 11, 21: numbers
 * with their lowest digit first. After 32 refusals the last server has it. Where weights are missing they are 0.5. */
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

const struct selector_kind select_weighted_ch3 = {.hashes_itself = true,
                                                  .takes_zero = true,
                                                  .takes_parts = true,
                                                  .usual_weight = 0.5,
                                                  .build = build_weighted,
                                                  .pick = pick_weighted,
                                                  .release = select_free_own};
