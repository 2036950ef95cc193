/* How explain follows a request.
 *
 * A walk goes through the routes as the request would, but down every way: where a policy asks one child after the other, or draws
 * one, all of them are followed, each under its condition. It starts no flow and makes no call. Pools, choosers and policies are
 * followed here, by the kinds' own `walk`; functions by the router (struct route_tracer).
 *
 * The first way down is special: its steps are the path, and the pool at its end is the first place. Each kind passes on is_first to
 * the child that it would ask first.
 *
 * What must never happen: that a walk changes what a policy remembers (tokens, misses, times), or sends anything. */
#include "route/walk.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/place.h"
#include "route/chooser.h"
#include "route/explain.h"
#include "route/flow.h"

enum { TEXT_MOST = 1024 }; /* bytes of all conditions of a place */

/* --- words -------------------------------------------------------------------------------------- */

const char *walk_role_name(enum walk_role role)
{
    static const char *const names[] = {
#define X(name, text, meaning) [WALK_##name] = text,
        WALK_ROLES(X)
#undef X
    };
    return names[role];
}

const char *walk_name(const struct route *route)
{
    if (route->kind == ROUTE_POOL && !route->text) return route->pool->settings.name;
    return route->text ? route->text : "a route";
}

const char *touched_pool(const struct touched *place)
{
    return place->pool ? place->pool->settings.name : place->server;
}

static const char *keep_text(struct walk *w, const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(arena_alloc(w->e->arena, len), text, len);
}

/* "a miss", "an error", "a timeout", with "or" in between. */
const char *walk_results(struct walk *w, unsigned results)
{
    static const struct {
        unsigned bits;
        const char *text;
    } words[] = {{RESULT_HIT, "a hit"},
                 {RESULT_MISS, "a miss"},
                 {RESULT_REFUSED, "a refusal"},
                 {RESULT_ANY_ERROR, "an error"},
                 {RESULT_FAILS_OVER, "an error"},
#define X(name, bit, text, meaning) {RESULT_##name, "'" text "'"},
                 RESULTS(X)
#undef X
    };
    char text[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words && len < sizeof text; i++) {
        if ((results & words[i].bits) != words[i].bits) continue;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? " or " : "",
                                words[i].text);
        results &= ~words[i].bits;
    }
    return keep_text(w, text);
}

/* --- ways --------------------------------------------------------------------------------------- */

struct walk_way walk_on(struct walk *w, struct walk_way way, enum walk_role role,
                        const char *condition, ...)
{
    char text[TEXT_MOST];
    va_list list;
    size_t len = (size_t)snprintf(text, sizeof text, "%s%s", way.when, way.when[0] ? ", " : "");
    va_start(list, condition);
    if (len < sizeof text) vsnprintf(text + len, sizeof text - len, condition, list);
    va_end(list);
    way.when = keep_text(w, text);
    return walk_as(way, role);
}

struct walk_way walk_after(struct walk *w, struct walk_way way, enum walk_role role,
                           unsigned results, const struct route *child)
{
    way = walk_on(w, way, role, "on %s of %s", walk_results(w, results), walk_name(child));
    way.is_first = false;
    return way;
}

struct walk_way walk_share(struct walk_way way, double share)
{
    way.share *= share;
    return way;
}

struct path *walk_path(struct walk *w, struct walk_way way)
{
    if (way.is_first) return &w->path;
    w->aside = (struct path){.len = 0};
    return &w->aside;
}

static void add_step(struct walk *w, struct walk_way way, const char *what, const char *name,
                     size_t len)
{
    char text[PATH_ROOM];
    if (!way.is_first) return;
    int n = snprintf(text, sizeof text, "%s%.*s", what, (int)len, name);
    path_add(&w->path, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* --- places ------------------------------------------------------------------------------------- */

static bool is_same(const struct touched *a, const struct touched *b)
{
    return a->pool == b->pool && a->role == b->role && strcmp(a->server, b->server) == 0 &&
           strcmp(a->when, b->when) == 0 && a->sent_len == b->sent_len &&
           memcmp(a->sent, b->sent, a->sent_len) == 0;
}

/* The same request to the same place by two ways is one place; shares of a draw add up. */
static void note_place(struct walk *w, const struct touched *place)
{
    for (uint32_t i = 0; i < w->places_n; i++) {
        struct touched *known = &w->places[i];
        if (!is_same(known, place)) continue;
        if (known->share + place->share <= 1 + 1e-9) known->share += place->share;
        return;
    }
    if (w->places_n == WALK_PLACES)
        w->is_cut = true;
    else
        w->places[w->places_n++] = *place;
}

static bool is_drawn(const struct pool *pool, const struct pool_choice *choice)
{
    return choice->was_hashed && pool->settings.selector.distribution == DISTRIBUTION_RANDOM;
}

/* A line of request_encode_line, without its end. */
static void keep_line(struct walk *w, const struct request *r, struct touched *place)
{
    char *to = (char *)arena_alloc(w->e->arena, request_line_room(r));
    size_t len = request_encode_line(r, (uint8_t *)to);
    if (len >= 2 && to[len - 2] == '\r') len -= 2;
    place->sent = to;
    place->sent_len = len;
    to = (char *)arena_alloc(w->e->arena, r->key_len);
    place->key = memcpy(to, (const void *)r->key_at, r->key_len);
    place->key_len = r->key_len;
}

static void note_first(struct walk *w, struct pool *pool, const struct request *r,
                       const struct pool_choice *choice)
{
    uint8_t *key = arena_alloc(w->e->arena, r->key_len);
    w->pool = pool;
    w->choice = *choice;
    w->choice.hashed = (char *)key + (choice->hashed - (const char *)r->key_at);
    w->is_drawn = is_drawn(pool, choice);
    if (w->is_drawn) w->choice.was_hashed = false;
    w->sent_key = memcpy(key, (const void *)r->key_at, r->key_len);
    w->sent_key_len = r->key_len;
}

/* A distribution that draws takes another server each time, each as often as the others. */
static void walk_pool(struct walk *w, const struct route *route, const struct request *r,
                      struct walk_way way)
{
    struct pool *pool = route->pool;
    struct pool_choice choice = pool_explain(pool, (const void *)r->key_at, r->key_len);
    if (pool->whole) pool = pool->whole;
    struct touched place = {.pool = pool,
                            .server = choice.member ? choice.member->backend->name : "none",
                            .role = way.role,
                            .share = way.share,
                            .when = way.when};
    if (w->places_n == 0) note_first(w, pool, r, &choice);
    keep_line(w, r, &place);
    if (!is_drawn(pool, &choice)) {
        note_place(w, &place);
        return;
    }
    place.share /= pool->living_n;
    for (uint32_t i = 0; i < pool->living_n; i++) {
        place.server = pool->members[pool->living[i]].backend->name;
        note_place(w, &place);
    }
}

static void walk_store(struct walk *w, const struct route *route, const struct request *r,
                       struct walk_way way)
{
    struct touched place = {
        .server = route->text, .role = way.role, .share = way.share, .when = way.when};
    if (way.is_first) w->end = (int32_t)route->number;
    add_step(w, way, "", route->text, strlen(route->text));
    keep_line(w, r, &place);
    note_place(w, &place);
}

/* --- routes ------------------------------------------------------------------------------------- */

static void fail(struct walk *w, struct walk_way way, const char *why)
{
    if (!w->path.failure[0]) snprintf(w->path.failure, sizeof w->path.failure, "%s", why);
    add_step(w, way, "script error", "", 0);
}

/* What the router has decided in the slot. */
static unsigned walk_answer(struct walk *w, struct walk_way way)
{
    const struct explainer *e = w->e;
    const struct answer *a = &e->answers[e->at];
    if (way.is_first) w->end = a->route;
    if (!way.is_first && w->aside.failure[0]) fail(w, way, w->aside.failure);
    if (a->route >= 0) {
        struct request r = e->slots[e->at];
        return walk_route(w, e->routes->routes[a->route], &r, way);
    }
    if (a->route == ANSWER_MISS) add_step(w, way, "reply miss", "", 0);
    if (a->route != ANSWER_REFUSE) return a->route == ANSWER_MISS ? RESULT_MISS : RESULT_HIT;
    if (way.is_first && w->path.failure[0])
        add_step(w, way, "script error", "", 0);
    else
        add_step(w, way, "reply error ", (const char *)a->text_at, a->text_len);
    return w->path.failure[0] ? RESULT_SCRIPT : RESULT_DENIED;
}

/* Whether one more function may run. A worker that explains serves nobody meanwhile, so all of them together have a time. */
static bool may_run(struct walk *w, struct walk_way way)
{
    if (w->is_late)
        w->is_cut = true;
    else if (w->depth >= WALK_DEEPEST)
        fail(w, way, "functions and policies without end");
    else
        return true;
    return false;
}

/* The function's number; 0: the script's root. It runs in the slot, which it may change. A function may lead to itself. */
static unsigned walk_function(struct walk *w, uint32_t function, const struct request *r,
                              struct walk_way way)
{
    const struct explainer *e = w->e;
    if (!may_run(w, way)) return w->is_late ? 0 : RESULT_SCRIPT;
    w->depth++;
    e->slots[e->at] = *r;
    e->slots[e->at].function_id = function;
    e->trace->decide(e->router, e->slots, e->answers, e->at, w, &way);
    unsigned known = walk_answer(w, way);
    w->depth--;
    return known;
}

static unsigned walk_async(struct walk *w, const struct route *route, const struct request *r,
                           struct walk_way way)
{
    const struct explainer *e = w->e;
    if (way.is_first) w->end = ANSWER_WAITS;
    add_step(w, way, "", route->text, strlen(route->text));
    if (!may_run(w, way)) return w->is_late ? 0 : RESULT_SCRIPT;
    w->depth++;
    unsigned known = e->trace->follow(e->router, route->options.function_id, r, w, &way);
    w->depth--;
    return known;
}

static unsigned walk_leaf(struct walk *w, const struct route *route, struct walk_way way)
{
    bool is_miss = route->kind == ROUTE_MISS;
    if (way.is_first) w->end = is_miss ? ANSWER_MISS : ANSWER_REFUSE;
    if (is_miss)
        add_step(w, way, "reply miss", "", 0);
    else
        add_step(w, way, "reply error ", route->text, strlen(route->text));
    return is_miss ? RESULT_MISS : RESULT_DENIED;
}

static unsigned walk_chooser(struct walk *w, const struct route *route, const struct request *r,
                             struct walk_way way)
{
    struct request own = *r;
    if (route->chooser->walk) return route->chooser->walk(w, route, r, way);
    const struct route *child = route_choose(w->e->turn, route, &own);
    return walk_route(w, child, &own, way);
}

unsigned walk_route(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way)
{
    if (w->steps >= WALK_STEPS) {
        w->is_cut = true;
        return 0;
    }
    w->steps++;
    if (route->children_n) add_step(w, way, "", route->text, strlen(route->text));
    switch (route->kind) {
    case ROUTE_POOL:
        if (way.is_first) w->end = (int32_t)route->number;
        add_step(w, way, route->text ? "" : "pool ", walk_name(route), strlen(walk_name(route)));
        walk_pool(w, route, r, way);
        return 0;
    case ROUTE_STORE: walk_store(w, route, r, way); return 0;
    case ROUTE_FUNCTION: return walk_function(w, route->options.function_id, r, way);
    case ROUTE_ASYNC: return walk_async(w, route, r, way);
    case ROUTE_MISS:
    case ROUTE_FAIL: return walk_leaf(w, route, way);
    default: break;
    }
    if (route_is_chooser(route)) return walk_chooser(w, route, r, way);
    assert(route->flow && route->flow->walk);
    return route->flow->walk(w, route, r, way);
}

/* --- what follows ------------------------------------------------------------------------------- */

static bool is_noted(const struct walk *w, uint32_t n, const struct touched *place)
{
    for (uint32_t i = 0; i < n; i++) {
        if (w->places[i].pool == place->pool && strcmp(w->places[i].server, place->server) == 0)
            return true;
    }
    return false;
}

void walk_aftermath(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way)
{
    uint32_t n = w->places_n, kept = n;
    way.is_first = false;
    (void)walk_route(w, route, r, way);
    for (uint32_t i = n; i < w->places_n; i++) {
        if (!is_noted(w, n, &w->places[i])) w->places[kept++] = w->places[i];
    }
    w->places_n = kept;
}

void walk_hand_back(struct walk *w, const struct route *route, const struct request *r,
                    struct walk_way way)
{
    uint8_t *args = arena_alloc(w->e->arena, PLACE_ARGS_LEAST);
    struct request back;
    if (r->command_id != COMMAND_META_GET) return;
    request_hand_back(r, &back, args);
    way = walk_on(w, way, WALK_BACKGROUND, "to hand back a win whose answer is dropped");
    walk_aftermath(w, route, &back, way);
}

void walk_later(struct walk *w, const struct route *route, const struct request *r,
                struct walk_way way)
{
    if (w->later_n == WALK_LATER) {
        w->is_cut = true;
        return;
    }
    way.is_first = false;
    if (way.role < WALK_BACKGROUND) way.role = WALK_BACKGROUND;
    w->later[w->later_n++] = (struct walk_spawned){route, kept_create(r), way};
}

/* What is spawned may spawn more, which the list's room bounds. */
void walk_request(struct walk *w, const struct request *r)
{
    struct walk_way way = {WALK_MAIN, 1, "", true};
    assert(w->places_n == 0 && w->later_n == 0);
    (void)walk_function(w, r->function_id, r, way);
    for (uint32_t i = 0; i < w->later_n; i++)
        (void)walk_route(w, w->later[i].route, &w->later[i].kept->r, w->later[i].way);
    for (uint32_t i = 0; i < w->later_n; i++) kept_give(w->later[i].kept);
    w->later_n = 0;
}
