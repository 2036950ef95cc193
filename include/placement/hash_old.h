/* hash_old: the hash functions of other systems, one by one, and those that only distributions use. Pure functions, which own
 * nothing; any process.
 *
 * To find a hash by its name, use placement/hash.h: its table also says where each comes from. */
#ifndef MOONGATE_PLACEMENT_HASH_OLD_H
#define MOONGATE_PLACEMENT_HASH_OLD_H

#include <stddef.h>
#include <stdint.h>

/* --- byte by byte: hash_old.c ------------------------------------------------------------------ */

uint32_t hash_crc16(const void *bytes, size_t len);
uint32_t hash_crc32(const void *bytes, size_t len);
uint32_t hash_crc32_not0(const void *bytes, size_t len);
uint32_t hash_crc32a(const void *bytes, size_t len);
uint32_t hash_crc31(const void *bytes, size_t len);
uint32_t hash_fnv1_32(const void *bytes, size_t len);
uint32_t hash_fnv1a_32(const void *bytes, size_t len);
uint32_t hash_fnv1_64(const void *bytes, size_t len);
uint32_t hash_fnv1a_64(const void *bytes, size_t len);
uint32_t hash_one_at_a_time(const void *bytes, size_t len);

/* Java's String.hashCode of the key decoded from UTF-8. Bytes that are not valid UTF-8 count as U+FFFD, one for each
 * longest prefix of a character, as Java decodes them. */
uint32_t hash_java(const void *bytes, size_t len);

/* --- word by word: hash_words.c ---------------------------------------------------------------- */

uint32_t hash_hsieh(const void *bytes, size_t len);
uint32_t hash_jenkins(const void *bytes, size_t len);
uint32_t hash_murmur(const void *bytes, size_t len);

/* MurmurHash3_x86_32 and MurmurHash64A of Austin Appleby: for the distributions pymemcache, and rendezvous and ch3. */
uint32_t hash_murmur3_32(const void *bytes, size_t len, uint32_t seed);
uint64_t hash_murmur64a(const void *bytes, size_t len, uint64_t seed);

/* MurmurHash64A of the 8 bytes of a number. */
uint64_t hash_murmur64a_word(uint64_t word, uint64_t seed);

/* --- hash_spooky.c ----------------------------------------------------------------------------- */

/* The low 32 bits of SpookyHash V2; hash_spooky has mcrouter's seed, 0xface2014. */
uint32_t hash_spooky(const void *bytes, size_t len);
uint32_t hash_spooky_seeded(const void *bytes, size_t len, uint32_t seed);

#endif
