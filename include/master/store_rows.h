/* store_rows: what the stores of the script in use have and have counted, at one moment: for metrics, the page, the status document.
 *
 * A struct inside another, whose owner releases it. The numbers are those of all workers; no lock is taken, so the master may look.
 */
#ifndef MOONGATE_MASTER_STORE_ROWS_H
#define MOONGATE_MASTER_STORE_ROWS_H

#include <stddef.h>

#include "store/counts.h"
#include "store/store.h"

struct storage;

struct store_row {
    char name[STORE_NAME];
    struct store_usage usage;
    uint64_t counts[STORE_COUNT_N];
};

/* n = 0: there are none; all may be NULL then. */
struct store_rows {
    struct store_row *all; /* owned */
    size_t n;
};

/* In the order in which they lie in memory. s NULL: none. */
struct store_rows store_rows_take(const struct storage *s);

void store_rows_release(struct store_rows *rows);

/* The row of that name; NULL: there is none. */
const struct store_row *store_rows_find(const struct store_rows *rows, const char *name);

#endif
