/* Timers: functions of a script that the loop calls. The only entry into Lua besides the turn's.
 *
 * A script starts timers while it loads, and later. They run from the time when the script comes into use until another one
 * does (script_start_timers, script_stop_timers): so a script that is only checked, or that is loaded beside the one in
 * use, does nothing. A timer's function belongs to no request: it may not wait, but may send requests (mg.spawn).
 */
#include <assert.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/state.h"

static const char UNKNOWN[] = "a timer";

/* --- firing ------------------------------------------------------------------------------------ */

/* I7: an error in a timer costs a line of the log. A timer that repeats goes on. [..., message] -> [..., message] */
static void complain(struct script *s)
{
    const char *why = lua_tostring(s->L, -1);
    s->host.row->timer_errors++;
    if (log_allows(&s->log, s->host.backends->now))
        log_error("script %s: timer: %s", s->path, script_memory_explain(s, why));
}

/* A timer that does not repeat is free before its function is called, in Lua too, so that the function may start another by
 * that number. It may also stop any timer: they are not freed, only unused. */
static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct script *s = watcher->data;
    struct script_timer *timer = (struct script_timer *)watcher;
    lua_State *L = s->L;
    (void)loop;
    (void)events;
    assert(timer->is_used && s->timers.is_running);
    assert(lua_gettop(L) == STACK_TOP && !s->coroutines.running);
    if (watcher->repeat == 0) timer->is_used = false;
    s->timers.fires = timer;
    s->host.turn->in = s;
    script_time_begin(s);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->timers.fire);                /* [..., fire] */
    lua_pushinteger(L, timer->number);                                /* [..., fire, number] */
    if (script_memory_call(s, 1, 0, STACK_HANDLER) != 0) complain(s); /* [...] or [..., message] */
    lua_settop(L, STACK_TOP);                                         /* [...] */
    script_time_end(s);
    script_memory_end(s);
    s->host.turn->in = NULL;
    s->timers.fires = NULL;
}

/* [script] -> [..]. By lua_cpcall, since it may run out of memory. moongate.timer is loaded already; nothing of a script
 * runs here. */
static int find_fire(lua_State *L)
{
    struct script *s = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED"); /* [script, loaded] */
    lua_getfield(L, -1, "moongate.timer");         /* [script, loaded, timer] */
    lua_getfield(L, -1, "fire");                   /* [script, loaded, timer, fire] */
    s->timers.fire = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* [...] -> [...], or [..., message] and false */
bool timers_init(struct script *s)
{
    return lua_cpcall(s->L, find_fire, s) == 0;
}

/* --- running ----------------------------------------------------------------------------------- */

/* Without a loop, as in tools that only explain, timers are kept but never run. */
static void stop(struct script *s, struct script_timer *timer)
{
    if (s->host.backends->loop) ev_timer_stop(s->host.backends->loop, &timer->watcher);
}

static void start(struct script *s, struct script_timer *timer)
{
    if (s->timers.is_running) ev_timer_start(s->host.backends->loop, &timer->watcher);
}

void script_start_timers(struct script *s)
{
    s->timers.is_running = s->host.backends->loop;
    for (int32_t i = 0; i < s->timers.n; i++)
        if (s->timers.all[i]->is_used) start(s, s->timers.all[i]);
}

void script_stop_timers(struct script *s)
{
    s->timers.is_running = false;
    for (int32_t i = 0; i < s->timers.n; i++) stop(s, s->timers.all[i]);
}

/* For `moongate test`, whose clock stands still between two events. */
double script_next_timer(const struct script *s)
{
    double next = -1;
    for (int32_t i = 0; i < s->timers.n; i++) {
        ev_timer *watcher = &s->timers.all[i]->watcher;
        if (!ev_is_active(watcher)) continue;
        double left = ev_timer_remaining(s->host.backends->loop, watcher);
        if (left < 0) left = 0;
        if (next < 0 || left < next) next = left;
    }
    return next;
}

void timers_release(struct script *s)
{
    script_stop_timers(s);
    for (int32_t i = 0; i < s->timers.n; i++) free(s->timers.all[i]);
}

/* --- for Lua ----------------------------------------------------------------------------------- */

/* NULL: all are used. Once allocated, one is used again until the script ends. */
static struct script_timer *unused_timer(struct script *s)
{
    struct script_timers *t = &s->timers;
    for (int32_t i = 0; i < t->n; i++)
        if (!t->all[i]->is_used) return t->all[i];
    if (t->n == SCRIPT_TIMERS) return NULL;
    struct script_timer *timer = calloc(1, sizeof *timer);
    if (!timer) abort();
    ev_init(&timer->watcher, on_timer);
    timer->watcher.data = s;
    timer->number = t->n;
    t->all[t->n++] = timer;
    return timer;
}

int32_t mg_timer_start(struct script *s, double seconds, bool repeats)
{
    if (s->model) return SCRIPT_TIMERS; /* the number of none, which never fires */
    struct script_timer *timer = unused_timer(s);
    if (!timer) {
        s->wrong = "there are 1024 timers already: stop some";
        return -1;
    }
    assert(!ev_is_active(&timer->watcher));
    ev_timer_set(&timer->watcher, seconds, repeats ? seconds : 0);
    timer->is_used = true;
    memcpy(timer->place, UNKNOWN, sizeof UNKNOWN);
    start(s, timer);
    return timer->number;
}

void mg_timer_place(struct script *s, int32_t timer, const char *place)
{
    if (timer < 0 || timer >= s->timers.n) return;
    struct script_timer *t = s->timers.all[timer];
    snprintf(t->place, sizeof t->place, "the timer at %s", place);
}

void mg_timer_stop(struct script *s, int32_t timer)
{
    if (timer < 0 || timer >= s->timers.n) return;
    stop(s, s->timers.all[timer]);
    s->timers.all[timer]->is_used = false;
}
