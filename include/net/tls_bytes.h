/* tls_bytes: encrypted bytes of a connection that wait: to be read on, or to be written.
 *
 * Embedded in struct tls, which owns it and drops it. The block is the slab's and has exactly their size; an empty one has none.
 */
#ifndef MOONGATE_NET_TLS_BYTES_H
#define MOONGATE_NET_TLS_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Those from at to end wait; room: of the block. */
struct tls_bytes {
    uint8_t *bytes;
    uint32_t at, end, room;
};

static inline size_t tls_bytes_n(const struct tls_bytes *b)
{
    return b->end - b->at;
}

/* From now on these n bytes wait, and no others. They may be the last of b's own. */
void tls_bytes_set(struct tls_bytes *b, const uint8_t *at, size_t n);

void tls_bytes_append(struct tls_bytes *b, const uint8_t *at, size_t n);
void tls_bytes_drop(struct tls_bytes *b);

#endif
