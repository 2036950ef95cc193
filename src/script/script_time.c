/* The clock is the processor time of the thread: a process that is stopped, or traced, or has no processor, has not taken it.
 * To ask costs a system call, so checks count: 256 before the first look, then as many as take about a millisecond.
 *
 * Loading has a limit of its own, of time that passes: the master waits 10 seconds for it (CHECK_SECONDS), and a script that
 * is interrupted before that is told where it was. */
#include "script/script_time.h"

#include <assert.h>
#include <lauxlib.h>
#include <time.h>

#include "base/job.h"
#include "base/process.h"
#include "script/budget.h"
#include "script/state.h"

/* Seconds: of loading; wanted between two looks. */
static const double LOADING = 9, BETWEEN = 0.001;

enum { SPARED_MAX = 64, FASTER = 16 };

/* The second clock is not the one that `moongate test` plays with. */
double script_time_now(const struct script *s)
{
    struct timespec t;
    clock_gettime(s->is_loaded ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The cell, for either kind of code. [...] -> [...] */
static void set_left(struct script *s, lua_State *L, int32_t checks)
{
    s->time.left = checks;
    if (s->host.jit) return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->time.table); /* [..., cell] */
    lua_pushinteger(L, checks);                       /* [..., cell, checks] */
    lua_rawseti(L, -2, 0);                            /* [..., cell] */
    lua_pop(L, 1);                                    /* [...] */
}

void script_time_check_now(struct script *s, lua_State *L)
{
    set_left(s, L, 0);
}

void script_time_begin(struct script *s)
{
    s->time.is_timed = false;
    s->time.over = OVER_NOTHING;
    set_left(s, s->L, CHECKS_FIRST);
}

void script_time_end(struct script *s)
{
    struct backends *backends = s->host.backends;
    if (!s->time.took_long) return;
    s->time.took_long = false;
    if (!backends->loop) return;
    ev_now_update(backends->loop);
    s->host.turn->now = backends->now = process_clock();
}

/* As many as take a millisecond, or a 64th of the memory that the script may have. */
static int32_t next_checks(const struct script *s, double took)
{
    const struct memory *m = &s->memory.of;
    int32_t checks = s->time.checks;
    double wanted = took > 0 ? checks * (BETWEEN / took) : CHECKS_MOST;
    double grown = m->used > s->memory.seen ? (double)(m->used - s->memory.seen) : 0;
    double may_grow = (double)m->limit / 64;
    if (wanted > checks * (double)FASTER) wanted = checks * (double)FASTER;
    if (m->limit && wanted * grown > checks * may_grow) wanted = checks * (may_grow / grown);
    if (wanted > CHECKS_MOST) return CHECKS_MOST;
    return wanted < 1 ? 1 : (int32_t)wanted;
}

/* 0: no limit. */
static double limit_of(const struct script *s)
{
    if (s->is_loaded || s->host.script_timeout <= 0) return s->host.script_timeout;
    return LOADING;
}

/* A turn that has another batch.at than the last one, or that nobody timed yet, begins now. */
static void look_at_clock(struct script *s)
{
    struct script_time *t = &s->time;
    double now = script_time_now(s);
    t->took_long = true;
    if (!t->is_timed || t->at != s->batch.at) {
        t->is_timed = true;
        t->has_collected = false;
        t->over = OVER_NOTHING;
        t->at = s->batch.at;
        t->began = now;
        t->checks = CHECKS_FIRST;
    } else {
        t->checks = next_checks(s, now - t->looked);
    }
    t->looked = now;
    s->memory.seen = s->memory.of.used;
    double limit = limit_of(s);
    if (t->over || limit <= 0 || now - t->began <= limit) return;
    t->over = OVER_TIME;
    script_memory_interrupted(s);
    s->host.row->script_timeouts++;
}

/* What the collector takes is not the script's time, but for a script that needs it again and again. */
static void look_at_memory(struct script *s, lua_State *L)
{
    struct script_time *t = &s->time;
    if (t->over || !s->memory.of.is_asked) return;
    if (script_memory_is_short(s, L)) t->over = OVER_MEMORY;
    double now = script_time_now(s);
    if (!t->has_collected) t->began += now - t->looked;
    t->has_collected = true;
    t->looked = now;
    s->memory.seen = s->memory.of.used;
}

/* halt(): what a check calls. Nothing in the script can swallow the error: its next check calls this again. [] -> [] */
static int halt(lua_State *L)
{
    struct script *s = lua_touserdata(L, lua_upvalueindex(1));
    job_rest();
    look_at_clock(s);
    look_at_memory(s, L);
    if (job_is_unwanted() && !s->time.over) s->time.over = OVER_UNWANTED;
    set_left(s, L, s->time.over ? 0 : s->time.checks);
    if (!s->time.over) return 0;
    if (s->time.over == OVER_MEMORY) return luaL_error(L, "%s", s->memory.text);
    if (s->time.over == OVER_UNWANTED) return luaL_error(L, "not loaded: no longer wanted");
    return luaL_error(L, "script timeout: took more than %f s %s", limit_of(s),
                      s->is_loaded ? "(--script-timeout)" : "to load");
}

/* rewrite(text, lines...): the new source; nil where it needs no check; false when it cannot have any. `lines` are the first
 * ones of functions to spare. */
static int rewrite(lua_State *L)
{
    uint32_t spared[SPARED_MAX];
    struct budget_source source = {.spared = spared};
    source.text = luaL_checklstring(L, 1, &source.len);
    for (int i = 2; i <= lua_gettop(L) && source.spared_n < SPARED_MAX; i++)
        spared[source.spared_n++] = (uint32_t)luaL_checkinteger(L, i);
    size_t len = budget_rewrite(&source, NULL);
    if (len == BUDGET_NEVER) {
        lua_pushboolean(L, false);
        return 1;
    }
    if (len == 0) return 0;
    char *to = lua_newuserdata(L, len); /* [..., memory] */
    size_t written = budget_rewrite(&source, to);
    assert(written == len);
    lua_pushlstring(L, to, written); /* [..., memory, new text] */
    return 1;
}

/* The module's loader, as package.preload wants it. */
static int load(lua_State *L)
{
    struct script *s = lua_touserdata(L, lua_upvalueindex(1));
    lua_createtable(L, 0, 4); /* [module] */
    lua_pushinteger(L, CHECKS_FIRST);
    lua_setfield(L, -2, "first");
    lua_pushcfunction(L, rewrite);
    lua_setfield(L, -2, "rewrite");
    lua_pushlightuserdata(L, s);
    lua_pushcclosure(L, halt, 1);
    lua_setfield(L, -2, "halt");
    if (s->host.jit)
        lua_pushlightuserdata(L, &s->time.left);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, s->time.table);
    lua_setfield(L, -2, "cell");
    return 1;
}

void script_time_init(struct script *s)
{
    lua_State *L = s->L;
    lua_createtable(L, 0, 1);                       /* [..., cell] */
    s->time.table = luaL_ref(L, LUA_REGISTRYINDEX); /* [...] */
    script_time_begin(s);
    lua_getglobal(L, "package");            /* [..., package] */
    lua_getfield(L, -1, "preload");         /* [..., package, preload] */
    lua_pushlightuserdata(L, s);            /* [..., package, preload, script] */
    lua_pushcclosure(L, load, 1);           /* [..., package, preload, loader] */
    lua_setfield(L, -2, "moongate.budget"); /* [..., package, preload] */
    lua_pop(L, 2);                          /* [...] */
}
