/* I1 and I2: one reply per request, in the client's order, and nobody else's bytes. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

static void replies_come_in_the_clients_order(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get b1\r\nget a1\r\nget b2\r\nget a2\r\n");
    backend_sees(a, "get a1\r\nget a2\r\n");
    backend_sees(b, "get b1\r\nget b2\r\n");
    backend_answers(a, hit_and_end("a1", "one"));
    backend_answers(a, hit_and_end("a2", "two"));
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    client_sees(c, hit_and_end("a1", "one"));
    client_has_nothing_yet(c);
    backend_answers(b, hit_and_end("b2", "three"));
    client_sees(c, hit_and_end("b2", "three"));
    client_sees(c, hit_and_end("a2", "two"));
    client_sees_nothing_more(c);
}

static void a_complete_head_reply_does_not_wait_for_later_ones(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get a1\r\nget b1\r\nget a2\r\n");
    backend_sees(a, "get a1\r\nget a2\r\n");
    backend_answers(a, hit_and_end("a1", "one"));
    client_sees(c, hit_and_end("a1", "one")); /* while b1 and a2 are still open */
    backend_sees(b, "get b1\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n"); /* while a2 is still open */
    backend_answers(a, "END\r\n");
    client_sees(c, "END\r\n");
}

static void a_slow_backend_does_not_hold_up_another_client(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct moongate *m = moongate_start(script, NULL);
    struct client *patient = client_connects(m), *quick = client_connects(m);

    client_sends(patient, "get a1\r\n");
    backend_sees(a, "get a1\r\n");
    get_finds(quick, "b1", b, "b1", "x");
    client_has_nothing_yet(patient);
    backend_answers(a, hit_and_end("a1", "y"));
    client_sees(patient, hit_and_end("a1", "y"));
}

static void clients_that_share_a_connection_get_their_own_bytes(void **state)
{
    enum { CLIENTS = 40, ROUNDS = 20 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++)
            client_sends(clients[i], textf("get k%d-%d\r\n", i, round));
        for (int i = 0; i < CLIENTS; i++) { /* whichever comes: it is answered with its own name */
            const char *key = backend_sees_line(b) + strlen("get ");
            backend_answers(b, hit_and_end(key, key));
        }
        for (int i = 0; i < CLIENTS; i++) {
            const char *key = textf("k%d-%d", i, round);
            client_sees(clients[i], hit_and_end(key, key));
        }
    }
    assert_int_equal(backend_links(b), 1);
}

static void a_half_closed_client_gets_all_answers(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "get k1\r\nset k2 0 0 1\r\nx\r\nget k3\r\n");
    client_half_closes(c);
    backend_sees(b, "get k1\r\nset k2 0 0 1\r\nx\r\nget k3\r\n");
    backend_answers(b, hit_and_end("k1", "one"));
    client_sees(c, hit_and_end("k1", "one"));
    backend_answers(b, "STORED\r\nEND\r\n");
    client_sees(c, "STORED\r\nEND\r\n");
    client_sees_closed(c);
}

static void a_thousand_requests_in_one_write_are_answered_in_order(void **state)
{
    enum { REQUESTS = 1000 };
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));
    struct octets requests = {0}, replies = {0};
    for (int i = 0; i < REQUESTS; i++) {
        const char *key = textf("%c%d", i % 3 ? 'a' : 'b', i);
        const char *request = textf("get %s\r\n", key), *reply = hit_and_end(key, key);
        octets_add(&requests, request, strlen(request));
        octets_add(&replies, reply, strlen(reply));
    }
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    for (int i = REQUESTS - 1; i >= 0; i--) { /* the backends take turns of their own */
        struct backend *one = i % 3 == 0 ? b : a;
        const char *key = backend_sees_line(one) + strlen("get ");
        backend_answers(one, hit_and_end(key, key));
    }
    client_sees_bytes(c, octets_at(&replies), octets_n(&replies));
    client_sees_nothing_more(c);
    octets_release(&requests);
    octets_release(&replies);
}

static void a_client_reads_what_it_wrote_though_there_are_many_connections(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-n", "4", NULL);

    for (int i = 0; i < 8; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "set k 0 0 1\r\n1\r\nincr k 1\r\n");
        backend_turns_to_input(b);
        backend_sees(b, "set k 0 0 1\r\n1\r\nincr k 1\r\n");
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n"); /* on the same connection */
        backend_answers(b, "STORED\r\n2\r\nVALUE k 0 1\r\n2\r\nEND\r\n");
        client_sees(c, "STORED\r\n2\r\nVALUE k 0 1\r\n2\r\nEND\r\n");
    }
    assert_int_equal(backend_links(b), 4);
}

static void clients_are_spread_over_the_connections(void **state)
{
    enum { CONNECTIONS = 4, CLIENTS = 8 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-n", "4", NULL);
    unsigned uses[CONNECTIONS] = {0};

    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        uses[backend_turns_to_input(b)]++;
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
    for (int i = 0; i < CONNECTIONS; i++) assert_int_equal(uses[i], CLIENTS / CONNECTIONS);
}

static void answers_to_a_client_that_has_gone_reach_nobody(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *gone = client_connects(m), *reset = client_connects(m),
                  *stays = client_connects(m);

    client_sends(gone, "get secret1\r\nget secret2\r\n");
    backend_sees(b, "get secret1\r\nget secret2\r\n");
    client_closes(gone);
    client_sends(reset, "get secret3\r\n");
    backend_sees(b, "get secret3\r\n");
    client_resets(reset);
    client_sends(stays, "get mine\r\n");
    backend_sees(b, "get mine\r\n");
    backend_answers(b, hit_and_end("secret1", "hush"));
    backend_answers(b, hit_and_end("secret2", "hush"));
    backend_answers(b, hit_and_end("secret3", "hush"));
    backend_answers(b, hit_and_end("mine", "here"));
    client_sees(stays, hit_and_end("mine", "here"));
    client_sees_nothing_more(stays);
}

static void a_version_keeps_its_place_and_is_moongates_own(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "get k1\r\nversion\r\nget k2\r\n");
    backend_sees(b, "get k1\r\nget k2\r\n"); /* no version in between */
    client_has_nothing_yet(c);
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    const char *line = client_sees_line(c);
    assert_memory_equal(line, "VERSION ", 8);
    assert_in_range(line[8], '0', '9');
    backend_answers(b, hit_and_end("k2", "x"));
    client_sees(c, hit_and_end("k2", "x"));
}

static void quit_closes_after_earlier_replies_and_drops_the_rest(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "get k1\r\nquit\r\nget k2\r\n");
    backend_sees(b, "get k1\r\n");
    client_has_nothing_yet(c);
    backend_answers(b, hit_and_end("k1", "x"));
    client_sees(c, hit_and_end("k1", "x"));
    client_sees_closed(c);
    backend_has_nothing_yet(b);
}

static void an_unknown_command_is_an_error_in_its_place(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "get k1\r\nhello world\r\n\r\nget k2\r\n");
    backend_sees(b, "get k1\r\nget k2\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\nERROR\r\nERROR\r\nEND\r\n");
    client_sees_nothing_more(c);
}

static void an_error_of_the_backend_is_just_a_response(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *bad = client_connects(m), *good = client_connects(m);

    client_sends(bad, "incr text 1\r\n");
    backend_sees(b, "incr text 1\r\n");
    client_sends(good, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_sees(bad, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(good, hit_and_end("k", "x"));
    client_sends(bad, "set k 0 0 1\r\na\r\n");
    backend_sees(b, "set k 0 0 1\r\na\r\n"); /* on the same connection */
    backend_answers(b, "SERVER_ERROR out of memory storing object\r\n");
    client_sees(bad, "SERVER_ERROR out of memory storing object\r\n");
    assert_int_equal(backend_links(b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(replies_come_in_the_clients_order),
        play(a_complete_head_reply_does_not_wait_for_later_ones),
        play(a_slow_backend_does_not_hold_up_another_client),
        play(clients_that_share_a_connection_get_their_own_bytes),
        play(a_half_closed_client_gets_all_answers),
        play(a_thousand_requests_in_one_write_are_answered_in_order),
        play(a_client_reads_what_it_wrote_though_there_are_many_connections),
        play(clients_are_spread_over_the_connections),
        play(answers_to_a_client_that_has_gone_reach_nobody),
        play(a_version_keeps_its_place_and_is_moongates_own),
        play(quit_closes_after_earlier_replies_and_drops_the_rest),
        play(an_unknown_command_is_an_error_in_its_place),
        play(an_error_of_the_backend_is_just_a_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
