/* How deep the C stack is: functions of Lua's that call back (string.gsub, table.sort, coroutines) go down on it, and LuaJIT counts
 * only what is on Lua's own stacks. */
#include <assert.h>
#include <stdint.h>
#include <sys/resource.h>

#include "script/state.h"

/* Bytes: of the whole stack (a main thread's grows up to its limit, also a later one); and below where scripts were first loaded,
 * after which none of those functions may be called any more: 120 of string.gsub take so much. What is left is more than one of Lua's
 * stacks full of other functions takes. */
static const rlim_t WANTED = 64 << 20, MOST = 1 << 20;

/* Of the process. */
static uintptr_t top;
static size_t most;

void depth_init(void)
{
    struct rlimit limit;
    if (top) return;
    top = (uintptr_t)__builtin_frame_address(0);
    if (getrlimit(RLIMIT_STACK, &limit) != 0) limit.rlim_cur = 0;
    if (limit.rlim_cur < WANTED && (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= WANTED)) {
        struct rlimit more = {WANTED, limit.rlim_max};
        if (setrlimit(RLIMIT_STACK, &more) == 0) limit = more;
    }
    most = (size_t)(limit.rlim_cur / 8 < MOST ? limit.rlim_cur / 8 : MOST);
}

/* is_deep(parts): more than one of so many parts is taken of what functions that call back may take. */
static int is_deep(lua_State *L)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    size_t parts = (size_t)lua_tointeger(L, 1);
    assert(parts > 0);
    lua_pushboolean(L, here < top && top - here > most / parts);
    return 1;
}

/* [...] -> [is_deep] */
int depth_load(lua_State *L)
{
    lua_pushcfunction(L, is_deep);
    return 1;
}
