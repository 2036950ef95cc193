/* The table of hashes: names for scripts, functions for selectors, both from HASHES. xxh3 is libxxhash's (0.8: its results
 * are fixed since 0.8.0), and MD5 is libmd's. The functions of other systems are written here: hash_old.c, hash_words.c,
 * hash_spooky.c. */
#include "placement/hash.h"

#include <assert.h>
#include <md5.h>
#include <string.h>

#include "placement/hash_old.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char *const names[HASH_COUNT] = {
#define X(name, text, function, source) [HASH_##name] = text,
    HASHES(X)
#undef X
};

enum hash hash_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < HASH_COUNT; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return (enum hash)i;
    }
    return HASH_COUNT;
}

const char *hash_name(enum hash hash)
{
    assert(hash < HASH_COUNT);
    return names[hash];
}

/* Bytes are put together by hand: the words are little-endian on every machine. */
void hash_md5_words(const void *bytes, size_t len, uint32_t words[4])
{
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5_CTX context;
    MD5Init(&context);
    MD5Update(&context, bytes, len);
    MD5Final(digest, &context);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *d = digest + (size_t)4 * i;
        words[i] = d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16 | (uint32_t)d[3] << 24;
    }
}

static uint32_t hash_md5(const void *bytes, size_t len)
{
    uint32_t words[4];
    hash_md5_words(bytes, len, words);
    return words[0];
}

static uint32_t hash_xxh3(const void *bytes, size_t len)
{
    return (uint32_t)XXH3_64bits(bytes, len);
}

static uint32_t (*const functions[HASH_COUNT])(const void *, size_t) = {
#define X(name, text, function, source) [HASH_##name] = function,
    HASHES(X)
#undef X
};

/* xxh3 is the default of pools: it is inlined here, since a call through the table costs as much as the hash. */
uint32_t hash_bytes(enum hash hash, const void *bytes, size_t len)
{
    assert(hash < HASH_COUNT);
    if (hash == HASH_XXH3) return hash_xxh3(bytes, len);
    return functions[hash](bytes, len);
}

uint64_t hash_bytes64(enum hash hash, const void *bytes, size_t len, uint64_t seed)
{
    assert(hash < HASH_COUNT);
    if (hash == HASH_XXH3) return XXH3_64bits_withSeed(bytes, len, seed);
    return functions[hash](bytes, len);
}
