/* A script: how it is loaded, how it routes, and how it ends.
 *
 * A turn is one call into Lua. The turn of the loop (route/turn.c) collects the requests of all clients in its slots.
 * script_route decides for all of them at once: it gives Lua two numbers, the first and the last slot, and `run` of
 * lua/moongate/boot.lua loops over them. The requests and the answers lie in arrays that both sides know from the start
 * (struct mg_batch; abi.h is the one description of them, which the FFI reads as well). So a request costs no entry into
 * Lua, no copy and no allocation there, and LuaJIT compiles the loop with the script's function in it.
 *
 * What Lua calls. The functions of abi.h, whose bodies are in the files api*.c, are called through the FFI, also from
 * compiled code. They queue, copy or look something up, and return a status; the Lua module around them raises the error.
 * None of them enters Lua or raises an error itself: compiled code has parts of Lua's state in registers, so the process
 * would crash, and only once the loop is compiled. Functions that need Lua's stack, such as those that yield, are called
 * through Lua's own API, and may raise errors: they are in coroutine.c, handle.c and depth.c.
 *
 * script_route goes through the slots in this order:
 *  1. `begin` decides what needs no Lua: the script may have returned a pool or a policy instead of a function.
 *  2. `run_from` calls Lua for the rest. An error ends the call: the slot where it happened gets its answer here, and the
 *     next call begins behind it.
 *  3. `go_on`: an answer may be a policy that chooses among functions. Those are asked in another round, ROUNDS at most.
 *  4. `begin_waiting` starts functions that may wait, once all slots have their answers. Their calls are queued with the
 *     number of their slot, and the turn sends them when it comes to that slot: so requests of one client leave in its
 *     order.
 *  5. `coroutines_go_on` resumes the functions whose responses have come.
 *
 * Nothing is sent in here: the turn acts on the answers after the return.
 *
 * A function that waits (mg.async) runs in a Lua thread beside the main one. coroutine.c starts, resumes and ends it;
 * async.c has its state: its flow, its calls and their results. mg.call queues a call, then yields. When the result comes,
 * async.c keeps it and puts the flow on the list `ready` of its generation; it does not resume anything. The next
 * script_route does (5). So a server's callback never runs Lua.
 *
 * Handles (I2). What a script holds of a request is a number that is never used twice (handle.h), not an address. A script
 * may keep it in a global and look at it while another client's request is routed. Lua compares it with the number of the
 * request that is routed now, and raises an error when they differ. Responses are found among the calls of the function
 * that runs, by the same kind of number.
 *
 * Errors (I7). Every entry into Lua is protected. An error in a function costs its own request, which is answered
 * `SERVER_ERROR script error`; the others of the turn are routed. It is counted, and logged with a traceback, at most
 * LOG_BURST lines a second. An error in a timer's function is logged, and costs nothing else. While a script loads, an
 * error fails script_load, and the script in use goes on (I8). A function that loops for ever gets an error
 * (script_time.h), and so does one that takes too much memory (script_memory.h). One that is in a C function for ever costs
 * its worker (I13): while Lua runs, turn.in says so to the watchdog.
 *
 * The end. The routes of a script are a generation with a reference count: the turn holds one while the script is in use,
 * and each flow that runs on its routes holds one, so each function that waits does. At the end of the turn that gives back
 * the last, `retire` destroys the script: its timers first, which the loop must not fire any more; then Lua, with the
 * threads; then the routes and the pools, which give back their backends.
 *
 * The files of this floor call downwards: script.c, follow.c and describe.c, coroutine.c, the bodies of FFI functions (api_*.c),
 * async.c, then api.c, threads.c, handle.c, library.c, script_time.c, script_memory.c, memory.c and depth.c. tester.c
 * stands beside them: a Lua state for `moongate test` and `moongate repl`.
 */
#include "script/script.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/bundle.h"
#include "base/secret.h"
#include "net/users.h"
#include "placement/hash.h"
#include "route/chooser.h"
#include "route/kinds.h"
#include "script/coroutine.h"
#include "script/modules.h"
#include "script/state.h"

enum {
    LOG_BURST = 10,
    ROUNDS = 16 /* functions below policies below functions */
};

/* --- loading ----------------------------------------------------------------------------------- */

/* Whenever C runs and Lua does not: the stack holds what enum script_stack names, and no function of the script is running.
 * So no FFI function can have entered Lua. */
static bool script_sane(const struct script *s)
{
    return lua_gettop(s->L) == STACK_TOP && !s->coroutines.running && !s->path_taken && !s->model;
}

/* Opens Lua's and moongate's libraries. boot.lua's `start` returns the functions that C keeps on the stack.
 *
 * [] -> [handles, now, handler, run, trace, load], the first five for good, `load` for the caller; or an error's message on
 * top. */
static bool boot(struct script *s)
{
    lua_State *L = s->L;
    handles_init(s); /* [handles, now]; before other light userdata: the first are the fastest */
    library_open(L, s->host.lua_dir);
    script_time_init(s);
    if (!s->host.jit) luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_getglobal(L, "require");        /* [..., require] */
    lua_pushstring(L, "moongate.boot"); /* [..., require, name] */
    if (lua_pcall(L, 1, 1, 0) != 0) return false;
    lua_getfield(L, -1, "start");                 /* [..., boot, start] */
    lua_remove(L, -2);                            /* [..., start] */
    lua_pushstring(L, script_cdef);               /* [..., start, cdef] */
    lua_pushlightuserdata(L, s);                  /* [..., start, cdef, script] */
    lua_pushlightuserdata(L, &s->batch);          /* [..., start, cdef, script, batch] */
    coroutines_push(s);                           /* [..., start, cdef, script, batch, waiting] */
    if (lua_pcall(L, 4, 4, 0) != 0) return false; /* [..., handler, run, trace, load] */
    assert(lua_gettop(L) == STACK_TOP + 1);
    return true;
}

/* Runs the script's text, which returns a route: its number is in s->root, or ANSWER_NONE for a function of the script.
 *
 * [..., load] -> [...], or [..., message] and false */
static bool run_script(struct script *s, const char *path, const char *text, size_t len)
{
    lua_State *L = s->L;
    if (path) {
        lua_pushstring(L, s->host.chunk ? s->host.chunk : path); /* [..., load, name] */
        lua_pushlstring(L, text, len);                           /* [..., load, name, text] */
    } else {
        lua_pushnil(L);                                    /* [..., load, nil] */
        lua_pushnil(L);                                    /* [..., load, nil, nil] */
    }                                                      /* [..., load, name, text] */
    if (script_memory_call(s, 2, 2, 0) != 0) return false; /* [..., number or nil, place or nil] */
    s->root = lua_isnil(L, -2) ? ANSWER_NONE : (int32_t)lua_tointeger(L, -2);
    if (lua_isstring(L, -1))
        snprintf(s->root_place, sizeof s->root_place, "%s", lua_tostring(L, -1));
    lua_pop(L, 2); /* [...] */
    return true;
}

/* Lua calls it for an error outside of every protected call: only memory that is exhausted between them can raise one. */
static int last_resort(lua_State *L)
{
    log_error("script: error outside of a protected call: %s",
              lua_isstring(L, -1) ? lua_tostring(L, -1) : "out of memory");
    return 0; /* then Lua ends the process; the master starts another one */
}

/* The generation's retire: no flow runs on its routes any more, and the turn has another one. */
static void retire(void *router)
{
    struct script *s = router;
    assert(s->routes.references == 0);
    log_debug("script %s: generation %u ended", s->path, s->generation);
    if (s->host.bury)
        s->host.bury(s->host.about, s);
    else
        script_destroy(s);
}

/* Beside the script: all workers have the users that the check has read, or none of them switches. */
static bool take_users(struct script *s)
{
    struct secret file;
    char why[USERS_WHY];
    const char *path = s->host.auth_file;
    if (!path) return true;
    const char *wrong = secret_read(&file, s->host.bundle, path);
    if (!wrong) {
        s->users = users_read(file.bytes, file.len, why);
        secret_release(&file);
        if (!s->users) wrong = why;
    }
    if (wrong) lua_pushfstring(s->L, "--auth-file %s: %s", path, wrong);
    return !wrong;
}

const char *script_built_in(bool is_store)
{
    return is_store ? "moongate/cache.lua" : "moongate/servers.lua";
}

/* What is remembered beyond a reload belongs to this very script: see route/near.h. */
static uint64_t digest_of(const struct script_host *host, const char *text, size_t len)
{
    const struct bundle *b = host->bundle;
    uint64_t digest = text ? hash_bytes64(HASH_XXH3, text, len, 0) : 0;
    return b ? digest ^ hash_bytes64(HASH_XXH3, b->bytes, b->len, 1) : digest;
}

struct script *script_load(const struct script_host *host, const char *path, const char *text,
                           size_t len, uint32_t generation, char *error)
{
    assert(host->turn && host->turn->slots && host->turn->answers);
    struct script *s = calloc(1, sizeof *s);
    if (!s) abort();
    *s = (struct script){
        .host = *host,
        .generation = generation,
        .log = {.burst = LOG_BURST},
        .batch = {host->turn->slots, host->turn->answers, TURN_SLOTS, TURN_SLOTS, NULL}};
    if (host->bundle) bundle_take(host->bundle);
    generation_init(&s->routes, script_route, retire, s);
    snprintf(s->path, sizeof s->path, "%s", path ? path : script_built_in(host->store_size > 0));
    script_memory_open(s);
    lua_atpanic(s->L, last_resort);
    char unsecured[TLS_WHY] = "";
    if (contexts_init(s, unsecured) && boot(s) && run_script(s, path, text, len) &&
        timers_init(s) && script_memory_has_room(s) && take_users(s)) {
        s->host.row->generations++;
        s->routes.digest = digest_of(host, text, len);
        s->is_loaded = true; /* from now on no pool and no route can be made */
        assert(script_sane(s));
        return s;
    }
    /* I8: what was made until then goes with it; the script in use is not touched. */
    const char *message = *unsecured ? unsecured : lua_tostring(s->L, -1);
    snprintf(error, SCRIPT_ERROR_MAX, "%s%s", *unsecured ? "TLS for clients: " : "",
             *unsecured ? message
             : message  ? script_memory_explain(s, message)
                        : "an error value that is not a string");
    script_destroy(s);
    return NULL;
}

/* Timers first: the loop has pointers to them, and their function is in Lua. The threads of coroutines_release belong to
 * Lua, only C's part of them is freed here. Pools last: routes point to them. */
void script_destroy(struct script *s)
{
    assert(!s->coroutines.running);
    if (s->is_loaded) s->host.row->generations--;
    timers_release(s);
    listens_release(s);
    spools_release(s);
    contexts_release(s);
    script_time_begin(s); /* for what Lua calls at its end: __gc */
    lua_close(s->L);
    generation_release(&s->routes);
    asyncs_release(&s->asyncs);
    coroutines_release(s);
    for (uint32_t i = 0; i < s->pools_n; i++) pool_destroy(s->pools[i]);
    tls_release(s);
    auth_release(s);
    bundle_give(s->host.bundle);
    users_give(s->users);
    free(s->pools);
    free(s->stores);
    free(s->run_samples);
    for (uint32_t i = 0; i < s->warnings_n; i++) free(s->warnings[i]);
    free(s->text);
    script_memory_release(s);
    free(s);
}

/* --- routing ----------------------------------------------------------------------------------- */

/* I7: an error costs this one request, a count and a line of the log. */
static void fail_slot(struct script *s, struct answer *a, const char *why)
{
    assert(a >= s->batch.answers && a < s->batch.answers + s->batch.capacity);
    *a = (struct answer){ANSWER_REFUSE, RESULT_SCRIPT_TEXT_LEN, (uintptr_t)RESULT_SCRIPT_TEXT};
    failure_count(s, &s->batch.slots[a - s->batch.answers]);
    if (log_allows(&s->log, s->host.backends->now)) log_error("script %s: %s", s->path, why);
}

/* Routes slots first..n-1 in Lua, until one raises an error: that one fails, and the number of the next is returned, for
 * another call. Lua leaves the number of the slot in batch.at before it calls the script. When memory ends before Lua has
 * come that far, it is the first slot that has no answer yet. */
static uint32_t run_from(struct script *s, uint32_t first, uint32_t n)
{
    lua_State *L = s->L;
    assert(first < n && n <= s->batch.capacity);
    assert(script_sane(s));
    s->batch.at = first;
    script_time_begin(s);
    lua_pushvalue(L, STACK_RUN);                                   /* [..., run] */
    lua_pushinteger(L, (lua_Integer)first);                        /* [..., run, first] */
    lua_pushinteger(L, (lua_Integer)n - 1);                        /* [..., run, first, last] */
    if (script_memory_call(s, 2, 0, STACK_HANDLER) == 0) return n; /* [...] */
    uint32_t at = s->batch.at;
    while (at < n - 1 && s->batch.answers[at].route != ANSWER_NONE) at++;
    fail_slot(s, &s->batch.answers[at], script_memory_explain(s, lua_tostring(L, -1)));
    lua_settop(L, STACK_TOP); /* [...] */
    handle_turn_ends(s);      /* run does that itself, but for errors */
    return at + 1;
}

/* The answer that a route gives without Lua. ANSWER_NONE: the script's function r->function_id decides. ANSWER_WAITS:
 * likewise, and it may wait. */
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

/* Follows choosers as far as that goes without Lua. False when a function of the script decides. */
static bool choose(struct script *s, struct request *r, struct answer *a)
{
    const struct route *route = s->routes.routes[a->route];
    if (route->kind == ROUTE_POOL) return true;
    settle(s, r, a, route_follow(s->host.turn, route, r));
    return a->route != ANSWER_NONE;
}

/* A request of a client has no function yet, and goes to the script's root, or to the route of its listener. That of a leg
 * (route/flow.c) names the function. */
int32_t script_first_answer(struct script *s, struct request *r, struct answer *a)
{
    uint32_t function = r->function_id;
    if (function == 0) return s->root;
    if (function & REQUEST_BY_LISTENER) return listens_answer(s, r, a);
    return function & MG_WAITS ? ANSWER_WAITS : ANSWER_NONE;
}

/* Gives each slot its first answer. True when Lua must decide for some: each of those gets a handle, which its function
 * will be given. Slots that C decides have none, and cost no Lua at all. */
static bool begin(struct script *s, struct request *slots, struct answer *answers, uint32_t first,
                  uint32_t n)
{
    bool ask = false;
    for (uint32_t i = 0; i < n; i++) {
        struct answer *a = &answers[i];
        a->route = script_first_answer(s, &slots[i], a);
        if (a->route >= 0) choose(s, &slots[i], a);
        if (a->route != ANSWER_NONE) continue;
        handle_of_slot(s, first + i);
        ask = true;
    }
    return ask;
}

/* A function may answer with a chooser that picks another function. True when that is so for some slots, and Lua must
 * decide again. Routes cannot contain themselves, but a function may return the policy that it is in: the last round makes
 * an error of that. */
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

/* Starts functions that may wait, in the order of their slots, when no other slot is open any more. One that fails or ends
 * at once is answered in here. batch.at tells calls that are queued meanwhile their slot: see flows_begin in route/later.h. */
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
    assert(s->is_loaded && script_sane(s) && !s->is_turned);
    assert(first <= s->batch.capacity && n <= s->batch.capacity - first);
    s->host.turn->in = s;
    bool ask = begin(s, slots, answers, first, n);
    for (unsigned round = 1; ask; round++) {
        for (uint32_t at = first; at < end;) at = run_from(s, at, end);
        ask = go_on(s, slots, answers, first, n, round == ROUNDS) && round < ROUNDS;
    }
    begin_waiting(s, answers, first, n);
    s->batch.at = s->batch.capacity; /* calls from here on belong to no slot */
    coroutines_go_on(s);
    if (s->is_turned) handle_turn_ends(s);
    script_time_end(s);
    script_memory_end(s);
    s->host.turn->in = NULL;
    assert(script_sane(s) && !s->routes.ready);
}

/* --- about ------------------------------------------------------------------------------------- */

struct users *script_users(const struct script *s)
{
    return s->users;
}

const struct bundle *script_bundle(const struct script *s)
{
    return s->host.bundle;
}

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
