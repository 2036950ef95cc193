/* How full the C stack is.
 *
 * Functions of Lua that call a script's function (string.gsub, table.sort, coroutine.resume) use the C stack, and LuaJIT
 * bounds only Lua's own stacks. A script in which such a function calls itself would overflow the C stack, and the process
 * would end. So sandbox.lua asks is_deep before each of them, and raises an error (I7).
 *
 * A job (base/job.h) has a stack of its own, which counts instead while the job runs.
 */
#include <assert.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/job.h"
#include "script/state.h"

/* Bytes. WANTED: the limit of the whole stack; that of a main thread grows up to it, also after it was raised. MOST: how
 * far below the place where scripts were first loaded such functions may be called; 120 string.gsub inside each other take
 * that. What is left is more than all other functions on a full stack of Lua take. */
static const rlim_t WANTED = 64 << 20, MOST = 1 << 20;

/* Of the process, which all its scripts share. */
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

/* is_deep(parts): true when more than one of so many parts of the stack that such functions may use is taken. [parts] ->
 * [boolean] */
static int is_deep(lua_State *L)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    size_t parts = (size_t)lua_tointeger(L, 1), bytes = 0;
    uintptr_t from = job_stack(&bytes);
    size_t limit = from && bytes / 8 < MOST ? bytes / 8 : MOST;
    assert(parts > 0);
    if (!from) from = top, limit = most;
    lua_pushboolean(L, here < from && from - here > limit / parts);
    return 1;
}

/* [...] -> [is_deep] */
int depth_load(lua_State *L)
{
    lua_pushcfunction(L, is_deep);
    return 1;
}
