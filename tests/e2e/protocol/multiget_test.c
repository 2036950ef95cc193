/* One get of many keys: split by backend, merged in the client's order, with one END. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

static void a_get_is_split_into_one_request_a_backend(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1 b1 a2 a3 b2\r\n");
    backend_sees(a, "get a1 a2 a3\r\n");
    backend_sees(b, "get b1 b2\r\n");
    backend_answers(b, textf("%s%sEND\r\n", hit("b1", "B1"), hit("b2", "B2")));
    client_has_nothing_yet(c);
    backend_answers(a, textf("%s%s%sEND\r\n", hit("a1", "A1"), hit("a2", "A2"), hit("a3", "A3")));
    client_sees(c, textf("%s%s%s%s%sEND\r\n", hit("a1", "A1"), hit("b1", "B1"), hit("a2", "A2"),
                         hit("a3", "A3"), hit("b2", "B2")));
    client_sees_nothing_more(c);
    backend_has_nothing_yet(a);
    backend_has_nothing_yet(b);
}

static void misses_are_left_out(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1 b1 a2 b2\r\nget a3 b3\r\nget a4 b4\r\n");
    backend_sees(a, "get a1 a2\r\nget a3\r\nget a4\r\n");
    backend_sees(b, "get b1 b2\r\nget b3\r\nget b4\r\n");
    backend_answers(a, textf("%sEND\r\nEND\r\nEND\r\n", hit("a2", "x")));
    backend_answers(b, textf("%sEND\r\nEND\r\n%sEND\r\n", hit("b1", "y"), hit("b4", "z")));
    client_sees(
        c, textf("%s%sEND\r\nEND\r\n%sEND\r\n", hit("b1", "y"), hit("a2", "x"), hit("b4", "z")));
    client_sees_nothing_more(c);
}

static void a_key_asked_twice_is_answered_twice(void **state)
{
    struct memcached *a = memcached_start(NULL), *b = memcached_start(NULL);
    const char *script = script_by_letter(memcached_address(a), memcached_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "set a1 0 0 1\r\nx\r\nset b1 0 0 1\r\ny\r\n");
    client_sees(c, "STORED\r\nSTORED\r\n");
    client_sends(c, "get a1 a1 b1 a2 a1 b1\r\n");
    client_sees(c, textf("%s%s%s%s%sEND\r\n", hit("a1", "x"), hit("a1", "x"), hit("b1", "y"),
                         hit("a1", "x"), hit("b1", "y")));
    client_sees_nothing_more(c);
}

static void two_keys_rewritten_to_one_are_answered_under_their_own_names(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                "return function(req)\n"
                                "  if req:has_prefix 'same' then req.key = 'x' end\n"
                                "  return pool\n"
                                "end\n",
                             memcached_address(s)),
                       NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set x 0 0 1\r\n1\r\nset y 0 0 1\r\n2\r\n");
    client_sees(c, "STORED\r\nSTORED\r\n");
    client_sends(c, "get same1 y same2 none same1\r\n");
    client_sees(c, textf("%s%s%s%sEND\r\n", hit("same1", "1"), hit("y", "2"), hit("same2", "1"),
                         hit("same1", "1")));
    client_sees_nothing_more(c);
}

static void the_client_sees_its_own_key_for_a_rewritten_one(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                "return function(req)\n"
                                "  req.key = 'v2:' .. req.key .. ':' .. req.command\n"
                                "  return pool\n"
                                "end\n",
                             backend_address(b)),
                       NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k1 k2 k3\r\n");
    backend_sees(b, "get v2:k1:get v2:k2:get v2:k3:get\r\n");
    backend_answers(b, textf("%s%sEND\r\n", hit("v2:k1:get", "x"), hit("v2:k3:get", "z")));
    client_sees(c, textf("%s%sEND\r\n", hit("k1", "x"), hit("k3", "z")));

    client_sends(c, "gets k1\r\n");
    backend_sees(b, "gets v2:k1:gets\r\n");
    backend_answers(b, "VALUE v2:k1:gets 7 1 42\r\nx\r\nEND\r\n");
    client_sees(c, "VALUE k1 7 1 42\r\nx\r\nEND\r\n");
}

static void gets_gat_and_gats_are_split_too(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "gets b1 a1 b2\r\n");
    backend_sees(a, "gets a1\r\n");
    backend_sees(b, "gets b1 b2\r\n");
    backend_answers(a, "VALUE a1 5 2 18446744073709551615\r\nA1\r\nEND\r\n");
    backend_answers(b, "VALUE b1 0 2 10\r\nB1\r\nVALUE b2 4294967295 2 11\r\nB2\r\nEND\r\n");
    client_sees(c, "VALUE b1 0 2 10\r\nB1\r\nVALUE a1 5 2 18446744073709551615\r\nA1\r\n"
                   "VALUE b2 4294967295 2 11\r\nB2\r\nEND\r\n");

    client_sends(c, "gat 100 a1 b1 a2\r\ngats 0 a1 b1\r\n");
    backend_sees(a, "gat 100 a1 a2\r\ngats 0 a1\r\n");
    backend_sees(b, "gat 100 b1\r\ngats 0 b1\r\n");
    backend_answers(a, textf("%sEND\r\nVALUE a1 0 1 3\r\nx\r\nEND\r\n", hit("a2", "x")));
    backend_answers(b, textf("%sEND\r\nEND\r\n", hit("b1", "y")));
    client_sees(c, textf("%s%sEND\r\n", hit("b1", "y"), hit("a2", "x")));
    client_sees(c, "VALUE a1 0 1 3\r\nx\r\nEND\r\n");
    client_sees_nothing_more(c);
}

static void a_dead_backend_costs_only_its_keys(void **state)
{
    struct backend *a = backend_listens();
    const char *dead = address_of_nobody();
    struct client *c =
        client_connects(moongate_start(script_by_letter(backend_address(a), dead, ""), NULL));

    client_sends(c, "get a1 b1 a2\r\nget b2 b3\r\nget a3\r\n");
    backend_sees(a, "get a1 a2\r\nget a3\r\n");
    backend_answers(a, textf("%s%sEND\r\nEND\r\n", hit("a1", "x"), hit("a2", "y")));
    client_sees(c, textf("%s%s", hit("a1", "x"), hit("a2", "y")));
    client_sees_line_starting(c, failure_of(dead)); /* in END's place */
    client_sees_line_starting(c, failure_of(dead));
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

static void a_dead_backends_keys_are_misses_if_the_pool_says_so(void **state)
{
    struct backend *a = backend_listens();
    const char *script =
        script_by_letter(backend_address(a), address_of_nobody(), "on_failure = 'miss'");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1 b1 a2\r\nget b2\r\n");
    backend_sees(a, "get a1 a2\r\n");
    backend_answers(a, textf("%sEND\r\n", hit("a2", "y")));
    client_sees(c, textf("%sEND\r\nEND\r\n", hit("a2", "y")));
    client_sees_nothing_more(c);
}

static void a_backend_that_errs_on_its_part_costs_only_its_keys(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1 b1 a2\r\nget a3 b3\r\n");
    backend_sees(a, "get a1 a2\r\nget a3\r\n");
    backend_sees(b, "get b1\r\nget b3\r\n");
    backend_answers(b, "SERVER_ERROR out of memory writing get response\r\nEND\r\n");
    backend_answers(a, textf("%sEND\r\nEND\r\n", hit("a2", "x")));
    client_sees(c, hit("a2", "x"));
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

/* As memcached's own proxy does for keys of a server that is down. */
static void errors_of_one_get_are_not_answers_to_the_next(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "get a b c\r\n");
    backend_sees(b, "get a b c\r\n");
    client_sends(other, "get d\r\n");
    backend_sees(b, "get d\r\n");
    backend_answers(b, textf("%sSERVER_ERROR backend failure\r\nSERVER_ERROR backend failure\r\n"
                             "END\r\n%s",
                             hit("a", "x"), hit_and_end("d", "z")));
    client_sees(c, hit("a", "x"));
    client_sees(c, "SERVER_ERROR backend failure\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get d\r\n");
    backend_answers(b, hit_and_end("d", "y"));
    client_sees(other, hit_and_end("d", "y"));
    client_sees_nothing_more(c);
}

/* memcached 1.6.45 refuses such an exptime, older ones take it. The refusal of one client's gat must not end the connection. */
static void a_gat_that_may_be_refused_has_one_key_a_line(void **state)
{
    static const char *const exptimes[] = {"2147483648", "-2147483649", "9223372036854775807"};
    for (size_t i = 0; i < sizeof exptimes / sizeof *exptimes; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
        struct client *c = client_connects(m), *other = client_connects(m);
        const char *refused = "CLIENT_ERROR invalid exptime argument\r\n";

        client_sends(c, textf("gat %s a b\r\n", exptimes[i]));
        backend_sees(b, textf("gat %s a\r\ngat %s b\r\n", exptimes[i], exptimes[i]));
        client_sends(other, "set d 0 0 1\r\nx\r\n");
        backend_sees(b, "set d 0 0 1\r\nx\r\n");
        backend_answers(b, textf("%s%sSTORED\r\n", refused, refused));
        client_sees(c, refused);
        client_sees(other, "STORED\r\n");
        client_sends(c, "gats -2147483648 a b\r\n");
        backend_sees(b, "gats -2147483648 a b\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        assert_int_equal(stat_number(c, "proxy", "desyncs"), 0);
        stage_clears();
    }
}

static void refused_keys_are_left_out_and_errors_end_the_reply(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "return function(req)\n"
                 "  if req:has_prefix 'miss' then return mg.reply.miss() end\n"
                 "  if req:has_prefix 'no' then return mg.reply.error 'not here' end\n"
                 "  return pool\n"
                 "end\n",
              backend_address(b)),
        NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get miss1 k1 miss2\r\nget miss1 miss2\r\nget k1 no1 k2\r\n");
    backend_sees(b, "get k1\r\nget k1 k2\r\n");
    backend_answers(b,
                    textf("%sEND\r\n%s%sEND\r\n", hit("k1", "x"), hit("k1", "x"), hit("k2", "y")));
    client_sees(c, textf("%sEND\r\nEND\r\n%s%sSERVER_ERROR not here\r\n", hit("k1", "x"),
                         hit("k1", "x"), hit("k2", "y")));
    client_sees_nothing_more(c);
}

/* Sets k0..kn-1 one by one, with values that hold their key. */
static void client_stores(struct client *c, int n)
{
    struct octets requests = {0}, replies = {0};
    for (int i = 0; i < n; i++) {
        const char *key = textf("k%d", i),
                   *request = textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(key), key);
        octets_add(&requests, request, strlen(request));
        octets_add(&replies, "STORED\r\n", 8);
    }
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    client_sees_bytes(c, octets_at(&replies), octets_n(&replies));
    octets_release(&requests);
    octets_release(&replies);
}

/* One get of every key, with one that was never stored behind each. */
static void client_gets(struct client *c, int n)
{
    struct octets request = {0}, reply = {0};
    octets_add(&request, "get", 3);
    for (int i = 0; i < n; i++) {
        const char *key = textf("k%d", i), *more = textf(" %s none%d", key, i),
                   *part = hit(key, key);
        octets_add(&request, more, strlen(more));
        octets_add(&reply, part, strlen(part));
    }
    octets_add(&request, "\r\n", 2);
    octets_add(&reply, "END\r\n", 5);
    client_sends_bytes(c, octets_at(&request), octets_n(&request));
    client_sees_bytes(c, octets_at(&reply), octets_n(&reply));
    octets_release(&request);
    octets_release(&reply);
}

static void thousands_of_keys_in_one_line_come_back_in_order(void **state)
{
    enum { KEYS = 2000 };
    struct memcached *s[] = {memcached_start(NULL), memcached_start(NULL), memcached_start(NULL)};
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { '%s', '%s', '%s' }", memcached_address(s[0]),
                             memcached_address(s[1]), memcached_address(s[2])),
                       NULL);
    struct client *c = client_connects(m);

    client_stores(c, KEYS);
    client_gets(c, KEYS);
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_get_is_split_into_one_request_a_backend),
        play(misses_are_left_out),
        play(a_key_asked_twice_is_answered_twice),
        play(two_keys_rewritten_to_one_are_answered_under_their_own_names),
        play(the_client_sees_its_own_key_for_a_rewritten_one),
        play(gets_gat_and_gats_are_split_too),
        play(a_dead_backend_costs_only_its_keys),
        play(a_dead_backends_keys_are_misses_if_the_pool_says_so),
        play(a_backend_that_errs_on_its_part_costs_only_its_keys),
        play(errors_of_one_get_are_not_answers_to_the_next),
        play(a_gat_that_may_be_refused_has_one_key_a_line),
        play(refused_keys_are_left_out_and_errors_end_the_reply),
        play(thousands_of_keys_in_one_line_come_back_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
