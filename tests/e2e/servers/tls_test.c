/* TLS to servers: whom moongate believes, what it says of those it does not, and when it reads its files again. */
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

/* The text with something else in place of a word. */
static const char *with_word(const char *text, const char *word, const char *other)
{
    const char *at = strstr(text, word);
    return textf("%.*s%s%s", (int)(at - text), text, other, at + strlen(word));
}

static const char *script_with_ca(const struct backend *b, const char *ca)
{
    return script_of_one(backend_address(b), textf("tls = { ca = '%s' }", ca));
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

/* --- what scripts say -------------------------------------------------------------------------- */

static void mistakes_in_the_options_are_named(void **state)
{
    const char *ca = cert_file("good.pem", cert_pem(over_tls_ca()), "");
    const char *key = cert_file("other.key", cert_key_pem(cert_ca("x")), "");
    const char *const wrong[][2] = {
        {"'a', tls = 1", "option 'tls' takes true, false or a table of options, not 1"},
        {"'a', tls = { 'x' }", "option 'tls' takes a table of options"},
        {"'a', tls = { ka = 'x' }",
         "option 'tls' has a table with unknown option 'ka'; there are: ca, cert, ciphers, key"},
        {"'a', tls = { verify = 1 }", "with option 'verify' takes true or false, not 1"},
        {"'a', tls = { min = '1.1' }", "option 'tls' min takes \"1.2\" or \"1.3\", not \"1.1\""},
        {"'a', tls = { ciphers = 'x' }",
         "option 'tls' ciphers \"x\": OpenSSL knows no such cipher"},
        {"'a', tls = { ca = 'x\\0y' }", "with option 'ca' takes the path of a file"},
        {"'a', tls = { ca = '/tmp' }", "option 'tls' ca /tmp: it is not a regular file"},
        {"'a', tls = { key = '/x' }", "option 'tls' has a key and no cert"},
        {"'a', tls = { cert = 'CA' }", "option 'tls' CA: "},
        {"'a', tls = { cert = 'CA', key = 'KEY' }", "option 'tls' KEY: the key does not belong to"},
        {"{ 'a', tls = { ca = '/x' } }, tls = true", "server 1 option 'tls' ca /x: No such file"},
        {"'unix:/x', tls = true", "server 'unix:/x': TLS to a unix socket verifies a name"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *options = wrong[i][0], *said = wrong[i][1];
        if (strstr(options, "CA")) options = with_word(options, "CA", ca);
        if (strstr(options, "KEY")) options = with_word(options, "KEY", key);
        if (strstr(said, "CA: ")) said = with_word(said, "CA", ca);
        if (strstr(said, "KEY")) said = with_word(said, "KEY", key);
        const char *script = moongate_script_file(textf(MG "return mg.pool { %s }", options));
        struct run run = moongate_runs("-t", script, NULL);
        if (run.code != 1 || !strstr(run.err, said) || !strstr(run.err, ":2: mg.pool "))
            stage_fails("%s\nis not in: %s", said, run.err);
    }
}

static void a_narrower_table_adds_to_a_wider_one(void **state)
{
    struct backend *b = usual_backend(), *plain = backend_listens();
    backend_secures(plain, NULL);
    const char *script = textf(
        MG "mg.defaults { tls = { ca = '%s', name = 'nobody' } }\n"
           "local a = mg.pool { { '%s', tls = { name = 'localhost' } }, tls = { min = '1.3' } }\n"
           "local b = mg.pool { '%s', tls = false }\n"
           "return mg.by_prefix { { a = a }, default = b }\n",
        over_tls_ca_file(), backend_address(b), backend_address(plain));
    struct client *c = client_connects(moongate_start(script, NULL));

    get_finds(c, "a", b, "a", "one");
    assert_string_equal(secure_sni(backend_secure(b)), "localhost");
    get_finds(c, "b", plain, "b", "two");
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

/* By whatever link it comes. */
static void misses_somewhere(struct client *c, struct backend *b)
{
    client_sends(c, "get k\r\n");
    (void)backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

/* As memcached does that asks for certificates, without ssl_session_cache. */
static void a_server_that_refuses_sessions_is_asked_without(void **state)
{
    const struct cert *own = cert_signed(over_tls_ca(), "proxy-2", NULL);
    struct secure_wanted wanted = {.cert = over_tls_cert(),
                                   .wants_cert = true,
                                   .ca = over_tls_ca(),
                                   .refuses_resumption = true};
    struct backend *b = secure_backend(&wanted);
    const char *both = cert_file("own-2.pem", cert_pem(own), cert_key_pem(own));
    struct moongate *m = moongate_start(script_of(b, textf("cert = '%s',", both)), NULL);
    struct client *c = client_connects(m);

    misses_somewhere(c, b);
    backend_closes(b);
    backend_sees_links(b, 2); /* one in between was refused */
    misses_somewhere(c, b);
    moongate_sees_log(m, "no session is resumed for an hour");
    backend_closes(b);
    backend_sees_links(b, 3);
    misses_somewhere(c, b);
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_handshakes")), 3);
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_resumed")), 0);
    assert_int_equal(stat_number(c, "servers", stat_of(b, "tls_failures")), 0);
    assert_int_equal(backend_links(b), 4); /* one of them refused */
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
    (void)cert_file("ca-3.pem", cert_pem(over_tls_ca()), cert_pem(cert_ca("c")));
    moongate_reloads(m, script_with_ca(b, more));
    backend_sees_closed(b);
    get_misses(c, "k", b, "k");
    assert_int_equal(backend_links(b), 3);
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
        play(mistakes_in_the_options_are_named),
        play(a_narrower_table_adds_to_a_wider_one),
        play(the_log_says_why_a_server_is_down),
        play(a_session_is_resumed),
        play(a_server_that_refuses_sessions_is_asked_without),
        play(equal_files_keep_connections_over_a_reload_and_others_do_not),
        play(a_file_that_is_missing_or_damaged_refuses_the_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
