/* Backends that die, come back, hang, or cannot be reached. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <string.h>

static const char *timeout_of(struct backend *b)
{
    return textf("%stimeout\r\n", failure_of(backend_address(b)));
}

static void a_dead_backend_fails_its_requests_at_once_and_no_others(void **state)
{
    struct backend *a = backend_listens();
    const char *dead = address_of_nobody();
    struct client *c = client_connects(
        moongate_start(script_by_letter(backend_address(a), dead, "timeout = 60"), NULL));

    client_sends(c, "get b1\r\nset b1 0 0 1\r\nx\r\nget a1\r\nincr b1 1\r\n");
    client_sees_line_starting(c, failure_of(dead));
    client_sees_line_starting(c, failure_of(dead));
    backend_sees(a, "get a1\r\n");
    backend_answers(a, hit_and_end("a1", "x"));
    client_sees(c, hit_and_end("a1", "x"));
    client_sees_line_starting(c, failure_of(dead));
    client_sees_nothing_more(c);
}

static void a_dead_backend_costs_no_time(void **state)
{
    enum { REQUESTS = 100 };
    const char *dead = address_of_nobody();
    struct client *c = client_connects(moongate_start(script_of_one(dead, "timeout = 60"), NULL));
    double start = stage_now();

    for (int i = 0; i < REQUESTS; i++) {
        client_sends(c, "get k\r\n");
        client_sees_line_starting(c, failure_of(dead));
    }
    if (stage_now() > start + (stage_is_sanitized() ? 4 : 1))
        stage_fails("%d requests took %.1f s", REQUESTS, stage_now() - start);
}

static void what_a_dead_backend_has_is_a_miss_if_the_pool_says_so(void **state)
{
    const char *dead = address_of_nobody();
    struct client *c =
        client_connects(moongate_start(script_of_one(dead, "on_failure = 'miss'"), NULL));

    client_sends(c, "get k\r\ngets k j\r\ngat 1 k\r\n");
    client_sees(c, "END\r\nEND\r\nEND\r\n");
    client_sends(c,
                 "set k 0 0 1\r\nx\r\n"); /* a write that failed must not look like anything else */
    client_sees_line_starting(c, failure_of(dead));
    client_sees_nothing_more(c);
}

static void a_backend_that_closes_fails_what_waits_and_is_connected_again(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));

    client_sends(c, "get k1\r\nmg k2\r\ndelete k3\r\n");
    backend_sees(b, "get k1\r\nmg k2\r\ndelete k3\r\n");
    backend_answers(b, hit_and_end("k1", "x"));
    backend_closes(b);
    client_sees(c, hit_and_end("k1", "x"));
    client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_sees_links(b, 2);
    client_sends(c, "version\r\n");
    client_sees_line_starting(c, "VERSION ");
    get_misses(c, "k4", b, "k4");
}

static void a_reset_is_as_good_as_a_close(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));

    client_sends(c, "mg k1\r\nset k2 0 0 1\r\nx\r\n");
    backend_sees(b, "mg k1\r\nset k2 0 0 1\r\nx\r\n");
    backend_resets(b);
    client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_sees_links(b, 2);
}

static void a_restarted_server_is_used_again(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));

    client_sends(c, "set k 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    memcached_kill(s);
    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, failure_of(memcached_address(s)));
    memcached_starts_again(s);
    client_asks_until(c, "get k\r\n", "END\r\n");
    client_sends(c, "set k 0 0 1\r\ny\r\nget k\r\n");
    client_sees(c, textf("STORED\r\n%s", hit_and_end("k", "y")));
}

static void moongate_starts_before_its_servers(void **state)
{
    struct backend *b = backend_listens();
    backend_stops_listening(b);
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_listens_again(b);
    backend_sees_links(b, 1);
    client_sees_nothing_more(c);
    get_misses(c, "k", b, "k");
}

static void no_request_is_sent_before_version_is_answered(void **state)
{
    struct backend *b = backend_listens();
    backend_stays_silent(b);
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 0.3, connect_timeout = 0.3"), NULL));

    backend_sees(b, "version\r\n");
    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_has_nothing_yet(b);
}

static void a_server_that_does_not_answer_version_as_memcached_does_is_not_used(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "ERROR\r\n",
                                          "CLIENT_ERROR unauthenticated\r\n", "END\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct backend *b = backend_listens();
        backend_stays_silent(b);
        struct client *c = client_connects(moongate_start(
            script_of_one(backend_address(b), "timeout = 1, connect_timeout = 1"), NULL));

        backend_sees(b, "version\r\n");
        backend_answers(b, answers[i]);
        backend_sees_closed(b);
        client_sends(c, "get k\r\n");
        client_sees_line_starting(c, failure_of(backend_address(b)));
        stage_clears();
    }
}

static void what_was_under_way_is_a_miss_if_the_pool_says_so(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "timeout = 0.2, stall_timeout = 60, on_failure = 'miss'";
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    client_sends(c, "get k1\r\nget k1 k2\r\n");
    backend_sees(b, "get k1\r\nget k1 k2\r\n");
    client_sees(c, "END\r\nEND\r\n"); /* after the timeout */
    client_sends(c, "gets k3\r\nset k3 0 0 1\r\nx\r\n");
    backend_sees(b, "gets k3\r\nset k3 0 0 1\r\nx\r\n");
    backend_closes(b);
    client_sees(c, "END\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sees_nothing_more(c);
}

static void an_answer_after_the_timeout_is_swallowed(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 0.2, stall_timeout = 60"), NULL));

    client_sends(c, "get k1\r\n");
    backend_sees(b, "get k1\r\n");
    client_sees(c, timeout_of(b));
    client_sends(c, "get k2\r\n");
    backend_sees(b, "get k2\r\n"); /* on the same connection */
    backend_answers(b, hit_and_end("k1", "late"));
    backend_answers(b, hit_and_end("k2", "right"));
    client_sees(c, hit_and_end("k2", "right"));
    client_sends(c, "set k3 0 0 1\r\nx\r\nget k4\r\n");
    backend_sees(b, "set k3 0 0 1\r\nx\r\nget k4\r\n");
    backend_answers(b, "STORED\r\n");
    backend_answers(b, hit_and_end("k4", "right"));
    client_sees(c, "STORED\r\n");
    client_sees(c, hit_and_end("k4", "right"));
    client_sees_nothing_more(c);
    assert_int_equal(backend_links(b), 1);
}

static void half_a_value_and_a_timeout_are_a_whole_error(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 0.2, stall_timeout = 60"), NULL));

    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "VALUE k 0 5\r\nhe");
    client_sees(c, timeout_of(b));
    client_sends(c, "get j\r\n");
    backend_sees(b, "get j\r\n");
    backend_answers(b, "llo\r\nEND\r\n");
    backend_answers(b, hit_and_end("j", "x"));
    client_sees(c, hit_and_end("j", "x"));
    client_sees_nothing_more(c);
}

static void a_timeout_costs_only_the_calls_that_are_late(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b),
                                          "timeout = 0.2, stall_timeout = 60");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1 b1 a2\r\nget a3\r\n");
    backend_sees(a, "get a1 a2\r\nget a3\r\n");
    backend_sees(b, "get b1\r\n");
    backend_answers(a, textf("%sEND\r\n%s", hit("a2", "x"), hit_and_end("a3", "y")));
    client_sees(c, hit("a2", "x"));
    client_sees(c, timeout_of(b));
    client_sees(c, hit_and_end("a3", "y"));
}

static void a_stalled_connection_is_closed_and_made_again(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 60, stall_timeout = 0.2"), NULL));

    client_sends(c, "mg k1\r\nget k2\r\n");
    backend_sees(b, "mg k1\r\nget k2\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_sees_closed(b);
    backend_sees(b, "get k2\r\n"); /* once more */
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_sees_closed(b);
    backend_sees_links(b, 3);
    client_sees_nothing_more(c);
}

static void an_idle_connection_does_not_stall(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_by_letter(backend_address(b), address_of_nobody(), "stall_timeout = 0.1"), NULL);
    struct client *c = client_connects(m);

    /* Time passes while a route of its own answers. */
    for (double start = stage_now(); stage_now() < start + 0.5;) client_sees_nothing_more(c);
    get_misses(c, "a", b, "a");
    assert_int_equal(backend_links(b), 1);
}

static void a_frozen_server_times_out_and_thaws(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        script_of_one(memcached_address(s), "timeout = 0.2, stall_timeout = 1"), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set k 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    memcached_freezes(s);
    client_sends(c, "get k\r\nget k k\r\nset k 0 0 1\r\ny\r\n");
    for (int i = 0; i < 3; i++) client_sees_line_starting(c, failure_of(memcached_address(s)));
    memcached_thaws(s);
    client_asks_until(c, "get j\r\n", "END\r\n");
    client_sends(c, "set k 0 0 1\r\nz\r\nget k\r\n");
    client_sees(c, textf("STORED\r\n%s", hit_and_end("k", "z")));
}

static void calls_over_the_depth_limit_fail_at_once(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "depth = 2, timeout = 60"), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "get k1\r\nget k2\r\n");
    backend_sees(b, "get k1\r\nget k2\r\n");
    client_sends(other, "get k3\r\n");
    client_sees_line_starting(other, failure_of(backend_address(b))); /* while two wait */
    backend_answers(b, hit_and_end("k1", "x"));
    client_sees(c, hit_and_end("k1", "x"));
    client_sends(other, "get k4\r\n");
    backend_sees(b, "get k4\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\n");
    client_sees(other, "END\r\n");
}

static void a_pool_keeps_a_key_on_one_server(void **state)
{
    static const char *const options[] = {"distribution = 'ketama'", "distribution = 'modula'", ""};
    struct backend *a = backend_listens(), *b = backend_listens();

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        unsigned shares[2] = {0};
        struct moongate *m =
            moongate_start(textf(MG "return mg.pool { '%s', '%s', %s }", backend_address(a),
                                 backend_address(b), options[i]),
                           NULL);
        struct client *c = client_connects(m);
        for (int key = 0; key < 100; key++) {
            struct backend *owner = NULL;
            client_sends(c, textf("get key%d\r\ngat 0 key%d\r\n", key, key));
            client_has_nothing_yet(c);
            for (double end = stage_now() + stage_deadline(); !owner && stage_now() < end;
                 stage_turns(1))
                owner = backend_has_input(a) ? a : backend_has_input(b) ? b : NULL;
            if (!owner) stage_fails("key%d goes nowhere", key);
            backend_sees(owner, textf("get key%d\r\ngat 0 key%d\r\n", key, key));
            backend_answers(owner, "END\r\nEND\r\n");
            client_sees(c, "END\r\nEND\r\n");
            shares[owner == b]++;
        }
        assert_in_range(shares[0], 10, 90);
        client_closes(c);
        moongate_signal(m, SIGTERM);
        moongate_exits(m, 0);
        backend_sees_closed(a);
        backend_sees_closed(b);
    }
}

static void a_pool_can_have_unix_sockets(void **state)
{
    struct backend *b = backend_listens_unix();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    get_finds(c, "k", b, "k", "x");
}

static void a_server_that_reads_slowly_gets_every_byte(void **state)
{
    enum { CLIENTS = 8, SIZE = 700000 };
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60, stall_timeout = 60"), NULL);
    struct client *clients[CLIENTS];
    bool seen[CLIENTS] = {false};

    backend_stops_reading(b);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], textf("set k%d 0 0 %d\r\n", i, SIZE));
        client_sends_bytes(clients[i], noise(SIZE, 100 + (unsigned)i), SIZE);
        client_sends(clients[i], "\r\n");
    }
    backend_reads_again(b);
    for (int n = 0; n < CLIENTS; n++) {
        int i = backend_sees_line(b)[strlen("set k")] - '0';
        backend_sees_bytes(b, noise(SIZE, 100 + (unsigned)i), SIZE);
        backend_sees(b, "\r\n");
        backend_answers(b, "STORED\r\n");
        client_sees(clients[i], "STORED\r\n");
        seen[i] = true;
    }
    for (int i = 0; i < CLIENTS; i++) assert_true(seen[i]);
}

static void stats_name_the_hash_of_a_pool_that_uses_it(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(textf(MG "local a = mg.pool { '%s', name = 'a', like = 'mcrouter' }\n"
                                "local b = mg.pool { '%s', name = 'b', hash = 'md5' }\n"
                                "return function(req) return a or b end\n",
                             backend_address(b), backend_address(b)),
                       NULL));

    client_sends(c, "stats pools\r\n");
    client_sees(c, "STAT a:distribution ch3\r\nSTAT a:hash its own\r\n");
    while (strcmp(client_sees_line(c), "STAT b:distribution ketama") != 0) continue;
    client_sees(c, "STAT b:hash md5\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_dead_backend_fails_its_requests_at_once_and_no_others),
        play(a_dead_backend_costs_no_time),
        play(what_a_dead_backend_has_is_a_miss_if_the_pool_says_so),
        play(a_backend_that_closes_fails_what_waits_and_is_connected_again),
        play(a_reset_is_as_good_as_a_close),
        play(a_restarted_server_is_used_again),
        play(moongate_starts_before_its_servers),
        play(no_request_is_sent_before_version_is_answered),
        play(a_server_that_does_not_answer_version_as_memcached_does_is_not_used),
        play(what_was_under_way_is_a_miss_if_the_pool_says_so),
        play(an_answer_after_the_timeout_is_swallowed),
        play(half_a_value_and_a_timeout_are_a_whole_error),
        play(a_timeout_costs_only_the_calls_that_are_late),
        play(a_stalled_connection_is_closed_and_made_again),
        play(an_idle_connection_does_not_stall),
        play(a_frozen_server_times_out_and_thaws),
        play(calls_over_the_depth_limit_fail_at_once),
        play(a_pool_keeps_a_key_on_one_server),
        play(a_pool_can_have_unix_sockets),
        play(a_server_that_reads_slowly_gets_every_byte),
        play(stats_name_the_hash_of_a_pool_that_uses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
