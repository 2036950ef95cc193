/* Configurations of other proxies, run as they are: at start, at a reload, watched, kept as the last good one, under another name. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

static void file_is(const char *path, const char *text)
{
    const char *fresh = textf("%s.new", path);
    FILE *file = fopen(fresh, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(fresh, path) != 0)
        stage_fails("cannot write %s", path);
}

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

static void stores(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(value), value));
    client_sees(c, "STORED\r\n");
}

static void finds(struct client *c, const char *key, const char *value)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, hit_and_end(key, value));
}

static const char DROPPED[] = "  client_connections: 5\n";

static void a_configuration_is_run_and_its_notes_are_logged_once(void **state)
{
    struct place p = place("nutcracker.conf");
    file_is(p.path, pool_at(&p, p.first, DROPPED));
    struct moongate *m = moongate_start(NULL, "--twemproxy", p.path, "-j", "2", NULL);
    struct client *c = client_connects_to(textf("unix:%s", p.socket));
    stores(c, "k", "v");
    finds(c, "k", "v");
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
    file_is(p.path, pool_at(&p, p.first, ""));
    struct moongate *m =
        moongate_start(NULL, p.path, "--watch", "--rehearse", "0", "--probation", "0", NULL);
    const char *address = textf("unix:%s", p.socket);
    struct client *c = client_connects_to(address);
    stores(c, "k", "first");
    file_is(p.path, pool_at(&p, p.first, "  hash: md6\n"));
    moongate_sees_log(m, textf("%s:3: ", p.path));
    finds(c, "k", "first");
    file_is(p.path, pool_at(&p, p.second, ""));
    moongate_sees_log(m, "reloaded: generation 2");
    stores(c, "k", "second");
    finds(client_connects_to(textf("%s", p.second)), "k", "second");
    finds(client_connects_to(textf("%s", p.first)), "k", "first");
    client_sees_nothing_more(c);
}

/* --- the tools ---------------------------------------------------------------------------------- */

static void a_broken_configuration_is_an_error_everywhere_with_its_place(void **state)
{
    struct place p = place("nutcracker.yml");
    file_is(p.path, pool_at(&p, p.first, "  timeout: soon\n"));
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
    file_is(p.path, pool_at(&p, p.first, DROPPED));
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

static const char *own_name; /* what MOONGATE was at first */

/* From here to the end of the play, or to the next place, MOONGATE names a link. */
static void is_called(const char *name)
{
    const char *link = textf("%s/%s", program_folder(), name);
    if (symlink(own_name, link) != 0) stage_fails("cannot make a link");
    setenv("MOONGATE", link, 1);
}

static int by_its_own_name(void **state)
{
    setenv("MOONGATE", own_name, 1);
    return stage_clear(state);
}

#define play_of_another_name(f) cmocka_unit_test_setup_teardown(f, stage_set, by_its_own_name)

static bool daemon_leaves(struct actor *actor)
{
    if (actor->fd < 0) return true;
    pidfd_send_signal(actor->fd, SIGKILL, NULL, 0);
    close(actor->fd);
    return true;
}

static void daemon_acts(struct actor *actor, short revents)
{
    close(actor->fd);
    actor->fd = -1;
}

static bool daemon_is_gone(void *what)
{
    return ((struct actor *)what)->fd < 0;
}

static const char *text_of(const char *path)
{
    char *text = stage_memory(65536);
    FILE *file = fopen(path, "re");
    if (!file) stage_fails("%s: cannot be read", path);
    (void)!fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

/* The daemon whose process id that file has; killed at the end, should the play fail. */
static pid_t daemon_of(const char *pid_file, struct actor *daemon)
{
    pid_t pid = (pid_t)strtol(text_of(pid_file), NULL, 10);
    *daemon = (struct actor){.fd = pidfd_open(pid, 0),
                             .rank = RANK_MOONGATE,
                             .acts = daemon_acts,
                             .leaves = daemon_leaves};
    if (daemon->fd < 0) stage_fails("no process %d", (int)pid);
    stage_enter(daemon);
    return pid;
}

static void nutcrackers_flags_start_a_daemon_that_serves(void **state)
{
    struct place p = place("nutcracker.yml");
    const char *folder = program_folder(), *pid_file = textf("%s/pid", folder),
               *log = textf("%s/log", folder);
    const char *stats = textf("%d", address_free_port());
    file_is(p.path, pool_at(&p, p.first, ""));
    is_called("nutcracker");
    struct run run = moongate_runs("-d", "-c", p.path, "-o", log, "-p", pid_file, "-s", stats, "-m",
                                   "16384", "-v", "6", NULL);
    exits(run, 0);
    struct actor *daemon = stage_memory(sizeof *daemon);
    pid_t pid = daemon_of(pid_file, daemon);
    struct client *c = client_connects_to(textf("unix:%s", p.socket));
    stores(c, "k", "v");
    finds(c, "k", "v");
    client_sees_line_starting(client_connects_to(textf("127.0.0.1:%s", stats)),
                              "{\"service\":\"nutcracker\",");
    has(text_of(log), "called as nutcracker: --mbuf-size: ");
    kill(pid, SIGTERM);
    client_sees_closed(c);
    assert_true(stage_waits(daemon_is_gone, daemon));
}

static void nutcrackers_check_says_what_is_wrong(void **state)
{
    struct place p = place("nutcracker.yml");
    file_is(p.path, pool_at(&p, p.first, ""));
    is_called("nutcracker");
    struct run run = moongate_runs("-t", "-c", p.path, NULL);
    assert_int_equal(run.code, 0);
    has(run.err, textf("nutcracker: configuration file '%s' syntax is ok\n", p.path));
    file_is(p.path, pool_at(&p, p.first, "  hash_tag: {}\n"));
    run = moongate_runs("--test-conf", "-c", p.path, NULL);
    assert_int_equal(run.code, 1);
    has(run.err, textf("%s:3: ", p.path));
    assert_int_equal(moongate_runs("-x", NULL).code, 2);
    has(moongate_runs("-V", NULL).out, "called as nutcracker");
}

int main(void)
{
    own_name = getenv("MOONGATE") ? realpath(getenv("MOONGATE"), NULL) : "";
    const struct CMUnitTest tests[] = {
        play(a_configuration_is_run_and_its_notes_are_logged_once),
        play(a_change_is_loaded_and_a_broken_one_is_refused_with_its_place),
        play(a_broken_configuration_is_an_error_everywhere_with_its_place),
        play(what_is_printed_is_what_runs),
        play(what_is_no_configuration_is_not_converted),
        play(one_of_them_is_given_at_a_time),
        play_of_another_name(nutcrackers_flags_start_a_daemon_that_serves),
        play_of_another_name(nutcrackers_check_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
