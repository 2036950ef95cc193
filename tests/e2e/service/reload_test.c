/* SIGHUP: the script is replaced in place; a script that does not load changes nothing and says
 * why. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A script that marks every key, so that a backend sees which one routed. */
static const char *marking(const struct backend *b, const char *mark)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "return function(req) req.key = '%s' .. req.key return pool end\n",
                 backend_address(b), mark);
}

static void new_rules_apply_and_connections_stay(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);
    struct client *c = client_connects(m);

    get_misses(c, "k", b, "one:k");
    moongate_reloads(m, marking(b, "two:"));
    get_finds(c, "k", b, "two:k", "x");
    assert_int_equal(backend_links(b), 1);
    assert_int_equal(moongate_log_count(m, "generation 2 loaded"), 1);
}

static void requests_in_flight_finish_as_they_were_routed(void **state)
{
    struct backend *old = backend_listens(), *new = backend_listens();
    struct moongate *m = moongate_start(marking(old, "one:"), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k1\r\nget k2\r\n");
    backend_sees(old, "get one:k1\r\nget one:k2\r\n");
    moongate_reloads(m, marking(new, "two:"));
    backend_sees_links(new, 1);
    client_sends(c, "get k3\r\n");
    backend_sees(new, "get two:k3\r\n");
    backend_answers(new, hit_and_end("two:k3", "3"));
    backend_answers(old, hit_and_end("one:k1", "1"));
    backend_answers(old, hit_and_end("one:k2", "2"));
    client_sees(c, hit_and_end("k1", "1"));
    client_sees(c, hit_and_end("k2", "2"));
    client_sees(c, hit_and_end("k3", "3"));
    client_sees_nothing_more(c);
}

static void connections_of_servers_that_left_the_script_are_closed(void **state)
{
    struct backend *stays = backend_listens(), *leaves = backend_listens();
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(stays), backend_address(leaves), ""), NULL);
    struct client *c = client_connects(m);

    moongate_reloads(m, script_of_one(backend_address(stays), ""));
    backend_sees_closed(leaves);
    get_misses(c, "b", stays, "b");
    assert_int_equal(backend_links(stays), 1);
    assert_int_equal(backend_links(leaves), 1);
}

static void a_broken_script_changes_nothing_and_says_why(void **state)
{
    static const struct {
        const char *text, *reason;
    } broken[] = {
        {"local x = 1\nreturn x +\n", "script.lua:"},
        {"local x = 1\nerror 'not like this'\n", "script.lua:2: not like this"},
        {"return 7\n", "script"},
        {"", "script"},
        {MG "return mg.pool { '127.0.0.1:1', tiemout = 1 }\n", "tiemout"},
        {MG "return mg.pool { '127.0.0.1:1', timeout = 'x' }\n", "script.lua:2"},
        {MG "return mg.pool { '127.0.0.1:99999' }\n", "script.lua:2"},
        {MG "return mg.pool {}\n", "script.lua:2"},
        {MG "return mg.pool { '127.0.0.1:1', distribution = 'roulette' }\n", "script.lua:2"},
        {"return nosuchglobal\n", "nosuchglobal"},
    };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        moongate_gets_script(m, broken[i].text);
        moongate_signal(m, SIGHUP);
        moongate_sees_log_times(m, "not loaded", i + 1);
        const char *line = moongate_log_nth_line(m, "not loaded", i + 1);
        if (!strstr(line, broken[i].reason))
            stage_fails("no \"%s\" in: %s", broken[i].reason, line);
        if (!strstr(line, "generation 1 goes on")) stage_fails("which one goes on? %s", line);
        get_misses(c, "k", b, "one:k");
    }
    moongate_reloads(m, marking(b, "two:"));
    client_sends(c, "get k\r\n");
    backend_sees(b, "get two:k\r\n");
    assert_int_equal(backend_links(b), 1);
}

/* The worker dies; the one in its place routes as it did. */
static void a_new_worker_routes_as_the_old_one(struct moongate *m, struct backend *b)
{
    pid_t worker = moongate_worker(m);
    kill(worker, SIGKILL);
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get one:k\r\n");
}

static void a_worker_replaced_after_a_broken_reload_serves_by_the_old_script(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);

    moongate_gets_script(m, "return 7\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "not loaded");
    a_new_worker_routes_as_the_old_one(m, b);
}

static void a_worker_replaced_before_a_reload_serves_by_the_old_script(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);

    moongate_gets_script(m, marking(b, "two:")); /* and no SIGHUP yet */
    a_new_worker_routes_as_the_old_one(m, b);
}

static const char NOT_THERE[] =
    "not loaded: No such file or directory: put a readable file there and reload again; generation";

static void a_missing_script_changes_nothing(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);
    struct client *c = client_connects(m);

    assert_int_equal(remove(moongate_script_path(m)), 0);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, NOT_THERE);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get one:k\r\n");
}

static void fifty_reloads_under_load_lose_nothing(void **state)
{
    enum { RELOADS = 50, REQUESTS = 20 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "g1:"), NULL);
    struct client *c = client_connects(m);

    for (int generation = 2; generation <= RELOADS + 1; generation++) {
        moongate_gets_script(m, marking(b, textf("g%d:", generation)));
        moongate_signal(m, SIGHUP);
        for (int i = 0; i < REQUESTS; i++) { /* by the old rules or the new ones, but answered */
            client_sends(c, "get k\r\n");
            const char *key = backend_sees_line(b) + strlen("get ");
            backend_answers(b, hit_and_end(key, key));
            client_sees(c, hit_and_end("k", key));
        }
        moongate_sees_log(m, textf("reloaded: generation %d", generation));
        client_sends(c, "get k\r\n");
        const char *key = backend_sees_line(b) + strlen("get ");
        assert_string_equal(key, textf("g%d:k", generation));
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
    assert_int_equal(backend_links(b), 1);
}

/* What has begun, also what was remembered, has been done. */
static bool all_have_ended(void *what)
{
    size_t begun = moongate_log_count(what, "checking script");
    return begun > 0 && begun == moongate_log_count(what, "reloaded: generation");
}

/* Each of ten scripts has a hundred signals; the last one has the last. */
static void a_storm_of_signals_ends_with_the_newest_script(void **state)
{
    enum { SCRIPTS = 10, SIGNALS = 100 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "0:"), NULL);
    struct client *c = client_connects(m);

    for (int script = 1; script <= SCRIPTS; script++) {
        moongate_gets_script(m, marking(b, textf("%d:", script)));
        for (int i = 0; i < SIGNALS; i++) moongate_signal(m, SIGHUP);
        stage_turns(script % 3 * 10);
    }
    const char *last = textf("get %d:k", SCRIPTS), *line = "";
    for (double end = stage_now() + stage_deadline(); strcmp(line, last) != 0;) {
        if (stage_now() > end) stage_fails("the last script is not in use: %s", line);
        client_sends(c, "get k\r\n");
        line = backend_sees_line(b);
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
    if (!stage_waits(all_have_ended, m)) stage_fails("a reload that has begun does not end");
    get_misses(c, "k", b, textf("%d:k", SCRIPTS));
    assert_in_range(moongate_log_count(m, "remembered until"), 0,
                    moongate_log_count(m, "checking script"));
    assert_int_equal(moongate_log_count(m, "not loaded"), 0);
    assert_int_equal(backend_links(b), 1);
}

/* Text that keeps a process busy for a while when it is loaded. */
#define SLOW "local began = os.clock()\nwhile os.clock() - began < 0.5 do end\n"

/* Sends SIGHUP to the moongate that this process starts next, once that has a child. It ends with the test. */
static pid_t helper_hangs_up(void)
{
    pid_t me = getpid(), helper = fork();
    if (helper != 0) return helper;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (double end = stage_now() + stage_deadline(); stage_now() < end;) {
        pid_t children[8], grandchild;
        size_t n = program_children(me, children, 8);
        for (size_t i = 0; i < n; i++)
            if (children[i] != getpid() && program_children(children[i], &grandchild, 1) > 0)
                _exit(kill(children[i], SIGHUP));
    }
    _exit(1);
}

/* The script is being checked: there is no master yet, and no worker. */
static void a_signal_while_moongate_starts_reloads_as_soon_as_it_can(void **state)
{
    static const char *const options[] = {"-v", "--single-process"};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = backend_listens();
        int status;
        pid_t helper = helper_hangs_up();
        struct moongate *m = moongate_start(textf(SLOW "%s", marking(b, "one:")), options[i], NULL);
        assert_int_equal(waitpid(helper, &status, 0), helper);
        assert_int_equal(status, 0);
        moongate_sees_log(m, "reloaded: generation 2");
        struct client *c = client_connects(m);
        get_misses(c, "k", b, "one:k");
        stage_clears();
    }
}

/* The worker in the place of the dead one is asked to load the new script, too. */
static void a_signal_while_a_worker_starts_reloads_in_all(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(SLOW "%s", marking(b, "one:")), "-j", "2", NULL);
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGKILL);
    moongate_sees_log(m, textf("[%d]: gone", (int)workers[0]));
    moongate_gets_script(m, marking(b, "two:"));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    moongate_workers(m, workers, 2);
    for (int i = 0; i < 8; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        backend_turns_to_input(b);
        backend_sees(b, "get two:k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
}

/* The script is read when its turn comes, and not when the signal comes. */
static void a_remembered_reload_says_what_has_become_of_the_script(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), NULL);
    struct client *c = client_connects(m);
    pid_t children[2];

    moongate_gets_script(m, textf(SLOW "%s", marking(b, "two:")));
    moongate_signal(m, SIGHUP);
    moongate_workers(m, children, 2); /* one of them is the check, which has the text */
    assert_int_equal(remove(moongate_script_path(m)), 0);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reload: SIGHUP: remembered until the one under way is done");
    moongate_sees_log(m, "reloaded: generation 2");
    moongate_sees_log(m, NOT_THERE);
    get_misses(c, "k", b, "two:k");

    moongate_gets_script(m, SLOW "return 7\n"); /* one that is refused is followed, too */
    moongate_signal(m, SIGHUP);
    moongate_workers(m, children, 2);
    moongate_gets_script(m, marking(b, "three:"));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 3");
    get_misses(c, "k", b, "three:k");
}

static void every_worker_gets_the_new_script(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), "-j", "2", NULL);
    struct client *clients[8];
    for (int i = 0; i < 8; i++) clients[i] = client_connects(m);
    moongate_reloads(m, marking(b, "two:"));
    for (int i = 0; i < 8; i++) {
        client_sends(clients[i], textf("get k%d\r\n", i));
        backend_turns_to_input(b);
        backend_sees(b, textf("get two:k%d\r\n", i));
        backend_answers(b, "END\r\n");
        client_sees(clients[i], "END\r\n");
    }
    assert_int_equal(moongate_log_count(m, "generation 2 loaded"), 2);
    assert_int_equal(backend_links(b), 2);
}

static void a_single_process_reloads_too(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(marking(b, "one:"), "--single-process", NULL);
    struct client *c = client_connects(m);

    moongate_reloads(m, marking(b, "two:"));
    get_misses(c, "k", b, "two:k");
    moongate_gets_script(m, "return 7");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "not loaded");
    assert_int_equal(remove(moongate_script_path(m)), 0);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, NOT_THERE);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get two:k\r\n");
    assert_int_equal(backend_links(b), 1);
}

/* The clock stands still while a script loads, here for one to two seconds: what is timed from then on must not begin before. */
static void servers_of_a_script_that_loads_slowly_have_their_whole_connect_timeout(void **state)
{
    struct backend *old = backend_listens(), *new = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(old), ""), "--single-process", NULL);
    struct client *c = client_connects(m);

    moongate_reloads(m, textf("local began = os.time()\n"
                              "while os.time() - began < 2 do end\n%s",
                              script_of_one(backend_address(new), "")));
    get_misses(c, "k", new, "k");
    assert_int_equal(backend_links(new), 1);
    assert_int_equal(moongate_log_count(m, "connect timeout"), 0);
}

/* Who would open it would wait for who writes into it. */
static void a_pipe_in_the_place_of_the_script_is_not_waited_for(void **state)
{
    for (int alone = 0; alone < 2; alone++) {
        const char *path = moongate_script_file(MG "return mg.pool { '127.0.0.1:1' }\n");
        struct moongate *m = moongate_start(NULL, path, alone ? "--single-process" : NULL, NULL);
        assert_int_equal(remove(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        moongate_signal(m, SIGHUP);
        moongate_sees_log(m, "not loaded: it is not a regular file: put a readable file there and "
                             "reload again; generation 1 goes on");
        struct client *c = client_connects(m);
        client_sends(c, "mn\r\n");
        client_sees(c, "MN\r\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(new_rules_apply_and_connections_stay),
        play(requests_in_flight_finish_as_they_were_routed),
        play(connections_of_servers_that_left_the_script_are_closed),
        play(a_broken_script_changes_nothing_and_says_why),
        play(a_worker_replaced_after_a_broken_reload_serves_by_the_old_script),
        play(a_worker_replaced_before_a_reload_serves_by_the_old_script),
        play(a_missing_script_changes_nothing),
        play(fifty_reloads_under_load_lose_nothing),
        play(a_storm_of_signals_ends_with_the_newest_script),
        play(a_signal_while_moongate_starts_reloads_as_soon_as_it_can),
        play(a_signal_while_a_worker_starts_reloads_in_all),
        play(a_remembered_reload_says_what_has_become_of_the_script),
        play(every_worker_gets_the_new_script),
        play(a_single_process_reloads_too),
        play(servers_of_a_script_that_loads_slowly_have_their_whole_connect_timeout),
        play(a_pipe_in_the_place_of_the_script_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
