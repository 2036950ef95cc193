/* Policies that make several calls, or none: which, when, and which answer counts. The backends are played. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

static struct backend *a, *b, *d;

static struct moongate *moongate_routes(const char *route)
{
    a = backend_listens();
    b = backend_listens();
    d = backend_listens();
    return moongate_start(textf(MG "local a, b, d = mg.pool { '%s', name = 'a', timeout = 60 },\n"
                                   "  mg.pool { '%s', name = 'b', timeout = 60 },\n"
                                   "  mg.pool { '%s', name = 'd', timeout = 60 }\n"
                                   "return %s\n",
                                backend_address(a), backend_address(b), backend_address(d), route),
                          NULL);
}

/* What was sent before has been acted on, and nothing of it has reached that backend. */
static void gets_nothing(struct backend *of, struct client *c)
{
    client_sends(c, "verbosity 1\r\nmn\r\n");
    backend_has_nothing_yet(of);
}

/* --- coalesce ---------------------------------------------------------------------------------- */

static void equal_gets_in_flight_share_one_call(void **state)
{
    struct moongate *m = moongate_routes("mg.coalesce { a }");
    struct client *c[5];
    for (int i = 0; i < 5; i++) {
        c[i] = client_connects(m);
        client_sends(c[i], i == 3 ? "get other k\r\n" : "get k\r\n");
        if (i == 0) backend_sees(a, "get k\r\n");
        if (i == 3) backend_sees(a, "get other\r\n");
    }
    client_sends(c[4], "gets k\r\n");
    backend_sees(a, "gets k\r\n");
    client_resets(c[1]);
    backend_answers(a, hit_and_end("k", "x"));
    backend_answers(a, "END\r\n");
    client_sees(c[0], hit_and_end("k", "x"));
    client_sees(c[2], hit_and_end("k", "x"));
    client_sees(c[3], hit_and_end("k", "x"));
    client_sees(c[4], hit_and_end("k", "x"));
    backend_answers(a, "VALUE k 0 1 7\r\nx\r\nEND\r\n");
    client_sees(c[4], "VALUE k 0 1 7\r\nx\r\nEND\r\n");
    client_sends(c[0], "get k\r\n"); /* nothing is in flight any more */
    backend_sees(a, "get k\r\n");
    backend_stops_listening(a);
    backend_closes(a);
    client_sees_line_starting(c[0], failure_of(backend_address(a)));
}

static void a_get_behind_a_write_never_shares_a_call_from_before(void **state)
{
    static const char *const writes[] = {"set k 0 0 1\r\ny\r\n", "delete k\r\n", "incr k 1\r\n",
                                         "ms k 1\r\ny\r\n", "touch k 5\r\n"};
    struct moongate *m = moongate_routes("mg.coalesce { a }");
    struct client *reader = client_connects(m), *writer = client_connects(m);
    static const char *const answers[] = {"STORED\r\n", "DELETED\r\n", "5\r\n", "HD\r\n",
                                          "TOUCHED\r\n"};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        client_sends(reader, "get k\r\n");
        backend_sees(a, "get k\r\n");
        client_sends(writer, textf("%sget k\r\nget k\r\n", writes[i]));
        backend_sees(a, writes[i]);
        backend_sees(a, "get k\r\n");
        backend_has_nothing_yet(a);
        backend_answers(a,
                        textf("%s%s%s", hit_and_end("k", "x"), answers[i], hit_and_end("k", "y")));
        client_sees(reader, hit_and_end("k", "x"));
        client_sees(writer,
                    textf("%s%s%s", answers[i], hit_and_end("k", "y"), hit_and_end("k", "y")));
    }
}

/* --- hedge ------------------------------------------------------------------------------------- */

static void a_slow_read_is_asked_of_the_second_too(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.hedge { a, b, least = 0.01, most = 0.01 }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "b"));
    client_sees(c, hit_and_end("k", "b"));
    backend_answers(a, hit_and_end("k", "a")); /* dropped */
    client_sends(c, "get k\r\nmg k v\r\n");
    backend_sees(a, "get k\r\nmg k v\r\n");
    backend_sees(b, "get k\r\nmg k v\r\n");
    backend_answers(a, textf("%sEN\r\n", hit_and_end("k", "a")));
    client_sees(c, textf("%sEN\r\n", hit_and_end("k", "a")));
    backend_answers(b, textf("%sEN\r\n", hit_and_end("k", "b")));
    client_sees_nothing_more(c);
}

/* The get behind them is slow and hedged; by then they would have been too. */
static void what_writes_or_tells_a_cas_id_is_never_asked_twice(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.hedge { a, b, least = 0.01, most = 0.01 }"));
    const char *sent =
        "set k 0 0 1\r\nx\r\ngets k\r\nincr k 1\r\ngat 5 k\r\nmg k c\r\nmg k N30\r\nget k\r\n";
    client_sends(c, sent);
    backend_sees(a, sent);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    backend_answers(a, "STORED\r\nEND\r\nNOT_FOUND\r\nEND\r\nEN\r\nEN\r\nEND\r\n");
    client_sees(c, "STORED\r\nEND\r\nNOT_FOUND\r\nEND\r\nEN\r\nEN\r\nEND\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

static void an_error_of_both_is_told_and_of_one_the_others_answer(void **state)
{
    struct client *c = client_connects(moongate_routes("mg.hedge { a, b, least = 30, most = 30 }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "SERVER_ERROR one\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "SERVER_ERROR two\r\n");
    client_sees(c, "SERVER_ERROR two\r\n");
    client_sends(c, "get k\r\nset k 0 0 1\r\nx\r\n");
    backend_sees(a, "get k\r\nset k 0 0 1\r\nx\r\n");
    backend_answers(a, "SERVER_ERROR one\r\nSERVER_ERROR three\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\nSERVER_ERROR three\r\n");
    client_sees_nothing_more(c);
}

/* --- negative_cache ---------------------------------------------------------------------------- */

static void a_miss_is_remembered_only_while_nothing_was_written(void **state)
{
    struct moongate *m =
        moongate_routes("mg.negative_cache { mg.by_command { get = a, update = b }, 60 }");
    struct client *reader = client_connects(m), *writer = client_connects(m);
    client_sends(reader, "get k\r\n"); /* it misses, but a write begins before it is answered */
    backend_sees(a, "get k\r\n");
    client_sends(writer, "set k 0 0 1\r\nx\r\n");
    backend_sees(b, "set k 0 0 1\r\nx\r\n");
    backend_answers(a, "END\r\n");
    client_sees(reader, "END\r\n");
    client_sends(reader, "get k\r\n"); /* not remembered; it misses before the write has ended */
    backend_sees(a, "get k\r\n");
    backend_answers(a, "END\r\n");
    client_sees(reader, "END\r\n");
    client_sends(reader, "get k\r\n"); /* that one was remembered */
    client_sees(reader, "END\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(writer, "STORED\r\n");
    client_sends(reader, "get k\r\n"); /* forgotten */
    backend_sees(a, "get k\r\n");
    backend_answers(a, hit_and_end("k", "x"));
    client_sees(reader, hit_and_end("k", "x"));
}

static void only_misses_are_remembered_and_not_for_ever(void **state)
{
    struct client *c = client_connects(moongate_routes("mg.negative_cache { a, 0.05 }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "SERVER_ERROR busy\r\n");
    client_sees(c, "SERVER_ERROR busy\r\n");
    get_misses(c, "k", a, "k");
    while (!backend_has_input(a)) {
        client_sends(c, "get k\r\n");
        stage_turns(5);
    }
    backend_sees(a, "get k\r\n");
}

/* More keys than there is room for: the others are asked for again, none is mixed up. */
static void what_it_remembers_is_bounded(void **state)
{
    enum { KEYS = 100 };
    struct client *c =
        client_connects(moongate_routes("mg.negative_cache { a, ttl = 60, keys = 8 }"));
    unsigned asked = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < KEYS; i++) {
            client_sends(c, textf("get k%d\r\nget real\r\n", i));
            char *line = backend_sees_line(a);
            bool is_asked = strcmp(line, "get real") != 0;
            if (is_asked) backend_answers(a, "END\r\n");
            if (is_asked) backend_sees(a, "get real\r\n");
            backend_answers(a, hit_and_end("real", "x"));
            client_sees(c, textf("END\r\n%s", hit_and_end("real", "x")));
            asked += is_asked && pass;
        }
    }
    assert_in_range(asked, KEYS - 8, KEYS);
}

/* --- limits ------------------------------------------------------------------------------------ */

static void over_the_limit_requests_get_an_error_or_another_route(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.by_prefix { { x = mg.outstanding_limit { b, 1 } }, "
                                        "default = mg.outstanding_limit { a, 2, over = b } }"));
    client_sends(c, "get 1\r\nget 2\r\nget 3\r\nget x1\r\nget x2\r\n");
    backend_sees(a, "get 1\r\nget 2\r\n");
    backend_sees(b, "get 3\r\nget x1\r\n");
    backend_answers(a, "END\r\nEND\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\nEND\r\nEND\r\nEND\r\nSERVER_ERROR too many requests are in flight\r\n");
    client_sends(c, "get 4\r\nget x3\r\n"); /* there is room again */
    backend_sees(a, "get 4\r\n");
    backend_sees(b, "get x3\r\n");
}

static void a_limited_route_that_is_busy_fails_over(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.failover { mg.outstanding_limit { a, 1 }, b }"));
    client_sends(c, "get 1\r\nget 2\r\n");
    backend_sees(a, "get 1\r\n");
    backend_sees(b, "get 2\r\n");
}

static void a_shadow_that_does_not_answer_is_left_out(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.shadow { a, to = b, share = 1, most = 2 }"));
    for (int i = 0; i < 4; i++) {
        client_sends(c, textf("get k%d\r\n", i));
        backend_sees(a, textf("get k%d\r\n", i));
        if (i < 2) backend_sees(b, textf("get k%d\r\n", i));
        backend_answers(a, "END\r\n");
        client_sees(c, "END\r\n");
    }
    gets_nothing(b, c);
    backend_answers(b, textf("%sSERVER_ERROR who cares\r\n", hit_and_end("k0", "x")));
    client_sees(c, "OK\r\nMN\r\n");
    client_sees_nothing_more(c);
}

/* --- copies and zones -------------------------------------------------------------------------- */

static void a_missed_copy_is_looked_for_in_all_others_at_once(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.key_split { a, 3, id = 1, first_hit = true }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k::1\r\n");
    backend_answers(a, "END\r\n");
    backend_sees(a, "get k::2\r\nget k\r\n");
    backend_answers(a, textf("END\r\n%s", hit_and_end("k", "x")));
    client_sees(c, hit_and_end("k", "x"));
    client_sends(c, "set k 0 0 1\r\ny\r\n"); /* its own copy's answer counts */
    backend_sees(a, "set k::1 0 0 1\r\ny\r\nset k::2 0 0 1\r\ny\r\nset k 0 0 1\r\ny\r\n");
    backend_answers(a, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    backend_answers(a, "SERVER_ERROR one\r\nSERVER_ERROR two\r\n");
    client_sees_nothing_more(c);
}

static void the_other_zones_are_asked_at_once_and_the_first_hit_counts(void **state)
{
    struct client *c =
        client_connects(moongate_routes("mg.zone_failover { here = 'x', zones = { x = a, y = b, z "
                                        "= d }, on = { 'error', 'miss' } }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_has_nothing_yet(b);
    backend_answers(a, "END\r\n");
    backend_sees(b, "get k\r\n");
    backend_sees(d, "get k\r\n");
    backend_answers(b, "END\r\n");
    gets_nothing(a, c);
    client_has_nothing_yet(c);
    backend_answers(d, hit_and_end("k", "z"));
    client_sees(c, textf("%sOK\r\nMN\r\n", hit_and_end("k", "z")));
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(equal_gets_in_flight_share_one_call),
        play(a_get_behind_a_write_never_shares_a_call_from_before),
        play(a_slow_read_is_asked_of_the_second_too),
        play(what_writes_or_tells_a_cas_id_is_never_asked_twice),
        play(an_error_of_both_is_told_and_of_one_the_others_answer),
        play(a_miss_is_remembered_only_while_nothing_was_written),
        play(only_misses_are_remembered_and_not_for_ever),
        play(what_it_remembers_is_bounded),
        play(over_the_limit_requests_get_an_error_or_another_route),
        play(a_limited_route_that_is_busy_fails_over),
        play(a_shadow_that_does_not_answer_is_left_out),
        play(a_missed_copy_is_looked_for_in_all_others_at_once),
        play(the_other_zones_are_asked_at_once_and_the_first_hit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
