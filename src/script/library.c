/* What every Lua state of moongate has: Lua's libraries, and moongate's own to require. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "script/modules.h"
#include "script/state.h"

static int load_linked_module(lua_State *L) /* [name, ...] -> [chunk's result] */
{
    const struct script_module *m = lua_touserdata(L, lua_upvalueindex(1));
    if (luaL_loadbuffer(L, (const char *)m->bytecode, m->len, m->name) != 0) return lua_error(L);
    lua_pushstring(L, m->name);
    lua_call(L, 1, 1);
    return 1;
}

/* package.preload gets every module that is linked in. */
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

/* --lua-dir: moongate's own modules are read from there, and nothing linked in is used. */
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
    lua_getglobal(L, "package");    /* [..., package] */
    lua_getfield(L, -1, "preload"); /* [..., package, preload] */
    lua_pushcfunction(L, depth_load);
    lua_setfield(L, -2, "moongate.depth");
    lua_pop(L, 2); /* [...] */
    if (lua_dir)
        use_lua_dir(L, lua_dir);
    else
        preload_modules(L);
}
