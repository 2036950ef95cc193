/* SpookyHash V2 of Bob Jenkins (burtleburtle.net/bob/hash/spooky.html), its low 32 bits. mcrouter's weighted_ch3 uses it.
 *
 * The original writes each round out. Here a round is a loop: each step is the same, with the variables rotated by one, so
 * a table of bit rotations is all that differs. */
#include <endian.h>
#include <string.h>

#include "placement/hash_old.h"

enum { WORDS = 12, BLOCK = WORDS * 8, SHORT_BELOW = 2 * BLOCK };

static const uint64_t filler = 0xdeadbeefdeadbeef;

static uint64_t rotate64(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

/* n <= 8 bytes as a number, the first byte lowest. */
static uint64_t load_upto8(const uint8_t *b, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, b, n);
    return le64toh(word);
}

/* --- less than 192 bytes: four variables --------------------------------------------------------- */

static void short_mix(uint64_t h[4])
{
    static const uint8_t turns[] = {50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36};
    for (unsigned i = 0; i < sizeof turns; i++) {
        uint64_t *to = &h[(i + 2) % 4];
        *to = rotate64(*to, turns[i]) + h[(i + 3) % 4];
        h[i % 4] ^= *to;
    }
}

static void short_end(uint64_t h[4])
{
    static const uint8_t turns[] = {15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63};
    for (unsigned i = 0; i < sizeof turns; i++) {
        uint64_t *from = &h[(i + 2) % 4], *to = &h[(i + 3) % 4];
        *to ^= *from;
        *from = rotate64(*from, turns[i]);
        *to += *from;
    }
}

static uint32_t spooky_short(const uint8_t *b, size_t len, uint64_t seed)
{
    uint64_t h[4] = {seed, seed, filler, filler};
    size_t left = len;
    for (; left >= 16; b += 16, left -= 16) {
        h[2] += load_upto8(b, 8);
        h[3] += load_upto8(b + 8, 8);
        short_mix(h);
        if (left < 32) continue;
        b += 16, left -= 16;
        h[0] += load_upto8(b, 8);
        h[1] += load_upto8(b + 8, 8);
    }
    h[3] += (uint64_t)len << 56;
    h[2] += left ? load_upto8(b, left < 8 ? left : 8) : filler;
    h[3] += left > 8 ? load_upto8(b + 8, left - 8) : left ? 0 : filler;
    short_end(h);
    return (uint32_t)h[0];
}

/* --- longer: twelve ------------------------------------------------------------------------------ */

static void long_mix(uint64_t h[WORDS], const uint8_t *block)
{
    static const uint8_t turns[WORDS] = {11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46};
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t *back = &h[(i + 11) % WORDS];
        h[i] += load_upto8(block + (size_t)8 * i, 8);
        h[(i + 2) % WORDS] ^= h[(i + 10) % WORDS];
        *back ^= h[i];
        h[i] = rotate64(h[i], turns[i]);
        *back += h[(i + 1) % WORDS];
    }
}

static void long_end(uint64_t h[WORDS])
{
    static const uint8_t turns[WORDS] = {44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54};
    for (unsigned i = 0; i < 3 * WORDS; i++) {
        uint64_t *next = &h[(i + 1) % WORDS], *back = &h[(i + 11) % WORDS];
        *back += *next;
        h[(i + 2) % WORDS] ^= *back;
        *next = rotate64(*next, turns[i % WORDS]);
    }
}

/* The last block is filled with zeros, and its last byte is the number of bytes in it. */
static uint32_t spooky_long(const uint8_t *b, size_t len, uint64_t seed)
{
    uint64_t h[WORDS];
    for (unsigned i = 0; i < WORDS; i++) h[i] = i % 3 == 2 ? filler : seed;
    for (; len >= BLOCK; b += BLOCK, len -= BLOCK) long_mix(h, b);
    uint8_t last[BLOCK] = {0};
    memcpy(last, b, len);
    last[BLOCK - 1] = (uint8_t)len;
    for (unsigned i = 0; i < WORDS; i++) h[i] += load_upto8(last + (size_t)8 * i, 8);
    long_end(h);
    return (uint32_t)h[0];
}

/* --- any ----------------------------------------------------------------------------------------- */

/* Like the original's Hash32: one seed in the place of both. */
uint32_t hash_spooky_seeded(const void *bytes, size_t len, uint32_t seed)
{
    return len < SHORT_BELOW ? spooky_short(bytes, len, seed) : spooky_long(bytes, len, seed);
}

uint32_t hash_spooky(const void *bytes, size_t len)
{
    return hash_spooky_seeded(bytes, len, 0xface2014);
}
