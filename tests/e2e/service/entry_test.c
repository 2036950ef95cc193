/* Who may come in, and as whom: networks of listeners, balancers with their PROXY headers, idle clients, and how many connections an
 * address and an identity may have. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"
#include "lib/secure.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRUSTED "--rehearse", "0", "--probation", "0"
#define SIGN    "\r\n\r\n\0\r\nQUIT\n"

/* Each get is answered with who has sent it. */
#define TELLS MG "return function(req) return mg.reply.error(tostring(req.client)) end\n"

static const char *port(void)
{
    return textf("127.0.0.1:%d", address_free_port());
}

static void is_known_as(struct client *c, const char *address)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", address));
}

static struct client *relayed(const char *at, const char *from)
{
    struct client *c = client_connects_to(at);
    const char *tcp = strchr(from, ':') ? "TCP6" : "TCP4",
               *to = strchr(from, ':') ? "::1" : "1.1.1.1";
    client_sends(c, textf("PROXY %s %s %s 4000 11211\r\n", tcp, from, to));
    return c;
}

/* --- networks ---------------------------------------------------------------------------------- */

static void a_listener_takes_clients_of_its_networks_alone(const char *how_many, const char *how)
{
    const char *closed = port(), *open = port(), *file = textf("unix:%s/s", program_folder());
    struct moongate *m = moongate_start(TELLS, "--allow-from", "10.0.0.0/8,127.0.0.1", "-b",
                                        textf("far=%s,allow-from=10.0.0.0/8", closed), "-b", open,
                                        "-b", file, how_many, how, NULL);
    struct client *c = client_connects_to(open);
    client_sees_nothing_more(c);
    assert_true(client_is_refused(closed));
    client_sees_nothing_more(client_connects_to(file));
    moongate_sees_log(
        m, textf(": closed: listener %s does not take it (--allow-from, allow_from)", closed));
    stat_becomes(c, "proxy", "denied_connections", "1");
    assert_int_equal(stat_number(c, "proxy", "rejected_connections"), 0);
    assert_string_equal(stat_text(c, "settings", "allow_from"), "10.0.0.0/8,127.0.0.1");
}

static void networks_decide_who_comes_in(void **state)
{
    a_listener_takes_clients_of_its_networks_alone("-j", "2");
    stage_clears();
    a_listener_takes_clients_of_its_networks_alone("--single-process", NULL);
}

/* Others stay with what they came with. */
static void a_reload_changes_the_words_for_those_that_come(void **state)
{
    const char *at = port();
    struct moongate *m = moongate_start(
        textf(MG "mg.listen { '%s', mg.reply.error 'one', allow_from = '127.0.0.0/8' }\n", at),
        TRUSTED, NULL);
    struct client *kept = client_connects_to(at);
    client_asks(kept, "get k\r\n", "SERVER_ERROR one\r\n");
    moongate_reloads(
        m,
        textf(MG "mg.listen { '%s', mg.reply.error 'two', allow_from = { '10.0.0.0/8', '::1' } }\n",
              at));
    client_asks(kept, "get k\r\n", "SERVER_ERROR two\r\n");
    assert_true(client_is_refused(at));
    moongate_reloads(
        m,
        textf(MG
              "mg.listen { '%s', function(req) return mg.reply.error(tostring(req.client)) end,\n"
              "  proxy_protocol = { from = '127.0.0.1' }, allow_from = '10.0.0.0/8' }\n",
              at));
    is_known_as(relayed(at, "10.9.9.9"), "10.9.9.9:4000");
    struct client *far = relayed(at, "11.0.0.1");
    client_sees_closed(far);
    client_sends(kept, "get k\r\n");
    client_sees_line_starting(kept, "SERVER_ERROR 127.0.0.1:");
    stat_becomes(kept, "proxy", "denied_connections", "2");
}

/* --- a balancer -------------------------------------------------------------------------------- */

static void a_header_tells_who_the_client_is(const char *how_many, const char *how)
{
    static const char v2[] =
        SIGN "\x21\x11\0\x0f\x09\x08\x07\x06\1\1\1\1\0\x07\0\x08\x04\0\0get k\r\nget k\r\n";
    const char *at = port(), *plain = port();
    struct moongate *m =
        moongate_start(TELLS, "-b", textf("%s,proxy-from=127.0.0.1", at), "-b",
                       textf("%s,proxy-from=10.0.0.0/8", plain), how_many, how, NULL);
    is_known_as(relayed(at, "1.2.3.4"), "1.2.3.4:4000");
    is_known_as(relayed(at, "fd00::7"), "[fd00::7]:4000");
    for (size_t piece = 1; piece < sizeof v2; piece += 6) {
        struct client *c = client_connects_to(at);
        client_sends_in_pieces(c, v2, sizeof v2 - 1, piece);
        client_sees(c, "SERVER_ERROR 9.8.7.6:7\r\nSERVER_ERROR 9.8.7.6:7\r\n");
    }
    struct client *other =
        client_connects_to(plain); /* its address is not trusted: no header is awaited */
    client_sends(other, "get k\r\n");
    client_sees_line_starting(other, "SERVER_ERROR 127.0.0.1:");
    client_asks(other, "PROXY TCP4 1.2.3.4 1.1.1.1 1 2\r\n", "ERROR\r\n");
    assert_int_equal(stat_number(other, "proxy", "proxy_header_errors"), 0);
    (void)m;
}

static void who_comes_through_a_balancer_has_its_own_address(void **state)
{
    a_header_tells_who_the_client_is("-j", "2");
    stage_clears();
    a_header_tells_who_the_client_is("--single-process", NULL);
}

/* Clients of a balancer on this machine are far; the balancer itself is near. */
static void who_comes_through_a_balancer_is_not_near(void **state)
{
    static const char local[] = SIGN "\x20\0\0\0flush_all\r\n",
                      unknown[] = "PROXY UNKNOWN\r\nflush_all\r\n";
    const char *no = "CLIENT_ERROR flush_all is not allowed";
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("%s,proxy-from=127.0.0.0/8", port()), NULL);
    struct client *c = client_connects(m), *u = client_connects(m),
                  *r = relayed(moongate_address(m), "127.0.0.1");
    client_sends_bytes(c, local, sizeof local - 1);
    backend_sees(b, "flush_all\r\n");
    backend_answers(b, "OK\r\n");
    client_sees(c, "OK\r\n");
    client_sends(u, unknown);
    client_sees_line_starting(u, no);
    client_sends(r, "flush_all\r\n");
    client_sees_line_starting(r, no);
}

static void sends_in_vain(struct moongate *m, const char *bytes, size_t n, const char *why)
{
    struct client *c = client_connects(m);
    client_sends_bytes(c, bytes, n);
    client_sees_closed(c);
    moongate_sees_log(m, textf(": closed: PROXY header: %s", why));
}

static void a_header_that_is_wrong_or_missing_costs_the_connection(void **state)
{
    struct moongate *m =
        moongate_start(TELLS, "-b", textf("b=%s,proxy-from=127.0.0.1", port()), NULL);
    sends_in_vain(m, "get k\r\n", 7, "there is none");
    sends_in_vain(m, "PROXY TCP4 1.2.3.4 1.1.1.1 1\r\n", 30,
                  "its line has no two addresses and two ports");
    sends_in_vain(m, SIGN "\x21\x41\0\0", 16, "its family or transport is unknown");
    client_closes(client_connects(m)); /* a health check that only connects: no line */
    struct client *c = relayed(moongate_address(m), "1.2.3.4");
    stat_becomes(c, "proxy", "proxy_header_errors", "3");
    stat_becomes(c, "", "curr_connections", "1");
    assert_int_equal(moongate_log_count(m, "PROXY header"), 3);
    assert_non_null(strstr(moongate_log_line(m, "PROXY header"), " at listener b"));
}

static void networks_are_of_the_real_address(void **state)
{
    struct moongate *m = moongate_start(
        TELLS, "-b", textf("b=%s,proxy-from=127.0.0.1,allow-from=10.0.0.0/8", port()), NULL);
    const char *at = moongate_address(m);
    is_known_as(relayed(at, "10.1.1.1"), "10.1.1.1:4000");
    client_sees_closed(relayed(at, "127.0.0.1"));
    struct client *unknown = client_connects(m), *local = client_connects(m);
    client_sends(unknown, "PROXY UNKNOWN\r\n");
    client_sees_closed(unknown);
    client_sends_bytes(local, SIGN "\x20\0\0\0", 16);
    stat_becomes(local, "proxy", "denied_connections", "2");
}

static void by_a_unix_socket_too(void **state)
{
    const char *file = textf("unix:%s/s", program_folder());
    struct moongate *m =
        moongate_start(TELLS, "-b", textf("%s,proxy-from=unix,allow-from=10.0.0.0/8", file), NULL);
    is_known_as(relayed(file, "10.1.1.1"), "10.1.1.1:4000");
    client_sees_closed(relayed(file, "11.1.1.1"));
    (void)m;
}

/* The header comes before the handshake; what is missing of either is not what the other is about. */
static void a_header_comes_before_the_handshake(void **state)
{
    const struct cert *ca = cert_ca("the CA"), *cert = cert_signed(ca, "moongate", "IP:127.0.0.1");
    const char *file = cert_file("server.pem", cert_pem(cert), cert_key_pem(cert));
    struct moongate *m =
        moongate_start(TELLS, "--tls-cert", file, "-b",
                       textf("%s,proxy-from=127.0.0.1,allow-from=1.0.0.0/8", port()),
                       "--max-conns-per-address", "1", NULL);
    const struct secure_wanted wanted = {.ca = ca, .name = "127.0.0.1"};
    struct client *c = relayed(moongate_address(m), "1.2.3.4");
    client_secures(c, &wanted);
    is_known_as(c, "1.2.3.4:4000");
    struct client *bare = client_connects(m);
    client_secures(bare, &wanted);
    (void)client_sees_handshake_fail(bare);
    moongate_sees_log(m, ": closed: PROXY header: there is none");
    client_sees_closed(
        relayed(moongate_address(m), "1.2.3.4")); /* one too many: it could not read why */
    client_sees_closed(relayed(moongate_address(m), "2.2.3.4"));
    stat_becomes(c, "proxy", "rejected_per_address", "1");
    stat_becomes(c, "proxy", "denied_connections", "1");
    assert_int_equal(stat_number(c, "", "ssl_handshake_errors"), 0);
}

/* --- moved ------------------------------------------------------------------------------------- */

/* One that has said who it is, one that has said nothing yet, and one that has said a half of it. */
static void who_moves_stays_who_it_is(void **state)
{
    const char *at = port();
    upgrade_begins();
    struct moongate *m = moongate_start(
        TELLS, "-b", textf("%s,proxy-from=127.0.0.1,allow-from=1.0.0.0/8", at), NULL);
    struct client *in = relayed(at, "1.2.3.4"), *silent = client_connects_to(at),
                  *half = client_connects_to(at);
    is_known_as(in, "1.2.3.4:4000");
    client_sends(half, "PROXY TCP4 1.2.");
    stat_becomes(in, "", "curr_connections", "3");
    kill(moongate_worker(m), SIGTERM);
    stat_becomes(in, "proxy", "moved_connections", "2");
    is_known_as(in, "1.2.3.4:4000");
    client_sends(half, "3.5 1.1.1.1 4000 11211\r\n"); /* the worker that has its half reads it */
    is_known_as(half, "1.2.3.5:4000");
    moongate_sees_log(m, "gone: exit 0");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    moongate_sees_log(m, " has ended");
    is_known_as(in, "1.2.3.4:4000");
    is_known_as(half, "1.2.3.5:4000");
    client_sends(in, "flush_all\r\n");
    client_sees_line_starting(in, "CLIENT_ERROR flush_all is not allowed");
    client_sends(silent, "PROXY TCP4 1.9.9.9 1.1.1.1 4000 11211\r\n");
    is_known_as(silent, "1.9.9.9:4000");
    client_sees_closed(relayed(at, "2.1.1.1"));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

/* --- idle -------------------------------------------------------------------------------------- */

static void who_is_idle_is_closed_and_who_is_owed_an_answer_is_not(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--idle-timeout", "150ms", NULL);
    struct client *owed = client_connects(m), *idle = client_connects(m),
                  *half = client_connects(m);
    client_sends(owed, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sends(half, "set x 0 0 100\r\nabc");
    client_sees_closed(idle);
    client_sees_closed(half);
    backend_answers(b, hit_and_end("k", "v"));
    client_sees(owed, hit_and_end("k", "v"));
    client_sees_closed(owed);
    struct client *c = client_connects(m);
    client_sends(c, "stats\r\n");
    client_sees_line_starting(c, "STAT pid");
    for (const char *line; (line = client_sees_line(c)) && strcmp(line, "END") != 0;)
        if (strncmp(line, "STAT idle_kicks ", 16) == 0)
            assert_string_equal(line, "STAT idle_kicks 3");
}

/* --- how many ---------------------------------------------------------------------------------- */

#define FULL "ERROR Too many open connections\r\n"

static struct client *comes(const char *at, const char *from)
{
    struct client *c = relayed(at, from);
    is_known_as(c, textf(strchr(from, ':') ? "[%s]:4000" : "%s:4000", from));
    return c;
}

static void is_one_too_many(const char *at, const char *from)
{
    struct client *c = relayed(at, from);
    client_sees(c, FULL);
    client_sees_closed(c);
}

static void an_address_has_so_many_connections(void **state)
{
    const char *at = port();
    struct moongate *m = moongate_start(TELLS, "-b", textf("%s,proxy-from=127.0.0.1", at),
                                        "--max-conns-per-address", "2", "-j", "2", NULL);
    struct client *one = comes(at, "1.1.1.1"), *two = comes(at, "1.1.1.1"),
                  *other = comes(at, "1.1.1.2");
    is_one_too_many(at, "1.1.1.1");
    is_one_too_many(at, "::ffff:1.1.1.1");
    comes(at, "fd00:1:2:3:1:1:1:1");
    comes(at, "fd00:1:2:3:ffff:1:1:2");
    is_one_too_many(at, "fd00:1:2:3::3");
    comes(at, "fd00:1:2:4:1:1:1:1");
    stat_becomes(other, "proxy", "rejected_per_address", "3");
    assert_int_equal(stat_number(other, "", "rejected_connections"), 3);
    moongate_sees_log(m,
                      "refused: its address has 2 connections already (--max-conns-per-address)");
    client_closes(one);
    stat_becomes(other, "", "curr_connections", "5");
    (void)comes(at, "1.1.1.1");
    is_one_too_many(at, "1.1.1.1");
    client_closes(two);
    (void)m;
}

static const char *tells_and_takes(int most)
{
    return textf(MG "mg.options { max_conns_per_address = %d }\n"
                    "return function(req) return mg.reply.error(tostring(req.client)) end\n",
                 most);
}

/* Those of a worker that was killed count no more. Those that move are not refused, also where there are more than may come now. */
static void the_count_goes_with_its_worker(void **state)
{
    const char *at = port();
    struct moongate *m = moongate_start(tells_and_takes(2), "-b",
                                        textf("%s,proxy-from=127.0.0.1", at), TRUSTED, NULL);
    struct client *one = comes(at, "1.1.1.1"), *two = comes(at, "1.1.1.1");
    kill(moongate_worker(m), SIGKILL);
    client_sees_closed(one);
    client_sees_closed(two);
    one = comes(at, "1.1.1.1");
    two = comes(at, "1.1.1.1");
    is_one_too_many(at, "1.1.1.1");
    moongate_reloads(m, tells_and_takes(1));
    kill(moongate_worker(m), SIGTERM);
    moongate_sees_log(m, "gone: exit 0");
    is_known_as(one, "1.1.1.1:4000");
    is_known_as(two, "1.1.1.1:4000");
    client_closes(one);
    stat_becomes(two, "", "curr_connections", "1");
    is_one_too_many(at, "1.1.1.1");
}

static void an_identity_has_so_many_connections(void **state)
{
    struct moongate *m =
        moongate_start(TELLS, "--auth-file", moongate_script_file("joe:secret\nann:secret\n"),
                       "--max-conns-per-identity", "1", NULL);
    struct client *joe = client_connects(m), *ann = client_connects(m), *again = client_connects(m);
    client_asks(joe, "set x 0 0 10\r\njoe secret\r\n", "STORED\r\n");
    client_asks(ann, "set x 0 0 10\r\nann secret\r\n", "STORED\r\n");
    client_asks(again, "set x 0 0 10\r\njoe secret\r\n", FULL);
    client_sees_closed(again);
    stat_becomes(ann, "proxy", "rejected_per_identity", "1");
    client_closes(joe);
    stat_becomes(ann, "", "curr_connections", "1");
    joe = client_connects(m);
    client_asks(joe, "set x 0 0 10\r\njoe secret\r\n", "STORED\r\n");
}

static void a_certificates_name_counts_as_an_identity(void **state)
{
    const struct cert *ca = cert_ca("the CA"), *cert = cert_signed(ca, "moongate", "IP:127.0.0.1");
    const struct cert *joe = cert_signed(ca, "joe", NULL), *ann = cert_signed(ca, "ann", NULL);
    struct moongate *m = moongate_start(
        TELLS, "--tls-cert", cert_file("server.pem", cert_pem(cert), cert_key_pem(cert)),
        "--tls-ca", cert_file("ca.pem", cert_pem(ca), ""), "--tls-verify", "require",
        "--max-conns-per-identity", "1", NULL);
    const struct secure_wanted of_joe = {.ca = ca, .cert = joe}, of_ann = {.ca = ca, .cert = ann};
    struct client *one = client_connects_secure(m, &of_joe),
                  *other = client_connects_secure(m, &of_ann);
    client_sees_nothing_more(one);
    client_sees_nothing_more(other);
    struct client *again = client_connects(m);
    client_secures(again, &of_joe);
    moongate_sees_log(m,
                      "refused: its identity has 1 connections already (--max-conns-per-identity)");
    stat_becomes(one, "proxy", "rejected_per_identity", "1");
    client_closes(again);
    client_closes(one);
    stat_becomes(other, "", "curr_connections", "1");
    client_sees_nothing_more(client_connects_secure(m, &of_joe));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(networks_decide_who_comes_in),
        play(a_reload_changes_the_words_for_those_that_come),
        play(who_comes_through_a_balancer_has_its_own_address),
        play(who_comes_through_a_balancer_is_not_near),
        play(a_header_that_is_wrong_or_missing_costs_the_connection),
        play(networks_are_of_the_real_address),
        play(by_a_unix_socket_too),
        play(a_header_comes_before_the_handshake),
        play(who_moves_stays_who_it_is),
        play(who_is_idle_is_closed_and_who_is_owed_an_answer_is_not),
        play(an_address_has_so_many_connections),
        play(the_count_goes_with_its_worker),
        play(an_identity_has_so_many_connections),
        play(a_certificates_name_counts_as_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
