/* A policy without a flow.
 *
 * Most requests that go through a policy need one call, whose result is the policy's: a failover whose first child answers, a get that
 * no other get joins, a read that finds something. For those a flow with its legs costs more than the work on the request. So where the
 * first child is a pool or a store, the policy's kind may begin with a direct call (struct direct_kind): one block of memory with the policy, the
 * copy of the request and a few words of the kind's own. Its result goes to the kind, which passes it on or, where more is to be done,
 * makes the flow now (direct_flow): leg 0 of it is the call that has ended, and everything else goes on as in flow.c.
 *
 * A direct call is in no list. Nobody can drop it (its call has a deadline), it has no alarm, and when moongate ends its call ends with
 * the server's connection, like that of a request without a policy. It announces a write as a flow does (plans_begin), since the
 * request may be sent once more.
 *
 * What must never happen: that a kind uses a direct call after it has passed on the result; that the bytes of the request as it came,
 * which go at the end of the turn, are used when the result comes. */
#include "route/direct.h"

#include <assert.h>
#include <stddef.h>

#include "backend/written.h"
#include "base/slab.h"
#include "route/generation.h"
#include "route/leaf.h"
#include "route/seen.h"

struct direct *direct_create(struct turn *t, struct generation *g, const struct route *route,
                             const struct request *r, enum direct_keeps keeps)
{
    bool whole = keeps == DIRECT_KEEPS_ALL;
    size_t room = offsetof(struct direct, kept) + kept_room(r, whole);
    struct direct *d = slab_borrow(room);
    assert(!t->is_ending && route->flow->direct);
    d->route = route;
    d->generation = generation_take(g);
    d->turn = t;
    d->plan = WRITES_NONE;
    kept_init(&d->kept, r, whole);
    d->kept.room = (uint32_t)room;
    if (r->command_id != COMMAND_GET && written_may(r) && !t->is_explaining) {
        d->plan = written_pair(r);
        plans_begin(&t->backends->writer, d->plan);
    }
    return d;
}

static void destroy(struct direct *d)
{
    if (d->plan != WRITES_NONE) plans_end(&d->turn->backends->writer, d->plan);
    if (d->kept.value) blob_give(d->kept.value);
    generation_give(d->generation);
    slab_return(d, d->kept.room);
}

/* The receiver takes the events of a plain call, too, and that costs it less. */
void direct_finish(struct direct *d, const struct result *result)
{
    const struct receiver *receiver = receiver_of(&d->kept.r);
    void *owner = (void *)d->kept.r.owner;
    uint32_t place = d->kept.r.part;
    assert(result_sane(result));
    destroy(d);
    if (result->news && receiver->on_news)
        receiver->on_news(owner, result->news);
    else
        receiver->on_result(owner, place, result);
}

struct flow *direct_flow(struct direct *d)
{
    struct kept *kept = kept_create(&d->kept.r);
    struct flow *flow = flow_create(d->turn, d->generation, d->route, d->route->flow, kept,
                                    flow_end_of(&d->kept.r));
    (void)flow_take_leg(flow, 0);
    destroy(d);
    return flow;
}

/* Events of the call (call_done_fn): one key, so each is the last. */
static void on_news(void *owner, const struct call_news *news)
{
    struct direct *d = owner;
    struct result result = result_from_news(news);
    d->route->flow->direct->done(d, &result);
}

static void on_news_or_miss(void *owner, const struct call_news *news)
{
    static const struct result miss = {.kind = RESULT_MISS};
    struct direct *d = owner;
    if (news->event == CALL_FAILED)
        d->route->flow->direct->done(d, &miss);
    else
        on_news(d, news);
}

/* The copy of one key of a get is a request of its own; a copy may lack its value. */
void direct_send(struct direct *d, const struct route *leaf, const struct request *r)
{
    struct turn *t = d->turn;
    if (t->seen) seen_for(t, flow_end_of(&d->kept.r));
    send_to_leaf(t, leaf, r->multi ? &d->kept.r : r, on_news, on_news_or_miss, d);
}
