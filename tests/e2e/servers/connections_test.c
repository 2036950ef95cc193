/* Connections to servers: what ends them, whose fault that is, what is sent once more; and pools whose servers take little at once.
 */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

static struct moongate *before(struct backend *b, const char *options)
{
    return moongate_start(script_of_one(backend_address(b), options), NULL);
}

static unsigned long count(struct client *c, struct backend *b, const char *name)
{
    return stat_number(c, "servers", textf("%s:%s", backend_address(b), name));
}

static void passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(1);
}

/* --- idle -------------------------------------------------------------------------------------- */

static void a_server_that_closes_idle_connections_is_not_ill(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "");
    struct client *c = client_connects(m);
    for (unsigned i = 1; i <= 6; i++) {
        get_finds(c, "k", b, "k", "x");
        passes(0.15); /* longer than probe_min, much less than probe_settle */
        backend_closes(b);
        backend_sees_links(b, i + 1);
    }
    get_finds(c, "k", b, "k", "x");
    assert_int_equal(count(c, b, "falls"), 0);
    moongate_sees_log(m, " idle connection");
    assert_int_equal(moongate_log_count(m, ": down"), 0);
    assert_int_equal(moongate_log_count(m, " warn "), 0);
}

/* One that does so at once, again and again, is left alone for longer and longer. */
static void a_server_that_closes_at_once_is_tried_less_and_less(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "probe_min = 0.05"));
    double begun = stage_now();
    for (unsigned i = 1; i <= 6; i++) {
        backend_closes(b);
        backend_sees_links(b, i + 1);
    }
    assert_true(stage_now() - begun > 0.75 * (0.1 + 0.2 + 0.4 + 0.8));
    assert_true(count(c, b, "falls") > 0);
}

static void an_idle_connection_is_asked_whether_it_is_still_known(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "idle_probe = 0.1, stall_timeout = 1"));
    for (int i = 0; i < 3; i++) {
        backend_sees(b, "version\r\n");
        backend_answers(b, "VERSION 1.6.18\r\n");
    }
    assert_int_equal(backend_links(b), 1);
    get_finds(c, "k", b, "k", "x");
    backend_sees(b, "version\r\n"); /* forgotten on the way: nobody answers */
    backend_sees_closed(b);
    get_finds(c, "k", b, "k", "y");
    assert_int_equal(count(c, b, "falls"), 0);
}

/* --- sent once more ---------------------------------------------------------------------------- */

static void a_get_that_was_lost_unheard_is_sent_once_more(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "timeout = 60, stall_timeout = 60"));
    const char *failure = failure_of(backend_address(b));
    client_sends(c, "get a\r\ngets b c\r\nmg d v\r\ngat 5 e\r\nset f 0 0 1\r\nx\r\nget g\r\n");
    backend_sees(b, "get a\r\ngets b c\r\nmg d v\r\ngat 5 e\r\nset f 0 0 1\r\nx\r\nget g\r\n");
    backend_closes(b);
    backend_sees(b, "get a\r\ngets b c\r\nget g\r\n");
    backend_answers(b, textf("%sVALUE c 0 1 7\r\ny\r\nEND\r\nEND\r\n", hit_and_end("a", "x")));
    client_sees(c, textf("%sVALUE c 0 1 7\r\ny\r\nEND\r\n", hit_and_end("a", "x")));
    for (int i = 0; i < 3; i++) client_sees_line_starting(c, failure);
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

static void what_was_answered_in_part_is_not_sent_again(void **state)
{
    static const char answer[] = "VALUE a 0 1\r\nx\r\nEND\r\n";
    for (size_t cut = 1; cut < sizeof answer - 1; cut += 4) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(before(b, "timeout = 60, stall_timeout = 60"));
        client_sends(c, "get a\r\nget b\r\n");
        backend_sees(b, "get a\r\nget b\r\n");
        backend_answers_bytes(b, answer, cut);
        backend_closes(b);
        client_sees_line_starting(c, failure_of(backend_address(b)));
        backend_sees(b, "get b\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void a_get_is_sent_no_more_than_twice_and_only_within_its_time(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "timeout = 60, stall_timeout = 60"));
    client_sends(c, "get a\r\n");
    for (int i = 0; i < 2; i++) {
        backend_sees(b, "get a\r\n");
        backend_closes(b);
    }
    client_sees_line_starting(c, failure_of(backend_address(b)));
    get_misses(c, "b", b, "b");
    stage_clears();
    b = backend_listens();
    c = client_connects(before(b, "timeout = 0.2, connect_timeout = 60"));
    client_sends(c, "get a\r\n");
    backend_sees(b, "get a\r\n");
    backend_stays_silent(b);
    backend_closes(b);
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
}

/* --- whose fault it is ------------------------------------------------------------------------- */

/* One client's requests make the server close; others ask all the time, and it is never down for them. */
static void a_client_whose_requests_end_connections_takes_no_server_down(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *one = client_connects(m), *other = client_connects(m);
    for (int i = 0; i < 8; i++) {
        client_sends(one, "gat 5 k\r\n");
        backend_sees(b, "gat 5 k\r\n");
        client_sends(other, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_closes(b);
        client_sees_line_starting(one, failure_of(backend_address(b)));
        backend_sees(b, "get k\r\n");
        backend_answers(b, hit_and_end("k", "x"));
        client_sees(other, hit_and_end("k", "x"));
        get_finds(other, "k2", b, "k2", "y");
    }
    assert_int_equal(count(other, b, "falls"), 0);
    assert_int_equal(count(other, b, "refused"), 0);
}

/* For every client: then it is the server. */
static void a_server_that_closes_on_everybody_goes_down(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, probe_min = 0.05");
    struct client *last = client_connects(m);
    for (int i = 0; i < 4; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "mg k v\r\n");
        backend_sees(b, "mg k v\r\n");
        backend_closes(b);
        client_sees_line_starting(c, failure_of(backend_address(b)));
        backend_sees_links(b, (unsigned)i + 2);
    }
    assert_in_range(count(last, b, "falls"), 1, 3);
    assert_int_equal(count(last, b, "falls_closed"), count(last, b, "falls"));
}

/* Each fall is counted with its cause. */
static void falls_say_why(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(before(b, "timeout = 0.05, failure_limit = 2, probe_min = 0.05, "
                                  "connect_timeout = 0.2, stall_timeout = 60"));
    client_sends(c, "get a\r\nget b\r\n");
    for (int i = 0; i < 2; i++)
        client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
    stat_becomes(c, "servers", textf("%s:falls_timeout", backend_address(b)), "1");
    backend_sees(b, "get a\r\nget b\r\n");
    backend_sees_closed(b);
    assert_int_equal(count(c, b, "falls"), 1);
    stage_clears();
    const char *nobody = address_of_nobody();
    c = client_connects(moongate_start(script_of_one(nobody, ""), NULL));
    stat_becomes(c, "servers", textf("%s:falls_connect", nobody), "1");
    assert_int_equal(stat_number(c, "servers", textf("%s:falls", nobody)), 1);
}

/* --- on_failure -------------------------------------------------------------------------------- */

/* A failed mg is a miss as a server would say it: EN with what k and O repeat, nothing with q. */
static void a_failed_mg_is_a_miss_where_the_pool_says_so(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "on_failure = 'miss'"));
    backend_stops_listening(b);
    backend_closes(b);
    stat_becomes(c, "servers", textf("%s:down", backend_address(b)), "1");
    client_sends(
        c,
        "mg a v\r\nmg a v k O1\r\nmg a O1 v k t\r\nmg YSBi k b v\r\nmg a v q\r\nmg a k q O2\r\n");
    client_sees(c, "EN\r\nEN ka O1\r\nEN O1 ka\r\nEN kYSBi b\r\n");
    client_sends(c, "md a\r\nmn\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sees(c, "MN\r\n");
    client_sees_nothing_more(c);
}

/* A server that refuses the line of a store may have left its value in the stream: that connection is closed, and no
 * get of a client with it. */
static void a_refused_store_costs_other_clients_nothing(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *one = client_connects(m), *other = client_connects(m);
    for (int i = 0; i < 6; i++) {
        client_sends(one, "set k 0 0 9\r\nflush_all\r\n");
        backend_sees(b, "set k 0 0 9\r\nflush_all\r\n");
        client_sends(other, "get a\r\nget b\r\n");
        backend_sees(b, "get a\r\nget b\r\n");
        backend_answers(b, "CLIENT_ERROR no\r\nOK\r\n");
        client_sees(one, "CLIENT_ERROR no\r\n");
        backend_sees_closed(b);
        backend_sees(b, "get a\r\nget b\r\n");
        backend_answers(b, textf("%sEND\r\n", hit_and_end("a", "x")));
        client_sees(other, textf("%sEND\r\n", hit_and_end("a", "x")));
    }
    assert_int_equal(count(other, b, "falls"), 0);
}

/* --- servers that take little ------------------------------------------------------------------ */

static void one_call_at_a_time_and_the_others_wait(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "requests = 'one', timeout = 60, stall_timeout = 60, depth = 4");
    struct client *one = client_connects(m), *other = client_connects(m);
    client_sends(one, "get a b\r\nset c 0 0 1\r\nx\r\n");
    backend_sees(b, "get a b\r\n");
    client_sends(other, "mg d v\r\n");
    struct client *third = client_connects(m);
    const char *in_flight = textf("%s:in_flight", backend_address(b));
    stat_becomes(third, "servers", in_flight, "3");
    backend_has_nothing_yet(b);
    client_sends(other, "get e\r\nget f\r\n");
    stat_becomes(third, "servers", in_flight, "4");
    backend_answers(b, hit_and_end("b", "2"));
    client_sees(one, hit_and_end("b", "2"));
    backend_sees(b, "set c 0 0 1\r\nx\r\n");
    backend_has_nothing_yet(b);
    backend_answers(b, "STORED\r\n");
    client_sees(one, "STORED\r\n");
    backend_sees(b, "mg d v\r\n");
    backend_answers(b, "EN\r\n");
    backend_sees(b, "get e\r\n");
    backend_answers(b, hit_and_end("e", "5"));
    client_sees(other, textf("EN\r\n%s", hit_and_end("e", "5")));
    client_sees(other, textf("%stoo many calls wait\r\n", failure_of(backend_address(b))));
    client_sees_nothing_more(other);
    assert_int_equal(backend_links(b), 1);
}

/* What waits behind the one call outlives the connection; the call does not, unless it is a get. */
static void what_waits_behind_one_call_outlives_its_connection(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(before(b, "requests = 'one', timeout = 60, stall_timeout = 60"));
    client_sends(c, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\nget c\r\n");
    backend_sees(b, "set a 0 0 1\r\nx\r\n");
    backend_closes(b);
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_sees(b, "set b 0 0 1\r\ny\r\n");
    backend_answers(b, "STORED\r\n");
    backend_sees(b, "get c\r\n");
    backend_closes(b);
    backend_sees(b, "get c\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "STORED\r\nEND\r\n");
    client_sees_nothing_more(c);
}

static void a_call_that_waited_too_long_is_not_sent_any_more(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        before(b, "requests = 'one', timeout = 0.2, stall_timeout = 60, failure_limit = 100"));
    client_sends(c, "get a\r\nset b 0 0 1\r\nx\r\nset n 0 0 1 noreply\r\ny\r\n");
    backend_sees(b, "get a\r\n");
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
    backend_answers(b, "END\r\n");
    get_misses(c, "d", b, "d");
}

static void a_get_is_split_where_the_pool_says_so(void **state)
{
    static const char *const plays[][3] = {
        {"keys_per_get = 2", "get a b c d e\r\n", "get a b\r\nget c d\r\nget e\r\n"},
        {"keys_per_get = 1", "gets a b\r\n", "gets a\r\ngets b\r\n"},
        {"keys_per_get = 5", "gat 9 a b c d e\r\n", "gat 9 a b c d e\r\n"},
    };
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(before(b, plays[i][0]));
        client_sends(c, plays[i][1]);
        backend_sees(b, plays[i][2]);
        for (const char *at = plays[i][2]; (at = strchr(at, '\n')); at++)
            backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void a_gets_line_is_no_longer_than_the_pool_says(void **state)
{
    char request[8192] = "get", *end = request + 3;
    struct backend *b = backend_listens();
    struct client *c = client_connects(before(b, "line_max = 512"));
    for (int i = 0; i < 100; i++) end += sprintf(end, " key%060d", i);
    client_sends(c, textf("%s\r\n", request));
    for (int keys = 0; keys < 100;) {
        const char *line = backend_sees_line(b);
        if (strlen(line) > 512) stage_fails("%zu bytes", strlen(line));
        for (const char *at = line; (at = strchr(at, ' ')); at++) keys++;
        backend_answers(b, "END\r\n");
    }
    client_sees(c, "END\r\n");
}

/* --- who shares a call (I11) ------------------------------------------------------------------- */

/* Keys of one get go to one server through two pools: each has its own pool's time and failure. */
static void keys_of_two_pools_share_no_call(void **state)
{
    static const char *const options[] = {"on_failure = 'miss', ", ""};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = backend_listens();
        const char *at = backend_address(b);
        struct client *c = client_connects(moongate_start(
            textf(MG "mg.defaults { stall_timeout = 60, failure_limit = 100 }\n"
                     "local a = mg.pool { '%s', %stimeout = 0.1 }\n"
                     "local b = mg.pool { '%s', timeout = 60 }\n"
                     "return function(req) return req:has_prefix 'a' and a or b end\n",
                  at, options[i], at),
            NULL));
        client_sends(c, "get a1 b1 b2 a2\r\n");
        backend_sees(b, "get a1\r\nget b1 b2\r\nget a2\r\n");
        passes(0.3); /* a's time is over; what it lacks is a miss, or an error */
        backend_answers(b, textf("END\r\n%s%sEND\r\n", hit("b1", "1"), hit("b2", "2")));
        client_sees(c, textf("%s%s", hit("b1", "1"), hit("b2", "2")));
        client_sees_line_starting(c, options[i][0] ? "END" : textf("%stimeout", failure_of(at)));
        backend_answers(b, "END\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_closes_idle_connections_is_not_ill),
        play(a_server_that_closes_at_once_is_tried_less_and_less),
        play(an_idle_connection_is_asked_whether_it_is_still_known),
        play(a_get_that_was_lost_unheard_is_sent_once_more),
        play(what_was_answered_in_part_is_not_sent_again),
        play(a_get_is_sent_no_more_than_twice_and_only_within_its_time),
        play(a_client_whose_requests_end_connections_takes_no_server_down),
        play(a_server_that_closes_on_everybody_goes_down),
        play(a_refused_store_costs_other_clients_nothing),
        play(falls_say_why),
        play(a_failed_mg_is_a_miss_where_the_pool_says_so),
        play(one_call_at_a_time_and_the_others_wait),
        play(what_waits_behind_one_call_outlives_its_connection),
        play(a_call_that_waited_too_long_is_not_sent_any_more),
        play(a_get_is_split_where_the_pool_says_so),
        play(a_gets_line_is_no_longer_than_the_pool_says),
        play(keys_of_two_pools_share_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
