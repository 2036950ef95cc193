/* fuzz: what the targets share. A target is a function of any bytes that ends the program when a promise is broken; libFuzzer
 * calls it (`make fuzz`), and so does replay.c with files (`make test`). Owns nothing. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(what)                                                                                \
    do {                                                                                           \
        if (what) break;                                                                           \
        fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #what);                         \
        abort();                                                                                   \
    } while (0)

/* A copy that ends where AddressSanitizer sees one byte too far. The caller frees it. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = calloc(1, len ? len : 1);
    check(copy);
    if (len) memcpy(copy, bytes, len);
    return copy;
}

/* A running digest of what was seen, so that two sequences are compared by one number. */
static inline void digest_bytes(uint64_t *digest, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++) *digest = (*digest ^ p[i]) * 0x100000001b3u;
    *digest = (*digest ^ len) * 0x100000001b3u;
}

static inline void digest_number(uint64_t *digest, uint64_t number)
{
    digest_bytes(digest, &number, sizeof number);
}

/* The next place to cut `size` bytes at: all are tried where they are few, else a few that depend on the bytes. */
static inline size_t next_cut(size_t cut, size_t size, uint64_t digest)
{
    return cut + 1 + (size <= 16 ? 0 : (size_t)(digest >> (cut % 32)) % size);
}

#endif
