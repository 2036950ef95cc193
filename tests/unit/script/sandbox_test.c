/* sandbox: what a script can reach, and what it cannot. */
#include "unit/script/script_host.h"

#include <lauxlib.h>
#include <lualib.h>

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
    "require 'moongate.store'",
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

static void modules_that_require_each_other_are_named(void **state)
{
    write_text("one.lua", "return require 'two'\n");
    write_text("two.lua", "\nreturn require 'one'\n");
    fails(MG "return require 'one'\n", "two.lua:2:", "module 'one' requires itself");
    load(MG "pcall(require, 'one')\n" ANY);
    write_text("two.lua", "return { '127.0.0.1:1' }\n");
    load(MG "return mg.pool(require 'one')\n");
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

/* --- all of Lua's names ------------------------------------------------------------------------ */

/* What scripts have of Lua, apart from all of its libraries below; whatever else Lua has is denied. */
static const char *const scripts_have[] = {
    "_G",       "_VERSION", "assert",  "bit",    "coroutine",  "error",        "getmetatable",
    "ipairs",   "load",     "math",    "next",   "loadstring", "os",           "os.clock",
    "os.date",  "os.time",  "pairs",   "pcall",  "print",      "os.difftime",  "rawequal",
    "rawget",   "rawset",   "require", "select", "string",     "setmetatable", "table",
    "tonumber", "tostring", "type",    "unpack", "xpcall",
};
static const char *const whole_libraries[] = {"bit.", "coroutine.", "math.", "string.", "table."};

static bool scripts_may_have(const char *name)
{
    if (strcmp(name, "string.dump") == 0) return false;
    for (size_t i = 0; i < COUNT(whole_libraries); i++)
        if (strncmp(name, whole_libraries[i], strlen(whole_libraries[i])) == 0) return true;
    for (size_t i = 0; i < COUNT(scripts_have); i++)
        if (strcmp(name, scripts_have[i]) == 0) return true;
    return false;
}

/* Calls `check` with each name that a fresh state of Lua has, "io", "io.open", "require 'ffi'", and its type there. */
static void for_each_name_of_lua(void (*check)(const char *name, const char *type))
{
    static const char LIST[] =
        "local all = {}\n"
        "local function add(name, value) all[#all + 1] = name all[#all + 1] = type(value) end\n"
        "for name, value in pairs(_G) do\n"
        "  add(name, value)\n"
        "  if type(value) == 'table' and value ~= _G then\n"
        "    for key, of in pairs(value) do add(name .. '.' .. key, of) end\n"
        "  end\n"
        "end\n"
        "local modules = {}\n"
        "for name in pairs(package.loaded) do modules[name] = true end\n"
        "for name in pairs(package.preload) do modules[name] = true end\n"
        "for name in pairs(modules) do add((\"require '%s'\"):format(name), require(name)) end\n"
        "return all\n";
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, LIST), 0); /* [all] */
    int n = (int)lua_objlen(L, 1);
    assert_true(n > 2 * 150); /* Debian's LuaJIT has some more */
    for (int i = 1; i < n; i += 2) {
        lua_rawgeti(L, 1, i);
        lua_rawgeti(L, 1, i + 1); /* [all, name, type] */
        check(lua_tostring(L, 2), lua_tostring(L, 3));
        lua_settop(L, 1);
    }
    lua_close(L);
}

static void is_there_or_says_what_to_do(const char *name, const char *type)
{
    char text[512];
    if (scripts_may_have(name))
        snprintf(text, sizeof text, MG "assert(type(%s) == '%s')\n" ANY, name, type);
    else
        snprintf(text, sizeof text,
                 MG
                 "local good, why = pcall(function() return %s end)\n"
                 "if good then error('within reach: ' .. tostring(why)) end\n"
                 "local place = why:match '^(%%S*script.lua:2): '\n"
                 "if not place or not why:find('--unsafe-lua', 1, true) then error(why) end\n" ANY,
                 name);
    if (!loads(text)) fail_msg("%s: %s", name, w.error);
}

static void each_name_of_lua_is_there_or_its_error_says_what_to_do(void **state)
{
    for_each_name_of_lua(is_there_or_says_what_to_do);
    fails(MG "return os.getenv 'X'\n", "script.lua:2:", "mg.env");
    fails(MG "return ('').dump(print)\n", "script.lua:2:", "--unsafe-lua");
    fails(MG "return require 'socket'\n", "script.lua:2:", "--unsafe-lua");
}

/* --- with --unsafe-lua ------------------------------------------------------------------------- */

static void is_there(const char *name, const char *type)
{
    char text[512];
    snprintf(text, sizeof text, MG "assert(type(%s) == '%s', type(%s))\n" ANY, name, type, name);
    if (!loads(text)) fail_msg("%s: %s", name, w.error);
}

static void unsafe_each_name_of_lua_is_there(void **state)
{
    w.host.unsafe = true;
    for_each_name_of_lua(is_there);
}

static void unsafe_what_is_there_works(void **state)
{
    static const char *const works[] = {
        "local f = assert(io.open(dir .. '/file', 'w')) f:write 'x = 1' f:close()\n"
        "assert(io.open(dir .. '/file'):read '*a' == 'x = 1')",
        "assert(io.popen('echo hello'):read '*l' == 'hello')",
        "assert(os.execute 'true' == 0 and os.execute 'false' ~= 0)",
        "assert(os.getenv 'PATH' and os.tmpname and os.rename and os.remove)",
        "local ffi = require 'ffi' ffi.cdef 'int getpid(void);' assert(ffi.C.getpid() > 0)",
        "assert(debug.getinfo(1, 'S').short_src:find 'script.lua')",
        "assert(require 'jit.util'.funcinfo and require 'table.new'(1, 1))",
        "assert(loadstring(string.dump(function() return 7 end))() == 7)",
        "assert(loadstring(('').dump(function() return 8 end))() == 8)",
        "local n = 0\nassert(load(function() n = n + 1 return n == 1 and 'return 9' or nil end)() "
        "== 9)",
        "assert(load('return y', '=y', 't', { y = 3 })() == 3)",
        "assert(getfenv(1) == _G and setfenv(function() return z end, { z = 4 })() == 4)",
        "function string.twice(s) return s .. s end\nassert(('ab'):twice() == 'abab')",
        "assert(collectgarbage 'count' > 0 and gcinfo() > 0 and newproxy())",
        "package.path = dir .. '/?.path' local f = io.open(dir .. '/from.path', 'w') f:write "
        "'return 5' "
        "f:close()\n"
        "assert(require 'from' == 5)",
        "rawset(_G, 'shown', 6) assert(load 'return shown'() == 6)\n"
        "local f = io.open(dir .. '/shown.txt', 'w') f:write 'return shown' f:close()\n"
        "assert(loadfile(dir .. '/shown.txt')() == 6 and dofile(dir .. '/shown.txt') == 6)",
        "assert(require 'moongate' == mg and getmetatable(_G).__index)",
        "setmetatable(_G, nil)\nassert(undefined_name == nil)",
    };
    char text[1024];
    w.host.unsafe = true;
    for (size_t i = 0; i < COUNT(works); i++) {
        snprintf(text, sizeof text, MG "local dir = '%s'\n%s\n" ANY, w.dir, works[i]);
        if (!loads(text)) fail_msg("%s: %s", works[i], w.error);
    }
}

/* What has to do with mistakes, not with trust, is as without it. */
static void unsafe_scripts_are_text_and_their_globals_defined(void **state)
{
    w.host.unsafe = true;
    fails(MG "mg.pool = 5\n", "script.lua:2:", "mg is read-only");
    fails(MG "return undefined_name\n", "script.lua:2:", "global 'undefined_name' is not defined");
    fails(MG "wild = 1\n", "script.lua:2:", "global 'wild' is not defined");
    fails(MG "return require 'nowhere'\n", "script.lua:2:", "nowhere.so");
    fails(MG "return require '../nowhere'\n", "script.lua:2:", "nowhere");
    fails(MG "return dofile 'nowhere.lua'\n", "script.lua:2:", "nowhere.lua");
    assert_false(loads("\033LJ\002\n\002"));
    assert_non_null(strstr(w.error, "bytecode is not loaded"));
    write_text("ffi.lua", "return 'beside'\n");
    load(MG "assert(require 'ffi' == 'beside')\n" ANY);
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
        alone(modules_that_require_each_other_are_named),
        alone(print_goes_to_the_log),
        alone(each_name_of_lua_is_there_or_its_error_says_what_to_do),
        alone(unsafe_each_name_of_lua_is_there),
        alone(unsafe_what_is_there_works),
        alone(unsafe_scripts_are_text_and_their_globals_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
