#include <assert.h>
#include <string.h>

#include "backend/written.h"
#include "placement/hash.h"
#include "route/flow.h"

/* Coalesce: of equal gets in flight the first makes the call, and the others get its result.
 *
 * I11: requests share a call only where everything that decides its outcome is the same. The route is (the table of leaders is
 * its own), so the child, its pools and their options are. Command, key and the key that the client is shown are compared; only
 * get and gets are coalesced. Once any worker has begun or ended a write of the key (see base/writes.c), no later get joins
 * those from before: they may find the value from before the write. */

enum { BUCKETS = 1024 };

/* Flows that others may join, by the hashes of their keys; linked by `next`. */
struct route_state {
    struct flow *leaders[BUCKETS];
};

struct own {
    struct flow *joined; /* the next of those that joined it */
    uint64_t mark;       /* of the writes of its key when it began */
};

static struct own *own_of(const struct flow *flow)
{
    return flow->own;
}

/* State lives with the route, so a flow never meets one of another route. */
static struct flow **bucket_of(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    uint32_t hash = hash_bytes(HASH_XXH3, (const void *)r->key_at, r->key_len);
    return &flow->route->state->leaders[hash % BUCKETS];
}

static bool bytes_equal(uintptr_t a, size_t a_len, uintptr_t b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp((const void *)a, (const void *)b, a_len) == 0);
}

/* The shown key matters, because the response is composed for it. Flags of meta commands never come here. */
static bool are_equal(const struct request *a, const struct request *b)
{
    return a->command_id == b->command_id &&
           bytes_equal(a->key_at, a->key_len, b->key_at, b->key_len) &&
           bytes_equal(a->shown_key_at, a->shown_key_len, b->shown_key_at, b->shown_key_len);
}

/* What a flow is, in `chosen`: others may join a LEADER; ALONE is no get, and just passes through. A flow that has joined is
 * neither: it has no leg, so leg_done is not called for it. */
enum { LEADER, ALONE };

/* A flow that joins has no leg and no alarm: its leader's leg_done finishes it. A leader always has a leg that is out.
 * is_shared keeps what runs below the leader from being dropped with the leader's own client. */
static void start(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    const struct turn *t = flow->turn;
    struct flow **bucket = bucket_of(flow);
    *own_of(flow) = (struct own){0};
    if (r->command_id != COMMAND_GET && r->command_id != COMMAND_GETS) {
        flow->chosen = ALONE;
        flow_leg(flow, 0, flow->route->children[0], r);
        return;
    }
    own_of(flow)->mark = writes_mark(&t->backends->writer, written_pair(r), t->now);
    for (struct flow *leader = *bucket; leader; leader = leader->next) {
        if (own_of(leader)->mark != own_of(flow)->mark || !are_equal(&leader->kept->r, r)) continue;
        own_of(flow)->joined = own_of(leader)->joined;
        own_of(leader)->joined = flow;
        return;
    }
    flow->next = *bucket;
    *bucket = flow;
    flow_leg(flow, 0, flow->route->children[0], r);
}

static void leave_bucket(struct flow *flow)
{
    struct flow **at = bucket_of(flow);
    while (*at != flow) at = &(*at)->next;
    *at = flow->next;
}

/* The bucket is left first: what the result leads to may begin an equal get, which must not join a call that has ended. While
 * moongate ends, flows_end has finished those that joined, and freed them: the list is not looked at. */
static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow->chosen == LEADER) leave_bucket(flow);
    struct flow *joined = flow->turn->is_ending ? NULL : own_of(flow)->joined;
    own_of(flow)->joined = NULL;
    flow_finish(flow, result);
    while (joined) {
        struct flow *next = own_of(joined)->joined;
        assert(joined->route == flow->route && joined->running == 0);
        own_of(joined)->joined = NULL;
        flow_enter(joined);
        flow_finish(joined, result);
        flow_leave(joined);
        joined = next;
    }
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    if (r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS)
        way = walk_on(w, way, WALK_MAIN, "unless the same %s is in flight",
                      command_info(r->command_id)->text);
    return walk_route(w, route->children[0], r, way);
}

const struct flow_kind flow_coalesce = {.is_shared = true,
                                        .own_size = sizeof(struct own),
                                        .state_size = sizeof(struct route_state),
                                        .start = start,
                                        .leg_done = leg_done,
                                        .walk = walk};
