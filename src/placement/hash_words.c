/* Hashes that read a key by words of 2, 4 or 8 bytes: hsieh, jenkins, the Murmurs. Their authors' code reads words as the
 * machine has them; here they are little-endian everywhere, as on x86. Sources: Paul Hsieh's SuperFastHash and MurmurHash2
 * as in twemproxy 0.5.0, lookup3.c of Bob Jenkins (2006), and MurmurHash64A and MurmurHash3 of Austin Appleby. */
#include <endian.h>
#include <string.h>

#include "placement/hash_old.h"

/* Words at any address: memcpy becomes one instruction where the machine can read unaligned words. */

static uint32_t load16(const uint8_t *b)
{
    uint16_t word;
    memcpy(&word, b, sizeof word);
    return le16toh(word);
}

static uint32_t load32(const uint8_t *b)
{
    uint32_t word;
    memcpy(&word, b, sizeof word);
    return le32toh(word);
}

static uint64_t load64(const uint8_t *b)
{
    uint64_t word;
    memcpy(&word, b, sizeof word);
    return le64toh(word);
}

/* The last n < 8 bytes as a number, the first byte lowest. */
static uint64_t load_rest(const uint8_t *b, size_t n)
{
    uint64_t word = 0;
    while (n-- > 0) word = word << 8 | b[n];
    return word;
}

static uint32_t rotate32(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

/* --- hsieh ------------------------------------------------------------------------------------- */

/* The third of three last bytes is signed, as char is on x86; a single last byte is not. */
static uint32_t hsieh_rest(uint32_t hash, const uint8_t *b, size_t n)
{
    switch (n) {
    case 3:
        hash += load16(b);
        hash ^= hash << 16;
        hash ^= (uint32_t)(int8_t)b[2] << 18;
        return hash + (hash >> 11);
    case 2:
        hash += load16(b);
        hash ^= hash << 11;
        return hash + (hash >> 17);
    case 1:
        hash += b[0];
        hash ^= hash << 10;
        return hash + (hash >> 1);
    default: return hash;
    }
}

/* twemproxy starts from 0, and not from the length as Hsieh does. */
uint32_t hash_hsieh(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint32_t hash = 0;
    for (; len >= 4; b += 4, len -= 4) {
        hash += load16(b);
        hash = hash << 16 ^ (load16(b + 2) << 11 ^ hash);
        hash += hash >> 11;
    }
    hash = hsieh_rest(hash, b, len);
    hash ^= hash << 3;
    hash += hash >> 5;
    hash ^= hash << 4;
    hash += hash >> 17;
    hash ^= hash << 25;
    return hash + (hash >> 6);
}

/* --- jenkins: Bob Jenkins' lookup3 --------------------------------------------------------------- */

struct lookup3 {
    uint32_t a, b, c;
};

/* The six steps of the original's mix(), with the variables rotated after each. */
static void lookup3_mix(struct lookup3 *h)
{
    static const uint8_t turns[] = {4, 6, 8, 16, 19, 4};
    for (unsigned i = 0; i < sizeof turns; i++) {
        uint32_t a = h->a - h->c;
        a ^= rotate32(h->c, turns[i]);
        *h = (struct lookup3){h->b, h->c + h->b, a};
    }
}

/* The seven steps of its final(). */
static uint32_t lookup3_end(const struct lookup3 *h)
{
    static const uint8_t turns[] = {14, 11, 25, 16, 4, 14, 24};
    uint32_t x[3] = {h->c, h->a, h->b};
    for (unsigned i = 0; i < sizeof turns; i++) {
        uint32_t *to = &x[i % 3], from = x[(i + 2) % 3];
        *to = (*to ^ from) - rotate32(from, turns[i]);
    }
    return x[0];
}

enum { LOOKUP3_INITVAL = 13 }; /* as in libmemcached and twemproxy */

uint32_t hash_jenkins(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint32_t start = 0xdeadbeef + (uint32_t)len + LOOKUP3_INITVAL;
    struct lookup3 h = {start, start, start};
    if (len == 0) return h.c;
    for (; len > 12; b += 12, len -= 12) {
        h.a += load32(b);
        h.b += load32(b + 4);
        h.c += load32(b + 8);
        lookup3_mix(&h);
    }
    uint8_t last[12] = {0};
    memcpy(last, b, len);
    h.a += load32(last);
    h.b += load32(last + 4);
    h.c += load32(last + 8);
    return lookup3_end(&h);
}

/* --- the Murmurs of Austin Appleby --------------------------------------------------------------- */

/* MurmurHash2 with the seed that libmemcached and twemproxy make of the length. */
uint32_t hash_murmur(const void *bytes, size_t len)
{
    const uint32_t factor = 0x5bd1e995;
    const uint8_t *b = bytes;
    uint32_t seed = 0xdeadbeef * (uint32_t)len, hash = seed ^ (uint32_t)len;
    for (; len >= 4; b += 4, len -= 4) {
        uint32_t word = load32(b) * factor;
        word ^= word >> 24;
        hash = (hash * factor) ^ (word * factor);
    }
    if (len) hash = (hash ^ (uint32_t)load_rest(b, len)) * factor;
    hash ^= hash >> 13;
    hash *= factor;
    return hash ^ hash >> 15;
}

static uint32_t murmur3_word(uint32_t word)
{
    return rotate32(word * 0xcc9e2d51, 15) * 0x1b873593;
}

uint32_t hash_murmur3_32(const void *bytes, size_t len, uint32_t seed)
{
    const uint8_t *b = bytes;
    uint32_t hash = seed;
    size_t left = len;
    for (; left >= 4; b += 4, left -= 4)
        hash = rotate32(hash ^ murmur3_word(load32(b)), 13) * 5 + 0xe6546b64;
    hash ^= murmur3_word((uint32_t)load_rest(b, left));
    hash ^= (uint32_t)len;
    hash = (hash ^ hash >> 16) * 0x85ebca6b;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35;
    return hash ^ hash >> 16;
}

static const uint64_t murmur64a_factor = 0xc6a4a7935bd1e995;

static uint64_t murmur64a_add(uint64_t hash, uint64_t word)
{
    word *= murmur64a_factor;
    word ^= word >> 47;
    return (hash ^ word * murmur64a_factor) * murmur64a_factor;
}

static uint64_t murmur64a_end(uint64_t hash)
{
    hash = (hash ^ hash >> 47) * murmur64a_factor;
    return hash ^ hash >> 47;
}

uint64_t hash_murmur64a(const void *bytes, size_t len, uint64_t seed)
{
    const uint8_t *b = bytes;
    uint64_t hash = seed ^ len * murmur64a_factor;
    for (; len >= 8; b += 8, len -= 8) hash = murmur64a_add(hash, load64(b));
    if (len) hash = (hash ^ load_rest(b, len)) * murmur64a_factor;
    return murmur64a_end(hash);
}

uint64_t hash_murmur64a_word(uint64_t word, uint64_t seed)
{
    return murmur64a_end(murmur64a_add(seed ^ sizeof word * murmur64a_factor, word));
}
