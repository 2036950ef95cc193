/* What a script cannot reach: each name is tried while the script loads, and again for a
 * request. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

/* Lua expressions that must be nil, false or an error. */
static const char *const forbidden[] = {
    "require 'ffi'",
    "package.loaded.ffi",
    "package.preload.ffi",
    "package.loadlib",
    "package.loaders",
    "io",
    "io.open('/etc/passwd')",
    "require 'io'",
    "package.loaded.io",
    "os.execute",
    "os.exit",
    "os.remove",
    "os.rename",
    "os.setlocale",
    "os.tmpname",
    "debug",
    "require 'debug'",
    "package.loaded.debug",
    "_G.io",
    "_G.debug",
    "_G.ffi",
    "getfenv(0).io",
    "getfenv(1).io",
    "string.dump",
    "loadstring('\\27LJ\\2\\0')",
    "load(function() return nil end, 'x', 'b') and false",
    "loadstring(('').dump and string.dump(function() end) or '\\27Lua')",
    "require 'jit.util'",
    "require 'moongate.abi'.C",
    "require 'moongate.abi'.ffi",
    "io.popen",
    "setfenv(1, {})",
    "getfenv(print)",
    "collectgarbage",
    "rawget(_G, 'package')",
    "rawget(_G, 'debug')",
    "getmetatable('').__index",
    "rawset(getmetatable(''), '__index', {})",
    "load('return io', 'x', 't', _G)()",
    "coroutine.wrap(function() return io end)()",
    "require 'moongate.timer'",
    "mg.timer.every(1, print).number",
    "getmetatable(mg.worker).__index",
    "undefined_name",
};

static void forbidden_names_are_out_of_reach_while_loading(void **state)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        const char *script = textf(MG "local ok, got = pcall(function() return %s end)\n"
                                      "if ok and got then error 'WITHIN REACH' end\n"
                                      "return mg.pool { '127.0.0.1:1' }\n",
                                   forbidden[i]);
        struct run run = moongate_runs("-t", moongate_script_file(script), NULL);
        if (run.code != 0) stage_fails("%s: exit %d, %s", forbidden[i], run.code, run.err);
    }
}

static void forbidden_names_are_out_of_reach_for_a_request(void **state)
{
    struct octets body = {0};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        const char *one =
            textf("  ok, got = pcall(function() return %s end)\n"
                  "  if ok and got then return mg.reply.error('WITHIN REACH: %zu') end\n",
                  forbidden[i], i);
        octets_add(&body, one, strlen(one));
    }
    const char *script =
        textf(MG "return function(req)\n  local ok, got\n%s  return mg.reply.miss()\nend\n",
              octets_at(&body));
    octets_release(&body);
    struct client *c = client_connects(moongate_start(script, NULL));
    client_sends(c, "get k\r\n");
    client_sees(c, "END\r\n");
}

static void globals_cannot_be_written(void **state)
{
    struct moongate *m = moongate_start(MG "return function(req)\n"
                                           "  if req.key == 'write' then counter = 1 end\n"
                                           "  if req.key == 'read' then return counter end\n"
                                           "  return mg.reply.miss()\n"
                                           "end\n",
                                        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get write\r\nget read\r\nget good\r\n");
    client_sees(c, "SERVER_ERROR script error\r\nSERVER_ERROR script error\r\nEND\r\n");
    moongate_sees_log(m, "counter");
}

static void a_script_cannot_end_its_worker(void **state)
{
    struct moongate *m = moongate_start(
        MG "return function(req)\n"
           "  if req.key == 'exit' then os.exit(1) end\n"
           "  if req.key == 'deep' then\n"
           "    local function f(n) return f(n + 1) + 1 end\n"
           "    return f(1)\n"
           "  end\n"
           "  if req.key == 'long' then return mg.reply.error(('x'):rep(10000)) end\n"
           "  if req.key == 'meta' then getmetatable('').__index = nil end\n"
           "  return mg.reply.miss()\n"
           "end\n",
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get exit\r\nget deep\r\n");
    client_sees(c, "SERVER_ERROR script error\r\nSERVER_ERROR script error\r\n");
    client_sends(c, "get long\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_sends(c, "get meta\r\n");
    client_sees_line(c);
    client_sees_nothing_more(c);
    assert_int_equal(moongate_log_count(m, "gone:"), 0);
}

static void bytecode_is_refused(void **state)
{
    const char *path = moongate_script_file("");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("\033LJ\002\n\002", file);
    fclose(file);
    struct run run = moongate_runs("-t", path, NULL);
    assert_int_equal(run.code, 1);
    assert_non_null(strstr(run.err, "script.lua"));
}

/* --- --unsafe-lua ------------------------------------------------------------------------------ */

/* Answers with a file's text, and has read another one while it was loaded. */
static const char *reader(const char *path)
{
    return textf(MG "local seen = assert(io.open('%s')):read '*l'\n"
                    "local nobody = mg.pool { '127.0.0.1:1' }\n"
                    "return function(req)\n"
                    "  if req.key == 'far' then return nobody end\n"
                    "  return mg.reply.value(seen .. ' ' .. assert(io.open '%s'):read '*l')\n"
                    "end\n",
                 path, path);
}

static void unsafe_scripts_reach_files(void **state)
{
    struct moongate *m =
        moongate_start(reader(moongate_script_file("word\n")), "--unsafe-lua", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "VALUE k 0 9\r\nword word\r\nEND\r\n");
    moongate_reloads(m, reader(moongate_script_file("other\n")));
    client_sends(c, "get k\r\nstats settings\r\n");
    client_sees(c, "VALUE k 0 11\r\nother other\r\nEND\r\n");
    while (strcmp(client_sees_line(c), "STAT unsafe_lua yes") != 0) {
    }
}

static void a_request_that_asks_for_what_is_denied_is_told_in_the_log(void **state)
{
    struct moongate *m = moongate_start(
        MG "return function(req) return mg.reply.value(io.open(req.key):read '*l') end\n", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    moongate_sees_log(m, "script.lua:2: io is not for scripts: start moongate with --unsafe-lua");
}

/* A command that runs a script; %s: where --unsafe-lua goes. */
static void both_ways(const char *command, const char *said)
{
    const char *at = strstr(command, "%s");
    for (int is_unsafe = 0; is_unsafe < 2; is_unsafe++) {
        struct run run = shell_runs(textf("%.*s%s%s", (int)(at - command), command,
                                          is_unsafe ? "--unsafe-lua" : "", at + strlen("%s")));
        if ((run.code == 0) != is_unsafe)
            stage_fails("%s: exit %d: %s%s", command, run.code, run.out, run.err);
        const char *wanted =
            is_unsafe ? said : "is not for scripts: start moongate with --unsafe-lua";
        if (!strstr(run.out, wanted) && !strstr(run.err, wanted))
            stage_fails("%s: %s%s", command, run.out, run.err);
    }
}

static void every_command_that_runs_scripts_has_the_option(void **state)
{
    const char *word = moongate_script_file("word\n"), *script = moongate_script_file(reader(word));
    const char *keys = moongate_script_file("far\n");
    const char *test = moongate_script_file(
        textf("local t = require 'moongate.test'\n"
              "t.it('reads', function()\n"
              "  t.expect(t.load('%s'):get 'k'):is_hit 'word word'\n"
              "  t.expect(t.load_text(assert(io.open '%s'):read '*a'):get 'k'):is_hit 'word word'\n"
              "end)\n",
              script, script));
    both_ways(textf("$MOONGATE -t %%s %s", script), "route: a function");
    both_ways(textf("$MOONGATE explain %%s %s 'get far'", script), "server        127.0.0.1:1");
    both_ways(textf("$MOONGATE diff %%s %s %s --keys %s", script, script, keys), "1 keys: 0 move");
    both_ways(textf("$MOONGATE test %%s %s", test), "1 passed, 0 failed");
    both_ways(textf("echo 'get k' | $MOONGATE repl --fake %%s %s", script), "word word");
    both_ways(textf("echo '= io.type(io.stdout)' | $MOONGATE repl --fake %%s %s", script),
              "\"file\"");
}

/* A test's own file is confined as a script is. */
static void a_test_reaches_files_with_the_option_alone(void **state)
{
    const char *test = moongate_script_file("local t = require 'moongate.test'\n"
                                            "t.it('reads', function()\n"
                                            "  t.expect(io.open('/dev/null'):read '*a'):equals ''\n"
                                            "end)\n");
    both_ways(textf("$MOONGATE test %%s %s", test), "1 passed, 0 failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(forbidden_names_are_out_of_reach_while_loading),
        play(forbidden_names_are_out_of_reach_for_a_request),
        play(globals_cannot_be_written),
        play(a_script_cannot_end_its_worker),
        play(bytecode_is_refused),
        play(unsafe_scripts_reach_files),
        play(a_request_that_asks_for_what_is_denied_is_told_in_the_log),
        play(every_command_that_runs_scripts_has_the_option),
        play(a_test_reaches_files_with_the_option_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
