/* A script that takes too long is interrupted, wherever it is, compiled or not; nothing in it can prevent that. Other requests get their
 * answers, and the worker goes on. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Bodies of functions that do not end by themselves. */
static const struct {
    const char *name, *body;
} zoo[] = {
    {"repeat", "repeat until false"},
    {"while", "while true do end"},
    {"for", "for _ = 1, 1e18 do end"},
    {"for_in", "for _ in function() return 1 end do end"},
    {"goto", "::again:: goto again"},
    {"goto_end", "do local n = 0 ::again:: n = n + 1 goto again end"},
    {"nested", "for _ = 1, 1e9 do for _ = 1, 1e9 do end end"},
    {"work", "local t, n = {}, 0 while true do n = n + 1 t[n % 100] = n end"},
    {"strings", "local s = '' while true do s = s:sub(1, 20) .. 'x' end"},
    {"patterns", "while true do local _ = ('user:42'):match '^user:(%d+)' end"},
    {"slow_turns", "while true do local _ = ('x'):rep(2e5) end"},
    {"tail", "local function f() return f() end f()"},
    {"mutual", "local f local function g() return f() end function f() return g() end f()"},
    {"calls", "local function f(n) if n > 0 then f(n - 1) f(n - 1) end end f(1e2)"},
    {"pcall", "while true do pcall(function() while true do end end) end"},
    {"pcall_tail", "local function f() pcall(f, error) return f() end f()"},
    {"pcall_out", "pcall(function() while true do end end) while true do end"},
    {"xpcall", "while true do xpcall(error, function() while true do end end) end"},
    {"handler",
     "while true do xpcall(function() while true do end end, function(e) return e end) end"},
    {"coroutine", "while true do coroutine.wrap(function() while true do end end)() end"},
    {"resume",
     "while true do coroutine.resume(coroutine.create(function() repeat until false end)) end"},
    {"yields",
     "local f = coroutine.wrap(function() while true do coroutine.yield() end end) while true do "
     "f() end"},
    {"index", "local t = setmetatable({}, { __index = function(t) return t end }) while true do t "
              "= t.x end"},
    {"index_loop",
     "local t = setmetatable({}, { __index = function() while true do end end }) return t.x"},
    {"call", "setmetatable({}, { __call = function() while true do end end })()"},
    {"concat", "return setmetatable({}, { __concat = function() repeat until false end }) .. 'x'"},
    {"tostring", "tostring(setmetatable({}, { __tostring = function() while true do end end }))"},
    {"gsub", "('x'):rep(1e6):gsub('x', function() for _ = 1, 1e6 do end end)"},
    {"sort",
     "local t = {} for i = 1, 1e4 do t[i] = i % 7 end table.sort(t, function(a, b) for _ = 1, 1e6 "
     "do end return a < b end)"},
    {"load", "load 'while true do end' ()"},
    {"load_own", "load('local n = ... while true do n = n + 1 end', '=own')(1)"},
    {"required", "require 'loops' ()"},
};

/* The functions by their names: `bodies`. The first is on line FIRST_LINE, each on a line of its own. */
enum { FIRST_LINE = 4 };

static const char *all_bodies(void)
{
    const char *text = "local bodies = {}\n";
    for (size_t i = 0; i < COUNT(zoo); i++)
        text = textf("%sbodies['%s'] = function() %s end\n", text, zoo[i].name, zoo[i].body);
    return text;
}

/* "route:NAME" in a function, "wait:NAME" in one that waits, "timer:NAME" in a timer. All else goes to the server. */
static const char *zoo_script(const struct memcached *server)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "%s"
                    "local waits = mg.async(function(req)\n"
                    "  mg.sleep(0.001)\n"
                    "  bodies[req:key_part(':', 2)]()\n"
                    "  return mg.call(pool, req)\n"
                    "end)\n"
                    "return function(req)\n"
                    "  local way, name = req:key_part(':', 1), req:key_part(':', 2)\n"
                    "  if way == 'wait' then return waits end\n"
                    "  if way == 'route' then bodies[name]() end\n"
                    "  if way == 'timer' then mg.timer.after(0, bodies[name]) end\n"
                    "  return pool\n"
                    "end\n",
                 memcached_address(server), all_bodies());
}

static void write_module(const char *script)
{
    const char *path = textf("%.*sloops.lua", (int)(strrchr(script, '/') + 1 - script), script);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("return function()\n  while true do end\nend\n", file);
    fclose(file);
}

static struct moongate *zoo_starts(const struct memcached *server, const char *workers,
                                   const char *option)
{
    struct moongate *m = moongate_start(zoo_script(server), "--workers", workers,
                                        "--script-timeout", "0.05", option, NULL);
    write_module(moongate_script_path(m));
    return m;
}

/* Its request fails, those before and behind it in the same batch do not, neither do another client's. */
static void costs_its_own_request(struct client *c, struct client *other, const char *key)
{
    client_sends(c, textf("get good\r\nget %s\r\nget good\r\n", key));
    client_sends(other, "get good\r\n");
    client_sees(c, hit_and_end("good", "value"));
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sees(c, hit_and_end("good", "value"));
    client_sees(other, hit_and_end("good", "value"));
}

enum { IN_ROUTE, IN_WAITING, IN_TIMER, WAYS };

static void plays(struct client *c, struct client *other, const char *name, int way)
{
    unsigned long long timers = stat_number(c, "proxy", "timer_errors");
    switch (way) {
    case IN_ROUTE: costs_its_own_request(c, other, textf("route:%s", name)); break;
    case IN_WAITING: costs_its_own_request(c, other, textf("wait:%s", name)); break;
    default:
        client_sends(c, textf("get timer:%s\r\n", name));
        client_sees(c, "END\r\n");
        stat_becomes(c, "proxy", "timer_errors", textf("%llu", timers + 1));
    }
}

/* AddressSanitizer looks at the whole stack at each of its errors: that takes longer than the watchdog waits. */
static bool is_too_slow(const char *name)
{
    return stage_is_sanitized() && strcmp(name, "pcall_tail") == 0;
}

/* Each of the zoo in all ways, or, one after the other, in one. */
static void plays_zoo(const char *workers, const char *option, bool in_all_ways)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = zoo_starts(server, workers, option);
    struct client *c = client_connects(m), *other = client_connects(m);
    unsigned long long played[WAYS] = {0};
    client_sends(c, "set good 0 0 5\r\nvalue\r\n");
    client_sees(c, "STORED\r\n");
    for (size_t i = 0; i < COUNT(zoo); i++) {
        for (int way = 0; way < WAYS; way++) {
            if (!in_all_ways && (int)(i % WAYS) != way) continue;
            if (is_too_slow(zoo[i].name)) continue;
            plays(c, other, zoo[i].name, way);
            played[way]++;
        }
    }
    unsigned long long errors = played[IN_ROUTE] + played[IN_WAITING];
    assert_int_equal(stat_number(c, "proxy", "script_errors"), errors);
    assert_int_equal(stat_number(c, "proxy", "script_timeouts"), errors + played[IN_TIMER]);
    assert_int_equal(moongate_log_count(m, "gone:"), 0);
    stage_clears();
}

static void what_does_not_end_is_interrupted(void **state)
{
    plays_zoo("1", NULL, true);
    plays_zoo("2", NULL, false);
}

static void what_does_not_end_is_interrupted_where_nothing_is_compiled(void **state)
{
    plays_zoo("1", "--no-jit", true);
    plays_zoo("2", "--no-jit", false);
}

static void the_log_says_where_it_was(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = zoo_starts(server, "1", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get route:repeat\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    const char *line = moongate_log_line(m, "script timeout");
    const char *place = textf("%s:%d: script timeout: took more than 0.05 s (--script-timeout)",
                              moongate_script_path(m), FIRST_LINE);
    if (!strstr(line, place) || !strstr(line, "traceback"))
        stage_fails("wanted %s: %s", place, line);
    assert_int_equal(moongate_log_count(m, "script timeout"), 1);
}

/* A function that uses 60 variables of others has no room for checks. The others have them. */
static void what_cannot_be_interrupted_is_named(void **state)
{
    const char *variables = "", *sum = "0";
    for (int i = 0; i < 60; i++) {
        variables = textf("%slocal v%d = 1\n", variables, i);
        sum = textf("%s + v%d", sum, i);
    }
    struct moongate *m = moongate_start(
        textf(MG "%slocal function full()\n  local n = 0\n  for _ = 1, 10 do n = n + %s end\n"
                 "  return n\nend\n"
                 "return function(req)\n"
                 "  if req.key == 'full' then return mg.reply.error(tostring(full())) end\n"
                 "  while true do end\nend\n",
              variables, sum),
        "--script-timeout", "0.05", NULL);
    struct client *c = client_connects(m);
    moongate_sees_log(m,
                      textf("%s: the function at line 62 cannot be interrupted (--script-timeout)",
                            moongate_script_path(m)));
    client_sends(c, "get full\r\nget a\r\n");
    client_sees(c, "SERVER_ERROR 600\r\nSERVER_ERROR script error\r\n");
}

/* All ways of Lua to load source are there, and none is a way around. What Lua calls at its end does not prevent that. */
static void unsafe_scripts_are_interrupted_too(void **state)
{
    static const char *const bodies[] = {
        "load(function() if not done then done = true return 'while true do end' end end)()",
        "loadstring('while true do end')()",
        "assert(loadfile(dir .. 'loops.lua'))()()",
        "dofile(dir .. 'loops.lua')()",
        "package.path = dir .. '?.lua' package.loaded.loops = nil "
        "package.loaders[2]('loops')('loops')()",
        "setfenv(loadstring 'while true do end', {})()",
        "coroutine.wrap(loadstring 'while true do end')()",
        "local p = newproxy(true) getmetatable(p).__gc = function() while true do end end "
        "p = nil collectgarbage()",
        "loadstring(string.dump(function() while true do end end))()",
        "loadstring(string.dump(loadstring 'while true do end', true))()",
        "local p = newproxy(true) getmetatable(p).__index = function() while true do end end "
        "return p.x",
    };
    const char *text = MG "local dir = debug.getinfo(1, 'S').source:match '^@(.*/)'\n"
                          "rawset(_G, 'done', false)\nrawset(_G, 'last', newproxy(true))\n"
                          "getmetatable(last).__gc = function() while true do end end\n"
                          "local bodies = {\n";
    for (size_t i = 0; i < COUNT(bodies); i++)
        text = textf("%sfunction() %s end,\n", text, bodies[i]);
    text = textf("%s}\nreturn function(req) bodies[tonumber(req.key)]() end\n", text);
    struct moongate *m = moongate_start(text, "--unsafe-lua", "--script-timeout", "0.05", NULL);
    struct client *c = client_connects(m);
    write_module(moongate_script_path(m));
    for (size_t i = 0; i < COUNT(bodies); i++) {
        client_sends(c, textf("get %zu\r\n", i + 1));
        client_sees(c, "SERVER_ERROR script error\r\n");
    }
    assert_int_equal(stat_number(c, "proxy", "script_timeouts"), COUNT(bodies));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_does_not_end_is_interrupted),
        play(what_does_not_end_is_interrupted_where_nothing_is_compiled),
        play(the_log_says_where_it_was),
        play(what_cannot_be_interrupted_is_named),
        play(unsafe_scripts_are_interrupted_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
