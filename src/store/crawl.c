/* What goes through a whole store: flushes, the crawler, walks, numbers.
 *
 * A flush is a new epoch: one number of the store, which each item carries as it was when the item was stored. Items of an earlier epoch are
 * absent. An item has 8 bits for it. So before the number could come round to one that an item still carries, the store is swept: the
 * shards note since which epoch they are clean.
 *
 * The crawler goes through the index of one shard after the other. Each shard knows a time before which none of its items expires, and since
 * which epoch it is clean; so where nothing can be found it is skipped as a whole. */
#include <assert.h>

#include "store/shard.h"
#include "store/store.h"

enum {
    EPOCHS_MOST = 200,
    CRAWL_AT_ONCE = 64,
    CRAWL_CALLS = 200,
    CRAWL_MOST = 8192,
    WALK_AT_ONCE = 64
};

/* --- flush ----------------------------------------------------------------------------------------- */

static uint64_t flush_word(uint64_t due, uint32_t epoch)
{
    return due << 32 | epoch;
}

uint8_t store_flush_due(struct store *s, uint64_t flush, int64_t now)
{
    while (flush >> 32 != 0 && (int64_t)(flush >> 32) <= now) {
        uint64_t begun = flush_word(0, (uint32_t)flush + 1);
        if (__atomic_compare_exchange_n(&s->flush, &flush, begun, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            flush = begun;
    }
    return (uint8_t)flush;
}

/* A store that is asked to flush 200 times within a pass of the crawler is swept here. */
static void make_epochs_free(struct store *s, int64_t now)
{
    uint32_t epoch = (uint32_t)__atomic_load_n(&s->flush, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < s->shards_n; i++) {
        struct store_shard *shard = store_shard_at(s, i);
        while (!shard->is_closed &&
               epoch - __atomic_load_n(&shard->clean_epoch, __ATOMIC_ACQUIRE) >= EPOCHS_MOST)
            (void)store_crawl(s, now, shard->buckets_n);
    }
}

void store_flush(struct store *s, int64_t now, int64_t after)
{
    (void)store_epoch(s, now); /* one that is due is not to be lost */
    make_epochs_free(s, now);
    uint64_t flush = __atomic_load_n(&s->flush, __ATOMIC_ACQUIRE), next;
    int64_t due = now + after > UINT32_MAX ? UINT32_MAX : now + after;
    do {
        uint32_t epoch = (uint32_t)flush;
        next = after > 0 ? flush_word((uint64_t)due, epoch) : flush_word(0, epoch + 1);
    } while (!__atomic_compare_exchange_n(&s->flush, &flush, next, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
}

/* --- the crawler ----------------------------------------------------------------------------------- */

/* Looks at the items of one bucket. */
static void crawl_bucket(struct store *s, struct store_shard *shard, uint32_t i, int64_t now)
{
    const uint32_t *buckets = shard_at(shard, shard->buckets);
    uint8_t epoch = store_epoch(s, now);
    for (struct store_item *item = shard_item(shard, buckets[i]), *next; item; item = next) {
        next = shard_item(shard, item->next);
        if (item_is_over(item, epoch, now)) {
            shard_reclaim(shard, item, now);
            shard_commit(shard);
        } else if (item->expires != 0 && item->expires < shard->soonest_next)
            shard->soonest_next = item->expires;
    }
}

/* True when some item of the shard may be over, or a pass is under way. */
static bool has_work(struct store *s, const struct store_shard *shard, int64_t now)
{
    uint32_t epoch = (uint32_t)__atomic_load_n(&s->flush, __ATOMIC_ACQUIRE);
    return shard->crawl_at != 0 || shard->soonest <= now || shard->clean_epoch != epoch;
}

/* The next part of the shard's pass. If the process dies in here, the next one looks at the bucket again: `soonest` is never too late. Returns the steps that it took; *ended: the pass has. */
static uint32_t crawl_shard(struct store *s, struct store_shard *shard, int64_t now, uint32_t steps,
                            bool *ended)
{
    uint32_t n = 0;
    if (shard->crawl_at == 0) {
        shard->pass_epoch = (uint32_t)__atomic_load_n(&s->flush, __ATOMIC_ACQUIRE);
        shard->soonest_next = UINT32_MAX;
        if (shard->items == 0) shard->crawl_at = shard->buckets_n;
    }
    for (; n < steps && shard->crawl_at < shard->buckets_n; n++, shard->crawl_at++)
        crawl_bucket(s, shard, shard->crawl_at, now);
    *ended = shard->crawl_at == shard->buckets_n;
    if (!*ended) return n;
    shard->crawl_at = 0;
    shard->clean_epoch = shard->pass_epoch;
    shard->soonest = shard->soonest_next;
    return n;
}

/* The same with the lock, for a short while. */
static uint32_t crawl_some(struct store *s, struct store_shard *shard, int64_t now, uint32_t steps,
                           bool *ended)
{
    uint32_t n = 0;
    *ended = true;
    if (!has_work(s, shard, now)) return 0;
    shard_lock(shard);
    if (!shard->is_closed && has_work(s, shard, now))
        n = crawl_shard(s, shard, now, steps < CRAWL_AT_ONCE ? steps : CRAWL_AT_ONCE, ended);
    shard_unlock(shard);
    return n;
}

bool store_crawl(struct store *s, int64_t now, uint32_t steps)
{
    uint64_t at = __atomic_load_n(&s->crawl_shard, __ATOMIC_RELAXED);
    uint32_t idle = 0;
    bool worked = false;
    (void)store_epoch(s, now); /* a flush may be due */
    while (steps > 0 && idle < s->shards_n) {
        bool ended;
        uint32_t n = crawl_some(s, store_shard_at(s, at & (s->shards_n - 1)), now, steps, &ended);
        idle = n == 0 ? idle + 1 : 0;
        worked |= n > 0;
        steps -= n;
        at += ended;
    }
    __atomic_store_n(&s->crawl_shard, at, __ATOMIC_RELAXED);
    return worked;
}

uint32_t store_crawl_steps(const struct store *s)
{
    const struct store_shard *first = (const struct store_shard *)(s + 1);
    uint64_t steps = (uint64_t)first->buckets_n * s->shards_n / CRAWL_CALLS + 1;
    return steps < CRAWL_MOST ? (uint32_t)steps : CRAWL_MOST;
}

/* --- numbers --------------------------------------------------------------------------------------- */

struct store_usage store_usage(struct store *s)
{
    struct store_usage u = {.size = s->size, .max_value = s->largest};
    for (uint32_t i = 0; i < s->shards_n; i++) {
        const struct store_shard *shard = store_shard_at(s, i);
        u.recoveries += shard->recoveries;
        if (shard->is_closed) continue;
        u.bytes += (uint64_t)shard->heap.used_units * SHARD_UNIT;
        u.items += shard->items;
        u.puts += shard->puts;
        u.evictions += shard->evictions;
        u.evicted_unfetched += shard->evicted_unfetched;
        u.expired += shard->expired;
        u.expired_unfetched += shard->expired_unfetched;
        u.flushed += shard->flushed;
        u.refused += shard->refused;
    }
    return u;
}

/* --- walks ----------------------------------------------------------------------------------------- */

static void walk_buckets(struct store *s, struct store_shard *shard, uint32_t from, int64_t now,
                         store_walk_fn *each, void *context)
{
    const uint32_t *buckets = shard_at(shard, shard->buckets);
    uint8_t epoch = store_epoch(s, now);
    for (uint32_t i = from; i < shard->buckets_n && i < from + WALK_AT_ONCE; i++) {
        const struct store_item *item = shard_item(shard, buckets[i]);
        for (; item; item = shard_item(shard, item->next))
            if (!item_is_over(item, epoch, now)) each(context, item);
    }
}

/* A cursor is the number of a shard, and of a bucket in it. */
uint64_t store_walk(struct store *s, uint64_t cursor, int64_t now, store_walk_fn *each,
                    void *context)
{
    uint32_t at = (uint32_t)cursor;
    uint64_t i = cursor >> 32;
    if (i >= s->shards_n) return 0;
    struct store_shard *shard = store_shard_at(s, (uint32_t)i);
    shard_lock(shard);
    if (!shard->is_closed) walk_buckets(s, shard, at, now, each, context);
    bool ends = shard->is_closed || at + WALK_AT_ONCE >= shard->buckets_n;
    shard_unlock(shard);
    if (!ends) return cursor + WALK_AT_ONCE;
    return i + 1 < s->shards_n ? (i + 1) << 32 : 0;
}
