/* What scripts have beside routing: counters, shared dictionaries, timers and options, over several workers, reloads and the
 * deaths of workers. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/stage.h"

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 8, REQUESTS = 500 };

/* What `stats script` (or another) says of that name; NULL when it does not. */
static const char *stat_of(struct client *c, const char *of, const char *name)
{
    const char *found = NULL;
    size_t len = strlen(name);
    client_sends(c, textf("stats %s\r\n", of));
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return found;
        assert_int_equal(strncmp(line, "STAT ", 5), 0);
        if (strncmp(line + 5, name, len) == 0 && line[5 + len] == ' ') found = line + 6 + len;
    }
}

static void shows(struct client *c, const char *name, const char *value)
{
    const char *shown = stat_of(c, "script", name);
    if (!shown || strcmp(shown, value) != 0)
        stage_fails("%s is %s, not %s", name, shown ? shown : "not shown", value);
}

static void sets(struct client *c, const char *name, const char *value)
{
    const char *shown = stat_of(c, "settings", name);
    assert_non_null(shown);
    assert_string_equal(shown, value);
}

/* A client in each of two workers: each gets the next connection in turn. */
static void connect_to_both(struct moongate *m, struct client *c[2])
{
    for (int i = 0; i < 2; i++) {
        c[i] = client_connects(m);
        client_sees_nothing_more(c[i]);
    }
}

static void asks(struct client *c, const char *key, const char *answer)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, answer);
}

/* --- counters ---------------------------------------------------------------------------------- */

/* Counts every key; `gauge` sets the gauge to 1 in the worker that is asked. */
static const char counting[] =
    MG "local hits, g = mg.counter 'hits', mg.gauge 'g'\n"
       "local sizes = mg.histogram('sizes', { 1, 5 })\n"
       "return function(req)\n"
       "  if req.key == 'gauge' then g:set(1) return mg.reply.miss() end\n"
       "  hits:add(1)\n  sizes:observe(#req.key)\n  return mg.reply.miss()\n"
       "end\n";

static void counters_of_all_workers_add_up(void **state)
{
    struct moongate *m = moongate_start(counting, "-j", "2", NULL);
    struct client *c[2];
    connect_to_both(m, c);
    for (int i = 0; i < 2; i++) {
        asks(c[i], "k1 k2 long-key", "END\r\n");
        asks(c[i], "k", "END\r\n");
        asks(c[i], "gauge", "END\r\n");
    }
    for (int i = 0; i < 2; i++) {
        shows(c[i], "hits", "8");
        shows(c[i], "g", "2");
        shows(c[i], "sizes:le_1", "2");
        shows(c[i], "sizes:le_5", "6");
        shows(c[i], "sizes:count", "8");
        shows(c[i], "sizes:sum", "26");
    }
}

static void counters_go_on_over_a_reload_and_a_dead_worker(void **state)
{
    struct moongate *m = moongate_start(counting, "-j", "2", NULL);
    struct client *c[2];
    pid_t workers[2];
    connect_to_both(m, c);
    for (int i = 0; i < 2; i++) asks(c[i], "gauge", "END\r\n");
    for (int i = 0; i < 10; i++) asks(c[i % 2], "k", "END\r\n");
    moongate_reloads(m, counting);
    for (int i = 0; i < 10; i++) asks(c[i % 2], "k", "END\r\n");
    shows(c[0], "hits", "20");
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGKILL);
    moongate_sees_log(m, "gone: signal 9");
    struct client *left = client_that_sees_closed(c[0], c[1]) == c[0] ? c[1] : c[0];
    shows(left, "hits", "20");
    shows(left, "g", "1");
    moongate_workers(m, workers, 2);
    /* Whichever worker they meet: one of them the new one. */
    for (int i = 0; i < 4; i++) asks(client_connects(m), "k", "END\r\n");
    shows(left, "hits", "24");
    shows(left, "g", "1");
}

static void another_kind_of_metric_keeps_the_old_script(void **state)
{
    struct moongate *m = moongate_start(counting, NULL);
    struct client *c = client_connects(m);
    moongate_gets_script(m, MG "mg.gauge 'hits'\nreturn mg.pool { '127.0.0.1:1' }\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "script.lua:2: mg.gauge 'hits': there is a counter of that name");
    asks(c, "k", "END\r\n");
    shows(c, "hits", "1");
}

/* --- dictionaries ------------------------------------------------------------------------------ */

/* `iKEY` counts, `sKEY` stores, `gKEY` shows. */
static const char sharing[] =
    MG "local d = mg.shared('d', '256k')\n"
       "return function(req)\n"
       "  local what, key = req.key:sub(1, 1), req.key:sub(2)\n"
       "  if what == 'i' then return mg.reply.error(('%d'):format(d:incr(key, 1, 0))) end\n"
       "  if what == 's' then d:set(key, 'value of ' .. key) end\n"
       "  return mg.reply.error(tostring(d:get(key)))\n"
       "end\n";

static void counts_of_many_clients_over_all_workers_are_exact(void **state)
{
    struct moongate *m = moongate_start(sharing, "-j", "2", NULL);
    struct client *c[CLIENTS];
    bool seen[CLIENTS * REQUESTS + 1] = {false};
    struct octets all = {0};
    for (int i = 0; i < REQUESTS; i++) octets_add(&all, "get in\r\n", 8);
    for (int i = 0; i < CLIENTS; i++) c[i] = client_connects(m);
    for (int i = 0; i < CLIENTS; i++) client_sends_bytes(c[i], octets_at(&all), octets_n(&all));
    for (int i = 0; i < CLIENTS; i++) {
        long before = 0;
        for (int k = 0; k < REQUESTS; k++) {
            long n = strtol(client_sees_line(c[i]) + strlen("SERVER_ERROR "), NULL, 10);
            assert_in_range(n, before + 1, CLIENTS * REQUESTS);
            assert_false(seen[n]);
            seen[n] = true;
            before = n;
        }
    }
    octets_release(&all);
    shows(c[0], "shared:d:items", "1");
    shows(c[0], "shared:d:losses", "0");
}

static void values_outlive_reloads_and_all_workers(void **state)
{
    struct moongate *m = moongate_start(sharing, "-j", "2", NULL);
    struct client *c[2];
    pid_t workers[2];
    connect_to_both(m, c);
    asks(c[0], "sk", "SERVER_ERROR value of k\r\n");
    asks(c[1], "gk", "SERVER_ERROR value of k\r\n");
    moongate_reloads(m, sharing);
    asks(c[0], "gk", "SERVER_ERROR value of k\r\n");
    moongate_workers(m, workers, 2);
    for (int i = 0; i < 2; i++) kill(workers[i], SIGKILL);
    moongate_sees_log_times(m, "gone: signal 9", 2);
    struct client *next = client_connects(m);
    asks(next, "gk", "SERVER_ERROR value of k\r\n");
    asks(next, "in", "SERVER_ERROR 1\r\n");
}

/* Killed again and again in the midst of it, they never stop those that follow, and no value is torn. */
static void workers_killed_at_work_stop_nobody(void **state)
{
    struct moongate *m = moongate_start(sharing, "-j", "2", NULL);
    struct octets all = {0};
    pid_t workers[2];
    for (int i = 0; i < 5000; i++) {
        const char *line = textf("get s%d\r\nget in\r\n", i % 50);
        octets_add(&all, line, strlen(line));
    }
    for (size_t round = 1; round <= 4; round++) {
        struct client *c[2] = {client_connects(m), client_connects(m)};
        moongate_workers(m, workers, 2);
        for (int i = 0; i < 2; i++) client_sends_what_fits(c[i], octets_at(&all), octets_n(&all));
        client_sees_line_starting(c[0], "SERVER_ERROR ");
        for (int i = 0; i < 2; i++) kill(workers[i], SIGKILL);
        moongate_sees_log_times(m, "gone: signal 9", 2 * round);
        for (int i = 0; i < 2; i++) client_closes(c[i]);
    }
    octets_release(&all);
    struct client *last = client_connects(m);
    asks(last, "s7", "SERVER_ERROR value of 7\r\n");
    client_sends(last, "get in\r\n");
    client_sees_line_starting(last, "SERVER_ERROR ");
    client_sees_nothing_more(last);
}

static void another_size_keeps_the_old_script(void **state)
{
    struct moongate *m = moongate_start(sharing, "-j", "2", NULL);
    struct client *c = client_connects(m);
    asks(c, "sk", "SERVER_ERROR value of k\r\n");
    moongate_gets_script(m, MG "mg.shared('d', '128k')\nreturn mg.pool { '127.0.0.1:1' }\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "script.lua:2: mg.shared 'd': it has another size already");
    asks(c, "gk", "SERVER_ERROR value of k\r\n");
}

static void shared_memory_is_as_large_as_said(void **state)
{
    const char *script = moongate_script_file(MG "mg.shared('d', '200k')\n"
                                                 "return mg.pool { '127.0.0.1:1' }\n");
    struct run run = moongate_runs("-t", "--shared-memory", "128k", script, NULL);
    assert_int_equal(run.code, 1);
    assert_non_null(strstr(run.err, "script.lua:2: mg.shared 'd': there is not enough left"));
    assert_int_equal(moongate_runs("-t", "--shared-memory", "256k", script, NULL).code, 0);
}

/* --- timers ------------------------------------------------------------------------------------ */

/* A timer in each worker counts under its worker's number and `mark`; a key shows a count. */
static const char *ticking(const char *mark)
{
    return textf(MG
                 "local d = mg.shared('d', '64k')\n"
                 "mg.timer.every(0.005, function() d:incr('%s' .. mg.worker.id, 1, 0) end)\n"
                 "mg.timer.after(0.001, function() d:incr('%s once', 1, 0) end)\n"
                 "return function(req)\n"
                 "  local key, least = req.key:match '^(.-)>(.*)$'\n"
                 "  if not key then return mg.reply.error(tostring(d:get(req.key))) end\n"
                 "  return mg.reply.error((d:get(key) or 0) > tonumber(least) and 'yes' or 'no')\n"
                 "end\n",
                 mark, mark);
}

static long count_of(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    return strtol(client_sees_line(c) + strlen("SERVER_ERROR "), NULL, 10);
}

static void timers_fire_in_each_worker_until_the_script_goes(void **state)
{
    struct moongate *m = moongate_start(ticking("a"), "-j", "2", NULL);
    struct client *c = client_connects(m);
    client_asks_until(c, "get a0>5\r\n", "SERVER_ERROR yes\r\n");
    client_asks_until(c, "get a1>5\r\n", "SERVER_ERROR yes\r\n");
    moongate_reloads(m, ticking("b"));
    long a0 = count_of(c, "a0"), a1 = count_of(c, "a1");
    client_asks_until(c, "get b0>20\r\n", "SERVER_ERROR yes\r\n");
    client_asks_until(c, "get b1>20\r\n", "SERVER_ERROR yes\r\n");
    assert_int_equal(count_of(c, "a0"), a0);
    assert_int_equal(count_of(c, "a1"), a1);
}

static void a_timer_that_errs_is_told_and_counted(void **state)
{
    struct moongate *m = moongate_start(MG "mg.timer.every(0.01, function()\n  error 'oh'\nend)\n"
                                           "return function(req) return mg.reply.miss() end\n",
                                        NULL);
    struct client *c = client_connects(m);
    moongate_sees_log_times(m, "script.lua:3: oh", 3);
    moongate_sees_log(m, "stack traceback");
    assert_true(atoi(stat_of(c, "proxy", "timer_errors")) >= 3);
    asks(c, "k", "END\r\n");
}

/* `explain` of a script that uses all services: no timer runs, and counters stand alone. */
static void a_script_with_services_can_be_explained(void **state)
{
    const char *script = moongate_script_file(
        MG "local c, d = mg.counter 'c', mg.shared('d', '100m')\n"
           "mg.timer.every(0.001, function() error 'ran' end)\n"
           "mg.options { max_conns = 5 }\n"
           "local pool = mg.pool { '127.0.0.1:11', name = 'there' }\n"
           "return function(req) c:add(1) d:set(req.key, 1) return pool end\n");
    struct run run = moongate_runs("explain", script, "get k", NULL);
    if (run.code != 0) stage_fails("exit %d: %s", run.code, run.err);
    assert_non_null(strstr(run.out, "pool there"));
    assert_string_equal(run.err, "");
}

/* --- options ----------------------------------------------------------------------------------- */

#define MISS "return function(req) return mg.reply.miss() end\n"

static const char *set_of(int n)
{
    return textf("set k 0 0 %d\r\n%0*d\r\n", n, n, 0);
}

static void options_of_the_script_count_from_its_use_on(void **state)
{
    struct moongate *m = moongate_start(MG MISS, NULL);
    struct client *c = client_connects(m);
    client_sends(c, set_of(3000));
    client_sees(c, "NOT_STORED\r\n");
    moongate_reloads(m, MG "mg.options { max_value = '2k', allow_flush = 'no' }\n" MISS);
    client_sends(c, set_of(3000));
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    client_sends(c, set_of(2048));
    client_sees(c, "NOT_STORED\r\n");
    client_sends(c, "flush_all\r\n");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    sets(c, "max_value", "2048");
    sets(c, "allow_flush", "no");
    moongate_reloads(m, MG MISS);
    client_sends(c, set_of(3000));
    client_sees(c, "NOT_STORED\r\n");
    sets(c, "max_value", "1048576");
    sets(c, "allow_flush", "near");
}

static void the_command_line_wins(void **state)
{
    struct moongate *m = moongate_start(
        MG "mg.options { max_value = 4096, client_buffer = '1m', verbose = 0 }\n" MISS,
        "--max-value", "8k", "-v", NULL);
    struct client *c = client_connects(m);
    sets(c, "max_value", "8192");
    sets(c, "client_buffer", "1048576");
    sets(c, "verbose", "1");
    client_sends(c, set_of(8000));
    client_sees(c, "NOT_STORED\r\n");
}

static void the_master_goes_by_the_scripts_options(void **state)
{
    struct moongate *m = moongate_start(
        MG "mg.options { max_conns = 1, drain_timeout = 7.5, verbose = 1 }\n" MISS, NULL);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    struct client *refused = client_connects(m);
    client_sees(refused, "ERROR Too many open connections\r\n");
    client_sees_closed(refused);
    moongate_reloads(m, MG "mg.options { max_conns = '1k', drain_timeout = 8.5 }\n" MISS);
    client_sees_nothing_more(client_connects(m));
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM, at most 8.5 s");
    moongate_exits(m, 0);
}

static void a_single_process_goes_by_them_too(void **state)
{
    struct moongate *m = moongate_start(
        MG "mg.options { max_conns = 1, drain_timeout = 7.5 }\nassert(mg.worker.count == 1)\n" MISS,
        "--single-process", NULL);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    client_sees(client_connects(m), "ERROR Too many open connections\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM, at most 7.5 s");
    moongate_exits(m, 0);
}

static void a_wrong_option_is_named_with_what_there_is(void **state)
{
    struct run run =
        moongate_runs("-t", moongate_script_file(MG "mg.options { port = 5 }\n" MISS), NULL);
    assert_int_equal(run.code, 1);
    assert_non_null(
        strstr(run.err, "script.lua:2: mg.options: unknown option 'port'; there are: "
                        "allow_dump, allow_flush, client_buffer, drain_timeout, idle_timeout, "
                        "input_buffer, max_conns, max_conns_per_address, max_conns_per_identity, "
                        "max_value, rehearse, script_memory, script_timeout, slow_log, verbose"));
}

/* --- the log ----------------------------------------------------------------------------------- */

static void a_scripts_lines_are_in_the_log(void **state)
{
    struct moongate *m =
        moongate_start(MG "return function(req)\n"
                          "  mg.log.warn('key ' .. req.key .. '\\n' .. mg.worker.id)\n"
                          "  return mg.reply.miss()\nend\n",
                       "--log-format", "json", NULL);
    struct client *c = client_connects(m);
    asks(c, "k", "END\r\n");
    const char *line = moongate_log_line(m, "key k");
    assert_non_null(strstr(line, "\"level\":\"warn\""));
    assert_non_null(strstr(line, "script.lua: key k\\n0\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(counters_of_all_workers_add_up),
        play(counters_go_on_over_a_reload_and_a_dead_worker),
        play(another_kind_of_metric_keeps_the_old_script),
        play(counts_of_many_clients_over_all_workers_are_exact),
        play(values_outlive_reloads_and_all_workers),
        play(workers_killed_at_work_stop_nobody),
        play(another_size_keeps_the_old_script),
        play(shared_memory_is_as_large_as_said),
        play(timers_fire_in_each_worker_until_the_script_goes),
        play(a_timer_that_errs_is_told_and_counted),
        play(a_script_with_services_can_be_explained),
        play(options_of_the_script_count_from_its_use_on),
        play(the_command_line_wins),
        play(the_master_goes_by_the_scripts_options),
        play(a_single_process_goes_by_them_too),
        play(a_wrong_option_is_named_with_what_there_is),
        play(a_scripts_lines_are_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
