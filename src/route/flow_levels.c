#include <assert.h>
#include <string.h>

#include "backend/written.h"
#include "protocol/value.h"
#include "route/direct.h"
#include "route/elsewhere.h"
#include "route/generation.h"

/* Levels: a read asks the cache first, and its hit is the result. Where the cache has nothing or fails, a function of the script goes
 * on, with the request as it came.
 *
 * A hit may be an old copy, which is about to be taken back (base/writes.c says why). Then the source decides: its result counts, and
 * the cache forgets the key where it has something else. A value that stands for a miss, with its client flags, may be a word of the
 * route: such a hit is a miss. */
enum { CACHE, BEYOND, SOURCE, FORGET, CHILDREN };

struct route_state {
    uint64_t flags; /* of the value that stands for a miss */
    uint32_t len;   /* 0: none does */
    uint8_t value[];
};

/* The copies that its key may have in the cache, as they were when the request began. */
struct own {
    uint64_t mark;
    writes_pair copies;
    bool has_won; /* the hit in doubt, which no client sees, has the right to renew the item */
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    assert(route->children_n == CHILDREN && n <= 1);
    size_t len = n ? words[0].len : 0;
    struct route_state *state = generation_make_state(route, sizeof *state + len);
    state->len = (uint32_t)len;
    if (len == 0) return;
    state->flags = (uint64_t)words[0].number;
    memcpy(state->value, words[0].text, len);
}

static struct own note(const struct turn *t, const struct route *route, const struct request *r)
{
    writes_pair copies = copies_pair(written_pair(r), route->options.place);
    return (struct own){copies_mark(&t->backends->writer, copies), copies, false};
}

static bool stands_for_miss(const struct route_state *state, const struct response *r)
{
    struct response_value v = response_read(r);
    return v.at && v.len == state->len && v.flags == state->flags &&
           memcmp(v.at, state->value, v.len) == 0;
}

static bool is_in_doubt(const struct turn *t, const struct own *own)
{
    return copies_are_doubtful(&t->backends->writer, own->copies, own->mark, t->now);
}

/* What the client gets for a hit of the cache. */
static const struct result *shown(const struct route *route, const struct result *hit)
{
    static const struct result miss = {.kind = RESULT_MISS};
    const struct route_state *state = route->state;
    return state->len && stands_for_miss(state, hit->news->response) ? &miss : hit;
}

static void leg(struct flow *flow, uint32_t child, const struct request *r)
{
    flow_leg(flow, child, flow->route->children[child], r);
}

static void start(struct flow *flow)
{
    *(struct own *)flow->own = note(flow->turn, flow->route, &flow->kept->r);
    leg(flow, CACHE, &flow->kept->r);
}

static void cache_done(struct flow *flow, const struct result *result)
{
    struct own *own = flow->own;
    if (result->kind != RESULT_HIT) {
        leg(flow, BEYOND, &flow->kept->r);
    } else if (is_in_doubt(flow->turn, own)) {
        own->has_won = elsewhere_has_won(flow, CACHE, result);
        flow_keep_best(flow, result);
        leg(flow, SOURCE, &flow->kept->r);
    } else {
        flow_finish(flow, shown(flow->route, result));
    }
}

static void forget(struct flow *flow)
{
    struct request r;
    written_forget(&flow->kept->r, &r);
    leg(flow, FORGET, &r);
}

/* Data and client flags. */
static bool are_alike(const struct response *a, const struct response *b)
{
    struct response_value x = response_read(a), y = response_read(b);
    return x.at && y.at && x.len == y.len && x.flags == y.flags && memcmp(x.at, y.at, x.len) == 0;
}

/* Nothing is added to the cache, which has a value; but a wrong one goes. */
static void source_done(struct flow *flow, const struct result *result)
{
    const struct own *own = flow->own;
    bool is_wrong = !(result->kind & RESULT_ANY_ERROR) &&
                    !(result->news && are_alike(&flow->best->response, result->news->response));
    flow_finish(flow, result);
    if (own->has_won) elsewhere_hand_back(flow, CACHE);
    if (is_wrong && !flow->turn->is_ending) forget(flow);
}

/* A flow that is finished has no more to do when the cache has forgotten, or has taken back a win. */
static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow_is_finished(flow)) return;
    switch (place) {
    case CACHE: cache_done(flow, result); break;
    case SOURCE: source_done(flow, result); break;
    default: flow_finish(flow, result); break;
    }
}

/* --- without a flow, while the cache has what is asked for ---------------------------------------- */

static struct own *own_of(struct direct *d)
{
    _Static_assert(sizeof(struct own) <= sizeof d->own, "it has room");
    return (struct own *)(void *)d->own;
}

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_ALL);
    *own_of(d) = note(t, route, r);
    direct_send(d, route->children[CACHE], r);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    struct own own = *own_of(d);
    if (result->kind == RESULT_HIT && !is_in_doubt(d->turn, &own)) {
        direct_finish(d, shown(d->route, result));
    } else if (d->turn->is_ending) {
        direct_finish(d, result);
    } else {
        struct flow *flow = direct_flow(d);
        *(struct own *)flow->own = own;
        leg_result(&flow->legs[CACHE], CACHE, result);
    }
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* For explain. A hit is taken to be no old copy. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    unsigned known = walk_route(w, route->children[CACHE], r, way);
    if (known == RESULT_HIT) return known;
    if (!known)
        way = walk_after(w, way, WALK_ON_MISS, RESULT_MISS | RESULT_FAILS_OVER,
                         route->children[CACHE]);
    (void)walk_route(w, route->children[BEYOND], r, way);
    return 0;
}

const struct flow_kind flow_levels = {.own_size = sizeof(struct own),
                                      .build = build,
                                      .start = start,
                                      .leg_done = leg_done,
                                      .direct = &direct,
                                      .walk = walk};
