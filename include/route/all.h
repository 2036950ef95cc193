/* all: what the flow of ROUTE_ALL, its way without a flow and its explanation have in common. Owns nothing. One worker, and tools. */
#ifndef MOONGATE_ROUTE_ALL_H
#define MOONGATE_ROUTE_ALL_H

#include "protocol/place.h"
#include "route/direct.h"
#include "route/walk.h"

/* True when one child after the other gets r: a compare must not reach two servers at once, since the one where the cas belongs
 * decides; and an mg that makes or wins would do it at each. place: that of r. */
static inline bool all_is_led(const struct request *r, unsigned place)
{
    if (place & PLACE_COMPARES) return true;
    return place & (PLACE_MAKES | PLACE_WINS) && r->command_id == COMMAND_META_GET;
}

/* The results of a request that all children got at once, so far. All zero at first. */
struct all_votes {
    uint64_t classes;    /* the votes of four classes of result, 16 bits each */
    unsigned best;       /* the kind of the result that is kept, or 0 */
    uint32_t best_place; /* and its child */
    uint32_t best_n;     /* WAIT_MOST: the votes of its class */
};

/* What is to be done with one more result. ALL_KEEPS: best and best_place have been set to it. */
enum all_verdict {
    ALL_WAITS, /* nothing */
    ALL_KEEPS, /* keep it, in place of the one that is kept */
    ALL_IT,    /* it is the result */
    ALL_KEPT,  /* the one that is kept is the result */
};

/* last: nothing will come after it. */
enum all_verdict all_judge(struct all_votes *votes, const struct route *route, uint32_t place,
                           unsigned kind, bool last);

/* Whether all results of copies count, not just the first child's. */
static inline bool all_copies_count(const struct route *route)
{
    static const unsigned counting =
        1u << WAIT_ALL | 1u << WAIT_MAJORITY | 1u << WAIT_MOST | 1u << WAIT_LAST;
    return counting >> route->options.wait & 1;
}

/* The class of a kind of result: 0 hit, 1 miss, 2 refusal, 3 error. */
unsigned all_class(unsigned kind);

/* ROUTE_ALL without a flow (src/route/copies.c). */
extern const struct direct_kind all_direct;

/* The `walk` of struct flow_kind. */
unsigned walk_all(struct walk *w, const struct route *route, const struct request *r,
                  struct walk_way way);

#endif
