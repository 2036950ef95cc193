/* flow: one request on its way through a route that is made of others.
 *
 * Made by flow_begin, gone once its end was told and no leg is out any more. It holds a count of its request and of its
 * generation. Each kind of route is a struct flow_kind in a file of its own (src/route/flow_*.c); the engine, flow.c, runs
 * legs: a leg is one child's turn at the request. A leg may end before flow_leg returns.
 */
#ifndef MOONGATE_ROUTE_FLOW_H
#define MOONGATE_ROUTE_FLOW_H

#include <ev.h>

#include "route/kept.h"
#include "route/routes.h"
#include "route/turn.h"

/* Who is told of a result, once. */
struct flow_end {
    result_fn *done; /* NULL: told already */
    void *owner;
    uint32_t place;
    bool (*awaits)(const void *owner); /* NULL: it always wants the result */
};

struct leg {
    struct flow *flow;
    struct leg *next; /* in generation->asking */
    uint32_t place;
    bool is_out;
    struct kept
        *asks; /* in generation->asking, or its slot's turn has not come: what about; a count */
    uint32_t function; /* and which one is asked */
};

/* Invariant (flow_sane): running is how many legs are out. */
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
    uint32_t tried;   /* legs begun */
    uint32_t chosen;  /* what its kind makes of it */
    bool is_entered;  /* its kind's code is running: it may not go yet */
    bool is_outlived; /* by what its kind has in its block, see flow_free */
    uint32_t legs_n;
    writes_pair plan;         /* of a write; else WRITES_NONE */
    double began;             /* as turn->now */
    struct kept_result *best; /* the result that would count so far, see flow_keep_best; or NULL */
    void *own; /* the kind's: own_size bytes, not cleared; where that is 0, NULL at first */
    ev_timer timer;
    struct leg legs[];
};

struct flow_kind {
    uint32_t more_legs;                 /* beside one a child */
    bool is_shared;                     /* others than its end's owner may wait for it, too */
    uint32_t own_size;                  /* in the flow's block, behind the legs */
    size_t state_size;                  /* of route->state, made of zeros with the route; 0: none */
    void (*build)(struct route *route); /* fills it, or makes one of another size; NULL: it stays */
    void (*start)(struct flow *flow);
    void (*leg_done)(struct flow *flow, uint32_t place, const struct result *result);
    void (*alarm)(
        struct flow *flow); /* the time of flow_alarm has come; NULL: it is never called */
    void (*release)(struct flow *flow); /* NULL: nothing to do */
    void (*drop)(struct flow *flow);    /* nobody waits for it any more; NULL: it goes on */
};

/* Runs `route` for r; `end` is told once, perhaps before this returns. r's bytes are copied or counted where need be. */
void flow_begin(struct turn *t, struct generation *g, const struct route *route,
                const struct request *r, struct flow_end end);

/* A flow that is not started yet: for the script's own. */
struct flow *flow_create(struct turn *t, struct generation *g, const struct route *route,
                         const struct flow_kind *kind, struct kept *kept, struct flow_end end);

/* Who waits for a request in the turn's slots: a reply or a leg. */
struct flow_end flow_end_of(const struct request *r);

/* Tells those flows that nobody waits for any more, as their client went (turn->abandoned). */
void flows_drop(struct turn *t);

/* Tells every flow's end that moongate ends. */
void flows_end(struct turn *t);

/* --- for kinds */

/* What is in its block outlives the flow: its kind's release set is_outlived, and gives the block back now. */
void flow_free(struct flow *flow);

/* Runs the request (flow->kept, or another one that is held until then) through a route, as leg `place`. */
void flow_leg(struct flow *flow, uint32_t place, const struct route *route,
              const struct request *r);

/* Leg `place` is out from now on; whoever takes it runs it. */
struct leg *flow_take_leg(struct flow *flow, uint32_t place);

/* Tells the end, once; later calls do nothing. The flow lives on while legs are out. */
void flow_finish(struct flow *flow, const struct result *result);

static inline bool flow_is_finished(const struct flow *flow)
{
    return !flow->end.done;
}

/* Keeps a result until a better one is kept; and finishes with the one that was kept. */
void flow_keep_best(struct flow *flow, const struct result *result);
void flow_finish_best(struct flow *flow);

/* Calls kind->alarm in so many seconds, from now. */
void flow_alarm(struct flow *flow, double seconds);

/* One whose time has come in this very turn of the loop is not active any more, but pending. */
static inline void flow_no_alarm(struct flow *flow)
{
    if (ev_is_active(&flow->timer) || ev_is_pending(&flow->timer))
        ev_timer_stop(flow->turn->loop, &flow->timer);
}

/* Puts it on its generation's ready list: the script goes on with it. And takes it off again. */
void flow_make_ready(struct flow *flow);
void flow_not_ready(struct flow *flow);

/* Enters and leaves the kind's code from outside (the script's): between them the flow stays. */
void flow_enter(struct flow *flow);
void flow_leave(struct flow *flow);

/* Asks a leg's question: fills the slot that it is put into. */
void leg_fill_slot(struct leg *leg, struct request *slot);

/* Goes on with a leg that is out, when the script has said which route is the one. */
void leg_run(struct leg *leg, const struct route *route, const struct request *r);

/* Somebody waits for what a leg, a flow is for. owner: struct leg. */
bool leg_is_awaited(const void *leg);
bool flow_is_awaited(const struct flow *flow);

/* A leg's result: what a result_fn for requests that the script was asked about is. owner: struct leg. */
void leg_result(void *owner, uint32_t place, const struct result *result);

/* The worse of two kinds of result: an error before a no, a no before a miss, a miss before a hit. */
bool result_is_worse(unsigned kind, unsigned than);

/* --- kinds */

/* As route/kinds.c finds them. */
extern const struct flow_kind flow_failover, flow_all, flow_hedge, flow_coalesce, flow_delay,
    flow_limit, flow_negative, flow_log, flow_fill;

#endif
