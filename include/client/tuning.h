/* tuning: what `slabs`, `lru`, `lru_crawler`, `cache_memlimit` and `watch` answer in front of stores alone.
 *
 * Owns nothing; the line that is returned is static. One worker. In front of servers these commands are refused: see local.c.
 */
#ifndef MOONGATE_CLIENT_TUNING_H
#define MOONGATE_CLIENT_TUNING_H

#include "client/stores.h"

/* The script in use has a store, and no server. */
bool tuning_is_for_stores(const struct turn *t);

/* The answer to one of these commands, which is no dump. *is_loud: its noreply is a word like others. */
const char *tuning_answer(const struct turn *t, const struct request *r, bool *is_loud);

#endif
