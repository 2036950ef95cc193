/* How a function that waits runs.
 *
 *   begin   coroutine_begin: a slot's function gets a thread, and runs in it until it waits or returns
 *   wait    mg.call calls call_own or wait_for below, which note what it waits for (async_wait), and yield
 *   go on   coroutines_go_on: when that has come, the function is in the list `ready`, and is resumed with it
 *   end     finish: it returns. C ends it with the response of one of its calls; Lua ends it with anything else
 *
 * Only C resumes the thread, so a yield always leads to `go`. A script takes no part in that: in the sandbox it gets no
 * reference to the thread; with --unsafe-lua it may resume it, which ends the function with an error (coroutines_go_on). A
 * coroutine that it makes inside the function may not wait (`running`), and a yield that was not one of ours ends the
 * function with an error (waits_well).
 *
 * A function's end may be decided before it returns. Its last act may be a call whose result is the function's (is_last):
 * is_decided is set, and for whatever still runs the request is over. Its client may go: then it stops where it waits, and
 * its thread is dropped.
 */
#include "script/coroutine.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/state.h"

enum { FAILURE_MOST = 4096 }; /* bytes of a message */

static uint32_t serial_of(const struct async *a)
{
    return a->script->asyncs.slots[a->at].serial;
}

/* Between two functions: none runs, and nothing is on the stack of the main thread. */
static bool none_runs(const struct script *s)
{
    return !s->coroutines.running && lua_gettop(s->L) == STACK_TOP;
}

/* --- what functions that wait are given ---------------------------------------------------------- */

/* [] -> [response], as its handle */
static void push_response(lua_State *L, const struct async *a, uint32_t number)
{
    handle_push(L, a->calls[number].handle);
}

/* How many values on top of its thread mg.call or another returns. A single response was pushed before the yield already, see
 * `yield`. A list costs memory, and to take memory may raise an error: Lua asks for it (`list`). */
static int values_for(const struct async *a)
{
    return a->until.gives == MG_GIVES_ONE ? 1 : 0;
}

/* --- ends -------------------------------------------------------------------------------------- */

/* Its function has returned or failed. The thread is the caller's now, and the end of a's flow does not drop it. */
static struct coroutine *take_off(struct async *a)
{
    struct coroutine *c = a->coroutine;
    assert(c);
    a->coroutine = NULL;
    return c;
}

/* [function, n arguments] -> [text]: the message that one of moongate's own functions returns, or that it raised. */
static const char *call_lua(struct script *s, int n)
{
    lua_State *L = s->L;
    script_memory_call(s, n, 1, 0); /* [text] */
    const char *text = lua_tostring(L, -1);
    return script_memory_explain(s, text);
}

/* I7: the request of this function gets an error, and nothing else happens. */
static void fail(struct script *s, struct async *a, const char *why)
{
    coroutine_drop(s, take_off(a));
    async_fail(a, why, strlen(why));
}

/* There is no thread for it. [..., raised] -> [...] */
static void fail_without_thread(struct script *s, struct async *a)
{
    bool is_text = lua_type(s->L, -1) == LUA_TSTRING; /* to make a text of it would take memory */
    const char *why = is_text ? lua_tostring(s->L, -1) : "an error value that is not a string";
    async_fail(a, why, strlen(why));
    lua_settop(s->L, STACK_TOP); /* [...] */
}

/* The raised value is on top of the thread's stack, below which the calls still are: Lua makes the message of both. What explains
 * that memory is short goes in front here, in C: to push it would take memory, outside of every protected call. */
static void fail_with_traceback(struct script *s, struct async *a)
{
    lua_State *L = s->L, *co = a->coroutine->L;
    char whole[FAILURE_MOST];
    const char *raised = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : "";
    const char *explained = script_memory_explain(s, raised);
    size_t len = strlen(raised);
    bool is_explained = explained != raised && len > 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->coroutines.explain_failure); /* [..., explain] */
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->coroutine->ref);             /* [..., explain, thread] */
    lua_xmove(co, L, 1);               /* [..., explain, thread, raised] */
    const char *text = call_lua(s, 2); /* [..., text] */
    if (is_explained && strlen(text) > len && text[len] == '\n') {
        snprintf(whole, sizeof whole, "%s%s", explained, text + len);
        text = whole;
    }
    fail(s, a, text);
    lua_settop(L, STACK_TOP); /* [...] */
}

/* `finish` of async.lua looks at what the function returned (THREAD_FREE on its thread's stack), follows functions, and
 * ends it by mg_async_finish: so a may be gone afterwards. When it is not, Lua did not come that far. */
static void finish_in_lua(struct script *s, struct async *a, lua_State *co)
{
    lua_State *L = s->L;
    uint32_t at = a->at, serial = serial_of(a);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->coroutines.finish); /* [..., finish] */
    lua_xmove(co, L, 1);                                     /* [..., finish, result] */
    handle_push(L, a->handle);
    lua_pushnumber(L, at);     /* [..., finish, result, request, at] */
    lua_pushnumber(L, serial); /* [..., finish, result, request, at, serial] */
    s->coroutines.running = a;
    const char *why = call_lua(s, 4); /* [..., text] */
    s->coroutines.running = NULL;
    a = async_find(s, at, serial);
    if (a) async_fail(a, why, strlen(why));
    lua_settop(L, STACK_TOP); /* [...] */
}

/* A function has returned. Most return the response of one of their calls, which costs no further entry into Lua. is_decided:
 * it has ended with its last call already, and what it returns means nothing. */
static void finish(struct script *s, struct async *a)
{
    struct coroutine *c = take_off(a);
    lua_settop(c->L, THREAD_FREE); /* [functions, result] */
    if (!a->is_decided) {
        uint32_t number = handle_call(a, handle_at(c->L, THREAD_FREE));
        if (number < a->calls_n)
            async_finish_call(a, number);
        else
            finish_in_lua(s, a, c->L);
    }
    coroutine_give(s, c);
}

/* --- the way through --------------------------------------------------------------------------- */

/* True when the yield was one of ours. A script may catch the error of a wait that cannot be (inside table.sort, say), and
 * then yield itself: a is noted as waiting, but the response that `yield` pushes is not on top. */
static bool waits_well(const struct async *a)
{
    const struct coroutine *c = a->coroutine;
    if (!a->is_waiting && !a->is_ready) return false;
    return a->until.gives != MG_GIVES_ONE ||
           (lua_gettop(c->L) > 0 && handle_at(c->L, -1) == a->calls[a->until.first].handle);
}

/* Resumes a's thread, with n values on top of its stack, until it waits or ends. `running` is what all functions that Lua
 * calls meanwhile refer to. a may be gone afterwards. */
static void go(struct script *s, struct async *a, int n)
{
    assert(none_runs(s) && a->coroutine && !a->is_over);
    s->coroutines.running = a;
    script_time_begin(s);
    int status = script_memory_resume(s, a->coroutine->L, n);
    s->coroutines.running = NULL;
    if (status == LUA_YIELD) {
        if (!waits_well(a))
            fail(s, a,
                 "a function given to mg.async yields through mg.call, mg.call_all, mg.call_each "
                 "and mg.sleep only");
    } else if (status == 0) {
        finish(s, a);
    } else {
        fail_with_traceback(s, a);
    }
}

void coroutine_begin(struct script *s, uint32_t slot)
{
    uint32_t function = s->batch.slots[slot].function_id & ~(uint32_t)MG_WAITS;
    assert(s->batch.answers[slot].route == ANSWER_WAITS);
    struct async *a = async_create(s, slot);
    if (!a) return; /* refused already */
    s->batch.answers[slot].route = ANSWER_TAKEN;
    a->coroutine = coroutine_take(s);
    if (!a->coroutine) {
        fail_without_thread(s, a);
        return;
    }
    lua_State *L = a->coroutine->L;
    assert(lua_gettop(L) == THREAD_FUNCTIONS);
    lua_rawgeti(L, THREAD_FUNCTIONS, (int)function); /* [functions, function] */
    handle_push(L, a->handle);                       /* [functions, function, request] */
    handle_turn_to(s, a, L);
    go(s, a, 1);
}

/* One function may make another one ready, by what its end brings about: until the list is empty. The next one's thread is
 * fetched into the cache while this one runs: thousands may wait, and their memory is far apart. */
void coroutines_go_on(struct script *s)
{
    static const struct result miss = {.kind = RESULT_MISS};
    for (struct async *a; (a = async_next(s));) {
        const struct async *then = s->routes.ready ? s->routes.ready->own : NULL;
        if (then && then->coroutine) __builtin_prefetch(then->coroutine->L);
        if (a->is_dropped) /* its client is gone, and it only reads: it stops where it waits */
            async_finish(a, &miss);
        else if (lua_status(a->coroutine->L) != LUA_YIELD)
            fail(s, a,
                 "the script has resumed this function's coroutine: only moongate may do that");
        else {
            handle_turn_on(s, a);
            go(s, a, values_for(a));
        }
    }
}

/* --- what Lua calls ------------------------------------------------------------------------------ */

static struct script *script_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* The function that runs, if its own thread makes this call. A coroutine that the script made inside of it may not wait: to
 * yield would lead back into the script, not to `go`. */
static struct async *running(lua_State *L)
{
    struct async *a = script_of(L)->coroutines.running;
    return a && a->coroutine && a->coroutine->L == L ? a : NULL;
}

/* What is on top when a thread yields is what it goes on with, unless more is pushed. So the handle of a single response is
 * pushed now: going on then takes no look at the stack. */
static int yield(lua_State *L, struct async *a, const struct async_wait *wait, double timeout)
{
    bool one = wait->gives == MG_GIVES_ONE && wait->first < a->calls_n;
    async_wait(a, wait, timeout);
    if (one) push_response(L, a, wait->first);
    return lua_yield(L, one);
}

/* True when mg.call, which calls this, was the function's tail call (`return mg.call(...)`): there is no frame of the
 * function below. What mg.call returns is what the function returns. */
static bool is_last(lua_State *L)
{
    lua_Debug frame;
    return lua_getstack(L, 2, &frame) == 0;
}

/* call_own(route, request): mg.call in its most frequent form: a function sends its own request. It waits and returns the
 * response. As the function's last act it does not wait, but ends the function with the result that the call will have, and
 * returns true. Returns nothing where the case is not that simple: mg.call then goes the long way. */
static int call_own(lua_State *L)
{
    struct async *a = running(L);
    if (!a || a->is_decided || handle_at(L, 2) != a->handle) return 0;
    uint32_t number = a->calls_n;
    if (!async_call_own(a, (int32_t)lua_tointeger(L, 1))) return 0;
    if (is_last(L) && !a->script->model) {
        async_finish_call(a, number);
        lua_pushboolean(L, true); /* [..., true] */
        return 1;
    }
    struct async_wait wait = {number, 1, MG_WAIT_ALL, 0, MG_GIVES_ONE};
    return yield(L, a, &wait, 0);
}

/* wait(first, n, wait, needed, timeout, gives): waits for calls first..first+n-1, see async_wait. Returns what enum
 * mg_gives says. */
static int wait_for(lua_State *L)
{
    struct async *a = running(L);
    if (!a) return luaL_error(L, "this coroutine belongs to mg.async: only moongate resumes it");
    struct async_wait wait = {(uint32_t)lua_tonumber(L, 1), (uint32_t)lua_tonumber(L, 2),
                              (uint32_t)lua_tonumber(L, 3), (uint32_t)lua_tonumber(L, 4),
                              (uint32_t)lua_tonumber(L, 6)};
    return yield(L, a, &wait, lua_tonumber(L, 5));
}

/* list(): the responses of the calls that the function has waited for last, in their order; false for calls without a result: it
 * may have waited for the first few only, or a time. [] -> [list] */
static int list(lua_State *L)
{
    const struct async *a = running(L);
    lua_createtable(L, a ? (int)a->until.n : 0, 0); /* [list] */
    for (uint32_t i = 0; a && i < a->until.n; i++) {
        uint32_t number = a->until.first + i;
        if (a->calls[number].result.kind)
            push_response(L, a, number);
        else
            lua_pushboolean(L, false);  /* [list, response or false] */
        lua_rawseti(L, -2, (int)i + 1); /* [list] */
    }
    return 1;
}

/* fill_begin(place), fill_is_doubtful(): async_fill_begin and async_fill_is_doubtful for the function that runs. */
static int fill_begin(lua_State *L)
{
    struct async *a = running(L);
    if (a) async_fill_begin(a, (uint32_t)lua_tonumber(L, 1));
    return 0;
}

static int fill_is_doubtful(lua_State *L)
{
    const struct async *a = running(L);
    lua_pushboolean(L, a && async_fill_is_doubtful(a));
    return 1;
}

/* current(): `at` and `serial` of the function that runs, for functions of abi.h. Nothing where it may not wait. */
static int current(lua_State *L)
{
    struct async *a = running(L);
    if (!a) return 0;
    lua_pushnumber(L, a->at);        /* [..., at] */
    lua_pushnumber(L, serial_of(a)); /* [..., at, serial] */
    return 2;
}

/* owner(): likewise, but also for a coroutine inside the function. Nothing once its end is decided. */
static int owner(lua_State *L)
{
    struct async *a = script_of(L)->coroutines.running;
    if (!a || a->is_decided) return 0;
    lua_pushnumber(L, a->at);        /* [..., at] */
    lua_pushnumber(L, serial_of(a)); /* [..., at, serial] */
    return 2;
}

/* Keeps a field of the table at 1 in the registry: [table] -> [table] */
static int keep_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name); /* [table, field] */
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* open { functions =, finish =, explain_failure = }: async.lua gives its side, once, when it is loaded. */
static int open(lua_State *L)
{
    struct coroutines *all = &script_of(L)->coroutines;
    all->functions = keep_field(L, "functions");
    all->finish = keep_field(L, "finish");
    all->explain_failure = keep_field(L, "explain_failure");
    return 0;
}

void coroutines_push(struct script *s)
{
    static const luaL_Reg functions[] = {{"open", open},
                                         {"call_own", call_own},
                                         {"wait", wait_for},
                                         {"list", list},
                                         {"current", current},
                                         {"owner", owner},
                                         {"fill_begin", fill_begin},
                                         {"fill_is_doubtful", fill_is_doubtful}};
    lua_State *L = s->L;
    lua_newtable(L); /* [functions] */
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushlightuserdata(L, s);               /* [functions, script] */
        lua_pushcclosure(L, functions[i].func, 1); /* [functions, function] */
        lua_setfield(L, -2, functions[i].name);    /* [functions] */
    }
    handles_push_functions(s);
}
