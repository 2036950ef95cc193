/* ROUTE_ALL without a flow: all children are pools or stores, and the request means the same in every place (I12), so each gets it at once, and
 * nothing is sent later. The request is not copied, as its bytes are queued or sent when begin returns; what is kept is where the
 * result goes, and the result that counts so far.
 *
 * A struct copies frees itself when the last of its calls has ended; its receiver may have got the result long before. Like a direct
 * call it is in no list (see direct.c). */
#include <assert.h>

#include "backend/written.h"
#include "base/slab.h"
#include "route/all.h"
#include "route/generation.h"
#include "route/leaf.h"
#include "route/seen.h"

/* The owner of one call. */
struct copy {
    struct copies *of;
    uint32_t place;
};

/* I1: receiver is NULL once it has the result. Invariant: out is how many calls have not ended, those that are still to be sent
 * included; kept is not NULL where votes.best is not 0. */
struct copies {
    const struct route *route;
    struct generation *generation;
    struct turn *turn;
    const struct receiver *receiver;
    void *owner;
    uint32_t part;
    uint32_t out;
    struct all_votes votes;
    struct kept_result *kept;
    writes_pair plan; /* as in struct flow */
    struct copy calls[];
};

static size_t size_for(const struct route *route)
{
    return sizeof(struct copies) + sizeof(struct copy) * route->children_n;
}

static void destroy(struct copies *c)
{
    assert(c->out == 0 && !c->receiver);
    if (c->plan != WRITES_NONE) plans_end(&c->turn->backends->writer, c->plan);
    if (c->kept) {
        result_release(c->kept);
        slab_return(c->kept, sizeof *c->kept);
    }
    generation_give(c->generation);
    slab_return(c, size_for(c->route));
}

static void finish(struct copies *c, const struct result *result)
{
    const struct receiver *receiver = c->receiver;
    assert(receiver && result_sane(result));
    c->receiver = NULL;
    receiver->on_result(c->owner, c->part, result);
}

static void finish_kept(struct copies *c)
{
    struct result kept = result_of(c->kept);
    finish(c, &kept);
}

static void keep(struct copies *c, const struct result *result)
{
    if (!c->kept) {
        c->kept = slab_borrow(sizeof *c->kept);
        result_init(c->kept);
    }
    result_keep(c->kept, result);
}

/* A call has ended. What it leads to may begin other requests, but none of these copies. */
static void done(const struct copy *copy, const struct result *result)
{
    struct copies *c = copy->of;
    uint32_t place = copy->place;
    assert(c->out > 0 && c->calls + place == copy);
    bool last = --c->out == 0;
    if (c->receiver) {
        switch (all_judge(&c->votes, c->route, place, result->kind, last)) {
        case ALL_WAITS: break;
        case ALL_KEEPS: keep(c, result); break;
        case ALL_IT: finish(c, result); break;
        case ALL_KEPT: finish_kept(c); break;
        }
    }
    if (last) destroy(c);
}

/* Events of the calls (call_done_fn). */
static void on_news(void *owner, const struct call_news *news)
{
    struct result result = result_from_news(news);
    done(owner, &result);
}

static void on_news_or_miss(void *owner, const struct call_news *news)
{
    static const struct result miss = {.kind = RESULT_MISS};
    if (news->event == CALL_FAILED)
        done(owner, &miss);
    else
        on_news(owner, news);
}

static bool are_leaves(const struct route *route)
{
    for (uint32_t i = 0; i < route->children_n; i++) {
        if (!route_is_leaf(route->children[i])) return false;
    }
    return true;
}

/* An answer to mg may have won the right to renew a stale item, which is to be handed back where another answer counts: a flow does
 * that. */
static bool means_the_same(const struct request *r)
{
    return r->command_id == COMMAND_GET ||
           (r->command_id != COMMAND_META_GET && request_place(r) == 0);
}

static struct copies *create(struct turn *t, struct generation *g, const struct route *route,
                             const struct request *r)
{
    struct copies *c = slab_borrow(size_for(route));
    assert(!t->is_ending && route->children_n > 0);
    *c = (struct copies){.route = route,
                         .generation = generation_take(g),
                         .turn = t,
                         .receiver = receiver_of(r),
                         .owner = (void *)r->owner,
                         .part = r->part,
                         .out = route->children_n,
                         .plan = WRITES_NONE};
    if (written_may(r) && !t->is_explaining) {
        c->plan = written_pair(r);
        plans_begin(&t->backends->writer, c->plan);
    }
    return c;
}

/* The next call is seen as one for this end; for none, when that has got its result. */
static void show(const struct copies *c, const struct request *r)
{
    seen_for(c->turn, c->receiver ? flow_end_of(r) : (struct flow_end){0});
}

/* With WAIT_NONE the receiver waits for no server. Of a key of a get each copy is a request of its own. */
static bool begin(struct turn *t, struct generation *g, const struct route *route,
                  const struct request *r)
{
    static const struct result miss = {.kind = RESULT_MISS};
    uint32_t n = route->children_n;
    struct request one;
    if (!means_the_same(r) || !are_leaves(route)) return false;
    struct copies *c = create(t, g, route, r);
    if (r->multi) {
        one = *r;
        one.multi = 0;
        r = &one;
    }
    if (route->options.wait == WAIT_NONE) finish(c, &miss);
    for (uint32_t i = 0; i < n; i++) {
        c->calls[i] = (struct copy){c, i};
        if (t->seen) show(c, r);
        send_to_leaf(t, route->children[i], r, on_news, on_news_or_miss, &c->calls[i]);
    }
    return true;
}

const struct direct_kind all_direct = {.begin = begin};
