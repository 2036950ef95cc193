#include "client/dump_stores.h"

#include "client/state.h"
#include "route/generation.h"

enum { STEPS = 16 }; /* of a walk through a store in a turn */

/* What a line goes to. */
struct putting {
    struct client *client;
    const struct dump_order *order;
    uint64_t *passed;
};

/* A store_walk_fn: a part of the store is locked meanwhile. Copies have keys that no client has given. */
static void put_item(void *context, const struct store_item *item)
{
    char line[DUMP_ITEM_ROOM];
    const struct putting *p = context;
    uint8_t marks = store_item_marks(item);
    struct dump_item shown = {.key = store_item_key(item),
                              .key_len = store_item_key_len(item),
                              .value_len = store_item_value_len(item),
                              .bytes = store_item_bytes(item),
                              .expires = store_item_expires(item),
                              .used = store_item_used(item),
                              .cas = store_item_cas(item),
                              .was_fetched = marks & STORE_FETCHED,
                              .is_base64 = marks & STORE_BINARY};
    if (marks & STORE_COPY || dump_order_has_enough(p->order, *p->passed)) return;
    size_t len = dump_order_item(p->order, &shown, line);
    if (len == 0) return;
    outq_append(&p->client->out, line, len);
    ++*p->passed;
}

void dump_stores_begin(struct dump_stores *d, struct turn *t)
{
    *d = (struct dump_stores){.n = 0};
    if ((d->n = stores_of(t, d->all))) d->generation = generation_take(t->generation);
}

void dump_stores_end(struct dump_stores *d)
{
    if (d->generation) generation_give(d->generation);
    d->generation = NULL;
}

/* I6: as much as the client has room for, and so many steps a turn. */
enum dump_stores_status
dump_stores_put(struct dump_stores *d, struct client *c, const struct dump_order *o,
                uint64_t *passed, /* NOLINT(readability-non-const-parameter): p counts there */
                size_t most)
{
    struct putting p = {c, o, passed};
    int64_t now = store_clock(c->turn->stores);
    client_mark_dirty(c);
    for (int steps = 0; d->at < d->n && !dump_order_has_enough(o, *passed); steps++) {
        if (c->out.bytes >= most) return DUMP_STORES_HELD;
        if (steps == STEPS) return DUMP_STORES_RESTS;
        d->cursor = store_walk(d->all[d->at], d->cursor, now, put_item, &p);
        if (d->cursor == 0) d->at++;
    }
    dump_stores_end(d);
    return DUMP_STORES_DONE;
}
