/* chooser: a kind of route that only picks one of its children, and may rewrite the request on the way.
 *
 * No flow, no call into Lua, and nothing allocated but bytes of the turn's arena: so it costs little, and the requests of a
 * client stay in their order. Worker only. Each kind is a file of its own, src/route/choose_*.c. What a kind builds from a
 * route's words is route->state, owned by the route.
 */
#ifndef MOONGATE_ROUTE_CHOOSER_H
#define MOONGATE_ROUTE_CHOOSER_H

#include <assert.h>

#include "route/turn.h"
#include "route/walk.h"

struct chooser {
    /* Makes route->state, once; the words live during the call. NULL: nothing to make. */
    void (*build)(struct route *route, const struct route_word *words, uint32_t n);
    /* Returns the child's number. May rewrite r; new bytes of it come from the turn's arena. */
    uint32_t (*choose)(struct turn *t, const struct route *route, struct request *r);
    /* Frees what state holds; the state itself is freed by the caller. NULL: nothing. */
    void (*release)(struct route_state *state);
    /* For explain, of a kind that may pick another child each time: as in struct flow_kind. NULL: `choose` changes nothing, and picks
     * the same child again. */
    unsigned (*walk)(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way);
};

static inline bool route_is_chooser(const struct route *route)
{
    return route->kind >= ROUTE_PREFIX;
}

/* The child that a chooser picks. */
static inline const struct route *route_choose(struct turn *t, const struct route *route,
                                               struct request *r)
{
    uint32_t child = route->chooser->choose(t, route, r);
    assert(child < route->children_n);
    return route->children[child];
}

/* The route that a chain of choosers leads to, which is no chooser; they may rewrite r. */
static inline const struct route *route_follow(struct turn *t, const struct route *route,
                                               struct request *r)
{
    while (route_is_chooser(route)) route = route_choose(t, route, r);
    return route;
}

/* NULL; or why keys cannot be hashed over children with these names and weights: text to follow the policy's name, constant. */
const char *choose_hash_refuses(const struct route_options *o, const struct route_word *words,
                                uint32_t n);

/* The kinds, as route/kinds.c finds them. */
extern const struct chooser choose_prefix, choose_route_prefix, choose_command, choose_hash,
    choose_random, choose_share, choose_place, choose_key, choose_exptime, choose_rate,
    choose_identity;

#endif
