/* totals: statistics that several servers have, each name once, its values combined by their rule (stat_rule.h).
 *
 * Embedded in its owner, who releases it. Sums are exact up to 64 bits. I6: it has at most so many names as totals_init is told;
 * further ones are dropped, as are names of more than 255 bytes and values of more than 1024. One worker.
 */
#ifndef MOONGATE_CLIENT_TOTALS_H
#define MOONGATE_CLIENT_TOTALS_H

#include "net/outq.h"

struct totals_row;

/* Invariant: n is the length of the list, which is in the order of slab classes; rows of none come last. */
struct totals {
    struct totals_row *first, *last;
    struct totals_row *hint; /* the one found last */
    uint32_t n, most;
};

void totals_init(struct totals *t, uint32_t most);
void totals_release(struct totals *t);

/* All rows of `from` replace those of t; `from` is empty afterwards. */
void totals_replace(struct totals *t, struct totals *from);

/* One server's value of a name. */
void totals_add(struct totals *t, const char *name, size_t name_len, const char *value,
                size_t value_len);

/* Adds all rows of `from`. */
void totals_add_all(struct totals *t, const struct totals *from);

/* The number that the name has; `otherwise` if it has none. */
uint64_t totals_number(const struct totals *t, const char *name, uint64_t otherwise);

/* True: the name is left out. */
typedef bool totals_skip_fn(const char *name, size_t len);

/* Appends a STAT line for each name: those of the lowest slab class first, each class in the order in which its names came. Programs
 * take the class of the last line for the highest (memcached-tool). skip may be NULL. */
void totals_print(const struct totals *t, totals_skip_fn *skip, struct outq *to);

#endif
