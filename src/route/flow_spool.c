/* Spool: a delete goes to its server, and where that did not carry it out, or may not have, to the spooler, which keeps it on the disk.
 * The client is told that nothing was found, as mcrouter tells it of deletes that went into its asynclog: from then on the old value
 * cannot be read there, as the server is gated until the delete was replayed (backend/gate.h). A delete that cannot be kept is the
 * server's failure, with the reason.
 *
 * The Lua side (routes/spool_deletes.lua) sends deletes here alone: reads and stores go to the pool as if it stood by itself. A delete
 * that its server answers takes no flow.
 *
 * I12: what compares a cas is not kept. It is no invalidation: it says which value is to go, and later that means another one. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/classic.h"
#include "protocol/place.h"
#include "route/direct.h"
#include "route/generation.h"
#include "route/spool.h"
#include "spool/place.h"

/* Seconds for the spooler's answer where the pool has no timeout. */
static const double PATIENCE = 5;

struct route_state {
    struct spool_place place;
};

/* Whom the pool picks, and how long it may take. backend NULL: nobody. Both stand in the words of a direct call, as long as its call is
 * out: so long the server is there. */
struct picked {
    const struct backend *backend;
    double timeout;
};
_Static_assert(sizeof(struct picked) <= sizeof((struct direct *)0)->own, "a direct call has room");

struct own {
    struct picked picked;
    struct board_server *stats;
    struct spool_wait wait;
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state = generation_make_state(route, sizeof *state);
    char dir[SPOOL_DIR_MAX + 1] = "";
    assert(n == 1 && words[0].len < sizeof dir); /* mg_spool has looked at it */
    memcpy(dir, words[0].text, words[0].len);
    if (spool_place_init(&state->place, dir)) abort();
}

void spool_servers(const struct generation *g, const char *dir,
                   void (*take)(void *about, const char *server), void *about)
{
    for (uint32_t i = 0; i < g->routes_n; i++) {
        const struct route *route = g->routes[i];
        if (route->kind != ROUTE_SPOOL || strcmp(route->state->place.dir, dir) != 0) continue;
        const struct pool *pool = route->children[0]->pool;
        for (uint32_t m = 0; m < pool->members_n; m++) take(about, pool->members[m].backend->name);
    }
}

/* The very server that send_to_pool is about to take. */
static struct picked pick(const struct route *route, const struct request *r)
{
    const struct pool_member *member =
        pool_pick(route->children[0]->pool, (const void *)r->key_at, r->key_len);
    if (!member) return (struct picked){0};
    return (struct picked){member->backend, member->timeout};
}

/* After which the old value may still be there, and be read later. Where moongate itself has answered that the server does not know such
 * a command, keeping it is in vain. */
static bool is_to_keep(const struct request *r, const struct backend *b,
                       const struct result *result)
{
    if (!b || !(result->kind & RESULT_FAILS_OVER) || request_place(r) & PLACE_COMPARES)
        return false;
    return !result->news || !result->news->response || !classic_is_lacking(result->news->response);
}

/* --- the flow: it waits for the spooler ---------------------------------------------------------- */

/* The server's failure, and why the delete is not kept either. */
static void finish_failed(struct flow *flow, const char *why)
{
    char text[1024];
    struct result result = result_of(flow->best);
    if (result.news && result.news->response) {
        const struct response *r = result.news->response;
        snprintf(text, sizeof text, "%.*s; not kept: %s", (int)(r->len < 512 ? r->len - 2 : 512),
                 (const char *)r->bytes, why);
    } else {
        snprintf(text, sizeof text, "%.*s; not kept: %s", (int)result.text_len, result.text, why);
    }
    flow_finish(flow, &(struct result){.kind = result.kind,
                                       .text = text,
                                       .text_len = strlen(text),
                                       .is_whole = result.is_whole});
}

static void finish(struct flow *flow, const char *why)
{
    static const struct result kept = {.kind = RESULT_MISS};
    if (why)
        finish_failed(flow, why);
    else
        flow_finish(flow, &kept);
}

/* The spooler has answered, see struct spool_wait. */
static void on_kept(struct spool_wait *wait, const char *why)
{
    struct flow *flow = wait->owner;
    const struct own *own = flow->own;
    own->stats->spooled += !why;
    flow_enter(flow);
    finish(flow, why);
    flow_leave(flow);
}

static void keep(struct flow *flow, const struct result *result)
{
    struct own *own = flow->own;
    struct spool_desk *desk = flow->turn->spool;
    const struct backend *b = own->picked.backend;
    const char *why = "only the daemon keeps deletes";
    flow_keep_best(flow, result);
    own->wait = (struct spool_wait){.done = on_kept, .owner = flow, .r = &flow->kept->r};
    snprintf(own->wait.server, sizeof own->wait.server, "%s", b->name);
    if (desk) why = desk->keep(desk->about, flow->route->state->place.dir, &own->wait);
    own->stats = b->stats;
    own->picked.backend = NULL;
    if (why)
        finish(flow, why);
    else
        flow_alarm(flow, isfinite(own->picked.timeout) ? own->picked.timeout : PATIENCE);
}

static void on_alarm(struct flow *flow)
{
    struct own *own = flow->own;
    spool_forget(&own->wait);
    finish(flow, "the spooler has not answered in time");
}

static void release(struct flow *flow)
{
    struct own *own = flow->own;
    spool_forget(&own->wait);
}

static void start(struct flow *flow)
{
    struct own *own = flow->own;
    *own = (struct own){.picked = pick(flow->route, &flow->kept->r)};
    flow_leg(flow, 0, flow->route->children[0], &flow->kept->r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    const struct own *own = flow->own;
    if (is_to_keep(&flow->kept->r, own->picked.backend, result))
        keep(flow, result);
    else
        flow_finish(flow, result);
}

/* --- without a flow, as long as the server answers ------------------------------------------------ */

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_ALL);
    struct picked picked = pick(route, r);
    memcpy(d->own, &picked, sizeof picked);
    direct_send(d, route->children[0], r);
    return true;
}

/* The flow that is made now has sent the delete, and keeps it. */
static void direct_done(struct direct *d, const struct result *result)
{
    struct picked picked;
    memcpy(&picked, d->own, sizeof picked);
    if (d->turn->is_ending || !is_to_keep(&d->kept.r, picked.backend, result)) {
        direct_finish(d, result);
        return;
    }
    struct flow *flow = direct_flow(d);
    *(struct own *)flow->own = (struct own){.picked = picked};
    leg_result(&flow->legs[0], 0, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    if (!(request_place(r) & PLACE_COMPARES))
        way = walk_on(w, way, WALK_MAIN, "and kept in %s while the server is down",
                      route->state->place.dir);
    return walk_route(w, route->children[0], r, way);
}

const struct flow_kind flow_spool = {.own_size = sizeof(struct own),
                                     .build = build,
                                     .start = start,
                                     .leg_done = leg_done,
                                     .alarm = on_alarm,
                                     .release = release,
                                     .direct = &direct,
                                     .walk = walk};
