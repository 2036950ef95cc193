/* What every Lua state of moongate has: Lua's libraries, and moongate's own modules for `require`. What a user's script
 * gets of it is decided in sandbox.lua. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "script/modules.h"
#include "script/state.h"

/* A loader, as package.preload wants it. Upvalue 1: the module. [name, ...] -> [what its chunk returns] */
static int load_linked_module(lua_State *L)
{
    const struct script_module *m = lua_touserdata(L, lua_upvalueindex(1));
    if (luaL_loadbuffer(L, (const char *)m->bytecode, m->len, m->name) != 0) return lua_error(L);
    lua_pushstring(L, m->name); /* [..., chunk, name] */
    lua_call(L, 1, 1);          /* [..., result] */
    return 1;
}

/* Makes every module that is linked in known to `require`; each is loaded when it is first required. */
static void preload_modules(lua_State *L)
{
    lua_getglobal(L, "package");    /* [package] */
    lua_getfield(L, -1, "preload"); /* [package, preload] */
    for (const struct script_module *m = script_modules; m->name; m++) {
        const char *name = strcmp(m->name, "moongate.init") == 0 ? "moongate" : m->name;
        lua_pushlightuserdata(L, (void *)m);        /* [package, preload, module] */
        lua_pushcclosure(L, load_linked_module, 1); /* [package, preload, loader] */
        lua_setfield(L, -2, name);                  /* [package, preload] */
    }
    lua_pop(L, 2); /* [] */
}

/* --lua-dir: moongate's modules are read from a folder, and those that are linked in are not used. */
static void use_lua_dir(lua_State *L, const char *dir)
{
    lua_getglobal(L, "package");                            /* [package] */
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", dir, dir); /* [package, path] */
    lua_setfield(L, -2, "path");                            /* [package] */
    lua_pop(L, 1);                                          /* [] */
}

void library_open(lua_State *L, const char *lua_dir)
{
    luaL_openlibs(L);
    depth_init();
    lua_getglobal(L, "package");           /* [..., package] */
    lua_getfield(L, -1, "preload");        /* [..., package, preload] */
    lua_pushcfunction(L, depth_load);      /* [..., package, preload, loader] */
    lua_setfield(L, -2, "moongate.depth"); /* [..., package, preload] */
    lua_pop(L, 2);                         /* [...] */
    if (lua_dir)
        use_lua_dir(L, lua_dir);
    else
        preload_modules(L);
}

/* What the JIT does: a page that was written is made executable. */
bool script_jit_is_possible(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    bool possible = mprotect(page, size, PROT_READ | PROT_EXEC) == 0;
    munmap(page, size);
    return possible;
}
