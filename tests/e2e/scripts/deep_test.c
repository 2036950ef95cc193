/* Functions that C calls, and that call C again without end, are an error of theirs: where a script loads, in a function, in one that
 * waits, in a timer, compiled or not. The worker goes on. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Bodies of functions; `raises`: the error comes out, and is not one of those that the body catches itself. */
static const struct {
    const char *name, *body;
    bool raises;
} depths[] = {
    {"gsub", "local function f() return (('x'):gsub('x', f)) end f()", true},
    {"gsub_table",
     "local t = setmetatable({}, {}) getmetatable(t).__index = function() return (('x'):gsub('x', "
     "t)) end local _ = ('x'):gsub('x', t)",
     true},
    {"gsub_pcall", "local function f() return pcall(string.gsub, 'x', 'x', f) end f()", false},
    {"sort",
     "local function f() table.sort({ 3, 2, 1 }, function(a, b) f() return a < b end) end f()",
     true},
    {"sort_lt",
     "local mt mt = { __lt = function() table.sort { setmetatable({}, mt), setmetatable({}, mt) } "
     "end }\n"
     "    table.sort { setmetatable({}, mt), setmetatable({}, mt) }",
     true},
    {"wrap", "local function f() return (coroutine.wrap(f)()) end f()", true},
    {"resume", "local function f() return coroutine.resume(coroutine.create(f)) end f()", false},
    {"resume_raised", "local function f() assert(coroutine.resume(coroutine.create(f))) end f()",
     true},
    {"wrap_gsub",
     "local function f()\n"
     "      return (('x'):gsub('x', function() return coroutine.wrap(f)() end))\n"
     "    end f()",
     true},
    {"pcall", "local function f() return pcall(f) end f()", false},
    {"pcall_deep", "local function f() local a, b = pcall(f) return b end f()", false},
    {"xpcall", "local function f() return xpcall(f, function(e) return e end) end f()", false},
    {"handlers", "local function f() xpcall(error, function() f() end) end f()", false},
    {"handler", "xpcall(function() error 'x' end, function(e) error(e) end)", false},
    {"index",
     "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] .. 1 end })"
     " local _ = t.a",
     true},
    {"newindex",
     "local t = setmetatable({}, { __newindex = function(t, k, v) t[k] = v end }) t.x "
     "= 1",
     true},
    {"call", "local t = setmetatable({}, {}) getmetatable(t).__call = t t()", true},
    {"call_chain", "local t = {} for _ = 1, 1e5 do t = setmetatable({}, { __call = t }) end t()",
     true},
    {"concat",
     "local t t = setmetatable({}, { __concat = function() return (t .. t) .. 'x' end }) local _ = "
     "t .. 'x'",
     true},
    {"eq",
     "local mt mt = { __eq = function() return not (setmetatable({}, mt) == setmetatable({}, mt)) "
     "end }\n"
     "    local _ = setmetatable({}, mt) == setmetatable({}, mt)",
     true},
    {"tostring",
     "local t t = setmetatable({}, { __tostring = function() return tostring(t) .. 'x' end }) "
     "tostring(t)",
     true},
    {"format",
     "local t t = setmetatable({}, { __tostring = function() return ('%sx'):format(t) end })\n"
     "    local _ = ('%s'):format(t)",
     true},
    {"print",
     "local t t = setmetatable({}, { __tostring = function() print(t) return 'x' end }) print(t)",
     true},
    {"raised",
     "local t t = setmetatable({}, { __tostring = function() return tostring(t) .. 'x' end }) "
     "error(t)",
     true},
    {"load", "local function f() return load('local f = ... return f() .. 1')(f) .. 1 end f()",
     true},
    {"parser", "assert(load('return ' .. ('('):rep(1e5) .. '1' .. (')'):rep(1e5)))", true},
    {"pattern", "local _ = (('a'):rep(1e5)):match(('(a-)'):rep(40) .. 'b')", true},
    {"lua", "local function f() return f() + 1 end f()", true},
    {"arguments", "local function f(...) return f(1, ...) end f()", true},
    {"unpack", "unpack({}, 1, 1e7)", true},
};

/* The functions by their names: `bodies`. */
static const char *all_bodies(void)
{
    const char *text = "local bodies = {}\n";
    for (size_t i = 0; i < COUNT(depths); i++)
        text = textf("%sfunction bodies.%s()\n    %s\nend\n", text, depths[i].name, depths[i].body);
    return text;
}

/* "deep NAME" in a function, "wait NAME" in one that waits, "timer NAME" in a timer: the answer to "fired" says how many were. */
static const char *deep_script(const struct backend *b)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "%s"
                    "local fired = 0\n"
                    "local waits = mg.async(function(req)\n"
                    "  mg.sleep(0.001)\n"
                    "  bodies[req:key_part(':', 2)]()\n"
                    "  return mg.reply.miss()\n"
                    "end)\n"
                    "return function(req)\n"
                    "  local way, name = req:key_part(':', 1), req:key_part(':', 2)\n"
                    "  if way == 'fired' then return mg.reply.error(tostring(fired)) end\n"
                    "  if way == 'wait' then return waits end\n"
                    "  if way == 'deep' then bodies[name]() return mg.reply.miss() end\n"
                    "  mg.timer.after(0, function() fired = fired + 1 bodies[name]() end)\n"
                    "  return mg.reply.miss()\n"
                    "end\n",
                 backend_address(b), all_bodies());
}

static void goes_down(struct client *c, const char *way)
{
    for (size_t i = 0; i < COUNT(depths); i++) {
        client_sends(c, textf("get %s:%s\r\n", way, depths[i].name));
        const char *answer = client_sees_line(c);
        bool raised = strcmp(answer, "SERVER_ERROR script error") == 0;
        bool wants = depths[i].raises && strcmp(way, "timer") != 0;
        if (raised != wants) stage_fails("%s in %s: %s", depths[i].name, way, answer);
    }
}

/* Depth is what ends them, not time: some take seconds, and more on a busy machine or where AddressSanitizer looks at the stack. */
#define PATIENCE "20"

static void what_goes_down_without_end_costs_its_request(void **state)
{
    static const char *const jit[] = {NULL, "--no-jit"};
    for (size_t i = 0; i < COUNT(jit); i++) {
        struct moongate *m = moongate_start(deep_script(backend_listens()), "--script-timeout",
                                            PATIENCE, jit[i], NULL);
        pid_t before, after;
        moongate_workers(m, &before, 1);
        struct client *c = client_connects(m);
        goes_down(c, "deep");
        goes_down(c, "wait");
        goes_down(c, "timer");
        client_asks_until(c, "get fired\r\n", textf("SERVER_ERROR %d\r\n", (int)COUNT(depths)));
        moongate_workers(m, &after, 1);
        if (before != after || moongate_log_count(m, "gone:") > 0)
            stage_fails("the worker was replaced");
        stage_clears();
    }
}

static void what_goes_down_without_end_while_loading_is_an_error_of_it(void **state)
{
    for (size_t i = 0; i < COUNT(depths); i++) {
        const char *file = moongate_script_file(
            textf(MG "do %s end\nreturn mg.pool { '127.0.0.1:1' }\n", depths[i].body));
        struct run run = moongate_runs("-t", "--script-timeout", PATIENCE,
                                       i % 2 ? "--no-jit" : file, i % 2 ? file : NULL, NULL);
        if (run.code != (depths[i].raises ? 1 : 0))
            stage_fails("%s: exit %d: %s", depths[i].name, run.code, run.err);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_goes_down_without_end_costs_its_request),
        play(what_goes_down_without_end_while_loading_is_an_error_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
