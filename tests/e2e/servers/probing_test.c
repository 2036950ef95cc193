/* How a server that was down, or a connection that was lost, comes back: how often it is tried, by whom, and what of that an
 * operator sees. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/relay.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(1);
}

static const char *stat_of(const char *server, const char *name)
{
    return textf("%s:%s", server, name);
}

static void server_is_down(struct client *c, const char *server)
{
    stat_becomes(c, "servers", stat_of(server, "down"), "1");
}

/* Seconds until the backend has that many links. */
static double time_to_link(struct backend *b, unsigned n)
{
    double begun = stage_now();
    backend_sees_links(b, n);
    return stage_now() - begun;
}

/* --- one connection -------------------------------------------------------------------------- */

static void a_good_connection_that_closes_is_made_again_at_once_but_only_once(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "probe_min = 0.4"), NULL));

    backend_closes(b);
    assert_true(time_to_link(b, 2) < 0.25);
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 0);
    backend_closes(b); /* a second time within probe_settle: 2 x probe_min, less a quarter */
    server_is_down(c, backend_address(b));
    assert_true(time_to_link(b, 3) > 0.55);
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 1);
}

static void what_was_before_is_forgotten_when_a_connection_has_lived_long_enough(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "probe_min = 0.4, probe_settle = 0.1";
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    for (unsigned i = 2; i < 6; i++) {
        passes(0.12);
        backend_closes(b);
        assert_true(time_to_link(b, i) < 0.25);
    }
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 0);
}

/* Each connection says something that nobody asked for, right behind its version or a moment later, and is closed. */
static void a_server_of_garbage_is_tried_less_and_less(void **state)
{
    enum { ROUNDS = 6 };
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_of_one(backend_address(b), "probe_min = 0.02"), NULL));
    double delay = 0.02;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        backend_answers(b, "\001garbage\r\n");
        backend_sees_closed(b);
        double took = time_to_link(b, i + 1);
        if (i > 1 && took < 0.75 * delay - 0.01) stage_fails("after %.3f s, try %u", took, i);
        delay *= 2;
    }
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "desyncs")), ROUNDS);
    assert_in_range(stat_number(c, "servers", stat_of(backend_address(b), "falls")), 1, ROUNDS);
}

static void a_client_is_told_why_the_last_try_failed(void **state)
{
    struct backend *b = backend_listens();
    const char *options =
        "timeout = 0.1, failure_limit = 1, connect_timeout = 0.1, probe_max = 0.1";
    const char *failure = failure_of(backend_address(b));
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    backend_stays_silent(b);
    client_sends(c, "get k\r\nget l\r\n");
    client_sees(c, textf("%stimeout\r\n%stimeout\r\n", failure, failure));
    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, textf("%stimeout (2 calls in a row)", failure));
    client_asks_until(c, "get k\r\n", textf("%sno answer to version\r\n", failure));
    backend_stops_listening(b);
    client_asks_until(c, "get k\r\n", textf("%sConnection refused\r\n", failure));
}

/* Each probe is good, and each call after it waits in vain. */
static void a_server_that_answers_nothing_but_version_is_tried_less_and_less(void **state)
{
    enum { FALLS = 5 };
    struct backend *b = backend_listens();
    const char *options = "timeout = 0.02, failure_limit = 2, probe_min = 0.05";
    const char *failure = failure_of(backend_address(b));
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    for (unsigned i = 1; i <= FALLS; i++) {
        stat_becomes(c, "servers", stat_of(backend_address(b), "state"), "ready");
        client_sends(c, "get k\r\nget l\r\n");
        for (int k = 0; k < 2; k++) client_sees(c, textf("%stimeout\r\n", failure));
        server_is_down(c, backend_address(b));
        double took = time_to_link(b, i + 1), least = 0.75 * 0.05 * (1U << (i - 1));
        if (took < least - 0.01) stage_fails("after %.3f s, not %.3f, try %u", took, least, i);
    }
    assert_int_equal(stat_number(c, "servers", stat_of(backend_address(b), "falls")), FALLS);
}

/* --- flapping -------------------------------------------------------------------------------- */

/* How many connections can have ended in that time, at the quickest: a good one and the try that follows it at once, and again after each
 * back-off, which is short by a quarter and grows up to `longest`. */
static unsigned long closes_at_most(double seconds, double longest)
{
    unsigned long closes = 2;
    double delay = 0.1, at = 0.75 * delay;
    for (; at <= seconds; at += 0.75 * delay) {
        closes += 2;
        delay = 2 * delay < longest ? 2 * delay : longest;
    }
    return closes;
}

/* Up and down each 200 ms. FLAP_SECONDS makes it longer, with probe_max as it is by default. */
static void flapping_backs_off_and_is_seen(void **state)
{
    const char *asked = getenv("FLAP_SECONDS");
    double seconds = asked ? strtod(asked, NULL) : 4;
    struct memcached *s = memcached_start(NULL);
    struct relay *r = relay_before(memcached_address(s));
    const char *server = relay_address(r);
    struct client *c =
        client_connects(moongate_start(script_of_one(server, asked ? "" : "probe_max = 1"), NULL));

    stat_becomes(c, "servers", stat_of(server, "state"), "ready");
    double begun = stage_now();
    while (stage_now() < begun + seconds) {
        relay_does(r, HARM_REFUSE, 0);
        passes(0.2);
        relay_does(r, HARM_NONE, 0);
        passes(0.2);
    }
    unsigned long closes = stat_number(c, "servers", stat_of(server, "closes"));
    unsigned long connects = stat_number(c, "servers", stat_of(server, "connects"));
    unsigned long falls = stat_number(c, "servers", stat_of(server, "falls"));
    double took = stage_now() - begun; /* more than was meant, on a busy machine */
    printf("flapping for %.1f s: %lu tries, %lu good, %lu falls\n", took, closes, connects, falls);
    assert_in_range(closes, 3, closes_at_most(took, asked ? 10 : 1));
    assert_in_range(falls, 1, connects + 1);
    stat_becomes(c, "servers", stat_of(server, "state"), "ready");
    client_sends(c, "get k\r\n");
    client_sees(c, "END\r\n");
}

/* --- several connections --------------------------------------------------------------------- */

/* Its clients do not go to the other one meanwhile: their requests would overtake each other on the way there and back. */
static void a_connection_that_is_down_costs_only_its_own_clients(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "connections = 2, connect_timeout = 0.1, probe_max = 0.1, timeout = 60";
    struct moongate *m = moongate_start(script_of_one(backend_address(b), options), NULL);
    struct client *c[2] = {client_connects(m), client_connects(m)}, *well, *sick;
    const char *failure = failure_of(backend_address(b));

    backend_sees_links(b, 2);
    client_sends(c[0], "get k\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c[0], "END\r\n");
    well = c[0];
    sick = c[1];
    backend_stays_silent(b);
    backend_closes_other_links(b);
    client_asks_until(sick, "get k\r\n", textf("%sno answer to version\r\n", failure));
    for (int round = 0; round < 20; round++) {
        client_sends(sick, "get k\r\n");
        client_sees_line_starting(sick, failure);
        get_finds(well, "j", b, "j", "x");
        passes(0.02);
    }
    assert_string_equal(stat_text(well, "servers", stat_of(backend_address(b), "state")),
                        "degraded");
    assert_int_equal(stat_number(well, "servers", stat_of(backend_address(b), "down")), 0);
    assert_int_equal(stat_number(well, "servers", stat_of(backend_address(b), "falls")), 0);
    backend_speaks_again(b);
    stat_becomes(well, "servers", stat_of(backend_address(b), "state"), "ready");
}

static void one_connection_probes_and_the_others_follow_when_it_is_good(void **state)
{
    enum { CONNECTIONS = 8 };
    struct backend *b = backend_listens();
    const char *options = textf("connections = %d, connect_timeout = 0.1, probe_min = 0.05, "
                                "probe_max = 0.05",
                                CONNECTIONS);
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    backend_sees_links(b, CONNECTIONS);
    backend_stops_listening(b);
    for (int i = 0; i < CONNECTIONS; i++) backend_closes(b);
    server_is_down(c, backend_address(b));
    backend_stays_silent(b);
    backend_listens_again(b);
    passes(1);
    /* A probe takes 0.1 s, the pause after it 0.04 at least. */
    unsigned probes = backend_links(b) - CONNECTIONS;
    printf("%u probes in a second\n", probes);
    assert_in_range(probes, 2, 8);
    backend_speaks_again(b);
    backend_sees_links(b, 2 * CONNECTIONS);
    stat_becomes(c, "servers", stat_of(backend_address(b), "state"), "ready");
    stat_becomes(c, "servers", stat_of(backend_address(b), "ready"), textf("%d", CONNECTIONS));
}

static void several_connections_fall_together_when_calls_time_out(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *options = "connections = 4, timeout = 0.1, connect_timeout = 0.1, probe_max = 0.1";
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), options), NULL);
    struct client *c = client_connects(m);

    stat_becomes(c, "servers", stat_of(memcached_address(s), "ready"), "4");
    memcached_freezes(s);
    client_sends(c, "get k\r\nget l\r\nget m\r\n");
    for (int i = 0; i < 3; i++) client_sees_line_starting(c, failure_of(memcached_address(s)));
    server_is_down(c, memcached_address(s));
    assert_int_equal(stat_number(c, "servers", stat_of(memcached_address(s), "ready")), 0);
    memcached_thaws(s);
    stat_becomes(c, "servers", stat_of(memcached_address(s), "ready"), "4");
    assert_int_equal(stat_number(c, "servers", stat_of(memcached_address(s), "falls")), 1);
}

/* It falls ill: it closes each connection after mn. That it knows meta commands and gat is not forgotten for that. */
static void
a_server_that_has_answered_mn_is_not_taken_for_another_when_it_closes_on_it(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    struct moongate *m = moongate_start(
        script_of_one(backend_address(b), "probe_min = 0.01, probe_max = 0.02"), NULL);
    struct client *c = client_connects(m);
    const char *name = backend_address(b);
    stat_becomes(c, "servers", textf("%s:state", name), "ready");
    backend_is(b, 2, "VERSION 1.6.18\r\n", NULL);
    unsigned links = backend_links(b);
    backend_closes(b);
    while (backend_links(b) < links + 8) stage_turns(1);
    client_sends(c, "gat 0 k\r\n");
    client_sees_line_starting(c, textf("SERVER_ERROR %s", name));
    client_sends(c, "mg k N5\r\n");
    client_sees_line_starting(c, textf("SERVER_ERROR %s", name));
    backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    stat_becomes(c, "servers", textf("%s:state", name), "ready");
    client_sends(c, "mg k N5\r\n");
    backend_sees(b, "mg k N5\r\n");
    backend_answers(b, "EN\r\n");
    client_sees(c, "EN\r\n");
    assert_int_equal(moongate_log_count(m, "no meta commands"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_good_connection_that_closes_is_made_again_at_once_but_only_once),
        play(what_was_before_is_forgotten_when_a_connection_has_lived_long_enough),
        play(a_server_of_garbage_is_tried_less_and_less),
        play(a_client_is_told_why_the_last_try_failed),
        play(a_server_that_answers_nothing_but_version_is_tried_less_and_less),
        play(flapping_backs_off_and_is_seen),
        play(a_connection_that_is_down_costs_only_its_own_clients),
        play(one_connection_probes_and_the_others_follow_when_it_is_good),
        play(a_server_that_has_answered_mn_is_not_taken_for_another_when_it_closes_on_it),
        play(several_connections_fall_together_when_calls_time_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
