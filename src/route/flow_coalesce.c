#include <assert.h>
#include <string.h>

#include "backend/written.h"
#include "placement/hash.h"
#include "route/direct.h"

/* Coalesce: of equal gets in flight the first makes the call, and the others get its result.
 *
 * I11: requests share a call only where everything that decides its outcome is the same. The route is (the table of leaders is
 * its own), so the child, its pools and their options are. Command, key and the key that the client is shown are compared; only
 * get and gets are coalesced. Once any worker has begun or ended a write of the key (see base/writes.c), no later get joins
 * those from before: they may find the value from before the write. */

enum { BUCKETS = 1024 };

/* A get that others may join: where its key is, and who has joined. In the block of its flow or of its direct call. */
struct leader {
    struct leader *next; /* in its bucket */
    struct flow *joined; /* the first of those that joined it, linked by `next` */
    const struct request *r;
    uint64_t mark; /* of the writes of its key when it began */
};

struct route_state {
    struct leader *leaders[BUCKETS]; /* by the hashes of their keys */
};

/* State lives with the route, so a request never meets one of another route. */
static struct leader **bucket_of(const struct route *route, const struct request *r)
{
    uint32_t hash = hash_bytes(HASH_XXH3, (const void *)r->key_at, r->key_len);
    return &route->state->leaders[hash % BUCKETS];
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

static bool may_share(const struct request *r)
{
    return r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS;
}

/* Its bucket, and its key's mark. */
struct meeting {
    struct leader **bucket;
    uint64_t mark;
};

static struct meeting meeting_of(const struct turn *t, const struct route *route,
                                 const struct request *r)
{
    return (struct meeting){bucket_of(route, r),
                            writes_mark(&t->backends->writer, written_pair(r), t->now)};
}

/* The one that r may join, or NULL. */
static struct leader *find(const struct meeting *m, const struct request *r)
{
    struct leader *leader = *m->bucket;
    while (leader && (leader->mark != m->mark || !are_equal(leader->r, r))) leader = leader->next;
    return leader;
}

/* r lives as long as the leader. */
static void lead(const struct meeting *m, struct leader *leader, const struct request *r)
{
    *leader = (struct leader){.next = *m->bucket, .r = r, .mark = m->mark};
    *m->bucket = leader;
}

/* The bucket is left first: what the result leads to may begin an equal get, which must not join a call that has ended. Returns the
 * first flow that has joined. While moongate ends, flows_end has finished those, and freed them: the list is not looked at. */
static struct flow *leave(const struct turn *t, const struct route *route, struct leader *leader)
{
    struct leader **at = bucket_of(route, leader->r);
    while (*at != leader) at = &(*at)->next;
    *at = leader->next;
    return t->is_ending ? NULL : leader->joined;
}

static void finish_joined(struct flow *joined, const struct result *result)
{
    while (joined) {
        struct flow *next = joined->next;
        assert(joined->running == 0 && !flow_is_finished(joined));
        flow_enter(joined);
        flow_finish(joined, result);
        flow_leave(joined);
        joined = next;
    }
}

/* --- with a flow --------------------------------------------------------------------------------- */

/* What a flow is, in `chosen`: others may join a LEADER; ALONE is no get, and only passes through. A flow that has joined is
 * neither: it has no leg, so leg_done is not called for it. */
enum { LEADER, ALONE };

/* A flow that joins has no leg and no alarm: its leader finishes it. A leader always has a leg that is out. is_shared keeps what runs
 * below the leader from being dropped with the leader's own client. */
static void start(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    flow->chosen = may_share(r) ? LEADER : ALONE;
    if (flow->chosen == LEADER) {
        struct meeting m = meeting_of(flow->turn, flow->route, r);
        struct leader *leader = find(&m, r);
        if (leader) {
            flow->next = leader->joined;
            leader->joined = flow;
            return;
        }
        lead(&m, flow->own, r);
    }
    flow_leg(flow, 0, flow->route->children[0], r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct flow *joined = flow->chosen == LEADER ? leave(flow->turn, flow->route, flow->own) : NULL;
    flow_finish(flow, result);
    finish_joined(joined, result);
}

/* --- without one --------------------------------------------------------------------------------- */

static struct leader *leader_in(struct direct *d)
{
    _Static_assert(sizeof(struct leader) <= sizeof d->own, "it has room");
    return (struct leader *)(void *)d->own;
}

/* A get that can join another one has a flow to wait with. */
static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct meeting m = {NULL, 0};
    if (may_share(r)) {
        m = meeting_of(t, route, r);
        if (find(&m, r)) return false;
    }
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_KEY);
    if (m.bucket) lead(&m, leader_in(d), &d->kept.r);
    direct_send(d, route->children[0], r);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    struct flow *joined = NULL;
    if (may_share(&d->kept.r)) joined = leave(d->turn, d->route, leader_in(d));
    direct_finish(d, result);
    finish_joined(joined, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

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
                                        .own_size = sizeof(struct leader),
                                        .state_size = sizeof(struct route_state),
                                        .start = start,
                                        .leg_done = leg_done,
                                        .direct = &direct,
                                        .walk = walk};
