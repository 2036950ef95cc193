#include <assert.h>

#include "base/slab.h"
#include "route/elsewhere.h"

/* All children at once. What the end is told, and when, is `wait`'s matter; the others' results are dropped.
 *
 * all: after all, the worst result. none: a miss at once. fastest: the first that is no error. initial: the first child's.
 * majority: once more than half agree on the kind, that result; else the worst. hit: the first hit, else the best. (source: mcrouter's AllSync, AllAsync,
 * AllFastest, AllInitial, AllMajority)
 *
 * The first child is the place of requests that belong to one (see protocol/place.h).
 *   A cas is compared there, before anybody else is asked; once that was a hit the others get the request in a form for copies.
 *   A cas that is shown is the first child's, where it agrees; else PLACE_NO_CAS. So its answer is waited for.
 *   What an mg may make (N) or win (R) is made and won there, and the others are not asked; but with fastest and hit the next is
 *   where it errs, or misses. With hit the last child makes it. With none nobody is told, so nothing is made.
 *   A stale item's win that another mg takes unseen is handed back. */
struct own {
    struct kept_result *first; /* of a request that asks for a cas: the first child's; or NULL */
    uint64_t won;              /* children whose dropped results took a win, a bit each */
    uint32_t best_place;       /* whose result flow->best is */
    uint8_t place;             /* enum request_place */
    bool is_led;               /* one child after the other is asked, for now */
    bool is_decided;           /* flow->best is what counts, if the first child agrees */
};

/* --- telling ----------------------------------------------------------------------------------- */

static void hand_back(struct flow *flow, uint64_t won)
{
    for (uint32_t i = 0; won; i++, won >>= 1) {
        if (won & 1) elsewhere_hand_back(flow, i);
    }
}

/* Tells the end, at once, what the child at `place` has answered. */
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

/* Four classes of result; here as places of votes in flow->chosen, eight bits each. */
static unsigned class_of(unsigned kind)
{
    if (kind & RESULT_HIT) return 0;
    if (kind & RESULT_MISS) return 8;
    return kind & RESULT_REFUSED ? 16 : 24;
}

static bool agrees(const struct flow *flow, unsigned first, unsigned kind)
{
    if (flow->route->options.wait == WAIT_FASTEST) return !(first & RESULT_ANY_ERROR);
    return class_of(first) == class_of(kind);
}

static void keep_best(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    flow_keep_best(flow, result);
    own->best_place = place;
}

/* This result counts. Where a cas is asked for the first child's does instead, if it agrees. */
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
    assert(own->first || !(own->place & PLACE_ASKS)); /* else settle would keep what is kept */
    settle(flow, own->best_place, &best);
}

/* --- starting ---------------------------------------------------------------------------------- */

static void ask_all(struct flow *flow)
{
    uint32_t n = flow->route->children_n;
    for (uint32_t i = 0; i < n; i++) flow_leg(flow, i, flow->route->children[i], &flow->kept->r);
    kept_drop_value(flow->kept); /* a slow child holds no memory beyond what its connection does */
}

/* Those that were not asked yet get the request in a form for copies. */
static void ask_copies(struct flow *flow)
{
    struct own *own = flow->own;
    uint32_t n = flow->route->children_n;
    own->is_led = false;
    for (uint32_t i = flow->tried; i < n && elsewhere_leg_for_copies(flow, i); i++) continue;
    kept_drop_value(flow->kept);
}

static void ask_next(struct flow *flow)
{
    struct own *own = flow->own;
    uint32_t child = flow->tried;
    bool looks = own->place & PLACE_MAKES && flow->route->options.wait == WAIT_HIT &&
                 child + 1 < flow->route->children_n;
    if (looks)
        elsewhere_leg_without_making(flow, child);
    else
        flow_leg(flow, child, flow->route->children[child], &flow->kept->r);
}

static bool is_led(const struct flow *flow, unsigned place)
{
    if (place & PLACE_COMPARES) return true;
    return place & (PLACE_MAKES | PLACE_WINS) && flow->kept->r.command_id == COMMAND_META_GET;
}

static void start(struct flow *flow)
{
    static const struct result miss = {.kind = RESULT_MISS};
    struct own *own = flow->own;
    unsigned place = request_place(&flow->kept->r);
    *own = (struct own){.place = (uint8_t)place, .is_led = place && is_led(flow, place)};
    if (flow->route->options.wait == WAIT_NONE) flow_finish(flow, &miss);
    if (!own->is_led)
        ask_all(flow);
    else if (flow_is_finished(flow) && !(place & PLACE_COMPARES))
        ask_copies(flow);
    else
        ask_next(flow);
}

/* --- one after the other ----------------------------------------------------------------------- */

static bool goes_on(const struct flow *flow, const struct result *result)
{
    const struct own *own = flow->own;
    uint32_t wait = flow->route->options.wait;
    if (own->place & PLACE_COMPARES || flow->tried == flow->route->children_n) return false;
    return (wait == WAIT_HIT && result->kind != RESULT_HIT) ||
           (wait == WAIT_FASTEST && result->kind & RESULT_ANY_ERROR);
}

/* Of those that were asked the better result counts, of equal ones the last. */
static void settle_led(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow->best && result_is_worse(result->kind, flow->best->kind))
        flow_finish_best(flow);
    else
        finish(flow, place, result);
}

/* Whether what the copies answer counts too. */
static bool copies_count(const struct flow *flow)
{
    const struct own *own = flow->own;
    uint32_t wait = flow->route->options.wait;
    return own->place & PLACE_COMPARES && flow->kept->r.command_id != COMMAND_META_GET &&
           (wait == WAIT_ALL || wait == WAIT_MAJORITY);
}

/* True when that is all; else its result is the first of those that count. */
static bool led_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool is_hit = result->kind == RESULT_HIT;
    if (goes_on(flow, result)) {
        if (!flow->best || result_is_worse(flow->best->kind, result->kind))
            keep_best(flow, place, result);
        ask_next(flow);
        return true;
    }
    if (is_hit && copies_count(flow)) return false;
    settle_led(flow, place, result);
    own->is_led = false;
    if (is_hit) ask_copies(flow);
    return true;
}

/* --- all at once ------------------------------------------------------------------------------- */

/* What comes is kept where it counts more than what was kept before; the last one is told without keeping it. */
static void take(struct flow *flow, uint32_t place, const struct result *result, bool counts,
                 bool last)
{
    if (counts && last)
        settle(flow, place, result);
    else if (last)
        settle_best(flow);
    else if (counts)
        keep_best(flow, place, result);
}

static void take_worst(struct flow *flow, uint32_t place, const struct result *result, bool last)
{
    bool counts = !flow->best || result_is_worse(result->kind, flow->best->kind);
    take(flow, place, result, counts, last);
}

static void take_best(struct flow *flow, uint32_t place, const struct result *result, bool last)
{
    bool counts = !flow->best || result_is_worse(flow->best->kind, result->kind);
    take(flow, place, result, counts, last);
}

/* Votes are counted in flow->chosen. */
static uint32_t vote(struct flow *flow, unsigned kind)
{
    unsigned class = class_of(kind);
    flow->chosen += 1u << class;
    return flow->chosen >> class & 0xff;
}

/* The first child's answer to a request that asks for a cas. True when it was waited for. */
static bool take_first(struct flow *flow, const struct result *result)
{
    struct own *own = flow->own;
    own->first = slab_borrow(sizeof *own->first);
    *own->first = (struct kept_result){0};
    result_keep(own->first, result);
    if (own->is_decided) settle_best(flow);
    return own->is_decided;
}

static void take_at_once(struct flow *flow, uint32_t place, const struct result *result)
{
    bool last = flow->tried == flow->route->children_n && flow->running == 0;
    switch (flow->route->options.wait) {
    case WAIT_INITIAL:
        if (place == 0) finish(flow, place, result);
        return;
    case WAIT_FASTEST:
        if (last || !(result->kind & RESULT_ANY_ERROR)) settle(flow, place, result);
        return;
    case WAIT_HIT: take_best(flow, place, result, last || result->kind == RESULT_HIT); return;
    case WAIT_MAJORITY:
        if (vote(flow, result->kind) * 2 > flow->route->children_n) {
            settle(flow, place, result);
            return;
        }
        break;
    default: break;
    }
    take_worst(flow, place, result, last);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    bool won = elsewhere_has_won(flow, result);
    if (own->is_led && flow_is_finished(flow)) { /* of all_async, which compares */
        own->is_led = false;
        if (result->kind == RESULT_HIT) ask_copies(flow);
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
    if (own->is_led) ask_copies(flow);
}

static void release(struct flow *flow)
{
    struct own *own = flow->own;
    if (!own->first) return;
    result_release(own->first);
    slab_return(own->first, sizeof *own->first);
}

const struct flow_kind flow_all = {
    .own_size = sizeof(struct own), .start = start, .leg_done = leg_done, .release = release};
