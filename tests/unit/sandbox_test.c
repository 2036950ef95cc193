/* sandbox: what a script can reach, and what it cannot. */
#include "unit/script_host.h"

/* Expressions that must raise an error or be nil or false. */
static const char *const denied[] = {
    "io",
    "io.open",
    "_G.io",
    "rawget(_G, 'io')",
    "rawget(_G, 'debug')",
    "rawget(_G, 'package')",
    "rawget(_G, 'jit')",
    "rawget(_G, 'ffi')",
    "rawget(_G, 'loadfile')",
    "os.execute",
    "os.exit",
    "os.remove",
    "os.rename",
    "os.getenv",
    "os.tmpname",
    "os.setlocale",
    "debug",
    "ffi",
    "package",
    "package.loadlib",
    "package.loaded",
    "package.preload",
    "loadfile",
    "dofile",
    "module",
    "getfenv",
    "setfenv",
    "getfenv(0)",
    "collectgarbage",
    "newproxy",
    "gcinfo",
    "string.dump",
    "('').dump",
    "jit",
    "jit.off",
    "require 'ffi'",
    "require 'jit'",
    "require 'jit.util'",
    "require 'debug'",
    "require 'io'",
    "require 'os'",
    "require 'package'",
    "require 'string.buffer'",
    "require 'table.new'",
    "require 'moongate.abi'",
    "require 'moongate.boot'",
    "require 'moongate.sandbox'",
    "require '../x'",
    "require '..x'",
    "require '/etc/passwd'",
    "require ''",
    "require '.x'",
    "require 'a..b'",
    "require 'a/../b'",
    "require 'a\\0b'",
    "load('\\27LJ')",
    "loadstring('\\27LJ')",
    "load(function() end)",
    "getmetatable('').__index",
    "getmetatable(_G).__index",
    "setmetatable(_G, nil)",
    "setmetatable(_G, {})",
    "getmetatable(mg.pool { '127.0.0.1:1' }).x",
    "setmetatable(mg.pool { '127.0.0.1:1' }, {})",
    "io.popen",
    "package.loaders",
    "package.searchpath",
    "package.cpath",
    "jit.status",
    "ffi.C",
    "debug.getupvalue",
    "debug.sethook",
    "debug.getregistry",
    "debug.traceback",
    "setfenv(1, {})",
    "setfenv(print, {})",
    "getfenv(print)",
    "getfenv(require).io",
    "rawget(_G, 'setfenv')",
    "rawget(_G, 'getfenv')",
    "rawget(_G, 'collectgarbage')",
    "rawget(_G, 'dofile')",
    "_G._G._G.io",
    "load('return io')()",
    "load('return io', 'x', 't', _G)()",
    "load('return io', 'x', 'b', { io = 1 })()",
    "loadstring('return debug')()",
    "loadstring('\\27Lua')",
    "load('#!x\\n\\27LJ\\2\\10\\2')",
    "load('\\239\\187\\191\\27LJ\\2\\10\\2')",
    "coroutine.wrap(function() return io end)()",
    "(function() return string.dump end)()",
    "('x').dump(print)",
    "next(getmetatable(''))",
    "getmetatable('').x",
    "rawset(getmetatable(''), '__index', {})",
    "setmetatable('', {})",
    "select(2, pcall(require, 'ffi')).C",
    "require 'moongate.where'",
    "require 'moongate.pool'",
    "require 'moongate.options'",
    "require 'moongate.timer'",
    "require 'moongate.shared'",
    "require 'moongate.metrics'",
    "require 'moongate.daemon'",
    "mg.abi",
    "mg.C",
    "mg.counter('c')[0]",
    "mg.counter('c')[1]",
    "mg.counter('c') + 1",
    "#mg.counter('c')",
    "mg.counter('c').name",
    "setmetatable(mg.counter 'c', {})",
    "getmetatable(mg.counter 'c').__index",
    "getmetatable(mg.histogram 'h').__index",
    "setmetatable(mg.histogram 'h', {})",
    "getmetatable(mg.shared('d', 4096)).__index",
    "setmetatable(mg.shared('d', 4096), {})",
    "getmetatable(mg.timer.after(1, error)).__index",
    "setmetatable(mg.timer.after(1, error), {})",
    "getmetatable(mg.log).__call",
    "getmetatable(mg.worker).__index",
    "undefined_name",
};

static void names_outside_the_sandbox_are_denied(void **state)
{
    char text[512];
    write_text("../x.lua", "return true\n");
    for (size_t i = 0; i < COUNT(denied); i++) {
        snprintf(text, sizeof text,
                 MG "local good, got = pcall(function() return %s end)\n"
                    "if good and got then error('within reach: ' .. tostring(got)) end\n" ANY,
                 denied[i]);
        if (!loads(text)) fail_msg("%s: %s", denied[i], w.error);
    }
}

static void names_outside_the_sandbox_are_denied_to_requests_too(void **state)
{
    char text[512];
    for (size_t i = 0; i < COUNT(denied); i++) {
        snprintf(text, sizeof text,
                 AS_ROUTE("  local good, got = pcall(function() return %s end)\n"
                          "  if good and got then return mg.reply.error 'within reach' end\n"
                          "  return mg.reply.miss()"),
                 denied[i]);
        load(text);
        route_one(COMMAND_GET, "k", NULL);
        if (w.answers[0].route != ANSWER_MISS) fail_msg("within reach: %s", denied[i]);
    }
}

/* What a request object is made of in C cannot be read as a place in memory, moved or forged. */
static void a_request_is_no_way_into_memory(void **state)
{
    static const char *const tricks[] = {
        "req.key_at = 4096",
        "req.key_len = 60000",
        "req.value_at = 4096",
        "req.value_len = 60000",
        "req.command_id = 200",
        "req.owner = 1",
        "req.shown_key_at = 1",
        "req.args_at = 1",
        "req.args_len = 9",
        "req.value_blob = 1",
        "req.affinity = 1",
        "local _ = req[1]",
        "req[1] = 0",
        "local _ = req + 1",
        "local _ = req - req",
        "setmetatable(req, {})",
        "local _ = #req",
        "local _ = req()",
        "local _ = req.no_field",
        "req.no_field = 1",
        "local _ = getmetatable(req).__index.x",
    };
    char text[512];
    for (size_t i = 0; i < COUNT(tricks); i++) {
        snprintf(text, sizeof text,
                 MG "return function(req)\n  %s\n  return mg.reply.miss()\nend\n", tricks[i]);
        load(text);
        request_at(0, COMMAND_SET, "k", "v");
        logged_while_routing(1);
        if (w.answers[0].route != ANSWER_REFUSE) fail_msg("went through: %s", tricks[i]);
        assert_refused(0, "script error");
    }
}

static void shared_tables_cannot_be_changed_for_others(void **state)
{
    fails(MG "getmetatable('').__index = nil\n" ANY, "script.lua:2:", "");
    load(MG "string.rep = nil\ntable.sort = nil\nmath.floor = nil\nstring.format = nil\n"
            "assert(('x'):rep(2) == 'xx')\n" AS_ROUTE(
                "  req.key = ('%s:%d'):format(req.key, 1)\n  return pool"));
    assert_key(route_one(COMMAND_GET, "k", NULL), "k:1");
    load(MG "assert(string.rep and table.sort and math.floor and string.format)\n" ANY);
}

static void what_a_script_needs_is_there(void **state)
{
    load(MG "assert(assert and error and ipairs and next and pairs and pcall and rawequal and "
            "rawget and rawset)\n"
            "assert(select and setmetatable and getmetatable and tonumber and tostring and type "
            "and unpack and xpcall)\n"
            "assert(bit.band(3, 6) == 2 and coroutine.wrap and math.floor(1.5) == 1 and "
            "table.concat { 'a' } == 'a')\n"
            "assert(os.time() > 0 and os.clock() and os.date '%Y' and os.difftime(2, 1) == 1)\n"
            "assert(_G._G == _G and _VERSION and load('return 1')() == 1 and loadstring('return "
            "2')() == 2)\n"
            "assert(not pcall(load 'x = 1'))\n" ANY);
}

static void require_looks_beside_the_script_and_loads_once(void **state)
{
    write_text("my_servers-1.lua",
               "local M = { n = 0 }\n"
               "function M.servers() M.n = M.n + 1 return { '127.0.0.1:4' } end\n"
               "return M\n");
    load(MG "local s = require 'my_servers-1'\nassert(require 'my_servers-1' == s)\nassert(require "
            "'moongate' == mg)\n"
            "local list = s.servers()\nassert(s.n == 1)\nreturn mg.pool(list)\n");
    write_text("bad.lua", "\n\nlocal x = nil\nreturn x.y\n");
    fails(MG "return require 'bad'\n", "bad.lua:4:", "attempt to index");
    write_text("worse.lua", "\nreturn = 1\n");
    fails(MG "return require 'worse'\n", "worse.lua:2:", "unexpected symbol");
    write_text("wild.lua", "\nwild = 1\n");
    fails(MG "return require 'wild'\n", "wild.lua:2:", "global 'wild' is not defined");
}

static void print_goes_to_the_log(void **state)
{
    capture_begin(STDERR_FILENO);
    bool good = loads("print('two', 2, nil, true)\n" MG ANY);
    const char *log = capture_end();
    assert_true(good);
    assert_non_null(
        strstr(log, "script.lua: two\t2\tnil\ttrue") ? log : strstr(log, "two\\t2\\tnil\\ttrue"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(names_outside_the_sandbox_are_denied),
        alone(names_outside_the_sandbox_are_denied_to_requests_too),
        alone(a_request_is_no_way_into_memory),
        alone(shared_tables_cannot_be_changed_for_others),
        alone(what_a_script_needs_is_there),
        alone(require_looks_beside_the_script_and_loads_once),
        alone(print_goes_to_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
