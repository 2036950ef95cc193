/* Memory above the limit may be garbage, so all of it is collected before the script gets an error. The error comes again at each
 * check until the turn ends, as that of script_time.c does. Then what the turn had is collected, and given back to the system.
 *
 * Lua's collector goes by what is there: beside much that a script keeps it lets much garbage lie. So above a mark below the limit
 * all is collected at the end of a turn. A script that keeps less than a quarter of its limit never comes there.
 *
 * What a script keeps from turn to turn may be above the limit, too. No error frees that: the worker has itself replaced. */
#include "script/script_memory.h"

#include <luajit.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "script/state.h"

static const char LUA_TEXT[] = "not enough memory";

/* --- Lua's collector --------------------------------------------------------------------------- */

static int collect_all(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

/* Protected, as what it finalizes (__gc) may raise an error. False: the error's value is on the stack. [...] -> [...], or
 * [..., value] */
static bool collect(struct script *s, lua_State *L)
{
    s->memory.is_collecting = true;
    int status = lua_cpcall(L, collect_all, NULL);
    s->memory.is_collecting = false;
    s->memory.lives = s->memory.of.used;
    return status == 0;
}

/* The cycle that has begun, and a whole one, in small steps, between which a job may pause. */
static int collect_in_steps(lua_State *L)
{
    for (int cycles = 0; cycles < 2; job_rest()) cycles += lua_gc(L, LUA_GCSTEP, 0);
    return 0;
}

/* A sixteenth must be left: with less, all would be collected again and again. */
static bool is_over(const struct memory *m)
{
    return m->limit && m->used > m->limit - m->limit / 16;
}

/* After a collection: where to look next. When memory is short, whatever takes more is to look. */
static void set_mark(struct memory *m)
{
    size_t half = m->limit / 2, most = m->limit - m->limit / 8;
    if (!m->limit) return;
    if (is_over(m))
        m->mark = m->used;
    else if (m->used > most)
        m->mark = m->limit;
    else if (m->used > most / 3)
        m->mark = most;
    else
        m->mark = m->used * 3 > half ? m->used * 3 : half;
}

/* --- asking ------------------------------------------------------------------------------------ */

static struct script *script_of(struct memory *m)
{
    return (struct script *)(void *)((uint8_t *)m - offsetof(struct script, memory.of));
}

/* The interpreter calls it before its next instruction. */
static void on_instruction(lua_State *L, lua_Debug *unused)
{
    void *memory;
    (void)unused;
    lua_getallocf(L, &memory);
    lua_sethook(L, NULL, 0, 0);
    script_time_check_now(script_of(memory), L);
}

/* The next check is to look. What interpreted code counts down is in a table, which cannot be written in the middle of an
 * allocation; a hook can be set at any time. Compiled code knows no hooks, but counts down a cell of C. */
static void ask(struct memory *m)
{
    struct script *s = script_of(m);
    s->time.left = 0;
    if (!s->host.jit && s->L) lua_sethook(s->L, on_instruction, LUA_MASKCOUNT, 1);
}

/* The last collection left too little, and not much was taken since. */
static bool may_wait(const struct script_memory *memory)
{
    const struct memory *m = &memory->of;
    size_t sixteenth = m->limit / 16;
    return memory->lives > m->limit - sixteenth && m->used < memory->lives + sixteenth;
}

/* --- in a turn --------------------------------------------------------------------------------- */

bool script_memory_is_short(struct script *s, lua_State *L)
{
    struct script_memory *memory = &s->memory;
    struct memory *m = &memory->of;
    if (!m->is_asked || memory->is_collecting) return false;
    m->is_asked = false;
    if (m->used <= m->limit) { /* what is garbage can wait for the end */
        memory->must_collect = true;
        m->mark = m->limit;
        return false;
    }
    bool good = may_wait(memory) || collect(s, L);
    bool is_short = is_over(m);
    set_mark(m);
    if (is_short) {
        memory->must_collect = memory->has_failed = true;
        s->host.row->script_memory_errors++;
    }
    if (!good) lua_error(L);
    return is_short;
}

void script_memory_interrupted(struct script *s)
{
    struct script_memory *memory = &s->memory;
    if (memory->of.used > memory->of.limit / 4) memory->must_collect = memory->has_failed = true;
}

/* --- after a turn ------------------------------------------------------------------------------ */

/* What C holds and what functions that wait have goes by itself, or with their errors. */
static bool keeps_too_much(const struct script *s)
{
    const struct memory *m = &s->memory.of;
    size_t kept = m->used - m->held;
    if (!is_over(m) || kept <= m->limit / 2) return false;
    return s->asyncs.used == 0 || kept > m->limit * 2;
}

static void tell_full(struct script *s)
{
    if (s->memory.is_full) return;
    s->memory.is_full = true;
    log_error("script %s: %s: it keeps %zu MiB between its requests", s->path, s->memory.text,
              (s->memory.of.used - s->memory.of.held) >> 20);
    if (s->host.on_full) s->host.on_full(s->host.about, s);
}

/* What LuaJIT has compiled holds functions that have ended, and with them all that those had. */
static void drop_traces(struct script *s)
{
    luaJIT_setmode(s->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
}

/* Each collection also halves the buffer in which Lua makes strings. */
static void collect_well(struct script *s)
{
    int top = lua_gettop(s->L);
    size_t before;
    do {
        before = s->memory.of.used;
        collect(s, s->L);
        lua_settop(s->L, top);
    } while (before > s->memory.of.used + MEMORY_LARGE);
}

static void clean_up(struct script *s)
{
    struct script_memory *memory = &s->memory;
    struct memory *m = &memory->of;
    if (memory->has_failed || m->used > m->limit) drop_traces(s);
    collect_well(s);
    memory->must_collect = memory->has_failed = m->is_asked = false;
    set_mark(m);
    memory_trim(m);
    if (keeps_too_much(s))
        tell_full(s);
    else
        memory->is_full = false;
}

void script_memory_end(struct script *s)
{
    struct script_memory *memory = &s->memory;
    struct memory *m = &memory->of;
    struct board_row *row = s->host.row;
    if (m->refused != memory->refused) {
        row->script_memory_errors += m->refused - memory->refused;
        memory->refused = m->refused;
        script_memory_interrupted(s);
    }
    if (m->is_asked && !memory->has_failed && may_wait(memory)) m->is_asked = false;
    if (m->is_asked || memory->must_collect) clean_up(s);
    row->script_memory += m->used - memory->shown;
    memory->shown = m->used;
}

/* What loading has left is garbage for the most part: a script may keep it for long. An error of a finalizer is nobody's. */
static void collect_after_loading(struct script *s)
{
    int top = lua_gettop(s->L);
    s->memory.is_collecting = true;
    (void)lua_cpcall(s->L, collect_in_steps, NULL);
    s->memory.is_collecting = false;
    s->memory.lives = s->memory.of.used;
    lua_settop(s->L, top);
    memory_trim(&s->memory.of);
}

bool script_memory_has_room(struct script *s)
{
    struct memory *m = &s->memory.of;
    collect_after_loading(s);
    if (is_over(m)) {
        drop_traces(s);
        collect_well(s);
    }
    if (!is_over(m)) {
        script_memory_end(s);
        return true;
    }
    lua_pushfstring(s->L, "%s: %s: it keeps %d KiB", s->path, s->memory.text,
                    (int)(m->used / 1024)); /* [..., message] */
    return false;
}

/* --- texts ------------------------------------------------------------------------------------- */

const char *script_memory_explain(struct script *s, const char *why)
{
    if (!why) return LUA_TEXT;
    return strcmp(why, LUA_TEXT) == 0 && s->memory.of.limit ? s->memory.text : why;
}

static void print_limit(struct script_memory *memory)
{
    static const char units[][2] = {"", "k", "m", "g"};
    size_t size = memory->of.limit, unit = 0;
    for (; unit < 3 && size >= 1024 && size % 1024 == 0; unit++) size /= 1024;
    snprintf(memory->text, sizeof memory->text, "%s (--script-memory %zu%s)", LUA_TEXT, size,
             units[unit]);
}

/* --- the whole --------------------------------------------------------------------------------- */

void script_set_memory(struct script *s, size_t bytes)
{
    s->host.script_memory = bytes;
    memory_set_limit(&s->memory.of, bytes);
    print_limit(&s->memory);
    set_mark(&s->memory.of);
}

void script_memory_open(struct script *s)
{
    memory_init(&s->memory.of, ask);
    script_set_memory(s, s->host.script_memory);
    s->L = lua_newstate(memory_allocate, &s->memory.of);
    if (!s->L) abort();
}

void script_memory_release(struct script *s)
{
    s->host.row->script_memory -= s->memory.shown;
    memory_release(&s->memory.of);
}

int script_memory_call(struct script *s, int arguments, int results, int handler)
{
    bool was = s->memory.of.may_refuse;
    s->memory.of.may_refuse = true;
    int status = lua_pcall(s->L, arguments, results, handler);
    s->memory.of.may_refuse = was;
    return status;
}

int script_memory_resume(struct script *s, lua_State *L, int arguments)
{
    s->memory.of.may_refuse = true;
    int status = lua_resume(L, arguments);
    s->memory.of.may_refuse = false;
    return status;
}
