/* A function that waits, or one that spawns, makes its calls while the script decides for a whole batch of requests: before any
 * slot is acted on. Were they sent at once, the call of a client's fifth request could reach a server before its first. So they
 * wait with the number of the slot that the script was deciding for, and turn.c begins them right before it acts on that slot
 * (I1).
 *
 * Slots are decided in order, so the list nearly always grows at its end. Lower numbers come back where a function leads to a
 * function, in a second round, and where functions that wait begin: after all others have decided. */
#include "route/later.h"

#include <assert.h>
#include <stddef.h>

/* later_end points to the last flow's `next`, so the flow itself is found from that. */
static struct flow *last_of_later(const struct turn *t)
{
    return (struct flow *)(void *)((uint8_t *)t->later_end - offsetof(struct flow, next));
}

/* The list is in the order of slots. */
static void start_later(struct flow *flow, uint32_t slot)
{
    struct turn *t = flow->turn;
    struct flow **at = t->later_end;
    assert(slot <= TURN_SLOTS && !t->is_ending);
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

/* --- calls that the script makes --------------------------------------------------------------- */

/* A flow whose only leg is the call, and whose alarm is the call's own timeout: the leg may end later, and is then ignored. */

/* own carries the child until the flow begins: this kind asks for no bytes of its own. */
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

/* The call that is out has its pool's deadline, too; this one is what the script has set for itself. */
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

/* A flow that begins may finish and free itself, so it is taken off the list before. */
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

/* --- functions that waited ------------------------------------------------------------------------ */

/* The script cannot be resumed here: it may be what is running. turn.c does it, with the next round. */
void flow_make_ready(struct flow *flow)
{
    struct generation *g = flow->generation;
    flow->next = NULL;
    *g->ready_end = flow;
    g->ready_end = &flow->next;
}

void flow_not_ready(struct flow *flow)
{
    struct generation *g = flow->generation;
    struct flow **at = &g->ready;
    while (*at && *at != flow) at = &(*at)->next;
    if (!*at) return; /* flows_end has emptied the list */
    *at = flow->next;
    if (!*at) g->ready_end = at;
}
