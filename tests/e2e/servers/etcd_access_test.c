/* Pools found by a real etcd that asks who is there, and that speaks TLS. */
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/etcd.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

#define SOON ", discover_debounce = 0.05, discover_interval = 0.3, discover_timeout = 2"

static const char *pool(const char *where, const char *options)
{
    return textf(MG "return mg.pool { name = 'cache', discover = 'etcd://%s/mc'" SOON "%s }", where,
                 options);
}

static void stores(struct client *c)
{
    client_asks_until(c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
}

/* --- passwords ----------------------------------------------------------------------------------- */

static void etcd_gets_the_user_and_the_password_of_a_file(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct etcd_server *e = etcd_start();
    const char *file = textf("%s/login", program_folder());
    const char *script = pool(etcd_address(e), textf(", discover_auth = '%s'", file));
    (void)state;
    etcd_puts(e, "/mc/a", memcached_address(s));
    etcd_wants_passwords(e, "geheim", "moongate", "a:\\\"b\\\\c", "/mc/");
    file_becomes(file, "moongate:wrong\n");
    struct moongate *m = moongate_start(script, NULL);
    struct client *c = client_connects(m);
    moongate_sees_log(m, "it says: etcdserver: authentication failed, invalid user ID or password");
    client_sends(c, "stats pools\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        assert_null(strstr(line, "wrong")); /* it is shown nowhere */
    }
    file_becomes(file, "moongate:a:\"b\\c\n");
    moongate_reloads(m, script); /* reads the file again */
    stores(c);
    /* The next question comes when its token is not known any more. */
    moongate_reloads(m,
                     textf(MG "return mg.pool { discover = 'etcd://%s/mc', discover_auth = '%s', "
                              "discover_interval = 4, discover_debounce = 0.05 }",
                           etcd_address(e), file));
    double began = stage_now();
    while (stage_now() - began < 5.2) {
        client_sends(c, "set k 0 0 1\r\nx\r\n");
        client_sees(c, "STORED\r\n");
        stage_turns(20);
    }
    assert_int_equal(moongate_log_count(m, "failed:"), 1); /* the wrong password, before */
    etcd_puts(e, "/mc/b", "127.0.0.1:1");
    moongate_sees_log(m, ": 2 servers (1 new, 0 gone)");
    etcd_puts(e, "/mc/b", NULL);
    moongate_sees_log(m, ": 1 server (0 new, 1 gone)");
    moongate_reloads(m, script);
    etcd_kill(e);
    moongate_sees_log(m, "Connection refused; keeps the last 1 server");
    etcd_starts_again(e); /* it has forgotten its tokens */
    moongate_sees_log(m, ": recovered");
    stores(c);
    assert_int_equal(moongate_log_count(m, "a:\"b"), 0);
}

static void without_a_password_etcd_says_nothing(void **state)
{
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/a", "127.0.0.1");
    etcd_wants_passwords(e, "geheim", "moongate", "b", "/other/");
    struct moongate *m = moongate_start(pool(etcd_address(e), ""), NULL);
    moongate_sees_log(m, "it says: etcdserver: user name is empty");
    const char *file = textf("%s/login", program_folder());
    file_becomes(file, "moongate:b");
    moongate_reloads(m, pool(etcd_address(e), textf(", discover_auth = '%s'", file)));
    moongate_sees_log(m, "it says: etcdserver: permission denied");
}

/* --- TLS ----------------------------------------------------------------------------------------- */

static void etcd_is_known_by_its_certificate(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const struct cert *ca = cert_ca("our CA"), *other = cert_ca("another CA");
    const struct cert *its = cert_signed(ca, "etcd", "DNS:localhost,IP:127.0.0.1");
    struct etcd_server *e = etcd_start_secure(cert_file("etcd.pem", cert_pem(its), ""),
                                              cert_file("etcd.key", cert_key_pem(its), ""), NULL);
    const char *good =
        textf(", discover_tls = { ca = '%s' }", cert_file("ca.pem", cert_pem(ca), ""));
    const char *bad =
        textf(", discover_tls = { ca = '%s' }", cert_file("other.pem", cert_pem(other), ""));
    const char *port = etcd_secure_port(e);
    (void)state;
    etcd_puts(e, "/mc/a", memcached_address(s));
    const char *any = ", discover_tls = { verify = false }";
    struct moongate *m = moongate_start(pool(textf("localhost:%s", port), any), NULL);
    struct client *c = client_connects(m);
    stores(c);
    moongate_reloads(m, pool(textf("127.0.0.1:%s", port), bad));
    moongate_sees_log(m, "SSL certificate problem: unable to get local issuer certificate");
    moongate_reloads(m, pool(textf("127.0.0.1:%s", port), ", discover_tls = true"));
    moongate_reloads(m, pool(textf("127.0.0.2:%s", port), good)); /* nobody is there */
    moongate_reloads(m, pool(textf("127.0.0.1:%s", port), good));
    stores(c);
    etcd_puts(e, "/mc/b", "127.0.0.1:1"); /* the watch speaks TLS, too */
    moongate_sees_log(m, ": 2 servers (1 new, 0 gone)");
    /* A plain port answers no TLS. */
    moongate_reloads(m, pool(etcd_address(e), good));
    moongate_sees_log(m, "discovery etcd://");
}

static void etcd_may_want_a_certificate_of_moongate(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const struct cert *ca = cert_ca("our CA"), *its = cert_signed(ca, "etcd", "IP:127.0.0.1"),
                      *mine = cert_signed(ca, "moongate", NULL);
    const char *ca_file = cert_file("ca.pem", cert_pem(ca), "");
    struct etcd_server *e =
        etcd_start_secure(cert_file("etcd.pem", cert_pem(its), ""),
                          cert_file("etcd.key", cert_key_pem(its), ""), ca_file);
    const char *where = textf("127.0.0.1:%s", etcd_secure_port(e));
    (void)state;
    etcd_puts(e, "/mc/a", memcached_address(s));
    struct moongate *m =
        moongate_start(pool(where, textf(", discover_tls = { ca = '%s' }", ca_file)), NULL);
    struct client *c = client_connects(m);
    moongate_sees_log(m, "bad certificate");
    moongate_reloads(m,
                     pool(where, textf(", discover_tls = { ca = '%s', cert = '%s' }", ca_file,
                                       cert_file("both.pem", cert_pem(mine), cert_key_pem(mine)))));
    stores(c);
}

/* --- options ------------------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
    const char *two = cert_file("two", "a:b\nc:d\n", ""), *none = cert_file("none", "nobody\n", "");
    const char *const wrong[][2] = {
        {"discover_auth = '/none/login'", "discover_auth: file /none/login: No such file"},
        {textf("discover_auth = '%s'", two), "has more than one line"},
        {textf("discover_auth = '%s'", none), "has no line user:password"},
        {"discover_auth = 7", "option 'discover_auth' takes the path of a file"},
        {"discover_tls = 'x'", "option 'discover_tls' takes true, false or a table"},
        {"discover_tls = { cq = 'x' }", "option 'discover_tls' has a table with"},
        {"discover_tls = { key = 'x' }", "has a key and no cert"},
        {"discover_tls = { ca = '/none/ca' }", "discover_tls: ca /none/ca: No such file"},
        {textf("discover_tls = { ca = '%s' }", none), "discover_tls: "},
        {textf("discover_tls = { cert = '%s' }", none), "discover_tls: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run run =
            moongate_runs("-t",
                          moongate_script_file(textf(
                              MG "return mg.pool { discover = 'etcd://h/mc', %s }", wrong[i][0])),
                          NULL);
        assert_int_equal(run.code, 1);
        if (!strstr(run.err, wrong[i][1]) || !strstr(run.err, ":2: mg.pool "))
            stage_fails("%s\nis not in: %s", wrong[i][1], run.err);
    }
    struct run run = moongate_runs(
        "-t",
        moongate_script_file(MG "return mg.pool { discover = 'dns://h', discover_tls = true }"),
        NULL);
    assert_non_null(strstr(run.err, "option 'discover_tls' goes with etcd://"));
    run = moongate_runs(
        "-t", moongate_script_file(MG "return mg.pool { discover = 'etcds://h/mc' }"), NULL);
    assert_non_null(strstr(run.err, "write etcd://, and discover_tls = true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(etcd_gets_the_user_and_the_password_of_a_file),
        play(without_a_password_etcd_says_nothing),
        play(etcd_is_known_by_its_certificate),
        play(etcd_may_want_a_certificate_of_moongate),
        play(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
