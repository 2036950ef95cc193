#include "script/handle.h"

#include <assert.h>
#include <lauxlib.h>

#include "script/state.h"

void handle_push(lua_State *L, uint64_t handle)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)handle);
}

uint64_t handle_at(lua_State *L, int at)
{
    return (uintptr_t)lua_touserdata(L, at); /* for other values an address, or 0 */
}

uint32_t handle_call(const struct async *a, uint64_t handle)
{
    uint32_t low = 0, high = a->calls_n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (a->calls[middle].handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->calls_n && a->calls[low].handle == handle ? low : a->calls_n;
}

/* Overwrites that of the last turn: the tables are as large as the turn, and are made once. */
void handle_of_slot(struct script *s, uint32_t slot)
{
    assert(slot < TURN_SLOTS);
    handle_push(s->L, handle_take(&s->handle, HANDLE_REQUEST)); /* [..., handle] */
    lua_rawseti(s->L, STACK_HANDLES, (int)slot);                /* [...] */
}

/* I2: from here until handle_turn_ends, batch.request is the request of a's function, and only its handle leads to it. */
void handle_turn_to(struct script *s, struct async *a, lua_State *from)
{
    assert(handle_at(from, -1) == a->handle);
    s->is_turned = true;
    s->batch.request = &a->flow->kept->r;
    lua_pushvalue(from, -1);                  /* the thread: [..., handle, handle] */
    lua_xmove(from, s->L, 1);                 /* [..., handle] */
    lua_rawseti(s->L, STACK_NOW, NOW_HANDLE); /* [...] */
}

/* Most functions that go on look at a response only. So `now` stays empty, and costs two stack operations less. */
void handle_turn_on(struct script *s, struct async *a)
{
    assert(!a->is_over && !a->is_decided);
    if (s->is_turned) handle_turn_ends(s);
    s->batch.request = &a->flow->kept->r;
}

/* No light userdata equals false, so the comparison in Lua fails for every handle. */
void handle_turn_ends(struct script *s)
{
    s->is_turned = false;
    s->batch.request = NULL;
    lua_pushboolean(s->L, false);             /* [..., false] */
    lua_rawseti(s->L, STACK_NOW, NOW_HANDLE); /* [...] */
}

void handles_init(struct script *s)
{
    assert(lua_gettop(s->L) == 0);
    lua_createtable(s->L, TURN_SLOTS, 0); /* [handles] */
    handle_of_slot(s, 0); /* a value to set the metatable of all light userdata by */
    lua_createtable(s->L, NOW_HANDLE, 0); /* [handles, now] */
    handle_turn_ends(s);
}

/* --- what Lua calls ------------------------------------------------------------------------------ */

/* Upvalues of each function: 1 the script, 2 the table `now`. The methods that `asks` makes have their own. */

/* The call of the function that runs whose response has the handle at 1. NULL: there is none, or it has not ended, or the
 * function's end is decided. */
static const struct async_call *find_call(lua_State *L, uint32_t *number)
{
    const struct script *s = lua_touserdata(L, lua_upvalueindex(1));
    const struct async *a = s->coroutines.running;
    if (!a || a->is_decided || a->calls_n == 0) return NULL;
    *number = a->calls_n - 1; /* the last call is asked about most */
    if (handle_at(L, 1) != a->calls[*number].handle) *number = handle_call(a, handle_at(L, 1));
    return *number < a->calls_n && a->calls[*number].result.kind ? &a->calls[*number] : NULL;
}

/* turn(value): true when that is the request of the function that runs; it is in `now` then, so that Lua need not call
 * again. */
static int turn(lua_State *L)
{
    struct script *s = lua_touserdata(L, lua_upvalueindex(1));
    struct async *a = s->coroutines.running;
    if (!a || a->is_decided || handle_at(L, 1) != a->handle) return 0;
    s->is_turned = true;
    assert(s->batch.request == &a->flow->kept->r);
    lua_settop(L, 1);                                /* [value] */
    lua_rawseti(L, lua_upvalueindex(2), NOW_HANDLE); /* [] */
    lua_pushboolean(L, true);                        /* [true] */
    return 1;
}

/* find(value): the number of the call whose response that is, if its function runs; else nothing. */
static int find(lua_State *L)
{
    uint32_t number;
    if (!find_call(L, &number)) return 0;
    lua_pushinteger(L, (lua_Integer)number); /* [..., number] */
    return 1;
}

/* A method of responses, such as is_hit: true when the call ended with one of the kinds in upvalue 2. For any other value
 * it calls the function in upvalue 3, which raises an error. That is a call of Lua from Lua's own API, not from the FFI. */
static int is_of_kind(lua_State *L)
{
    uint32_t number;
    const struct async_call *call = find_call(L, &number);
    if (call) {
        unsigned kinds = (unsigned)lua_tointeger(L, lua_upvalueindex(2));
        lua_pushboolean(L, (call->result.kind & kinds) != 0); /* [..., boolean] */
        return 1;
    }
    lua_settop(L, 1);                      /* [value] */
    lua_pushvalue(L, lua_upvalueindex(3)); /* [value, fail] */
    lua_insert(L, 1);                      /* [fail, value] */
    lua_call(L, 1, 0);                     /* [] */
    return 0;
}

/* asks(kinds, fail): makes such a method. */
static int asks(lua_State *L)
{
    lua_settop(L, 2);                      /* [kinds, fail] */
    lua_pushvalue(L, lua_upvalueindex(1)); /* [kinds, fail, script] */
    lua_insert(L, 1);                      /* [script, kinds, fail] */
    lua_pushcclosure(L, is_of_kind, 3);    /* [method] */
    return 1;
}

/* sort(value): "request" or "response" for every handle that was ever given out; else nothing. An address is above them
 * all. */
static int sort(lua_State *L)
{
    const struct script *s = lua_touserdata(L, lua_upvalueindex(1));
    uint64_t handle = handle_at(L, 1);
    if (!handle || handle >> (HANDLE_BITS + 1) || handle >> 1 > s->handle) return 0;
    lua_pushstring(L, (handle & 1) == HANDLE_RESPONSE ? "response" : "request"); /* [..., text] */
    return 1;
}

void handles_push_functions(struct script *s)
{
    static const luaL_Reg functions[] = {
        {"turn", turn}, {"find", find}, {"asks", asks}, {"sort", sort}};
    lua_State *L = s->L;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushlightuserdata(L, s);               /* [..., table, script] */
        lua_pushvalue(L, STACK_NOW);               /* [..., table, script, now] */
        lua_pushcclosure(L, functions[i].func, 2); /* [..., table, function] */
        lua_setfield(L, -2, functions[i].name);    /* [..., table] */
    }
    lua_pushvalue(L, STACK_HANDLES); /* [..., table, handles] */
    lua_setfield(L, -2, "handles");  /* [..., table] */
    lua_pushvalue(L, STACK_NOW);     /* [..., table, now] */
    lua_setfield(L, -2, "now");      /* [..., table] */
}
