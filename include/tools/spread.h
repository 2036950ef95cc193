/* spread: how many keys each server of each pool has, and how evenly.
 *
 * Owned by the tool that counts; the places are its own.
 */
#ifndef MOONGATE_TOOLS_SPREAD_H
#define MOONGATE_TOOLS_SPREAD_H

#include <stdio.h>

#include "tools/places.h"

struct spread {
    struct places places;
    uint64_t *counts; /* one a place */
    uint64_t keys;    /* their sum */
    uint64_t refused; /* lines that are no keys; counted by the owner */
};

void spread_init(struct spread *s, const struct script *script);
void spread_release(struct spread *s);

void spread_count(struct spread *s, const struct explanation *x);

/* For people; for programs: an object a server, a pool and an end, and one for all. */
void spread_print(const struct spread *s, FILE *out);
void spread_print_json(const struct spread *s, FILE *out);

#endif
