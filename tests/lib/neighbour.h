/* neighbour: a client that knows the answers to all it asks.
 *
 * It keeps values that nobody changes, and items of its own that it alone changes; so each answer is known to the byte before it is
 * asked for. Belongs to the stage.
 */
#ifndef TESTS_LIB_NEIGHBOUR_H
#define TESTS_LIB_NEIGHBOUR_H

#include <stdbool.h>

struct neighbour;

/* What the server understands besides what all do. */
struct neighbour_server {
    bool has_meta, has_gat;
    const char *odd_flag; /* of ms: one that this version takes and not every one; NULL: none */
};

/* Connects and stores its values. */
struct neighbour *neighbour_moves_in(const char *address, struct neighbour_server server);

/* Adds one more question by chance; sends those that were added. */
void neighbour_thinks(struct neighbour *n, unsigned *seed);
void neighbour_asks(struct neighbour *n);

/* It may think of some more before it hears the answers. */
bool neighbour_has_room(const struct neighbour *n);

/* All answers to what was sent come, and nothing else. */
void neighbour_hears(struct neighbour *n);

/* Adds: all its values are as they were, and nobody has stored ROGUE_EVIL. */
void neighbour_looks_around(struct neighbour *n);

#endif
