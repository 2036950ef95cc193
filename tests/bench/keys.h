/* keys: the keys a load run works on, and the one right value of each.
 *
 * Key i is a prefix of the given list (taken in turn) and the number i; its value and flags are functions of its
 * hash alone, so that a reader of a value sees whether it belongs to the key that was asked for.
 * The first 8 bytes of a value are the key's hash. Values are binary: they hold CR, LF and NUL.
 * keys_create allocates, the process's end frees.
 */
#ifndef MOONGATE_BENCH_KEYS_H
#define MOONGATE_BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 250 };

struct key {
    uint64_t hash;
    const char *text;
    uint32_t len;
};

static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t key_hash(const char *text, size_t len)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ len;
    for (size_t i = 0; i < len; i++) hash = mix64(hash + (uint8_t)text[i]);
    return hash;
}

/* prefixes: comma-separated. NULL when out of memory or a key would be longer than KEY_MAX. */
static inline struct key *keys_create(uint32_t n, const char *prefixes)
{
    struct key *keys = calloc(n, sizeof *keys);
    size_t stride = strlen(prefixes) + 11; /* ten digits and a NUL */
    char *text = malloc(n * stride);
    if (!keys || !text || stride > KEY_MAX) return NULL;
    const char *prefix = prefixes;
    for (uint32_t i = 0; i < n; i++, text += stride) {
        int prefix_len = (int)strcspn(prefix, ",");
        keys[i].text = text;
        keys[i].len = (uint32_t)snprintf(text, stride, "%.*s%u", prefix_len, prefix, i);
        keys[i].hash = key_hash(text, keys[i].len);
        prefix += prefix_len;
        prefix = *prefix ? prefix + 1 : prefixes;
    }
    return keys;
}

static inline uint32_t key_flags(const struct key *key)
{
    return (uint32_t)(key->hash >> 40) & 0xffff;
}

/* The eight bytes of a value at offset 8 * i. */
static inline uint64_t value_word(const struct key *key, size_t i)
{
    return i ? mix64(key->hash + i) : key->hash;
}

static inline void value_write(const struct key *key, char *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = value_word(key, i / 8);
        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
}

/* Compares every byte of a part of a value that begins at offset `at`. */
static inline bool value_part_is_right(const struct key *key, size_t at, const char *data, size_t n)
{
    while (n > 0) {
        uint64_t word = value_word(key, at / 8);
        size_t from = at % 8, part = n < 8 - from ? n : 8 - from;
        if (memcmp(data, (const char *)&word + from, part) != 0) return false;
        data += part;
        at += part;
        n -= part;
        for (; n >= 8; at += 8, data += 8, n -= 8) {
            word = value_word(key, at / 8);
            if (memcmp(data, &word, 8) != 0) return false;
        }
    }
    return true;
}

#endif
