/* Requests apart: their order among the others of their client, whatever ends connections meanwhile; and that the server stays up
 * for all clients, after such requests and after refusals. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

static const char PATIENT[] = "timeout = 60, stall_timeout = 60, connect_timeout = 60";

static struct moongate *before(struct backend *b, const char *options)
{
    return moongate_start(script_of_one(backend_address(b), options), NULL);
}

/* A server that meta sets travel apart to. */
static struct backend *unknown_listens(void)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION UNKNOWN\r\n", "MN\r\n");
    return b;
}

static unsigned long count(struct client *c, struct backend *b, const char *name)
{
    return stat_number(c, "servers", textf("%s:%s", backend_address(b), name));
}

static void nothing_comes(struct backend *b)
{
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_has_nothing_anywhere(b);
}

/* --- order ------------------------------------------------------------------------------------- */

/* What follows a request apart goes its way also where all of them had to wait for the connection. */
static void what_waited_for_a_connection_keeps_its_order_around_one_apart(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", "");
    struct client *c = client_connects(before(b, PATIENT));
    backend_sees(b, "version\r\n");
    client_sends(c, "ms k 1\r\nb\r\nget k\r\nmd k\r\n");
    nothing_comes(b);
    for (int i = 0; i < 2; i++) {
        if (i == 1) assert_int_equal(backend_turns_to_input(b), 1);
        if (i == 1) backend_sees(b, "version\r\n");
        backend_answers(b, "VERSION UNKNOWN\r\n");
        backend_sees(b, "mn\r\n");
        backend_answers(b, "MN\r\n");
    }
    backend_sees(b, "ms k 1\r\nb\r\n");
    nothing_comes(b);
    backend_answers(b, "HD\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "b"));
    backend_sees(b, "md k\r\n");
    backend_answers(b, "HD\r\n");
    client_sees(c, textf("HD\r\n%sHD\r\n", hit_and_end("k", "b")));
    client_sees_nothing_more(c);
}

/* A get that is sent once more is still before what followed it. */
static void a_get_that_is_sent_again_is_before_what_is_apart(void **state)
{
    struct backend *b = unknown_listens();
    struct client *c = client_connects(before(b, PATIENT));
    client_sends(c, "get k\r\nms k 1\r\nb\r\n");
    backend_sees(b, "get k\r\n");
    backend_sees_links(b, 2);
    backend_closes(b);
    backend_sees_links(b, 3);
    assert_int_equal(backend_turns_to_input(b), 2);
    backend_sees(b, "get k\r\n");
    nothing_comes(b);
    backend_answers(b, "END\r\n");
    assert_int_equal(backend_turns_to_input(b), 1);
    backend_sees(b, "ms k 1\r\nb\r\n");
    backend_answers(b, "HD\r\n");
    client_sees(c, "END\r\nHD\r\n");
    client_sees_nothing_more(c);
}

/* --- health ------------------------------------------------------------------------------------ */

/* A server of which nobody knows whether it swallowed the value: each refusal costs a connection, and nobody anything else. */
static void refused_stores_of_one_client_take_no_server_down(void **state)
{
    static const char *const options[] = {"", "requests = 'one'"};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = unknown_listens();
        struct client *c = client_connects(before(b, options[i]));
        for (int n = 0; n < 6; n++) {
            client_sends(c, "set k 0 0 1\r\nx\r\n");
            backend_turns_to_input(b); /* after the first they go apart */
            backend_sees(b, "set k 0 0 1\r\nx\r\n");
            backend_answers(b, "SERVER_ERROR object too large for cache\r\n");
            client_sees(c, "SERVER_ERROR object too large for cache\r\n");
            backend_sees_closed(b);
        }
        get_misses(c, "k", b, "k");
        assert_int_equal(count(c, b, "falls"), 0);
        assert_int_equal(count(c, b, "refused"), 0);
        stage_clears();
    }
}

/* Surplus bytes after the answers to one client's requests may come from these; after those to many clients' they do not. */
static void surplus_bytes_behind_one_clients_answers_take_no_server_down(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "probe_min = 0.05");
    struct client *one = client_connects(m);
    for (int n = 0; n < 6; n++) {
        client_sends(one, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\nERROR\r\n");
        client_sees(one, "END\r\n");
        backend_sees_closed(b);
    }
    assert_int_equal(count(one, b, "falls"), 0);
    for (unsigned n = 0; n < 4; n++) {
        struct client *c = client_connects(m);
        client_asks_until(c, "get\r\n", "ERROR\r\n");
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\nERROR\r\n");
        client_sees(c, "END\r\n");
        backend_sees_closed(b);
        backend_sees_links(b, n + 8);
    }
    assert_in_range(count(one, b, "falls"), 1, 3);
}

/* Calls apart that are not answered count for nobody else. */
static void timeouts_apart_take_no_server_down(void **state)
{
    struct backend *b = unknown_listens();
    struct moongate *m = before(b, "timeout = 0.5, stall_timeout = 60, failure_limit = 2");
    struct client *clients[4], *other = client_connects(m);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "ms k 1\r\nx\r\n");
    }
    for (unsigned i = 0; i < 4; i++)
        client_sees(clients[i], textf("%stimeout\r\n", failure_of(backend_address(b))));
    assert_int_equal(count(other, b, "falls"), 0);
    assert_int_equal(count(other, b, "closes"), 0);
}

/* What waits for its turn on a connection that the server ends at once is not tried without end. */
static void a_server_that_ends_connections_apart_is_not_asked_for_more(void **state)
{
    struct backend *b = unknown_listens();
    struct client *c = client_connects(before(b, PATIENT));
    client_sends(c, "get k\r\nms k 1\r\nb\r\n");
    backend_sees(b, "get k\r\n");
    backend_sees_links(b, 2);
    backend_closes_other_links(b);
    nothing_comes(b);
    assert_int_equal(backend_links(b), 2);
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    get_misses(c, "k", b, "k");
    assert_int_equal(count(c, b, "falls"), 0);
}

/* --- memory ------------------------------------------------------------------------------------ */

/* Requests that wait for a connection are bounded as those are that wait to be written. */
static void requests_that_wait_for_a_connection_are_bounded(void **state)
{
    enum { SIZE = 1000000 };
    struct backend *b = backend_listens();
    backend_stays_silent(b);
    struct moongate *m = before(b, PATIENT);
    struct client *other = client_connects(m);
    const char *value = noise(SIZE, 9);
    for (int i = 0; i < 6; i++) {
        struct client *c = client_connects(m);
        for (int n = 0; n < 13; n++) { /* as many as are read before one has ended */
            client_sends(c, textf("set k 0 0 %d noreply\r\n", SIZE));
            client_sends_bytes(c, value, SIZE);
            client_sends(c, "\r\n");
        }
    }
    client_sends(other, "get k\r\n");
    client_sees(other, textf("%stoo many bytes wait\r\n", failure_of(backend_address(b))));
    assert_in_range(count(other, b, "in_flight"), 60, 68);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_waited_for_a_connection_keeps_its_order_around_one_apart),
        play(a_get_that_is_sent_again_is_before_what_is_apart),
        play(refused_stores_of_one_client_take_no_server_down),
        play(surplus_bytes_behind_one_clients_answers_take_no_server_down),
        play(timeouts_apart_take_no_server_down),
        play(a_server_that_ends_connections_apart_is_not_asked_for_more),
        play(requests_that_wait_for_a_connection_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
