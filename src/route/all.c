/* When the result of ROUTE_ALL is known, and which it is; flow_all.c has the words. Of results of the same kind the last counts where
 * hits are all there is: a hit that is not the last one needs no copy then, since whatever comes after it counts more, or as much. */
#include "route/all.h"

#include <assert.h>

#include "route/result.h"

unsigned all_class(unsigned kind)
{
    if (kind & RESULT_HIT) return 0;
    if (kind & RESULT_MISS) return 1;
    return kind & RESULT_REFUSED ? 2 : 3;
}

/* Keeps a result that beats the one kept before. The last one decides, without being kept: that would be a copy for nothing. */
static enum all_verdict keep(struct all_votes *votes, uint32_t place, unsigned kind, bool beats,
                             bool last)
{
    if (last) return beats ? ALL_IT : ALL_KEPT;
    if (!beats) return ALL_WAITS;
    votes->best = kind;
    votes->best_place = place;
    return ALL_KEEPS;
}

static enum all_verdict worst(struct all_votes *votes, uint32_t place, unsigned kind, bool last)
{
    if (kind == RESULT_HIT && !last) return ALL_WAITS;
    return keep(votes, place, kind, !votes->best || result_is_worse(kind, votes->best), last);
}

static enum all_verdict best(struct all_votes *votes, uint32_t place, unsigned kind, bool last)
{
    return keep(votes, place, kind, !votes->best || result_is_worse(votes->best, kind), last);
}

/* The first error in the order of the children; without one the last child's result. */
static enum all_verdict in_order(struct all_votes *votes, uint32_t place, unsigned kind, bool last)
{
    bool is_error = kind & RESULT_ANY_ERROR, was_error = votes->best & RESULT_ANY_ERROR;
    bool comes_first = place < votes->best_place;
    bool beats = is_error == was_error ? comes_first == is_error : is_error;
    return keep(votes, place, kind, !votes->best || beats, last);
}

/* Returns how many its class has. */
static uint32_t vote(struct all_votes *votes, unsigned kind)
{
    unsigned at = all_class(kind) * 16;
    votes->classes += (uint64_t)1 << at;
    return votes->classes >> at & 0xffff;
}

enum all_verdict all_judge(struct all_votes *votes, const struct route *route, uint32_t place,
                           unsigned kind, bool last)
{
    assert(kind && place < route->children_n);
    switch (route->options.wait) {
    case WAIT_INITIAL: return place == 0 ? ALL_IT : ALL_WAITS;
    case WAIT_FASTEST: return last || !(kind & RESULT_ANY_ERROR) ? ALL_IT : ALL_WAITS;
    case WAIT_HIT: return best(votes, place, kind, last || kind == RESULT_HIT);
    case WAIT_LAST: return in_order(votes, place, kind, last);
    case WAIT_MAJORITY:
        if (vote(votes, kind) * 2 > route->children_n) return ALL_IT;
        break;
    default: break;
    }
    return worst(votes, place, kind, last);
}
