#include "script/script.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "route/chooser.h"
#include "route/kinds.h"
#include "script/modules.h"
#include "script/state.h"

enum {
    LOG_BURST = 10,
    ROUNDS = 16 /* functions below policies below functions */
};

static const char SCRIPT_ERROR[] = "script error";

/* --- loading ----------------------------------------------------------------------------------- */

/* [] -> [handles, now, handler, run, trace], keeps `load` for the caller on top: [..., load] */
static bool boot(struct script *s)
{
    lua_State *L = s->L;
    handles_init(s); /* before other light userdata: the first are the fastest */
    library_open(L, s->host.lua_dir);
    if (!s->host.jit) luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_getglobal(L, "require");        /* [..., require] */
    lua_pushstring(L, "moongate.boot"); /* [..., require, name] */
    if (lua_pcall(L, 1, 1, 0) != 0) return false;
    lua_getfield(L, -1, "start"); /* [..., boot, start] */
    lua_remove(L, -2);            /* [..., start] */
    lua_pushstring(L, script_cdef);
    lua_pushlightuserdata(L, s);
    lua_pushlightuserdata(L, &s->batch);
    coroutines_push(s);                           /* [..., start, cdef, script, batch, waiting] */
    if (lua_pcall(L, 4, 4, 0) != 0) return false; /* [..., handler, run, trace, load] */
    return true;
}

/* [..., load] -> [...]; the route is in s->root. */
static bool run_script(struct script *s, const char *path, const char *text, size_t len)
{
    lua_State *L = s->L;
    if (path) {
        lua_pushstring(L, path);
        lua_pushlstring(L, text, len);
    } else {
        lua_pushnil(L);
        lua_pushnil(L);
    }                                             /* [..., load, path, text] */
    if (lua_pcall(L, 2, 1, 0) != 0) return false; /* [..., pool or nil] */
    s->root = lua_isnil(L, -1) ? ANSWER_NONE : (int32_t)lua_tointeger(L, -1);
    lua_pop(L, 1); /* [...] */
    return true;
}

static int last_resort(lua_State *L)
{
    log_error("script: no way on: %s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "out of memory");
    return 0; /* Lua aborts the process; the master starts another */
}

static void retire(void *router)
{
    struct script *s = router;
    log_debug("script %s: generation %u ended", s->path, s->generation);
    script_destroy(s);
}

struct script *script_load(const struct script_host *host, const char *path, const char *text,
                           size_t len, uint32_t generation, char *error)
{
    struct script *s = calloc(1, sizeof *s);
    if (!s) abort();
    *s = (struct script){
        .host = *host,
        .generation = generation,
        .log = {.burst = LOG_BURST},
        .batch = {host->turn->slots, host->turn->answers, TURN_SLOTS, TURN_SLOTS, NULL}};
    generation_init(&s->routes, script_route, retire, s);
    snprintf(s->path, sizeof s->path, "%s", path ? path : "moongate/servers.lua");
    s->L = lua_newstate(memory_allocate, NULL);
    if (!s->L) abort();
    lua_atpanic(s->L, last_resort);
    if (boot(s) && run_script(s, path, text, len) && timers_init(s)) {
        s->is_loaded = true;
        return s;
    }
    const char *message = lua_tostring(s->L, -1);
    snprintf(error, SCRIPT_ERROR_MAX, "%s", message ? message : "an error that is no text");
    script_destroy(s);
    return NULL;
}

void script_destroy(struct script *s)
{
    timers_release(s);
    lua_close(s->L);
    generation_release(&s->routes);
    asyncs_release(&s->asyncs);
    coroutines_release(s);
    for (uint32_t i = 0; i < s->pools_n; i++) pool_destroy(s->pools[i]);
    free(s->pools);
    free(s->text);
    free(s);
}

/* --- routing ----------------------------------------------------------------------------------- */

static void fail_slot(struct script *s, struct answer *a, const char *why)
{
    *a = (struct answer){ANSWER_REFUSE, sizeof SCRIPT_ERROR - 1, (uintptr_t)SCRIPT_ERROR};
    s->host.row->script_errors++;
    if (log_allows(&s->log, s->host.backends->now)) log_error("script %s: %s", s->path, why);
}

/* Routes slots first..n-1 until one raises an error: that one fails, and the number of the next is returned. */
static uint32_t run_from(struct script *s, uint32_t first, uint32_t n)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == STACK_TOP);
    lua_pushvalue(L, STACK_RUN); /* [..., run] */
    lua_pushinteger(L, (lua_Integer)first);
    lua_pushinteger(L, (lua_Integer)n - 1);               /* [..., run, first, last] */
    if (lua_pcall(L, 2, 0, STACK_HANDLER) == 0) return n; /* [...] */
    const char *why = lua_tostring(L, -1);                /* [..., message] */
    uint32_t at = s->batch.at < n ? s->batch.at : n - 1;
    fail_slot(s, &s->batch.answers[at], why ? why : "out of memory");
    lua_settop(L, STACK_TOP); /* [...] */
    handle_turn_ends(s);
    return at + 1;
}

static bool is_whole(double number, double least, double most)
{
    return number >= least && number <= most && number == floor(number);
}

const char *script_wrong_number(const struct request *r)
{
    if (!is_whole(r->exptime, INT32_MIN, INT32_MAX))
        return "req.exptime was set to what is no whole number of seconds in 32 bits";
    return NULL;
}

/* What a route comes to without Lua: an answer; NONE, WAITS: the function with the number r->function_id is to be asked, and may
 * wait. */
static void settle(const struct script *s, struct request *r, struct answer *a,
                   const struct route *route)
{
    switch (route->kind) {
    case ROUTE_FUNCTION:
        r->function_id = route->options.function_id;
        a->route = ANSWER_NONE;
        break;
    case ROUTE_ASYNC:
        r->function_id = route->options.function_id;
        a->route = ANSWER_WAITS;
        break;
    case ROUTE_MISS: a->route = ANSWER_MISS; break;
    case ROUTE_FAIL:
        *a = (struct answer){ANSWER_REFUSE, (uint32_t)strlen(route->text), (uintptr_t)route->text};
        break;
    default: a->route = (int32_t)route->number; break;
    }
}

/* Lets choosers choose, as far as that goes without Lua. False when a function is to be asked. */
static bool choose(struct script *s, struct request *r, struct answer *a)
{
    const struct route *route = s->routes.routes[a->route];
    if (route->kind == ROUTE_POOL) return true;
    settle(s, r, a, route_follow(s->host.turn, route, r));
    return a->route != ANSWER_NONE;
}

static int32_t first_answer(const struct script *s, uint32_t function)
{
    if (function == 0) return s->root;
    return function & MG_WAITS ? ANSWER_WAITS : ANSWER_NONE;
}

/* The first answers: of the route that is all of the script, where no function was asked for. True when Lua has to be asked. */
static bool begin(struct script *s, struct request *slots, struct answer *answers, uint32_t first,
                  uint32_t n)
{
    bool ask = false;
    for (uint32_t i = 0; i < n; i++) {
        struct answer *a = &answers[i];
        a->route = first_answer(s, slots[i].function_id);
        if (a->route >= 0) choose(s, &slots[i], a);
        if (a->route != ANSWER_NONE) continue;
        handle_of_slot(s, first + i);
        ask = true;
    }
    return ask;
}

/* A function may answer with a chooser whose choice is a function, which is asked in its turn. */
static bool go_on(struct script *s, struct request *slots, struct answer *answers, uint32_t first,
                  uint32_t n, bool is_last)
{
    bool ask = false;
    for (uint32_t i = 0; i < n; i++) {
        struct answer *a = &answers[i];
        if (a->route < 0 || choose(s, &slots[i], a)) continue;
        ask = true;
        handle_of_slot(s, first + i);
        if (is_last) fail_slot(s, a, "functions and policies without end");
    }
    return ask;
}

/* In the order of the slots, when all are decided: so do their calls go out. */
static void begin_waiting(struct script *s, const struct answer *answers, uint32_t first,
                          uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (answers[i].route != ANSWER_WAITS) continue;
        s->batch.at = first + i;
        coroutine_begin(s, first + i);
    }
}

void script_route(void *router, struct request *slots, struct answer *answers, uint32_t n)
{
    struct script *s = router;
    uint32_t first = (uint32_t)(slots - s->batch.slots), end = first + n;
    bool ask = begin(s, slots, answers, first, n);
    for (unsigned round = 1; ask; round++) {
        for (uint32_t at = first; at < end;) at = run_from(s, at, end);
        ask = go_on(s, slots, answers, first, n, round == ROUNDS) && round < ROUNDS;
    }
    begin_waiting(s, answers, first, n);
    s->batch.at = s->batch.capacity;
    coroutines_go_on(s);
    if (s->is_turned) handle_turn_ends(s);
}

/* --- tracing ----------------------------------------------------------------------------------- */

static void add_step(struct path *path, const char *what, const char *name, size_t len)
{
    char text[SCRIPT_ERROR_MAX];
    int n = snprintf(text, sizeof text, "%s%.*s", what, (int)len, name);
    path_add(path, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void fail_trace(struct answer *a, struct path *path, const char *why)
{
    *a = (struct answer){ANSWER_REFUSE, sizeof SCRIPT_ERROR - 1, (uintptr_t)SCRIPT_ERROR};
    snprintf(path->failure, sizeof path->failure, "%s", why);
}

/* Asks Lua, which tells the steps up to the answer through mg_step. */
static void trace_in_lua(struct script *s, struct answer *a, uint32_t at, struct path *path)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == STACK_TOP);
    a->route = ANSWER_NONE;
    s->path_taken = path;
    handle_of_slot(s, at);
    lua_pushvalue(L, STACK_TRACE);           /* [..., trace] */
    lua_pushinteger(L, (lua_Integer)at);     /* [..., trace, at] */
    if (lua_pcall(L, 1, 0, STACK_HANDLER)) { /* [...] or [..., message] */
        const char *why = lua_tostring(L, -1);
        fail_trace(a, path, why ? why : "out of memory");
        lua_settop(L, STACK_TOP); /* [...] */
    }
    handle_turn_ends(s);
    s->path_taken = NULL;
}

/* A route that C runs, and the one of those that it is made of that is chosen, or asked first: the last one, where functions are
 * asked or a server is. */
static const struct route *trace_route(struct script *s, const struct route *route,
                                       struct request *r, struct path *path)
{
    while (route->children_n) {
        add_step(path, "", route->text, strlen(route->text));
        route = route_is_chooser(route) ? route_choose(s->host.turn, route, r) : route->children[0];
    }
    if (route->kind == ROUTE_POOL) {
        const char *name = route->pool->settings.name;
        add_step(path, "pool ", name, strlen(name));
    }
    return route;
}

/* The same, and what the functions among that answer. */
static const struct route *trace_routes(struct script *s, struct request *r, struct answer *a,
                                        uint32_t at, struct path *path)
{
    const struct route *route = NULL;
    for (unsigned round = 0; round < ROUNDS && a->route >= 0; round++) {
        route = trace_route(s, s->routes.routes[a->route], r, path);
        settle(s, r, a, route);
        if (a->route == ANSWER_NONE) {
            trace_in_lua(s, a, at, path);
            continue;
        }
        if (a->route == ANSWER_WAITS) add_step(path, "", route->text, strlen(route->text));
        return a->route >= 0 ? route : NULL;
    }
    if (a->route >= 0) fail_trace(a, path, "functions and policies without end");
    return NULL;
}

const struct route *script_trace(void *router, struct request *slots, struct answer *answers,
                                 uint32_t at, struct path *path)
{
    struct script *s = router;
    struct answer *a = &answers[at];
    *path = (struct path){.len = 0};
    a->route = s->root;
    if (s->root < 0) trace_in_lua(s, a, at, path);
    const struct route *route = trace_routes(s, &slots[at], a, at, path);
    if (a->route == ANSWER_MISS)
        add_step(path, "reply miss", "", 0);
    else if (path->failure[0])
        add_step(path, SCRIPT_ERROR, "", 0);
    else if (a->route == ANSWER_REFUSE)
        add_step(path, "reply error ", (const char *)a->text_at, a->text_len);
    return route;
}

/* --- for people -------------------------------------------------------------------------------- */

void script_evaluate(struct script *s, const char *text, size_t len, FILE *to)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == STACK_TOP);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded");
    lua_getfield(L, -1, "moongate.boot");
    lua_getfield(L, -1, "evaluate"); /* [..., package, loaded, boot, evaluate] */
    lua_pushlstring(L, text, len);
    lua_pcall(L, 1, 1, STACK_HANDLER); /* [..., value as text, or what was wrong] */
    size_t n;
    const char *said = lua_tolstring(L, -1, &n);
    if (said) fwrite(said, 1, n, to);
    lua_settop(L, STACK_TOP); /* [...] */
}

/* --- about ------------------------------------------------------------------------------------- */

uint32_t script_generation(const struct script *s)
{
    return s->generation;
}

struct generation *script_routes(struct script *s)
{
    return &s->routes;
}

struct pool *const *script_pools(const struct script *s, uint32_t *n)
{
    *n = s->pools_n;
    return s->pools;
}

static void describe_pool(const struct pool *p, FILE *out)
{
    const struct pool_settings *o = &p->settings;
    enum distribution distribution = o->selector.distribution;
    fprintf(out, "pool %s: %s, %s, timeout %g s, %u server%s\n", o->name,
            distribution_name(distribution),
            distribution_hashes_itself(distribution) ? "its own hash" : hash_name(o->selector.hash),
            o->timeout, p->members_n, p->members_n == 1 ? "" : "s");
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct backend *b = p->members[i].backend;
        fprintf(out, "  server %s: %u connection%s\n", b->name, b->settings.connections,
                b->settings.connections == 1 ? "" : "s");
    }
    if (!p->discovery) return;
    const char *failure = discovery_failure(p->discovery);
    fprintf(out, "  discovered by %s%s%s\n", discovery_url(p->discovery), failure ? ": " : "",
            failure ? failure : "");
}

static void describe_route(const struct route *route, FILE *out)
{
    if (route->kind == ROUTE_POOL)
        fprintf(out, "route: pool %s\n", route->pool->settings.name);
    else
        fprintf(out, "route: %s\n", route->text);
}

void script_describe(const struct script *s, FILE *out)
{
    for (uint32_t i = 0; i < s->pools_n; i++) describe_pool(s->pools[i], out);
    if (s->root >= 0)
        describe_route(s->routes.routes[s->root], out);
    else
        fprintf(out, "route: a function, asked for every key\n");
}

bool script_jit_is_possible(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    bool possible = mprotect(page, size, PROT_READ | PROT_EXEC) == 0;
    munmap(page, size);
    return possible;
}
