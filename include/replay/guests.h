/* guests: the other ends of a player's connections: guests, which are clients of the recording, and links, behind which fakes stand.
 *
 * For the files of the player, which owns both kinds and frees them at the end of the turn in which they have ended. One process.
 */
#ifndef MOONGATE_REPLAY_GUESTS_H
#define MOONGATE_REPLAY_GUESTS_H

#include "replay/player.h"
#include "replay/wire.h"

enum { CAS_KEPT = 16 };

/* The cas numbers that a client was given last. */
struct given_cas {
    uint64_t key, cas;
};

/* A client of the recording. Invariant: first is NULL exactly when it waits for nothing. */
struct guest {
    struct wire wire; /* first */
    struct player *player;
    struct guest *next;          /* with the same hash */
    struct guest *newer, *older; /* by use */
    struct asked *first, *last;
    struct hearing hearing; /* of the answer to the first */
    uint64_t number;
    struct given_cas cas[CAS_KEPT];
    uint32_t cas_n;
};

/* A connection of the worker to a fake. */
struct link {
    struct wire wire; /* first */
    struct link *next;
    struct player *player;
    struct fake *fake;
    struct fake_talk talk;
};

/* A wire_take_fn of guests: reads answers, and tells them. */
size_t guest_take(struct wire *w, const uint8_t *bytes, size_t len);

/* All that it waits for ends with that error. */
void guest_end(struct guest *g, const char *why);

/* It waits for nothing, and its connection ends. */
void guest_leaves(struct player *p, struct guest *g);

/* A wire_take_fn of links: the fake answers. And a backend_dial_fn, about a player, which makes one. */
size_t link_take(struct wire *w, const uint8_t *bytes, size_t len);
int link_dial(void *about, const struct backend *b, int *fd);

/* It has something to write, in the next turn. */
void player_mark(struct player *p, struct wire *w);

#endif
