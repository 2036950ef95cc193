/* `moongate test`: what it prints and exits with; tests that fail, do not load, or never end. */
#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <string.h>

enum { OK = 0, BAD = 1, USAGE = 2 };

#define T    "local t = require 'moongate.test'\n"
#define POOL MG "return mg.pool { '10.0.0.1:11211', name = 'only' }\n"
#define LOAD "local app = t.load 'route.lua'\n"

static const char *folder; /* of the test's files */

static const char *file(const char *name, const char *text)
{
    const char *path = textf("%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) stage_fails("%s cannot be written", path);
    return path;
}

static const char TWO[] = T "t.describe('keys', function()\n"
                            "  t.it('are kept', function()\n"
                            "    " LOAD "    app:set('k', 'v')\n"
                            "    t.expect(app:get 'k'):is_hit 'v'\n"
                            "  end)\n"
                            "  t.it('are gone in the next test', function()\n"
                            "    " LOAD "    t.expect(app:get 'k'):is_miss()\n"
                            "  end)\n"
                            "end)\n";

static void tests_that_pass_exit_with_0(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *path = file("route_test.lua", TWO);
    struct run run = moongate_runs("test", path, NULL);
    exits(run, OK);
    is_said(run.out, textf("%s\n  ok    keys are kept\n  ok    keys are gone in the next test\n"
                           "2 passed, 0 failed\n",
                           path));
    is_said(run.err, "");
}

static void a_failure_says_what_came_and_which_way_it_took(void **state)
{
    folder = program_folder();
    const char *route = file("route.lua", MG "local only = mg.pool { '10.0.0.1:11211' }\n"
                                             "return function(req)\n"
                                             "  if req:has_prefix 'bad' then error 'mine' end\n"
                                             "  return only\n"
                                             "end\n");
    const char *path =
        file("route_test.lua", T "t.it('one', function()\n"
                                 "  " LOAD "  t.expect(app:get 'k'):is_hit 'v'\n"
                                 "end)\n"
                                 "t.it('two', function()\n"
                                 "  " LOAD "  t.expect(app:get 'bad'):is_miss()\n"
                                 "end)\n"
                                 "t.it('three', function() error 'of the test' end)\n"
                                 "t.it('four', function()\n"
                                 "  " LOAD "  t.expect(app:get 'a\\1\\tb'):is_hit 'v'\n"
                                 "end)\n");
    struct run run = moongate_runs("test", path, NULL);
    exits(run, BAD);
    has(run.out, textf("  FAIL  one\n        %s:4: expected a hit, not a miss (\"END\")\n", path));
    has(run.out, "          asked     get k\n          came      \"END\\r\\n\"\n");
    has(run.out, textf("          route     function at %s:3 -> pool pool1\n", route));
    has(run.out, "          sent      10.0.0.1:11211 <- get k\n"
                 "                    10.0.0.1:11211 -> \"END\\r\\n\"\n");
    has(run.out, textf("          error     %s:4: mine\n", route));
    has(run.out, textf("        logged:\n        error: script %s: %s:4: mine\n", route, route));
    has(run.out, textf("  FAIL  three\n        %s:10: of the test\n", path));
    has(run.out, "          asked     get a\\x01\\x09b\n");
    has(run.out, "          sent      10.0.0.1:11211 <- get a\\x01\\x09b\n");
    has(run.out, "\n0 passed, 4 failed\n");
}

/* Tests see what clients ask, and with --wire what a server gets. */
static void what_a_server_really_gets_is_shown_when_asked_for(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *path = file("route_test.lua", T "t.it('is sent', function()\n"
                                                "  " LOAD "  app:set('k', 'v')\n"
                                                "  t.expect(app:get 'k'):is_hit 'v'\n"
                                                "  print(app.sent[2].line)\n"
                                                "end)\n");
    struct run run = moongate_runs("test", path, NULL);
    exits(run, OK);
    has(run.out, "get k\n");
    run = moongate_runs("test", "--wire", path, NULL);
    exits(run, OK);
    has(run.out, "mg k v f c k\n");
}

static void tap_is_for_programs(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *path =
        file("route_test.lua", T "t.it('works # well', function() print('hello', 1) end)\n"
                                 "t.it 'is to come'\n"
                                 "t.it('fails', function() t.expect(1):equals(2) end)\n");
    struct run run = moongate_runs("test", "--tap", path, NULL);
    exits(run, BAD);
    is_said(run.out, textf("# %s\n"
                           "# hello\t1\n"
                           "ok 1 - works \\# well\n"
                           "ok 2 - is to come # SKIP\n"
                           "not ok 3 - fails\n"
                           "#   %s:4: expected 2, not 1\n"
                           "1..3\n",
                           path, path));
}

static void a_filter_leaves_out_what_has_not_its_text(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *path = file("route_test.lua", TWO);
    struct run run = moongate_runs("test", "--filter", "next", path, NULL);
    exits(run, OK);
    is_said(run.out,
            textf("%s\n  ok    keys are gone in the next test\n1 passed, 0 failed\n", path));
    exits(moongate_runs("test", "--filter", "keys are", path, NULL), OK);
    run = moongate_runs("test", "--filter=k.ys", path, NULL);
    exits(run, BAD);
    has(run.err, "no test's name has 'k.ys' in it");
}

static void a_broken_file_fails_and_the_others_run(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *broken = file("a_test.lua", T "t.it('never', function( end)\n");
    const char *raising = file("b_test.lua", T "t.it('x', function() end)\nlocal x = nil + 1\n");
    file("c_test.lua", TWO);
    file("not_a_test_file.lua", "error 'not run'\n");
    struct run run = moongate_runs("test", folder, NULL);
    exits(run, BAD);
    has(run.out, textf("%s\n  FAIL  %s\n        %s:2: ", broken, broken, broken));
    has(run.out, textf("        %s:3: attempt to perform arithmetic on a nil value\n", raising));
    has(run.out, "\n2 passed, 2 failed\n");
    has_not(run.out, "not_a_test_file");
    has_not(run.out, "FAIL  x");
}

static void folders_are_searched_to_their_ground_in_order(void **state)
{
    folder = program_folder();
    shell_runs(textf("mkdir -p %s/b/deep", folder));
    file("b/deep/z_test.lua", T "t.it('z', function() end)\n");
    file("c_test.lua", T "t.it('c', function() end)\n");
    file("a_test.lua", T "t.it('a', function() end)\n");
    struct run run = moongate_runs("test", folder, NULL);
    exits(run, OK);
    is_said(run.out, textf("%s/a_test.lua\n  ok    a\n%s/b/deep/z_test.lua\n  ok    z\n"
                           "%s/c_test.lua\n  ok    c\n3 passed, 0 failed\n",
                           folder, folder, folder));
}

/* In the test and in the script, compiled and not. */
static void what_never_ends_is_stopped_and_the_next_goes_on(void **state)
{
    folder = program_folder();
    file("route.lua", MG "local only = mg.pool { '10.0.0.1:11211' }\n"
                         "return function(req)\n"
                         "  while req:has_prefix 'loop' do end\n"
                         "  return only\n"
                         "end\n");
    const char *path =
        file("route_test.lua",
             T "t.it('one', function() end)\n"
               "t.it('turns', function() while true do end end)\n"
               "t.it('two', function() end)\n"
               "t.it('routes', function() " LOAD " app:get 'loop' end)\n"
               "t.it('three', function() " LOAD " t.expect(app:get 'k'):is_miss() end)\n");
    for (int i = 0; i < 2; i++) {
        struct run run =
            moongate_runs("test", "--timeout", "0.3", path, i ? "--no-jit" : NULL, NULL);
        exits(run, BAD);
        is_said(run.out,
                textf("%s\n  ok    one\n"
                      "  FAIL  turns\n        no end within 0.3 s: an endless loop? (--timeout)\n"
                      "  ok    two\n"
                      "  FAIL  routes\n        no end within 0.3 s: an endless loop? (--timeout)\n"
                      "  ok    three\n"
                      "3 passed, 2 failed\n",
                      path));
    }
}

static void a_file_that_never_ends_to_load_is_stopped(void **state)
{
    folder = program_folder();
    const char *path = file("loop_test.lua", "while true do end\n");
    struct run run = moongate_runs("test", "--timeout", "0.2", path, NULL);
    exits(run, BAD);
    has(run.out, textf("  FAIL  %s\n        no end within 0.2 s", path));
    has(run.out, "0 passed, 1 failed\n");
}

static void what_kills_the_process_costs_one_test(void **state)
{
    folder = program_folder();
    file("route.lua", POOL);
    const char *path =
        file("kill_test.lua",
             T "t.it('dies', function() print 'now' while true do end end)\n"
               "t.it('lives', function() " LOAD " t.expect(app:get 'k'):is_miss() end)\n");
    struct run run = shell_runs(textf(
        "cd %s; $MOONGATE test %s >out & tests=$!\n"
        "until grep -q now out; do :; done\n"
        "child=$(grep -l \"^PPid:[[:space:]]*$tests\\$\" /proc/[0-9]*/status 2>&- | tr -dc 0-9)\n"
        "kill -9 $child; wait $tests; code=$?; cat out; exit $code\n",
        folder, path));
    exits(run, BAD);
    has(run.out, "  FAIL  dies\n        moongate itself ended: signal 9\n");
    has(run.out, "  ok    lives\n1 passed, 1 failed\n");
}

static void tests_have_no_files_and_no_processes(void **state)
{
    folder = program_folder();
    const char *path =
        file("box_test.lua",
             T "for _, name in ipairs { 'io', 'debug', 'package', 'loadfile' } do\n"
               "  t.it(name, function()\n"
               "    t.expect(function() return _G[name] end):raises '--unsafe-lua'\n"
               "  end)\n"
               "end\n"
               "t.it('require', function()\n"
               "  t.expect(function() require 'ffi' end):raises '--unsafe-lua'\n"
               "  t.expect(function() require 'moongate.stage' end):raises 'does not load'\n"
               "  t.expect(require 'helper'):equals('helped')\n"
               "  t.expect(function() return os.execute end):raises '--unsafe-lua'\n"
               "end)\n");
    file("helper.lua", "return 'helped'\n");
    exits(moongate_runs("test", path, NULL), OK);
}

static void the_log_is_shown_when_asked_for(void **state)
{
    folder = program_folder();
    file("route.lua", MG "print 'the script speaks'\n return mg.pool { '10.0.0.1:11211' }\n");
    const char *path = file("route_test.lua", TWO);
    is_said(moongate_runs("test", path, NULL).err, "");
    has(moongate_runs("test", "-v", path, NULL).err, "route.lua: the script speaks\n");
}

static void a_misuse_says_what_to_do(void **state)
{
    folder = program_folder();
    struct run run = moongate_runs("test", NULL);
    exits(run, USAGE);
    has(run.err, "nothing to test: give files, or folders with *_test.lua\n");
    run = moongate_runs("test", "/nowhere/at_all", NULL);
    exits(run, BAD);
    has(run.err, "/nowhere/at_all: No such file or directory: give test files");
    run = moongate_runs("test", folder, NULL);
    exits(run, BAD);
    has(run.err, "no tests: their files are called SOMETHING_test.lua\n");
    const char *path = file("empty_test.lua", T);
    run = moongate_runs("test", path, NULL);
    exits(run, BAD);
    has(run.err, textf("moongate: %s: no test: a test is t.it(", path));
    path = file("route.lua", POOL);
    run = moongate_runs("test", path, NULL);
    exits(run, BAD);
    has(run.out, "route.lua:1: this is a script, not a test: load it in a test, with t.load");
    exits(moongate_runs("test", "--bogus", NULL), USAGE);
    run = moongate_runs("help", "test", NULL);
    exits(run, OK);
    has(run.out, "--filter TEXT");
    has(run.out, "--timeout SECONDS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(tests_that_pass_exit_with_0),
        play(a_failure_says_what_came_and_which_way_it_took),
        play(what_a_server_really_gets_is_shown_when_asked_for),
        play(tap_is_for_programs),
        play(a_filter_leaves_out_what_has_not_its_text),
        play(a_broken_file_fails_and_the_others_run),
        play(folders_are_searched_to_their_ground_in_order),
        play(what_never_ends_is_stopped_and_the_next_goes_on),
        play(a_file_that_never_ends_to_load_is_stopped),
        play(what_kills_the_process_costs_one_test),
        play(tests_have_no_files_and_no_processes),
        play(the_log_is_shown_when_asked_for),
        play(a_misuse_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
