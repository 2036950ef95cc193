/* spread: how many keys each server of each pool has, and how evenly.
 *
 * Owned by the tool that counts. It owns its places, and the script must live longer.
 */
#ifndef MOONGATE_TOOLS_SPREAD_H
#define MOONGATE_TOOLS_SPREAD_H

#include <stdio.h>

#include "tools/places.h"

struct spread {
    struct places places;
    uint64_t *counts; /* one for each place */
    uint64_t keys;    /* their sum */
    uint64_t refused; /* lines that no client could send as a key; counted by the owner */
};

void spread_init(struct spread *s, const struct script *script);
void spread_release(struct spread *s);

/* Counts one explained key. */
void spread_count(struct spread *s, const struct explanation *x);

/* For people; and for programs: an object for each server, behind those of a pool one for the pool, and at the end one for all
 * keys. */
void spread_print(const struct spread *s, FILE *out);
void spread_print_json(const struct spread *s, FILE *out);

#endif
