/* walk: every place that a request may touch, found without sending it.
 *
 * explain.c makes a walk for one request and frees it. A kind of route says in its own file where a request goes on from it (the
 * `walk` of struct flow_kind and of struct chooser), and under which condition. What it tells is text in the turn's arena.
 * Worker and tools.
 */
#ifndef MOONGATE_ROUTE_WALK_H
#define MOONGATE_ROUTE_WALK_H

#include "base/arena.h"
#include "protocol/request.h"
#include "route/routes.h"
#include "route/turn.h"

/* The router, its routes, and the slot and memory that it may use. All belong to the caller. */
struct explainer {
    const struct route_tracer *trace;
    void *router;
    struct turn *turn;
    const struct generation *routes;
    struct request *slots;
    struct answer *answers;
    uint32_t at; /* the free slot */
    struct arena *arena;
    struct request_rules rules;
    uint32_t entrance; /* that client's, see client/client.h; 0: none */
    uint32_t affinity; /* of the client that explained requests are taken to come from; 0: none */
};

/* What the answer of a place means for the client, best first: name, text, meaning */
#define WALK_ROLES(X)                                                                              \
    X(MAIN, "main", "the client gets its answer, and a hit there is a hit")                        \
    X(ON_MISS, "on miss", "it is asked after a miss elsewhere, and the client gets its answer")    \
    X(INSTEAD, "instead",                                                                          \
      "it is asked in place of another one, which failed or is not to be used")                    \
    X(ALSO, "also", "the client waits for it, but a hit there does not make the answer a hit")     \
    X(BACKGROUND, "background", "nobody waits for it")

enum walk_role {
#define X(name, text, meaning) WALK_##name,
    WALK_ROLES(X)
#undef X
};

const char *walk_role_name(enum walk_role role);

/* How the request comes to a route: a plain value. */
struct walk_way {
    enum walk_role role;
    double share;     /* of requests like this one: 0..1 */
    const char *when; /* all conditions; "": always */
    bool is_first;    /* the way that is shown step by step */
};

/* A server, or a store, that the request may come to. */
struct touched {
    const struct pool *pool; /* NULL: a store */
    const char *server;      /* its name; "none": the pool has no server. Of a store "store NAME" */
    enum walk_role role;
    double share;
    const char *when;
    const uint8_t *key; /* decoded, as it is sent */
    size_t key_len;
    const char *sent; /* the request's line as the server gets it, without CRLF */
    size_t sent_len;
};

/* I6: so many places are noted, and so many steps taken. */
enum { WALK_PLACES = 64, WALK_STEPS = 2000, WALK_LATER = 64, WALK_DEEPEST = 16 };

/* What a function has spawned: it is followed when the rest is done. */
struct walk_spawned {
    const struct route *route;
    struct kept *kept;
    struct walk_way way;
};

struct walk {
    const struct explainer *e;
    struct path path;  /* the first way */
    struct path aside; /* of all other ways, one after the other: nobody reads it */
    int32_t end;       /* of the first way: a route's number, or enum answer_kind */
    struct touched places[WALK_PLACES];
    uint32_t places_n;
    struct walk_spawned later[WALK_LATER];
    uint32_t later_n;
    uint32_t steps, depth;
    bool is_cut;  /* there may be more places */
    double took;  /* seconds that functions ran */
    bool is_late; /* the router's: they have had their time, and no other is followed */
    /* Of the first place: how its pool chose. */
    struct pool *pool; /* NULL: there is no place yet, or it is a store */
    struct pool_choice choice;
    bool is_drawn; /* the server is drawn at random, each time */
    const uint8_t *sent_key;
    size_t sent_key_len;
};

/* The pool's name; of a store "store NAME". */
const char *touched_pool(const struct touched *place);

/* Follows a request of a client from the script's root. w is all zero but for e. */
void walk_request(struct walk *w, const struct request *r);

/* --- for kinds: */

/* Follows r through a route. Returns the kind of result (enum result_kind) where no server decides it; 0: servers do. */
unsigned walk_route(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way);

/* The way on from `way`, under one more condition, as printf makes it; the role becomes the less telling one of both. */
struct walk_way walk_on(struct walk *w, struct walk_way way, enum walk_role role,
                        const char *condition, ...) __attribute__((format(printf, 4, 5)));

/* The same, after one of those results (bits of enum result_kind) of a child. */
struct walk_way walk_after(struct walk *w, struct walk_way way, enum walk_role role,
                           unsigned results, const struct route *child);

/* The same without a condition. */
static inline struct walk_way walk_as(struct walk_way way, enum walk_role role)
{
    if (role > way.role) way.role = role;
    return way;
}

/* The same for a share of the requests. */
struct walk_way walk_share(struct walk_way way, double share);

/* walk_route for a request that follows another one to a route, such as one that takes something back: a place is noted only where
 * that server was not noted before. */
void walk_aftermath(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way);

/* For an mg that may win (see protocol/place.h): the win may be handed back there. */
void walk_hand_back(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way);

/* Notes r, of which a copy is made, to be followed at the end: nobody waits for it. */
void walk_later(struct walk *w, const struct route *route, const struct request *r,
                struct walk_way way);

/* The path to which steps of that way are added. */
struct path *walk_path(struct walk *w, struct walk_way way);

/* A pool's or a policy's name, for conditions. */
const char *walk_name(const struct route *route);

/* The results as words: "a miss or an error". Constant, or in the arena. */
const char *walk_results(struct walk *w, unsigned results);

#endif
