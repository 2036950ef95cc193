/* item: what a store keeps for a key, as it lies in the shard's memory: its head, the key, the value.
 *
 * It belongs to its shard (store/shard.h), and is valid while the shard's lock is held. The fields are read with the functions below, and
 * written by src/store alone: each change but that of `used` goes through the shard's journal (store/undo.h).
 *
 * A value lies behind its key, or, when it is long, in extents: blocks in a chain, each with a reference to the next.
 */
#ifndef MOONGATE_STORE_ITEM_H
#define MOONGATE_STORE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/policy.h"

/* What is known of an item besides its contents, as bits. */
enum store_mark {
    STORE_FETCHED = 1, /* it was found since it was stored */
    STORE_STALE = 2,   /* it was invalidated, and is still there */
    STORE_WON = 4,     /* a client was asked to renew it */
    STORE_BINARY = 8,  /* its key came in base64 */
    STORE_COPY = 16, /* not an item of a client, but a copy of another server's: see route/near.h */
    STORE_EXTENTS = 128 /* the store's own: the value lies in extents */
};

/* References count units of 8 bytes from the shard's first byte; 0: none. */
struct store_item {
    uint32_t block; /* the allocator's: see store/heap.h */
    uint32_t next;  /* in the index: with the same place; in a list of blocks: the next one */
    struct policy_links links;
    uint32_t hash; /* the low half of the key's */
    uint64_t cas;
    uint32_t expires; /* seconds since 1970; 0: never */
    uint32_t used;    /* last, or stored */
    uint32_t flags;   /* the client's */
    uint32_t value_len;
    uint8_t epoch; /* of the store, when it was stored: see store_flush */
    uint8_t bytes
        []; /* the key; then the value, or the reference to the first extent, at a multiple of 4 */
};

enum { STORE_ITEM_HEAD = 49 };

static inline const uint8_t *store_item_key(const struct store_item *item)
{
    return item->bytes;
}

static inline size_t store_item_key_len(const struct store_item *item)
{
    return item->links.key_len;
}

static inline size_t store_item_value_len(const struct store_item *item)
{
    return item->value_len;
}

static inline uint32_t store_item_flags(const struct store_item *item)
{
    return item->flags;
}

static inline uint64_t store_item_cas(const struct store_item *item)
{
    return item->cas;
}

/* Seconds since 1970; 0: never. */
static inline int64_t store_item_expires(const struct store_item *item)
{
    return item->expires;
}

/* When it was used last, or stored. */
static inline int64_t store_item_used(const struct store_item *item)
{
    return item->used;
}

/* Bits of enum store_mark. */
static inline uint8_t store_item_marks(const struct store_item *item)
{
    return item->links.marks;
}

/* What it takes of the store, all told, but for what the allocator could not split off: it does not change. */
static inline uint64_t store_item_bytes(const struct store_item *item)
{
    uint64_t bytes = STORE_ITEM_HEAD + (uint64_t)item->links.key_len + item->value_len;
    return (bytes + 7) / 8 * 8;
}

#endif
