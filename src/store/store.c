/* Operations on one key. Each is a few steps (store/undo.h): a step ends in store_make, store_put, store_remove and store_end, and where
 * others go for a new item. So what a caller changes in an item before store_put or store_end is there as a whole, or not at all.
 *
 * A hit writes no step: when it was used, that it was fetched, and how often are words of which each value is valid. */
#include "store/store.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "placement/hash.h"
#include "store/shard.h"
#include "store/undo.h"

/* --- a store --------------------------------------------------------------------------------------- */

enum { SHARD_LEAST = 256 * 1024 };

/* As many shards as leave room in each for four of the largest values. */
static uint32_t shards_for(uint64_t size, uint64_t largest)
{
    uint64_t least = 4 * largest > SHARD_LEAST ? 4 * largest : SHARD_LEAST;
    uint32_t n = 1;
    while (n < SHARDS_MOST && size / (2 * n) >= least) n *= 2;
    return n;
}

static uint64_t largest_of(const struct store_settings *settings)
{
    uint64_t largest = settings->size / 2;
    if (largest > STORE_VALUE_MAX) largest = STORE_VALUE_MAX;
    return settings->max_value < largest ? settings->max_value : largest;
}

void store_lay_out(struct store *s, const struct store_settings *settings)
{
    assert(settings->size >= STORE_LEAST && settings->size <= STORE_MOST);
    s->size = settings->size;
    s->max_value = settings->max_value;
    s->largest = largest_of(settings);
    s->policy = settings->policy;
    s->shards_n = shards_for(s->size, s->largest);
    s->shard_bytes = (s->size - sizeof *s) / s->shards_n / 64 * 64;
    assert(s->largest < s->shard_bytes - shard_overhead(s->shard_bytes, settings->policy));
    for (uint32_t i = 0; i < s->shards_n; i++) {
        shard_lock_init(&store_shard_at(s, i)->lock);
        shard_open(s, store_shard_at(s, i));
    }
}

struct store *store_create(const struct store_settings *settings)
{
    void *memory = mmap(NULL, settings->size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    store_lay_out(memory, settings);
    return memory;
}

void store_destroy(struct store *s)
{
    if (s) munmap(s, s->size);
}

/* --- an operation ---------------------------------------------------------------------------------- */

void store_begin(struct store_op *op, struct store *s, const void *key, size_t len, int64_t now)
{
    assert(len > 0 && len <= STORE_KEY_MAX && now >= 0);
    op->store = s;
    op->key = key;
    op->key_len = len;
    op->hash = hash_bytes64(HASH_XXH3, key, len, 0);
    op->shard = store_shard_at(s, (uint32_t)(op->hash >> 32) & (s->shards_n - 1));
    op->now = now;
    op->kept = NULL;
    op->span_item = NULL;
    shard_lock(op->shard);
}

void store_end(struct store_op *op)
{
    shard_unlock(op->shard);
}

struct store_item *store_find(struct store_op *op)
{
    struct store_shard *shard = op->shard;
    if (shard->is_closed) return NULL;
    struct store_item *item = shard_find(shard, (uint32_t)op->hash, op->key, op->key_len);
    uint8_t epoch = store_epoch(op->store, op->now);
    if (!item || !item_is_over(item, epoch, op->now)) return item;
    shard->counts[item->epoch == epoch ? STORE_COUNT_get_expired : STORE_COUNT_get_flushed]++;
    shard_reclaim(shard, item, op->now);
    shard_commit(shard);
    return NULL;
}

void store_use(struct store_op *op, struct store_item *item)
{
    uint32_t now = (uint32_t)op->now;
    if (item->used != now) item->used = now;
    if (!(item->links.marks & STORE_FETCHED)) item->links.marks |= STORE_FETCHED;
    policy_use(op->shard, item);
}

void store_keep(struct store_op *op, struct store_item *item)
{
    op->kept = item;
}

uint64_t store_next_cas(struct store_op *op)
{
    return __atomic_add_fetch(&op->store->cas, 1, __ATOMIC_RELAXED);
}

/* Takes `old` out, in whose place `made` comes. */
static void replace(struct store_op *op, struct store_item *old, struct store_item *made)
{
    struct store_shard *shard = op->shard;
    if (item_is_over(old, store_epoch(op->store, op->now), op->now)) {
        shard_reclaim(shard, old, op->now);
        policy_add(shard, made);
        return;
    }
    policy_replace(shard, old, made);
    shard_unlink(shard, old);
}

void store_put(struct store_op *op, struct store_item *made)
{
    struct store_shard *shard = op->shard;
    struct store_item *old = shard_find(shard, (uint32_t)op->hash, op->key, op->key_len);
    assert(shard->making == shard_ref(shard, made));
    made->cas = store_next_cas(op);
    made->epoch = store_epoch(op->store, op->now);
    undo_set32(shard, &shard->making, 0);
    if (old)
        replace(op, old, made);
    else
        policy_add(shard, made);
    shard_link(shard, made);
    shard->puts++;
    op->kept = NULL;
    op->span_item = NULL;
    shard_commit(shard);
}

void store_remove(struct store_op *op, struct store_item *item)
{
    policy_leave(op->shard, item);
    shard_unlink(op->shard, item);
    if (op->kept == item) op->kept = NULL;
    op->span_item = NULL;
    shard_commit(op->shard);
}

/* --- fields ---------------------------------------------------------------------------------------- */

void store_set_flags(struct store_op *op, struct store_item *item, uint32_t flags)
{
    undo_set32(op->shard, &item->flags, flags);
}

/* soonest first: it may be too early, but never too late. */
void store_set_expires(struct store_op *op, struct store_item *item, int64_t expires)
{
    struct store_shard *shard = op->shard;
    uint32_t at = expires < 0 ? 1 : expires > UINT32_MAX ? UINT32_MAX : (uint32_t)expires;
    if (at != 0 && at < shard->soonest) shard->soonest = at;
    if (at != 0 && at < shard->soonest_next) shard->soonest_next = at;
    undo_set32(shard, &item->expires, at);
}

void store_set_cas(struct store_op *op, struct store_item *item, uint64_t cas)
{
    undo_set64(op->shard, &item->cas, cas);
}

void store_set_marks(struct store_op *op, struct store_item *item, uint8_t set, uint8_t clear)
{
    uint8_t marks = (uint8_t)((item->links.marks & ~clear) | set);
    assert(((set | clear) & STORE_EXTENTS) == 0);
    undo_set8(op->shard, &item->links.marks, marks);
}
