/* The bodies of fills.h, and the beginning of a fill. Nothing here enters Lua.
 *
 * A policy such as warm_up reads a value from one route and puts a copy into another. Meanwhile the key may be written, and
 * the copy would be old. So async_fill_begin notes how many writes of the key have been seen when the read begins; the copy
 * carries that mark, and the route ROUTE_FILL (route/flow_fill.c) drops it, or takes it back, when there have been more.
 * src/base/writes.c has the count.
 */
#include <assert.h>
#include <string.h>

#include "backend/written.h"
#include "route/chooser.h"
#include "script/state.h"

/* The flow that waits for this one: it is its leg, or a call of its function. NULL: none does. */
static const struct flow *flow_above(const struct flow *flow)
{
    if (flow->end.on_result == leg_result) return ((const struct leg *)flow->end.owner)->flow;
    if (flow->end.on_result != async_call_done) return NULL;
    const struct async *a = flow->end.owner;
    return a->is_over ? NULL : a->flow;
}

/* How many of the flows from this one upwards are noted as plans of a write. They are the copy's own doing, and do not make
 * it old. */
static uint32_t plans_of(const struct flow *flow)
{
    uint32_t n = 0;
    for (; flow && n < FILL_PLANS; flow = flow_above(flow)) n += flow->plan != WRITES_NONE;
    return n;
}

void async_fill_begin(struct async *a, uint32_t place)
{
    const struct backends *set = a->script->host.backends;
    a->fill.pair = written_pair(&a->flow->kept->r);
    a->fill.in_place = copies_pair(a->fill.pair, place);
    a->fill.mark = writes_mark(&set->writer, a->fill.pair, set->now);
    a->fill.sends = sends_mark(&set->writer, a->fill.pair, set->now);
    a->fill.copies = copies_mark(&set->writer, a->fill.in_place);
}

bool async_fill_is_doubtful(const struct async *a)
{
    const struct backends *set = a->script->host.backends;
    return copies_are_doubtful(&set->writer, a->fill.in_place, a->fill.copies, set->now);
}

void mg_fill_mark(struct script *s, uint32_t at, uint32_t serial, struct request *r, uint32_t from)
{
    struct async *a = async_find(s, at, serial);
    if (!a) return;
    struct request *of = &a->flow->kept->r;
    if (!r) r = of;
    assert(from <= MG_FILL_WROTE);
    uint64_t own = from == MG_FILL_WROTE ? sends_of_one(a->fill.pair) : 0;
    if (from == MG_FILL_READ)
        r->fill = a->fill.mark << FILL_BITS | plans_of(a->flow);
    else
        r->fill = (a->fill.sends + own) << FILL_BITS | FILL_SENDS;
    if (r == of || !of->shown_key_at) return;
    r->shown_key_at =
        of->shown_key_at; /* the client's name of the key: others may write it by that */
    r->shown_key_len = of->shown_key_len;
}

void mg_fill_inherit(struct script *s, uint32_t at, uint32_t serial, struct request *r)
{
    const struct async *a = async_find(s, at, serial);
    if (a) r->fill = a->flow->kept->r.fill;
}

/* *r as it is sent. NULL: that is decided for each request. */
static const struct backend *place_of(struct async *a, int32_t number, struct request *r)
{
    const struct route *route = a->script->routes.routes[number];
    while (route_is_chooser(route) && !route->chooser->walk)
        route = route_choose(a->flow->turn, route, r);
    if (route->kind != ROUTE_POOL) return NULL;
    const struct pool_member *member = pool_pick(route->pool, (const void *)r->key_at, r->key_len);
    return member ? member->backend : NULL;
}

/* Servers of tests have names, and no addresses. */
static bool are_one(const struct backend *a, const struct backend *b)
{
    if (a == b || strcmp(a->name, b->name) == 0) return true;
    return a->addrs && a->addrs->len > 0 && backend_is_same(a, b);
}

bool mg_fill_is_same_place(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                           const struct request *r, int32_t other, const struct request *as)
{
    struct async *a = async_find(s, at, serial);
    struct request one = *r, two = *as;
    if (!a) return false;
    const struct backend *first = place_of(a, route, &one), *second = place_of(a, other, &two);
    return first && second && are_one(first, second) &&
           one.key_len == two.key_len &&
           memcmp((const void *)one.key_at, (const void *)two.key_at, one.key_len) == 0;
}
