/* How a command has two scripts and the servers of both.
 *
 * The worker is the daemon's own (worker_open), without clients: its connections, timeouts, TLS and authentication are those that the
 * scripts say. Neither script is adopted, so no timer of theirs runs, and no request is routed: they are only asked where one would go.
 * Requests go to backends directly.
 *
 * One server may have several backends: pools with other settings, or another way to write its address. Each backend is looked up once
 * (known), and from then on by its address in memory, which the reference keeps from being used again. Of several backends that stand
 * for one server, requests take one that is spoken to in text, where there is one: only text has lifetimes.
 */
#include "move/tier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "net/io.h"
#include "protocol/base64.h"
#include "protocol/text.h"
#include "route/explain.h"
#include "worker/options.h"
#include "worker/succession.h"
#include "worker/worker_tools.h"

enum {
    ARENA = 64 * 1024,
    MONTH = 30 * 24 * 3600, /* seconds: memcached takes more for a time since 1970 */
};

/* Seconds until a command goes on with the servers that it knows. */
static const double WAIT = 10;

/* As the tools have it: more than a script will use; pages that are never written cost nothing. */
static const uint64_t SHARED_MEMORY = 1ull << 30;

/* --- servers ------------------------------------------------------------------------------------ */

static uint32_t add_server(struct tier *t, struct backend *b)
{
    for (uint32_t i = 0; i < t->servers_n; i++) {
        struct tier_server *s = &t->servers[i];
        if (!backend_is_same(s->to, b)) continue;
        bool is_better =
            s->to->settings.protocol != PROTOCOL_TEXT && b->settings.protocol == PROTOCOL_TEXT;
        if (is_better) s->to = b;
        return i;
    }
    t->servers = reallocarray(t->servers, t->servers_n + 1, sizeof *t->servers);
    if (!t->servers) abort();
    t->servers[t->servers_n] = (struct tier_server){.name = b->name, .to = b};
    return t->servers_n++;
}

/* Where the backend is among those that are known, or is to be. */
static uint32_t find_known(const struct tier *t, const struct backend *b)
{
    uint32_t low = 0, high = t->known_n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uintptr_t)t->known[middle].backend < (uintptr_t)b)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t server_of(struct tier *t, enum tier_side side, struct backend *b)
{
    uint32_t at = find_known(t, b);
    if (at == t->known_n || t->known[at].backend != b) {
        t->known = reallocarray(t->known, t->known_n + 1, sizeof *t->known);
        if (!t->known) abort();
        memmove(&t->known[at + 1], &t->known[at], (t->known_n - at) * sizeof *t->known);
        t->known_n++;
        t->known[at] = (struct tier_backend){backend_take(b), add_server(t, b)};
    }
    t->servers[t->known[at].server].is_of[side] = true;
    return t->known[at].server;
}

static void learn_servers(struct tier *t, enum tier_side side)
{
    uint32_t n;
    struct pool *const *pools = script_pools(t->scripts[side], &n);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t m = 0; m < pools[i]->members_n; m++)
            (void)server_of(t, side, pools[i]->members[m].backend);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

/* The stores that routes name are this process's own, and empty. Those of mg.near have copies alone, which are nobody's loss. */
static bool has_copies(const struct generation *g, const struct route *store)
{
    for (uint32_t i = 0; i < g->routes_n; i++)
        if (g->routes[i]->kind == ROUTE_NEAR && g->routes[i]->children[1] == store) return true;
    return false;
}

static void tell_stores(const char *path, const struct generation *g)
{
    for (uint32_t i = 0; i < g->routes_n; i++) {
        if (g->routes[i]->kind != ROUTE_STORE || has_copies(g, g->routes[i])) continue;
        fprintf(stderr,
                "moongate: %s keeps items in %s: the service alone has them, so they are not "
                "looked at, and nothing is copied into it\n",
                path, g->routes[i]->text);
    }
}

static bool load(struct tier *t, enum tier_side side, const struct tier_how *how)
{
    char error[SCRIPT_ERROR_MAX];
    struct script_file file = {.path = how->paths[side], .flags = how->flags};
    script_file_set_kind(&file, how->kinds[side]);
    t->scripts[side] = worker_load(t->worker, &file, error);
    if (!t->scripts[side]) {
        bool is_named = strncmp(error, "script ", strlen("script ")) == 0 ||
                        strstr(error, how->paths[side]) != NULL;
        fprintf(stderr, "moongate: %s%s%s\n", is_named ? "" : how->paths[side],
                is_named ? "" : ": ", error);
        return false;
    }
    struct options with_script = *t->options;
    succession_options(&with_script, t->scripts[side]);
    script_set_max_value(t->scripts[side], with_script.max_value);
    script_set_timeout(t->scripts[side], with_script.script_timeout);
    struct turn *turn = worker_parts(t->worker).turn;
    t->explainers[side] = (struct explainer){.trace = &script_tracer,
                                             .router = t->scripts[side],
                                             .turn = turn,
                                             .routes = script_routes(t->scripts[side]),
                                             .slots = turn->slots,
                                             .answers = turn->answers,
                                             .arena = &t->arena,
                                             .rules = {.max_value = with_script.max_value}};
    tell_stores(how->paths[side], t->explainers[side].routes);
    return true;
}

/* The options of a daemon with the same command line. */
static bool set_options(struct tier *t, const struct tier_how *how)
{
    t->options = calloc(1, sizeof *t->options);
    if (!t->options) abort();
    if (!options_default(t->options)) return false;
    t->options->shared_memory = SHARED_MEMORY;
    t->options->no_jit = how->no_jit;
    t->options->unsafe_lua = how->unsafe_lua;
    t->options->lua_dir = how->lua_dir;
    return true;
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    *(bool *)timer->data = true;
}

/* Until discoveries have answered, and each connection is there or cannot be made: then versions are known, too. */
static void wait_for_servers(struct tier *t)
{
    bool is_late = false;
    ev_timer limit;
    ev_timer_init(&limit, on_limit, WAIT, 0);
    limit.data = &is_late;
    ev_timer_start(t->loop, &limit);
    worker_connect(t->worker);
    while (!is_late && (worker_discovers(t->worker) > 0 || !backends_are_tried(t->backends)))
        ev_run(t->loop, EVRUN_ONCE);
    ev_timer_stop(t->loop, &limit);
}

bool tier_open(struct tier *t, const struct tier_how *how)
{
    *t = (struct tier){.worker = NULL};
    arena_init(&t->arena, ARENA);
    if (set_options(t, how)) t->worker = worker_open(t->options, NULL, NULL);
    bool good = t->worker;
    for (int side = 0; good && side < TIER_SIDES; side++) {
        if (how->paths[side]) good = load(t, (enum tier_side)side, how);
    }
    if (!good) {
        tier_close(t);
        return false;
    }
    t->loop = worker_parts(t->worker).loop;
    t->backends = worker_parts(t->worker).backends;
    wait_for_servers(t);
    for (int side = 0; side < TIER_SIDES; side++)
        if (t->scripts[side]) learn_servers(t, (enum tier_side)side);
    return true;
}

void tier_close(struct tier *t)
{
    for (uint32_t i = 0; i < t->known_n; i++) backend_give(t->known[i].backend);
    for (int side = 0; side < TIER_SIDES; side++)
        if (t->scripts[side]) script_destroy(t->scripts[side]);
    if (t->worker) worker_close(t->worker);
    arena_release(&t->arena);
    free(t->known);
    free(t->servers);
    free(t->options);
    *t = (struct tier){.worker = NULL};
}

double tier_now(const struct tier *t)
{
    return t->backends->now;
}

/* --- where a key is ----------------------------------------------------------------------------- */

struct look {
    struct tier *tier;
    enum tier_side side;
    bool is_base64;
    struct tier_spots *to;
};

static struct backend *backend_of(const struct touched *p)
{
    for (uint32_t i = 0; i < p->pool->members_n; i++) {
        struct backend *b = p->pool->members[i].backend;
        if (b->name == p->server) return b;
    }
    return NULL;
}

static void take_place(struct look *look, const struct touched *p)
{
    struct backend *b = p->pool ? backend_of(p) : NULL; /* what a store has is not copied */
    struct tier_spots *to = look->to;
    if (!b || to->n == TIER_SPOTS || p->key_len > KEY_MAX) return;
    struct tier_spot *spot = &to->at[to->n++];
    spot->server = server_of(look->tier, look->side, b);
    spot->role = p->role;
    spot->share = (float)p->share;
    spot->is_conditional = p->when[0] != '\0';
    spot->key.is_base64 = look->is_base64;
    spot->key.len = (uint16_t)p->key_len;
    memcpy(spot->key.bytes, p->key, p->key_len);
}

/* An explain_told_fn. */
static void take_explanation(void *to, const struct explanation *x)
{
    struct look *look = to;
    for (uint32_t i = 0; i < x->places_n; i++) take_place(look, &x->places[i]);
    look->to->is_cut = x->is_cut;
    if (!x->path.failure[0]) return;
    look->to->has_failed = true;
    bool *was_printed = &look->tier->has_failed[look->side];
    if (!*was_printed) fprintf(stderr, "moongate: %s\n", x->path.failure);
    *was_printed = true;
}

/* The line about a key that can only be sent in base64. */
static const char *look_by_line(struct look *look, bool writes, const struct tier_key *key)
{
    char line[KEY_WIRE_ROOM + 16];
    size_t len = (size_t)sprintf(line, writes ? "ms " : "mg ");
    len += base64_encode(key->bytes, key->len, (uint8_t *)line + len);
    len += (size_t)sprintf(line + len, writes ? " 0 b" : " b v");
    return explain_request(&look->tier->explainers[look->side], line, len,
                           (struct explain_value){"", 0}, take_explanation, look);
}

void tier_spots(struct tier *t, enum tier_side side, bool writes, const struct tier_key *key,
                struct tier_spots *to)
{
    struct look look = {t, side, key->is_base64, to};
    const char *command = writes ? "set" : "get";
    assert(t->scripts[side] && key->len > 0);
    to->n = 0;
    to->is_cut = to->has_failed = false;
    if (key->is_base64)
        to->refused = look_by_line(&look, writes, key);
    else
        to->refused =
            explain_key(&t->explainers[side], command, strlen(command), (const char *)key->bytes,
                        key->len, (struct explain_value){"", 0}, take_explanation, &look);
    arena_reset(&t->arena);
}

/* --- requests ----------------------------------------------------------------------------------- */

bool tier_is_called(const struct tier *t, uint32_t server, const char *name)
{
    for (uint32_t i = 0; i < t->known_n; i++) {
        if (t->known[i].server == server && strcmp(t->known[i].backend->name, name) == 0)
            return true;
    }
    return false;
}

bool tier_is_down(const struct tier *t, uint32_t server)
{
    return t->servers[server].to->down;
}

/* A call_done_fn. The owner may free the call, or send another one in it. */
static void on_news(void *owner, const struct call_news *news)
{
    struct tier_call *c = owner;
    struct tier_server *s = &c->tier->servers[c->server];
    bool is_last = news->event == CALL_ANSWERED || news->event == CALL_FAILED;
    assert(s->in_flight > 0);
    if (is_last) s->in_flight--;
    c->done(c->owner, news);
}

const char *tier_send(struct tier *t, struct tier_call *c, uint32_t server, const struct request *r,
                      double patience)
{
    const char *reason = NULL;
    struct tier_server *s = &t->servers[server];
    struct backend_call how = {
        .deadline = tier_now(t) + patience, .pool = BACKEND_NO_POOL, .done = on_news, .owner = c};
    c->tier = t;
    c->server = server;
    c->sent = tier_now(t);
    s->in_flight++;
    if (backend_send(s->to, r, &how, &reason) != BACKEND_REFUSED) return NULL;
    t->servers[server].in_flight--;
    return reason;
}

struct request tier_meta(unsigned command, const struct tier_key *key, char flags[TIER_FLAGS])
{
    size_t len = strlen(flags);
    if (key->is_base64) {
        assert(len + 3 <= TIER_FLAGS);
        memcpy(flags + len, len ? " b" : "b", len ? 3 : 2);
        len = strlen(flags);
    }
    return (struct request){.command_id = (uint8_t)command,
                            .key_at = (uintptr_t)key->bytes,
                            .key_len = key->len,
                            .args_at = (uintptr_t)flags,
                            .args_len = (uint16_t)len,
                            .meta = key->is_base64 ? META_BASE64 : 0};
}

struct request tier_add(const struct tier_key *key, uint64_t client_flags, int64_t exptime)
{
    static const char IN_ADD_MODE[] = "b ME T F";
    size_t skip = key->is_base64 ? 0 : strlen("b ");
    return (struct request){.command_id = COMMAND_META_SET,
                            .key_at = (uintptr_t)key->bytes,
                            .key_len = key->len,
                            .client_flags = client_flags,
                            .exptime = (double)(int32_t)exptime,
                            .asked_exptime = exptime,
                            .args_at = (uintptr_t)(IN_ADD_MODE + skip),
                            .args_len = (uint16_t)(sizeof IN_ADD_MODE - 1 - skip),
                            .meta = META_EXPTIME | META_FLAGS | (key->is_base64 ? META_BASE64 : 0)};
}

int64_t tier_exptime(int64_t left, int64_t now)
{
    if (left < 0) return 0;
    return left > MONTH ? now + left : left;
}
