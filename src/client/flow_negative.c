#include <string.h>

#include "base/hash.h"
#include "client/flow.h"
#include "client/generation.h"

/* Negative: a key that the child's server did not have is not asked for again for a while. What is remembered is bounded: places in sets of
 * WAYS, chosen by the key's hash; the one that ends first makes room.
 *
 * Anything but a read through this route forgets its key when it begins and once more when it has ended, and a miss counts only
 * when no such thing has begun or ended since the read began: so whoever has stored a key through it finds it. */
enum { WAYS = 4 };

struct place {
    double until; /* as turn->now */
    uint16_t key_len;
    uint8_t key[KEY_MAX];
};

struct set {
    uint32_t writes; /* begun or ended so far */
    struct place places[WAYS];
};

struct route_state {
    uint32_t sets_n;
    struct set sets[];
};

static void build(struct route *route)
{
    uint32_t n = (route->options.keys + WAYS - 1) / WAYS;
    struct route_state *state =
        generation_make_state(route, sizeof *state + sizeof state->sets[0] * n);
    state->sets_n = n;
}

static struct set *set_of(struct flow *flow)
{
    struct route_state *state = flow->route->state;
    const struct request *r = &flow->kept->r;
    uint64_t hash = hash_bytes64(HASH_XXH3, (const void *)r->key_at, r->key_len, 0);
    return &state->sets[hash % state->sets_n];
}

static struct place *find(struct set *set, const struct request *r)
{
    for (unsigned i = 0; i < WAYS; i++) {
        struct place *p = &set->places[i];
        if (p->key_len == r->key_len && memcmp(p->key, (const void *)r->key_at, p->key_len) == 0)
            return p;
    }
    return NULL;
}

static void forget(struct set *set, const struct request *r)
{
    struct place *p = find(set, r);
    if (p) p->until = 0;
    set->writes++;
}

static void remember(struct set *set, const struct request *r, double until)
{
    struct place *known = find(set, r), *p = &set->places[0];
    for (unsigned i = 1; i < WAYS; i++) {
        if (set->places[i].until < p->until) p = &set->places[i];
    }
    if (known) p = known;
    p->until = until;
    p->key_len = r->key_len;
    memcpy(p->key, (const void *)r->key_at, r->key_len);
}

static void start(struct flow *flow)
{
    static const struct result miss = {.kind = RESULT_MISS};
    const struct request *r = &flow->kept->r;
    struct set *set = set_of(flow);
    if (!request_only_reads(r)) {
        forget(set, r);
    } else {
        const struct place *p = find(set, r);
        if (p && p->until > flow->turn->now) {
            flow_finish(flow, &miss);
            return;
        }
        flow->chosen = set->writes;
    }
    flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    const struct request *r = &flow->kept->r;
    struct set *set = set_of(flow);
    if (!request_only_reads(r))
        forget(set, r);
    else if (result->kind == RESULT_MISS && result->news && flow->chosen == set->writes)
        remember(set, r, flow->turn->now + flow->route->options.seconds);
    flow_finish(flow, result);
}

const struct flow_kind flow_negative = {.build = build, .start = start, .leg_done = leg_done};
