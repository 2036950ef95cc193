/* drain: a worker's way out: what was received is answered, clients get a moment to close their side, and the loop ends. One
 * that another has replaced gives its clients back to the master instead, each when it is owed nothing: they see nothing of it.
 *
 * Owned by its worker, once, from the first order or signal that asks for it.
 */
#ifndef MOONGATE_WORKER_DRAIN_H
#define MOONGATE_WORKER_DRAIN_H

#include <ev.h>
#include <stdbool.h>

struct client;
struct worker;

struct drain {
    bool is_orphan; /* the master is gone */
    bool is_on;
    bool gives_back;     /* clients to the master */
    bool is_full;        /* the last one found no room in the channel */
    double until;        /* as turn.now; INFINITY: no limit */
    double linger_until; /* when clients that were answered are closed; moves while any is not */
    ev_timer look;
    ev_io room; /* in the channel, for clients that have not begun to move */
};

void drain_init(struct worker *w);

/* limit in seconds, INFINITY for none. A second call does nothing. */
void drain_begin(struct worker *w, double limit);

/* The same for one that was replaced; drain_begin may still follow, when the master itself ends. */
void drain_retire(struct worker *w, double limit);

/* For a client that comes after the drain has begun. */
void drain_take(struct worker *w, struct client *c);

/* At the end of each turn: ends the worker once nothing is owed, or the limit has come. Nothing while none has begun. */
void drain_look(struct worker *w);

#endif
