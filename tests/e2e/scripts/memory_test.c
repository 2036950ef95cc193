/* A script that takes all memory it can gets an error, wherever it does that, compiled or not; nothing in it can prevent that. Other
 * requests get their answers, the worker goes on, and its memory goes back to the system. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Bodies of functions that take memory until something stops them. --script-timeout is off: only the limit of memory does. */
static const struct {
    const char *name, *body;
} eaters[] = {
    {"tables", "local t = {} while true do t[#t + 1] = {} end"},
    {"nested", "local t = {} while true do t = { t } end"},
    {"fields", "local t = {} for i = 1, 1e18 do t['field' .. i] = true end"},
    {"numbers", "local t = {} for i = 1, 1e18 do t[i] = i end"},
    {"fractions", "local t = {} for i = 1, 1e18 do t[i * 1.5] = i end"},
    {"strings", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end"},
    {"long_strings", "local t = {} while true do t[#t + 1] = ('x'):rep(3e5) .. #t end"},
    {"doubled", "local s = 'x' while true do s = s .. s end"},
    {"rep", "return ('x'):rep(1e9)"},
    {"rep_of_long", "local s = ('x'):rep(1e6) return s:rep(1e3)"},
    {"concat", "local t = {} for i = 1, 2e4 do t[i] = ('y'):rep(100) end local u = {} while true "
               "do u[#u + 1] "
               "= table.concat(t) .. #u end"},
    {"format", "local s = 'x' while true do s = ('%s%s'):format(s, s) end"},
    {"gsub", "return (('x'):rep(1e5):gsub('x', ('y'):rep(1e4)))"},
    {"gsub_function", "local s = ('y'):rep(1e4) return (('x'):rep(1e5):gsub('x', function() return "
                      "s end))"},
    {"closures",
     "local f = function() end while true do local g = f f = function() return g end end"},
    {"coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end"},
    {"stacks",
     "local t = {} local function deep(n) if n == 0 then coroutine.yield() end return deep(n - 1) "
     "+ "
     "1 end while true do local c = coroutine.create(deep) coroutine.resume(c, 1000) t[#t + 1] = c "
     "end"},
    {"recursion",
     "local t = {} local function f(n) t[#t + 1] = { n } return f(n + 1) + 1 end while "
     "true do pcall(f, 1) end"},
    {"tail", "local function f(t) return f({ t }) end f()"},
    {"pcall", "while true do pcall(function() local t = {} while true do t = { t } end end) end"},
    {"pcall_out",
     "pcall(function() local t = {} while true do t = { t } end end) while true do end"},
    {"pcall_rep",
     "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(9e5) .. #t end) "
     "end"},
    {"xpcall", "while true do xpcall(function() local t = {} while true do t = { t } end end, "
               "function(e) local t = {} while true do t = { t } end end) end"},
    {"index", "local t, kept = setmetatable({}, { __index = function(_, k) return { k } end }), {} "
              "while true do kept[#kept + 1] = t[#kept] end"},
    {"index_inside",
     "return setmetatable({}, { __index = function() local t = {} while true do t = { t } end end "
     "}).x"},
    {"tostring",
     "return tostring(setmetatable({}, { __tostring = function() local t = {} while true "
     "do t = { t } end end }))"},
    {"sort", "table.sort({ 3, 2, 1 }, function() local t = {} while true do t = { t } end end)"},
    {"load", "load 'local t = {} while true do t = { t } end' ()"},
    {"suddenly",
     "local t = {} for i = 1, 1e18 do if i > 3e5 then t[#t + 1] = ('x'):rep(9e5) .. i end "
     "end"},
};

static const char *all_bodies(void)
{
    const char *text = "local bodies = {}\n";
    for (size_t i = 0; i < COUNT(eaters); i++)
        text = textf("%sfunction bodies.%s() %s end\n", text, eaters[i].name, eaters[i].body);
    return text;
}

/* "route:NAME" in a function, "wait:NAME" in one that waits, "timer:NAME" in a timer. */
static const char *zoo_script(void)
{
    return textf(MG "%s"
                    "local waits = mg.async(function(req)\n"
                    "  mg.sleep(0.001)\n"
                    "  bodies[req:key_part(':', 2)]()\n"
                    "  return mg.reply.miss()\n"
                    "end)\n"
                    "return function(req)\n"
                    "  local way, name = req:key_part(':', 1), req:key_part(':', 2)\n"
                    "  if way == 'wait' then return waits end\n"
                    "  if way == 'route' then bodies[name]() end\n"
                    "  if way == 'timer' then mg.timer.after(0, bodies[name]) end\n"
                    "  return mg.reply.miss()\n"
                    "end\n",
                 all_bodies());
}

static size_t resident(pid_t pid)
{
    unsigned long size, pages;
    FILE *f = fopen(textf("/proc/%d/statm", (int)pid), "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Under AddressSanitizer freed memory stays for a while. */
static void assert_is_back(pid_t worker, size_t before)
{
    size_t now = resident(worker);
    if (now > before + before / 5 && !stage_is_sanitized())
        stage_fails("resident: %zu before, %zu now", before, now);
}

/* The requests before and behind it in its batch get their answers. */
static void costs_its_own_request(struct client *c, const char *key)
{
    client_sends(c, textf("get good\r\nget %s\r\nget good\r\n", key));
    client_sees(c, "END\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sees(c, "END\r\n");
}

static void plays_zoo(const char *option)
{
    struct moongate *m = moongate_start(zoo_script(), "--script-memory", "8m", "--script-timeout",
                                        "0", option, NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);
    size_t before = resident(worker);
    for (size_t i = 0; i < COUNT(eaters); i++) {
        costs_its_own_request(c, textf("route:%s", eaters[i].name));
        costs_its_own_request(c, textf("wait:%s", eaters[i].name));
        client_sends(c, textf("get timer:%s\r\n", eaters[i].name));
        client_sees(c, "END\r\n");
        stat_becomes(c, "proxy", "timer_errors", textf("%zu", i + 1));
    }
    assert_int_equal(stat_number(c, "proxy", "script_errors"), 2 * COUNT(eaters));
    assert_true(stat_number(c, "proxy", "script_memory_errors") >= 3 * COUNT(eaters));
    assert_int_equal(moongate_log_count(m, "gone:"), 0);
    assert_is_back(worker, before);
    assert_int_equal(moongate_worker(m), worker);
}

static void whatever_takes_all_memory_costs_its_request(void **state)
{
    plays_zoo(NULL);
}

static void so_it_does_when_it_is_interpreted(void **state)
{
    plays_zoo("--no-jit");
}

/* The log says which limit it was, and where. */
static void the_log_names_the_limit_and_the_line(void **state)
{
    struct moongate *m = moongate_start(MG "mg.options { script_memory = '10m' }\n"
                                           "return function(req)\n"
                                           "  local t = {}\n"
                                           "  while req.key == 'tables' do t = { t } end\n"
                                           "  return mg.reply.error(('x'):rep(1e9))\n"
                                           "end\n",
                                        "--script-timeout", "0", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get tables\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    moongate_sees_log(
        m, textf("%s:5: not enough memory (--script-memory 10m)", moongate_script_path(m)));
    client_sends(c, "get one_huge_block\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    moongate_sees_log(
        m, textf("script %s: not enough memory (--script-memory 10m)", moongate_script_path(m)));
}

/* One after the other, and at once: each keeps what it took while the others run. */
static void a_hundred_eaters_give_everything_back(void **state)
{
    struct moongate *m = moongate_start(MG "local waits = mg.async(function(req)\n"
                                           "  local t = {}\n"
                                           "  while true do\n"
                                           "    for _ = 1, 10000 do t = { t } end\n"
                                           "    mg.sleep(0.001)\n"
                                           "  end\n"
                                           "end)\n"
                                           "return function(req)\n"
                                           "  local t = {}\n"
                                           "  if req.key == 'wait' then return waits end\n"
                                           "  while req.key == 'route' do t = { t } end\n"
                                           "  return mg.reply.miss()\n"
                                           "end\n",
                                        "--script-memory", "16m", "--script-timeout", "0", NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);
    size_t before = resident(worker);
    for (int i = 0; i < 100; i++) {
        client_sends(c, "get route\r\n");
        client_sees(c, "SERVER_ERROR script error\r\n");
    }
    assert_is_back(worker, before);
    for (int i = 0; i < 100; i++) client_sends(c, "get wait\r\n");
    for (int i = 0; i < 100; i++) client_sees(c, "SERVER_ERROR script error\r\n");
    client_sends(c, "get good\r\n");
    client_sees(c, "END\r\n");
    assert_is_back(worker, before);
    assert_true(stat_number(c, "proxy", "script_memory") < 8u << 20);
    assert_int_equal(moongate_worker(m), worker);
}

/* 100 MB, with much garbage beside it: under a limit where Lua's collector comes in time by itself, and under one where it does not. */
static void a_script_may_use_what_its_limit_allows(void **state)
{
    static const char *const limits[] = {"256m", "140m"};
    for (size_t row = 0; row < COUNT(limits); row++) {
        struct moongate *m = moongate_start(
            MG "local kept, n = {}, 0\n"
               "for i = 1, 1000 do kept[i] = ('%d'):format(i):rep(1e5):sub(1, 1e5) end\n"
               "return function(req)\n"
               "  local garbage = {}\n"
               "  for i = 1, 10 do garbage[i] = ('y'):rep(1e5) .. n n = n + 1 end\n"
               "  return kept[1 + n % 1000] and mg.reply.miss()\n"
               "end\n",
            "--script-timeout", "0", "--script-memory", limits[row], NULL);
        struct client *c = client_connects(m);
        for (int i = 0; i < 300; i++) client_sends(c, "get a\r\n");
        for (int i = 0; i < 300; i++) client_sees(c, "END\r\n");
        assert_int_equal(stat_number(c, "proxy", "script_errors"), 0);
        assert_int_equal(stat_number(c, "proxy", "script_memory_errors"), 0);
        assert_true(stat_number(c, "proxy", "script_memory") > 95000000);
        stage_clears();
    }
}

/* Without checks in it, too: then the end of a turn notices. The worker's clients go on with its successor. */
static void a_worker_whose_script_keeps_too_much_is_replaced(void **state)
{
    struct moongate *m = moongate_start(MG "local kept = {}\n"
                                           "return function(req)\n"
                                           "  kept[#kept + 1] = ('x'):rep(1e5) .. #kept\n"
                                           "  return mg.reply.miss()\n"
                                           "end\n",
                                        "--script-memory", "16m", NULL);
    struct client *c = client_connects(m);
    pid_t before = moongate_worker(m);
    for (int i = 0; i < 200; i++) {
        client_sends(c, "get a\r\n");
        client_sees(c, "END\r\n");
    }
    moongate_sees_log(m, "not enough memory (--script-memory 16m): it keeps 1");
    moongate_sees_log(m, "this worker is replaced");
    moongate_sees_log(m, "gone: exit 0");
    client_sends(c, "get a\r\n");
    client_sees(c, "END\r\n");
    assert_int_not_equal(moongate_worker(m), before);
}

/* A full old script does not keep a new one out, whose limit is its own. */
static void a_full_script_is_reloaded(void **state)
{
    struct moongate *m =
        moongate_start(MG "local kept = {}\n"
                          "return function(req)\n"
                          "  while true do kept[#kept + 1] = {} end\n"
                          "end\n",
                       "--script-memory", "16m", "--script-timeout", "0", "--single-process", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    moongate_sees_log(m, "it keeps 1");
    moongate_reloads(m, MG "local kept = {}\n"
                           "for i = 1, 100 do kept[i] = ('x'):rep(1e5) .. i end\n"
                           "return function() return mg.reply.miss() end\n");
    client_asks_until(c, "get a\r\n", "END\r\n");
    stat_becomes(c, "proxy", "generation", "2");
    for (int tries = 0; stat_number(c, "proxy", "script_memory") >= 14u << 20; tries++) {
        assert_in_range(tries, 0, 3000); /* the old one goes in slices */
        stage_turns(10);
        client_asks_until(c, "get a\r\n", "END\r\n");
    }
}

/* Commands that run a script have the limit, too. */
static void tools_have_the_limit_too(void **state)
{
    const char *file = moongate_script_file(MG "mg.options { script_memory = '8m' }\n"
                                               "return function(req)\n"
                                               "  local t = {}\n"
                                               "  while true do t = { t } end\n"
                                               "end\n");
    struct run run = moongate_runs("explain", file, "get a", NULL);
    has(run.out, "not enough memory (--script-memory 8m)");
    run = shell_runs(textf("printf '= (\"x\"):rep(1e9)\n= 1 + 1\n' | $MOONGATE repl %s", file));
    has(run.out, "not enough memory (--script-memory 8m)");
    has(run.out, "2\n");
}

/* And what a script takes while it loads. */
static void a_script_that_takes_too_much_does_not_load(void **state)
{
    static const char *const bodies[][2] = {
        {"local t = {} while true do t = { t } end", ":2: not enough memory (--script-memory 16m)"},
        {"local s = ('x'):rep(1e9)", "not enough memory (--script-memory 16m)"},
        {"for _ = 1, 1e6 do mg.pool { '127.0.0.1:1' } end",
         ":2: not enough memory (--script-memory 16m)"},
        {"local kept = {} for i = 1, 155 do kept[i] = ('x'):rep(1e5) .. i end\n"
         "do return function() return kept[1] and mg.reply.miss() end end",
         "not enough memory (--script-memory 16m): it keeps 15"},
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        const char *file =
            moongate_script_file(textf(MG "%s\nreturn mg.pool { '127.0.0.1:1' }\n", bodies[i][0]));
        struct run run = moongate_runs("-t", "--script-memory", "16m", file, NULL);
        assert_int_equal(run.code, 1);
        has(run.err, bodies[i][1]);
        stage_clears();
    }
}

/* What C holds for a script counts: requests that wait for a server, and those that nobody waits for. */
static void requests_that_wait_count(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local pool = mg.pool { '%s', timeout = 3600 }\n"
                 "local value = ('v'):rep(1e5)\n"
                 "local waits = mg.async(function(req)\n"
                 "  local list = {}\n"
                 "  for i = 1, 1000 do list[i] = mg.request.set('k' .. i, value) end\n"
                 "  mg.call_each(pool, list)\n"
                 "end)\n"
                 "return function(req)\n"
                 "  if req.key == 'wait' then return waits end\n"
                 "  while req.key == 'spawn' do\n"
                 "    mg.spawn(pool, mg.request.set('k', value))\n"
                 "  end\n"
                 "  return mg.reply.miss()\n"
                 "end\n",
              backend_address(b)),
        "--script-memory", "16m", "--script-timeout", "0", NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);
    client_sends(c, "get wait\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sends(c, "get spawn\r\nget good\r\n");
    client_sees(c, "SERVER_ERROR script error\r\nEND\r\n");
    moongate_sees_log_times(m, "not enough memory (--script-memory", 2);
    assert_int_equal(moongate_worker(m), worker);
}

/* Their number is bounded, too. */
static void requests_for_nobody_are_bounded(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                "return function(req)\n"
                                "  for _ = 1, tonumber(req.key) do mg.spawn(pool, req) end\n"
                                "  return mg.reply.miss()\n"
                                "end\n",
                             backend_address(b)),
                       "--script-memory", "0", "--script-timeout", "0", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get 65536\r\n");
    client_sees(c, "END\r\n");
    client_sends(c, "get 65537\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    moongate_sees_log(m, "65536 requests of mg.spawn wait already");
}

/* Matching goes on in C, where nothing interrupts it. */
static void patterns_are_matched_with_texts_of_a_bound(void **state)
{
    struct run run = moongate_runs(
        "-t",
        moongate_script_file(
            MG "local text = ('x'):rep(2 ^ 20 + 1)\n"
               "local function fails(f, ...)\n"
               "  local good, why = pcall(f, ...)\n"
               "  assert(not good and why:find('1048576 bytes, not 1048577', 1, true), why)\n"
               "end\n"
               "for _, pattern in ipairs { 'x+y', '.-y', '[a]', '^y' } do\n"
               "  fails(text.find, text, pattern)\n"
               "  fails(text.match, text, pattern)\n"
               "  fails(text.gmatch, text, pattern)\n"
               "  fails(text.gsub, text, pattern, '')\n"
               "  fails(string.find, text, pattern)\n"
               "end\n"
               "assert(not text:find('x+y', 1, true) and text:find 'x' == 1)\n"
               "assert(text:sub(2):find '^x' == 1 and select(2, text:sub(2):gsub('x', '')) == 2 ^ "
               "20)\n"
               "local good, why = pcall(text.find, 'x', ('x'):rep(1025))\n"
               "assert(not good and why:find 'a pattern has at most 1024 bytes')\n"
               "assert(('x'):find(('x'):rep(1024)) == nil and string.find(123, 2) == 2)\n"
               "return mg.pool { '127.0.0.1:1' }\n"),
        NULL);
    if (run.code != 0) stage_fails("%s", run.err);
    run = moongate_runs("-t", "--max-value", "2m",
                        moongate_script_file(MG "assert(('x'):rep(2 ^ 21):find '^x')\n"
                                                "return mg.pool { '127.0.0.1:1' }\n"),
                        NULL);
    if (run.code != 0) stage_fails("%s", run.err);
}

/* Else each of its workers would be replaced after its first request. */
static void a_script_that_keeps_more_than_its_own_limit_does_not_load(void **state)
{
    const char *path =
        moongate_script_file(MG "mg.options { script_memory = '2m' }\n"
                                "local kept = {}\n"
                                "for i = 1, 80 do kept[i] = ('x'):rep(1e5) .. i end\n"
                                "return function() return mg.reply.error(kept[1]) end\n");
    struct run run = moongate_runs("-t", path, NULL);
    assert_int_equal(run.code, 1);
    if (!strstr(run.err, "not enough memory (--script-memory 2m)")) stage_fails("%s", run.err);
    run = moongate_runs("-t", "--script-memory", "32m", path, NULL);
    if (run.code != 0) stage_fails("%s", run.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(whatever_takes_all_memory_costs_its_request),
        play(so_it_does_when_it_is_interpreted),
        play(the_log_names_the_limit_and_the_line),
        play(a_hundred_eaters_give_everything_back),
        play(a_script_may_use_what_its_limit_allows),
        play(a_worker_whose_script_keeps_too_much_is_replaced),
        play(a_full_script_is_reloaded),
        play(tools_have_the_limit_too),
        play(a_script_that_takes_too_much_does_not_load),
        play(a_script_that_keeps_more_than_its_own_limit_does_not_load),
        play(requests_that_wait_count),
        play(requests_for_nobody_are_bounded),
        play(patterns_are_matched_with_texts_of_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
