/* --metrics: what programs read by HTTP: metrics, and whether moongate lives and is ready. Nothing that a reader does holds up anybody.
 */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/http.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/scene.h"
#include "lib/upgrade.h"
#include "master/http.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct moongate *serves(const char *script)
{
    return moongate_start(script, "--metrics", "0", NULL);
}

static void metrics_count_what_clients_did(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        textf(MG "local c = mg.counter 'asked'\nlocal h = mg.histogram('lengths', { 1, 2 })\n"
                 "mg.gauge('held'):set(2.5)\nlocal p = mg.pool { '%s', name = 'main' }\n"
                 "return function(req) c:add(1) h:observe(#req.key) return p end\n",
              memcached_address(s)),
        "--metrics", "0", "-j", "2", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "set a 0 0 1\r\nx\r\nget a bb\r\nget ccc\r\n");
    client_sees(c, "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n");

    struct page page = http_gets(m, "/metrics");
    assert_int_equal(page.status, 200);
    assert_non_null(strstr(page.headers, "Content-Type: text/plain; version=0.0.4"));
    const char *server = textf("{server=\"%s\"}", memcached_address(s));
    assert_true(http_sample(&page, "moongate_cmd_get_total") == 3);
    assert_true(http_sample(&page, "moongate_get_hits_total") == 1);
    assert_true(http_sample(&page, "moongate_get_misses_total") == 2);
    assert_true(http_sample(&page, "moongate_workers_ready") == 2);
    for (double until = stage_now() + stage_deadline();
         http_sample(&page, textf("moongate_server_ready%s", server)) != 2;) {
        assert_true(stage_now() < until); /* each worker connects by itself */
        page = http_gets(m, "/metrics");
    }
    assert_true(http_sample(&page, textf("moongate_server_response_seconds_count%s", server)) >= 3);
    assert_true(http_sample(&page, "moongate_script_events_total{name=\"asked\"}") == 4);
    assert_true(http_sample(&page, "moongate_script_value{name=\"held\"}") ==
                5); /* in each worker */
    assert_true(
        http_sample(&page, "moongate_script_observations_bucket{name=\"lengths\",le=\"1\"}") == 2);
    assert_true(
        http_sample(&page, "moongate_script_observations_bucket{name=\"lengths\",le=\"+Inf\"}") ==
        4);
    assert_true(http_sample(&page, "moongate_script_observations_sum{name=\"lengths\"}") == 7);
}

static void counters_survive_reloads_workers_and_upgrades(void **state)
{
    pid_t worker;
    upgrade_begins();
    struct memcached *s = memcached_start(NULL);
    const char *script = script_of_one(memcached_address(s), "name = 'main'");
    struct moongate *m = moongate_start(script, "--metrics", "0", "--rehearse", "0", NULL);
    const char *address = http_address(m);
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    client_sees(c, "END\r\n");
    moongate_reloads(m, textf("%s-- changed\n", script));
    struct page page = http_gets(m, "/metrics");
    assert_true(http_sample(&page, "moongate_reloads_accepted_total") == 1);
    assert_true(http_sample(&page, "moongate_last_reload_successful") == 1);
    client_sends(c, "get a\r\n");
    client_sees(c, "END\r\n");
    worker = moongate_worker(m);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    page = http_asks(address, "GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    assert_int_equal(page.status, 200);
    assert_true(http_sample(&page, "moongate_cmd_get_total") == 2);
    assert_true(http_sample(&page, "moongate_upgrades_total") == 1);
    assert_int_not_equal(worker, moongate_worker(m));
}

/* Both processes listen on one socket: no scrape is refused, or gets nothing, whichever of them is in charge. */
static void scrapes_go_on_through_an_upgrade(void **state)
{
    upgrade_begins();
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), "--metrics", "0",
                                        "--rehearse", "0", NULL);
    const char *address = http_address(m);
    double until = stage_now() + stage_deadline();
    moongate_signal(m, SIGUSR2);
    for (int after = 0; after < 50 && stage_now() < until;) {
        struct page page =
            http_asks(address, "GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
        assert_int_equal(page.status, 200);
        if (http_sample(&page, "moongate_upgrades_total") == 1) after++;
    }
    moongate_becomes_new(m, 1);
    assert_true(stage_now() < until);
}

static void requests_that_come_together_are_answered_in_turn(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    struct client *c = client_connects_to(http_address(m));
    struct octets all = {0};
    client_sends(c,
                 "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\nGET /nothing HTTP/1.1\r\nHost: m\r\n\r\n"
                 "HEAD /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    client_sees_end(c, &all);
    octets_add(&all, "", 1);
    const char *one = strstr(octets_at(&all), "HTTP/1.1 200"), *two = strstr(one, "HTTP/1.1 404");
    assert_non_null(strstr(two, "HTTP/1.1 200"));
    octets_release(&all);
}

static void a_refused_script_is_seen(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    moongate_gets_script(m, "return nothing_of_that_name\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "not loaded");
    struct page page = http_gets(m, "/metrics");
    assert_true(http_sample(&page, "moongate_reloads_refused_total") == 1);
    assert_true(http_sample(&page, "moongate_last_reload_successful") == 0);
    assert_non_null(strstr(page.body, "moongate_last_reload_info{outcome=\"refused\",reason=\""));
    assert_int_equal(http_gets(m, "/readyz").status, 200); /* the old script serves */
    page = http_asks(http_address(m), "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n"
                                      "Connection: close\r\n\r\n");
    assert_non_null(strstr(page.body, "moongate_last_reload_info{outcome=\"refused\"} 1\n"));
}

static void readiness_looks_at_pools_only_if_asked(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct backend *dead = backend_listens();
    struct moongate *m = serves(
        textf(MG "local a = mg.pool { '%s', name = 'lives' }\n"
                 "local b = mg.pool { '%s', name = 'trial', probe_min = 0.01, probe_max = 0.01 }\n"
                 "return mg.by_prefix { { t = b }, default = a }\n",
              memcached_address(s), backend_address(dead)));
    assert_int_equal(http_gets_until(m, "/readyz?pools=all", 200).status, 200);
    backend_stops_listening(dead);
    backend_closes(dead);
    struct page page = http_gets_until(m, "/readyz?pools=all", 503);
    assert_string_equal(page.body, "not ready: no server of pool trial answers\n");
    assert_int_equal(http_gets(m, "/readyz?pools=any").status, 200);
    assert_int_equal(http_gets(m, "/readyz").status, 200);
    memcached_kill(s);
    page = http_gets_until(m, "/readyz?pools=any", 503);
    assert_string_equal(page.body, "not ready: no server of any pool answers\n");
    assert_int_equal(http_gets(m, "/readyz").status, 200);
    assert_int_equal(http_gets(m, "/readyz?pools=some").status, 400);
    assert_int_equal(http_gets(m, "/healthz").status, 200);
}

static void a_drain_is_healthy_and_not_ready(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), "timeout = 60"));
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_signal(m, SIGTERM);
    struct page page = http_gets_until(m, "/readyz", 503);
    assert_string_equal(page.body, "not ready: draining\n");
    assert_int_equal(http_gets(m, "/healthz").status, 200);
    assert_int_equal(http_gets(m, "/metrics").status, 200);
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    moongate_exits(m, 0);
}

static void other_requests_get_errors_that_help(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    const char *address = http_address(m);
    struct page page = http_gets(m, "/metric");
    assert_int_equal(page.status, 404);
    assert_non_null(strstr(page.body, "/metrics"));
    page = http_asks(address, "POST /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n"
                              "Content-Length: 3\r\n\r\nabc");
    assert_int_equal(page.status, 405);
    assert_non_null(strstr(page.headers, "Allow: GET, HEAD"));
    page = http_asks(address, "HEAD /healthz HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    assert_int_equal(page.status, 200);
    assert_string_equal(page.body, "");
    struct client *c = client_connects_to(address);
    client_sends(c, "\x80\x01 nonsense\r\n\r\n");
    client_half_closes(c);
    struct octets rest = {0};
    client_sees_end(c, &rest); /* with or without an answer */
    octets_release(&rest);
    assert_int_equal(http_gets(m, "/healthz").status, 200);
}

enum { MANY = 70 }; /* more than HTTP_CLIENTS */

/* Those beyond the limit wait; closing some lets them in. */
static void many_readers_at_once_are_served_in_turn(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    struct client *all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = client_connects_to(http_address(m));
        client_sends(all[i], "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\n");
    }
    for (int i = 0; i < MANY; i++) {
        client_sees_line_starting(all[i], "HTTP/1.1 200");
        client_closes(all[i]);
    }
}

static void asks_health(struct client *c)
{
    client_sends(c, "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\n");
}

static void sees_health(struct client *c)
{
    client_sees_line_starting(c, "HTTP/1.1 200");
    while (client_sees_line(c)[0]) {
    }
    client_sees(c, "ok\n");
}

/* No other reader has to do anything for that. */
static void one_that_goes_lets_one_in(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    struct client *all[HTTP_CLIENTS];
    for (int i = 0; i < HTTP_CLIENTS; i++) {
        all[i] = client_connects_to(http_address(m));
        asks_health(all[i]);
        sees_health(all[i]);
    }
    struct client *next = client_connects_to(http_address(m));
    asks_health(next);
    double began = stage_now();
    client_closes(all[0]);
    sees_health(next);
    assert_true(stage_now() - began < HTTP_PATIENCE - 2); /* then those that are idle go */
}

/* Those that have asked nothing go first. */
static void idle_connections_keep_nobody_out(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = serves(script_of_one(backend_address(b), ""));
    for (int i = 0; i < MANY; i++) client_connects_to(http_address(m));
    double began = stage_now();
    assert_int_equal(http_gets(m, "/healthz").status, 200);
    assert_true(stage_now() - began < HTTP_PATIENCE - 2);
}

/* A reader that takes nothing holds up nobody, and neither does one that sends half a request. */
static void a_slow_reader_holds_up_nobody(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = serves(script_of_one(memcached_address(s), ""));
    struct client *slow = client_connects_to(http_address(m)),
                  *half = client_connects_to(http_address(m));
    client_stops_reading(slow);
    for (int i = 0; i < 100; i++) client_sends(slow, "GET /metrics HTTP/1.1\r\nHost: m\r\n\r\n");
    client_sends(half, "GET /metrics HTTP/1.1\r\nHo");
    struct client *c = client_connects(m);
    client_sends(c, "set a 0 0 1\r\nx\r\nget a\r\n");
    client_sees(c, "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(http_gets(m, "/healthz").status, 200);
    client_sends(half, "st: m\r\nConnection: close\r\n\r\n");
    client_sees_line_starting(half, "HTTP/1.1 200");
}

/* A worker that starts while readers are connected has no copies of their connections. */
static void a_worker_keeps_no_reader(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = serves(script_of_one(memcached_address(s), ""));
    (void)http_gets_until(m, "/readyz", 200);
    size_t sockets = program_descriptors(moongate_worker(m), "socket:");
    struct client *readers[8];
    for (int i = 0; i < 8; i++) {
        readers[i] = client_connects_to(http_address(m));
        client_sends(readers[i], "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\n");
        client_sees_line_starting(readers[i], "HTTP/1.1 200");
    }
    kill(moongate_worker(m), SIGKILL);
    moongate_sees_log(m, "gone: signal 9");
    (void)http_gets_until(m, "/readyz", 200);
    assert_true(program_descriptors(moongate_worker(m), "socket:") < sockets + 8);
    struct octets rest = {0};
    client_sends(readers[0], "GET /healthz HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    client_sees_end(readers[0], &rest);
    octets_release(&rest);
}

static void wrong_addresses_are_refused_at_start(void **state)
{
    struct backend *b = backend_listens();
    const char *script = moongate_script_file(script_of_one(backend_address(b), ""));
    static const char *const wrong[] = {
        "", "x:y", "127.0.0.1", "unix:/tmp/x", "a=127.0.0.1:1", "127.0.0.1:70000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run r = moongate_runs("--metrics", wrong[i], script, NULL);
        assert_int_equal(r.code, 2);
        assert_non_null(strstr(r.err, "moongate: --metrics"));
    }
    struct run r = moongate_runs("--metrics", backend_address(b), "-p", "0", script, NULL);
    assert_int_equal(r.code, 3);
    assert_non_null(strstr(r.err, "--metrics"));
    r = moongate_runs("--metrics", "0", "--single-process", script, NULL);
    assert_int_equal(r.code, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(metrics_count_what_clients_did),
        play(counters_survive_reloads_workers_and_upgrades),
        play(scrapes_go_on_through_an_upgrade),
        play(requests_that_come_together_are_answered_in_turn),
        play(a_refused_script_is_seen),
        play(readiness_looks_at_pools_only_if_asked),
        play(a_drain_is_healthy_and_not_ready),
        play(other_requests_get_errors_that_help),
        play(many_readers_at_once_are_served_in_turn),
        play(one_that_goes_lets_one_in),
        play(idle_connections_keep_nobody_out),
        play(a_slow_reader_holds_up_nobody),
        play(a_worker_keeps_no_reader),
        play(wrong_addresses_are_refused_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
