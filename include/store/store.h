/* store: items that moongate keeps itself: keys, values, client flags, lifetimes, cas numbers, in memory that all workers share.
 *
 * The master makes the region before it forks, and destroys it; the region owns its stores. A store that store_create makes is this
 * process's alone, and store_destroy frees it. Items belong to their store. Every process that has the memory may use a store; one that
 * dies at any instruction stops no other, tears no value, and loses no item but, perhaps, the one that it was about to store. No loop, no
 * sockets. How that is done: src/store/README.md.
 *
 * I6: all that a store has (heads, index, queues, items) lies within `size` bytes. When they are full, items go, by the policy.
 *
 * Why not the dictionaries of mg.shared (base/shared.h): they keep Lua's values in pieces of 64 bytes under one lock, write lists at each
 * read, and are emptied when a process dies in the middle of a change. A cache of gigabytes must not be.
 */
#ifndef MOONGATE_STORE_STORE_H
#define MOONGATE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/item.h"
#include "store/policy.h"

struct store;
struct store_shard;
struct store_region;

enum { STORE_KEY_MAX = 250, STORE_NAME = 64, STORES_MAX = 64 };

#define STORE_LEAST     ((uint64_t)64 << 10) /* bytes of the smallest store */
#define STORE_MOST      ((uint64_t)512 << 30)
#define STORE_VALUE_MAX ((uint64_t)1 << 30) /* bytes; no store takes a larger value */

struct store_settings {
    uint64_t size;      /* bytes, STORE_LEAST to STORE_MOST */
    uint64_t max_value; /* bytes; above half of the store (or STORE_VALUE_MAX) it means that */
    enum store_policy policy;
};

/* --- stores ---------------------------------------------------------------------------------------- */

/* Maps a region in which stores of `room` bytes in all may lie. Pages are taken as stores fill. fd: as region_create. NULL with errno. */
struct store_region *store_region_create(uint64_t room, int *fd);

/* Maps the region that another process made in that file, with its stores. NULL: it is laid out otherwise. */
struct store_region *store_region_adopt(int fd);

/* Unmaps it, in this process. NULL is allowed. */
void store_region_destroy(struct store_region *r);

/* Its room in bytes. */
uint64_t store_region_room(const struct store_region *r);

/* The store of that name (1..STORE_NAME - 1 bytes) and those settings; made, and empty, when there is none. One of the same name with other
 * settings stays beside it until store_keep_only. NULL: it cannot be made; then *wrong is a static sentence that says why. */
struct store *store_open(struct store_region *r, const char *name, size_t len,
                         const struct store_settings *settings, const char **wrong);

/* The open stores, from *at = 0 on, which it counts up; NULL after the last. *name (NULL: not wanted) is the region's. Takes no lock: one
 * that is made or closed meanwhile may be left out. */
struct store *store_region_next(struct store_region *r, uint32_t *at, const char **name);

/* Stores but those are emptied and closed, and their pages go back to the system. A process that still has one of them may go on: it finds
 * nothing there, and can store nothing. Its place is used again, for other stores, at the second call that does not name it: until then, no
 * process may use it any more. */
void store_keep_only(struct store_region *r, struct store *const *named, size_t n);

/* One of this process alone. NULL with errno. */
struct store *store_create(const struct store_settings *settings);
void store_destroy(struct store *s);

/* Seconds since 1970, of a clock that never jumps: the same in each process that has the region. NULL: this process's own. */
int64_t store_clock(const struct store_region *r);

/* --- one operation ----------------------------------------------------------------------------------- */

/* The shard of a key, locked, from store_begin to store_end. In between nothing may wait. Items are valid until then, or until a call below
 * that may remove them: store_make, store_put, store_remove. The caller owns the struct; the fields are the store's. */
struct store_op {
    struct store *store;
    struct store_shard *shard;
    const uint8_t *key; /* the caller's, for the whole operation */
    size_t key_len;     /* 1..STORE_KEY_MAX */
    uint64_t hash;
    int64_t now;
    struct store_item *kept; /* store_make does not evict it */
    const struct store_item
        *span_item; /* the extent that was read or written last, and where in the value it begins */
    uint32_t span_extent;
    size_t span_from;
};

/* `now` as store_clock says it. */
void store_begin(struct store_op *op, struct store *s, const void *key, size_t len, int64_t now);

/* What was done is valid for all from here on. An item that was made and not put is gone. */
void store_end(struct store_op *op);

/* The key's item. NULL: there is none, or it has expired or was flushed. It does not count as a use. */
struct store_item *store_find(struct store_op *op);

/* A hit: it was used now, was fetched, and the policy learns of it. */
void store_use(struct store_op *op, struct store_item *item);

/* store_make will not evict it. NULL: none; otherwise it is to be called at most once an operation. */
void store_keep(struct store_op *op, struct store_item *item);

/* A new item for the key, with a value of so many bytes, which the caller writes; flags 0, no marks, and it never expires. It is not linked
 * yet: no one finds it. Other items go if they must, also the key's own unless it is kept. NULL: the value is larger than the store takes,
 * or there is no room beside the kept item; then nothing has changed but that others may have gone. */
struct store_item *store_make(struct store_op *op, uint64_t value_len);

/* Links it, in the place of the key's item if there is one; gives it the next cas number of the store. */
void store_put(struct store_op *op, struct store_item *made);

/* The key's item, which store_find gave. */
void store_remove(struct store_op *op, struct store_item *item);

/* --- an item (its fields are read with the functions of store/item.h) ---------------------------------- */

void store_set_flags(struct store_op *op, struct store_item *item, uint32_t flags);

/* expires: seconds as `now`; 0: never; below 0: long ago. */
void store_set_expires(struct store_op *op, struct store_item *item, int64_t expires);
void store_set_cas(struct store_op *op, struct store_item *item, uint64_t cas);

/* The next number of the store. */
uint64_t store_next_cas(struct store_op *op);

/* Sets and clears marks (bits of enum store_mark). */
void store_set_marks(struct store_op *op, struct store_item *item, uint8_t set, uint8_t clear);

/* The value's bytes from `at` on that lie in one piece: *to, until the operation ends. 0: at is the value's length. */
size_t store_value_span(struct store_op *op, const struct store_item *item, size_t at,
                        const uint8_t **to);

/* Copies len bytes of the value from `at` on. */
void store_value_read(struct store_op *op, const struct store_item *item, size_t at, void *to,
                      size_t len);

/* Into an item that is made and not put yet. */
void store_value_write(struct store_op *op, struct store_item *made, size_t at, const void *bytes,
                       size_t len);

/* Into an item that is linked: at most STORE_CHANGE_MOST bytes, all of them or, if the process dies, none. */
enum { STORE_CHANGE_MOST = 64 };
void store_value_change(struct store_op *op, struct store_item *item, size_t at, const void *bytes,
                        size_t len);

/* --- the whole store ----------------------------------------------------------------------------------- */

/* All items that are stored now are absent; `after` seconds from now, all that were stored until then. A later call takes the place of one
 * whose time has not come. */
void store_flush(struct store *s, int64_t now, int64_t after);

/* Removes items that have expired or were flushed: looks at so many places of the index at most, from where the last call of any process
 * ended. Costs next to nothing while nothing can have expired. False: there was nothing to do. To be called ten times a second with
 * store_crawl_steps: then all items are looked at every 20 seconds, sooner if several processes do so. A call takes a few milliseconds at
 * most; so a pass through more than 1.6 million items takes longer. */
bool store_crawl(struct store *s, int64_t now, uint32_t steps);
uint32_t store_crawl_steps(const struct store *s);

/* Numbers of all shards. Those behind `items` count since the store was made. Never waits: while others change the store, they may be of
 * several moments. */
struct store_usage {
    uint64_t size, max_value;   /* as store_open took them; max_value: the largest that it takes */
    uint64_t bytes;             /* of `size`, that items take, with all that belongs to them */
    uint64_t items;             /* those that have expired and are not reclaimed yet included */
    uint64_t puts;              /* items stored */
    uint64_t evictions;         /* went for others, before their time */
    uint64_t evicted_unfetched; /* of those: never found */
    uint64_t expired;           /* removed as their time had come */
    uint64_t expired_unfetched;
    uint64_t flushed;    /* removed as they were flushed */
    uint64_t refused;    /* no room was found, or too large */
    uint64_t recoveries; /* locks that came from a process that had died */
};
struct store_usage store_usage(struct store *s);

/* Calls `each` for the items of some places of the index from `cursor` on (0: from the start), with the shard's lock held; it may read the
 * item and nothing else. Returns the next cursor; 0: that was all. An item that is there all the time is seen once. */
typedef void store_walk_fn(void *context, const struct store_item *item);
uint64_t store_walk(struct store *s, uint64_t cursor, int64_t now, store_walk_fn *each,
                    void *context);

/* True when all invariants hold. Walks through all memory: for tests. */
bool store_is_sane(struct store *s);

#endif
