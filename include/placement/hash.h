/* hash: key hash functions, each with the results of the system it comes from. Pure functions, which own nothing; any process.
 *
 * Bytes are signed where they are on x86 in the original (one_at_a_time, fnv, hsieh), and words are little-endian, whatever
 * the machine: a key of any bytes has the same hash everywhere. The functions behind the names are in placement/hash_old.h.
 * tests/unit/placement/hash_test.c compares them with nutcracker 0.5.0 (twemproxy), libmemcached 1.1.4 and Python's zlib. */
#ifndef MOONGATE_PLACEMENT_HASH_H
#define MOONGATE_PLACEMENT_HASH_H

#include <stddef.h>
#include <stdint.h>

/* name, text, function, source */
#define HASHES(X)                                                                                  \
    X(XXH3, "xxh3", hash_xxh3, "XXH3_64bits of libxxhash, low 32 bits")                            \
    X(MD5, "md5", hash_md5, "first 4 bytes of the digest, little-endian, as libmemcached's MD5")   \
    X(CRC16, "crc16", hash_crc16, "twemproxy's crc16: CRC-16/XMODEM, never cut to 16 bits")        \
    X(CRC32, "crc32", hash_crc32, "libmemcached's crc: (CRC-32 >> 16) & 0x7fff")                   \
    X(CRC32A, "crc32a", hash_crc32a, "CRC-32, as in zlib")                                         \
    X(CRC31, "crc31", hash_crc31, "CRC-32 without its highest bit: with modula, mcrouter's Crc32") \
    X(FNV1_32, "fnv1_32", hash_fnv1_32, "FNV-1, 32 bits")                                          \
    X(FNV1A_32, "fnv1a_32", hash_fnv1a_32, "FNV-1a, 32 bits")                                      \
    X(FNV1_64, "fnv1_64", hash_fnv1_64, "FNV-1, low 32 of 64 bits")                                \
    X(FNV1A_64, "fnv1a_64", hash_fnv1a_64, "FNV-1a, 64-bit constants cut to 32 bits")              \
    X(HSIEH, "hsieh", hash_hsieh, "Paul Hsieh's SuperFastHash from 0, as in twemproxy")            \
    X(JENKINS, "jenkins", hash_jenkins, "Bob Jenkins' lookup3, hashlittle, initval 13")            \
    X(MURMUR, "murmur", hash_murmur, "MurmurHash2, seed 0xdeadbeef times the length")              \
    X(ONE_AT_A_TIME, "one_at_a_time", hash_one_at_a_time, "Bob Jenkins' one-at-a-time")            \
    X(JAVA, "java", hash_java, "Java's String.hashCode of the key read as UTF-8")                  \
    X(SPOOKY, "spooky", hash_spooky, "SpookyHash V2, 32 bits, mcrouter's seed 0xface2014")         \
    X(CRC32_NOT0, "crc32_not0", hash_crc32_not0, "crc32, but 1 for 0: python-memcached")

enum hash {
#define X(name, text, function, source) HASH_##name,
    HASHES(X)
#undef X
        HASH_COUNT
};

/* The hash with that name (len bytes, no NUL needed), or HASH_COUNT; and its name. */
enum hash hash_find(const char *name, size_t len);
const char *hash_name(enum hash hash);

/* The hash of len bytes; len may be 0. Without the seed of a pool. */
uint32_t hash_bytes(enum hash hash, const void *bytes, size_t len);

/* xxh3: all 64 bits, with the seed. Any other hash: what hash_bytes returns; it ignores the seed. */
uint64_t hash_bytes64(enum hash hash, const void *bytes, size_t len, uint64_t seed);

/* The MD5 digest as four little-endian words, which are four points of ketama. */
void hash_md5_words(const void *bytes, size_t len, uint32_t words[4]);

#endif
