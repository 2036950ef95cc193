/* The configuration's limits are those of a script that loads: ROUTELIB_SECONDS, and the memory that a script has unless another is given. What
 * interrupts it is a hook that counts instructions, which only the interpreter calls: so the JIT is off in this state. Once a limit is
 * passed, each instruction raises the error again: a pcall of the configuration gets no further.
 *
 * What Lua has of this file is the module `moongate.reading`: { read =, note =, say = }. moongate.files reads by it, so that every file
 * that the configuration is made of comes from where the reader's caller says.
 */
#include "script/routelib.h"

#include <assert.h>
#include <lauxlib.h>
#include <luajit.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "script/memory.h"
#include "script/state.h"

enum { INSTRUCTIONS = 10000 }; /* between two looks at the limits */

static const size_t MEMORY = (size_t)256 << 20;

struct reading {
    const struct convert_input *in;
    struct convert_output *out;
    struct memory memory;
    double until;
    int line;     /* where a limit was passed */
    bool is_over; /* it was */
};

/* Its address is the key of the struct in Lua's registry. */
static const char key = 0;

static struct reading *reading_of(lua_State *L) /* [...] -> [...] */
{
    lua_pushlightuserdata(L, (void *)&key); /* [..., key] */
    lua_rawget(L, LUA_REGISTRYINDEX);       /* [..., reading] */
    struct reading *r = lua_touserdata(L, -1);
    lua_pop(L, 1); /* [...] */
    return r;
}

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The line of the configuration that runs, or 0. A coroutine has a stack of its own. */
static int line_of(lua_State *L, const char *path)
{
    lua_Debug at;
    for (int level = 0; lua_getstack(L, level, &at); level++) {
        if (!lua_getinfo(L, "Sl", &at) || at.source[0] != '@') continue;
        if (strcmp(at.source + 1, path) == 0) return at.currentline;
    }
    return 0;
}

/* A lua_Hook. */
static void look(lua_State *L, lua_Debug *about)
{
    struct reading *r = reading_of(L);
    const char *path = r->in->path;
    (void)about;
    bool is_late = clock_now() > r->until, is_large = r->memory.used > r->memory.limit;
    if (!r->is_over && !is_late && !is_large) return;
    if (!r->is_over) r->line = line_of(L, path);
    r->is_over = true;
    lua_sethook(L, look, LUA_MASKCOUNT, 1);
    const char *what = is_large ? "much memory" : "long";
    if (r->line > 0)
        lua_pushfstring(L, "%s:%d: the configuration takes too %s", path, r->line, what);
    else /* what it said is being written */
        lua_pushfstring(L, "%s: the configuration takes too %s", path, what);
    lua_error(L);
}

/* memory's `ask`: the hook looks by itself. */
static void ask(struct memory *m)
{
    (void)m;
}

/* --- what Lua calls ---------------------------------------------------------------------------- */

static int read_file(lua_State *L) /* [path] -> [text] or [nil, why] */
{
    const struct reading *r = reading_of(L);
    const char *path = luaL_checkstring(L, 1), *bytes, *why = "files are not read here";
    size_t len;
    if (r->in->read && r->in->read(r->in->read_arg, path, &bytes, &len, &why)) {
        lua_pushlstring(L, bytes, len);
        return 1;
    }
    lua_pushnil(L);                          /* [path, nil] */
    lua_pushfstring(L, "%s: %s", path, why); /* [path, nil, message] */
    return 2;
}

static int note(lua_State *L) /* [line, text] -> [] */
{
    struct reading *r = reading_of(L);
    lua_Integer line = luaL_checkinteger(L, 1);
    convert_note(r->out, r->in->path, line > 0 ? (uint32_t)line : 0, "%s", luaL_checkstring(L, 2));
    return 0;
}

static int say(lua_State *L) /* [text] -> [] */
{
    log_info("%s: %s", reading_of(L)->in->path, luaL_checkstring(L, 1));
    return 0;
}

/* package.loaded["moongate.reading"]. [...] -> [...] */
static void add_module(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", read_file}, {"note", note}, {"say", say}};
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded"); /* [..., package, loaded] */
    lua_newtable(L);               /* [..., package, loaded, module] */
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushcfunction(L, functions[i].func); /* [..., package, loaded, module, function] */
        lua_setfield(L, -2, functions[i].name);  /* [..., package, loaded, module] */
    }
    lua_setfield(L, -2, "moongate.reading"); /* [..., package, loaded] */
    lua_pop(L, 2);                           /* [...] */
}

/* --- reading ----------------------------------------------------------------------------------- */

/* All that may raise an error is in here, below one lua_pcall. [reading] -> [script] */
static int run(lua_State *L)
{
    const struct reading *r = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, (void *)&key); /* [reading, key] */
    lua_pushvalue(L, 1);                    /* [reading, key, reading] */
    lua_rawset(L, LUA_REGISTRYINDEX);       /* [reading] */
    library_open(L, NULL);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); /* the libraries turn it on */
    add_module(L);
    lua_getglobal(L, "require");
    lua_pushstring(L, "moongate.routelib");
    lua_call(L, 1, 1);                            /* [reading, module] */
    lua_getfield(L, -1, "convert");               /* [reading, module, convert] */
    lua_pushstring(L, r->in->path);               /* [.., convert, path] */
    lua_pushlstring(L, r->in->bytes, r->in->len); /* [.., convert, path, text] */
    lua_sethook(L, look, LUA_MASKCOUNT, INSTRUCTIONS);
    lua_call(L, 2, 1); /* [reading, module, script] */
    return 1;
}

/* True for "PATH: text" and "PATH:LINE: text". A configuration may raise anything. */
static bool has_place(const char *text, const char *path)
{
    size_t len = strlen(path);
    if (strncmp(text, path, len) != 0) return false;
    size_t digits = text[len] == ':' ? strspn(text + len + 1, "0123456789") : 0;
    return strncmp(text + len + (digits ? digits + 1 : 0), ": ", 2) == 0;
}

/* Writes the script, or fills out->error. [script or message] -> [] */
static bool finish(lua_State *L, const struct reading *r, bool good)
{
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    if (good) {
        assert(text);
        fwrite(text, 1, len, r->out->script);
        return true;
    }
    if (!text) text = "an error value that is not a string";
    if (!has_place(text, r->in->path)) return convert_fail(r->out, r->in->path, 0, "%s", text);
    snprintf(r->out->error, sizeof r->out->error, "%s", text);
    convert_show(r->out->error);
    return false;
}

bool routelib_read_within(const struct convert_input *in, struct convert_output *out,
                          double seconds)
{
    struct reading r = {.in = in, .out = out, .until = clock_now() + seconds};
    memory_init(&r.memory, ask);
    memory_set_limit(&r.memory, MEMORY);
    lua_State *L = lua_newstate(memory_allocate, &r.memory);
    if (!L) abort();
    r.memory.may_refuse = true;
    lua_pushcfunction(L, run);    /* [run] */
    lua_pushlightuserdata(L, &r); /* [run, reading] */
    bool good = finish(L, &r, lua_pcall(L, 1, 1, 0) == 0);
    r.memory.may_refuse = false;
    lua_close(L);
    memory_release(&r.memory);
    return good;
}

bool routelib_read(const struct convert_input *in, struct convert_output *out)
{
    return routelib_read_within(in, out, ROUTELIB_SECONDS);
}
