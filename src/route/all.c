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

/* Of errors those are worse that a server has decided: no other server would do better (source: mcrouter's resultSeverity). */
static bool is_worse(unsigned kind, unsigned than)
{
    static const uint8_t severity[] = {
        [0] = 0, /* RESULT_HIT ... RESULT_SCRIPT, by their bits */
        [1] = 1, [2] = 2, [3] = 3, [4] = 3, [5] = 3, [6] = 3, [7] = 4, [8] = 6, [9] = 5, [10] = 5};
    return severity[__builtin_ctz(kind)] > severity[__builtin_ctz(than)];
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
    return keep(votes, place, kind, !votes->best || is_worse(kind, votes->best), last);
}

/* The children's order decides, not that of the results. */
static enum all_verdict last_child(struct all_votes *votes, uint32_t place, unsigned kind,
                                   bool last)
{
    bool errs = kind & RESULT_ANY_ERROR, erred = votes->best & RESULT_ANY_ERROR;
    bool beats = errs ? !erred || place < votes->best_place : !erred && place >= votes->best_place;
    return keep(votes, place, kind, beats, last);
}

static enum all_verdict best(struct all_votes *votes, uint32_t place, unsigned kind, bool last)
{
    return keep(votes, place, kind, !votes->best || result_is_worse(votes->best, kind), last);
}

/* Returns how many its class has. */
static uint32_t vote(struct all_votes *votes, unsigned kind)
{
    unsigned at = all_class(kind) * 16;
    votes->classes += (uint64_t)1 << at;
    return votes->classes >> at & 0xffff;
}

/* The class with the most votes so far is kept, so that the last result need not be the one that counts. */
static enum all_verdict most(struct all_votes *votes, const struct route *route, uint32_t place,
                             unsigned kind, bool last)
{
    uint32_t n = vote(votes, kind);
    if (n * 2 > route->children_n) return ALL_IT;
    bool beats = n > votes->best_n || (n == votes->best_n && is_worse(kind, votes->best));
    if (beats) votes->best_n = n;
    return keep(votes, place, kind, beats, last);
}

enum all_verdict all_judge(struct all_votes *votes, const struct route *route, uint32_t place,
                           unsigned kind, bool last)
{
    assert(kind && place < route->children_n);
    switch (route->options.wait) {
    case WAIT_INITIAL: return place == 0 ? ALL_IT : ALL_WAITS;
    case WAIT_FASTEST: return last || !(kind & RESULT_ANY_ERROR) ? ALL_IT : ALL_WAITS;
    case WAIT_HIT: return best(votes, place, kind, last || kind == RESULT_HIT);
    case WAIT_MAJORITY:
        if (vote(votes, kind) * 2 > route->children_n) return ALL_IT;
        break;
    case WAIT_MOST: return most(votes, route, place, kind, last);
    case WAIT_LAST: return last_child(votes, place, kind, last);
    default: break;
    }
    return worst(votes, place, kind, last);
}
