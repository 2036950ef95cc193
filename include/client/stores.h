/* stores: what the script's own stores (mg.store) answer where a client asks for the whole tier, beside what its servers say.
 *
 * Owns nothing. One worker; the numbers of a store are those of all workers.
 */
#ifndef MOONGATE_CLIENT_STORES_H
#define MOONGATE_CLIENT_STORES_H

#include "base/board.h"
#include "client/totals.h"
#include "route/turn.h"
#include "store/store.h"

/* The stores of the script in use, each once, in the order in which it names them. Returns how many. */
uint32_t stores_of(const struct turn *t, struct store *to[STORES_MAX]);

/* flush_all, `delay` seconds from now, as memcached reads that; it counts as a write of all keys. */
void stores_flush(struct turn *t, int64_t delay);

/* What memcached says of items in `stats` and in `stats settings`. */
void stores_add_stats(const struct turn *t, const struct board *board, struct totals *to);
void stores_add_settings(const struct turn *t, struct totals *to);

/* `stats reset`: what is counted in `stats` begins at zero again, over all workers. */
void stores_reset(const struct turn *t, struct board *board);

/* The same in `stats items`, `slabs` and `sizes`. A store has no slab classes: all of its items are in class 1. */
void stores_add_items(const struct turn *t, struct totals *to);
void stores_add_slabs(const struct turn *t, struct totals *to);
void stores_add_sizes(const struct turn *t, struct totals *to);

#endif
