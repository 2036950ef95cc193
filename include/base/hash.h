/* hash: key hash functions. Pure; own nothing. */
#ifndef MOONGATE_BASE_HASH_H
#define MOONGATE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* name, text, source */
#define HASHES(X)                                                                                  \
    X(XXH3, "xxh3", "XXH3_64bits of libxxhash, low 32 bits")                                       \
    X(MD5, "md5", "first 4 bytes of the digest, little-endian, as libmemcached's MD5")

enum hash {
#define X(name, text, source) HASH_##name,
    HASHES(X)
#undef X
        HASH_COUNT
};

/* The number of the hash with that name, or HASH_COUNT. */
enum hash hash_find(const char *name, size_t len);
const char *hash_name(enum hash hash);

uint32_t hash_bytes(enum hash hash, const void *bytes, size_t len);

/* The four 32-bit little-endian words of an MD5 digest, as ketama's points want them. */
void hash_md5_words(const void *bytes, size_t len, uint32_t words[4]);

#endif
