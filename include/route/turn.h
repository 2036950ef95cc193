/* turn: what one turn of the loop gathers, and the only place where it is acted on.
 *
 * One a worker, which owns it. Fronts (the clients, see client/clients.h) put requests into its slots while they read; turn_end routes
 * them all with one call into the script, sends them, writes to every backend that has something to write, lets the front write to
 * its clients, and forgets the turn's memory. It knows no client: outcomes go to receivers, and the front settles.
 */
#ifndef MOONGATE_ROUTE_TURN_H
#define MOONGATE_ROUTE_TURN_H

#include <ev.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/board.h"
#include "net/outq.h"
#include "route/receiver.h"
#include "route/routes.h"

struct flow;

/* How many requests are routed at once: of clients, and of legs that are put to functions beside them. */
enum { TURN_SLOTS = 2048, TURN_CLIENT_SLOTS = TURN_SLOTS - 128 };

/* Settles what is dirty: writes to its peers, and closes those that are done. It may put further requests into slots. Called by
 * turn_end, once or several times, after servers were written to. Owned by this floor, given by the front. */
typedef void turn_settle_fn(void *front);

struct turn_limits {
    size_t max_value;      /* bytes of a value that a client may store */
    size_t function_bytes; /* that a function which waits may hold, above one value */
    bool strict_keys;      /* no control bytes in keys */
};

struct turn {
    struct ev_loop *loop;
    struct backends *backends;
    struct board_row *row;
    struct arena *arena;
    struct turn_limits limits;
    struct generation *generation; /* the current one; then those that end */
    client_trace_fn *trace;
    turn_settle_fn *settle; /* NULL: there is no front */
    void *front;
    struct request *slots; /* TURN_SLOTS; [0..used) wait for their route */
    struct answer *answers;
    uint32_t used;
    double now;         /* as backends.now */
    struct flow *flows; /* all */
    struct flow *later,
        **later_end; /* made by the script while it was asked: begun with the slots */
    bool is_ending;  /* no call is made any more */
    bool abandoned;  /* a client went that was owed something: what only it wanted may end */
};

void turn_init(struct turn *t, struct ev_loop *loop, struct arena *arena, struct backends *backends,
               struct board_row *row, const struct turn_limits *limits);

/* The clients are gone (clients_release). Ends every flow, closes every connection to a server, and lets the scripts it adopted go. */
void turn_release(struct turn *t);

/* Takes over the caller's count of g, whose routes decide from now on. */
void turn_adopt(struct turn *t, struct generation *g);

/* The request in a slot is decided: its bytes may go at any time. A script that kept it shall find none. */
void turn_forget(struct request *r);

/* The next free slot; routes and sends what is there when all are taken. */
struct request *turn_slot(struct turn *t);

/* Routes and sends what the slots hold; nothing is written yet and the arena stays. */
void turn_route(struct turn *t);

/* Room in the arena for reading n bytes; routes early where there is none. */
void turn_make_room(struct turn *t, size_t n);

/* Routes, sends, writes to servers and settles, until nothing waits; then forgets the turn's memory. Before the loop sleeps; with
 * clients through clients_end_turn. */
void turn_end(struct turn *t);

#endif
