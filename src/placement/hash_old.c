/* Hashes that read a key byte by byte: CRC, FNV, one-at-a-time, Java's. Sources: twemproxy 0.5.0 and libmemcached 1.1.4, which
 * share most of them; where these two cut, mask or sign a value in a way of their own, so does this. */
#include "placement/hash_old.h"

/* --- CRC --------------------------------------------------------------------------------------- */

/* A CRC's table is linear: the entry of a number is the XOR of the entries of its bits. So it is enough to write down the
 * entries of 1, 2, 4 ... 128, and the compiler makes the table. */
#define BIT(i, k, entry) (((i) >> (k)&1) ? (entry) : 0u)
#define TABLE4(entry, i) entry(i), entry((i) + 1), entry((i) + 2), entry((i) + 3)
#define TABLE16(entry, i)                                                                          \
    TABLE4(entry, i), TABLE4(entry, (i) + 4), TABLE4(entry, (i) + 8), TABLE4(entry, (i) + 12)
#define TABLE64(entry, i)                                                                          \
    TABLE16(entry, i), TABLE16(entry, (i) + 16), TABLE16(entry, (i) + 32), TABLE16(entry, (i) + 48)
#define TABLE256(entry)                                                                            \
    TABLE64(entry, 0), TABLE64(entry, 64), TABLE64(entry, 128), TABLE64(entry, 192)

/* Polynomial 0x1021, highest bit first. */
#define CRC16_ENTRY(i)                                                                             \
    (BIT(i, 0, 0x1021u) ^ BIT(i, 1, 0x2042u) ^ BIT(i, 2, 0x4084u) ^ BIT(i, 3, 0x8108u) ^           \
     BIT(i, 4, 0x1231u) ^ BIT(i, 5, 0x2462u) ^ BIT(i, 6, 0x48c4u) ^ BIT(i, 7, 0x9188u))

/* Polynomial 0xedb88320, lowest bit first. */
#define CRC32_ENTRY(i)                                                                             \
    (BIT(i, 0, 0x77073096u) ^ BIT(i, 1, 0xee0e612cu) ^ BIT(i, 2, 0x076dc419u) ^                    \
     BIT(i, 3, 0x0edb8832u) ^ BIT(i, 4, 0x1db71064u) ^ BIT(i, 5, 0x3b6e20c8u) ^                    \
     BIT(i, 6, 0x76dc4190u) ^ BIT(i, 7, 0xedb88320u))

static const uint16_t crc16_table[256] = {TABLE256(CRC16_ENTRY)};
static const uint32_t crc32_table[256] = {TABLE256(CRC32_ENTRY)};

/* twemproxy keeps the register in 32 bits and never masks it: the bits that are shifted out of the CRC stay above it. */
uint32_t hash_crc16(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint32_t crc = 0;
    for (size_t i = 0; i < len; i++) crc = crc << 8 ^ crc16_table[(crc >> 8 ^ b[i]) & 0xff];
    return crc;
}

uint32_t hash_crc32a(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) crc = crc >> 8 ^ crc32_table[(crc ^ b[i]) & 0xff];
    return ~crc;
}

/* libmemcached's "crc": 15 bits from the middle, so that modula over more than 32,768 slots would leave some without keys. */
uint32_t hash_crc32(const void *bytes, size_t len)
{
    return hash_crc32a(bytes, len) >> 16 & 0x7fff;
}

/* python-memcached and php-memcache's standard strategy never use a hash of 0. */
uint32_t hash_crc32_not0(const void *bytes, size_t len)
{
    uint32_t hash = hash_crc32(bytes, len);
    return hash ? hash : 1;
}

/* mcrouter's Crc32, before its modulo. */
uint32_t hash_crc31(const void *bytes, size_t len)
{
    return hash_crc32a(bytes, len) & 0x7fffffff;
}

/* --- FNV and one-at-a-time: a byte above 0x7f counts as a negative number ----------------------- */

/* Multiplication and XOR carry nothing from higher bits to lower ones. The 64-bit kinds return their low half, so 32 bits
 * are enough for them, too. */
#define FNV_32_INIT  0x811c9dc5u
#define FNV_64_INIT  0x84222325u /* the low half of cbf29ce484222325 */
#define FNV_32_PRIME 0x01000193u
#define FNV_64_PRIME 0x000001b3u /* the low half of 00000100000001b3 */

static uint32_t fnv1(const int8_t *b, size_t len, uint32_t hash, uint32_t prime)
{
    for (size_t i = 0; i < len; i++) hash = (hash * prime) ^ (uint32_t)b[i];
    return hash;
}

static uint32_t fnv1a(const int8_t *b, size_t len, uint32_t hash, uint32_t prime)
{
    for (size_t i = 0; i < len; i++) hash = (hash ^ (uint32_t)b[i]) * prime;
    return hash;
}

uint32_t hash_fnv1_32(const void *bytes, size_t len)
{
    return fnv1(bytes, len, FNV_32_INIT, FNV_32_PRIME);
}

uint32_t hash_fnv1a_32(const void *bytes, size_t len)
{
    return fnv1a(bytes, len, FNV_32_INIT, FNV_32_PRIME);
}

uint32_t hash_fnv1_64(const void *bytes, size_t len)
{
    return fnv1(bytes, len, FNV_64_INIT, FNV_64_PRIME);
}

uint32_t hash_fnv1a_64(const void *bytes, size_t len)
{
    return fnv1a(bytes, len, FNV_64_INIT, FNV_64_PRIME);
}

/* Bob Jenkins, Dr. Dobb's, September 1997. */
uint32_t hash_one_at_a_time(const void *bytes, size_t len)
{
    const int8_t *b = bytes;
    uint32_t hash = 0;
    for (size_t i = 0; i < len; i++) {
        hash += (uint32_t)b[i];
        hash += hash << 10;
        hash ^= hash >> 6;
    }
    hash += hash << 3;
    hash ^= hash >> 11;
    return hash + (hash << 15);
}

/* --- Java -------------------------------------------------------------------------------------- */

enum { NO_CHARACTER = 0xfffd };

/* The second byte of a character has narrower limits than the later ones, 80..bf: this excludes overlong forms, halves of
 * surrogate pairs, and numbers above U+10FFFF. */
static int is_second_byte(uint8_t first, uint8_t second)
{
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

/* How many bytes follow this first byte; -1 when no character starts with it. */
static int following_bytes(uint8_t first)
{
    if (first < 0x80) return 0;
    if (first < 0xc2 || first > 0xf4) return -1;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* The character at *at; moves *at behind it, or behind the longest prefix of one. */
static uint32_t next_character(const uint8_t *b, size_t len, size_t *at)
{
    uint8_t first = b[(*at)++];
    int following = following_bytes(first);
    if (following < 0) return NO_CHARACTER;
    uint32_t character = following ? first & (0x3fu >> following) : first;
    for (int i = 0; i < following; i++, (*at)++) {
        if (*at >= len || (b[*at] & 0xc0) != 0x80) return NO_CHARACTER;
        if (i == 0 && !is_second_byte(first, b[*at])) return NO_CHARACTER;
        character = character << 6 | (b[*at] & 0x3f);
    }
    return character;
}

/* s[0] * 31^(n-1) + ... + s[n-1] over UTF-16 units: a character above U+FFFF is two of them. */
uint32_t hash_java(const void *bytes, size_t len)
{
    uint32_t hash = 0;
    for (size_t at = 0; at < len;) {
        uint32_t character = next_character(bytes, len, &at);
        if (character >= 0x10000) {
            hash = 31 * hash + (0xd800 + ((character - 0x10000) >> 10));
            character = 0xdc00 + (character & 0x3ff);
        }
        hash = 31 * hash + character;
    }
    return hash;
}
