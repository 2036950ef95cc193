/* routes: what a script's routes are made of, as C runs them; and a generation: the routes of one loaded script.
 *
 * A generation owns its routes and frees them (kinds.h). They are constant once they are built, but for `state`. A generation
 * has a reference count: the turn holds one reference to the current one, and each flow holds one to its own, so that what is
 * in flight ends on the routes that it began with. One worker.
 *
 * The first half is read by LuaJIT's FFI too (through script/abi.h, with MOONGATE_CDEF).
 */
#ifndef MOONGATE_ROUTE_ROUTES_H
#define MOONGATE_ROUTE_ROUTES_H

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* What a route does with its children. Behind each stand the options and words that it reads. */
enum route_kind {
    ROUTE_POOL, /* one call to the server that the key picks; with a text: to one server of a pool */
    ROUTE_STORE,    /* moongate's own store answers, at once: see route/store.h */
    ROUTE_FUNCTION, /* the script's function decides: function_id */
    ROUTE_MISS,     /* as if no server had the key */
    ROUTE_FAIL,     /* `SERVER_ERROR text` */
    ROUTE_FAILOVER, /* the first child, after an error or miss the next: on, tries, share, burst, order, within, last;
                       words: command, number: its own `on`; those are in the option `on`, too */
    ROUTE_ALL,      /* all children: wait, within */
    ROUTE_HEDGE,    /* the first child, and the second when it is slow: percentile, least, most */
    ROUTE_COALESCE, /* the child; equal gets in flight share one call */
    ROUTE_DELAY,    /* the child, later: before, after */
    ROUTE_LIMIT,    /* the first child while few are in flight, else the second: most_in_flight */
    ROUTE_ASYNC,    /* the script's function in a coroutine, which may wait: function_id */
    ROUTE_NEGATIVE, /* the child; its misses are remembered: seconds, keys */
    ROUTE_NEAR, /* the first child; copies of what it has are in the second, a store: seconds, share; word: text: its name there */
    ROUTE_LOG,  /* the child; a line in the log when it has answered: burst lines a second */
    ROUTE_FILL, /* the child, which gets a copy of what another route has: near, place, seconds */
    ROUTE_LEVELS, /* a cache; where that has nothing the second child; where its hit may be an old copy the third, and the
                     fourth gets a delete: place; words: a value that stands for a miss, number: its flags */
    ROUTE_COMPARE, /* the first child; the second gets reads, too, and both answers are compared: most_in_flight, seconds;
                      word: the name under which it is counted */
    ROUTE_THROUGH, /* the first child, then a cache: the second child gets what it has stored, the third a delete where it has not */
    ROUTE_LEASE, /* reads of the first child, of which one that misses gets the miss, and others wait: seconds, after, before, within,
                    most_in_flight, cap; the second child gets mg that does more than to read */
    ROUTE_ABSENT, /* all others, to which placeholders of the first child are absent: seconds, after, before, cap */
    ROUTE_SPOOL, /* deletes to the child, a pool; those that fail are kept on the disk: words: the folder */

    /* Choosers: they pick one of their children and may rewrite the request on the way (see route/chooser.h). */
    ROUTE_PREFIX, /* by the key's beginning: match, parts; words: separator, anchor, then prefix, child */
    ROUTE_ROUTE_PREFIX, /* by /region/cluster/ at the key's beginning, which is taken off: words: prefix, child, the first one for all
                           that are not there. The first child if no key is left, the second for keys without a prefix */
    ROUTE_COMMAND,      /* by the command: words: command, child; the first child for all others */
    ROUTE_PLACE, /* the second child for requests that belong to one place (see protocol/place.h) */
    ROUTE_HASH, /* by the key's hash: distribution, hash, seed; words: salt, tag, stop, then name, number: weight */
    ROUTE_RANDOM, /* any */
    ROUTE_SHARE, /* the second child for a share of requests, keys or servers: share, least, most, first, servers, reads */
    ROUTE_KEY, /* the first child with another key: edit; words: looked for, put, suffix. The second if that is not valid */
    ROUTE_EXPTIME, /* the child with another exptime: seconds, cap */
    ROUTE_RATE, /* the first child while there are tokens, else the second: tick; words: command, child: bucket,
                      number: tokens a second, burst; by: each identity has buckets of its own */
    ROUTE_IDENTITY, /* by who sent the request: words: an identity, child; the first child for all others */
};

/* What ROUTE_ALL waits for. */
enum route_wait {
    WAIT_ALL,      /* all; the worst result counts */
    WAIT_NONE,     /* nothing: a miss at once */
    WAIT_FASTEST,  /* the first that is no error; of only errors the last */
    WAIT_INITIAL,  /* the first child */
    WAIT_MAJORITY, /* more than half agree on the kind of result; else the worst */
    WAIT_HIT,      /* the first hit; else the best */
    WAIT_MOST, /* more than half agree on the kind of result; else the most frequent one, of those the worst */
    WAIT_LAST, /* all; the first child's error in their order, else the last child's result */
};

enum route_order { ORDER_AS_WRITTEN, ORDER_SHUFFLED, ORDER_LEAST_FAILURES };

/* How ROUTE_PREFIX looks a key up: by the longest prefix; by the part between anchor and the nth separator; as it is. */
enum route_match { MATCH_PREFIX, MATCH_PART, MATCH_WHOLE };

/* What ROUTE_KEY puts before a key: always; where it is not there yet; or in place of a beginning, where the key has that. */
enum route_edit { EDIT_ADD, EDIT_ENSURE, EDIT_REPLACE };

struct route_options {
    uint32_t on;    /* FAILOVER: kinds of result (enum result_kind) after which the next is tried */
    uint32_t tries; /* FAILOVER: children tried at most */
    uint32_t order; /* FAILOVER: enum route_order */
    uint32_t wait;  /* ALL: enum route_wait */
    uint32_t function_id;    /* FUNCTION, ASYNC: the script's number for it */
    uint32_t most_in_flight; /* LIMIT; COMPARE: comparisons; LEASE: reads that wait */
    uint32_t keys;           /* NEGATIVE: remembered at most */
    uint32_t match;          /* PREFIX: enum route_match */
    uint32_t parts;          /* PREFIX: which separator ends the part, 1.. */
    uint32_t edit;           /* KEY: enum route_edit */
    uint32_t near;           /* FILL: 1: the child is a cache, so what it has may be deleted */
    uint32_t place; /* FILL, LEVELS: distinguishes copies in the child from those in other places */
    uint32_t
        cap; /* EXPTIME: 1: only where it would be longer; LEASE, ABSENT: 1: a plain pool where servers know no meta */
    uint32_t first;       /* SHARE: keys whose server in the third child, a pool, has this number */
    uint32_t servers;     /* SHARE: or is among so many from there on; 0: all keys */
    uint32_t reads;       /* SHARE: 1: of requests that only read */
    uint32_t last;        /* FAILOVER: 1: the last result counts; 0: the best */
    uint32_t by;          /* RATE: 1: by identity */
    int32_t distribution; /* HASH: enum distribution, enum hash */
    int32_t hash;
    double seed; /* HASH */
    double
        seconds; /* EXPTIME; NEGATIVE, NEAR: how long; FILL: how long an old copy may live in the child; COMPARE: before a second look */
    double
        share; /* FAILOVER: of requests that may fail over; SHARE: of requests: 0..1; 1 = all; NEAR: that a key must have to be copied; below 0: any key is */
    double burst;      /* FAILOVER: so many more at once; LOG: lines a second */
    double before;     /* DELAY: seconds; LEASE: how long before its end an item may be renewed */
    double after;      /* DELAY: seconds; LEASE: how long items are kept beyond their end */
    double percentile; /* HEDGE: of the child's times, 0..1 */
    double least;      /* HEDGE: seconds to wait at least; SHARE: places of keys from here, 0..1 */
    double most;       /* HEDGE: and at most; SHARE: to here */
    double
        within;  /* FAILOVER: seconds for each child; ALL: for the result; 0: no bound of its own */
    double tick; /* RATE: buckets fill once in so many seconds; 0: all the time */
};

/* Arguments of a kind beside its options. enum route_kind says which fields a kind reads. */
struct route_word {
    const char *text; /* len bytes; copied */
    size_t len;
    double number;
    double burst;
    uint32_t child; /* 0.. */
    uint32_t command;
};

#ifndef MOONGATE_CDEF

#include "backend/pool.h"
#include "route/route.h"

struct chooser;
struct leg;
struct flow;
struct flow_kind;
struct store;

struct route {
    enum route_kind kind;
    struct route_options options;
    struct pool *pool;   /* POOL */
    struct store *store; /* STORE: lies in the memory of the region, which outlives scripts */
    char *text;          /* FAIL; or the name that stats and explain show; NULL: the pool's */
    const struct route **children;
    uint32_t children_n;
    uint32_t number;               /* its place in generation->routes */
    struct route_state *state;     /* what its kind remembers from request to request, or NULL */
    const struct chooser *chooser; /* of a kind that picks a child; else NULL */
    const struct flow_kind *flow;  /* of a kind that is made of others; else NULL */
};

/* Invariant: `undecided` and `ready` hold legs and flows of this generation only; each of those holds a reference, so both
 * lists are empty once references is 0. */
struct generation {
    struct generation *next; /* in the turn's list */
    route_ask_fn *ask;       /* decides for a batch of slots, and resumes what is ready */
    void (*retire)(
        void *router); /* called at the end of the turn in which the last reference went */
    void *router;
    struct route **routes;
    uint32_t routes_n;
    uint32_t references;
    uint64_t digest; /* of the script, with all that it was made of */
    struct leg *undecided,
        **undecided_end;             /* requests that wait to be put to a function of the script */
    struct flow *ready, **ready_end; /* functions of the script that waited and may go on */
};

#endif
#endif
