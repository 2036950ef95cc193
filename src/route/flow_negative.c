#include <assert.h>
#include <string.h>

#include "backend/written.h"
#include "placement/hash.h"
#include "route/direct.h"
#include "route/generation.h"

/* Negative: a key that the child did not have is a miss for a while, without a call. I6: what is remembered is bounded. It is a
 * set associative cache: the key's hash chooses a set of WAYS places, and the place whose time ends first makes room.
 *
 * A miss is remembered with the mark that its key had before the read (see base/writes.c), and is good as long as the key has
 * that mark. So a client that has stored a key, through any worker, finds it. Copies (fills) change no mark: they make their
 * key forgotten here. */
enum { WAYS = 4 };

struct place {
    double until; /* as turn->now */
    uint64_t mark;
    uint16_t key_len;
    uint8_t key[KEY_MAX];
};

struct set {
    struct place places[WAYS];
};

struct route_state {
    uint32_t sets_n;
    struct set sets[];
};

struct own {
    uint64_t mark; /* when the read began */
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    uint32_t sets = (route->options.keys + WAYS - 1) / WAYS;
    struct route_state *state =
        generation_make_state(route, sizeof *state + sizeof state->sets[0] * sets);
    assert(sets > 0);
    state->sets_n = sets;
}

/* By 64 bits of hash: which places a key may have. */
static struct set *set_of(const struct route *route, const struct request *r)
{
    struct route_state *state = route->state;
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

/* Only the time goes: a place whose time is over is the first to be used again. */
static void forget(struct set *set, const struct request *r)
{
    struct place *p = find(set, r);
    if (p) p->until = 0;
}

static void remember(struct set *set, const struct request *r, double until, uint64_t mark)
{
    struct place *known = find(set, r), *p = &set->places[0];
    for (unsigned i = 1; i < WAYS; i++) {
        if (set->places[i].until < p->until) p = &set->places[i];
    }
    if (known) p = known;
    assert(r->key_len <= sizeof p->key);
    p->until = until;
    p->mark = mark;
    p->key_len = r->key_len;
    memcpy(p->key, (const void *)r->key_at, r->key_len);
}

/* A request begins that may write, or reads: then *mark becomes that of its key. True: a miss is remembered, which is its result. A
 * request that may write makes its key forgotten when it begins and when it ends: a read in between may have found nothing. */
static bool is_remembered(const struct turn *t, const struct route *route, const struct request *r,
                          uint64_t *mark)
{
    struct set *set = set_of(route, r);
    *mark = 0;
    if (!request_only_reads(r)) {
        forget(set, r);
        return false;
    }
    const struct place *p = find(set, r);
    *mark = writes_mark(&t->backends->writer, written_pair(r), t->now);
    return p && p->until > t->now && p->mark == *mark;
}

static void note(const struct turn *t, const struct route *route, const struct request *r,
                 uint64_t mark, const struct result *result)
{
    if (!request_only_reads(r))
        forget(set_of(route, r), r);
    else if (result->kind == RESULT_MISS && result->news) /* from a server, not from a failure */
        remember(set_of(route, r), r, t->now + route->options.seconds, mark);
}

static const struct result miss = {.kind = RESULT_MISS};

static void start(struct flow *flow)
{
    struct own *own = flow->own;
    if (is_remembered(flow->turn, flow->route, &flow->kept->r, &own->mark))
        flow_finish(flow, &miss);
    else
        flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    const struct own *own = flow->own;
    note(flow->turn, flow->route, &flow->kept->r, own->mark, result);
    flow_finish(flow, result);
}

/* Without a flow. The mark is own[0]. */
static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    uint64_t mark;
    if (is_remembered(t, route, r, &mark)) {
        receiver_of(r)->on_result((void *)r->owner, r->part, &miss);
        return true;
    }
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_KEY);
    d->own[0] = mark;
    direct_send(d, route->children[0], r);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    note(d->turn, d->route, &d->kept.r, d->own[0], result);
    direct_finish(d, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    if (request_only_reads(r))
        way = walk_on(w, way, WALK_MAIN, "unless a miss of the last %g s is remembered",
                      route->options.seconds);
    unsigned known = walk_route(w, route->children[0], r, way);
    return known == RESULT_MISS || !request_only_reads(r) ? known : 0;
}

const struct flow_kind flow_negative = {.own_size = sizeof(struct own),
                                        .build = build,
                                        .start = start,
                                        .leg_done = leg_done,
                                        .direct = &direct,
                                        .walk = walk};
