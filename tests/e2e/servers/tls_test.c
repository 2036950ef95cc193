/* TLS to servers: whom moongate believes, what it says of those it does not, and that everything else is as without TLS. */
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

static const char *stat_of(const struct backend *b, const char *name)
{
    return textf("%s:%s", backend_address(b), name);
}

static struct backend *secure_backend(const struct secure_wanted *wanted)
{
    struct backend *b = backend_listens();
    backend_secures(b, wanted);
    return b;
}

static struct backend *usual_backend(void)
{
    return secure_backend(&(struct secure_wanted){.cert = over_tls_cert()});
}

/* A pool over b that believes the tests' CA; more fields of `tls`, with their comma. */
static const char *script_of(const struct backend *b, const char *more)
{
    return script_of_one(backend_address(b),
                         textf("tls = { %s ca = '%s' }", more, over_tls_ca_file()));
}

static unsigned port_of(const struct backend *b)
{
    return (unsigned)strtoul(strchr(backend_address(b), ':') + 1, NULL, 10);
}

static const char *script_with_ca(const struct backend *b, const char *ca)
{
    return script_of_one(backend_address(b), textf("tls = { ca = '%s' }", ca));
}

/* The same for one that will not be connected: nobody waits for its links, as its address is not in the text. */
static const char *script_of_bad(const struct backend *b, const char *options)
{
    return textf(MG "return mg.pool { { host = '127.0.0.1', port = %u }, %s }\n", port_of(b),
                 options);
}

/* --- who is believed --------------------------------------------------------------------------- */

static void a_server_is_verified_by_its_address(void **state)
{
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), NULL));

    get_finds(c, "k", b, "k", "value");
    assert_null(secure_sni(backend_secure(b)));
    assert_string_equal(secure_version(backend_secure(b)), "TLSv1.3");
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_handshakes")), 1);
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_failures")), 0);
}

static void a_server_is_verified_by_the_name_that_is_given(void **state)
{
    struct backend *b = secure_backend(&(struct secure_wanted){
        .cert = cert_signed(over_tls_ca(), "a cache", "DNS:cache-1.example,DNS:*.zone.example")});
    const char *first = script_of(b, "name = 'cache-1.example',");
    struct moongate *m = moongate_start(first, NULL);
    struct client *c = client_connects(m);

    get_misses(c, "k", b, "k");
    assert_string_equal(secure_sni(backend_secure(b)), "cache-1.example");
    moongate_reloads(m, script_of(b, "name = 'cache-7.zone.example',"));
    backend_sees_links(b, 2);
    assert_string_equal(secure_sni(backend_secure(b)), "cache-7.zone.example");
}

static void a_host_name_is_what_the_certificate_must_be_for(void **state)
{
    struct memcached *s = memcached_start_secure(memcached_at_hand(), over_tls_cert(), NULL);
    const char *port = strchr(memcached_address(s), ':');
    struct client *c = client_connects(
        moongate_start(textf(MG "return mg.pool { 'localhost%s', tls = { ca = '%s' } }\n", port,
                             over_tls_ca_file()),
                       NULL));

    client_sends(c, "set k 0 0 1\r\nv\r\nget k\r\n");
    client_sees(c, "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n");
}

static void tls_1_2_alone_and_1_3_alone_are_spoken(void **state)
{
    static const struct secure_wanted old = {.version = 0x0303, .ciphers = "ECDHE+AESGCM"};
    struct secure_wanted wanted = old;
    wanted.cert = over_tls_cert();
    struct backend *b = secure_backend(&wanted);
    struct moongate *m = moongate_start(script_of(b, ""), NULL);
    struct client *c = client_connects(m);

    get_finds(c, "k", b, "k", "value");
    assert_string_equal(secure_version(backend_secure(b)), "TLSv1.2");
    moongate_reloads(
        m, script_of_bad(b, textf("tls = { min = '1.3', ca = '%s' }", over_tls_ca_file())));
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s tls: it sent the alert \"protocol version\"\r\n",
                         backend_address(b)));
}

/* name of the play, the certificate's fields, options of tls, what is said; CA: the issuer is the tests' */
struct zoo_row {
    const char *what;
    struct cert_wanted wanted;
    const char *more; /* fields of tls, with a comma */
    const char *said;
};

static void no_wrong_certificate_is_believed(void **state)
{
    const struct cert *ca = over_tls_ca(), *other = cert_ca("another CA");
    const struct cert *middle =
        cert_make(&(struct cert_wanted){.name = "middle", .issuer = ca, .is_ca = true});
    const char *ip = "IP:127.0.0.1";
    const struct zoo_row zoo[] = {
        {"expired",
         {"c", ip, ca, .from = -48, .to = -24},
         "",
         "certificate has expired (subject \"CN=c\", issuer \"CN=moongate's tests\")"},
        {"not yet valid",
         {"c", ip, ca, .from = 24, .to = 48},
         "",
         "certificate is not yet valid (subject \"CN=c\", issuer \"CN=moongate's tests\")"},
        {"another address",
         {"c", "IP:127.0.0.9", ca},
         "",
         "it is not for 127.0.0.1, but for no host name"},
        {"another name",
         {"c", "DNS:b.example", ca},
         "name = 'a.example',",
         "it is not for a.example, but for b.example"},
        {"an address as a name",
         {"c", "DNS:127.0.0.1", ca},
         "",
         "it is not for 127.0.0.1, but for 127.0.0.1"},
        {"another CA",
         {"c", ip, other},
         "",
         "unable to get local issuer certificate (subject \"CN=c\", issuer \"CN=another CA\")"},
        {"self-signed",
         {"c", ip, NULL},
         "",
         "self-signed certificate (subject \"CN=c\", issuer \"CN=c\")"},
        {"without what leads to the CA",
         {"c", ip, middle},
         "",
         "unable to get local issuer certificate (subject \"CN=c\", issuer \"CN=middle\")"},
        {"the system's CAs",
         {"c", ip, ca},
         NULL,
         "unable to get local issuer certificate (subject \"CN=c\", issuer \"CN=moongate's "
         "tests\")"},
    };
    enum { ROWS = sizeof zoo / sizeof *zoo };
    struct backend *b[ROWS];
    const char *pools = MG "local pools = {}\n";
    for (unsigned i = 0; i < ROWS; i++) {
        b[i] = secure_backend(&(struct secure_wanted){.cert = cert_make(&zoo[i].wanted)});
        const char *tls =
            zoo[i].more ? textf("{ %s ca = '%s' }", zoo[i].more, over_tls_ca_file()) : "true";
        pools = textf("%spools[%u] = mg.pool { { host = '127.0.0.1', port = %u }, tls = %s }\n",
                      pools, i, port_of(b[i]), tls);
    }
    struct client *c = client_connects(moongate_start(
        textf("%sreturn function(req) return pools[tonumber(req.key)] end\n", pools), NULL));

    for (unsigned i = 0; i < ROWS; i++) {
        const char *address = backend_address(b[i]);
        client_sends(c, textf("get %u\r\n", i));
        client_sees(
            c, textf("SERVER_ERROR %s tls: certificate not valid: %s\r\n", address, zoo[i].said));
        stat_becomes(c, "servers", stat_of(b[i], "reason"),
                     textf("tls: certificate not valid: %s", zoo[i].said));
        assert_int_equal(stat_number(c, "servers", stat_of(b[i], "tls_handshakes")), 0);
        (void)backend_sees_handshake_fail(b[i], 1); /* and nothing was sent before */
    }
}

static void with_verify_false_any_certificate_will_do(void **state)
{
    struct backend *b = secure_backend(&(struct secure_wanted){
        .cert = cert_make(&(struct cert_wanted){.name = "x", .from = -9, .to = -8})});
    struct client *c = client_connects(
        moongate_start(script_of_one(backend_address(b), "tls = { verify = false }"), NULL));

    get_finds(c, "k", b, "k", "value");
}

static void what_leads_to_the_ca_is_sent_by_the_server(void **state)
{
    const struct cert *middle =
        cert_make(&(struct cert_wanted){.name = "middle", .issuer = over_tls_ca(), .is_ca = true});
    struct backend *b = secure_backend(
        &(struct secure_wanted){.cert = cert_signed(middle, "c", "IP:127.0.0.1"), .chain = middle});
    struct client *c = client_connects(moongate_start(script_of(b, ""), NULL));

    get_misses(c, "k", b, "k");
}

static void moongate_shows_its_own_certificate_where_it_has_one(void **state)
{
    const struct cert *own = cert_signed(over_tls_ca(), "proxy-1", NULL);
    struct secure_wanted wanted = {
        .cert = over_tls_cert(), .wants_cert = true, .ca = over_tls_ca(), .version = 0x0303};
    struct backend *b = secure_backend(&wanted);
    const char *both = cert_file("own.pem", cert_pem(own), cert_key_pem(own));
    struct moongate *m = moongate_start(script_of(b, textf("cert = '%s',", both)), NULL);
    struct client *c = client_connects(m);

    get_misses(c, "k", b, "k");
    assert_string_equal(secure_peer(backend_secure(b)), "proxy-1");
    moongate_reloads(m, script_of_bad(b, textf("tls = { ca = '%s' }", over_tls_ca_file())));
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s tls: it sent the alert \"handshake failure\"\r\n",
                         backend_address(b)));
}

/* --- the service ------------------------------------------------------------------------------- */

static void the_log_says_why_a_server_is_down(void **state)
{
    struct backend *b = secure_backend(&(struct secure_wanted){.cert = cert_ca("nobody's")});
    struct moongate *m =
        moongate_start(script_of_bad(b, textf("tls = { ca = '%s' }", over_tls_ca_file())), NULL);

    moongate_sees_log(m, textf("backend %s: down: tls: certificate not valid: self-signed "
                               "certificate (subject \"CN=nobody's\", issuer \"CN=nobody's\")",
                               backend_address(b)));
}

static void a_session_is_resumed(void **state)
{
    struct backend *b = usual_backend();
    struct client *c = client_connects(moongate_start(script_of(b, ""), NULL));

    get_misses(c, "k", b, "k");
    backend_closes(b);
    backend_sees_links(b, 2);
    get_misses(c, "k", b, "k");
    assert_true(secure_is_resumed(backend_secure(b)));
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_handshakes")), 2);
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_resumed")), 1);
}

static void equal_files_keep_connections_over_a_reload_and_others_do_not(void **state)
{
    struct backend *b = usual_backend();
    const char *ca = cert_file("ca-1.pem", cert_pem(over_tls_ca()), "");
    const char *same = cert_file("ca-2.pem", cert_pem(over_tls_ca()), "");
    const char *more = cert_file("ca-3.pem", cert_pem(over_tls_ca()), cert_pem(cert_ca("b")));
    struct moongate *m = moongate_start(script_with_ca(b, ca), NULL);
    struct client *c = client_connects(m);

    moongate_reloads(m, script_with_ca(b, same));
    get_misses(c, "k", b, "k");
    assert_int_equal(backend_links(b), 1);
    moongate_reloads(m, script_with_ca(b, more));
    backend_sees_closed(b);
    get_misses(c, "k", b, "k");
    assert_int_equal(backend_links(b), 2);
}

static void a_file_that_is_missing_or_damaged_refuses_the_reload(void **state)
{
    struct backend *b = usual_backend();
    struct moongate *m = moongate_start(script_of(b, ""), NULL);
    struct client *c = client_connects(m);
    const char *broken = cert_file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "");

    moongate_gets_script(m, script_with_ca(b, "/no/such/ca"));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "option 'tls' ca /no/such/ca: No such file or directory");
    moongate_gets_script(m, script_with_ca(b, broken));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("option 'tls' %s: ", broken));
    get_misses(c, "k", b, "k");
    assert_int_equal(backend_links(b), 1);
}

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
        play(a_server_is_verified_by_its_address),
        play(a_server_is_verified_by_the_name_that_is_given),
        play(a_host_name_is_what_the_certificate_must_be_for),
        play(tls_1_2_alone_and_1_3_alone_are_spoken),
        play(no_wrong_certificate_is_believed),
        play(with_verify_false_any_certificate_will_do),
        play(what_leads_to_the_ca_is_sent_by_the_server),
        play(moongate_shows_its_own_certificate_where_it_has_one),
        play(the_log_says_why_a_server_is_down),
        play(a_session_is_resumed),
        play(equal_files_keep_connections_over_a_reload_and_others_do_not),
        play(a_file_that_is_missing_or_damaged_refuses_the_reload),
        play(a_server_that_speaks_plainly_is_down),
        play(a_server_that_says_nothing_is_down_after_connect_timeout),
        play(an_end_within_a_record_costs_the_calls_that_wait),
        play(long_values_pass_both_ways),
        play(what_is_read_and_not_taken_yet_is_taken),
        play(nothing_in_a_record_waits_for_the_next_one),
        play(a_real_memcached_answers_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
