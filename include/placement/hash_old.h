/* hash_old: the key hashes of other systems, by themselves, and those that only placements use. Pure; own nothing.
 *
 * Callers that know a hash by its name want placement/hash.h. */
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

/* What is no UTF-8 counts as U+FFFD, one for each longest start of a character, as Java decodes it. */
uint32_t hash_java(const void *bytes, size_t len);

/* --- word by word: hash_words.c ---------------------------------------------------------------- */

uint32_t hash_hsieh(const void *bytes, size_t len);
uint32_t hash_jenkins(const void *bytes, size_t len);
uint32_t hash_murmur(const void *bytes, size_t len);
uint32_t hash_murmur3_32(const void *bytes, size_t len, uint32_t seed);
uint64_t hash_murmur64a(const void *bytes, size_t len, uint64_t seed);

/* MurmurHash64A of the 8 bytes of a number. */
uint64_t hash_murmur64a_word(uint64_t word, uint64_t seed);

/* --- hash_spooky.c ----------------------------------------------------------------------------- */

/* Seed 0xface2014. */
uint32_t hash_spooky(const void *bytes, size_t len);
uint32_t hash_spooky_seeded(const void *bytes, size_t len, uint32_t seed);

#endif
