/* Clocks that jump: when the time of the machine is set, by hours and in the middle of everything, or the machine is suspended, no
 * request notices. Only what is a time of day follows the time of day: exptimes that are dates, and what is said about the time. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOUR = 3600 };

/* Hours: what the wall clock is ahead by, one after the other. */
static const int jumps[] = {1, 0, -1, 0, 1, -1, 24 * 365, 0};
enum { JUMPS = sizeof jumps / sizeof *jumps };

static void time_passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}

/* A value of its own for each turn, by each of the clients in turn. */
static void traffic_goes_on(struct client *const *clients, size_t n, int turns)
{
    static int number;
    for (int i = 0; i < turns; i++, number++) {
        struct client *c = clients[(size_t)i % n];
        const char *key = textf("k%d", number % 97), *value = textf("value-%d", number);
        client_sends(c,
                     textf("set %s 0 100 %zu\r\n%s\r\nget %s\r\n", key, strlen(value), value, key));
        client_sees(c, textf("STORED\r\n%s", hit_and_end(key, value)));
    }
}

static void nothing_went_wrong(struct client *c, struct moongate *m)
{
    assert_int_equal(stat_number(c, "proxy", "call_timeouts"), 0);
    assert_int_equal(stat_number(c, "proxy", "backend_closes"), 0);
    assert_int_equal(stat_number(c, "proxy", "script_errors"), 0);
    assert_int_equal(moongate_log_count(m, " warn "), 0);
    assert_int_equal(moongate_log_count(m, " error "), 0);
}

static void traffic_does_not_notice_that_the_wall_clock_jumps(void **state)
{
    enum { CLIENTS = 8 };
    struct memcached *s = memcached_start(NULL);
    struct shim *shim = shim_begin();
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s), "timeout = 30"), "-j", "2", NULL);
    struct client *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);

    traffic_goes_on(clients, CLIENTS, 50);
    for (size_t i = 0; i < JUMPS; i++) {
        shim->wall = jumps[i] * HOUR;
        traffic_goes_on(clients, CLIENTS, 100);
        time_passes(0.12); /* the master's timers and the workers' have been due */
    }
    assert_in_range(stat_number(clients[0], "", "uptime"), 0, HOUR / 2);
    nothing_went_wrong(clients[0], m);
}

static void what_is_in_flight_is_answered_after_a_jump(void **state)
{
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < JUMPS; i++) {
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        shim->wall = jumps[i] * HOUR;
        time_passes(0.05);
        client_has_nothing_yet(c);
        backend_answers(b, hit_and_end("k", "x"));
        client_sees(c, hit_and_end("k", "x"));
    }
    client_sees_nothing_more(c);
    nothing_went_wrong(c, m);
}

/* Neither at once, nor after an hour. */
static void a_timeout_takes_its_time_whatever_the_wall_clock_does(void **state)
{
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 0.3"), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < JUMPS; i++) {
        double began = stage_now();
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        shim->wall = jumps[i] * HOUR;
        client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
        assert_true(stage_now() - began > 0.25);
        backend_answers(b, "END\r\n");
    }
    client_sees_nothing_more(c);
}

/* Timers, waits and times to live of a script go by a clock that nobody sets; mg.time alone shows the time of day. */
static void a_scripts_own_times_do_not_jump(void **state)
{
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(
        textf(MG "local d = mg.shared('d', '64k')\n"
                 "local pool = mg.pool { '%s' }\n"
                 "d:set('long', 'kept', 600)\n"
                 "local began, ticks, wall = mg.now(), 0, mg.time()\n"
                 "mg.timer.every(0.05, function() ticks = ticks + 1 end)\n"
                 "return mg.async(function(req)\n"
                 "  local at = mg.now()\n"
                 "  d:set('short', 1, 0.2)\n"
                 "  mg.sleep(0.3)\n"
                 "  if d:get('short') or not d:get('long') then return mg.reply.error 'ttl' end\n"
                 "  if mg.now() - at < 0.25 or mg.now() - began > 600 then return mg.reply.error "
                 "'now' end\n"
                 "  local was = ticks\n"
                 "  mg.sleep(0.3)\n"
                 "  if ticks - was < 1 or ticks - was > 12 then return mg.reply.error('ticks ' .. "
                 "ticks - was) end\n"
                 "  return mg.reply.error(('%%.0f'):format((mg.time() - wall) / 3600))\n"
                 "end)\n",
              backend_address(b)),
        NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < JUMPS; i++) {
        client_sends(c, "get k\r\n");
        time_passes(0.1);
        shim->wall = jumps[i] * HOUR;
        client_sees(c, textf("SERVER_ERROR %d\r\n", jumps[i]));
    }
}

static void the_time_is(struct client *c, struct backend *b, struct shim *shim, int hours)
{
    long now = (long)time(NULL) + hours * HOUR;
    shim->wall = hours * HOUR;
    assert_in_range(stat_number(c, "", "time"), now - 1, now + 10);
    client_sends(c, textf("touch a %ld\r\n", now + 30)); /* 30 s: stays */
    backend_sees(b, textf("touch a %ld\r\n", now + 30));
    backend_answers(b, "TOUCHED\r\n");
    client_sends(c, textf("touch b %ld\r\n", now + 1800)); /* half an hour: capped */
    backend_sees(b, "touch b 60\r\n");
    backend_answers(b, "TOUCHED\r\n");
    client_sends(c, textf("touch c %ld\r\n", now - 1800)); /* over: stays so */
    backend_sees(b, textf("touch c %ld\r\n", now - 1800));
    backend_answers(b, "TOUCHED\r\n");
    client_sends(c, "touch d 7\r\n");
    backend_sees(b, "touch d 7\r\n");
    backend_answers(b, "TOUCHED\r\n");
    client_sees(c, "TOUCHED\r\nTOUCHED\r\nTOUCHED\r\nTOUCHED\r\n");
}

/* The servers' clocks are taken to say the same as ours. */
static void an_exptime_that_is_a_date_goes_by_the_wall_clock(void **state)
{
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(
        textf(MG "return mg.cap_ttl { mg.pool { '%s' }, 60 }\n", backend_address(b)), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < JUMPS; i++) the_time_is(c, b, shim, jumps[i]);
}

static void writes_servers(const char *path, int n)
{
    const char *fresh = textf("%s.new", path);
    FILE *file = fopen(fresh, "we");
    assert_non_null(file);
    fprintf(file, "127.0.0.1:1\n127.0.0.1:%d\n", n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

/* A list that keeps changing is adopted after ten times the debounce, not after an hour more. */
static void a_list_that_keeps_changing_is_adopted_though_the_clock_goes_back(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    struct shim *shim = shim_begin();
    writes_servers(path, 2);
    struct moongate *m = moongate_start(
        textf(MG "return mg.pool { discover = 'file://%s', discover_interval = 0.05, "
                 "discover_debounce = 0.5 }\n",
              path),
        NULL);
    const char *adopted = textf("discovery file://%s: 2 servers (1 new, 1 gone)", path);
    double end = stage_now() + stage_deadline();

    assert_int_equal(moongate_log_count(m, adopted), 0);
    for (int i = 3; moongate_log_count(m, adopted) == 0; i++) {
        if (stage_now() > end) stage_fails("a list that keeps changing is never adopted");
        writes_servers(path, i);
        time_passes(0.05);
        if (i == 6) shim->wall = -HOUR;
    }
}

/* The clock that goes on while the machine sleeps is the boot clock. A suspended machine must find everything as it left it. */
static void a_suspend_is_not_noticed(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct shim *shim = shim_begin();
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s), "timeout = 30"), "-j", "2", NULL);
    struct client *clients[2] = {client_connects(m), client_connects(m)};

    traffic_goes_on(clients, 2, 50);
    shim->boot = shim->wall = 8 * HOUR;
    traffic_goes_on(clients, 2, 50);
    moongate_reloads(m, script_of_one(memcached_address(s), "timeout = 31"));
    traffic_goes_on(clients, 2, 50);
    nothing_went_wrong(clients[0], m);
    assert_int_equal(shim->boot_asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(traffic_does_not_notice_that_the_wall_clock_jumps),
        play(what_is_in_flight_is_answered_after_a_jump),
        play(a_timeout_takes_its_time_whatever_the_wall_clock_does),
        play(a_scripts_own_times_do_not_jump),
        play(an_exptime_that_is_a_date_goes_by_the_wall_clock),
        play(a_list_that_keeps_changing_is_adopted_though_the_clock_goes_back),
        play(a_suspend_is_not_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
