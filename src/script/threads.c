#include "script/threads.h"

#include <assert.h>
#include <lauxlib.h>

#include "base/slab.h"
#include "script/state.h"

/* [coroutine] -> []. By lua_cpcall: to make a thread takes memory, so that __gc of the script may run and raise an error. */
static int make_thread(lua_State *L)
{
    struct coroutine *c = lua_touserdata(L, 1);
    c->L = lua_newthread(L);                 /* [coroutine, thread] */
    c->ref = luaL_ref(L, LUA_REGISTRYINDEX); /* [coroutine] */
    return 0;
}

/* Making a thread costs some allocations and work for Lua's collector; taking an idle one costs neither. */
struct coroutine *coroutine_take(struct script *s)
{
    struct coroutines *all = &s->coroutines;
    if (all->idle_n > 0) return all->idle[--all->idle_n];
    struct coroutine *c = slab_borrow(sizeof *c);
    if (lua_cpcall(s->L, make_thread, c) != 0) { /* [...] or [..., raised] */
        slab_return(c, sizeof *c);
        return NULL;
    }
    lua_rawgeti(c->L, LUA_REGISTRYINDEX, all->functions); /* the thread: [functions] */
    return c;
}

/* A thread that yielded or raised an error has a call in the middle, and would go on with that when it is resumed. */
void coroutine_give(struct script *s, struct coroutine *c)
{
    struct coroutines *all = &s->coroutines;
    assert(lua_status(c->L) == 0 && all->idle_n <= COROUTINES_IDLE);
    lua_settop(c->L, THREAD_FUNCTIONS); /* the thread: [functions] */
    if (all->idle_n == COROUTINES_IDLE)
        coroutine_drop(s, c);
    else
        all->idle[all->idle_n++] = c;
}

/* Without its place in the registry nothing refers to the thread: Lua's collector frees it. */
void coroutine_drop(struct script *s, struct coroutine *c)
{
    assert(!s->coroutines.running || s->coroutines.running->coroutine != c);
    luaL_unref(s->L, LUA_REGISTRYINDEX, c->ref);
    slab_return(c, sizeof *c);
}

void coroutines_release(struct script *s)
{
    struct coroutines *all = &s->coroutines;
    while (all->idle_n > 0) slab_return(all->idle[--all->idle_n], sizeof(struct coroutine));
}
