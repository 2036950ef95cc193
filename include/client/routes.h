/* routes: what a script's routes are made of, as C runs them; and a generation: the routes of one loaded script.
 *
 * A route is owned by its generation and constant once it is closed, but for its counters. A generation is counted: the turn
 * has one count of the current one, and every flow one of its own, so that what is in flight ends on the routes that it began
 * with. One worker.
 *
 * The first half is read by LuaJIT's FFI too (through script/abi.h, with MOONGATE_CDEF).
 */
#ifndef MOONGATE_CLIENT_ROUTES_H
#define MOONGATE_CLIENT_ROUTES_H

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stdint.h>
#endif

/* What a route does with its children. Which options count is said behind each. */
enum route_kind {
    ROUTE_POOL,     /* one call to the server that the key picks */
    ROUTE_FUNCTION, /* the script's function decides: function_id */
    ROUTE_MISS,     /* as if no server had the key */
    ROUTE_FAIL,     /* `SERVER_ERROR text` */
    ROUTE_FAILOVER, /* the first child, after an error or miss the next: on, tries, share, burst, order */
    ROUTE_ALL,      /* all children: wait, needed */
    ROUTE_HEDGE,    /* the first child, and the second when it is slow: percentile, least, most */
    ROUTE_COALESCE, /* the child; equal gets in flight share one call */
    ROUTE_DELAY,    /* the child, later: before, after */
    ROUTE_LIMIT,    /* the first child while few are in flight, else the second: most_in_flight */
    ROUTE_ASYNC,    /* the script's function in a coroutine, which may wait: function_id */
};

/* What ROUTE_ALL waits for. */
enum route_wait {
    WAIT_ALL,      /* all; the worst result counts */
    WAIT_NONE,     /* nothing: a miss at once */
    WAIT_FASTEST,  /* the first that is no error; of only errors the last */
    WAIT_INITIAL,  /* the first child */
    WAIT_MAJORITY, /* more than half agree on the kind of result; else the worst */
};

enum route_order { ORDER_AS_WRITTEN, ORDER_SHUFFLED, ORDER_LEAST_FAILURES };

struct route_options {
    uint32_t on;    /* FAILOVER: kinds of result (enum result_kind) after which the next is tried */
    uint32_t tries; /* FAILOVER: children tried at most */
    uint32_t order; /* FAILOVER: enum route_order */
    uint32_t wait;  /* ALL: enum route_wait */
    uint32_t function_id;    /* FUNCTION, ASYNC: the script's number for it */
    uint32_t most_in_flight; /* LIMIT */
    double share;            /* FAILOVER: of requests that may fail over, 0..1; 1 = all */
    double burst;            /* FAILOVER: so many more at once */
    double before;           /* DELAY: seconds */
    double after;            /* DELAY: seconds */
    double percentile;       /* HEDGE: of the child's times, 0..1 */
    double least;            /* HEDGE: seconds that are waited at least */
    double most;             /* HEDGE: and at most */
};

#ifndef MOONGATE_CDEF

#include "backend/pool.h"
#include "client/route.h"

struct leg;
struct flow;

struct route {
    enum route_kind kind;
    struct route_options options;
    struct pool *pool; /* POOL */
    char *text;        /* FAIL; or the name that stats and explain show, or NULL */
    const struct route **children;
    uint32_t children_n;
    struct route_state *state; /* what its kind remembers from request to request, or NULL */
};

/* Invariant: counts > 0; asking, ready hold flows of this generation only. */
struct generation {
    struct generation *next;      /* in the turn's list */
    client_route_fn *ask;         /* decides for a batch of slots; and goes on with what is ready */
    void (*retire)(void *router); /* after the last count is given, at the end of a turn */
    void *router;
    struct route **routes;
    uint32_t routes_n;
    uint32_t counts;
    struct leg *asking, **asking_end; /* requests that wait to be put to a function of the script */
    struct flow *ready, **ready_end;  /* waiting routes of the script that may go on */
};

#endif
#endif
