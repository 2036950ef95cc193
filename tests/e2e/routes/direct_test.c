/* Policies that make no flow while their first call is all that is needed: every way in which more is needed after all. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Two backends, and a route over their pools a and b. */
static struct backend *a, *b;

static const char *route_text(const char *timeout, const char *route)
{
    return textf(MG "local a, b = mg.pool { '%s', name = 'a', timeout = %s },\n"
                    "  mg.pool { '%s', name = 'b', timeout = 60 }\n"
                    "return %s\n",
                 backend_address(a), timeout, backend_address(b), route);
}

static struct moongate *moongate_routes(const char *timeout, const char *route)
{
    a = backend_listens();
    b = backend_listens();
    return moongate_start(route_text(timeout, route), NULL);
}

static struct client *client_of(const char *route)
{
    return client_connects(moongate_routes("60", route));
}

/* --- the next child ------------------------------------------------------------------------------ */

/* asked: by the client; sent: to each server (NULL: the same); answer: of the second; seen: by the client (NULL: the same). */
struct form {
    const char *asked, *sent, *answer, *seen;
};

static const struct form forms[] = {
    {"get k\r\n", NULL, "VALUE k 3 1\r\nx\r\nEND\r\n", NULL},
    {"get k\r\n", NULL, "END\r\n", NULL},
    {"gets k\r\n", NULL, "VALUE k 0 1 7\r\nx\r\nEND\r\n",
     "VALUE k 0 1 9223372036854775807\r\nx\r\nEND\r\n"},
    {"gat 60 k\r\n", NULL, "VALUE k 0 1\r\nx\r\nEND\r\n", NULL},
    {"set k 5 60 3\r\nx y\r\n", NULL, "STORED\r\n", NULL},
    {"set k 5 60 0\r\n\r\n", NULL, "STORED\r\n", NULL},
    {"add k 5 -1 1\r\nx\r\n", NULL, "NOT_STORED\r\n", NULL},
    {"append k 0 0 1\r\nx\r\n", NULL, "STORED\r\n", NULL},
    {"set k 0 0 1 noreply\r\nx\r\n", "set k 0 0 1\r\nx\r\n", "STORED\r\n", ""},
    {"delete k\r\n", NULL, "DELETED\r\n", NULL},
    {"delete k noreply\r\n", "delete k\r\n", "NOT_FOUND\r\n", ""},
    {"incr k 18446744073709551615\r\n", NULL, "5\r\n", NULL},
    {"touch k 60\r\n", NULL, "TOUCHED\r\n", NULL},
    {"mg k v f t Oab k s\r\n", NULL, "VA 1 f7 t-1 Oab kk s1\r\nx\r\n", NULL},
    {"mg k v c\r\n", NULL, "VA 1 c7\r\nx\r\n", "VA 1 c9223372036854775807\r\nx\r\n"},
    {"mg k v q\r\n", "mg k v\r\n", "EN\r\n", ""},
    {"mg k v T60\r\n", NULL, "VA 1\r\nx\r\n", NULL},
    {"mg AAEC b v k\r\n", NULL, "VA 1 kAAEC b\r\nx\r\n", NULL},
    {"ms k 1 T60 F5 q\r\nx\r\n", "ms k 1 T60 F5\r\nx\r\n", "HD\r\n", ""},
    {"md k Oz\r\n", NULL, "HD Oz\r\n", NULL},
    {"ma k t v D3\r\n", NULL, "VA 1 t-1\r\n5\r\n", NULL},
};

static void every_request_goes_on_to_the_next_child_as_it_came(void **state)
{
    struct client *c = client_of("mg.failover { a, b }");
    for (const struct form *f = forms; f < forms + sizeof forms / sizeof *forms; f++) {
        const char *sent = f->sent ? f->sent : f->asked;
        client_sends(c, f->asked);
        backend_sees(a, sent);
        backend_answers(a, "SERVER_ERROR out of memory\r\n");
        backend_sees(b, sent);
        backend_answers(b, f->answer);
        client_sees(c, f->seen ? f->seen : f->answer);
    }
    client_sees_nothing_more(c);
}

static void a_miss_goes_on_where_it_is_named_and_nowhere_else(void **state)
{
    struct client *c = client_of("mg.failover { a, b, on = 'miss' }");
    client_sends(c, "get k\r\nmg k v k\r\nget k\r\ndelete k\r\n");
    backend_sees(a, "get k\r\nmg k v k\r\nget k\r\ndelete k\r\n");
    backend_answers(a, "END\r\nEN\r\nSERVER_ERROR busy\r\nNOT_FOUND\r\n");
    backend_sees(b, "get k\r\nmg k v k\r\ndelete k\r\n");
    backend_answers(b, textf("%sVA 1 kk\r\ny\r\nDELETED\r\n", hit_and_end("k", "x")));
    client_sees(c,
                textf("%sVA 1 kk\r\ny\r\nSERVER_ERROR busy\r\nDELETED\r\n", hit_and_end("k", "x")));
    client_sees_nothing_more(c);
}

static void a_compare_ends_with_the_first_child(void **state)
{
    struct client *c = client_of("mg.failover { a, b, on = { 'error', 'refused', 'miss' } }");
    client_sends(c, "cas k 0 0 1 5\r\nx\r\nms k 1 C5\r\nx\r\n");
    backend_sees(a, "cas k 0 0 1 5\r\nx\r\nms k 1 C5\r\nx\r\n");
    backend_answers(a, "SERVER_ERROR no\r\nEX\r\n");
    client_sees(c, "SERVER_ERROR no\r\nEX\r\n");
    backend_has_nothing_yet(b);
    client_sees_nothing_more(c);
}

static void a_key_of_several_goes_on_alone(void **state)
{
    struct client *c = client_of("mg.failover { a, b }");
    client_sends(c, "gets k1 k2 k3\r\n");
    backend_sees(a, "gets k1\r\ngets k2\r\ngets k3\r\n");
    backend_answers(a, "VALUE k1 0 1 8\r\n1\r\nEND\r\nSERVER_ERROR no\r\nEND\r\n");
    backend_sees(b, "gets k2\r\n");
    backend_answers(b, "VALUE k2 0 1 9\r\n2\r\nEND\r\n");
    client_sees(c, "VALUE k1 0 1 8\r\n1\r\nVALUE k2 0 1 9223372036854775807\r\n2\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* A value that was copied, one of the turn's memory, and one that is shared with the first call. */
static void a_value_is_sent_whole_a_second_time(void **state)
{
    static const size_t sizes[] = {1000, 9000, 300000};
    struct client *c = client_of("mg.failover { a, b }");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *value = noise(sizes[i], (unsigned)i + 1);
        const char *head = textf("set k 0 0 %zu\r\n", sizes[i]);
        struct backend *of[] = {a, b};
        client_sends(c, head);
        client_sends_bytes(c, value, sizes[i]);
        client_sends(c, "\r\n");
        for (unsigned k = 0; k < 2; k++) {
            backend_sees(of[k], head);
            backend_sees_bytes(of[k], value, sizes[i]);
            backend_sees(of[k], "\r\n");
            backend_answers(of[k], k == 0 ? "SERVER_ERROR no\r\n" : "STORED\r\n");
        }
        client_sees(c, "STORED\r\n");
    }
    client_sees_nothing_more(c);
}

static void a_server_that_goes_in_the_middle_of_an_answer_is_failed_over(void **state)
{
    struct client *c = client_of("mg.failover { a, b }");
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "VALUE k 0 10\r\n01234");
    backend_closes(a);
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "from b"));
    client_sees(c, hit_and_end("k", "from b"));
    client_sees_nothing_more(c);
}

static void a_late_answer_is_nobody_s(void **state)
{
    struct client *c = client_connects(moongate_routes("0.05", "mg.failover { a, b }"));
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(a, hit_and_end("k", "late"));
    backend_answers(b, hit_and_end("k", "in time"));
    client_sees(c, hit_and_end("k", "in time"));
    client_sees_nothing_more(c);
}

static void the_share_that_may_go_on_is_kept(void **state)
{
    struct client *c = client_of("mg.failover { a, b, share = 0.5, burst = 1 }");
    client_sends(c, "get k\r\nget l\r\n");
    backend_sees(a, "get k\r\nget l\r\n");
    backend_answers(a, "SERVER_ERROR no\r\nSERVER_ERROR no\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\nSERVER_ERROR no\r\n");
    client_sees_nothing_more(c);
}

/* A policy below a flow and below a function that waits: its result goes to a leg. */
static void a_policy_below_another_goes_on_as_well(void **state)
{
    static const char *const routes[] = {
        "mg.log_requests { mg.failover { a, b } }",
        "mg.coalesce { mg.failover { a, b } }",
        "mg.near { mg.store { size = '1m', name = 'near' }, mg.failover { a, b } }",
        "mg.negative_cache { mg.failover { a, b } }",
        "mg.failover { mg.coalesce { a }, mg.outstanding_limit { b, 5 } }",
        "mg.async(function(req) return mg.call(mg_failover, req) end)",
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        a = backend_listens();
        b = backend_listens();
        const char *route = textf(
            "(function() local mg_failover = mg.failover { a, b } return %s end)()", routes[i]);
        struct client *c = client_connects(moongate_start(route_text("60", route), NULL));
        client_sends(c, "get k1 k2\r\nset k 0 0 1\r\nx\r\n");
        backend_sees(a, "get k1\r\nget k2\r\nset k 0 0 1\r\nx\r\n");
        backend_answers(a,
                        textf("SERVER_ERROR no\r\n%sSERVER_ERROR no\r\n", hit_and_end("k2", "2")));
        backend_sees(b, "get k1\r\nset k 0 0 1\r\nx\r\n");
        backend_answers(b, textf("%sSTORED\r\n", hit_and_end("k1", "1")));
        client_sees(c, textf("%s%sEND\r\nSTORED\r\n", hit("k1", "1"), hit("k2", "2")));
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* --- others that wait for it --------------------------------------------------------------------- */

static void the_first_of_equal_gets_may_go_and_the_others_get_its_answer(void **state)
{
    struct moongate *m = moongate_routes("60", "mg.coalesce { a }");
    struct client *first = client_connects(m), *second = client_connects(m),
                  *third = client_connects(m);
    client_sends(first, "get k\r\n");
    backend_sees(a, "get k\r\n");
    client_sends(second, "get k\r\n");
    stat_becomes(third, "proxy", "cmd_get", "2");
    client_sends(third, "get k\r\nget other\r\n");
    backend_sees(a, "get other\r\n");
    client_resets(first);
    client_sends(second, "version\r\n");
    backend_answers(a, textf("%sEND\r\n", hit_and_end("k", "x")));
    client_sees(second, hit_and_end("k", "x"));
    client_sees_line_starting(second, "VERSION ");
    client_sees(third, textf("%sEND\r\n", hit_and_end("k", "x")));
    client_sends(third, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "END\r\n");
    client_sees(third, "END\r\n");
    client_sees_nothing_more(third);
}

static void the_failure_of_the_first_is_that_of_all(void **state)
{
    struct moongate *m = moongate_routes("60", "mg.coalesce { a }");
    struct client *one = client_connects(m), *other = client_connects(m);
    client_sends(one, "get k\r\n");
    backend_sees(a, "get k\r\n");
    client_sends(other, "get k\r\nget k2\r\n");
    backend_sees(a, "get k2\r\n");
    backend_answers(a, textf("SERVER_ERROR no\r\n%s", hit_and_end("k2", "y")));
    client_sees(one, "SERVER_ERROR no\r\n");
    client_sees(other, textf("SERVER_ERROR no\r\n%s", hit_and_end("k2", "y")));
    client_sees_nothing_more(one);
}

static void the_places_of_a_limit_are_given_back(void **state)
{
    struct client *c = client_of("mg.outstanding_limit { a, 1 }");
    for (unsigned i = 0; i < 3; i++) {
        client_sends(c, "get k\r\nget l\r\n");
        backend_sees(a, "get k\r\n");
        backend_answers(a, i == 1 ? "SERVER_ERROR no\r\n" : "END\r\n");
        client_sees(c, textf("%s\r\nSERVER_ERROR too many requests are in flight\r\n",
                             i == 1 ? "SERVER_ERROR no" : "END"));
    }
    client_sees_nothing_more(c);
}

/* --- all at once --------------------------------------------------------------------------------- */

/* The answers of a and b in both orders, and what the client gets. */
static void the_worst_of_all_counts_whichever_comes_first(void **state)
{
    static const char *const plays[][3] = {
        {"VALUE k 0 1\r\nx\r\nEND\r\n", "END\r\n", "END\r\n"},
        {"VALUE k 0 1\r\nx\r\nEND\r\n", "SERVER_ERROR no\r\n", "SERVER_ERROR no\r\n"},
        {"END\r\n", "SERVER_ERROR no\r\n", "SERVER_ERROR no\r\n"},
        {"VALUE k 0 1\r\nx\r\nEND\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n",
         "VALUE k 0 1\r\nx\r\nEND\r\n"},
    };
    struct client *c = client_of("mg.all_sync { a, b }");
    for (size_t i = 0; i < 2 * sizeof plays / sizeof *plays; i++) {
        struct backend *first = i % 2 ? a : b, *last = i % 2 ? b : a;
        client_sends(c, "get k\r\n");
        backend_sees(a, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_answers(first, plays[i / 2][i % 4 < 2]);
        client_has_nothing_yet(c);
        backend_answers(last, plays[i / 2][i % 4 >= 2]);
        client_sees(c, plays[i / 2][2]);
    }
    client_sees_nothing_more(c);
}

static void a_copy_that_is_late_is_swallowed(void **state)
{
    static const char *const routes[] = {"mg.all_initial { a, b }", "mg.all_fastest { a, b }",
                                         "mg.all_async { a, b }"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct client *c = client_of(routes[i]);
        client_sends(c, "set k 0 0 1\r\nx\r\nget k1 k2\r\n");
        backend_sees(a, "set k 0 0 1\r\nx\r\nget k1\r\nget k2\r\n");
        backend_answers(a, textf("STORED\r\nEND\r\n%s", hit_and_end("k2", "2")));
        client_sees(c, strstr(routes[i], "async") ? "NOT_STORED\r\nEND\r\n"
                                                  : textf("STORED\r\n%s", hit_and_end("k2", "2")));
        backend_sees(b, "set k 0 0 1\r\nx\r\nget k1\r\nget k2\r\n");
        backend_answers(b, "SERVER_ERROR no\r\nEND\r\nEND\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* --- a reload, and the end ----------------------------------------------------------------------- */

static const char *const in_flight[] = {"mg.failover { a, b }",
                                        "mg.coalesce { a }",
                                        "mg.negative_cache { a }",
                                        "mg.outstanding_limit { a, 5 }",
                                        "mg.all_sync { a, b }",
                                        "mg.l1_l2 { a, b }",
                                        "mg.near { mg.store { size = '1m', name = 'near' }, a }"};

static void what_is_out_at_a_reload_goes_on_by_the_old_routes(void **state)
{
    struct moongate *m = moongate_routes("60", "mg.failover { a, b }");
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    moongate_reloads(m, route_text("60", "mg.null()"));
    client_sends(c, "get k\r\n");
    backend_answers(a, "SERVER_ERROR no\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, textf("%sEND\r\n", hit_and_end("k", "x")));
    client_sees_nothing_more(c);
}

/* A second signal ends it at once; the stage checks that it does so cleanly. */
static void it_ends_cleanly_with_any_of_them_out(void **state)
{
    for (size_t i = 0; i < sizeof in_flight / sizeof *in_flight; i++) {
        struct moongate *m = moongate_routes("60", in_flight[i]);
        struct client *c = client_connects(m), *d = client_connects(m);
        client_sends(c, "get k\r\nget k j\r\nincr k 1\r\n");
        backend_sees(a, "get k\r\n");
        client_sends(d, "get k\r\nget l\r\n");
        client_sends(d, "verbosity 1\r\n");
        moongate_signal(m, SIGTERM);
        moongate_sees_log(m, "draining");
        moongate_signal(m, SIGTERM);
        moongate_ends(m);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_request_goes_on_to_the_next_child_as_it_came),
        play(a_miss_goes_on_where_it_is_named_and_nowhere_else),
        play(a_compare_ends_with_the_first_child),
        play(a_key_of_several_goes_on_alone),
        play(a_value_is_sent_whole_a_second_time),
        play(a_server_that_goes_in_the_middle_of_an_answer_is_failed_over),
        play(a_late_answer_is_nobody_s),
        play(the_share_that_may_go_on_is_kept),
        play(a_policy_below_another_goes_on_as_well),
        play(the_first_of_equal_gets_may_go_and_the_others_get_its_answer),
        play(the_failure_of_the_first_is_that_of_all),
        play(the_places_of_a_limit_are_given_back),
        play(the_worst_of_all_counts_whichever_comes_first),
        play(a_copy_that_is_late_is_swallowed),
        play(what_is_out_at_a_reload_goes_on_by_the_old_routes),
        play(it_ends_cleanly_with_any_of_them_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
