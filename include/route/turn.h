/* turn: what one turn of the loop gathers, and the only place where it is acted on. How a turn runs: src/route/turn.c.
 *
 * One a worker, which owns it. A front (the clients, see client/clients.h) puts requests into its slots while it reads;
 * turn_end routes them all with one call into the script, sends them, writes to every server that has something to write, lets
 * the front write to its clients, and resets the turn's memory. The turn knows no client: outcomes go to receivers, and the
 * front settles.
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
struct heat;
struct seen;
struct spool_desk;
struct store_region;

/* How many requests are routed at once, and how many of those slots are for clients: the rest is for legs that must be put to
 * functions while clients' requests fill the others. */
enum { TURN_SLOTS = 2048, TURN_CLIENT_SLOTS = TURN_SLOTS - 128 };

/* Bytes: a value that is so long is stored before the next client is read. */
enum { TURN_LONG_VALUE = 32 * 1024 };

/* Settles what is dirty: writes to clients, and closes those that are done. It may put further requests into slots. turn_end
 * calls it, once or several times, after the servers were written to. The front sets it. */
typedef void turn_settle_fn(void *front);

/* Looks at what clients ask: called with the clients' requests in slots[0..used), before they are routed. The front sets it. */
typedef void turn_look_fn(void *front);

/* Who has sent a request: "user:NAME", "cert:NAME", or "": nobody in particular, or its client has gone. Valid in this turn. The front
 * sets it. */
typedef const char *turn_identity_fn(const void *front, const struct request *r);

struct turn_limits {
    struct request_rules rules; /* for what clients send and scripts rewrite */
    size_t function_bytes;      /* that a function which waits may hold, above one value */
};

/* I6: used is at most TURN_SLOTS, and what clients read lies in `arena`, which is reset each turn.
 * I1: a client's requests stand in slots[0..used) in the order in which they came, and are acted on in it.
 * Invariant (turn_sane): later_end points to the end of `later`. */
struct turn {
    struct ev_loop *loop;
    struct backends *backends;
    struct board_row *row;
    struct arena *arena;
    struct turn_limits limits;
    struct generation *generation;    /* the current one, then those that end; newest first */
    const struct route_tracer *trace; /* for explain */
    turn_settle_fn *settle;           /* NULL: there is no front */
    turn_look_fn *look;               /* NULL: nobody looks */
    turn_identity_fn *identity;       /* NULL: requests are from nobody in particular */
    void *front;
    const char *as_identity; /* whom requests are from that no client has sent: of tools; or NULL */
    struct request *slots;   /* TURN_SLOTS; [0..used) wait for their route */
    struct answer *answers;
    uint32_t used;
    double now;              /* as backends.now */
    const void *volatile in; /* the router whose script runs, or NULL: see worker/heartbeat.h */
    struct flow *flows;      /* all */
    struct flow *later, **later_end; /* made by the script, to begin with their slots: later.h */
    bool is_routing;                 /* turn_route runs: it must not be entered again */
    bool is_ending;                  /* no call is made any more */
    bool is_watched;                 /* the front notes what happens to requests: it sets this */
    const struct seen *seen;         /* NULL: nobody watches requests on their way */
    void *seen_owner; /* for whom the next call is sent at once, as in seen.h; or NULL */
    uint32_t seen_place;
    double seen_at; /* the real time when the script had decided last; only while `seen` is set */
    struct spool_desk
        *spool; /* keeps deletes, see spool.h; NULL: the script keeps none, or nobody can */
    const struct heat *heat;     /* of its clients' keys; NULL: none is known */
    struct store_region *stores; /* whose clock stores go by; NULL: there are no stores */
    int64_t store_time;          /* what that clock said at the moment store_time_at, of `now` */
    double store_time_at;
    bool is_explaining; /* a function is only followed: its request is no write */
    bool has_stores; /* routes of the current generation: they answer while requests are routed */
    bool abandoned;  /* a client has closed that was owed replies: see flows_drop */
};

void turn_init(struct turn *t, struct ev_loop *loop, struct arena *arena, struct backends *backends,
               struct board_row *row, const struct turn_limits *limits);

/* Once the front is released: finishes every flow, closes every connection to a server, and retires the generations. */
void turn_release(struct turn *t);

/* Takes over the caller's reference to g, whose routes decide from now on. What is in the slots is routed before. */
void turn_adopt(struct turn *t, struct generation *g);

/* Whose request it is, as turn_identity_fn says it. */
static inline const char *turn_identity(const struct turn *t, const struct request *r)
{
    const char *who = t->identity ? t->identity(t->front, r) : "";
    return *who || !t->as_identity ? who : t->as_identity;
}

/* Clears what a slot points to, once its request is decided: those bytes may go at any time, and a script that kept the request
 * must not find them. */
void turn_forget(struct request *r);

/* The next free slot, which the caller fills and counts (used). Routes and sends first where no slot is free. */
struct request *turn_slot(struct turn *t);

/* Routes and sends what the slots hold; writes nothing yet, and leaves the arena. Must not be called while it runs. */
void turn_route(struct turn *t);

/* Makes room in the arena for reading n bytes: where there is none, or a long value for a store is there, routes what the slots hold and resets the
 * arena. */
void turn_make_room(struct turn *t, size_t n);

/* Routes, sends, writes to servers and settles, until nothing waits; then retires generations and resets the arena. To be called
 * before the loop sleeps; where there are clients, clients_end_turn calls it. */
void turn_end(struct turn *t);

#endif
