#include "script/script.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "script/modules.h"
#include "script/state.h"

enum { HANDLER = 1, RUN = 2, LOG_BURST = 10 };

static const char SCRIPT_ERROR[] = "script error";

/* --- the library ------------------------------------------------------------------------------- */

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

/* --- loading ----------------------------------------------------------------------------------- */

/* [start results] -> [handler, run], keeps `load` for the caller on top: [handler, run, load] */
static bool boot(struct script *s)
{
    lua_State *L = s->L;
    luaL_openlibs(L); /* which turns the JIT on */
    if (!s->host.jit) luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    if (s->host.lua_dir)
        use_lua_dir(L, s->host.lua_dir);
    else
        preload_modules(L);
    lua_getglobal(L, "require");        /* [require] */
    lua_pushstring(L, "moongate.boot"); /* [require, name] */
    if (lua_pcall(L, 1, 1, 0) != 0) return false;
    lua_getfield(L, -1, "start"); /* [boot, start] */
    lua_remove(L, -2);            /* [start] */
    lua_pushstring(L, script_cdef);
    lua_pushlightuserdata(L, s);
    lua_pushlightuserdata(L, &s->batch);          /* [start, cdef, script, batch] */
    if (lua_pcall(L, 3, 3, 0) != 0) return false; /* [load, run, handler] */
    lua_insert(L, 1);                             /* [handler, load, run] */
    lua_insert(L, 2);                             /* [handler, run, load] */
    return true;
}

/* [handler, run, load] -> [handler, run]; the route is in s->root. */
static bool run_script(struct script *s, const char *path, const char *text, size_t len)
{
    lua_State *L = s->L;
    if (path) {
        lua_pushstring(L, path);
        lua_pushlstring(L, text, len);
    } else {
        lua_pushnil(L);
        lua_pushnil(L);
    }                                             /* [handler, run, load, path, text] */
    if (lua_pcall(L, 2, 1, 0) != 0) return false; /* [handler, run, pool or nil] */
    s->root = lua_isnil(L, -1) ? ANSWER_NONE : (int32_t)lua_tointeger(L, -1);
    lua_pop(L, 1); /* [handler, run] */
    return true;
}

static int last_resort(lua_State *L)
{
    log_error("script: no way on: %s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "out of memory");
    return 0; /* Lua aborts the process; the master starts another */
}

static void retire(void *router)
{
    struct script *s = router;
    log_debug("script %s: generation %u ended", s->path, s->generation);
    script_destroy(s);
}

struct script *script_load(const struct script_host *host, const char *path, const char *text,
                           size_t len, uint32_t generation, char *error)
{
    struct script *s = calloc(1, sizeof *s);
    if (!s) abort();
    *s = (struct script){.host = *host,
                         .generation = generation,
                         .log = {.burst = LOG_BURST},
                         .batch = {host->turn->slots, host->turn->answers, TURN_SLOTS, 0}};
    generation_init(&s->routes, script_route, retire, s);
    snprintf(s->path, sizeof s->path, "%s", path ? path : "moongate/servers.lua");
    s->L = luaL_newstate();
    if (!s->L) abort();
    lua_atpanic(s->L, last_resort);
    if (boot(s) && run_script(s, path, text, len)) return s;
    const char *message = lua_tostring(s->L, -1);
    snprintf(error, SCRIPT_ERROR_MAX, "%s", message ? message : "an error that is no text");
    script_destroy(s);
    return NULL;
}

void script_destroy(struct script *s)
{
    lua_close(s->L);
    generation_release(&s->routes);
    asyncs_release(&s->asyncs);
    for (uint32_t i = 0; i < s->pools_n; i++) pool_destroy(s->pools[i]);
    free(s->pools);
    free(s);
}

/* --- routing ----------------------------------------------------------------------------------- */

static void fail_slot(struct script *s, uint32_t at, const char *why)
{
    if (async_fail_slot(s, at, why)) return;
    s->batch.answers[at] =
        (struct answer){ANSWER_REFUSE, sizeof SCRIPT_ERROR - 1, (uintptr_t)SCRIPT_ERROR};
    s->host.row->script_errors++;
    if (log_allows(&s->log, s->host.backends->now)) log_error("script %s: %s", s->path, why);
}

/* Routes slots first..n-1 until one raises an error: that one fails, and the number of the next is returned. With first == n it
 * goes on with the functions that are ready. */
static uint32_t run_from(struct script *s, uint32_t first, uint32_t n)
{
    lua_State *L = s->L;
    assert(lua_gettop(L) == RUN);
    lua_pushvalue(L, RUN); /* [handler, run, run] */
    lua_pushinteger(L, (lua_Integer)first);
    lua_pushinteger(L, (lua_Integer)n - 1);         /* [handler, run, run, first, last] */
    if (lua_pcall(L, 2, 0, HANDLER) == 0) return n; /* [handler, run] */
    const char *why = lua_tostring(L, -1);          /* [handler, run, message] */
    uint32_t at = s->batch.at < n ? s->batch.at : n - 1;
    if (first < n) /* else it went on with something */
        fail_slot(s, at, why ? why : "out of memory");
    else
        log_error("script %s: %s", s->path, why ? why : "out of memory");
    lua_settop(L, RUN); /* [handler, run] */
    return at + 1;
}

static bool is_whole(double number, double least, double most)
{
    return number >= least && number <= most && number == floor(number);
}

/* Plain fields that a script may have written are checked before anything is sent. */
static void check_numbers(struct script *s, uint32_t at)
{
    const struct request *r = &s->batch.slots[at];
    if (s->batch.answers[at].route < 0) return; /* nothing is sent */
    if (!is_whole(r->exptime, INT32_MIN, INT32_MAX))
        fail_slot(s, at, "req.exptime was set to what is no whole number of seconds in 32 bits");
    else if (!is_whole(r->flags, 0, UINT32_MAX))
        fail_slot(s, at, "req.flags was set to what is no whole number from 0 to 2^32-1");
}

/* No function is asked about any of these. */
static bool needs_no_lua(const struct script *s, const struct request *slots, uint32_t n)
{
    if (s->root < 0 || s->routes.ready) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (slots[i].function_id) return false;
    }
    return true;
}

void script_route(void *router, struct request *slots, struct answer *answers, uint32_t n)
{
    struct script *s = router;
    if (needs_no_lua(s, slots, n)) {
        for (uint32_t i = 0; i < n; i++) answers[i].route = s->root;
        return;
    }
    for (uint32_t i = 0; i < n; i++) answers[i].route = ANSWER_NONE;
    for (uint32_t first = 0; first < n;) first = run_from(s, first, n);
    for (uint32_t i = 0; i < n; i++) check_numbers(s, i);
    if (s->routes.ready) run_from(s, n, n);
}

/* --- about ------------------------------------------------------------------------------------- */

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

static void describe_pool(const struct pool *p, FILE *out)
{
    const struct pool_settings *o = &p->settings;
    enum distribution distribution = o->selector.distribution;
    fprintf(out, "pool %s: %s, %s, timeout %g s, %u server%s\n", o->name,
            distribution_name(distribution),
            distribution_hashes_itself(distribution) ? "its own hash" : hash_name(o->selector.hash),
            o->timeout, p->members_n, p->members_n == 1 ? "" : "s");
    for (uint32_t i = 0; i < p->members_n; i++) {
        const struct backend *b = p->members[i].backend;
        fprintf(out, "  server %s: %u connection%s\n", b->name, b->settings.connections,
                b->settings.connections == 1 ? "" : "s");
    }
}

static void describe_route(const struct route *route, FILE *out)
{
    if (route->kind == ROUTE_POOL)
        fprintf(out, "route: pool %s\n", route->pool->settings.name);
    else
        fprintf(out, "route: %s\n", route->text);
}

void script_describe(const struct script *s, FILE *out)
{
    for (uint32_t i = 0; i < s->pools_n; i++) describe_pool(s->pools[i], out);
    if (s->root >= 0)
        describe_route(s->routes.routes[s->root], out);
    else
        fprintf(out, "route: a function, asked for every key\n");
}

bool script_jit_is_possible(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    bool possible = mprotect(page, size, PROT_READ | PROT_EXEC) == 0;
    munmap(page, size);
    return possible;
}
