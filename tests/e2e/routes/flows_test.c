/* Routes made of others, beside everything that may happen meanwhile: order, noreply, several keys, quiet meta commands, long
 * values, servers and clients that go, reload and the end. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Two backends, and a route over their pools a and b. */
static struct backend *a, *b;

static const char *route_text(const char *route)
{
    return textf(MG "local a, b = mg.pool { '%s', name = 'a', timeout = 60 },\n"
                    "  mg.pool { '%s', name = 'b', timeout = 60 }\n"
                    "return %s\n",
                 backend_address(a), backend_address(b), route);
}

static struct moongate *moongate_routes(const char *route)
{
    a = backend_listens();
    b = backend_listens();
    return moongate_start(route_text(route), NULL);
}

static struct client *client_of(const char *route)
{
    return client_connects(moongate_routes(route));
}

static void both_see(const char *text)
{
    backend_sees(a, text);
    backend_sees(b, text);
}

/* --- order ------------------------------------------------------------------------------------- */

/* A set through a route, and at once a get that goes its own way to the same server. */
static void a_get_never_overtakes_the_set_before_it(void **state)
{
#define BY "mg.by_command { get = a, update = "
    static const char *const routes[] = {
        BY "mg.all_sync { function() return a end, b } }",
        BY "mg.all_sync { mg.modify_key { a, ensure = 'k' }, b } }",
        BY "function() return a end }",
        BY "mg.coalesce { function() return a end } }",
        BY "mg.async(function(req) return mg.call(a, req) end) }",
        "mg.by_command { get = function() return a end, update = a }",
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct client *c = client_of(routes[i]);
        client_sends(c, "set k 0 0 1\r\nx\r\nget k\r\nset k 0 0 1\r\ny\r\nget k\r\n");
        backend_sees(a, "set k 0 0 1\r\nx\r\nget k\r\nset k 0 0 1\r\ny\r\nget k\r\n");
        stage_clears();
    }
}

static void keys_of_one_get_keep_their_places(void **state)
{
    struct client *c = client_of("mg.by_prefix { { f = mg.failover { function() return a end, b }, "
                                 "n = mg.null() }, default = b }");
    client_sends(c, "get x1 f1 n1 f2 x2 f1\r\n");
    backend_sees(b, "get x1 x2\r\n");
    backend_sees(a, "get f1\r\nget f2\r\n"); /* one question for f1 */
    backend_answers(b, textf("%s%sEND\r\n", hit("x1", "1"), hit("x2", "22")));
    backend_answers(a, textf("%sEND\r\n", hit_and_end("f1", "f")));
    client_sees(c, textf("%s%s%s%sEND\r\n", hit("x1", "1"), hit("f1", "f"), hit("x2", "22"),
                         hit("f1", "f")));
    client_sees_nothing_more(c);
}

static void a_failed_key_of_a_get_leaves_the_others(void **state)
{
    struct client *c = client_of("mg.by_prefix { { e = mg.all_sync { a, mg.error 'closed' } }, "
                                 "default = mg.all_fastest { a, b } }");
    client_sends(c, "get k e j\r\n");
    backend_sees(a, "get k\r\nget e\r\nget j\r\n");
    backend_answers(a, textf("%sEND\r\nEND\r\n", hit_and_end("k", "1")));
    client_sees(c, textf("%sSERVER_ERROR closed\r\n", hit("k", "1")));
    client_sees_nothing_more(c);
}

/* --- what clients ask for in other ways --------------------------------------------------------- */

static void noreply_stays_silent_through_every_route(void **state)
{
    static const char *const routes[] = {
        "mg.all_sync { a, b }",
        "mg.all_async { a, b }",
        "mg.all_majority { a, b }",
        "mg.failover { a, b }",
        "mg.coalesce { a }",
        "mg.outstanding_limit { a, 9 }",
        "mg.negative_cache { a }",
        "mg.hedge { a, b }",
        "mg.near { mg.store { size = '1m', name = 'near' }, a }",
        "mg.log_requests { a }",
        "mg.delay { a, after = 0.01 }",
        "mg.compare { a, b }",
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct client *c = client_of(routes[i]);
        client_sends(c, "set k 0 0 1 noreply\r\nx\r\ndelete k noreply\r\n");
        backend_sees(a, "set k 0 0 1\r\nx\r\ndelete k\r\n");
        backend_answers(a, "SERVER_ERROR out of memory\r\nNOT_FOUND\r\n");
        if (strstr(routes[i], "failover")) {
            backend_sees(b, "set k 0 0 1\r\nx\r\n");
            backend_answers(b, "STORED\r\n");
        } else if (strstr(routes[i], "all_")) {
            backend_sees(b, "set k 0 0 1\r\nx\r\ndelete k\r\n");
            backend_answers(b, "STORED\r\nDELETED\r\n");
        }
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void quiet_meta_commands_stay_quiet_and_keep_their_key_and_opaque(void **state)
{
    struct client *c = client_of("mg.modify_key { mg.failover { a, b, on = { 'error', 'miss' } }, "
                                 "add = 'p:' }");
    client_sends(c, "mg k v k q O1\r\nms j 1 q\r\nx\r\nmg l v k q O2\r\nmn\r\n");
    backend_sees(a, "mg p:k v k O1\r\nms p:j 1\r\nx\r\nmg p:l v k O2\r\n");
    backend_answers(a, "EN\r\nHD\r\nEN\r\n");
    backend_sees(b, "mg p:k v k O1\r\nmg p:l v k O2\r\n");
    backend_answers(b, "EN\r\nVA 1 kp:l O2\r\nx\r\n");
    client_sees(c, "VA 1 kl O2\r\nx\r\nMN\r\n");
    client_sees_nothing_more(c);
}

static void base64_keys_are_rewritten_and_shown_as_they_came(void **state)
{
    struct client *c = client_of("mg.modify_key { mg.all_sync { a, b }, add = 'p:' }");
    client_sends(c, "mg AAEC b v k\r\n"); /* 00 01 02 */
    both_see("mg cDoAAQI= b v k\r\n");
    backend_answers(a, "VA 1 kcDoAAQI= b\r\nx\r\n");
    backend_answers(b, "EN\r\n");
    client_sees(c, "EN\r\n");
    client_sends(c, "mg AAEC b v k\r\n");
    both_see("mg cDoAAQI= b v k\r\n");
    backend_answers(b, "VA 1 kcDoAAQI= b\r\nx\r\n");
    backend_answers(a, "VA 1 kcDoAAQI= b\r\nx\r\n");
    client_sees(c, "VA 1 kAAEC b\r\nx\r\n");
    client_sees_nothing_more(c);
}

/* mg is answered with a key as it was stored, whichever form was asked for. */
static void a_key_is_shown_in_the_form_in_which_it_came(void **state)
{
    static const char *const plays[][4] = {
        {"mg YWI= b v k f", "mg cDphYg== b v k f", "VA 1 kp:ab f0\r\nx\r\n",
         "VA 1 kYWI= b f0\r\nx\r\n"},
        {"mg ab v k f", "mg p:ab v k f", "VA 1 kcDphYg== b f0\r\nx\r\n", "VA 1 kab f0\r\nx\r\n"},
        {"mg ab k", "mg p:ab k", "HD kcDphYg== b\r\n", "HD kab\r\n"},
        {"md YWI= b k", "md cDphYg== b k", "NF kcDphYg== b\r\n", "NF kYWI= b\r\n"},
        {"me YWI= b", "me cDphYg== b", "ME p:ab exp=-1\r\n", "ME YWI= exp=-1\r\n"},
    };
    static const char *const routes[] = {
        "mg.modify_key { a, add = 'p:' }", "mg.modify_key { mg.failover { a, b }, add = 'p:' }",
        "mg.modify_key { mg.async(function(req) return mg.call(a, req) end), add = 'p:' }",
        "mg.async(function(req) req.key = 'p:' .. req.key return mg.call(a, req) end)",
        "mg.async(function(req)\n"
        "  req.key = 'p:' .. req.key\n"
        "  local res = mg.call(a, req)\n"
        "  req.key = 'q:' .. req.key\n"
        "  return res\n"
        "end)"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct client *c = client_of(routes[i]);
        for (size_t k = 0; k < sizeof plays / sizeof *plays; k++) {
            client_sends(c, textf("%s\r\n", plays[k][0]));
            backend_sees(a, textf("%s\r\n", plays[k][1]));
            backend_answers(a, plays[k][2]);
            client_sees(c, plays[k][3]);
        }
        stage_clears();
    }
}

static void cas_passes_through_but_no_other_place_s(void **state)
{
    struct client *c = client_of("mg.failover { a, b, on = 'miss' }");
    client_sends(c, "gets k\r\n");
    backend_sees(a, "gets k\r\n");
    backend_answers(a, "VALUE k 7 1 18446744073709551615\r\nx\r\nEND\r\n");
    client_sees(c, "VALUE k 7 1 18446744073709551615\r\nx\r\nEND\r\n");
    client_sends(c, "gets k\r\n");
    backend_sees(a, "gets k\r\n");
    backend_answers(a, "END\r\n");
    backend_sees(b, "gets k\r\n");
    backend_answers(b, "VALUE k 7 1 18446744073709551615\r\nx\r\nEND\r\n");
    client_sees(c, "VALUE k 7 1 9223372036854775807\r\nx\r\nEND\r\n");
    client_sends(c, "cas k 7 0 1 18446744073709551615\r\ny\r\n");
    backend_sees(a, "cas k 7 0 1 18446744073709551615\r\ny\r\n");
    backend_answers(a, "EXISTS\r\n");
    client_sees(c, "EXISTS\r\n");
    client_sees_nothing_more(c);
}

static void long_values_reach_all_and_come_back_whole(void **state)
{
    static const size_t sizes[] = {1, 1023, 1024, 1025, 9000, 70000, 500000};
    struct client *c = client_of("mg.all_sync { a, mg.delay { b, after = 0.001 } }");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        char *value = noise(n, (unsigned)i);
        const char *head = textf("set k 0 0 %zu\r\n", n);
        client_sends(c, head);
        client_sends_bytes(c, value, n);
        client_sends(c, "\r\nget k\r\n");
        struct backend *of[] = {a, b};
        for (unsigned k = 0; k < 2; k++) {
            backend_sees(of[k], head);
            backend_sees_bytes(of[k], value, n);
            backend_sees(of[k], "\r\n");
            if (k == 0) {
                backend_sees(a, "get k\r\n");
                backend_answers(a, "STORED\r\n");
                backend_answers(a, textf("VALUE k 0 %zu\r\n", n));
                backend_answers_bytes(a, value, n);
                backend_answers(a, "\r\nEND\r\n");
            }
        }
        backend_sees(b, "get k\r\n");
        backend_answers(b, "STORED\r\n");
        backend_answers(b, textf("VALUE k 0 %zu\r\n", n));
        backend_answers_bytes(b, value, n);
        backend_answers(b, "\r\nEND\r\n");
        client_sees(c, "STORED\r\n");
        client_sees(c, textf("VALUE k 0 %zu\r\n", n));
        client_sees_bytes(c, value, n);
        client_sees(c, "\r\nEND\r\n");
    }
    client_sees_nothing_more(c);
}

/* --- servers ----------------------------------------------------------------------------------- */

/* Bytes behind a miss are no answer to the call that the miss brought about on the same connection. */
static void a_second_try_on_one_server_is_not_answered_by_what_came_before(void **state)
{
    struct backend *only = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "local p, q = mg.pool { '%s', name = 'p' }, mg.pool { '%s', name = 'q' }\n"
                 "return mg.failover { p, q, on = 'miss' }\n",
              backend_address(only), backend_address(only)),
        NULL));
    client_sends(c, "get k\r\n");
    backend_sees(only, "get k\r\n");
    backend_answers(only, textf("END\r\n%s", hit_and_end("k", "not asked for")));
    client_sees(c, "END\r\n");
    backend_sees_closed(only);
    client_sees_nothing_more(c);
}

static void a_lost_server_is_failed_over_for_all_that_waited(void **state)
{
    struct client *c = client_of("mg.failover { a, b }");
    client_sends(c, "get k1\r\nset k2 0 0 1\r\nx\r\nget k3 k4\r\n");
    backend_sees(a, "get k1\r\nset k2 0 0 1\r\nx\r\nget k3\r\nget k4\r\n");
    backend_stops_listening(a);
    backend_closes(a);
    /* The gets have waited for another connection. */
    backend_sees(b, "set k2 0 0 1\r\nx\r\nget k1\r\nget k3\r\nget k4\r\n");
    backend_answers(b,
                    textf("STORED\r\n%sEND\r\n%s", hit_and_end("k1", "1"), hit_and_end("k4", "4")));
    client_sees(c, textf("%sSTORED\r\n%s", hit_and_end("k1", "1"), hit_and_end("k4", "4")));
    client_sees_nothing_more(c);
}

/* --- clients ----------------------------------------------------------------------------------- */

static void a_client_that_goes_leaves_its_flows_to_end(void **state)
{
    static const char *const routes[] = {
        "mg.failover { a, b }",
        "mg.all_sync { a, b }",
        "mg.coalesce { mg.failover { a, b } }",
        "mg.hedge { a, b }",
        "mg.compare { a, mg.null(), share = 1 }",
        "mg.near { mg.store { size = '1m', name = 'near' }, a }",
        "mg.negative_cache { a }",
        "mg.outstanding_limit { a, 1 }",
        "mg.delay { a, after = 0.001 }",
        "mg.async(function(req) return mg.call(a, req) end)",
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct moongate *m = moongate_routes(routes[i]);
        struct client *gone = client_connects(m), *stays = client_connects(m);
        client_sends(gone, "get k\r\nset k 0 0 1\r\nx\r\n");
        backend_sees(a, "get k\r\n");
        client_resets(gone);
        client_sends(stays, "version\r\n");
        client_sees_line_starting(stays, "VERSION ");
        if (!strstr(routes[i], "limit")) backend_sees(a, "set k 0 0 1\r\nx\r\n");
        backend_answers(a, hit_and_end("k", "x"));
        if (!strstr(routes[i], "limit")) backend_answers(a, "STORED\r\n");
        client_sends(stays, "get other\r\n");
        backend_sees(a, "get other\r\n");
        backend_answers(a, hit_and_end("other", "o"));
        if (strstr(routes[i], "all_sync")) {
            backend_sees(b, "get k\r\nset k 0 0 1\r\nx\r\nget other\r\n");
            backend_answers(b, textf("END\r\nSTORED\r\n%s", hit_and_end("other", "o")));
        }
        client_sees(stays, hit_and_end("other", "o"));
        stage_clears();
    }
}

/* --- reload and the end ------------------------------------------------------------------------ */

static const char *const in_flight[] = {
    "mg.failover { mg.set_ttl { a, 5 }, b }",
    "mg.all_sync { a, function() return a end }",
    "mg.coalesce { mg.log_requests { a } }",
    "mg.hedge { a, b, least = 30, most = 30 }",
    "mg.compare { a, mg.null(), share = 1 }",
    "mg.near { mg.store { size = '1m', name = 'near' }, mg.outstanding_limit { a, 5 } }",
    "mg.negative_cache { mg.outstanding_limit { a, 5 } }",
    "mg.delay { a, before = 0.001 }",
    "mg.shadow { a, to = a, share = 1 }",
    "mg.key_split { mg.all_fastest { a }, 3, id = 0, first_hit = true }",
};

static void what_is_in_flight_at_a_reload_ends_as_it_began(void **state)
{
    for (size_t i = 0; i < sizeof in_flight / sizeof *in_flight; i++) {
        struct moongate *m = moongate_routes(in_flight[i]);
        struct client *c = client_connects(m);
        bool twice = strstr(in_flight[i], "all_sync"); /* a function's leg goes later */
        client_sends(c, "get k\r\n");
        backend_sees(a, twice ? "get k\r\nget k\r\n" : "get k\r\n");
        moongate_reloads(m, route_text("mg.null()"));
        client_sends(c, "get k\r\n");
        backend_answers(a, hit_and_end("k", "x"));
        if (twice) backend_answers(a, hit_and_end("k", "x"));
        client_sees(c, textf("%sEND\r\n", hit_and_end("k", "x")));
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* A second signal ends it at once, whatever waits; the stage checks that it does so cleanly. */
static void it_ends_cleanly_with_anything_in_flight(void **state)
{
    for (size_t i = 0; i < sizeof in_flight / sizeof *in_flight; i++) {
        struct moongate *m = moongate_routes(in_flight[i]);
        struct client *c = client_connects(m), *d = client_connects(m);
        client_sends(c, "get k\r\nset k 0 0 1\r\nx\r\n");
        client_sends(d, "get k j\r\nmg k q\r\nincr k 1 noreply\r\n");
        backend_sees(a, "get k\r\n");
        client_sends(d, "verbosity 1\r\n");
        moongate_signal(m, SIGTERM);
        moongate_sees_log(m, "draining");
        moongate_signal(m, SIGTERM);
        moongate_ends(m);
        stage_clears();
    }
}

/* The process stands still until the times of both have come: the first one's end takes the second one, which is to come yet. */
static void an_alarm_that_is_due_goes_with_its_flow(void **state)
{
    struct backend *first = backend_listens(), *second = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local first, second = mg.pool { '%s', timeout = 60 }, mg.pool { '%s' }\n"
                 "local late = mg.delay { first, after = 1 }\n"
                 "local both = mg.hedge { late, second, least = 1.5, most = 1.5 }\n"
                 "return function(req) return req.key == 'plain' and first or both end\n",
              backend_address(first), backend_address(second)),
        NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(c, "get k\r\n");
    backend_sees(first, "get k\r\n");
    backend_answers(first, hit_and_end("k", "x"));
    get_finds(other, "plain", first, "plain", "y"); /* the answer before it has been read, too */
    kill(worker, SIGSTOP);
    for (double end = stage_now() + 1.6; stage_now() < end;) stage_turns(10);
    kill(worker, SIGCONT);
    client_sees(c, hit_and_end("k", "x"));
    get_finds(other, "plain", first, "plain", "y");
    backend_has_nothing_yet(second);
    assert_int_equal(moongate_worker(m), worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_get_never_overtakes_the_set_before_it),
        play(keys_of_one_get_keep_their_places),
        play(a_failed_key_of_a_get_leaves_the_others),
        play(noreply_stays_silent_through_every_route),
        play(quiet_meta_commands_stay_quiet_and_keep_their_key_and_opaque),
        play(base64_keys_are_rewritten_and_shown_as_they_came),
        play(a_key_is_shown_in_the_form_in_which_it_came),
        play(cas_passes_through_but_no_other_place_s),
        play(long_values_reach_all_and_come_back_whole),
        play(a_second_try_on_one_server_is_not_answered_by_what_came_before),
        play(a_lost_server_is_failed_over_for_all_that_waited),
        play(a_client_that_goes_leaves_its_flows_to_end),
        play(what_is_in_flight_at_a_reload_ends_as_it_began),
        play(it_ends_cleanly_with_anything_in_flight),
        play(an_alarm_that_is_due_goes_with_its_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
