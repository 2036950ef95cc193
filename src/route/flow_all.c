#include <assert.h>

#include "base/slab.h"
#include "route/all.h"
#include "route/elsewhere.h"

/* All children at once. The option `wait` decides which result is the flow's, and when; the other results are dropped.
 *
 *   all       the worst result, after all have come        none      a miss, at once
 *   fastest   the first that is no error                   initial   the first child's
 *   majority  once more than half agree on the kind of     hit       the first hit, else the best
 *             result, that one; else the worst             last      the first child's error, in their order; else the
 *   most      as majority; else the most frequent kind                last child's result
 * (source: mcrouter's AllSync, AllAsync, AllFastest, AllInitial, AllMajority)
 *
 * I12: the first child is the place of requests that belong to one (see protocol/place.h).
 *   - A cas is compared there, before the request goes anywhere else. Only after a hit do the others get it, in its form for
 *     copies.
 *   - A cas that is shown is the first child's, where that child agrees with the result; else PLACE_NO_CAS. So its result is
 *     waited for.
 *   - What an mg may make (N) or win (R) is made and won there, and the others are left out. With fastest and hit, the next
 *     child gets the request where one fails, or misses; with hit, the last child makes the item. With none no client sees the
 *     answer, so nothing is made.
 *   - A recache win in an answer that is dropped is handed back.
 *
 * "Led" is a flow that asks one child after the other for one of these reasons. */
struct own {
    struct kept_result *first; /* of a request that asks for a cas: the first child's; or NULL */
    uint64_t won;              /* children whose dropped results took a win, a bit each */
    struct all_votes votes;    /* best_place: the child that flow->best comes from */
    uint8_t place;             /* enum request_place */
    bool is_led;               /* one child after the other gets the request, for now */
    bool is_decided;           /* flow->best is the result, if the first child agrees */
};

enum { CHILDREN_MOST = 64 }; /* as lua/moongate/routes/all_*.lua say: `won` has a bit for each */

/* --- finishing --------------------------------------------------------------------------------- */

/* won: a bit for each child. */
static void hand_back(struct flow *flow, uint64_t won)
{
    for (uint32_t i = 0; won; i++, won >>= 1) {
        if (won & 1) elsewhere_hand_back(flow, i);
    }
}

/* With the result of the child at `place`. Wins of the other children, seen so far, are handed back; later ones in leg_done. */
static void finish(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    if (place > 0 && own->place & PLACE_ASKS)
        elsewhere_finish(flow, result);
    else
        flow_finish(flow, result);
    hand_back(flow, own->won & ~((uint64_t)1 << place));
    own->won = 0;
}

/* Whether the first child's result may stand for the one that decides: of the same class; for fastest, any that is no error. */
static bool agrees(const struct flow *flow, unsigned first, unsigned kind)
{
    if (flow->route->options.wait == WAIT_FASTEST) return !(first & RESULT_ANY_ERROR);
    return all_class(first) == all_class(kind);
}

static void keep_best(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    flow_keep_best(flow, result);
    own->votes.best = result->kind;
    own->votes.best_place = place;
}

/* This result decides. Where the client is shown a cas, the first child's result takes its place, if it agrees. */
static void settle(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    if (place == 0 || !(own->place & PLACE_ASKS)) {
        finish(flow, place, result);
    } else if (!own->first) {
        own->is_decided = true;
        keep_best(flow, place, result);
    } else if (agrees(flow, own->first->kind, result->kind)) {
        struct result first = result_of(own->first);
        finish(flow, 0, &first);
    } else {
        finish(flow, place, result);
    }
}

static void settle_best(struct flow *flow)
{
    struct own *own = flow->own;
    struct result best = result_of(flow->best);
    assert(own->first || !(own->place & PLACE_ASKS)); /* else settle would keep what it has */
    settle(flow, own->votes.best_place, &best);
}

/* --- starting ---------------------------------------------------------------------------------- */

static void begin_all(struct flow *flow)
{
    uint32_t n = flow->route->children_n;
    for (uint32_t i = 0; i < n; i++) flow_leg(flow, i, flow->route->children[i], &flow->kept->r);
    kept_drop_value(flow->kept); /* a slow child holds no memory beyond what its connection does */
}

/* The children that have no leg yet get the request in its form for copies. */
static void begin_copies(struct flow *flow)
{
    struct own *own = flow->own;
    uint32_t n = flow->route->children_n;
    assert(flow->tried > 0 || flow_is_finished(flow));
    own->is_led = false;
    for (uint32_t i = flow->tried; i < n && elsewhere_leg_for_copies(flow, i); i++) continue;
    kept_drop_value(flow->kept);
}

/* Without N (it only looks), as long as another child may still have the item. */
static void begin_next(struct flow *flow)
{
    struct own *own = flow->own;
    uint32_t child = flow->tried;
    assert(own->is_led && child < flow->route->children_n);
    bool looks = own->place & PLACE_MAKES && flow->route->options.wait == WAIT_HIT &&
                 child + 1 < flow->route->children_n;
    if (looks)
        elsewhere_leg_without_making(flow, child);
    else
        flow_leg(flow, child, flow->route->children[child], &flow->kept->r);
}

/* With none the flow is finished before anything is sent: the client waits for no server. */
static void start(struct flow *flow)
{
    static const struct result miss = {.kind = RESULT_MISS};
    struct own *own = flow->own;
    unsigned place = request_place(&flow->kept->r);
    assert(flow->route->children_n <= CHILDREN_MOST);
    *own =
        (struct own){.place = (uint8_t)place, .is_led = place && all_is_led(&flow->kept->r, place)};
    if (flow->route->options.wait == WAIT_NONE) flow_finish(flow, &miss);
    assert(flow->route->options.within <= 0 || !flow_is_finished(flow));
    if (flow->route->options.within > 0) flow_alarm(flow, flow->route->options.within);
    if (!own->is_led)
        begin_all(flow);
    else if (flow_is_finished(flow) && !(place & PLACE_COMPARES))
        begin_copies(flow);
    else
        begin_next(flow);
}

/* --- one after the other ----------------------------------------------------------------------- */

/* Whether the next child is to be tried after this result, in a flow that is led. A compare is for the first child alone. */
static bool goes_on(const struct flow *flow, const struct result *result)
{
    const struct own *own = flow->own;
    uint32_t wait = flow->route->options.wait;
    if (own->place & PLACE_COMPARES || flow->tried == flow->route->children_n) return false;
    return (wait == WAIT_HIT && result->kind != RESULT_HIT) ||
           (wait == WAIT_FASTEST && result->kind & RESULT_ANY_ERROR);
}

/* The better of the kept result and this one; of equal ones this one, which is the last. */
static void settle_led(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow->best && result_is_worse(result->kind, flow->best->kind))
        flow_finish_best(flow);
    else
        finish(flow, place, result);
}

/* Whether the copies' results decide, too. */
static bool copies_count(const struct flow *flow)
{
    const struct own *own = flow->own;
    return own->place & PLACE_COMPARES && flow->kept->r.command_id != COMMAND_META_GET &&
           all_copies_count(flow->route);
}

/* A leg of a led flow has ended. False: its result is the first of several that decide, and is to be taken like any other. */
static bool led_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool is_hit = result->kind == RESULT_HIT;
    if (goes_on(flow, result)) {
        if (!flow->best || result_is_worse(flow->best->kind, result->kind))
            keep_best(flow, place, result);
        begin_next(flow);
        return true;
    }
    if (is_hit && copies_count(flow)) return false;
    settle_led(flow, place, result);
    own->is_led = false;
    if (is_hit) begin_copies(flow);
    return true;
}

/* --- all at once ------------------------------------------------------------------------------- */

/* The first child's result, where the client is shown a cas. True when the flow was waiting for it alone. */
static bool take_first(struct flow *flow, const struct result *result)
{
    struct own *own = flow->own;
    assert(!own->first);
    own->first = slab_borrow(sizeof *own->first);
    result_init(own->first);
    result_keep(own->first, result);
    if (own->is_decided) settle_best(flow);
    return own->is_decided;
}

/* Of a flow that is not led, or not any more: `last` is the result after which nothing more will come. */
static void take_at_once(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool last = flow->tried == flow->route->children_n && flow->running == 0;
    switch (all_judge(&own->votes, flow->route, place, result->kind, last)) {
    case ALL_WAITS: break;
    case ALL_KEEPS: flow_keep_best(flow, result); break;
    case ALL_IT: settle(flow, place, result); break;
    case ALL_KEPT: settle_best(flow); break;
    }
}

/* A finished flow has work left: a cas that all_async compares goes to the copies after a hit, and wins are handed back. */
static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool won = elsewhere_has_won(flow, place, result);
    if (own->is_led && flow_is_finished(flow)) {
        own->is_led = false;
        if (result->kind == RESULT_HIT) begin_copies(flow);
        if (won) elsewhere_hand_back(flow, place);
        return;
    }
    if (flow_is_finished(flow)) {
        if (won) elsewhere_hand_back(flow, place);
        return;
    }
    if (own->is_led && led_done(flow, place, result)) return;
    if (won) own->won |= (uint64_t)1 << place;
    if (place == 0 && own->place & PLACE_ASKS && take_first(flow, result)) return;
    if (own->is_decided) return;
    take_at_once(flow, place, result);
    if (own->is_led) begin_copies(flow);
}

/* The best so far counts. Later results are dropped, as those of a flow that is finished. */
static void on_alarm(struct flow *flow)
{
    static const char text[] = "timeout: no route has answered in its time";
    const struct result none = {.kind = RESULT_TIMEOUT, .text = text, .text_len = sizeof text - 1};
    struct own *own = flow->own;
    if (flow_is_finished(flow)) return;
    struct result best = flow->best ? result_of(flow->best) : none;
    finish(flow, flow->best ? own->votes.best_place : 0, &best);
}

static void release(struct flow *flow)
{
    struct own *own = flow->own;
    if (!own->first) return;
    result_release(own->first);
    slab_return(own->first, sizeof *own->first);
}

/* With `within` a flow has an alarm, so a request has a flow from the beginning. */
static const struct flow_kind patient = {.own_size = sizeof(struct own),
                                         .start = start,
                                         .leg_done = leg_done,
                                         .alarm = on_alarm,
                                         .release = release,
                                         .walk = walk_all};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    if (route->options.within > 0) route->flow = &patient;
}

const struct flow_kind flow_all = {.own_size = sizeof(struct own),
                                   .build = build,
                                   .start = start,
                                   .leg_done = leg_done,
                                   .release = release,
                                   .direct = &all_direct,
                                   .walk = walk_all};
