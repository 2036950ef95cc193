/* flow: one request on its way through a route that is made of others. Its life is told at the head of src/route/flow.c.
 *
 * Made by flow_begin; frees itself once it is finished (its result is delivered) and no leg is out. Holds a reference to its
 * request and to its generation. One worker. Each kind of route is a struct flow_kind in a file of its own
 * (src/route/flow_*.c); the engine, flow.c, runs the legs: a leg is one child's turn at the request. A leg may end before
 * flow_leg returns.
 */
#ifndef MOONGATE_ROUTE_FLOW_H
#define MOONGATE_ROUTE_FLOW_H

#include <ev.h>

#include "route/kept.h"
#include "route/routes.h"
#include "route/turn.h"
#include "route/walk.h"

/* Where a flow's result goes, once. */
struct flow_end {
    result_fn *on_result; /* NULL: the result was delivered */
    void *owner;
    uint32_t place;
    bool (*is_awaited)(const void *owner); /* NULL: the owner always wants the result */
    /* Where the result goes of what the owner is a part of; NULL: the owner is a request's own end. */
    const struct flow_end *(*above)(const void *owner);
    /* False: the client has closed its side, so it sends nothing that could follow from the result. NULL: it may. */
    bool (*goes_on)(const void *owner);
};

struct leg {
    struct flow *flow;
    struct leg *next; /* in generation->undecided */
    uint32_t place;
    bool is_out;
    bool hands_back; /* see elsewhere_hand_back */
    struct kept
        *request;      /* the request that waits to be put to a function: a reference; else NULL */
    uint32_t function; /* the function's number */
};

/* I1: end.on_result is called once, so the request gets one result. I2: the result goes to the end that came with the request.
 * Invariant (flow_sane): running is how many legs are out; the block stays while it is above 0, or is_entered. */
struct flow {
    const struct flow_kind *kind;
    const struct route *route;
    struct generation *generation;
    struct turn *turn;
    struct kept *kept;
    struct flow_end end;
    struct flow *next;                   /* in a list of its kind's; or in generation->ready */
    struct flow *next_flow, **prev_flow; /* in turn->flows */
    uint32_t running;
    uint32_t tried; /* legs begun */
    uint32_t
        chosen; /* for its kind's use; while it is in turn->later, the slot that it waits for */
    bool is_entered;  /* its kind's code is running: it must not be freed yet */
    bool is_outlived; /* by what its kind has in its block, see flow_free */
    uint32_t legs_n;
    writes_pair plan;         /* announces a write (base/writes.h); else WRITES_NONE */
    double began;             /* as turn->now */
    struct kept_result *best; /* the best result so far, see flow_keep_best; or NULL */
    void *own; /* for its kind: own_size bytes, not cleared; where that is 0, NULL at first */
    ev_timer timer;
    struct leg legs[];
};

struct direct_kind;

struct flow_kind {
    uint32_t more_legs; /* beside one for each child */
    bool is_shared;     /* other flows may wait for this one's result */
    uint32_t own_size;  /* bytes in the flow's block, behind the legs */
    size_t state_size;  /* bytes of route->state, all zero at first; 0: none */
    /* Once a route: fills state, or makes one whose size depends on the options; the words live during the call. NULL: nothing to
     * do. */
    void (*build)(struct route *route, const struct route_word *words, uint32_t n);
    /* Once when its script comes into use in this worker, and once when another one takes its place: a kind that counts finds its
     * entry. NULL: nothing to do. */
    void (*in_use)(const struct route *route, struct board_tables *tables, bool is_used);
    /* Begins the first legs, or finishes. */
    void (*start)(struct flow *flow);
    /* A leg has ended; the flow may be finished already. result lives during the call. */
    void (*leg_done)(struct flow *flow, uint32_t place, const struct result *result);
    /* The time of flow_alarm has come. NULL: the kind sets no alarm. */
    void (*alarm)(struct flow *flow);
    /* Frees what `own` holds. NULL: nothing. */
    void (*release)(struct flow *flow);
    /* Nobody waits for the result any more: the kind may end early. NULL: it goes on. */
    void (*drop)(struct flow *flow);
    /* What it does without a flow where children[0] is a pool, see route/direct.h. NULL: nothing. */
    const struct direct_kind *direct;
    /* For explain: each child that r may go to, by walk_route; returns as that does. Nothing may change. NULL: in kinds of the
     * script floor, which no route has. */
    unsigned (*walk)(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way);
};

/* Runs `route`, which is made of others, for r, whose bytes are kept as long as they are needed. The receiver of r gets its result
 * once, perhaps before this returns. */
void flow_begin(struct turn *t, struct generation *g, const struct route *route,
                const struct request *r);

/* A flow that is not started yet, for kinds that the script floor has. Takes over the caller's reference to kept. */
struct flow *flow_create(struct turn *t, struct generation *g, const struct route *route,
                         const struct flow_kind *kind, struct kept *kept, struct flow_end end);

/* Where the result of a request in the turn's slots goes: to a client's reply or to a leg. */
struct flow_end flow_end_of(const struct request *r);

/* Calls `drop` of the flows whose results nobody awaits any more, because their client has closed (turn->abandoned). */
void flows_drop(struct turn *t);

/* Finishes every flow, with an error: moongate ends. Legs that are out go on. */
void flows_end(struct turn *t);

/* --- for kinds */

/* For a kind whose `release` set is_outlived, because calls still point into the flow's block: returns the block, now. */
void flow_free(struct flow *flow);

/* Runs a request as leg `place` through a route: flow->kept's, or another one that lives until this returns. */
void flow_leg(struct flow *flow, uint32_t place, const struct route *route,
              const struct request *r);

/* Leg `place` is out from now on; the caller runs it (leg_run) or ends it (leg_result). */
struct leg *flow_take_leg(struct flow *flow, uint32_t place);

/* Delivers the result to the flow's end; later calls do nothing. The flow lives on while legs are out. */
void flow_finish(struct flow *flow, const struct result *result);

static inline bool flow_is_finished(const struct flow *flow)
{
    return !flow->end.on_result;
}

/* Keeps a result, in place of the one kept before; and finishes with the kept one, which there must be. */
void flow_keep_best(struct flow *flow, const struct result *result);
void flow_finish_best(struct flow *flow);

/* Calls kind->alarm in so many seconds from now. A flow has one alarm: this replaces the one before. */
void flow_alarm(struct flow *flow, double seconds);

/* An alarm whose time has come in this very turn of the loop is not active any more, but pending. */
static inline void flow_no_alarm(struct flow *flow)
{
    if (ev_is_active(&flow->timer) || ev_is_pending(&flow->timer))
        ev_timer_stop(flow->turn->loop, &flow->timer);
}

/* Around calls into the kind's code: in between the flow is not freed. flow_leave frees it if it is finished and no leg is
 * out. */
void flow_enter(struct flow *flow);
void flow_leave(struct flow *flow);

/* Puts the request of a leg that waits for a function into a slot of the turn. */
void leg_fill_slot(struct leg *leg, struct request *slot);

/* Runs a leg that is out through the route that the script has chosen. */
void leg_run(struct leg *leg, const struct route *route, const struct request *r);

/* False: nobody waits for the result of that flow any more. */
bool flow_is_awaited(const struct flow *flow);

/* False: the client that waits for it sends nothing that could follow from it. */
bool flow_goes_on(const struct flow *flow);

/* The same of a leg's flow, for ends and receivers. owner: struct leg. */
static inline bool leg_is_awaited(const void *owner)
{
    return flow_is_awaited(((const struct leg *)owner)->flow);
}

static inline bool leg_goes_on(const void *owner)
{
    return flow_goes_on(((const struct leg *)owner)->flow);
}

/* Where the result of that leg's flow goes. owner: struct leg. */
static inline const struct flow_end *leg_above(const void *owner)
{
    return &((const struct leg *)owner)->flow->end;
}

/* Ends a leg (a result_fn). owner: struct leg; its own place counts, not the one that is given. */
void leg_result(void *owner, uint32_t place, const struct result *result);

/* --- kinds */

/* As route/kinds.c finds them. */
extern const struct flow_kind flow_failover, flow_all, flow_hedge, flow_coalesce, flow_delay,
    flow_limit, flow_near, flow_negative, flow_log, flow_fill, flow_levels, flow_through,
    flow_compare, flow_spool, flow_lease, flow_lease_write;

#endif
