/* Pools whose servers DNS and files say, in front of real memcached servers and a real name server. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/dnsmasq.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nameserver.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/servers/names.h"

/* What is discovered is taken over soon. */
#define SOON ", discover_debounce = 0.05, discover_interval = 0.05"

/* --- pools that are discovered ------------------------------------------------------------------ */

static const char *srv(const char *name, const struct memcached *s, const char *more)
{
    return textf("srv-host=_memcache._tcp.pool.test,%s,%s,0,1\n%s%s", name,
                 port_of(memcached_address(s)), record(name, "127.0.0.1"), more);
}

static unsigned servers_of(struct client *c)
{
    unsigned n = 0;
    client_sends(c, "stats pools\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        if (strstr(line, ":servers ")) n = (unsigned)strtoul(strrchr(line, ' '), NULL, 10);
    }
    return n;
}

struct wish {
    struct client *client;
    unsigned servers;
};

static bool has_servers(void *what)
{
    const struct wish *w = what;
    return servers_of(w->client) == w->servers;
}

static void pool_has(struct client *c, unsigned servers)
{
    struct wish w = {c, servers};
    if (!stage_waits(has_servers, &w)) stage_fails("%u servers, not %u", servers_of(c), servers);
}

static void a_pool_follows_service_records(void **state)
{
    struct memcached *s[3] = {memcached_start(NULL), memcached_start(NULL), memcached_start(NULL)};
    struct dnsmasq *d = dnsmasq_start(srv("a.test", s[0], srv("b.test", s[1], "")));
    (void)state;
    struct moongate *m = moongate_start(
        MG "return mg.pool { discover = 'dns+srv://_memcache._tcp.pool.test'" SOON " }",
        "--resolver", dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    /* It was not ready before it knew its servers. */
    for (int i = 0; i < 50; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\nx\r\n", i));
        client_sees(c, "STORED\r\n");
        assert_true(server_has(s[0], textf("k%d", i)) != server_has(s[1], textf("k%d", i)));
    }
    dnsmasq_says(d, srv("a.test", s[0], srv("b.test", s[1], srv("c.test", s[2], ""))));
    pool_has(c, 3);
    unsigned moved = 0;
    for (int i = 0; i < 50; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\nx\r\n", i));
        client_sees(c, "STORED\r\n");
        moved += server_has(s[2], textf("k%d", i));
    }
    assert_in_range(moved, 1, 40); /* the new server's share, and no other */
    dnsmasq_says(d, srv("b.test", s[1], srv("c.test", s[2], "")));
    pool_has(c, 2);
    dnsmasq_kill(d);
    moongate_sees_log(m, "keeps the last 2 servers");
    for (int i = 0; i < 50; i++) {
        client_sends(c, textf("get k%d\r\n", i));
        client_sees(c, server_has(s[1], textf("k%d", i)) || server_has(s[2], textf("k%d", i))
                           ? hit_and_end(textf("k%d", i), "x")
                           : "END\r\n");
    }
}

static void a_pool_that_knows_no_server_says_so(void **state)
{
    struct dnsmasq *d = dnsmasq_start("");
    struct memcached *s = memcached_start(NULL);
    const char *port = port_of(memcached_address(s));
    (void)state;
    struct moongate *m = moongate_start(
        textf(MG "return mg.pool { name = 'cache', discover = 'dns://pool.test:%s'" SOON " }",
              port),
        "--resolver", dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(
        c, textf("SERVER_ERROR pool cache has no server yet: dns://pool.test:%s no such name\r\n",
                 port));
    client_sends(c, "set k 0 0 1 noreply\r\nx\r\nget k l\r\n");
    client_sees_line_starting(c, "SERVER_ERROR pool cache has no server yet");
    client_sends(c, "stats pools\r\n");
    const char *stats = "";
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        stats = textf("%s%s\n", stats, line);
    }
    assert_non_null(strstr(stats, textf("STAT cache:discover dns://pool.test:%s\n", port)));
    assert_non_null(strstr(stats, "STAT cache:discover_failure no such name\n"));
    dnsmasq_says(d, record("pool.test", "127.0.0.1"));
    client_asks_until(c, "get k\r\n", "END\r\n");
    dnsmasq_says(d, ""); /* an empty answer empties no pool */
    moongate_sees_log(m, "keeps the last 1 server");
    client_sends(c, "get k\r\n");
    client_sees(c, "END\r\n");
}

/* Writes text beside the file and renames it into its place. */
static void puts_file(const char *path, const char *text)
{
    const char *beside = textf("%s.new", path);
    FILE *file = fopen(beside, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(beside, path) != 0)
        stage_fails("cannot write %s", path);
}

static void a_pool_follows_a_file_and_keeps_connections_that_stay(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *path = textf("%s/pool", program_folder());
    (void)state;
    puts_file(path, textf("%s\n", backend_address(a)));
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { discover = 'file://%s'" SOON " }", path), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n"); /* stays in flight over the change */
    puts_file(path, textf("%s\n%s\n", backend_address(a), backend_address(b)));
    moongate_sees_log(m, ": 2 servers (1 new, 0 gone)");
    backend_sees_links(b, 1);
    backend_answers(a, hit_and_end("k", "v"));
    client_sees(c, hit_and_end("k", "v"));
    puts_file(path, textf("%s\n%s", backend_address(a), "127.0.0."));
    moongate_sees_log(m, "failed: line 2: the last line has no end");
    pool_has(c, 2);
    assert_int_equal(backend_links(a), 1);
    puts_file(path, textf("%s\n", backend_address(b)));
    backend_sees_closed(a);
    get_misses(c, "k", b, "k");
}

static void a_check_shows_what_a_file_says_and_asks_nobody(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    struct nameserver *n = nameserver_listens();
    const char *script = moongate_script_file(textf(
        MG "mg.pool { name = 'a', discover = 'file://%s' }\n"
           "mg.pool { name = 'b', discover = 'dns://pool.test' }\nreturn mg.pool { 'c.test' }",
        path));
    (void)state;
    puts_file(path, "10.0.0.1:11211:3 one\nb.test\n");
    struct run run = moongate_runs("-t", "--resolver", nameserver_address(n), script, NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(
        run.out, "pool a: ketama, xxh3, timeout 1 s, 2 servers\n"
                 "  server b.test:11211: 1 connection\n"
                 "  server 10.0.0.1:11211: 1 connection, weight 3, name one\n")); /* by name */
    assert_non_null(strstr(run.out, "0 servers\n  discovered by dns://pool.test: no answer yet\n"));
    assert_non_null(strstr(run.out, "  server c.test:11211: 1 connection\n"));
    assert_int_equal(nameserver_waiting(n, QUESTION_A), 0);
}

static void mistakes_in_the_options_are_named(void **state)
{
    static const char *const wrong[][2] = {
        {"discover = 'dns:x'", "a URL begins with"},
        {"discover = 'dns://'", "option 'discover': 'dns://': the host is missing"},
        {"discover = 'dns://a', 'b'", "takes servers or the option 'discover', not both"},
        {"'b', discover_shrink = true", "option 'discover_shrink' goes with 'discover'"},
        {"discover = 'dns://a', discover_interval = 0", "takes seconds from 0.05"},
        {"discover = 7", "option 'discover' takes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *script = moongate_script_file(textf(MG "return mg.pool { %s }", wrong[i][0]));
        struct run run = moongate_runs("-t", script, NULL);
        assert_int_equal(run.code, 1);
        if (!strstr(run.err, wrong[i][1]) || !strstr(run.err, ":2: mg.pool "))
            stage_fails("%s\nis not in: %s", wrong[i][1], run.err);
    }
    struct run run = moongate_runs("--resolver", "dns.test", "-s", "a", NULL);
    assert_int_equal(run.code, 2);
    assert_non_null(strstr(run.err, "--resolver 'dns.test' is not an address"));
}

/* --- reload ------------------------------------------------------------------------------------- */

static void a_reload_waits_for_the_first_answer_while_the_old_script_serves(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct nameserver *n = nameserver_listens();
    const char *address = memcached_address(s);
    (void)state;
    server_gets(s, "k", "v");
    struct moongate *m =
        moongate_start(pool_of(textf("'%s'", address), ""), "--resolver", nameserver_address(n),
                       "--resolve-timeout", "20", "--discover-wait", "8", NULL);
    struct client *c = client_connects(m);
    moongate_gets_script(
        m, textf(MG "return mg.pool { discover = 'dns://pool.test:%s' }", port_of(address)));
    moongate_signal(m, SIGHUP);
    while (!nameserver_waiting(n, QUESTION_A)) stage_turns(2);
    for (int i = 0; i < 20; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, hit_and_end("k", "v"));
    }
    assert_int_equal(moongate_log_count(m, "reloaded: generation 2"), 0);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60);
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    while (!moongate_log_count(m, "reloaded: generation 2")) {
        client_sends(c, "get k\r\n");
        client_sees(c, hit_and_end("k", "v"));
    }
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "v"));
}

static void a_reload_does_not_wait_for_ever(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct nameserver *n = nameserver_listens();
    (void)state;
    struct moongate *m = moongate_start(pool_of(textf("'%s'", memcached_address(s)), ""),
                                        "--resolver", nameserver_address(n), "--resolve-timeout",
                                        "20", "--discover-wait", "0.2", NULL);
    struct client *c = client_connects(m);
    moongate_reloads(m, MG "return mg.pool { name = 'p', discover = 'dns://pool.test' }");
    moongate_sees_log(m, "does not wait for the first answer of 1 discovery any longer");
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR pool p has no server yet: dns://pool.test no answer yet\r\n");
}

static void a_reload_takes_the_known_list_over_though_dns_is_gone(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct dnsmasq *d = dnsmasq_start(record("pool.test", "127.0.0.1"));
    const char *pool = textf("discover = 'dns://pool.test:%s'" SOON, port_of(memcached_address(s)));
    (void)state;
    server_gets(s, "k", "v");
    struct moongate *m = moongate_start(textf(MG "return mg.pool { %s }", pool), "--resolver",
                                        dnsmasq_address(d), QUICKLY, NULL);
    struct client *c = client_connects(m);
    dnsmasq_kill(d);
    moongate_sees_log(m, "keeps the last 1 server");
    moongate_reloads(m, textf(MG "return mg.pool { %s, timeout = 2 }", pool));
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "v"));
    moongate_reloads(m, textf(MG "return mg.pool { %s, discover_shrink = true }", pool));
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "v"));
}

/* --- nobody else waits -------------------------------------------------------------------------- */

/* A probe asks another pool all the time: 99 of 100 answers take less than 20 ms, and none takes 500 ms, which is far from the
 * second that a name server is given. */
static void other_pools_do_not_feel_what_dns_does(void **state)
{
    enum { PROBES = 2000 };
    struct memcached *s = memcached_start(NULL);
    struct dnsmasq *d = dnsmasq_start(srv("a.test", s, record("pool.test", "127.0.0.1")));
    const char *port = port_of(memcached_address(s));
    double slow = stage_is_sanitized() ? 0.1 : 0.02, too_slow = stage_is_sanitized() ? 0.8 : 0.5;
    double worst = 0;
    unsigned late = 0;
    (void)state;
    server_gets(s, "probe", "v");
    struct moongate *m = moongate_start(
        textf(MG "local probed = mg.pool { '%s' }\n"
                 "local pools = { mg.pool { 'a.test:%s' }, mg.pool { 'gone.test:%s' },\n"
                 "  mg.pool { discover = 'dns://pool.test:%s'" SOON " },\n"
                 "  mg.pool { discover = 'dns+srv://_memcache._tcp.pool.test'" SOON " },\n"
                 "  mg.pool { discover = 'elasticache://cfg.test'" SOON " } }\n"
                 "return function(req)\n"
                 "  if req.key == 'probe' then return probed end\n"
                 "  return pools[tonumber(req.key)]\n"
                 "end",
              memcached_address(s), port, port, port),
        "--resolver", dnsmasq_address(d), "--resolve-min", "0.05", NULL);
    struct client *c = client_connects(m), *others = client_connects(m);
    for (int i = 0; i < PROBES; i++) {
        /* What happens to the name server, in turn; the pools that need it are asked, too. */
        if (i == 200) dnsmasq_freezes(d);
        if (i == 800) dnsmasq_thaws(d);
        if (i == 1000) dnsmasq_says(d, srv("a.test", s, record("pool.test", "127.0.0.3")));
        if (i == 1300) dnsmasq_kill(d);
        if (i % 50 == 0) client_sends(others, "get 1 2 3 4 5\r\n");
        double began = stage_now();
        client_sends(c, "get probe\r\n");
        client_sees(c, hit_and_end("probe", "v"));
        double took = stage_now() - began;
        if (took > worst) worst = took;
        late += took > slow;
        stage_turns(2);
    }
    print_message("probe: worst %.1f ms, %u of %d over %.0f ms\n", worst * 1e3, late, PROBES,
                  slow * 1e3);
    assert_true(late <= PROBES / 100);
    assert_true(worst < too_slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_pool_follows_service_records),
        play(a_pool_that_knows_no_server_says_so),
        play(a_pool_follows_a_file_and_keeps_connections_that_stay),
        play(a_check_shows_what_a_file_says_and_asks_nobody),
        play(mistakes_in_the_options_are_named),
        play(a_reload_waits_for_the_first_answer_while_the_old_script_serves),
        play(a_reload_does_not_wait_for_ever),
        play(a_reload_takes_the_known_list_over_though_dns_is_gone),
        play(other_pools_do_not_feel_what_dns_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
