/* The Lua state of `moongate test` and `moongate repl`, and the C functions that Lua has there.
 *
 * Tests do not run in the state of the script that they test: there they would share its globals and end with it. They run
 * in this one, in a sandbox like a script's. moongate's own modules (lua/moongate/test, repl.lua) have a module
 * `moongate.stage` besides, with the functions below. Those open workers in memory (rehearsals), each with its script in
 * another Lua state, and run their loops step by step. Lua plays the clients and the servers: stage.turn returns the bytes
 * that a worker has sent, stage.write sends some. So a test is a sequence of calls, and nothing here ever calls this Lua
 * state back.
 *
 * Functions check their arguments as Lua's own libraries do, and raise errors. tester_run catches whatever is raised, so
 * that rehearsals are closed in any case.
 */
#include "script/tester.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/state.h"

/* Bounds of a test: scripts that are open at once, and servers that it gives to one. */
enum { REHEARSALS_MAX = 64, SERVERS_MAX = 256 };

/* Upvalue 1 of each function. Lua's number of a rehearsal is its place here, from 1 on; a free place is NULL. */
struct testing {
    const struct tester *t;
    struct rehearsal *rehearsals[REHEARSALS_MAX];
};

static struct testing *testing_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static const struct tester_tools *tools_of(lua_State *L)
{
    return testing_of(L)->t->tools;
}

/* The rehearsal with the number at 1. */
static struct rehearsal *rehearsal_of(lua_State *L)
{
    lua_Integer at = luaL_checkinteger(L, 1);
    struct testing *all = testing_of(L);
    if (at < 1 || at > REHEARSALS_MAX || !all->rehearsals[at - 1])
        luaL_error(L, "no worker %d", (int)at);
    return all->rehearsals[at - 1];
}

/* --- text from the tool ------------------------------------------------------------------------ */

/* The tool prints to a FILE, as it does for people; Lua gets the bytes as a string. */
struct text {
    FILE *file;
    char *bytes;
    size_t len;
};

static void text_open(struct text *text)
{
    *text = (struct text){.file = NULL};
    text->file = open_memstream(&text->bytes, &text->len);
    if (!text->file) abort();
}

static int text_push(lua_State *L, struct text *text) /* [...] -> [..., string] */
{
    fclose(text->file);
    lua_pushlstring(L, text->bytes, text->len);
    free(text->bytes);
    return 1;
}

/* --- workers ----------------------------------------------------------------------------------- */

/* The arguments path, text and servers, from place `at` on. [...] -> [..., the servers' names], which are valid as long as
 * those stay. */
static struct tester_script read_script(lua_State *L, int at, const char **servers)
{
    struct tester_script script = {.servers = servers};
    script.path = luaL_checkstring(L, at);
    script.text = luaL_checklstring(L, at + 1, &script.len);
    size_t n = lua_istable(L, at + 2) ? lua_objlen(L, at + 2) : 0;
    luaL_checkstack(L, SERVERS_MAX,
                    "servers"); /* a string that is not on the stack may be collected */
    for (; script.servers_n < n && script.servers_n < SERVERS_MAX; script.servers_n++) {
        lua_rawgeti(L, at + 2, (int)script.servers_n + 1); /* [..., server] */
        servers[script.servers_n] = luaL_checkstring(L, -1);
    }
    return script;
}

static int push_failure(lua_State *L, const char *error) /* [...] -> [..., nil, message] */
{
    lua_pushnil(L);           /* [..., nil] */
    lua_pushstring(L, error); /* [..., nil, message] */
    return 2;
}

static int stage_open(lua_State *L) /* [path, text, servers] -> [number] or [nil, message] */
{
    const char *servers[SERVERS_MAX];
    char error[SCRIPT_ERROR_MAX];
    struct testing *all = testing_of(L);
    struct tester_script script = read_script(L, 1, servers);
    int at = 0;
    while (at < REHEARSALS_MAX && all->rehearsals[at]) at++;
    if (at == REHEARSALS_MAX) return push_failure(L, "a test loads at most 64 scripts");
    all->rehearsals[at] = tools_of(L)->open(all->t->about, &script, error);
    if (!all->rehearsals[at]) return push_failure(L, error);
    lua_pushinteger(L, at + 1);
    return 1;
}

static int stage_reload(lua_State *L) /* [number, path, text] -> [true] or [nil, message] */
{
    const char *servers[SERVERS_MAX];
    char error[SCRIPT_ERROR_MAX];
    struct tester_script script = read_script(L, 2, servers);
    if (!tools_of(L)->reload(rehearsal_of(L), &script, error)) return push_failure(L, error);
    lua_pushboolean(L, true);
    return 1;
}

static int stage_close(lua_State *L) /* [number] -> [] */
{
    tools_of(L)->close(rehearsal_of(L)); /* which has checked the number */
    testing_of(L)->rehearsals[lua_tointeger(L, 1) - 1] = NULL;
    return 0;
}

/* [number, is_waiting] -> [] or [wire, server or false, bytes, is_end] */
static int stage_turn(lua_State *L)
{
    struct tester_news news;
    if (!tools_of(L)->turn(rehearsal_of(L), lua_toboolean(L, 2), &news)) return 0;
    lua_pushinteger(L, news.wire); /* [..., wire] */
    if (news.server)
        lua_pushstring(L, news.server); /* [..., wire, server] */
    else
        lua_pushboolean(L, false);            /* [..., wire, false] */
    lua_pushlstring(L, news.bytes, news.len); /* [..., wire, server, bytes] */
    lua_pushboolean(L, news.is_end);          /* [..., wire, server, bytes, is_end] */
    return 4;
}

/* [number, listener's number or nil, address or nil, identity or nil] -> [wire] */
static int stage_connect(lua_State *L)
{
    uint32_t listener = (uint32_t)luaL_optinteger(L, 2, 0);
    const char *address = luaL_optstring(L, 3, NULL);
    const char *identity = luaL_optstring(L, 4, NULL);
    lua_pushinteger(L, tools_of(L)->connect(rehearsal_of(L), listener, address, identity));
    return 1;
}

static int stage_listener(lua_State *L) /* [number, name] -> [listener] or [] */
{
    int32_t listener = tools_of(L)->listener(rehearsal_of(L), luaL_checkstring(L, 2));
    if (listener < 0) return 0;
    lua_pushinteger(L, listener);
    return 1;
}

static int stage_write(lua_State *L) /* [number, wire, bytes] -> [] */
{
    size_t len;
    const char *bytes = luaL_checklstring(L, 3, &len);
    tools_of(L)->write(rehearsal_of(L), (uint32_t)luaL_checkinteger(L, 2), bytes, len);
    return 0;
}

static int stage_hang_up(lua_State *L) /* [number, wire] -> [] */
{
    tools_of(L)->hang_up(rehearsal_of(L), (uint32_t)luaL_checkinteger(L, 2));
    return 0;
}

static int stage_refuse(lua_State *L) /* [number, server, is_refused] -> [] */
{
    tools_of(L)->refuse(rehearsal_of(L), luaL_checkstring(L, 2), lua_toboolean(L, 3));
    return 0;
}

static int stage_heat(lua_State *L) /* [number, key, share] -> [is_done] */
{
    size_t len;
    struct rehearsal *r = rehearsal_of(L);
    const char *key = luaL_checklstring(L, 2, &len);
    double share = luaL_checknumber(L, 3);
    luaL_argcheck(L, len > 0 && len <= KEY_MAX, 2, "no key");
    luaL_argcheck(L, share >= 0 && share <= 1, 3, "no share");
    lua_pushboolean(L, tools_of(L)->heat(r, key, len, share));
    return 1;
}

static int stage_servers(lua_State *L) /* [number] -> [list] */
{
    struct rehearsal *r = rehearsal_of(L);
    const char *name;
    lua_newtable(L); /* [number, list] */
    for (uint32_t i = 0; (name = tools_of(L)->server(r, i)); i++) {
        lua_pushstring(L, name);        /* [number, list, name] */
        lua_rawseti(L, -2, (int)i + 1); /* [number, list] */
    }
    return 1;
}

static int stage_next_alarm(lua_State *L) /* [number] -> [seconds] or [] */
{
    double seconds = tools_of(L)->next_alarm(rehearsal_of(L));
    if (seconds < 0) return 0;
    lua_pushnumber(L, seconds);
    return 1;
}

/* The next three print into a string. An error in the rehearsal's script does not come here: it is in the text. */

static int stage_explain(lua_State *L) /* [number, line, value or nil, wire or nil] -> [text] */
{
    size_t len, value_len = 0;
    struct rehearsal *r = rehearsal_of(L);
    const char *line = luaL_checklstring(L, 2, &len);
    const char *value = lua_isnoneornil(L, 3) ? NULL : luaL_checklstring(L, 3, &value_len);
    uint32_t wire = (uint32_t)luaL_optinteger(L, 4, 0);
    struct text text;
    text_open(&text);
    tools_of(L)->explain(r, wire, line, len, value, value_len, text.file);
    return text_push(L, &text);
}

static int stage_describe(lua_State *L) /* [number] -> [text] */
{
    struct rehearsal *r = rehearsal_of(L);
    struct text text;
    text_open(&text);
    tools_of(L)->describe(r, text.file);
    return text_push(L, &text);
}

static int stage_evaluate(lua_State *L) /* [number, source] -> [text] */
{
    size_t len;
    struct rehearsal *r = rehearsal_of(L);
    const char *source = luaL_checklstring(L, 2, &len);
    struct text text;
    text_open(&text);
    tools_of(L)->evaluate(r, source, len, text.file);
    return text_push(L, &text);
}

/* --- clocks, the log, the report, input --------------------------------------------------------- */

static int stage_advance(lua_State *L) /* [seconds] -> [] */
{
    tools_of(L)->advance(luaL_checknumber(L, 1));
    return 0;
}

static int stage_wall(lua_State *L) /* [] -> [seconds] */
{
    lua_pushnumber(L, tools_of(L)->wall());
    return 1;
}

static int stage_logged(lua_State *L) /* [] -> [text] */
{
    struct text text;
    text_open(&text);
    tools_of(L)->logged(testing_of(L)->t->about, text.file);
    return text_push(L, &text);
}

static int stage_report(lua_State *L) /* [kind, number, text] -> [] */
{
    struct tester_report report = {.kind = luaL_checkstring(L, 1),
                                   .number = (uint32_t)luaL_checkinteger(L, 2)};
    report.text = luaL_checklstring(L, 3, &report.len);
    tools_of(L)->report(testing_of(L)->t->about, &report);
    return 0;
}

static int stage_line(lua_State *L) /* [] -> [line] or [] */
{
    size_t len;
    char *line = tools_of(L)->line(testing_of(L)->t->about, &len);
    if (!line) return 0;
    lua_pushlstring(L, line, len);
    free(line);
    return 1;
}

static const luaL_Reg stage[] = {
    {"open", stage_open},
    {"reload", stage_reload},
    {"close", stage_close},
    {"turn", stage_turn},
    {"connect", stage_connect},
    {"write", stage_write},
    {"listener", stage_listener},
    {"hang_up", stage_hang_up},
    {"refuse", stage_refuse},
    {"servers", stage_servers},
    {"next_alarm", stage_next_alarm},
    {"explain", stage_explain},
    {"describe", stage_describe},
    {"evaluate", stage_evaluate},
    {"advance", stage_advance},
    {"wall", stage_wall},
    {"logged", stage_logged},
    {"report", stage_report},
    {"line", stage_line},
    {"heat", stage_heat},
};

/* package.loaded["moongate.stage"] becomes the table of these functions. [...] -> [...] */
static void add_stage(lua_State *L, struct testing *all)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded"); /* [package, loaded] */
    lua_newtable(L);               /* [package, loaded, stage] */
    for (size_t i = 0; i < sizeof stage / sizeof *stage; i++) {
        lua_pushlightuserdata(L, all);         /* [package, loaded, stage, all] */
        lua_pushcclosure(L, stage[i].func, 1); /* [package, loaded, stage, function] */
        lua_setfield(L, -2, stage[i].name);    /* [package, loaded, stage] */
    }
    lua_setfield(L, -2, "moongate.stage"); /* [package, loaded] */
    lua_pop(L, 2);                         /* [] */
}

/* All that may raise an error is in here, below one lua_pcall. [testing, module, arguments] -> [..] */
static int run(lua_State *L)
{
    const char *const *arguments = lua_touserdata(L, 3);
    library_open(L, ((struct testing *)lua_touserdata(L, 1))->t->lua_dir);
    add_stage(L, lua_touserdata(L, 1));
    lua_getglobal(L, "require"); /* [..., require] */
    lua_pushvalue(L, 2);         /* [..., require, module] */
    lua_call(L, 1, 1);           /* [..., program] */
    int n = 0;
    for (; arguments[n]; n++) lua_pushstring(L, arguments[n]);
    lua_call(L, n, 0); /* [...] */
    return 0;
}

bool tester_run(const struct tester *t, const char *module, const char *const *arguments,
                char *error)
{
    assert(t->tools && module && arguments);
    struct testing all = {.t = t};
    lua_State *L = luaL_newstate();
    if (!L) abort();
    lua_pushcfunction(L, run);                   /* [run] */
    lua_pushlightuserdata(L, &all);              /* [run, testing] */
    lua_pushstring(L, module);                   /* [run, testing, module] */
    lua_pushlightuserdata(L, (void *)arguments); /* [run, testing, module, arguments] */
    bool good = lua_pcall(L, 3, 0, 0) == 0;
    const char *why = good ? "" : lua_tostring(L, -1);
    snprintf(error, SCRIPT_ERROR_MAX, "%s", why ? why : "an error value that is not a string");
    /* A test that failed has closed nothing. */
    for (int i = 0; i < REHEARSALS_MAX; i++)
        if (all.rehearsals[i]) t->tools->close(all.rehearsals[i]);
    lua_close(L);
    return good;
}
