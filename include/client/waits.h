/* waits: clients that keep moongate waiting are closed: those that do not come in (PROXY header, TLS handshake, authentication) within ENTRY_SECONDS, and
 * those that are idle for longer than --idle-timeout.
 *
 * Embedded in the set of clients, which owns it. No client has a timer: one timer for all runs while there is anything to look at. One worker.
 */
#ifndef MOONGATE_CLIENT_WAITS_H
#define MOONGATE_CLIENT_WAITS_H

#include <ev.h>
#include <stdint.h>

struct client;
struct clients;

enum { ENTRY_SECONDS = 10 };

/* A client that has begun to come in. It may have gone, or be in, when its time is over. */
struct waits_entrant {
    uint32_t number;
    double since; /* as turn.now */
};

struct waits {
    ev_timer look;
    struct waits_entrant *
        entrants; /* owned: a ring of `room` places, entrants_n used from `first` on, in the order of their coming */
    uint32_t room, first, entrants_n;
    uint32_t left;       /* clients that this look may still close; 0: the next one comes soon */
    struct client *next; /* where the next look at idle ones goes on; NULL: at the first one */
};

void waits_init(struct clients *set);

/* The limits have changed: whether it looks for idle ones follows from them. */
void waits_follow(struct clients *set);

/* c has come, and entry_is_timed. */
void waits_note_entrant(struct client *c);

/* c goes. */
void waits_forget(struct client *c);

void waits_release(struct clients *set);

#endif
