/* Certificates that change while moongate runs: a reload reads them again, in all workers or none; sessions outlive it, and other workers and
 * other binaries resume them. */
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/secure.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SCRIPT[] = MG "return function() return mg.reply.error 'here' end\n";

static const struct cert *authority, *first, *second;
static const char *cert, *key, *ca;

static void file_is(const char *path, const char *text)
{
    const char *new = textf("%s.new", path); /* as tools do it: a reader never sees a part */
    FILE *file = fopen(new, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(new, path) != 0)
        stage_fails("cannot write %s", path);
}

static void shows_first(void)
{
    cert = cert_file("server.pem", cert_pem(first), "");
    key = cert_file("server.key", cert_key_pem(first), "");
    ca = cert_file("ca.pem", cert_pem(authority), "");
}

static void shows_second(void)
{
    file_is(cert, cert_pem(second));
    file_is(key, cert_key_pem(second));
}

static int make_certificates(void **state)
{
    (void)state;
    authority = cert_ca("the CA");
    first = cert_signed(authority, "first", "IP:127.0.0.1");
    second = cert_signed(authority, "second", "IP:127.0.0.1");
    shows_first();
    return 0;
}

static struct moongate *starts(const char *workers, const char *other)
{
    shows_first();
    return moongate_start(SCRIPT, "-j", workers, "--rehearse", "0", "--probation", "0",
                          "--tls-cert", cert, "--tls-key", key, other, NULL);
}

static struct client *comes(struct moongate *m)
{
    return client_connects_secure(m, &(struct secure_wanted){.ca = authority, .name = "127.0.0.1"});
}

static void hears(struct client *c)
{
    client_asks(c, "get k\r\n", "SERVER_ERROR here\r\n");
}

static void sees_certificate(struct client *c, const char *name)
{
    hears(c);
    assert_string_equal(secure_peer(client_secure(c)), name);
}

/* A new client goes on with the session of that one, which has read its ticket. In TLS 1.3 each ticket is used once, and brings the next. */
static struct client *goes_on(struct moongate *m, struct client *before)
{
    struct client *c = client_connects_secure(
        m, &(struct secure_wanted){
               .ca = authority, .name = "127.0.0.1", .resume = client_secure(before)});
    hears(c);
    if (!secure_is_resumed(client_secure(c))) stage_fails("the session was not resumed");
    return c;
}

static void reloads(struct moongate *m, unsigned generation)
{
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("reloaded: generation %u", generation));
}

/* --- reloads ---------------------------------------------------------------------------------- */

static void a_reload_reads_them_again_and_touches_no_connection(void **state)
{
    struct moongate *m = starts("2", "-v");
    struct client *old[] = {comes(m), comes(m)};
    sees_certificate(old[0], "first");
    sees_certificate(old[1], "first");
    shows_second();
    sees_certificate(comes(m), "first");
    reloads(m, 2);
    moongate_sees_log(m, "tls: certificate second, expires ");
    for (int i = 0; i < 4; i++) sees_certificate(comes(m), "second"); /* of both workers */
    hears(old[0]);
    hears(old[1]);
    assert_int_equal(stat_number(old[0], "", "curr_connections"), 7);
}

static void refuses(struct moongate *m, const char *why, size_t nth)
{
    moongate_signal(m, SIGHUP);
    moongate_sees_log_times(m, "not loaded: ", nth);
    has(moongate_log_nth_line(m, "not loaded: ", nth), why);
    sees_certificate(comes(m), "first");
}

static void broken_ones_refuse_the_reload_and_the_old_ones_go_on(void **state)
{
    struct moongate *m = starts("2", "-v");
    pid_t workers[2];
    file_is(cert, cert_pem(second));
    refuses(m, "the key does not belong to the certificate", 1);
    file_is(cert, "-----BEGIN CERTIFICATE-----\nMIIB\n");
    refuses(m, "server.pem: ", 2);
    unlink(cert);
    refuses(m, "server.pem: No such file or directory", 3);
    file_is(cert, cert_pem(second));
    file_is(key, cert_key_pem_encrypted(second));
    refuses(m, "server.key: the key is encrypted", 4);
    moongate_workers(m, workers, 2); /* one that starts now has what the others have */
    assert_int_equal(kill(workers[0], SIGKILL), 0);
    moongate_sees_log_times(m, ": ready: generation 1", 3);
    for (int i = 0; i < 4; i++) sees_certificate(comes(m), "first");
    file_is(key, cert_key_pem(second));
    reloads(m, 2);
    sees_certificate(comes(m), "second");
}

static void without_a_script_it_is_the_same(void **state)
{
    shows_first();
    struct moongate *m = moongate_start(NULL, "-s", "127.0.0.1:1", "-j", "2", "--tls-cert", cert,
                                        "--tls-key", key, NULL);
    struct client *c = comes(m);
    assert_string_equal(secure_peer(client_secure(c)), "first");
    file_is(cert, cert_pem(second));
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded: "), "the key does not belong to the certificate");
    shows_second();
    reloads(m, 2);
    assert_string_equal(secure_peer(client_secure(comes(m))), "second");
}

static void a_single_process_reads_them_again_too(void **state)
{
    struct moongate *m = starts("1", "--single-process");
    struct client *old = comes(m);
    shows_second();
    reloads(m, 2);
    sees_certificate(comes(m), "second");
    (void)goes_on(m, old);
    file_is(cert, "no certificate");
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded: "), "there is no certificate in it");
    sees_certificate(comes(m), "second");
}

static void a_changed_certificate_is_a_changed_file(void **state)
{
    struct moongate *m = starts("1", "--watch");
    sees_certificate(comes(m), "first");
    shows_second();
    moongate_sees_log(m, "tls: certificate second, expires ");
    sees_certificate(comes(m), "second");
}

/* --- what comes back -------------------------------------------------------------------------- */

static void a_script_that_comes_back_brings_its_certificates_back(void **state)
{
    shows_first();
    struct moongate *m = moongate_start(
        MG "return function() return mg.reply.error 'here' end\n", "-j", "2", "--rehearse", "0",
        "--probation", "60", "--probation-errors", "0", "--tls-cert", cert, "--tls-key", key, NULL);
    struct client *c = comes(m);
    sees_certificate(c, "first");
    shows_second();
    moongate_gets_script(m, MG "return function() error 'never' end\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    assert_string_equal(secure_peer(client_secure(comes(m))), "second");
    for (int i = 0; i < 100; i++) client_asks(c, "get k\r\n", "SERVER_ERROR script error\r\n");
    moongate_sees_log(m, "rolled back: generation 3 is the script of generation 1");
    sees_certificate(comes(m), "first");
}

static void the_script_on_the_disk_has_no_keys(void **state)
{
    const char *dir = program_folder(), *kept = textf("%s/last-good", dir);
    struct octets all = {0};
    char bytes[4096];
    shows_first();
    const char *script = moongate_script_file(SCRIPT);
    struct moongate *m = moongate_start(NULL, script, "--state-dir", dir, "--probation", "0.05",
                                        "--tls-cert", cert, "--tls-key", key, "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    FILE *file = fopen(kept, "re");
    assert_non_null(file);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;) octets_add(&all, bytes, n);
    fclose(file);
    assert_non_null(memmem(octets_at(&all), octets_n(&all), "mg.reply", 8));
    assert_null(memmem(octets_at(&all), octets_n(&all), "BEGIN", 5));
    octets_release(&all);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    shows_second();
    file_is(script, "this is not Lua");
    m = moongate_start(NULL, script, "--state-dir", dir, "--start-with-last-good", "--tls-cert",
                       cert, "--tls-key", key, NULL);
    sees_certificate(comes(m), "second"); /* they are read from the files */
}

/* --- sessions --------------------------------------------------------------------------------- */

static void any_worker_resumes_a_session_before_and_after_a_reload(void **state)
{
    struct moongate *m = starts("3", "-v");
    struct client *c = comes(m);
    hears(c);
    for (int i = 0; i < 3; i++) c = goes_on(m, c); /* of all workers, as the others stay */
    shows_second();
    reloads(m, 2);
    for (int i = 0; i < 3; i++) c = goes_on(m, c);
    assert_int_equal(stat_number(c, "", "ssl_new_sessions"), 1);
    assert_int_equal(stat_number(c, "proxy", "tls_resumed_sessions"), 6);
    sees_certificate(comes(m), "second");
}

static void another_binary_resumes_them_too(void **state)
{
    upgrade_begins();
    struct moongate *m = starts("2", "-v");
    struct client *c = comes(m);
    for (size_t nth = 1; nth <= 2; nth++) {
        hears(c);
        moongate_signal(m, SIGUSR2);
        client_sees_told_end(c); /* politely: no other process has its keys */
        moongate_becomes_new(m, nth);
        moongate_sees_log_times(m, " has ended", nth);
        c = goes_on(m, c);
    }
}

/* A ticket says that its client was verified: by another CA, it was not. */
static void a_change_of_the_ca_ends_all_sessions(void **state)
{
    const struct cert *other = cert_ca("other CA");
    struct secure_wanted wanted = {
        .ca = authority, .name = "127.0.0.1", .cert = cert_signed(authority, "app", NULL)};
    shows_first();
    struct moongate *m =
        moongate_start(SCRIPT, "--rehearse", "0", "--probation", "0", "--tls-cert", cert,
                       "--tls-key", key, "--tls-ca", ca, "--tls-verify", "require", NULL);
    struct client *c = client_connects_secure(m, &wanted);
    hears(c);
    wanted.resume = client_secure(c);
    struct client *next = client_connects_secure(m, &wanted);
    hears(next);
    assert_true(secure_is_resumed(client_secure(next)));
    wanted.resume = client_secure(next);
    file_is(ca, cert_pem(other));
    reloads(m, 2);
    hears(c);
    struct client *late = client_connects(m);
    client_secures(late, &wanted);
    moongate_sees_log(m, "TLS handshake: certificate not valid: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_reload_reads_them_again_and_touches_no_connection),
        play(broken_ones_refuse_the_reload_and_the_old_ones_go_on),
        play(without_a_script_it_is_the_same),
        play(a_single_process_reads_them_again_too),
        play(a_changed_certificate_is_a_changed_file),
        play(a_script_that_comes_back_brings_its_certificates_back),
        play(the_script_on_the_disk_has_no_keys),
        play(any_worker_resumes_a_session_before_and_after_a_reload),
        play(another_binary_resumes_them_too),
        play(a_change_of_the_ca_ends_all_sessions),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
