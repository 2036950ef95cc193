/* A server that fails: when it is taken for down, what that costs whom, and how it comes back.
 *
 * Where each way in which a proxy has failed before its backends is held (rows of the page of faults):
 *
 *   6  impossible lengths        anomaly_test: impossible_lengths_close
 *  10  slow reader, much traffic chaos_test: sixty_four_clients_behind_a_slow_line_get_their_own_values;
 *                                pools_test: a_server_that_reads_slowly_gets_every_byte
 *  11  part of a value, silence  anomaly_test: half_a_value_and_then_silence_is_one_whole_error,
 *                                a_backend_that_dies_within_a_value_fails_the_whole_request;
 *                                pools_test: half_a_value_and_a_timeout_are_a_whole_error
 *  12  late answer               anomaly_test: a_late_answer_reaches_nobody_and_those_behind_it_are_right
 *  13  answers cut anywhere      splitting_test: responses_cut_at_every_byte_mean_the_same;
 *                                anomaly_test: an_answer_of_one_byte_each_ten_milliseconds_is_an_answer
 *  14  more than was asked for   anomaly_test: bytes_behind_an_answer_close_when_nothing_is_asked,
 *                                unsolicited_bytes_close_an_idle_connection,
 *                                bytes_behind_the_answer_to_version_are_nobodys
 *  15  order within a packet     memcached_test: every_command_works; ordering_test:
 *                                a_client_reads_what_it_wrote_though_there_are_many_connections
 *  16  another key or opaque     anomaly_test: a_value_for_another_key_closes and its neighbours,
 *                                a_meta_answer_to_another_request_closes
 *  30  flapping                  probing_test: flapping_backs_off_and_is_seen,
 *                                a_server_of_garbage_is_tried_less_and_less
 *  31  depth of the queue        a_queue_over_its_depth_fails_fast_and_drains_by_itself,
 *                                a_queue_that_timed_out_drains_by_itself
 *  32  all servers down          a_pool_of_dead_servers_answers_at_once
 *  42  time that jumps           a_pause_of_moongate_itself_is_no_fault_of_a_server
 *
 * How a server comes back is in probing_test, rehashing in rehash_test, random faults of all kinds in chaos_test.
 */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What "at once" is, the quickest of several tries: machines that test are busy. */
static double at_once(void)
{
    return stage_is_sanitized() ? 0.1 : 0.01;
}

static void client_fails_at_once(struct client *c, const char *request, const char *start)
{
    enum { TRIES = 20 };
    double least = at_once() + 1;
    for (int i = 0; i < TRIES; i++) {
        double begun = stage_now();
        client_sends(c, request);
        client_sees_line_starting(c, start);
        double took = stage_now() - begun;
        if (took < least) least = took;
    }
    if (least > at_once()) stage_fails("%s takes %.4f s", octets_escape(request, 9), least);
}

static const char *stat_of(const char *server, const char *name)
{
    return textf("%s:%s", server, name);
}

static void server_is_down(struct client *c, const char *server)
{
    stat_becomes(c, "servers", stat_of(server, "down"), "1");
    assert_string_equal(stat_text(c, "servers", stat_of(server, "state")), "down");
}

static void server_is_back(struct client *c, const char *server)
{
    stat_becomes(c, "servers", stat_of(server, "state"), "ready");
    stat_becomes(c, "servers", stat_of(server, "down"), "0");
}

/* --- when it is down ------------------------------------------------------------------------- */

static void a_server_that_refuses_is_down_at_once(void **state)
{
    const char *dead = address_of_nobody();
    struct client *c = client_connects(moongate_start(script_of_one(dead, "timeout = 60"), NULL));

    server_is_down(c, dead);
    client_fails_at_once(c, "get k\r\n", failure_of(dead));
    assert_int_equal(stat_number(c, "servers", stat_of(dead, "falls")), 1);
}

/* The first calls wait for the connection, which may still be made; later ones do not. */
static void is_down_after_connecting(const char *server, const char *reason)
{
    const char *options = "connect_timeout = 0.3, probe_min = 60, probe_max = 60, timeout = 60";
    const char *failure = textf("%s%s", failure_of(server), reason);
    struct client *c = client_connects(moongate_start(script_of_one(server, options), NULL));

    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, failure);
    client_fails_at_once(c, "get k\r\n", failure);
    server_is_down(c, server);
}

static void a_server_that_nobody_can_reach_is_down_after_the_connect_timeout(void **state)
{
    is_down_after_connecting(address_of_a_full_queue(), "connect timeout");
}

static void a_server_that_accepts_and_is_silent_is_down_after_the_connect_timeout(void **state)
{
    struct backend *b = backend_listens();
    backend_stays_silent(b);
    is_down_after_connecting(backend_address(b), "no answer to version");
}

static void client_times_out(struct client *c, struct backend *b, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    backend_sees(b, textf("get %s\r\n", key));
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
}

static void three_timeouts_in_a_row_are_a_fall_and_a_good_probe_ends_it(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "timeout = 0.1, stall_timeout = 60, probe_min = 0.5";
    const char *failure = failure_of(backend_address(b));
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    client_times_out(c, b, "k1");
    client_times_out(c, b, "k2");
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "down")), 0);
    client_times_out(c, b, "k3");
    client_fails_at_once(c, "get k4\r\n", textf("%stimeout (3 calls in a row)", failure));
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    server_is_back(c, backend_address(b));
    get_finds(c, "k5", b, "k5", "x");
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 1);
}

static void an_answer_in_between_starts_the_count_again(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "timeout = 0.1, stall_timeout = 60";
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    for (int i = 0; i < 3; i++) {
        client_times_out(c, b, "k1");
        client_times_out(c, b, "k2");
        backend_answers(b, "END\r\n"); /* a late one is one, too */
        client_sends(c, "get k3\r\n");
        backend_sees(b, "get k3\r\n");
        backend_answers(b, "END\r\nEND\r\n");
        client_sees(c, "END\r\n");
    }
    assert_int_equal(backend_links(b), 1);
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 0);
}

static void a_server_that_only_swallows_is_down_after_its_stall_timeout(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *options = "timeout = 60, stall_timeout = 0.2, connect_timeout = 0.2";
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), options), NULL));

    memcached_freezes(s);
    client_sends(c, "set k 0 0 1 noreply\r\nx\r\n"); /* nobody waits for the answer */
    server_is_down(c, memcached_address(s));
    memcached_thaws(s);
    server_is_back(c, memcached_address(s));
}

static void a_server_that_leaves_while_it_is_down_leaves_no_trace(void **state)
{
    struct backend *b = backend_listens();
    const char *with = script_of_one(backend_address(b), "probe_min = 0.05, probe_max = 0.05");
    struct moongate *m = moongate_start(with, NULL);
    struct client *c = client_connects(m);

    backend_stops_listening(b);
    backend_closes(b);
    server_is_down(c, backend_address(b));
    moongate_reloads(m, script_of_one(address_of_nobody(), ""));
    backend_listens_again(b);
    moongate_reloads(m, with);
    server_is_back(c, backend_address(b));
}

/* --- what it costs --------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static const double SICK_TIMEOUT = 0.3;

/* How long gets take, in seconds: nine of ten; all but one of a hundred. */
struct pace {
    double p90, p99;
};

static struct pace pace_of_gets(struct client *c, const char *key)
{
    enum { GETS = 1000 };
    static double took[GETS];
    for (int i = 0; i < GETS; i++) {
        double begun = stage_now();
        client_sends(c, textf("get %s\r\n", key));
        client_sees(c, hit_and_end(key, "x"));
        took[i] = stage_now() - begun;
    }
    qsort(took, GETS, sizeof *took, by_size);
    return (struct pace){took[GETS * 90 / 100], took[GETS * 99 / 100]};
}

/* A get that waits for a server that does not answer takes the whole timeout. A busy machine delays a few of those that do not
 * wait, but not by half of it. */
static bool is_slow(struct pace p)
{
    return p.p90 > at_once() || p.p99 > SICK_TIMEOUT / 2;
}

static void prints_pace(const char *when, struct pace p)
{
    printf("gets beside a stopped server, %s: p90 %.0f us, p99 %.0f us\n", when, p.p90 * 1e6,
           p.p99 * 1e6);
}

static void a_stopped_server_takes_only_its_own_keys(void **state)
{
    struct memcached *well = memcached_start(NULL), *sick = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_by_letter(memcached_address(well), memcached_address(sick),
                                        textf("timeout = %g", SICK_TIMEOUT)),
                       NULL);
    struct client *c = client_connects(m), *others[8];

    client_sends(c, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\nSTORED\r\n");
    prints_pace("before", pace_of_gets(c, "a"));
    memcached_freezes(sick);
    for (int i = 0; i < 8; i++) {
        others[i] = client_connects(m);
        client_sends(others[i], "get b\r\nget b\r\nget a\r\n");
    }
    struct pace during = pace_of_gets(c, "a");
    for (int i = 0; i < 8; i++) {
        client_sees_line_starting(others[i], failure_of(memcached_address(sick)));
        client_sees_line_starting(others[i], failure_of(memcached_address(sick)));
        client_sees(others[i], hit_and_end("a", "x"));
    }
    server_is_down(c, memcached_address(sick));
    client_fails_at_once(c, "get b\r\n", failure_of(memcached_address(sick)));
    struct pace down = pace_of_gets(c, "a");
    prints_pace("while its calls time out", during);
    prints_pace("while it is down", down);
    if (is_slow(during) || is_slow(down)) stage_fails("other servers' keys wait");
    memcached_thaws(sick);
    server_is_back(c, memcached_address(sick));
    assert_false(is_slow(pace_of_gets(c, "b"))); /* it still has what it had */
}

/* The answers come while moongate does not look: they are there, so nothing is late. */
static void a_pause_of_moongate_itself_is_no_fault_of_a_server(void **state)
{
    enum { GETS = 10, SIZE = 100000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 0.2"), NULL);
    struct client *c = client_connects(m);
    char *data = noise(SIZE, 3);

    pid_t worker = moongate_worker(m);
    for (int i = 0; i < GETS; i++) client_sends(c, textf("get k%d\r\n", i));
    for (int i = 0; i < GETS; i++) backend_sees(b, textf("get k%d\r\n", i));
    kill(worker, SIGSTOP);
    for (int i = 0; i < GETS; i++) {
        backend_answers(b, textf("VALUE k%d 0 %d\r\n", i, i ? 1 : SIZE));
        backend_answers_bytes(b, data, i ? 1 : SIZE);
        backend_answers(b, "\r\nEND\r\n");
    }
    for (double end = stage_now() + 0.4; stage_now() < end;) stage_turns(10);
    kill(worker, SIGCONT);
    for (int i = 0; i < GETS; i++) {
        client_sees(c, textf("VALUE k%d 0 %d\r\n", i, i ? 1 : SIZE));
        client_sees_bytes(c, data, i ? 1 : SIZE);
        client_sees(c, "\r\nEND\r\n");
    }
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "timeouts")), 0);
    assert_int_equal(backend_links(b), 1);
}

static void a_pool_of_dead_servers_answers_at_once(void **state)
{
    static const char *const options[] = {"", "on_failure = 'miss'", "on_failure = 'rehash'",
                                          "on_failure = 'rehash', eject_floor = 0",
                                          "on_failure = 'rehash', eject_floor = 1"};
    static const char *const requests[] = {"get k\r\n",
                                           "get k1 k2 k3 k4 k5 k6 k7 k8\r\n",
                                           "set k 0 0 1\r\nx\r\n",
                                           "delete k\r\n",
                                           "incr k 1\r\n",
                                           "touch k 1\r\n",
                                           "mg k v\r\n",
                                           "ms k 1\r\nx\r\n",
                                           "md k\r\n"};
    for (size_t o = 0; o < sizeof options / sizeof *options; o++) {
        struct client *c = client_connects(moongate_start(
            textf(MG "return mg.pool { '%s', '%s', '%s', %s }\n", address_of_nobody(),
                  address_of_nobody(), address_of_nobody(), options[o]),
            NULL));
        for (size_t r = 0; r < sizeof requests / sizeof *requests; r++) {
            const char *failure = "SERVER_ERROR 127.0.0.1:";
            if (strstr(options[o], "miss") && strncmp(requests[r], "get", 3) == 0) failure = "END";
            if (strstr(options[o], "miss") && strncmp(requests[r], "mg", 2) == 0) failure = "EN";
            client_fails_at_once(c, requests[r], failure);
        }
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* --- the queue ------------------------------------------------------------------------------- */

/* A client has at most 16 requests under way as long as none was answered. */
enum { CROWD = 20, REQUESTS = 2500, DEPTH = 100 };

/* Gets of one key would share a call; gats do not. */
static void crowd_sends_gats(struct moongate *m, struct client *crowd[CROWD])
{
    struct octets requests = {0};
    for (int i = 0; i < REQUESTS; i++) octets_add(&requests, "gat 0 k\r\n", 9);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = client_connects(m);
        client_sends_bytes(crowd[i], octets_at(&requests), octets_n(&requests));
    }
    octets_release(&requests);
}

/* One reply a request: the value or the failure. How many were the value. */
static int crowd_sees_replies(struct client *crowd[CROWD], const char *failure)
{
    int hits = 0;
    for (int i = 0; i < CROWD * REQUESTS; i++) {
        struct client *c = crowd[i / REQUESTS];
        const char *line = client_sees_line(c);
        if (strncmp(line, failure, strlen(failure)) == 0) continue;
        assert_string_equal(line, "VALUE k 0 1");
        client_sees(c, "x\r\nEND\r\n");
        hits++;
    }
    for (int i = 0; i < CROWD; i++) client_sees_nothing_more(crowd[i]);
    return hits;
}

static void a_queue_over_its_depth_fails_fast_and_drains_by_itself(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s),
                                     textf("timeout = 60, stall_timeout = 60, depth = %d", DEPTH)),
                       NULL);
    struct client *crowd[CROWD], *other = client_connects(m);
    const char *too_many = textf("%stoo many calls wait", failure_of(memcached_address(s)));
    const char *in_flight = stat_of(memcached_address(s), "in_flight");

    client_sends(other, "set k 0 0 1\r\nx\r\n");
    client_sees(other, "STORED\r\n");
    memcached_freezes(s);
    crowd_sends_gats(m, crowd);
    stat_becomes(other, "servers", in_flight, textf("%d", DEPTH));
    client_fails_at_once(other, "get k\r\n", too_many);
    memcached_thaws(s);
    stat_becomes(other, "servers", in_flight, "0");
    assert_in_range(crowd_sees_replies(crowd, too_many), DEPTH, CROWD * REQUESTS);
    assert_int_equal(stat_number(other, "servers", stat_of(memcached_address(s), "falls")), 0);
}

static void a_queue_that_timed_out_drains_by_itself(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *options = "timeout = 0.3, stall_timeout = 60, failure_limit = 1000000";
    struct moongate *m = moongate_start(
        script_of_one(memcached_address(s), textf("%s, depth = %d", options, DEPTH)), NULL);
    struct client *crowd[CROWD], *other = client_connects(m);
    const char *in_flight = stat_of(memcached_address(s), "in_flight");

    memcached_freezes(s);
    crowd_sends_gats(m, crowd);
    assert_int_equal(crowd_sees_replies(crowd, failure_of(memcached_address(s))), 0);
    assert_int_equal(stat_number(other, "servers", in_flight), DEPTH);
    memcached_thaws(s);
    stat_becomes(other, "servers", in_flight, "0");
    client_sends(other, "get k\r\n");
    client_sees(other, "END\r\n");
    client_sees_nothing_more(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_refuses_is_down_at_once),
        play(a_server_that_nobody_can_reach_is_down_after_the_connect_timeout),
        play(a_server_that_accepts_and_is_silent_is_down_after_the_connect_timeout),
        play(three_timeouts_in_a_row_are_a_fall_and_a_good_probe_ends_it),
        play(an_answer_in_between_starts_the_count_again),
        play(a_server_that_only_swallows_is_down_after_its_stall_timeout),
        play(a_server_that_leaves_while_it_is_down_leaves_no_trace),
        play(a_stopped_server_takes_only_its_own_keys),
        play(a_pause_of_moongate_itself_is_no_fault_of_a_server),
        play(a_pool_of_dead_servers_answers_at_once),
        play(a_queue_over_its_depth_fails_fast_and_drains_by_itself),
        play(a_queue_that_timed_out_drains_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
