/* shard: a part of a store with a lock of its own: the keys whose hashes lead to it, their items, and all that finds and drops them.
 *
 * It lies in the store's memory, which owns it: first struct store, then all shards, of one size. Any process that holds the lock may use
 * it. For the files of src/store alone; others see store/store.h.
 *
 * Of a shard's bytes the head comes first, then the index (buckets_n references to the first item of a chain), the policy's array, and the
 * heap, which has all blocks: items and extents. A reference counts units of 8 bytes from the shard's first byte; 0 is none.
 *
 * Invariants (shard_is_sane), whenever no operation is under way: undo_n, making and dying are 0; each used block of the heap belongs to
 * one item; each item is in the chain of its bucket once, and in one queue of the policy; items counts them.
 */
#ifndef MOONGATE_STORE_SHARD_H
#define MOONGATE_STORE_SHARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/counts.h"
#include "store/heap.h"
#include "store/item.h"
#include "store/policy.h"
#include "store/store.h"

enum { SHARDS_MOST = 64, SHARD_UNIT = 8, UNDO_MOST = 512 };

/* A word of the shard, and what it was before the operation. */
struct undo_entry {
    uint32_t at; /* in words of 4 bytes from the shard's first byte */
    uint32_t was;
};

struct store_shard {
    pthread_mutex_t lock; /* for all that follows */
    uint32_t undo_n;      /* entries of undo that count: a change is under way */
    uint32_t buckets_n;
    uint32_t buckets;   /* a reference */
    uint32_t is_closed; /* nothing can be stored: see store_keep_only */
    uint32_t items;
    uint32_t making;  /* blocks of an item that is not put yet: a list by `next` */
    uint32_t dying;   /* blocks of an item that is being removed: the same */
    uint32_t soonest; /* no item expires before; UINT32_MAX: none expires */
    uint32_t
        soonest_seen; /* of the items that this pass of the crawler has seen, and of those stored since it began */
    uint32_t crawl_at;    /* the bucket that the crawler looks at next; 0: no pass is under way */
    uint32_t crawl_epoch; /* of the store, when the last whole pass began: no item is older */
    uint32_t pass_epoch;  /* of the store, when this pass began */
    uint64_t puts, evictions, evicted_unfetched, expired, expired_unfetched, flushed, refused,
        recoveries;
    uint64_t counts[STORE_COUNT_N]; /* see store/counts.h */
    struct policy_shard policy;
    struct heap heap;
    struct undo_entry undo[UNDO_MOST];
} __attribute__((aligned(64)));

enum { STORE_OPEN = 1, STORE_CLOSED };

struct store {
    uint64_t size, max_value; /* as in the settings */
    uint64_t largest;         /* the largest value that it takes */
    uint64_t shard_bytes;     /* of each */
    uint32_t shards_n;        /* a power of two */
    uint32_t policy;          /* enum store_policy */
    uint64_t
        flush; /* high half: when a flush is due, 0: none; low half: the epoch, which counts flushes */
    uint64_t crawl_shard;                      /* where the crawler is */
    uint64_t cas __attribute__((aligned(64))); /* the last number that was given */
} __attribute__((aligned(64)));

static inline struct store_shard *store_shard_at(struct store *s, uint32_t i)
{
    return (struct store_shard *)(void *)((uint8_t *)(s + 1) + i * s->shard_bytes);
}

static inline void *shard_at(struct store_shard *shard, uint32_t ref)
{
    return (uint8_t *)shard + (uint64_t)ref * SHARD_UNIT;
}

static inline uint32_t shard_ref(const struct store_shard *shard, const void *at)
{
    return (uint32_t)((uint64_t)((const uint8_t *)at - (const uint8_t *)shard) / SHARD_UNIT);
}

/* NULL for 0. */
static inline struct store_item *shard_item(struct store_shard *shard, uint32_t ref)
{
    return ref ? shard_at(shard, ref) : NULL;
}

#endif
