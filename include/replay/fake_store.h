/* fake_store: items in memory, as a memcached keeps them: keys, values, client flags, lifetimes, cas numbers, and within a bound, over which
 * those go that were not used for the longest time. No sockets, no protocol.
 *
 * Who creates a store destroys it. Items belong to the store, and an item is valid until the next call that may remove it: put, remove,
 * flush, destroy, or a find of the same key. One process; time is what `now` says, which the owner sets.
 */
#ifndef MOONGATE_REPLAY_FAKE_STORE_H
#define MOONGATE_REPLAY_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of an item besides its contents, as bits. */
enum fake_mark {
    FAKE_FETCHED = 1, /* it was found since it was stored */
    FAKE_STALE = 2,   /* it was invalidated, and is still there */
    FAKE_WON = 4,     /* a client was asked to renew it */
    FAKE_BINARY = 8   /* its key came in base64 */
};

struct fake_item {
    struct fake_item *next;          /* with the same place in the table */
    struct fake_item *older, *newer; /* by use */
    uint64_t hash, cas;
    int64_t expires; /* as store.now; 0: never */
    int64_t stored, used;
    uint32_t flags; /* the client's */
    uint32_t value_len;
    uint16_t key_len;
    uint8_t marks;   /* bits of enum fake_mark */
    uint8_t bytes[]; /* the key, then the value */
};

/* I6: bytes is at most limit. Invariant: items is the length of the list from newest to oldest; bytes is what they take. */
struct fake_store {
    int64_t now;    /* seconds since 1970 */
    uint64_t cas;   /* the last number that was given */
    uint64_t limit; /* bytes */
    uint64_t bytes, items;
    uint64_t evictions, expired; /* so far */
    int64_t flush_at;            /* what was stored before then goes when it comes; 0: nothing */
    struct fake_item *newest, *oldest;
    struct fake_item **table;
    uint64_t table_n; /* a power of two */
};

struct fake_store *fake_store_create(uint64_t limit);
void fake_store_destroy(struct fake_store *s);

/* The item, or NULL: there is none, or it has expired. It does not count as a use. */
struct fake_item *fake_store_find(struct fake_store *s, const void *key, size_t len);

/* It is the one that was used last. */
void fake_store_use(struct fake_store *s, struct fake_item *item);

/* Makes an item in the place of one that may be there; its value is the caller's to fill. It has a new cas number, no marks, no flags, and
 * never expires. NULL: it is larger than the store; then the old item is gone, too. */
struct fake_item *fake_store_put(struct fake_store *s, const void *key, size_t len,
                                 size_t value_len);

void fake_store_remove(struct fake_store *s, struct fake_item *item);

/* Removes all items; `after` seconds from now, those that were stored before then. */
void fake_store_flush(struct fake_store *s, int64_t after);

/* When an item ends to which a client gives that time, as memcached reads it: 0 never, below 0 at once, up to 30 days from now on, else
 * seconds since 1970. As fake_item.expires. */
int64_t fake_store_expiry(const struct fake_store *s, int64_t asked);

static inline uint8_t *fake_item_value(struct fake_item *item)
{
    return item->bytes + item->key_len;
}

#endif
