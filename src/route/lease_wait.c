/* When a key's item is stored or gone is not known until a read looks. The first member of a group looks, at growing intervals: 2 ms
 * after the first answer, then 4, 8 and so on, and every 50 ms from then on. So a key costs its server 5 looks in the first 100 ms and 20
 * in each further second, from each worker, however many wait. The first member is the one that came first, so its time is over first;
 * then the next one looks on.
 *
 * While the first answer is still out nobody knows whether there is anything to wait for: no time runs. */
#include "route/lease_wait.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/slab.h"
#include "placement/hash.h"
#include "route/generation.h"

enum { BUCKETS = 1024, LONG_VALUE = 4096 };

/* Seconds. */
static const double FIRST_INTERVAL = 0.002, LAST_INTERVAL = 0.05, EARLY = 0.0005;

struct lease_group {
    struct lease_group *next; /* in its bucket */
    struct route_state *state;
    struct flow *first, *last; /* members */
    const struct flow *asks;   /* the member whose look is out, or NULL */
    double look_at, interval;
    bool is_new;            /* its first look has no answer yet */
    struct kept_result old; /* an old value, as lease_ask has it; or nothing */
    struct lease_saying saying;
    uint16_t key_len;
    uint8_t key[KEY_MAX];
};

struct route_state {
    struct board_lease *counts; /* the board's */
    char name[BOARD_NAME];      /* under which it counts */
    uint32_t members;
    struct lease_group *groups[BUCKETS];
};

/* --- answers ------------------------------------------------------------------------------------ */

static bool has_cas(const struct request *r)
{
    return r->command_id == COMMAND_GETS || r->command_id == COMMAND_GATS;
}

const struct result *lease_say(struct flow *flow, struct lease_saying *saying,
                               struct lease_told *told)
{
    const struct request *r = &flow->kept->r;
    const uint8_t *key = (const uint8_t *)r->key_at;
    unsigned form = has_cas(r);
    size_t room = lease_value_room(&saying->item, r->key_len);
    struct response made;
    if (saying->blob[form]) {
        made = saying->made[form];
    } else if (room <= LONG_VALUE) {
        made = lease_put_value(&saying->item, key, r->key_len, form,
                               arena_alloc(flow->turn->arena, room));
    } else {
        struct blob *blob = saying->blob[form] = blob_reuse(room);
        made = lease_put_value(&saying->item, key, r->key_len, form, blob->bytes);
        blob->len = made.len;
        saying->made[form] = made;
    }
    return lease_tell(flow->turn, r, made, saying->blob[form], told);
}

void lease_unsay(struct lease_saying *saying)
{
    for (unsigned i = 0; i < 2; i++) {
        if (saying->blob[i]) blob_give(saying->blob[i]);
        saying->blob[i] = NULL;
    }
}

/* --- groups ------------------------------------------------------------------------------------- */

void lease_wait_build(struct route *route, const struct route_word *name)
{
    struct route_state *state = generation_make_state(route, sizeof *state);
    snprintf(state->name, sizeof state->name, "%.*s", (int)name->len, name->text);
}

void lease_wait_in_use(const struct route *route, struct board_tables *tables, bool is_used)
{
    struct route_state *state = route->state;
    if (is_used) state->counts = board_lease(tables, state->name);
    state->counts->users += is_used ? 1 : (uint64_t)-1;
}

/* --- counting ----------------------------------------------------------------------------------- */

struct board_lease *lease_tally(const struct route *route)
{
    return route->state->counts;
}

static void begin_wait(struct flow *flow)
{
    struct lease_waiter *w = lease_waiter_of(flow);
    struct board_lease *counts = lease_tally(flow->route);
    assert(!w->waits);
    w->waits = true;
    counts->waits++;
    counts->waiting++;
}

void lease_wait_ends(const struct flow *flow, unsigned kind)
{
    struct lease_waiter *w = lease_waiter_of(flow);
    struct board_lease *counts = lease_tally(flow->route);
    if (!w->waits) return;
    w->waits = false;
    counts->waiting--;
    latency_note(&counts->latency, flow->turn->now - (w->deadline - flow->route->options.within));
    if (kind & RESULT_HIT)
        ++*(w->is_old ? &counts->waits_stale : &counts->waits_value);
    else if (kind & RESULT_MISS && w->is_won)
        counts->waits_won++;
    else if (kind & RESULT_MISS && flow_is_awaited(flow))
        counts->waits_missed++;
    else
        counts->waits_failed++;
}

void lease_count(const struct route *route, unsigned kind)
{
    struct board_lease *counts = lease_tally(route);
    counts->hits += (kind & RESULT_HIT) != 0;
    counts->misses += (kind & RESULT_MISS) != 0;
    counts->errors += !(kind & (RESULT_HIT | RESULT_MISS));
}

/* --- members ------------------------------------------------------------------------------------ */

static struct lease_group **bucket_of(struct route_state *state, const uint8_t *key, size_t len)
{
    return &state->groups[hash_bytes(HASH_XXH3, key, len) % BUCKETS];
}

static struct lease_group *find(struct route_state *state, const struct request *r)
{
    const uint8_t *key = (const uint8_t *)r->key_at;
    struct lease_group *g = *bucket_of(state, key, r->key_len);
    while (g && (g->key_len != r->key_len || memcmp(g->key, key, g->key_len) != 0)) g = g->next;
    return g;
}

static struct lease_group *create(struct route_state *state, const struct request *r)
{
    struct lease_group *g = slab_borrow(sizeof *g);
    struct lease_group **bucket = bucket_of(state, (const uint8_t *)r->key_at, r->key_len);
    assert(r->key_len <= sizeof g->key);
    *g = (struct lease_group){.next = *bucket,
                              .state = state,
                              .is_new = true,
                              .interval = FIRST_INTERVAL,
                              .key_len = r->key_len};
    memcpy(g->key, (const void *)r->key_at, r->key_len);
    result_init(&g->old);
    return *bucket = g;
}

/* Nobody can join any more. */
static void withdraw(struct lease_group *g)
{
    struct lease_group **at = bucket_of(g->state, g->key, g->key_len);
    while (*at != g) at = &(*at)->next;
    *at = g->next;
}

static void release(struct lease_group *g)
{
    assert(!g->first);
    lease_unsay(&g->saying);
    result_release(&g->old);
    slab_return(g, sizeof *g);
}

static void destroy(struct lease_group *g)
{
    withdraw(g);
    release(g);
}

static void keep_old(struct lease_group *g, const struct lease_terms *terms,
                     const struct result *old)
{
    if (!old) return;
    lease_unsay(&g->saying);
    result_keep(&g->old, old);
    g->saying.item = lease_see(&g->old.response, terms);
}

static void link_last(struct lease_group *g, struct flow *flow)
{
    struct lease_waiter *w = lease_waiter_of(flow);
    w->group = g;
    w->prev = g->last;
    flow->next = NULL;
    *(g->last ? &g->last->next : &g->first) = flow;
    g->last = flow;
    g->state->members++;
}

static void unlink_member(struct lease_group *g, struct flow *flow)
{
    struct lease_waiter *w = lease_waiter_of(flow);
    *(w->prev ? &w->prev->next : &g->first) = flow->next;
    *(flow->next ? &lease_waiter_of(flow->next)->prev : &g->last) = w->prev;
    w->group = NULL;
    flow->next = w->prev = NULL;
    g->state->members--;
    if (g->asks == flow) g->asks = NULL;
}

/* --- time --------------------------------------------------------------------------------------- */

static void set_alarm(struct flow *flow)
{
    const struct lease_waiter *w = lease_waiter_of(flow);
    const struct lease_group *g = w->group;
    double at = w->deadline, now = flow->turn->now;
    if (g->is_new || flow->turn->is_ending) return;
    if (flow == g->first && !g->asks && g->look_at < at) at = g->look_at;
    flow_alarm(flow, at > now ? at - now : 0);
}

static double time_over(const struct flow *flow)
{
    return flow->turn->now + flow->route->options.within;
}

/* From now on the members wait for a set. */
static void begin_to_wait(struct lease_group *g)
{
    g->is_new = false;
    for (struct flow *flow = g->first; flow; flow = flow->next) {
        lease_waiter_of(flow)->deadline = time_over(flow);
        begin_wait(flow);
        set_alarm(flow);
    }
}

/* The next look is in `seconds`. */
static void look_later(struct lease_group *g, double now, double seconds)
{
    g->look_at = now + seconds;
    if (g->is_new)
        begin_to_wait(g);
    else if (g->first)
        set_alarm(g->first);
}

/* A member has gone. If it was the one that looks, the next one does: at once, if nothing has been learnt yet. */
static void look_on(struct lease_group *g, double now)
{
    if (!g->asks && g->is_new)
        look_later(g, now, 0);
    else
        set_alarm(g->first);
}

/* What the answer leads to may join or end the group: it is not touched afterwards, where others are in it. */
static void give_up(struct lease_group *g, struct flow *flow)
{
    struct lease_saying *old = g->old.kind ? &g->saying : NULL;
    unlink_member(g, flow);
    bool is_last = !g->first;
    if (is_last)
        withdraw(g);
    else
        look_on(g, flow->turn->now);
    lease_in_vain(flow, old);
    if (is_last) release(g);
}

void lease_alarm(struct flow *flow)
{
    struct lease_waiter *w = lease_waiter_of(flow);
    struct lease_group *g = w->group;
    double now = flow->turn->now;
    if (!g) return;
    if (now >= w->deadline - EARLY || !flow_is_awaited(flow)) {
        give_up(g, flow);
    } else if (flow == g->first && !g->asks && now >= g->look_at - EARLY) {
        g->asks = flow;
        set_alarm(flow);
        lease_look(flow);
    } else {
        set_alarm(flow);
    }
}

/* --- coming and going --------------------------------------------------------------------------- */

enum lease_joined lease_join(struct flow *flow, bool waits, const struct result *old)
{
    struct route_state *state = flow->route->state;
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_group *g = find(state, &flow->kept->r);
    assert(!lease_waiter_of(flow)->group);
    if (state->members >= flow->route->options.most_in_flight) return LEASE_SHED;
    if (!g) g = create(state, &flow->kept->r);
    lease_waiter_of(flow)->deadline = time_over(flow);
    link_last(g, flow);
    if (!g->is_new) begin_wait(flow);
    keep_old(g, &terms, old);
    if (waits && g->is_new && !g->asks) {
        look_later(g, flow->turn->now, g->interval);
    } else if (g->first == flow && g->is_new) {
        g->asks = flow;
        return LEASE_ASKS;
    } else {
        set_alarm(flow);
    }
    return LEASE_WAITS;
}

void lease_leave(struct flow *flow)
{
    struct lease_group *g = lease_waiter_of(flow)->group;
    if (!g) return;
    unlink_member(g, flow);
    if (!g->first)
        destroy(g);
    else
        look_on(g, flow->turn->now);
}

static void wait_on(struct lease_group *g, double now)
{
    double interval = g->interval;
    g->asks = NULL;
    if (g->interval < LAST_INTERVAL) g->interval *= 2;
    if (g->interval > LAST_INTERVAL) g->interval = LAST_INTERVAL;
    look_later(g, now, interval);
}

void lease_wait_on(struct flow *flow, const struct result *old)
{
    struct lease_group *g = lease_waiter_of(flow)->group;
    struct lease_terms terms = lease_terms_of(flow->route);
    keep_old(g, &terms, old);
    wait_on(g, flow->turn->now);
}

void lease_leave_waiting(struct flow *flow)
{
    struct lease_group *g = lease_waiter_of(flow)->group;
    unlink_member(g, flow);
    if (g->first)
        wait_on(g, flow->turn->now);
    else
        destroy(g);
}

struct flow *lease_disband(struct flow *flow)
{
    struct lease_group *g = lease_waiter_of(flow)->group;
    struct flow *all = g->first;
    for (struct flow *member = all; member; member = member->next) {
        lease_waiter_of(member)->group = NULL;
        flow_no_alarm(member);
        g->state->members--;
    }
    g->first = g->last = NULL;
    destroy(g);
    return all;
}
