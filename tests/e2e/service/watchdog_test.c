/* A worker whose script does not let it turn is killed and replaced; one that is stopped, or merely slow, is not. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/seat.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One call of C that takes many minutes: a plain search, whose steps grow with the square of what it is given. */
#define FOR_EVER "string.find(('a'):rep(16000000), ('a'):rep(8000000) .. 'b', 1, true)"

/* A route of which `get stuck` never ends; it starts in line 2. */
#define STICKS_ELSE(what)                                                                          \
    MG "local function route(req)\n"                                                               \
       "    if req.key == 'stuck' then " FOR_EVER " end\n"                                         \
       "    return " what "\n"                                                                     \
       "end\n"                                                                                     \
       "return route\n"

static const char *sticks_saying(const char *word)
{
    return textf(STICKS_ELSE("mg.reply.error '%s'"), word);
}

static void client_hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

static struct moongate *starts(const char *script, const char *timeout, const char *workers)
{
    return moongate_start(script, "--script-timeout", timeout, "-j", workers, NULL);
}

static void line_has(const char *line, const char *text)
{
    if (!strstr(line, text)) stage_fails("not %s: %s", text, line);
}

/* As the log says. */
static double seconds_counted(struct moongate *m)
{
    const char *line = moongate_log_line(m, "does not turn for ");
    return strtod(strstr(line, "turn for ") + strlen("turn for "), NULL);
}

/* --- stuck ------------------------------------------------------------------------------------- */

static void the_only_worker_is_replaced_and_the_log_says_what_it_was_in(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.1", "1");
    struct client *c = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_hears(idle, "here");
    client_sends(c, "get stuck\r\n");
    client_sees_closed(c);
    client_sees_closed(idle);
    const char *line = moongate_log_line(m, "does not turn for ");
    line_has(line, textf("worker 0[%d]: killed: ", (int)worker));
    line_has(line, textf("in the function at %s:2 for get stuck;", moongate_script_path(m)));
    line_has(line, "; 2 clients closed");
    c = client_connects(m);
    client_hears(c, "here");
    assert_int_not_equal(moongate_worker(m), worker);
    assert_int_equal(stat_number(c, "proxy", "workers_killed"), 1);
    moongate_sees_log(m, "gone: signal 9; respawn in 0 s");
}

static void clients_of_other_workers_notice_nothing(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.1", "2");
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    struct client *stuck = client_connects_at(m, workers[0]);
    struct client *other = client_connects_at(m, workers[1]);

    client_sends(stuck, "get stuck\r\n");
    while (moongate_log_count(m, "does not turn") == 0) client_hears(other, "here");
    client_sees_closed(stuck);
    stat_becomes(other, "proxy", "ready", "2");
    client_hears(other, "here");
    client_hears(client_connects(m), "here");
    assert_int_equal(moongate_log_count(m, "does not turn"), 1);
}

/* Nobody replaces it here, so another one serves them. */
static void clients_that_connect_meanwhile_are_served_by_another_worker(void **state)
{
    const char *script = MG "return function(req)\n"
                            "    if req.key == 'stuck' then print 'now' " FOR_EVER " end\n"
                            "    return mg.reply.error 'here'\n"
                            "end\n";
    struct moongate *m =
        moongate_start(script, "--script-timeout", "0", "--drain-timeout", "0.1", "-j", "2", NULL);
    struct client *stuck = client_connects(m), *late[8];

    client_sends(stuck, "get stuck\r\n");
    moongate_sees_log(m, ": now");
    for (int i = 0; i < 8; i++) {
        late[i] = client_connects(m);
        client_hears(late[i], "here");
    }
    client_has_nothing_yet(stuck);
}

static void the_second_one_soon_after_waits_for_its_successor(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.1", "1");
    for (int i = 0; i < 2; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "get stuck\r\n");
        client_sees_closed(c);
    }
    moongate_sees_log(m, "respawn in 0.1 s");
    client_hears(client_connects(m), "here");
}

static void functions_that_wait_timers_and_policies_are_named(void **state)
{
    static const struct {
        const char *script, *name, *line;
    } rows[] = {
        {"return mg.async(function(req)\n" FOR_EVER "\nreturn mg.call(pool)\nend)\n", "async ",
         ":3 for set stuck;"},
        {"mg.timer.every(0.01, function()\n" FOR_EVER "\nend)\nreturn pool\n", "the timer at ",
         ":3;"},
        {"return mg.failover {\nfunction(req)\n" FOR_EVER "\nreturn pool\nend, pool }\n",
         "the function at ", ":4 for set stuck;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = starts(
            textf(MG "local pool = mg.pool { '%s' }\n%s", backend_address(b), rows[i].script),
            "0.1", "1");
        client_sends(client_connects(m), "set stuck 0 0 1\r\nx\r\n");
        line_has(moongate_log_line(m, "does not turn"),
                 textf("in %s%s%s", rows[i].name, moongate_script_path(m), rows[i].line));
        stage_clears();
    }
}

static void a_timer_that_a_request_started_is_a_timer(void **state)
{
    struct moongate *m = starts(MG "local function f() " FOR_EVER " end\n"
                                   "return function()\n"
                                   "    mg.timer.after(0, f)\n"
                                   "    return mg.reply.miss()\n"
                                   "end\n",
                                "0.1", "1");
    client_sends(client_connects(m), "get k\r\n");
    line_has(moongate_log_line(m, "does not turn"), "in a timer;");
}

static void what_a_client_has_sent_forges_no_line(void **state)
{
    const char *key = textf("\x1b[1m%s", "0123456789012345678901234567890123456789"
                                         "0123456789012345678901234567890123456789");
    struct moongate *m = starts(MG "return function() " FOR_EVER " end\n", "0.1", "1");
    struct client *c = client_connects(m);

    client_sends(c, textf("get %s\r\n", key));
    client_sees_closed(c);
    const char *line = moongate_log_line(m, "does not turn");
    line_has(line, "for get \\x1b[1m0123456789");
    line_has(line, "345...; 1 client closed");
}

/* --- not stuck --------------------------------------------------------------------------------- */

static bool is_stopped(void *pid)
{
    return program_is_stopped(*(pid_t *)pid);
}

static void a_worker_that_is_stopped_is_noted_once_and_goes_on(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.1", "1");
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_hears(c, "here");
    kill(worker, SIGSTOP);
    if (!stage_waits(is_stopped, &worker)) stage_fails("worker %d does not stop", (int)worker);
    client_sends(c, "get k\r\n");
    moongate_sees_log(m, "stopped by a signal or a debugger: not killed");
    kill(worker, SIGCONT);
    client_sees(c, "SERVER_ERROR here\r\n");
    client_hears(c, "here");
    assert_int_equal(moongate_worker(m), worker);
    assert_int_equal(moongate_log_count(m, "stopped by"), 1);
    assert_int_equal(stat_number(c, "proxy", "workers_killed"), 0);
}

/* It is in its script when it stops, so it does not say that it sleeps. What it is stopped for does not count. */
static void nor_is_one_that_is_stopped_in_its_script(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.4", "1");
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(c, "get stuck\r\n");
    stage_turns(50);
    kill(worker, SIGSTOP);
    moongate_sees_log(m, textf("worker 0[%d]: stopped", (int)worker));
    stage_turns(2500);
    assert_int_equal(moongate_log_count(m, "does not turn"), 0);
    kill(worker, SIGCONT);
    client_sees_closed(c);
    line_has(moongate_log_line(m, "does not turn"), "for get stuck");
    assert_int_equal(moongate_log_count(m, "stopped by"), 1);
}

/* The limit is 2 s, and the master, which has seen the worker at work, is stopped for longer. On a busy machine the worker is given more
 * time, so what was counted is compared with the time in which the master could look. */
static void time_in_which_the_master_does_not_look_does_not_count(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0.4", "1");
    struct client *c = client_connects(m);
    pid_t master = moongate_pid(m);

    client_hears(c, "here");
    double begin = stage_now();
    client_sends(c, "get stuck\r\n");
    stage_turns(600);
    kill(master, SIGSTOP);
    if (!stage_waits(is_stopped, &master)) stage_fails("the master does not stop");
    double stopped = stage_now();
    stage_turns(4000);
    double gone_on = stage_now();
    kill(master, SIGCONT);
    client_sees_closed(c);
    double looked = stopped - begin + stage_now() - gone_on;
    assert_true(seconds_counted(m) < looked + 1);
}

static void without_a_timeout_nobody_is_killed(void **state)
{
    struct moongate *m = starts(sticks_saying("here"), "0", "1"), *watched;
    struct client *c = client_connects(m);
    watched = starts(sticks_saying("here"), "0.4", "1");

    client_sends(c, "get stuck\r\n");
    struct client *other = client_connects(watched);
    client_sends(other, "get stuck\r\n");
    client_sees_closed(other); /* as long as that takes */
    assert_int_equal(moongate_log_count(m, "does not turn"), 0);
    client_has_nothing_yet(c);
    kill(moongate_worker(m), SIGKILL); /* else it cannot end */
    client_sees_closed(c);
}

static void the_scripts_own_timeout_counts(void **state)
{
    struct moongate *m = moongate_start(
        textf(MG "mg.options { script_timeout = 0.1 }\n%s", sticks_saying("here")), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get stuck\r\n");
    client_sees_closed(c);
    assert_true(seconds_counted(m) < 5); /* which is the default's */
}

/* Each request takes about 0.1 s, and all are routed in one turn. */
static void many_slow_requests_in_one_turn_are_not_stuck(void **state)
{
    enum { REQUESTS = 30 };
    struct moongate *m = starts(MG "return function(req)\n"
                                   "    local began = os.clock()\n"
                                   "    repeat local x = os.clock() until x - began > 0.05\n"
                                   "    return mg.reply.error 'slow'\n"
                                   "end\n",
                                "0.1", "1");
    struct client *c = client_connects(m);
    char requests[REQUESTS * sizeof "get k\r\n"] = "";
    for (int i = 0; i < REQUESTS; i++) strcat(requests, "get k\r\n");

    client_sends(c, requests);
    for (int i = 0; i < REQUESTS; i++) client_sees(c, "SERVER_ERROR slow\r\n");
    assert_int_equal(moongate_log_count(m, "does not turn"), 0);
}

/* --- reload ------------------------------------------------------------------------------------ */

/* Without a rehearsal, which takes longer than the worker has. */
static void a_good_script_gets_in_over_one_that_is_stuck(void **state)
{
    static const char *const workers[] = {"1", "2"};
    for (int i = 0; i < 2; i++) {
        struct moongate *m = moongate_start(sticks_saying("old"), "--script-timeout", "0.2", "-j",
                                            workers[i], "--rehearse", "0", NULL);
        struct client *c = client_connects(m);
        client_hears(c, "old");
        client_sends(c, "get stuck\r\n");
        moongate_gets_script(m, sticks_saying("new"));
        moongate_signal(m, SIGHUP);
        client_sees_closed(c);
        moongate_sees_log(m, "reloaded: generation 2");
        line_has(moongate_log_line(m, "does not turn"), ":2 for get stuck;");
        assert_int_equal(moongate_log_count(m, "not loaded"), 0);
        client_hears(client_connects(m), "new");
        stage_clears();
    }
}

/* A file that the script reads by itself when it is loaded. */
static const char *module_path(const struct moongate *m)
{
    const char *script = moongate_script_path(m);
    return textf("%.*s/word", (int)(strrchr(script, '/') - script), script);
}

static void module_is(const struct moongate *m, const char *text)
{
    FILE *file = fopen(module_path(m), "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("no module");
}

static bool is_not_loaded(void *m)
{
    return moongate_log_count(m, "not loaded") == 1;
}

static bool is_killed(void *m)
{
    return moongate_log_count(m, "does not turn") == 1;
}

/* The worker stands still until the check has passed, which reads another file than the worker then. */
static void one_that_is_stuck_while_it_loads_is_blamed_on_the_new_script(void **state)
{
    struct moongate *m =
        moongate_start(sticks_saying("old"), "--script-timeout", "0.1", "-v", "--unsafe-lua", NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_hears(c, "old");
    kill(worker, SIGSTOP);
    if (!stage_waits(is_stopped, &worker)) stage_fails("worker %d does not stop", (int)worker);
    module_is(m, "return 'new'");
    moongate_gets_script(m, textf(MG "local word = load(io.open('%s'):read '*a')()\n"
                                     "return function() return mg.reply.error(word) end\n",
                                  module_path(m)));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "generation 2: every worker loads it");
    module_is(m, FOR_EVER "\nreturn 'late'");
    kill(worker, SIGCONT);
    if (!stage_waits_for(is_not_loaded, m, 10 + stage_deadline())) stage_fails("no end");
    line_has(moongate_log_line(m, "not loaded"),
             "not loaded: worker 0: no answer within 10 s; generation 1 goes on");
    if (!stage_waits(is_killed, m)) stage_fails("the worker stays");
    line_has(moongate_log_line(m, "does not turn"), "s: loading generation 2; 1 client closed");
    client_hears(client_connects(m), "old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_only_worker_is_replaced_and_the_log_says_what_it_was_in),
        play(clients_of_other_workers_notice_nothing),
        play(clients_that_connect_meanwhile_are_served_by_another_worker),
        play(the_second_one_soon_after_waits_for_its_successor),
        play(functions_that_wait_timers_and_policies_are_named),
        play(a_timer_that_a_request_started_is_a_timer),
        play(what_a_client_has_sent_forges_no_line),
        play(a_worker_that_is_stopped_is_noted_once_and_goes_on),
        play(nor_is_one_that_is_stopped_in_its_script),
        play(time_in_which_the_master_does_not_look_does_not_count),
        play(without_a_timeout_nobody_is_killed),
        play(the_scripts_own_timeout_counts),
        play(many_slow_requests_in_one_turn_are_not_stuck),
        play(a_good_script_gets_in_over_one_that_is_stuck),
        play(one_that_is_stuck_while_it_loads_is_blamed_on_the_new_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
