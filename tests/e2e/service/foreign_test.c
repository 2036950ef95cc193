/* Configurations of other proxies, run as they are: at start, at a reload, watched, kept as the last good one, under another name. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A pool of nutcracker, with a unix socket that is its listener, before real servers. */
struct place {
    const char *path, *socket, *first, *second;
};

static struct place place(const char *name)
{
    const char *folder = program_folder();
    struct place p = {.path = textf("%s/%s", folder, name),
                      .socket = textf("%s/alpha.sock", folder),
                      .first = memcached_address(memcached_start(NULL)),
                      .second = memcached_address(memcached_start(NULL))};
    return p;
}

/* options: lines of the pool, indented by two. */
static const char *pool_at(const struct place *p, const char *server, const char *options)
{
    return textf("alpha:\n  listen: %s\n%s  servers:\n   - %s:1\n", p->socket, options, server);
}

static const char DROPPED[] = "  client_connections: 5\n";

static void a_configuration_is_run_and_its_notes_are_logged_once(void **state)
{
    struct place p = place("nutcracker.conf");
    file_becomes(p.path, pool_at(&p, p.first, DROPPED));
    struct moongate *m = moongate_start(NULL, "--twemproxy", p.path, "-j", "2", NULL);
    struct client *c = client_connects_to(textf("unix:%s", p.socket));
    client_stores_value(c, "k", "v");
    client_gets_value(c, "k", "v");
    has(moongate_log_line(m, "client_connections"), textf("%s:3: ", p.path));
    assert_int_equal(moongate_log_count(m, "client_connections"), 1);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    assert_int_equal(moongate_log_count(m, "client_connections"), 2);
    client_sees_nothing_more(c);
}

/* The same file needs no option: its name ends in .yml. */
static void a_change_is_loaded_and_a_broken_one_is_refused_with_its_place(void **state)
{
    struct place p = place("nutcracker.yml");
    file_becomes(p.path, pool_at(&p, p.first, ""));
    struct moongate *m =
        moongate_start(NULL, p.path, "--watch", "--rehearse", "0", "--probation", "0", NULL);
    const char *address = textf("unix:%s", p.socket);
    struct client *c = client_connects_to(address);
    client_stores_value(c, "k", "first");
    file_becomes(p.path, pool_at(&p, p.first, "  hash: md6\n"));
    moongate_sees_log(m, textf("%s:3: ", p.path));
    client_gets_value(c, "k", "first");
    file_becomes(p.path, pool_at(&p, p.second, ""));
    moongate_sees_log(m, "reloaded: generation 2");
    client_stores_value(c, "k", "second");
    client_gets_value(client_connects_to(textf("%s", p.second)), "k", "second");
    client_gets_value(client_connects_to(textf("%s", p.first)), "k", "first");
    client_sees_nothing_more(c);
}

static void the_last_good_configuration_is_started_with(void **state)
{
    struct place p = place("nutcracker.yml");
    const char *folder = program_folder(), *address = textf("unix:%s", p.socket);
    file_becomes(p.path, pool_at(&p, p.first, DROPPED));
    struct moongate *m = moongate_start(NULL, "--twemproxy", p.path, "--state-dir", folder,
                                        "--probation", "0.05", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    file_becomes(p.path, "alpha:\n  servers: [\n");
    m = moongate_start(NULL, "--twemproxy", p.path, "--state-dir", folder, "--start-with-last-good",
                       NULL);
    moongate_sees_log(m, "the last good one");
    moongate_sees_log(m, "client_connections");
    assert_int_equal(moongate_log_count(m, "client_connections"), 1);
    struct client *c = client_connects_to(address);
    client_stores_value(c, "k", "v");
    client_gets_value(c, "k", "v");
    client_sees_nothing_more(c);
}

/* --- the tools ---------------------------------------------------------------------------------- */

static void a_broken_configuration_is_an_error_everywhere_with_its_place(void **state)
{
    struct place p = place("nutcracker.yml");
    file_becomes(p.path, pool_at(&p, p.first, "  timeout: soon\n"));
    const char *keys = moongate_script_file("k\n");
    const struct run runs[] = {
        moongate_runs("-t", p.path, NULL),
        moongate_runs("-p", "0", p.path, NULL),
        moongate_runs("convert", p.path, NULL),
        moongate_runs("explain", p.path, "get k", NULL),
        moongate_runs("diff", p.path, p.path, "--keys", keys, NULL),
        moongate_runs("convert", "--from", "twemproxy", p.path, NULL),
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_int_equal(runs[i].code, 1);
        has(runs[i].err, textf("%s:3: ", p.path));
    }
}

static void what_is_printed_is_what_runs(void **state)
{
    struct place p = place("nutcracker.yml");
    file_becomes(p.path, pool_at(&p, p.first, DROPPED));
    struct run made = moongate_runs("convert", p.path, NULL);
    assert_int_equal(made.code, 0);
    has(made.err, textf("%s:3: warning: ", p.path));
    const char *script = moongate_script_file(made.out), *keys = moongate_script_file("a\nb\nc\n");
    struct run from = moongate_runs("explain", p.path, "--listener", "alpha", "--keys", keys, NULL);
    struct run to = moongate_runs("explain", script, "--listener", "alpha", "--keys", keys, NULL);
    assert_int_equal(from.code, 0);
    assert_string_equal(from.out, to.out);
    has(from.out, textf("a\talpha\t%s\n", p.first));
    struct run diff = moongate_runs("diff", "--from", "twemproxy", p.path, "--to", "script", script,
                                    "--listener", "alpha", "--keys", keys, NULL);
    assert_int_equal(diff.code, 0);
    has(diff.out, "3 keys: 0 move");
}

static void tests_and_the_prompt_take_configurations(void **state)
{
    struct place p = place("nutcracker.yml");
    file_becomes(p.path, pool_at(&p, p.first, ""));
    struct run run =
        shell_runs(textf("echo 'get k' | \"$MOONGATE\" repl --fake --listener alpha '%s'", p.path));
    exits(run, 0);
    has(run.out, textf("%s <- get k", p.first));
    const char *test = textf("%s/pool_test.lua", program_folder());
    file_becomes(test, textf("local t = require 'moongate.test'\n"
                             "t.it('places a key', function()\n"
                             "    local app = t.load '%s'\n"
                             "    local c = app:client { listener = 'alpha' }\n"
                             "    t.expect(c:set('k', 'v')):is 'STORED\\r\\n'\n"
                             "    t.expect(c:get 'k'):is_hit 'v'\n"
                             "end)\n",
                             p.path));
    run = moongate_runs("test", test, NULL);
    if (run.code != 0) stage_fails("%s%s", run.out, run.err);
}

/* Else each key would be refused on both sides, and none would move. */
static void keys_are_asked_for_at_a_listener(void **state)
{
    const char *two = textf("%s/two.yml", program_folder()), *keys = moongate_script_file("k\n");
    file_becomes(two, "a:\n  listen: 127.0.0.1:1\n  servers:\n   - 127.0.0.1:11:1\n"
                      "b:\n  listen: 127.0.0.1:2\n  servers:\n   - 127.0.0.1:12:1\n");
    const char *advice = textf("%s: each listener has a route of its own: give one with "
                               "--listener: a, b\n",
                               two);
    struct run run = moongate_runs("diff", two, two, "--keys", keys, NULL);
    exits(run, 1);
    has(run.err, advice);
    has(moongate_runs("explain", two, "get k", NULL).err, advice);
    run = moongate_runs("explain", two, "--listener", "c", "get k", NULL);
    exits(run, 1);
    has(run.err, "there is no listener 'c': give one with --listener: a, b\n");
    has(moongate_runs("explain", two, "--listener", "127.0.0.1:2", "get k", NULL).out, "pool b");
    has(moongate_runs("diff", two, two, "--listener", "a", "--keys", keys, NULL).out, "0 move");
}

/* A .lua file is never taken for another proxy's by the daemon, whatever it looks like. */
static void routelib_is_run_by_its_option_alone(void **state)
{
    const char *path = moongate_script_file("pools{ p = { backends = { '127.0.0.1:11' } } }\n"
                                            "routes{ default = route_direct{ child = 'p' } }\n");
    struct run run = moongate_runs("-t", path, NULL);
    exits(run, 1);
    has(run.err, "global 'pools' is not defined");
    has(run.err, textf("%s is a configuration of routelib: give it with --routelib", path));
    exits(moongate_runs("-t", "--routelib", path, NULL), 0);
    has(moongate_runs("explain", path, "get k", NULL).out, "127.0.0.1:11");
    exits(moongate_runs("explain", "--from", "script", path, "get k", NULL), 1);
    run = moongate_runs("-t", moongate_script_file("mcp.attach(mcp.CMD_GET, f)\n"), NULL);
    exits(run, 1);
    has(run.err, "'moongate convert' says what its functions are here");
}

static void what_is_no_configuration_is_not_converted(void **state)
{
    struct run run = moongate_runs("convert", moongate_script_file(MG "return mg.null()\n"), NULL);
    assert_int_equal(run.code, 1);
    has(run.err, "--from");
    assert_int_equal(moongate_runs("convert", "/nonexistent", NULL).code, 1);
    assert_int_equal(moongate_runs("convert", NULL).code, 2);
    assert_int_equal(moongate_runs("convert", "a", "b", NULL).code, 2);
    run = moongate_runs("convert", moongate_script_file("mcp.attach(mcp.CMD_GET, f)\n"), NULL);
    assert_int_equal(run.code, 1);
    has(run.out, "-- mcp.attach, line 1\n--     mg.by_command");
}

static void one_of_them_is_given_at_a_time(void **state)
{
    static const char *const pairs[][4] = {{"--twemproxy", "a", "--mcrouter", "b"},
                                           {"--twemproxy", "a", "--servers", "h:1"},
                                           {"--routelib", "a", "--mcrouter-text", "{}"},
                                           {"--mcrouter-text", "{}", "--watch", "-v"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct run run = moongate_runs(pairs[i][0], pairs[i][1], pairs[i][2], pairs[i][3], NULL);
        assert_int_equal(run.code, 2);
        has(run.err, "give one of them");
    }
    assert_int_equal(moongate_runs("--twemproxy", "a", "script.lua", NULL).code, 2);
}

/* --- under another name ------------------------------------------------------------------------- */

static struct run runs(const char *program, const char *flags)
{
    return shell_runs(textf("'%s' %s", program, flags));
}

static void nutcrackers_flags_start_it(void **state)
{
    struct place p = place("nutcracker.yml");
    const char *pid_file = textf("%s/pid", program_folder()),
               *stats = textf("%d", address_free_port());
    file_becomes(p.path, pool_at(&p, p.first, ""));
    struct moongate *m = moongate_start_as(moongate_called("nutcracker"), "-c", p.path, "-p",
                                           pid_file, "-s", stats, "-m", "16384", "-v", "6", NULL);
    moongate_sees_log(m, "called as nutcracker: --mbuf-size: ");
    struct client *c = client_connects_to(textf("unix:%s", p.socket));
    client_stores_value(c, "k", "v");
    client_gets_value(c, "k", "v");
    client_sees_line_starting(client_connects_to(textf("127.0.0.1:%s", stats)),
                              "{\"service\":\"nutcracker\",");
    assert_int_equal(access(pid_file, R_OK), 0);
    client_sees_nothing_more(c);
}

static void nutcrackers_check_says_what_is_wrong(void **state)
{
    struct place p = place("nutcracker.yml");
    const char *nutcracker = moongate_called("nutcracker");
    file_becomes(p.path, pool_at(&p, p.first, ""));
    struct run run = runs(nutcracker, textf("-t -c %s", p.path));
    exits(run, 0);
    has(run.err, textf("nutcracker: configuration file '%s' syntax is ok\n", p.path));
    file_becomes(p.path, pool_at(&p, p.first, "  hash_tag: {}\n"));
    run = runs(nutcracker, textf("--test-conf -c %s", p.path));
    exits(run, 1);
    has(run.err, textf("%s:3: ", p.path));
    exits(runs(nutcracker, "-x"), 2);
    has(runs(nutcracker, "-V").out, "called as nutcracker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_configuration_is_run_and_its_notes_are_logged_once),
        play(a_change_is_loaded_and_a_broken_one_is_refused_with_its_place),
        play(the_last_good_configuration_is_started_with),
        play(a_broken_configuration_is_an_error_everywhere_with_its_place),
        play(what_is_printed_is_what_runs),
        play(tests_and_the_prompt_take_configurations),
        play(keys_are_asked_for_at_a_listener),
        play(routelib_is_run_by_its_option_alone),
        play(what_is_no_configuration_is_not_converted),
        play(one_of_them_is_given_at_a_time),
        play(nutcrackers_flags_start_it),
        play(nutcrackers_check_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
