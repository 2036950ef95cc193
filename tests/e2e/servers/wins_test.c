/* The recache win of a stale item: an mg takes it, a get does not. So a get that was asked as mg hands it back, and meta and classic clients
 * of one stale key see what they would see without moongate. The first plays are in front of a played server, the others in front
 * of memcached. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/versions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K50  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250 K50 K50 K50 K50 K50

static struct backend *server_of(const char *version)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, textf("VERSION %s\r\n", version), "MN\r\n");
    return b;
}

static struct moongate *before(struct backend *b, const char *options)
{
    return moongate_start(
        script_of_one(backend_address(b), textf("timeout = 60, stall_timeout = 60, %s", options)),
        NULL);
}

static const char *stale_hit(const char *key, const char *value)
{
    return textf("VA %zu f0 c31 k%s X W\r\n%s\r\n", strlen(value), key, value);
}

/* The client asks, and the win that comes with the answer goes back. */
static void a_win_comes_and_goes(struct client *c, struct backend *b, const char *key,
                                 const char *returned)
{
    client_sends(c, textf("get %s\r\n", key));
    backend_sees(b, textf("mg %s v f c k\r\n", key));
    backend_answers(b, stale_hit(key, "x"));
    backend_sees(b, textf("md %s %s\r\n", key, returned));
    client_sees(c, hit_and_end(key, "x"));
}

static void a_win_is_handed_back_at_once(void **state)
{
    static const char *const answers[] = {"HD\r\n", "EX\r\n", "NF\r\n", "SERVER_ERROR busy\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct backend *b = server_of("1.6.18");
        struct client *c = client_connects(before(b, ""));
        a_win_comes_and_goes(c, b, i ? "k" : K250, "I C31");
        backend_answers(b, answers[i]);
        client_sees_nothing_more(c);
        stat_becomes(c, "servers", textf("%s:in_flight", backend_address(b)), "0");
        assert_int_equal(stat_number(c, "proxy", "wins_returned"), 1);
        assert_int_equal(stat_number(c, "proxy", "calls"), 2);
        assert_int_equal(stat_number(c, "proxy", "cmd_meta"), 0);
        assert_int_equal(stat_number(c, "servers", textf("%s:hits", backend_address(b))), 1);
        assert_int_equal(stat_number(c, "servers", textf("%s:misses", backend_address(b))), 0);
        assert_int_equal(stat_number(c, "pools", "pool1:requests"), 1);
        get_finds(c, "k", b, "k", "y"); /* where one item is stale, others may be: asked as get */
        assert_int_equal(stat_number(c, "proxy", "desyncs"), 0);
        stage_clears();
    }
}

/* Versions that let md say which cas the item gets. */
static void the_item_keeps_its_cas_where_the_server_lets_it(void **state)
{
    static const char *const versions[][2] = {
        {"1.6.26", "I C31"}, {"1.6.27", "I C31 E31"}, {"1.6.34", "I C31 E31"}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct backend *b = server_of(versions[i][0]);
        struct client *c = client_connects(before(b, ""));
        a_win_comes_and_goes(c, b, "k", versions[i][1]);
        backend_answers(b, "HD\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void an_answer_to_it_that_does_not_fit_closes(void **state)
{
    static const char *const wrong[] = {"EN\r\n", "END\r\n", "HD kother\r\n", "VA 1\r\nx\r\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct backend *b = server_of("1.6.18");
        struct client *c = client_connects(before(b, ""));
        a_win_comes_and_goes(c, b, "k", "I C31");
        backend_answers(b, wrong[i]);
        backend_sees_closed(b);
        get_finds(c, "l", b, "l", "y");
        stage_clears();
    }
}

/* The key that was sent, behind what was sent already and before what the client sends next; several at once. */
static void wins_go_back_in_the_stream(void **state)
{
    struct backend *b = server_of("1.6.18");
    struct client *c = client_connects(
        moongate_start(script_routing(b, "req.key = 'p' .. req.key return pool"), NULL));
    client_sends(c, "get a\r\nget b\r\nset c 0 0 1\r\nx\r\nget d e\r\n");
    backend_sees(b, "mg pa v f c k\r\nmg pb v f c k\r\nset pc 0 0 1\r\nx\r\nget pd pe\r\n");
    backend_answers(b, textf("%s%s", stale_hit("pa", "1"), stale_hit("pb", "2")));
    backend_sees(b, "md pa I C31\r\nmd pb I C31\r\n");
    client_sees(c, "VALUE a 0 1\r\n1\r\nEND\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
    client_sends(c, "get f\r\n");
    backend_sees(b, "get pf\r\n");
    backend_answers(b, "STORED\r\nEND\r\nHD\r\nEX\r\nVALUE pf 0 1\r\n3\r\nEND\r\n");
    client_sees(c, "STORED\r\nEND\r\nVALUE f 0 1\r\n3\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* I6: a win that goes back has the place of the call that it came with. */
static void a_connection_holds_no_more_calls_than_it_may(void **state)
{
    struct backend *b = server_of("1.6.18");
    struct moongate *m = before(b, "depth = 2");
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "get a\r\nget b\r\n");
    backend_sees(b, "mg a v f c k\r\nmg b v f c k\r\n");
    backend_answers(b, stale_hit("a", "1"));
    backend_sees(b, "md a I C31\r\n");
    client_sees(c, hit_and_end("a", "1"));
    client_sends(other, "get c\r\n");
    client_sees(other, textf("SERVER_ERROR %s too many calls wait\r\n", backend_address(b)));
    backend_answers(b, "EN\r\nHD\r\n");
    client_sees(c, "END\r\n");
    stat_becomes(c, "servers", textf("%s:in_flight", backend_address(b)), "0");
    client_sees_nothing_more(c);
}

/* Its call was answered too late: nobody gets the value, but the win is not lost. */
static void a_win_that_comes_late_goes_back_too(void **state)
{
    struct backend *b = server_of("1.6.18");
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 0.2, stall_timeout = 60"), NULL));
    client_sends(c, "get k\r\n");
    backend_sees(b, "mg k v f c k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    backend_answers(b, stale_hit("k", "x"));
    backend_sees(b, "md k I C31\r\n");
    backend_answers(b, "HD\r\n");
    get_finds(c, "l", b, "l", "y");
    client_sees_nothing_more(c);
}

static void a_drain_waits_for_a_win_that_goes_back(void **state)
{
    struct backend *b = server_of("1.6.18");
    struct moongate *m = before(b, "");
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "mg k v f c k\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM");
    backend_answers(b, stale_hit("k", "x"));
    backend_sees(b, "md k I C31\r\n");
    client_sees(c, hit_and_end("k", "x"));
    assert_true(moongate_runs_on(m));
    backend_answers(b, "HD\r\n");
    moongate_exits(m, 0);
}

/* Another connection may lead to a server for which the cas means another item. */
static void a_win_is_not_handed_back_twice(void **state)
{
    struct backend *b = server_of("1.6.18");
    struct client *c = client_connects(before(b, ""));
    a_win_comes_and_goes(c, b, "k", "I C31");
    backend_closes(b);
    backend_sees_links(b, 2);
    get_finds(c, "l", b, "l", "y");
    client_sees_nothing_more(c);
}

/* To hand it back writes nothing that a copy could miss. */
static void a_stale_item_is_copied_as_others_are(void **state)
{
    struct backend *cold = server_of("1.6.18"), *warm = server_of("1.6.18");
    struct client *c = client_connects(
        moongate_start(textf(MG "return mg.warm_up { mg.pool { '%s' }, mg.pool { '%s' }, "
                                "exptime = 9 }\n",
                             backend_address(cold), backend_address(warm)),
                       NULL));
    client_sends(c, "get k\r\n");
    backend_sees(cold, "mg k v f c k\r\n");
    backend_answers(cold, "EN\r\n");
    backend_sees(warm, "mg k v f c k\r\n");
    backend_answers(warm, stale_hit("k", "x"));
    backend_sees(warm, "md k I C31\r\n");
    client_sees(c, hit_and_end("k", "x"));
    backend_sees(cold, "add k 0 9 1\r\nx\r\n");
    backend_answers(cold, "STORED\r\n");
    backend_answers(warm, "HD\r\n");
    client_sees_nothing_more(c);
}

/* --- memcached --------------------------------------------------------------------------------- */

struct tier {
    struct memcached *server;
    struct client *meta, *other, *classic; /* two of the server's own, one of moongate's */
};

static struct tier tier_with(const char *options)
{
    struct tier t = {.server = memcached_start(NULL)};
    struct moongate *m = moongate_start(script_of_one(memcached_address(t.server), options), NULL);
    t.meta = client_connects_to(memcached_address(t.server));
    t.other = client_connects_to(memcached_address(t.server));
    t.classic = client_connects(m);
    return t;
}

static void says(struct client *c, const char *request, const char *answer)
{
    client_sends(c, request);
    client_sees(c, answer);
}

/* The flags that the answer to this mg has behind its word. */
static const char *flags_of(struct client *c, const char *line)
{
    client_sends(c, line);
    return client_sees_line(c);
}

static unsigned long long cas_of(struct client *c, const char *key)
{
    unsigned long long cas = 0;
    client_sends(c, textf("gets %s\r\n", key));
    if (sscanf(client_sees_line(c), "VALUE %*s %*s %*s %llu", &cas) != 1) stage_fails("no cas");
    client_sees(c, "x\r\nEND\r\n");
    return cas;
}

static void is_all_returned(struct tier *t, const char *n)
{
    stat_becomes(t->classic, "proxy", "wins_returned", n);
    stat_becomes(t->classic, "servers", textf("%s:in_flight", memcached_address(t->server)), "0");
}

/* A classic client reads a stale item; the win is still there for the first meta client, and only for that one. */
static void a_classic_client_leaves_the_win_to_meta_clients(void **state)
{
    static const char *const options[] = {"ask = 'mg'", "ask = 'get'", "ask = 'auto'"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct tier t = tier_with(options[i]);
        if (!memcached_at_hand_has_meta()) return;
        says(t.meta, "ms k 1 T100\r\nx\r\nmd k I T50\r\n", "HD\r\nHD\r\n");
        unsigned long long cas = cas_of(t.meta, "k");
        says(t.classic, "get k\r\n", hit_and_end("k", "x"));
        says(t.classic, "get k\r\n", hit_and_end("k", "x"));
        const char *version = memcached_version(t.server);
        bool is_mg = i == 0 || (i == 2 && versions_compare(version, "1.6.34") <= 0);
        bool keeps = !is_mg || versions_compare(version, "1.6.27") >= 0;
        is_all_returned(&t, is_mg ? "1" : "0");
        assert_true(keeps ? cas_of(t.meta, "k") == cas : cas_of(t.meta, "k") > cas);
        long ttl = atol(flags_of(t.meta, "mg k t\r\n") + strlen("HD t"));
        assert_true(ttl > 40 && ttl <= 50);
        says(t.other, "mg k v\r\n", "VA 1 Z X\r\nx\r\n"); /* the line before has won */
        says(t.classic, "get k\r\n", hit_and_end("k", "x"));
        says(t.meta, "ms k 1\r\ny\r\n", "HD\r\n");
        says(t.other, "mg k v\r\n", "VA 1\r\ny\r\n");
        says(t.classic, "get k\r\n", hit_and_end("k", "y"));
        stage_clears();
    }
}

/* What a meta client has won is not given to another one by a classic client's get. */
static void a_win_that_a_meta_client_has_stays_its_own(void **state)
{
    struct tier t = tier_with("ask = 'mg'");
    if (!memcached_at_hand_has_meta()) return;
    says(t.meta, "ms k 1\r\nx\r\nmd k I\r\nmg k v\r\n", "HD\r\nHD\r\nVA 1 X W\r\nx\r\n");
    unsigned long long cas = cas_of(t.meta, "k");
    says(t.classic, "get k\r\n", hit_and_end("k", "x"));
    says(t.other, "mg k v\r\n", "VA 1 Z X\r\nx\r\n");
    is_all_returned(&t, "0");
    says(t.meta, textf("ms k 1 C%llu\r\ny\r\n", cas), "HD\r\n");
    says(t.classic, "get k\r\n", hit_and_end("k", "y"));
}

/* What was made by a vivifying get is empty, and its maker's to fill. */
static void an_item_that_is_being_made_is_left_alone(void **state)
{
    struct tier t = tier_with("ask = 'mg'");
    if (!memcached_at_hand_has_meta()) return;
    says(t.meta, "mg k v N30\r\n", "VA 0 W\r\n\r\n");
    says(t.classic, "get k\r\n", "VALUE k 0 0\r\n\r\nEND\r\n");
    says(t.other, "mg k v\r\n", "VA 0 Z\r\n\r\n");
    is_all_returned(&t, "0");
}

/* What `mg h` and `mg t` say of an item that a get has read, and what the server has counted. */
static void an_item_that_was_read_is_as_after_a_get(void **state)
{
    static const char *const names[] = {"cmd_get", "get_hits", "get_misses", "cmd_touch"};
    struct tier t = tier_with("ask = 'mg'");
    if (!memcached_at_hand_has_meta()) return;
    says(t.meta, "set a 7 100 1\r\nx\r\nset b 7 100 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    says(t.meta, "mg a h f\r\nmg b h f\r\n", "HD h0 f7\r\nHD h0 f7\r\n");
    says(t.meta, "set a 7 100 1\r\nx\r\nset b 7 100 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    unsigned long before[4], after[4];
    for (int i = 0; i < 4; i++) before[i] = stat_number(t.meta, "", names[i]);
    says(t.meta, "get a\r\nget no\r\n", "VALUE a 7 1\r\nx\r\nEND\r\nEND\r\n");
    for (int i = 0; i < 4; i++) after[i] = stat_number(t.meta, "", names[i]) - before[i];
    for (int i = 0; i < 4; i++) before[i] = stat_number(t.meta, "", names[i]);
    says(t.classic, "get b\r\nget no\r\n", "VALUE b 7 1\r\nx\r\nEND\r\nEND\r\n");
    for (int i = 0; i < 4; i++)
        assert_int_equal(stat_number(t.meta, "", names[i]) - before[i], after[i]);
    says(t.meta, "mg a h f s\r\nmg b h f s\r\n", "HD h1 f7 s1\r\nHD h1 f7 s1\r\n");
}

/* Keys and values of all kinds, the ones that a meta client has stored in base64 among them. */
static void each_key_is_answered_as_by_the_server(void **state)
{
    static const char *const keys[] = {"k", K250, "a\tb", "\x01\x7f", "\xc3\xa9\xff", "foo", "n"};
    struct tier t = tier_with("ask = 'mg'");
    if (!memcached_at_hand_has_meta()) return;
    says(t.meta, "ms Zm9v 3 b F5\r\nabc\r\nma n N0 J18446744073709551615\r\n", "HD\r\nHD\r\n");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (i < 5)
            says(t.meta,
                 textf("set %s %u 0 %zu\r\n%s\r\n", keys[i], 4294967295u, i, "wxyz" + 4 - i),
                 "STORED\r\n");
        struct octets direct = {0}, through = {0};
        struct client *c = client_connects_to(memcached_address(t.server));
        client_sends(c, textf("get %s\r\nquit\r\n", keys[i]));
        client_sees_end(c, &direct);
        client_sends(t.classic, textf("get %s\r\n", keys[i]));
        client_sees_bytes(t.classic, octets_at(&direct), octets_n(&direct));
        octets_release(&direct);
        octets_release(&through);
    }
    client_sees_nothing_more(t.classic);
    is_all_returned(&t, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_win_is_handed_back_at_once),
        play(the_item_keeps_its_cas_where_the_server_lets_it),
        play(an_answer_to_it_that_does_not_fit_closes),
        play(wins_go_back_in_the_stream),
        play(a_connection_holds_no_more_calls_than_it_may),
        play(a_win_that_comes_late_goes_back_too),
        play(a_drain_waits_for_a_win_that_goes_back),
        play(a_win_is_not_handed_back_twice),
        play(a_stale_item_is_copied_as_others_are),
        play(a_classic_client_leaves_the_win_to_meta_clients),
        play(a_win_that_a_meta_client_has_stays_its_own),
        play(an_item_that_is_being_made_is_left_alone),
        play(an_item_that_was_read_is_as_after_a_get),
        play(each_key_is_answered_as_by_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
