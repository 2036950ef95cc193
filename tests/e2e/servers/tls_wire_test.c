/* TLS to servers: what passes through it, and what goes wrong on the way. */
#include "e2e/servers/secured.h"

#include "lib/backend.h"
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/overtls.h"
#include "lib/scene.h"
#include "lib/secure.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what goes wrong on the way ---------------------------------------------------------------- */

static void a_server_that_speaks_plainly_is_down(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *port = strchr(memcached_address(s), ':') + 1;
    struct client *c = client_connects(moongate_start(
        textf(MG "return mg.pool { { host = '127.0.0.1', port = %s }, tls = true }\n", port),
        NULL));

    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s tls: does not speak TLS\r\n", memcached_address(s)));
}

static void a_server_that_says_nothing_is_down_after_connect_timeout(void **state)
{
    struct backend *b = backend_listens();
    backend_secures(b, NULL);
    backend_stays_silent(b);
    struct client *c = client_connects(
        moongate_start(script_of_bad(b, "tls = true, connect_timeout = 0.1"), NULL));

    client_sends(c, "get k\r\n");
    client_sees(c,
                textf("SERVER_ERROR %s tls: no answer to the handshake\r\n", backend_address(b)));
    backend_secures(b, &(struct secure_wanted){.cert = over_tls_cert()});
    backend_speaks_again(b);
    stat_becomes(c, "servers", stat_of(b, "reason"),
                 "tls: certificate not valid: unable to get local issuer certificate (subject "
                 "\"CN=server\", issuer \"CN=moongate's tests\")");
}

static void an_end_within_a_record_costs_the_calls_that_wait(void **state)
{
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), NULL));

    client_sends(c, "set k 0 0 1\r\nv\r\n");
    backend_sees(b, "set k 0 0 1\r\nv\r\n");
    backend_answers_cut(b, "STORED\r\n", 3);
    backend_closes(b);
    client_sees(c,
                textf("SERVER_ERROR %s tls: the connection ended in the middle of a TLS record\r\n",
                      backend_address(b)));
    backend_sees_links(b, 2);
    get_misses(c, "k", b, "k");
}

/* 3 MB: more than is read at once, in records that end anywhere. */
static void long_values_pass_both_ways(void **state)
{
    enum { LONG = 3 * 1024 * 1024 };
    char *value = noise(LONG, 1);
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), "--max-value", "4m", NULL));
    const char *line = textf("set k 0 0 %d\r\n", LONG), *head = textf("VALUE k 0 %d\r\n", LONG);

    client_sends(c, line);
    client_sends_bytes(c, value, LONG);
    client_sends(c, "\r\n");
    backend_sees(b, line);
    backend_sees_bytes(b, value, LONG);
    backend_sees(b, "\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_begins_to_answer(b, head, strlen(head));
    backend_begins_to_answer(b, value, LONG);
    backend_begins_to_answer(b, "\r\nEND\r\n", 7);
    client_sees(c, head);
    client_sees_bytes(c, value, LONG);
    client_sees(c, "\r\nEND\r\n");
}

/* Behind a value that was passed on while it came little is read: the rest of the record is there, in moongate. */
static void a_value_behind_a_long_one_is_taken(void **state)
{
    enum { LONG = 1024 * 1024, SHORT = 12000 };
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), "--max-value", "4m", NULL));
    const char *one = hit_and_end("k", textf("%0*d", LONG, 1)),
               *two = hit_and_end("l", textf("%0*d", SHORT, 2));

    client_sends(c, "get k\r\nget l\r\n");
    backend_sees(b, "get k\r\nget l\r\n");
    backend_begins_to_answer(b, one, strlen(one));
    backend_begins_to_answer(b, two, strlen(two)); /* a record of its own */
    client_sees(c, one);
    client_sees(c, two);
    assert_int_equal(stat_number(c, "proxy", "streamed_values"), 1);
}

/* The server's bytes are there, in moongate: no further byte of the socket shows them. */
static void what_is_read_and_not_taken_yet_is_taken(void **state)
{
    enum { VALUES = 400, SIZE = 1000 };
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), NULL));
    const char *line = "get", *answer = "";
    for (int i = 0; i < VALUES; i++) {
        line = textf("%s k%d", line, i);
        answer = textf("%sVALUE k%d 0 %d\r\n%0*d\r\n", answer, i, SIZE, SIZE, i);
    }

    client_sends(c, textf("%s\r\n", line));
    backend_sees(b, textf("%s\r\n", line));
    backend_answers(b, textf("%sEND\r\n", answer));
    client_sees(c, textf("%sEND\r\n", answer));
}

static struct client *before_memcached(struct memcached **s)
{
    *s = memcached_start_secure(memcached_at_hand(), over_tls_cert(), NULL);
    return client_connects(moongate_start(
        script_of_one(memcached_address(*s), textf("tls = { ca = '%s' }", over_tls_ca_file())),
        NULL));
}

/* memcached before 1.6.39 waits for its socket although it has not taken all of a record. */
static void nothing_in_a_record_waits_for_the_next_one(void **state)
{
    enum { LONG = 20000, KEYS = 100 };
    struct memcached *s;
    struct client *c = before_memcached(&s);
    const char *value = textf("%0*d", LONG, 7), *line = "get", *found = "";

    client_sends(c, textf("set k 0 0 %d\r\n%s\r\nget k\r\n", LONG, value));
    client_sees(c, textf("STORED\r\n%s", hit_and_end("k", value)));
    for (int i = 0; i < KEYS; i++) {
        const char *key = textf("%0240d", i);
        line = textf("%s %s", line, key);
        found = textf("%s%s", found, hit(key, "1"));
        client_sends(c, textf("set %s 0 0 1\r\n1\r\n", key));
        client_sees(c, "STORED\r\n");
    }
    client_sends(c, textf("%s\r\nget k\r\n", line));
    client_sees(c, textf("%sEND\r\n%s", found, hit_and_end("k", value)));
}

/* Its statistics and a dump of its keys come on connections of their own. */
static void a_real_memcached_answers_everything(void **state)
{
    struct memcached *s = memcached_start_secure(memcached_at_hand(), over_tls_cert(), NULL);
    struct moongate *m = moongate_start(
        script_of_one(memcached_address(s), textf("tls = { ca = '%s' }", over_tls_ca_file())),
        "--allow-dump", "yes", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set k 0 0 1\r\nv\r\nset l 5 0 2 noreply\r\nvw\r\nget k l\r\nincr k 1\r\n");
    client_sees(c, "STORED\r\nVALUE k 0 1\r\nv\r\nVALUE l 5 2\r\nvw\r\nEND\r\n"
                   "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_sends(c, "lru_crawler metadump all\r\n");
    while (strcmp(client_sees_line(c), "END") != 0) {
    }
    client_sends(c, "stats items\r\n");
    assert_int_equal(strncmp(client_sees_line(c), "STAT items:1:number", 19), 0);
    while (strcmp(client_sees_line(c), "END") != 0) {
    }
    stat_becomes(c, "servers", textf("%s:state", memcached_address(s)), "ready");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_speaks_plainly_is_down),
        play(a_server_that_says_nothing_is_down_after_connect_timeout),
        play(an_end_within_a_record_costs_the_calls_that_wait),
        play(long_values_pass_both_ways),
        play(a_value_behind_a_long_one_is_taken),
        play(what_is_read_and_not_taken_yet_is_taken),
        play(nothing_in_a_record_waits_for_the_next_one),
        play(a_real_memcached_answers_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
