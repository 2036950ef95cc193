/* Clients over TLS: they are served as plain ones are, whatever their sizes and however their bytes are cut, and they are told when
 * moongate ends their connection; who fails the handshake is named in the log and costs the others nothing. */
#include "lib/backend.h"
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/seat.h"
#include "lib/secure.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304, LARGE = 700000 };

static const struct cert *ca, *own;
static const char *cert_path, *key_path;

static void make_certificate(void)
{
    if (ca) return;
    ca = cert_ca("Test CA");
    own = cert_signed(ca, "localhost", "DNS:localhost");
    cert_path = cert_file("cert.pem", cert_pem(own), NULL);
    key_path = cert_file("key.pem", cert_key_pem(own), NULL);
}

/* Two listeners: for TLS, and for plain text. */
static struct moongate *start(const char *script, const char *option, const char *value)
{
    make_certificate();
    return moongate_start(script, "--tls-cert", cert_path, "--tls-key", key_path, "-b",
                          "secure=127.0.0.1:0", "-b", "plain=notls:127.0.0.2:0", option, value,
                          NULL);
}

static struct moongate *start_over(const struct memcached *s)
{
    return start(script_of_one(memcached_address(s), ""), "--stream-from", "65536");
}

static struct client *connects_plain(struct moongate *m)
{
    return client_connects_to(moongate_listener(m, "127.0.0.2"));
}

static char *letters(size_t n, unsigned seed)
{
    char *text = noise(n, seed);
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + (unsigned char)text[i] % 26);
    return text;
}

static const struct secure_wanted any, *const ANY = &any;

/* --- served ------------------------------------------------------------------------------------ */

static void each_version_of_tls_is_served(void **state)
{
    static const int versions[] = {TLS12, TLS13};
    struct moongate *m = start_over(memcached_start(NULL));
    for (size_t i = 0; i < 2; i++) {
        struct client *c = client_connects_secure(
            m, &(struct secure_wanted){.version = versions[i], .ca = ca, .name = "localhost"});
        client_stores_value(c, "k", "value");
        client_gets_value(c, "k", "value");
        client_sees_nothing_more(c);
        assert_string_equal(secure_version(client_secure(c)), i ? "TLSv1.3" : "TLSv1.2");
    }
    struct client *plain = connects_plain(m);
    client_gets_value(plain, "k", "value");
    assert_int_equal(stat_number(plain, "proxy", "tls_connections"), 2);
    assert_int_equal(stat_number(plain, "", "ssl_new_sessions"), 2);
}

/* memcached hung on that until 1.6.39: what a record brought beyond what was read is not announced by the socket. */
static void many_requests_in_one_record_are_all_answered(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects_secure(m, ANY);
    struct octets sent = {0}, seen = {0};
    client_stores_value(c, "k", letters(300, 1));
    for (int i = 0; i < 20000; i++) octets_add(&sent, "get k\r\n", 7);
    const char *one = hit_and_end("k", letters(300, 1));
    for (int i = 0; i < 20000; i++) octets_add(&seen, one, strlen(one));
    client_sends_bytes(c, octets_at(&sent), octets_n(&sent));
    client_sees_bytes(c, octets_at(&seen), octets_n(&seen));
    client_sees_nothing_more(c);
    octets_release(&sent);
    octets_release(&seen);
}

static void bytes_that_come_one_by_one_are_the_same_requests(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects(m);
    client_secures(c, ANY);
    const char *requests = "set a 0 0 3\r\nabc\r\nget a\r\n";
    for (const char *at = requests; *at; at++) client_sends_bytes(c, at, 1);
    client_sees(c, "STORED\r\n");
    client_sees(c, hit_and_end("a", "abc"));
    client_sees_nothing_more(c);
}

/* Long values are passed on while they come: to a plain client through a pipe, which would send them to a TLS client as they are. */
static void long_values_go_both_ways(void **state)
{
    struct memcached *s = memcached_start("-I", "2m", NULL);
    struct moongate *m = start_over(s);
    struct client *c = client_connects_secure(m, ANY), *plain = connects_plain(m);
    char *value = letters(LARGE, 7);
    client_stores_value(c, "long", value);
    client_gets_value(c, "long", value);
    client_gets_value(plain, "long", value);
    client_gets_value(c, "long", value);
    stat_becomes(plain, "proxy", "streamed_values", "3");
    client_stores_value(plain, "long", letters(LARGE, 8));
    client_gets_value(c, "long", letters(LARGE, 8));
    client_sees_nothing_more(c);
}

/* What its records take while it does not read is bounded, and it gets all of its answers afterwards. */
static void a_client_that_reads_late_gets_everything(void **state)
{
    struct memcached *s = memcached_start("-I", "2m", NULL);
    struct moongate *m = start_over(s);
    struct client *c = client_connects_secure(m, ANY), *other = connects_plain(m);
    char *value = letters(LARGE, 9);
    client_stores_value(c, "long", value);
    client_stops_reading(c);
    for (int i = 0; i < 8; i++) client_sends(c, "get long\r\n");
    client_stores_value(other, "k", "v");
    client_gets_value(other, "k", "v");
    client_reads_again(c);
    for (int i = 0; i < 8; i++) client_sees(c, hit_and_end("long", value));
    client_sees_nothing_more(c);
}

/* --- ends -------------------------------------------------------------------------------------- */

static void a_client_that_quits_is_told_the_end(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects_secure(m, ANY);
    client_sends(c, "version\r\nquit\r\n");
    (void)client_sees_line(c);
    client_sees_told_end(c);
}

static void a_client_that_sends_no_more_gets_its_answers_and_the_end(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = start(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *c = client_connects_secure(m, ANY);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_half_closes(c);
    client_has_nothing_yet(c);
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_told_end(c);
}

static void a_drain_answers_and_tells_the_end(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = start(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *busy = client_connects_secure(m, ANY), *idle = client_connects_secure(m, ANY);
    client_asks(idle, "verbosity 1\r\n", "OK\r\n");
    client_sends(busy, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_signal(m, SIGTERM);
    client_sees_told_end(idle);
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(busy, hit_and_end("k", "x"));
    client_sees_told_end(busy);
    moongate_exits(m, 0);
}

/* As one that is cut in its text: what has come of it in part is waited for. */
static void a_drain_waits_for_the_rest_of_a_record(void **state)
{
    static const char SET[] = "set k 0 0 1\r\nv\r\n";
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *busy = client_connects_secure(m, ANY), *idle = client_connects_secure(m, ANY);
    client_asks(idle, "verbosity 1\r\n", "OK\r\n");
    client_asks(busy, "verbosity 1\r\n", "OK\r\n");
    uint8_t last = client_sends_cut_record(busy, SET, sizeof SET - 1);
    moongate_signal(m, SIGTERM);
    client_sees_told_end(idle);
    client_ends_record(busy, last);
    client_sees(busy, "STORED\r\n");
    client_sees_told_end(busy);
    moongate_exits(m, 0);
}

/* Its keys are in the worker that goes, so it cannot move: it is told, and its next connection is served. */
static void a_replaced_worker_tells_the_end_and_plain_clients_stay(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects_secure(m, ANY), *plain = connects_plain(m);
    client_stores_value(c, "k", "v");
    client_gets_value(plain, "k", "v");
    kill(moongate_worker(m), SIGTERM);
    client_sees_told_end(c);
    client_gets_value(plain, "k", "v");
    c = client_connects_secure(m, ANY);
    client_gets_value(c, "k", "v");
}

/* One that has sent nothing yet begins its handshake with the next worker. */
static void a_client_that_has_not_begun_moves_with_its_worker(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects(m);
    pid_t first = seat_of(m, client_descriptor(c));
    kill(first, SIGTERM);
    while (client_is_at(c, first)) stage_turns(10);
    client_secures(c, ANY);
    client_stores_value(c, "k", "v");
    client_sees_nothing_more(c);
}

/* --- refused ----------------------------------------------------------------------------------- */

static void a_plain_client_of_a_tls_listener_is_named(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    client_sees_closed(c);
    moongate_sees_log(
        m, "at listener secure: closed: TLS handshake: does not speak TLS (it begins with \"get a");
    stat_becomes(connects_plain(m), "", "ssl_handshake_errors", "1");
}

static void a_tls_client_of_a_plain_listener_is_named(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = connects_plain(m);
    client_secures(c, ANY);
    assert_string_equal(client_sees_handshake_fail(c), "closed");
    moongate_sees_log(m, "at listener plain: speaks TLS");
}

static void an_old_client_is_refused_with_its_reason(void **state)
{
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *c = client_connects(m);
    client_secures(c, &(struct secure_wanted){.version = TLS11, .ciphers = "ALL:@SECLEVEL=0"});
    assert_non_null(strstr(client_sees_handshake_fail(c), "alert protocol version"));
    moongate_sees_log(m, "closed: TLS handshake: has no TLS version that is allowed here");
}

/* Not even a byte of the requests that come with a wrong record is taken. */
static void a_record_that_was_changed_ends_the_connection(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = start(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *c = client_connects_secure(m, ANY);
    client_sends_spoilt(c, "get k\r\n");
    client_sees_closed(c);
    moongate_sees_log(m, "closed: TLS: sent a TLS record that is not genuine");
    stat_becomes(connects_plain(m), "", "ssl_proto_errors", "1");
    backend_has_nothing_yet(b);
}

/* --- many -------------------------------------------------------------------------------------- */

/* Those that never finish their handshake, at its beginning and in the middle of their first message. */
static void half_open_handshakes_cost_others_nothing(void **state)
{
    enum { CROWD = 400 };
    struct moongate *m = start_over(memcached_start(NULL));
    struct client *plain = connects_plain(m);
    for (int i = 0; i < CROWD; i++) {
        struct client *c = client_connects(m);
        if (i % 2) client_sends_bytes(c, "\x16\x03\x01\x02\x00\x01\x00\x01", 8);
    }
    struct client *c = client_connects_secure(m, ANY);
    client_stores_value(c, "k", "v");
    client_gets_value(plain, "k", "v");
    assert_int_equal(stat_number(plain, "proxy", "curr_connections"), CROWD + 2);
    assert_int_equal(stat_number(plain, "", "ssl_handshake_errors"), 0);
}

/* More than fit into a turn: each takes the worker a signature. */
static void many_handshakes_at_once_all_succeed(void **state)
{
    enum { CROWD = 60 };
    struct client *clients[CROWD];
    make_certificate();
    const struct cert *rsa = cert_make(&(struct cert_wanted){.name = "rsa", .is_rsa = true});
    const char *both = cert_file("rsa.pem", cert_pem(rsa), cert_key_pem(rsa));
    struct moongate *m = moongate_start(script_of_one(memcached_address(memcached_start(NULL)), ""),
                                        "--tls-cert", both, NULL);
    for (int i = 0; i < CROWD; i++) clients[i] = client_connects(m);
    for (int i = 0; i < CROWD; i++) client_secures(clients[i], ANY);
    for (int i = 0; i < CROWD; i++) client_sends(clients[i], "verbosity 1\r\n");
    for (int i = 0; i < CROWD; i++) client_sees(clients[i], "OK\r\n");
    assert_int_equal(stat_number(clients[0], "", "ssl_new_sessions"), CROWD);
}

/* I6: what is kept of records that are not whole counts as unfinished requests do. */
static void records_that_never_end_are_bounded(void **state)
{
    enum { CROWD = 80, LENGTH = 16000, LIMIT = 1024 * 1024 };
    struct client *clients[CROWD];
    make_certificate();
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(memcached_start(NULL)), ""), "--tls-cert",
                       cert_path, "--tls-key", key_path, "-b", "127.0.0.1:0", "-b",
                       "notls:127.0.0.2:0", "--max-value", "65536", "--input-buffer", "1m", NULL);
    struct client *plain = connects_plain(m);
    for (int i = 0; i < CROWD; i++) clients[i] = client_connects_secure(m, ANY);
    for (int i = 0; i < CROWD; i++) client_sends_cut_record(clients[i], letters(LENGTH, 1), LENGTH);
    moongate_sees_log(m, "closed: all clients' unfinished requests hold too much");
    assert_true(stat_number(plain, "proxy", "unfinished_bytes") <= LIMIT);
    client_stores_value(plain, "k", "v");
}

/* --- others' programs -------------------------------------------------------------------------- */

static void openssls_own_client_is_served(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = start_over(s);
    const char *command =
        textf("printf 'set k 0 0 5\\r\\nvalue\\r\\nget k\\r\\nquit\\r\\n' | openssl s_client "
              "-connect %s -CAfile %s "
              "-verify_return_error -verify_hostname localhost -quiet -ign_eof 2>&1",
              moongate_address(m), cert_file("ca.pem", cert_pem(ca), NULL));
    struct run run = program_run((const char *[]){"/bin/sh", "-c", command, NULL});
    assert_non_null(strstr(run.out, "STORED\r\nVALUE k 0 5\r\nvalue\r\nEND\r\n"));
    assert_int_equal(run.code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_version_of_tls_is_served),
        play(many_requests_in_one_record_are_all_answered),
        play(bytes_that_come_one_by_one_are_the_same_requests),
        play(long_values_go_both_ways),
        play(a_client_that_reads_late_gets_everything),
        play(a_client_that_quits_is_told_the_end),
        play(a_client_that_sends_no_more_gets_its_answers_and_the_end),
        play(a_drain_answers_and_tells_the_end),
        play(a_drain_waits_for_the_rest_of_a_record),
        play(a_replaced_worker_tells_the_end_and_plain_clients_stay),
        play(a_client_that_has_not_begun_moves_with_its_worker),
        play(a_plain_client_of_a_tls_listener_is_named),
        play(a_tls_client_of_a_plain_listener_is_named),
        play(an_old_client_is_refused_with_its_reason),
        play(a_record_that_was_changed_ends_the_connection),
        play(half_open_handshakes_cost_others_nothing),
        play(many_handshakes_at_once_all_succeed),
        play(records_that_never_end_are_bounded),
        play(openssls_own_client_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
