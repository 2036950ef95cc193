/* Names: servers that DNS knows, in front of real memcached servers and a real name server. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/dnsmasq.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nameserver.h"
#include "lib/scene.h"

#include <string.h>

#include "e2e/servers/names.h"

/* Two servers with one port: what a name moves between. */
struct twins {
    struct memcached *one, *other; /* at 127.0.0.1 and 127.0.0.2 */
    const char *port;
};

static struct twins twins_start(void)
{
    for (int attempt = 0; attempt < 5; attempt++) {
        struct twins t = {.one = memcached_start(NULL)};
        t.port = port_of(memcached_address(t.one));
        t.other = memcached_start_at(textf("127.0.0.2:%s", t.port), NULL);
        if (t.other) return t;
    }
    stage_fails("there is no port that is free at two addresses");
}

/* --- a server with a name ----------------------------------------------------------------------- */

static void a_named_server_is_followed_to_its_new_address(void **state)
{
    struct twins t = twins_start();
    struct dnsmasq *d = dnsmasq_start(record("a.test", "127.0.0.1"));
    (void)state;
    server_gets(t.one, "k", "one");
    server_gets(t.other, "k", "other");
    struct moongate *m = moongate_start(pool_of(textf("'a.test:%s'", t.port), ""), "--resolver",
                                        dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    client_asks_until(c, "get k\r\n", hit_and_end("k", "one"));
    dnsmasq_says(d, record("a.test", "127.0.0.2"));
    /* From the moment of the change on every answer is the other's: nothing fails on the way. */
    for (const char *seen = ""; strcmp(seen, "other") != 0;) {
        client_sends(c, "get k\r\n");
        client_sees_line_starting(c, "VALUE k 0 ");
        seen = client_sees_line(c);
        client_sees(c, "END\r\n");
    }
    assert_int_equal(moongate_log_count(m, "closed"), 0);
    client_sees_nothing_more(c);
}

static void a_changed_address_moves_no_keys(void **state)
{
    enum { KEYS = 100 };
    struct twins t = twins_start();
    struct memcached *b = memcached_start(NULL);
    struct dnsmasq *d =
        dnsmasq_start(textf("%s%s", record("a.test", "127.0.0.1"), record("b.test", "127.0.0.1")));
    bool was_a[KEYS];
    unsigned on_a = 0;
    (void)state;
    struct moongate *m = moongate_start(
        pool_of(textf("'a.test:%s', 'b.test:%s'", t.port, port_of(memcached_address(b))), ""),
        "--resolver", dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < KEYS; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\nx\r\n", i));
        client_sees(c, "STORED\r\n");
        on_a += was_a[i] = server_has(t.one, textf("k%d", i));
        assert_true(was_a[i] != server_has(b, textf("k%d", i)));
    }
    assert_in_range(on_a, 10, 90);
    dnsmasq_says(d, textf("%s%s", record("a.test", "127.0.0.2"), record("b.test", "127.0.0.1")));
    moongate_sees_log(m, "moves to another address");
    for (int i = 0; i < KEYS; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\ny\r\n", i));
        client_sees(c, "STORED\r\n");
        assert_int_equal(server_has(t.other, textf("k%d", i)), was_a[i]);
    }
}

static void calls_in_flight_finish_at_the_old_address(void **state)
{
    struct backend *old = backend_listens();
    const char *port = port_of(backend_address(old));
    struct memcached *new = memcached_start_at(textf("127.0.0.2:%s", port), NULL);
    struct dnsmasq *d = dnsmasq_start(record("a.test", "127.0.0.1"));
    (void)state;
    assert_non_null(new);
    server_gets(new, "k", "new");
    struct moongate *m =
        moongate_start(pool_of(textf("'a.test:%s'", port), ", timeout = 30, stall_timeout = 30"),
                       "--resolver", dnsmasq_address(d), QUICKLY, NULL);
    struct client *before = client_connects(m), *after = client_connects(m);
    client_sends(before, "get k\r\n");
    backend_sees(old, "get k\r\n");
    dnsmasq_says(d, record("a.test", "127.0.0.2"));
    moongate_sees_log(m, "moves to another address (1 in flight)");
    client_sends(after, "get k\r\n");
    client_sees(after, hit_and_end("k", "new"));
    client_has_nothing_yet(before);
    backend_answers(old, hit_and_end("k", "old"));
    client_sees(before, hit_and_end("k", "old"));
    backend_sees_closed(old);
    client_sends(before, "get k\r\n");
    client_sees(before, hit_and_end("k", "new"));
}

static void calls_wait_for_the_first_answer(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct nameserver *n = nameserver_listens();
    (void)state;
    server_gets(s, "k", "v");
    struct moongate *m =
        moongate_start(pool_of(textf("'a.test:%s'", port_of(memcached_address(s))),
                               ", timeout = 30, connect_timeout = 30"),
                       "--resolver", nameserver_address(n), "--resolve-timeout", "20", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_has_nothing_yet(c);
    while (!nameserver_waiting(n, QUESTION_A)) stage_turns(2);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60); /* late, and alone */
    client_sees(c, hit_and_end("k", "v"));
}

static void calls_to_a_name_that_is_not_resolved_fail_and_say_why(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct dnsmasq *d = dnsmasq_start("");
    const char *port = port_of(memcached_address(s));
    (void)state;
    server_gets(s, "k", "v");
    struct moongate *m = moongate_start(pool_of(textf("'a.test:%s'", port), ""), "--resolver",
                                        dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR a.test:%s not resolved: no such name\r\n", port));
    dnsmasq_says(d, record("a.test", "127.0.0.1"));
    client_asks_until(c, "get k\r\n", hit_and_end("k", "v"));
}

static void a_name_server_that_never_answers_fails_calls_in_the_time_for_connecting(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    struct moongate *m =
        moongate_start(pool_of("'a.test:1'", ", connect_timeout = 0.1, timeout = 30"), "--resolver",
                       nameserver_address(n), "--resolve-timeout", "20", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR a.test:1 not resolved: no answer yet\r\n");
}

static void addresses_are_tried_in_turn(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *port = port_of(memcached_address(s));
    struct dnsmasq *d =
        dnsmasq_start(textf("%s%s", record("a.test", "127.0.0.0"), record("a.test", "127.0.0.1")));
    (void)state;
    server_gets(s, "k", "v");
    /* At 127.0.0.0 nobody listens; the calls that wait do not fail for it. */
    struct moongate *m = moongate_start(pool_of(textf("'a.test:%s'", port), ""), "--resolver",
                                        dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "v"));
    assert_int_equal(moongate_log_count(m, "down"), 0);
    memcached_kill(s);
    client_asks_until(c, "get k\r\n", textf("SERVER_ERROR a.test:%s Connection refused\r\n", port));
    memcached_starts_again(s);
    client_asks_until(c, "get k\r\n", "END\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_named_server_is_followed_to_its_new_address),
        play(a_changed_address_moves_no_keys),
        play(calls_in_flight_finish_at_the_old_address),
        play(calls_wait_for_the_first_answer),
        play(calls_to_a_name_that_is_not_resolved_fail_and_say_why),
        play(a_name_server_that_never_answers_fails_calls_in_the_time_for_connecting),
        play(addresses_are_tried_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
