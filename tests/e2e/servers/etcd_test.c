/* Pools whose servers a real etcd says, in front of real memcached servers. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/etcd.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/servers/names.h"

#define SOON ", discover_debounce = 0.05, discover_interval = 0.5, discover_timeout = 1"

enum { KEYS = 60 };

static const char *pool_at(const struct etcd_server *e, const char *options)
{
    return textf(MG "return mg.pool { name = 'cache', discover = 'etcd://%s/mc'%s }",
                 etcd_address(e), options);
}

static void etcd_names(struct etcd_server *e, const char *name, const struct memcached *s)
{
    etcd_puts(e, textf("/mc/%s", name), s ? memcached_address(s) : NULL);
}

/* What is asked while servers come and go never fails. Counts the sets. */
static unsigned sets_all(struct client *c)
{
    for (int i = 0; i < KEYS; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\nx\r\n", i));
        client_sees(c, "STORED\r\n");
    }
    return KEYS;
}

struct wish {
    struct client *client;
    struct moongate *moongate;
    const char *line;
    unsigned sets;
};

static bool log_has(void *what)
{
    struct wish *w = what;
    w->sets += sets_all(w->client);
    return moongate_log_count(w->moongate, w->line) > 0;
}

static void logs_under_traffic(struct moongate *m, struct client *c, const char *line)
{
    struct wish w = {c, m, line, 0};
    if (!stage_waits(log_has, &w)) stage_fails("no line with '%s'", line);
}

static unsigned keys_of(const struct memcached *s)
{
    unsigned n = 0;
    for (int i = 0; i < KEYS; i++) n += server_has(s, textf("k%d", i));
    return n;
}

static void a_pool_follows_etcd_under_traffic(void **state)
{
    struct memcached *s[4] = {memcached_start(NULL), memcached_start(NULL), memcached_start(NULL),
                              memcached_start(NULL)};
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_names(e, "a", s[0]);
    etcd_names(e, "b", s[1]);
    struct moongate *m = moongate_start(pool_at(e, SOON), NULL);
    struct client *c = client_connects(m);
    sets_all(c); /* it was not ready before it knew its servers */
    assert_int_equal(keys_of(s[0]) + keys_of(s[1]), KEYS);
    unsigned before = keys_of(s[0]);
    etcd_names(e, "c", s[2]);
    logs_under_traffic(m, c, ": 3 servers (1 new, 0 gone)");
    sets_all(c);
    unsigned moved = keys_of(s[2]);
    assert_in_range(moved, KEYS / 10, KEYS * 2 / 3); /* the new server's share, and no other */
    assert_int_equal(keys_of(s[0]), before); /* none came from one of the old ones to the other */
    /* The same name at another address has the same keys. */
    etcd_names(e, "c", s[3]);
    logs_under_traffic(m, c, ": 3 servers (1 new, 1 gone)");
    sets_all(c);
    assert_int_equal(keys_of(s[3]), moved);
    etcd_names(e, "a", NULL);
    logs_under_traffic(m, c, ": 2 servers (0 new, 1 gone)");
    sets_all(c);
    assert_int_equal(keys_of(s[1]) + keys_of(s[3]) >= KEYS, 1);
}

static void what_etcd_does_not_say_well_is_shown(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct etcd_server *e = etcd_start();
    const char *stats = "";
    (void)state;
    etcd_names(e, "a", s);
    etcd_puts(e, "/mc/b", "nonsense:x");
    struct moongate *m = moongate_start(pool_at(e, SOON), "-j", "2", NULL);
    struct client *c = client_connects(m);
    sets_all(c);
    client_sends(c, "stats pools\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        stats = textf("%s%s\n", stats, line);
    }
    assert_non_null(strstr(stats, textf("STAT cache:discover etcd://%s/mc\n", etcd_address(e))));
    assert_non_null(
        strstr(stats, "STAT cache:discover_failure key /mc/b: the port is not a number\n"));
    assert_non_null(strstr(stats, "STAT cache:servers 1\n"));
    etcd_kill(e);
    moongate_sees_log(m, "Connection refused; keeps the last 1 server");
    sets_all(c);
    etcd_starts_again(e);
    etcd_puts(e, "/mc/b", NULL);
    while (moongate_log_count(m, ": recovered") < 2) sets_all(c); /* both workers */
}

static void etcd_that_is_away_at_the_start_is_found_later(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_names(e, "a", s);
    etcd_kill(e);
    struct moongate *m = moongate_start(pool_at(e, SOON), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR pool cache has no server yet: etcd://%s/mc %s: Connection "
                         "refused\r\n",
                         etcd_address(e), etcd_address(e)));
    etcd_starts_again(e);
    client_asks_until(c, "get k\r\n", "END\r\n");
    /* A reload with other options begins with the list that is known. */
    etcd_freezes(e);
    moongate_reloads(m, pool_at(e, ", discover_shrink = true, discover_interval = 60"));
    sets_all(c);
    etcd_thaws(e);
}

static void a_check_asks_no_etcd(void **state)
{
    struct backend *b = backend_listens();
    const char *script = moongate_script_file(textf(
        MG "return mg.pool { name = 'cache', discover = 'etcd://%s/mc' }", backend_address(b)));
    (void)state;
    struct run run = moongate_runs("-t", script, NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(
        strstr(run.out, textf("0 servers\n  discovered by etcd://%s/mc: no answer yet\n",
                              backend_address(b))));
    assert_int_equal(backend_links(b), 0);
}

static void mistakes_are_named(void **state)
{
    static const char *const wrong[][2] = {
        {"discover = 'etcd://h'", "option 'discover': 'etcd://h': etcd:// takes a prefix of keys"},
        {"discover = 'etcd://u:p@h/mc'", "do not stand in the URL"},
        {"discover = 'etcd://h:x/mc'", "the port is not a number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *script = moongate_script_file(textf(MG "return mg.pool { %s }", wrong[i][0]));
        struct run run = moongate_runs("-t", script, NULL);
        assert_int_equal(run.code, 1);
        if (!strstr(run.err, wrong[i][1]) || !strstr(run.err, ":2: mg.pool "))
            stage_fails("%s\nis not in: %s", wrong[i][1], run.err);
    }
}

/* It is loaded when it is needed, and the error says what to install. */
static void without_libcurl_etcd_is_refused_and_nothing_else(void **state)
{
    const char *folder = program_folder();
    const char *etcd = moongate_script_file(MG "return mg.pool { discover = 'etcd://h/mc' }"),
               *dns = moongate_script_file(MG "return mg.pool { discover = 'dns://h' }");
    (void)state;
    file_becomes(textf("%s/libcurl.so.4", folder),
                 "this is no library, but libraries are looked for here first\n");
    setenv("LD_LIBRARY_PATH", folder, 1);
    struct run refused = moongate_runs("-t", etcd, NULL), taken = moongate_runs("-t", dns, NULL);
    unsetenv("LD_LIBRARY_PATH");
    assert_int_equal(refused.code, 1);
    assert_non_null(strstr(refused.err, "'etcd://h/mc': it needs libcurl (install libcurl4): "));
    assert_int_equal(taken.code, 0);
}

/* Another pool is asked all the time, while etcd stands still, goes and comes back with a thousand servers. */
static void other_pools_do_not_feel_what_etcd_does(void **state)
{
    enum { PROBES = 900 };
    struct memcached *s = memcached_start(NULL);
    struct etcd_server *e = etcd_start();
    double slow = stage_is_sanitized() ? 0.1 : 0.03, too_slow = stage_is_sanitized() ? 0.8 : 0.5;
    double worst = 0;
    unsigned late = 0;
    (void)state;
    server_gets(s, "probe", "v");
    etcd_puts_many(e, "/mc/s", "127.0.0.1", 1, 10);
    struct moongate *m = moongate_start(
        textf(MG "local probed = mg.pool { '%s' }\n"
                 "local far = mg.pool { discover = 'etcd://%s/mc'" SOON ", probe_min = 60 }\n"
                 "return function(req) return req.key == 'probe' and probed or far end",
              memcached_address(s), etcd_address(e)),
        NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < PROBES; i++) {
        if (i == 100) etcd_freezes(e);
        if (i == 300) etcd_thaws(e);
        if (i == 500) etcd_kill(e);
        if (i == 600) etcd_starts_again(e);
        if (i == 700) etcd_puts_many(e, "/mc/s", "127.0.0.1", 11, 300);
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
    assert_true(late <= PROBES / 50);
    assert_true(worst < too_slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_pool_follows_etcd_under_traffic),
        play(what_etcd_does_not_say_well_is_shown),
        play(etcd_that_is_away_at_the_start_is_found_later),
        play(a_check_asks_no_etcd),
        play(mistakes_are_named),
        play(without_libcurl_etcd_is_refused_and_nothing_else),
        play(other_pools_do_not_feel_what_etcd_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
