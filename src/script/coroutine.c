#include "script/coroutine.h"

#include <lauxlib.h>
#include <string.h>

#include "script/state.h"

static uint32_t serial_of(const struct async *a)
{
    return a->script->asyncs.slots[a->at].serial;
}

/* --- what functions that wait are given ---------------------------------------------------------- */

/* [] -> [response] */
static void push_response(lua_State *L, const struct async *a, uint32_t number)
{
    handle_push(L, a->calls[number].handle);
}

static int push_list(lua_State *L, const struct async *a)
{
    lua_createtable(L, (int)a->until.n, 0); /* [list] */
    for (uint32_t i = 0; i < a->until.n; i++) {
        uint32_t number = a->until.first + i;
        if (a->calls[number].result.kind)
            push_response(L, a, number);
        else
            lua_pushboolean(L, false); /* [list, response or false] */
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* What it waited for: values on top, how many is returned. One response is on top since it began to wait. */
static int push_what_came(lua_State *L, const struct async *a)
{
    switch (a->until.gives) {
    case MG_GIVES_ONE: return 1;
    case MG_GIVES_LIST: return push_list(L, a);
    default: return 0;
    }
}

/* --- ends -------------------------------------------------------------------------------------- */

/* The function of that async has returned, or failed: it has no thread any more. */
static struct coroutine *take_off(struct async *a)
{
    struct coroutine *c = a->coroutine;
    a->coroutine = NULL;
    return c;
}

/* Calls what Lua gave for it with n arguments that are on top; what it returns, or its message, is on top then. */
static const char *call_lua(struct script *s, int n)
{
    lua_State *L = s->L;
    lua_pcall(L, n, 1, 0);
    const char *text = lua_tostring(L, -1);
    return text ? text : "out of memory";
}

static void fail(struct script *s, struct async *a, const char *why)
{
    coroutine_drop(s, take_off(a));
    async_fail(a, why, strlen(why));
}

/* [] -> [], with the raised value on the thread's stack. */
static void fail_with_traceback(struct script *s, struct async *a)
{
    lua_State *L = s->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->coroutines.explain_failure);
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->coroutine->ref);
    lua_xmove(a->coroutine->L, L, 1); /* [..., explain, thread, raised] */
    fail(s, a, call_lua(s, 2));
    lua_settop(L, STACK_TOP); /* [...] */
}

/* Lua finds out what the function has returned, at THREAD_FREE on its thread's stack, and ends it. */
static void finish_in_lua(struct script *s, struct async *a, lua_State *co)
{
    lua_State *L = s->L;
    uint32_t at = a->at, serial = serial_of(a);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->coroutines.finish);
    lua_xmove(co, L, 1);
    handle_push(L, a->handle);
    lua_pushnumber(L, at);
    lua_pushnumber(L, serial); /* [..., finish, result, request, at, serial] */
    s->coroutines.running = a;
    const char *why = call_lua(s, 4);
    s->coroutines.running = NULL;
    a = async_find(s, at, serial);
    if (a) async_fail(a, why, strlen(why));
    lua_settop(L, STACK_TOP); /* [...] */
}

/* A function has returned: a response of its own, or something that Lua looks at; or it has ended with a call before. */
static void finish(struct script *s, struct async *a)
{
    struct coroutine *c = take_off(a);
    lua_settop(c->L, THREAD_FREE);
    if (!a->is_told) {
        uint32_t number = handle_call(a, handle_at(c->L, THREAD_FREE));
        if (number < a->calls_n)
            async_finish_call(a, number);
        else
            finish_in_lua(s, a, c->L);
    }
    coroutine_give(s, c);
}

/* --- the way through --------------------------------------------------------------------------- */

/* It has yielded to wait, and not by itself after an error of a wait that could not be. */
static bool waits_well(const struct async *a)
{
    const struct coroutine *c = a->coroutine;
    if (!a->is_waiting && !a->is_ready) return false;
    return a->until.gives != MG_GIVES_ONE ||
           (lua_gettop(c->L) > 0 && handle_at(c->L, -1) == a->calls[a->until.first].handle);
}

/* Runs it on from where it stands, with n values on its stack, until it waits or ends. */
static void go(struct script *s, struct async *a, int n)
{
    s->coroutines.running = a;
    int status = lua_resume(a->coroutine->L, n);
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
    struct async *a = async_create(s, slot);
    if (!a) return;
    s->batch.answers[slot].route = ANSWER_TAKEN;
    a->coroutine = coroutine_take(s);
    lua_State *L = a->coroutine->L;
    lua_rawgeti(L, THREAD_FUNCTIONS, (int)function);
    handle_push(L, a->handle); /* [functions, function, request] */
    handle_turn_to(s, a, L);
    go(s, a, 1);
}

void coroutines_go_on(struct script *s)
{
    static const struct result miss = {.kind = RESULT_MISS};
    for (struct async *a; (a = async_next(s));) {
        const struct async *then = s->routes.ready ? s->routes.ready->own : NULL;
        if (then && then->coroutine) __builtin_prefetch(then->coroutine->L);
        if (a->is_dropped) /* its client is gone: the function is left where it stands */
            async_finish(a, &miss);
        else if (lua_status(a->coroutine->L) != LUA_YIELD)
            fail(s, a, "somebody else has resumed this function's coroutine: only moongate does");
        else {
            handle_turn_on(s, a);
            go(s, a, push_what_came(a->coroutine->L, a));
        }
    }
}

/* --- what Lua calls ------------------------------------------------------------------------------ */

static struct script *script_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* The function that runs, if it is this thread that asks: one that a script made inside of it may not wait. */
static struct async *running(lua_State *L)
{
    struct async *a = script_of(L)->coroutines.running;
    return a && a->coroutine && a->coroutine->L == L ? a : NULL;
}

/* What is on top when a thread yields is what it goes on with, unless more is pushed. */
static int yield(lua_State *L, struct async *a, const struct async_wait *wait, double timeout)
{
    bool one = wait->gives == MG_GIVES_ONE && wait->first < a->calls_n;
    async_wait(a, wait, timeout);
    if (one) push_response(L, a, wait->first);
    return lua_yield(L, one);
}

/* True when mg.call, which calls us, was the function's tail call: what mg.call returns is what the function does. */
static bool is_last(lua_State *L)
{
    lua_Debug frame;
    return lua_getstack(L, 2, &frame) == 0;
}

/* call_own(route, request): sends its own request and waits: the response. As the function's last act it does not wait, but ends
 * it with what the call will come to: true. Nothing where it is not as simple as that. */
static int call_own(lua_State *L)
{
    struct async *a = running(L);
    if (!a || a->is_told || handle_at(L, 2) != a->handle) return 0;
    uint32_t number = a->calls_n;
    if (!async_call_own(a, (int32_t)lua_tointeger(L, 1))) return 0;
    if (is_last(L)) {
        async_finish_call(a, number);
        lua_pushboolean(L, true);
        return 1;
    }
    struct async_wait wait = {number, 1, MG_WAIT_ALL, 0, MG_GIVES_ONE};
    return yield(L, a, &wait, 0);
}

/* wait(first, n, wait, needed, timeout, gives): what enum mg_gives says. */
static int wait_for(lua_State *L)
{
    struct async *a = running(L);
    if (!a) return luaL_error(L, "this coroutine belongs to mg.async: only moongate resumes it");
    struct async_wait wait = {(uint32_t)lua_tonumber(L, 1), (uint32_t)lua_tonumber(L, 2),
                              (uint32_t)lua_tonumber(L, 3), (uint32_t)lua_tonumber(L, 4),
                              (uint32_t)lua_tonumber(L, 6)};
    return yield(L, a, &wait, lua_tonumber(L, 5));
}

/* fill_begin(place), fill_is_doubtful(): see async_fill_begin; of the function that runs. */
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

/* current(): the handle of the function that runs, at and serial; nothing when none does. */
static int current(lua_State *L)
{
    struct async *a = running(L);
    if (!a) return 0;
    lua_pushnumber(L, a->at);
    lua_pushnumber(L, serial_of(a));
    return 2;
}

/* owner(): likewise, whoever asks while it runs. */
static int owner(lua_State *L)
{
    struct async *a = script_of(L)->coroutines.running;
    if (!a || a->is_told) return 0;
    lua_pushnumber(L, a->at);
    lua_pushnumber(L, serial_of(a));
    return 2;
}

/* Keeps a field of the table at 1 in the registry. */
static int keep_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* open { functions =, finish =, explain_failure = } */
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
                                         {"current", current},
                                         {"owner", owner},
                                         {"fill_begin", fill_begin},
                                         {"fill_is_doubtful", fill_is_doubtful}};
    lua_State *L = s->L;
    lua_newtable(L); /* [functions] */
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushlightuserdata(L, s);
        lua_pushcclosure(L, functions[i].func, 1);
        lua_setfield(L, -2, functions[i].name); /* [functions] */
    }
    handles_push_functions(s);
}
