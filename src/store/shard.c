/* A shard: its lock, its index, and the end of its items.
 *
 * The lock is a robust one: if its holder dies, the next process that wants it gets it together with EOWNERDEAD. It then takes the step back
 * in which the other one died, and gives back the blocks that belong to no item. That is all: a step leaves every invariant as it was.
 *
 * Blocks that are about to become an item, or have ceased to be one, stand in the lists `making` and `dying`. An item with extents has as
 * many blocks as it likes, and a step is bounded; so they are freed one by one, each in a step. */
#include "store/shard.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/undo.h"

/* One place of the index for so many bytes of the shard. */
enum { BUCKET_EACH = 192 };

/* --- its parts ------------------------------------------------------------------------------------- */

static uint32_t buckets_for(uint64_t shard_bytes)
{
    uint64_t n = shard_bytes / BUCKET_EACH;
    return (uint32_t)(n / 2 * 2); /* whole units */
}

uint64_t shard_overhead(uint64_t shard_bytes, enum store_policy policy)
{
    return sizeof(struct store_shard) + buckets_for(shard_bytes) * sizeof(uint32_t) +
           policy_array_bytes(policy, shard_bytes) + 2L * SHARD_UNIT;
}

void shard_open(const struct store *s, struct store_shard *shard)
{
    uint64_t array_at = sizeof *shard, array = policy_array_bytes(s->policy, s->shard_bytes);
    shard->buckets_n = buckets_for(s->shard_bytes);
    shard->buckets = (uint32_t)(array_at / SHARD_UNIT);
    array_at += shard->buckets_n * sizeof(uint32_t);
    uint64_t begin = (array_at + array + SHARD_UNIT - 1) / SHARD_UNIT;
    uint64_t end = s->shard_bytes / SHARD_UNIT - 1;
    policy_init(shard, s->policy, array_at, array, (end - begin) * SHARD_UNIT);
    heap_init(shard, (uint32_t)begin, (uint32_t)end);
    shard->soonest = shard->soonest_next = UINT32_MAX;
    shard->clean_epoch = (uint32_t)s->flush;
    __atomic_store_n(&shard->is_closed, 0, __ATOMIC_RELEASE);
}

/* --- steps ----------------------------------------------------------------------------------------- */

static void free_list(struct store_shard *shard, uint32_t *list)
{
    while (*list) {
        uint32_t ref = *list;
        undo_set32(shard, list, shard_item(shard, ref)->next);
        heap_give(shard, ref);
        undo_commit(shard);
    }
}

void shard_commit(struct store_shard *shard)
{
    undo_commit(shard);
    if (shard->dying) free_list(shard, &shard->dying);
}

void shard_forget_made(struct store_shard *shard)
{
    undo_commit(shard);
    free_list(shard, &shard->making);
}

void shard_lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
}

/* A process died with the lock. */
static void recover(struct store_shard *shard)
{
    if (!shard->is_closed) {
        undo_all(shard);
        free_list(shard, &shard->making);
        free_list(shard, &shard->dying);
    }
    shard->recoveries++;
    pthread_mutex_consistent(&shard->lock);
}

void shard_lock(struct store_shard *shard)
{
    int error = pthread_mutex_lock(&shard->lock);
    if (error == EOWNERDEAD)
        recover(shard);
    else if (error != 0)
        abort(); /* a lock that this process holds already, or memory that is no shard */
}

void shard_unlock(struct store_shard *shard)
{
    if (!shard->is_closed) {
        shard_commit(shard);
        if (shard->making) shard_forget_made(shard);
    }
    pthread_mutex_unlock(&shard->lock);
}

/* --- the index ------------------------------------------------------------------------------------- */

struct store_item *shard_find(struct store_shard *shard, uint32_t hash, const uint8_t *key,
                              size_t len)
{
    struct store_item *item = shard_item(shard, *shard_bucket(shard, hash));
    while (item &&
           (item->hash != hash || item->links.key_len != len || memcmp(item->bytes, key, len) != 0))
        item = shard_item(shard, item->next);
    return item;
}

void shard_link(struct store_shard *shard, struct store_item *item)
{
    uint32_t *bucket = shard_bucket(shard, item->hash);
    undo_set32(shard, &item->next, *bucket);
    undo_set32(shard, bucket, shard_ref(shard, item));
    undo_set32(shard, &shard->items, shard->items + 1);
}

void shard_unlink(struct store_shard *shard, struct store_item *item)
{
    uint32_t ref = shard_ref(shard, item), *link = shard_bucket(shard, item->hash);
    assert(shard->items > 0);
    while (*link != ref) link = &shard_item(shard, *link)->next;
    undo_set32(shard, link, item->next);
    undo_set32(shard, &shard->items, shard->items - 1);
    if (!(item->links.marks & STORE_EXTENTS)) {
        heap_give(shard, ref);
        return;
    }
    assert(!shard->dying);
    undo_set32(shard, &item->next, *item_extents(item));
    undo_set32(shard, &shard->dying, ref);
}

void shard_reclaim(struct store_shard *shard, struct store_item *item, int64_t now)
{
    if (item->expires != 0 && item->expires <= now) {
        shard->expired++;
        shard->expired_unfetched += !(item->links.marks & STORE_FETCHED);
    } else
        shard->flushed++;
    policy_leave(shard, item);
    shard_unlink(shard, item);
}
