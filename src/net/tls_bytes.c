#include "net/tls_bytes.h"

#include <string.h>

#include "base/slab.h"

void tls_bytes_drop(struct tls_bytes *b)
{
    if (b->room) slab_return(b->bytes, b->room);
    *b = (struct tls_bytes){0};
}

/* The n bytes at `at`, and no others: they may be of b itself. */
void tls_bytes_set(struct tls_bytes *b, const uint8_t *at, size_t n)
{
    struct tls_bytes old = *b;
    if (n > 0 && old.room && at >= old.bytes && at < old.bytes + old.end) {
        b->at = (uint32_t)(at - old.bytes);
        return;
    }
    *b = (struct tls_bytes){.end = (uint32_t)n, .room = (uint32_t)n};
    if (n > 0) memcpy(b->bytes = slab_borrow(n), at, n);
    tls_bytes_drop(&old);
}

void tls_bytes_append(struct tls_bytes *b, const uint8_t *at, size_t n)
{
    size_t before = tls_bytes_n(b);
    struct tls_bytes both = {.end = (uint32_t)(before + n), .room = (uint32_t)(before + n)};
    both.bytes = slab_borrow(both.room);
    if (before) memcpy(both.bytes, b->bytes + b->at, before);
    memcpy(both.bytes + before, at, n);
    tls_bytes_drop(b);
    *b = both;
}
