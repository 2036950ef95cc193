#include <string.h>

#include "base/hash.h"
#include "client/flow.h"

/* Coalesce: of equal gets in flight the first makes the call, and the others get its result. Equal are the command, the key
 * and the key that the client sees; only get and gets are coalesced. Once something else about the key was asked, nobody joins
 * the gets from before: they may find what was there before it. */

enum { BUCKETS = 1024 };

/* Flows that others may join, by their keys' hashes; linked by `next`. A flow's own: the next of those that joined it. */
struct route_state {
    struct flow *leaders[BUCKETS];
};

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

static bool are_equal(const struct request *a, const struct request *b)
{
    return a->command_id == b->command_id &&
           bytes_equal(a->key_at, a->key_len, b->key_at, b->key_len) &&
           bytes_equal(a->shown_key_at, a->shown_key_len, b->shown_key_at, b->shown_key_len);
}

/* What a flow is, in `chosen`. */
enum { LEADER, ALONE };

/* Nobody joins gets of that key any more. */
static void close_gets(struct flow **at, const struct request *r)
{
    while (*at) {
        const struct request *of = &(*at)->kept->r;
        if (bytes_equal(of->key_at, of->key_len, r->key_at, r->key_len)) {
            (*at)->chosen = ALONE;
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

static void start(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    struct flow **bucket = bucket_of(flow);
    if (r->command_id != COMMAND_GET && r->command_id != COMMAND_GETS) {
        close_gets(bucket, r);
        flow->chosen = ALONE;
        flow_leg(flow, 0, flow->route->children[0], r);
        return;
    }
    for (struct flow *leader = *bucket; leader; leader = leader->next) {
        if (!are_equal(&leader->kept->r, r)) continue;
        flow->own = leader->own;
        leader->own = flow;
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

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow->chosen == LEADER) leave_bucket(flow);
    struct flow *joined =
        flow->turn->is_ending ? NULL : flow->own; /* then they have ended before */
    flow->own = NULL;
    flow_finish(flow, result);
    while (joined) {
        struct flow *next = joined->own;
        joined->own = NULL;
        flow_enter(joined);
        flow_finish(joined, result);
        flow_leave(joined);
        joined = next;
    }
}

const struct flow_kind flow_coalesce = {
    .state_size = sizeof(struct route_state), .start = start, .leg_done = leg_done};
