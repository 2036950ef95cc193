/* dump_stores: the part of a dump of keys that comes from the script's own stores.
 *
 * Embedded in its dump. It holds a reference to the generation whose stores it goes through, so that they are not cleared meanwhile
 * (master/storage.h), until it is done or dump_stores_end. One worker.
 */
#ifndef MOONGATE_CLIENT_DUMP_STORES_H
#define MOONGATE_CLIENT_DUMP_STORES_H

#include "client/client.h"
#include "client/dump_order.h"
#include "client/stores.h"

struct dump_stores {
    struct generation *generation; /* NULL: there are none, or they are done */
    uint32_t at, n;
    uint64_t cursor; /* in the one that is walked through */
    struct store *all[STORES_MAX];
};

void dump_stores_begin(struct dump_stores *d, struct turn *t);
void dump_stores_end(struct dump_stores *d);

static inline bool dump_stores_are_there(const struct dump_stores *d)
{
    return d->generation != NULL;
}

enum dump_stores_status {
    DUMP_STORES_DONE,
    DUMP_STORES_HELD,  /* until the client has taken something */
    DUMP_STORES_RESTS, /* for other work of this turn */
};

/* Puts lines into the client's output, while that has less than `most` bytes; *passed counts them, up to the order's limit. */
enum dump_stores_status dump_stores_put(struct dump_stores *d, struct client *c,
                                        const struct dump_order *o, uint64_t *passed, size_t most)
    __attribute__((warn_unused_result));

#endif
