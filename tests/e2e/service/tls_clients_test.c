/* TLS for clients, as its options and mg.listen set it up: which listeners speak it, in which versions and ciphers, and which certificates let
 * a client in. */
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/secure.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Answers each request with who asks. */
static const char SCRIPT[] = MG "return function(req) return mg.reply.error(req.listener) end\n";

static const char WHO[] =
    MG "return function(req) return mg.reply.error(req.identity or 'nobody') end\n";

/* Whom clients trust, and what moongate shows. */
static const struct cert *authority, *server;
static const char *cert, *key, *ca;

static int make_certificates(void **state)
{
    (void)state;
    authority = cert_ca("the CA");
    server = cert_signed(authority, "moongate", "IP:127.0.0.1");
    cert = cert_file("server.pem", cert_pem(server), "");
    key = cert_file("server.key", cert_key_pem(server), "");
    ca = cert_file("ca.pem", cert_pem(authority), "");
    return 0;
}

static struct secure_wanted trusting(void)
{
    return (struct secure_wanted){.ca = authority, .name = "127.0.0.1"};
}

static void hears(struct client *c, const char *word)
{
    client_asks(c, "get k\r\n", textf("SERVER_ERROR %s\r\n", word));
}

static void hears_secure(const char *address, const struct secure_wanted *wanted, const char *word)
{
    struct client *c = client_connects_secure_to(address, wanted);
    hears(c, word);
    client_closes(c);
}

/* Returns the line of the log about it, the nth. */
static const char *is_refused(struct moongate *m, const struct secure_wanted *wanted, size_t nth)
{
    struct client *c = client_connects(m);
    client_secures(c, wanted);
    (void)client_sees_handshake_fail(c);
    return moongate_log_nth_line(m, "TLS handshake: ", nth);
}

/* A client may see the end of its handshake before the server has seen its certificate: TLS 1.3 sends it last. */
static const char *is_let_go(struct moongate *m, const struct secure_wanted *wanted, size_t nth)
{
    struct client *c = client_connects(m);
    client_secures(c, wanted);
    moongate_sees_log_times(m, "TLS handshake: ", nth);
    client_closes(c);
    return moongate_log_nth_line(m, "TLS handshake: ", nth);
}

/* --- listeners -------------------------------------------------------------------------------- */

static void with_a_certificate_tcp_speaks_tls_and_unix_sockets_do_not(void **state)
{
    const char *path = textf("unix:%s/plain", program_folder());
    const char *other = textf("unix:%s/tls", program_folder());
    struct moongate *m =
        moongate_start(SCRIPT, "--tls-cert", cert, "--tls-key", key, "-b", "one=127.0.0.1", "-b",
                       "plain=notls:127.0.0.2", "-b", textf("file=%s", path), "-b",
                       textf("shut=tls:%s", other), NULL);
    struct secure_wanted wanted = trusting();
    hears_secure(moongate_listener(m, "127.0.0.1"), &wanted, "one");
    hears(client_connects_to(moongate_listener(m, "127.0.0.2")), "plain");
    hears(client_connects_to(path), "file");
    hears_secure(other, &wanted, "shut");
    struct client *c = client_connects_to(path);
    assert_int_equal(stat_number(c, "listeners", "one:tls_handshakes"), 1);
    assert_int_equal(stat_number(c, "listeners", "shut:tls_handshakes"), 1);
    assert_int_equal(stat_number(c, "", "ssl_new_sessions"), 2);
    assert_int_equal(stat_number(c, "", "ssl_handshake_errors"), 0);
    assert_string_equal(stat_text(c, "settings", "ssl_enabled"), "yes");
    assert_string_equal(stat_text(c, "settings", "ssl_chain_cert"), cert);
    assert_true(stat_number(c, "", "time_since_server_cert_refresh") < 60);
    stat_becomes(c, "proxy", "tls_connections", "0");
    struct client *lost = client_connects_to(moongate_listener(m, "127.0.0.1"));
    client_sends(lost, "get k\r\n");
    client_sees_closed(lost);
    moongate_sees_log(m, "does not speak TLS");
    stat_becomes(c, "listeners", "one:tls_handshake_errors", "1");
}

static void a_listener_of_a_script_may_have_tls_of_its_own(void **state)
{
    const struct cert *other = cert_signed(authority, "other", "DNS:other.example");
    const char *both = cert_file("other.pem", cert_pem(other), cert_key_pem(other));
    const char *folder = program_folder(), *path = textf("unix:%s/own", folder);
    struct moongate *m =
        moongate_start(textf("%smg.listen { '%s', tls = { cert = '%s', ca = '%s', verify = "
                             "'require', min = '1.3' } }\n"
                             "mg.listen { 'unix:%s/common', name = 'common', tls = true }\n"
                             "mg.listen { 'unix:%s/plain', name = 'plain', tls = false }\n"
                             "return function(req) return mg.reply.error(req.listener) end\n",
                             MG, path, both, ca, folder, folder),
                       "--tls-cert", cert, "--tls-key", key, "-b", "x=127.0.0.1", NULL);
    struct secure_wanted wanted = {.ca = authority, .name = "other.example"};
    wanted.cert = cert_signed(authority, "app", NULL);
    hears_secure(path, &wanted, path);
    wanted.cert = NULL;
    wanted.version = 0x0303;
    struct client *c = client_connects_to(path);
    client_secures(c, &wanted);
    (void)client_sees_handshake_fail(c);
    moongate_sees_log(m, "has no TLS version that is allowed here");
    wanted = trusting();
    hears_secure(moongate_address(m), &wanted, "x");
    hears_secure(textf("unix:%s/common", folder), &wanted, "common");
    hears(client_connects_to(textf("unix:%s/plain", folder)), "plain");
}

static void a_listener_that_lacks_a_certificate_is_refused_with_its_line(void **state)
{
    const char *script = moongate_script_file(MG "\nmg.listen { '127.0.0.1:1', tls = true }\n"
                                                 "return mg.pool { '127.0.0.1:1' }\n");
    struct run run = moongate_runs("-t", script, NULL);
    exits(run, 1);
    has(run.err, ":3: mg.listen: 127.0.0.1:1: TLS needs a certificate: give --tls-cert FILE");
    const char *mutual = moongate_script_file(
        MG "mg.listen { '127.0.0.1:1', tls = 'mutual' }\nreturn mg.pool { '127.0.0.1:1' }\n");
    run = moongate_runs("-t", mutual, "--tls-cert", cert, "--tls-key", key, NULL);
    exits(run, 1);
    has(run.err, ":2: mg.listen: 127.0.0.1:1: TLS with certificates of clients needs one, and");
    exits(moongate_runs("-t", mutual, "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca, NULL),
          0);
    run = moongate_runs("explain", script, "get k", NULL); /* who serves nobody needs no keys */
    exits(run, 0);
}

/* --- versions and ciphers --------------------------------------------------------------------- */

static void versions_and_ciphers_are_those_that_are_allowed(void **state)
{
    struct moongate *m = moongate_start(
        SCRIPT, "--tls-cert", cert, "--tls-key", key, "-b", "x=127.0.0.1", "--tls-ciphers",
        "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_128_GCM_SHA256", NULL);
    struct secure_wanted wanted = trusting();
    wanted.version = 0x0303;
    hears_secure(moongate_address(m), &wanted, "x");
    wanted.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    has(is_refused(m, &wanted, 1), "has no cipher that is allowed here");
    wanted.ciphers = NULL;
    wanted.version = 0x0304;
    hears_secure(moongate_address(m), &wanted, "x");
    wanted.version = 0x0302;
    has(is_refused(m, &wanted, 2), "has no TLS version that is allowed here");
    stage_clears();
    m = moongate_start(SCRIPT, "--tls-cert", cert, "--tls-key", key, "--tls-min", "1.3", "-b",
                       "x=127.0.0.1", NULL);
    wanted.version = 0x0303;
    has(is_refused(m, &wanted, 1), "has no TLS version that is allowed here");
    wanted.version = 0x0304;
    hears_secure(moongate_address(m), &wanted, "x");
}

/* --- certificates of clients ------------------------------------------------------------------ */

/* A client's certificate, what is sent behind it, and what the log says of it; NULL: it is let in. */
struct guest {
    const char *name;
    const struct cert *cert, *chain;
    const char *why;
    const char *is; /* its name, where it is let in */
};

enum { GUESTS = 6 };

static void guests_come(struct guest to[GUESTS])
{
    const struct cert *stranger = cert_ca("another CA");
    const struct cert *between = cert_make(
        &(struct cert_wanted){.name = "intermediate", .issuer = authority, .is_ca = true});
    const struct cert *below = cert_signed(between, "below", NULL);
    const struct guest all[GUESTS] = {
        {"valid", cert_signed(authority, "app", NULL), NULL, NULL, "app"},
        {"by an intermediate", below, between, NULL, "below"},
        {"the intermediate is missing", below, NULL, "unable to get local issuer certificate"},
        {"expired",
         cert_make(
             &(struct cert_wanted){.name = "old", .issuer = authority, .from = -48, .to = -24}),
         NULL, "certificate has expired"},
        {"of another CA", cert_signed(stranger, "app", NULL), NULL,
         "unable to get local issuer certificate"},
        {"signed by itself", cert_make(&(struct cert_wanted){.name = "self"}), NULL,
         "self-signed certificate"},
    };
    memcpy(to, all, sizeof all);
}

/* How they fare in that version. is_needed: a client without a certificate stays out. */
static void guests_knock(const char *verify, bool is_needed, int version)
{
    struct guest guests[GUESTS];
    struct secure_wanted wanted = trusting();
    size_t refused = 0;
    struct moongate *m =
        moongate_start(WHO, "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca, "--tls-verify",
                       verify, "-b", "x=127.0.0.1", "-b", "plain=notls:127.0.0.2", NULL);
    guests_come(guests);
    wanted.version = version;
    for (int i = 0; i < GUESTS; i++) {
        wanted.cert = guests[i].cert;
        wanted.chain = guests[i].chain;
        if (!guests[i].why) {
            hears_secure(moongate_address(m), &wanted, textf("cert:%s", guests[i].is));
            continue;
        }
        const char *line = is_let_go(m, &wanted, ++refused);
        has(line, guests[i].why);
        has(line, "client 127.0.0.1:");
        has(line, "at listener x: closed: ");
    }
    wanted.cert = wanted.chain = NULL;
    if (is_needed)
        has(is_let_go(m, &wanted, ++refused), "has no certificate, and must have one");
    else
        hears_secure(moongate_address(m), &wanted, "nobody");
    struct client *c = client_connects_to(moongate_listener(m, "127.0.0.2"));
    assert_int_equal(stat_number(c, "", "ssl_handshake_errors"), refused);
    stage_clears();
}

static void guests_knock_in_both_versions(const char *verify, bool is_needed)
{
    guests_knock(verify, is_needed, 0x0303);
    guests_knock(verify, is_needed, 0x0304);
}

static void require_lets_in_whom_the_ca_has_signed(void **state)
{
    guests_knock_in_both_versions("require", true);
}

static void request_lets_in_those_without_a_certificate_too(void **state)
{
    guests_knock_in_both_versions("request", false);
}

/* A line of text would be no TLS. */
static void a_client_that_is_one_too_many_is_closed_without_a_word(void **state)
{
    struct moongate *m = moongate_start(SCRIPT, "--tls-cert", cert, "--tls-key", key, "-c", "1",
                                        "-b", "x=127.0.0.1", "-b", "plain=notls:127.0.0.2", NULL);
    struct secure_wanted wanted = trusting();
    hears(client_connects_secure(m, &wanted), "x");
    client_sees_closed(client_connects(m));
    client_sees(client_connects_to(moongate_listener(m, "127.0.0.2")),
                "ERROR Too many open connections\r\n");
}

static void without_verify_any_certificate_will_do(void **state)
{
    struct guest guests[GUESTS];
    struct moongate *m = moongate_start(WHO, "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca,
                                        "-b", "x=127.0.0.1", "-b", "mutual=mtls:127.0.0.2", NULL);
    guests_come(guests);
    for (int i = 0; i < GUESTS; i++) {
        struct secure_wanted wanted = trusting();
        wanted.cert = guests[i].cert;
        hears_secure(moongate_address(m), &wanted, "nobody");
    }
    struct secure_wanted mutual = {.cert = guests[0].cert};
    hears_secure(moongate_listener(m, "127.0.0.2"), &mutual, "cert:app");
    struct client *c = client_connects_to(moongate_listener(m, "127.0.0.2"));
    client_secures(c, &(struct secure_wanted){.version = 0x0303});
    (void)client_sees_handshake_fail(c);
    moongate_sees_log(m, "has no certificate, and must have one");
}

/* --- what is refused at the start ------------------------------------------------------------- */

static struct run starts_with(const char *one, const char *a, const char *other, const char *b)
{
    return moongate_runs("-p", "0", "-s", "127.0.0.1:1", one, a, other, b, NULL);
}

static void says(struct run run, int code, const char *text)
{
    exits(run, code);
    has(run.err, text);
}

static void what_cannot_work_is_said_at_the_start(void **state)
{
    const struct cert *other = cert_ca("x");
    const char *wrong = cert_file("wrong.key", cert_key_pem(other), "");
    const char *shut = cert_file("shut.key", cert_key_pem_encrypted(server), "");
    const char *junk = cert_file("junk.pem", "no certificate\n", "");
    says(starts_with("--tls-cert", cert, "--tls-key", wrong), 1, "the key does not belong to");
    says(starts_with("--tls-cert", cert, "--tls-key", shut), 1, "the key is encrypted");
    says(starts_with("--tls-cert", cert, "--tls-key", junk), 1, "there is no private key in it");
    says(starts_with("--tls-cert", junk, "--tls-key", key), 1, "there is no certificate in it");
    says(starts_with("--tls-cert", cert, "--tls-key", "/no/such/key"), 1,
         "key /no/such/key: No such file or directory");
    says(moongate_runs("-p", "0", "-s", "127.0.0.1:1", "--tls-cert", cert, NULL), 1,
         "there is no private key in it (in PEM form): name the key's file, too");
    says(starts_with("--tls-key", key, "--tls-min", "1.3"), 2, "give --tls-cert FILE");
    says(starts_with("--tls-cert", cert, "--tls-verify", "request"), 2, "give --tls-ca FILE");
    says(starts_with("-b", "tls:127.0.0.1", "-j", "1"), 2, "give --tls-cert FILE");
    says(starts_with("-b", "mtls:127.0.0.1", "--tls-cert", cert), 2, "give --tls-ca FILE");
}

static void check_shows_certificates_and_warns_of_old_ones(void **state)
{
    const struct cert *old =
        cert_make(&(struct cert_wanted){.name = "old.example", .from = -48, .to = -24});
    const char *file = cert_file("old.pem", cert_pem(old), cert_key_pem(old));
    struct run run = moongate_runs("-t", "-s", "127.0.0.1:1", "--tls-cert", file, NULL);
    exits(run, 0);
    has(run.out, "certificate old.example: expires ");
    has(run.err, "certificate old.example has expired on ");
    stage_clears();
    struct moongate *m = moongate_start(SCRIPT, "--tls-cert", file, "-b", "x=127.0.0.1", NULL);
    moongate_sees_log(m, "certificate old.example has expired on ");
    hears_secure(moongate_address(m), &(struct secure_wanted){.version = 0}, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(with_a_certificate_tcp_speaks_tls_and_unix_sockets_do_not),
        play(a_listener_of_a_script_may_have_tls_of_its_own),
        play(a_listener_that_lacks_a_certificate_is_refused_with_its_line),
        play(versions_and_ciphers_are_those_that_are_allowed),
        play(require_lets_in_whom_the_ca_has_signed),
        play(request_lets_in_those_without_a_certificate_too),
        play(without_verify_any_certificate_will_do),
        play(a_client_that_is_one_too_many_is_closed_without_a_word),
        play(what_cannot_work_is_said_at_the_start),
        play(check_shows_certificates_and_warns_of_old_ones),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
