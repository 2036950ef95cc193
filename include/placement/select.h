/* select: the kinds of selector, one a distribution; see selector.h. Constant. */
#ifndef MOONGATE_PLACEMENT_SELECT_H
#define MOONGATE_PLACEMENT_SELECT_H

#include "placement/selector.h"

#define X(name, text, meaning) extern const struct selector_kind select_##text;
DISTRIBUTIONS(X)
#undef X

enum {
    SELECT_TEXT_MAX = 512
}; /* bytes of what is hashed for a point: a server's name and a number */

/* The places that each 1 of weight makes; see struct selector_kind. */
uint32_t select_points(const struct selector_kind *kind, const struct selector_settings *settings);

double select_total_weight(const struct selector_server *servers, uint32_t n);

/* Ketama's points: four of each digest, MD5 of "name-k" for k from 0; and how many digests a weight is worth to ketama. */
void select_add_digests(struct ring *ring, const char *name, uint32_t server, uint32_t digests);
uint32_t select_ketama_digests(double weight, double total, uint32_t servers);

/* Points that are the pool's hash of "name-k", for k from 0. */
void select_add_hashed(struct selector *s, const char *name, uint32_t server, uint32_t points);

/* For kinds whose `own` is one piece of memory (a release function). */
void select_free_own(struct selector *s);

/* For kinds whose answer is a point of s->ring: the point for the key's hash (a pick function). */
void select_on_ring(const struct selector *s, const void *key, size_t len,
                    struct selector_choice *choice);

/* Where jump puts a 64-bit hash, 0..servers-1. */
uint32_t select_jump_place(uint64_t hash, uint32_t servers);

#endif
