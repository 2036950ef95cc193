#include "route/later.h"

#include <stddef.h>

static struct flow *last_of_later(const struct turn *t)
{
    return (struct flow *)(void *)((uint8_t *)t->later_end - offsetof(struct flow, next));
}

/* The list is in the order of slots. */
static void start_later(struct flow *flow, uint32_t slot)
{
    struct turn *t = flow->turn;
    struct flow **at = t->later_end;
    if (t->later && last_of_later(t)->chosen > slot) {
        at = &t->later;
        while ((*at)->chosen <= slot) at = &(*at)->next;
    }
    flow->chosen = slot;
    flow->next = *at;
    *at = flow;
    if (!flow->next) t->later_end = &flow->next;
}

void flow_leg_later(struct flow *flow, uint32_t place, uint32_t slot)
{
    (void)flow_take_leg(flow, place);
    start_later(flow, slot);
}

/* --- of the script's making -------------------------------------------------------------------- */

static void single_start(struct flow *flow)
{
    const struct route *route = flow->own;
    flow->own = NULL;
    flow_leg(flow, 0, route, &flow->kept->r);
}

static void single_done(struct flow *flow, uint32_t place, const struct result *result)
{
    flow_finish(flow, result);
}

static void single_late(struct flow *flow)
{
    static const char TEXT[] = "timeout";
    flow_finish(flow, &(struct result){RESULT_TIMEOUT, NULL, TEXT, sizeof TEXT - 1});
}

static const struct flow_kind single = {
    .more_legs = 1, .start = single_start, .leg_done = single_done, .alarm = single_late};

void flow_begin_later(struct turn *t, struct generation *g, const struct route *route,
                      struct kept *kept, double timeout, uint32_t slot, struct flow_end end)
{
    static const struct route no_children = {.kind = ROUTE_ASYNC};
    struct flow *flow = flow_create(t, g, &no_children, &single, kept, end);
    flow->own = (void *)route;
    if (timeout > 0) flow_alarm(flow, timeout);
    start_later(flow, slot);
}

void flows_begin(struct turn *t, uint32_t slot)
{
    while (t->later && t->later->chosen <= slot) {
        struct flow *flow = t->later;
        t->later = flow->next;
        if (!t->later) t->later_end = &t->later;
        flow_enter(flow);
        flow->kind->start(flow);
        flow_leave(flow);
    }
}
