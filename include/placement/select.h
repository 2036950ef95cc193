/* select: the kinds of selector, one for each distribution, and what they share. Constant; nothing here is owned.
 *
 * For src/placement alone: others use selector.h. */
#ifndef MOONGATE_PLACEMENT_SELECT_H
#define MOONGATE_PLACEMENT_SELECT_H

#include "placement/selector.h"

#define X(name, text, meaning) extern const struct selector_kind select_##text;
DISTRIBUTIONS(X)
#undef X

/* Bytes of what is hashed for a point: a server's name and a number. */
enum { SELECT_TEXT_MAX = 512 };

/* The places for each 1 of weight; see struct selector_kind. */
uint32_t select_points(const struct selector_kind *kind, const struct selector_settings *settings);

/* The sum of the weights. */
double select_total_weight(const struct selector_server *servers, uint32_t n);

/* The text of a point, "name-k", without printf, since a ring has many: its beginning is written once, which returns how long it is; then
 * the number behind it, for each point, which returns the length of all. */
size_t select_begin_text(char text[SELECT_TEXT_MAX], const char *name);
size_t select_end_text(char text[SELECT_TEXT_MAX], size_t begin_len, uint32_t k);

/* Adds ketama's points: four from each digest, MD5 of "name-k" for k from 0. And the number of digests that ketama gives to
 * a weight, in float arithmetic; total is the sum of all weights. */
void select_add_digests(struct ring *ring, const char *name, uint32_t server, uint32_t digests);
uint32_t select_ketama_digests(double weight, double total, uint32_t servers);

/* Adds points that are the pool's hash of "name-k", for k from 0. */
void select_add_hashed(struct selector *s, const char *name, uint32_t server, uint32_t points);

/* A release function, for kinds whose `own` is one piece of memory. */
void select_free_own(struct selector *s);

/* A pick function: the point of s->ring for the key's hash. */
void select_on_ring(const struct selector *s, const void *key, size_t len,
                    struct selector_choice *choice);

/* Jump consistent hash of a 64-bit hash: 0..servers-1. servers > 0. */
uint32_t select_jump_place(uint64_t hash, uint32_t servers);

#endif
