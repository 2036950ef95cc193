/* exposition_stores: the numbers of stores among the metrics (exposition.h).
 *
 * Writes to a stream of the caller's, and owns nothing. Takes no lock in a store.
 */
#ifndef MOONGATE_MASTER_EXPOSITION_STORES_H
#define MOONGATE_MASTER_EXPOSITION_STORES_H

#include <stdio.h>

#include "master/storage.h"

/* Of the stores of the script in use. */
void exposition_stores(const struct storage *s, FILE *to);

#endif
