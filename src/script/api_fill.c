/* The bodies of fills.h, and their beginning. Nothing here may enter Lua. */
#include "backend/written.h"
#include "script/state.h"

/* Whose leg, or whose function's call, a flow is; NULL: nobody's. */
static const struct flow *flow_above(const struct flow *flow)
{
    if (flow->end.on_result == leg_result) return ((const struct leg *)flow->end.owner)->flow;
    if (flow->end.on_result != async_call_done) return NULL;
    const struct async *a = flow->end.owner;
    return a->is_over ? NULL : a->flow;
}

/* How many plans of its request there are: its own, and of those above it. */
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

void mg_fill_mark(struct script *s, uint32_t at, uint32_t serial, struct request *r, uint32_t own)
{
    struct async *a = async_find(s, at, serial);
    if (!a) return;
    struct request *of = &a->flow->kept->r;
    if (!r) r = of;
    if (own)
        r->fill = (a->fill.sends + own * sends_of_one(a->fill.pair)) << FILL_BITS | FILL_SENDS;
    else
        r->fill = a->fill.mark << FILL_BITS | plans_of(a->flow);
    if (r == of || !of->shown_key_at) return;
    r->shown_key_at = of->shown_key_at; /* a write may be known by that name alone */
    r->shown_key_len = of->shown_key_len;
}

void mg_fill_inherit(struct script *s, uint32_t at, uint32_t serial, struct request *r)
{
    const struct async *a = async_find(s, at, serial);
    if (a) r->fill = a->flow->kept->r.fill;
}
