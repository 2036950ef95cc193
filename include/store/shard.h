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
    uint32_t is_closed;   /* nothing is found and nothing can be stored: see store_keep_only */
    uint32_t undo_n;      /* entries of undo that count: a step is under way */
    uint32_t buckets_n;
    uint32_t buckets; /* a reference */
    uint32_t items;
    uint32_t making;  /* blocks of an item that is not put yet: a list by `next` */
    uint32_t dying;   /* blocks of an item that is being removed: the same */
    uint32_t soonest; /* no item expires before; UINT32_MAX: none expires */
    uint32_t
        soonest_next; /* the same, of items that this pass of the crawler has seen, and of those put since it began */
    uint32_t crawl_at;    /* the bucket that the crawler looks at next; 0: no pass is under way */
    uint32_t clean_epoch; /* the store's, when the last whole pass began: no item is older */
    uint32_t pass_epoch;  /* the same of this pass */
    uint64_t puts, evictions, evicted_unfetched, expired, expired_unfetched, flushed, refused;
    uint64_t recoveries;
    uint64_t counts[STORE_COUNT_N]; /* see store/counts.h */
    struct policy_shard policy;
    struct heap heap;
    struct undo_entry undo[UNDO_MOST];
} __attribute__((aligned(64)));

/* The head of a store. The fields of the first line are read by each operation, and hardly ever written. */
struct store {
    uint64_t size;
    uint64_t max_value;   /* as in the settings */
    uint64_t largest;     /* the largest value that it takes */
    uint64_t shard_bytes; /* of each */
    uint32_t shards_n;    /* a power of two */
    uint32_t policy;      /* enum store_policy */
    uint64_t
        flush; /* high half: when a flush is due, 0: none; low half: the epoch, which counts flushes */
    uint64_t cas __attribute__((aligned(64))); /* the last number that was given */
    uint64_t crawl_shard;                      /* where the crawler is */
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

/* Lays out a store in so many zero bytes, which its size is. */
void store_lay_out(struct store *s, const struct store_settings *settings);

/* Empties a store, shard by shard, and gives its pages back. store_reopen: opens the shards that are closed. */
void store_close(struct store *s);
void store_reopen(struct store *s);

/* How many bytes of a shard its head and tables take. */
uint64_t shard_overhead(uint64_t shard_bytes, enum store_policy policy);

/* The shard is zero but for its lock: makes it whole, and opens it last. */
void shard_open(const struct store *s, struct store_shard *shard);

/* A lock that outlives its holder. */
void shard_lock_init(pthread_mutex_t *lock);

/* Waits for the lock; finishes what a process that died with it left behind. */
void shard_lock(struct store_shard *shard);
void shard_unlock(struct store_shard *shard);

/* Frees the blocks of an item that was made and not put. */
void shard_forget_made(struct store_shard *shard);

/* A step is done: its blocks go back, in steps of their own. */
void shard_commit(struct store_shard *shard);

/* The item of that key. NULL: there is none. */
struct store_item *shard_find(struct store_shard *shard, uint32_t hash, const uint8_t *key,
                              size_t len);
void shard_link(struct store_shard *shard, struct store_item *item);

/* Out of its chain; the caller has taken it out of the policy's queues. Its blocks are free once the step is committed. */
void shard_unlink(struct store_shard *shard, struct store_item *item);

/* The place in its chain that leads to the bucket's first item. */
static inline uint32_t *shard_bucket(struct store_shard *shard, uint32_t hash)
{
    uint32_t *buckets = shard_at(shard, shard->buckets);
    return &buckets[(uint64_t)hash * shard->buckets_n >> 32];
}

/* The reference to the first extent, of an item that has STORE_EXTENTS. */
static inline uint32_t *item_extents(struct store_item *item)
{
    return (uint32_t *)(void *)item + (STORE_ITEM_HEAD + item->links.key_len + 3U) / 4;
}

/* Each flush begins an epoch, whose low 8 bits items carry. One that is due has begun when it is looked at: before anything else is done. */
uint8_t store_flush_due(struct store *s, uint64_t flush, int64_t now);

static inline uint8_t store_epoch(struct store *s, int64_t now)
{
    uint64_t flush = __atomic_load_n(&s->flush, __ATOMIC_ACQUIRE);
    if (__builtin_expect(flush >> 32 != 0, 0)) return store_flush_due(s, flush, now);
    return (uint8_t)flush;
}

/* An item is over when it has expired or was flushed. */
static inline bool item_is_over(const struct store_item *item, uint8_t epoch, int64_t now)
{
    return (item->expires != 0 && item->expires <= now) || item->epoch != epoch;
}

/* Removes an item that is over, and counts it; the caller commits. */
void shard_reclaim(struct store_shard *shard, struct store_item *item, int64_t now);

bool shard_is_sane(const struct store *s, struct store_shard *shard);

#endif
