/* on_failure = "rehash": the keys of a server that is down go to the others, and come home. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

enum { SERVERS = 4, KEYS = 400 };

struct group {
    struct memcached *servers[SERVERS];
    struct client *direct[SERVERS]; /* not through moongate */
    int homes[KEYS];                /* of each key, at first */
    struct moongate *m;
    struct client *c;
};

/* They differ at their beginnings: FNV does not spread keys that differ in their last byte alone. */
static const char *key_of(int i)
{
    return textf("%08x:key", (unsigned)i * 2654435761U);
}

static void group_has_servers(struct group *g)
{
    for (int i = 0; i < SERVERS; i++) {
        g->servers[i] = memcached_start(NULL);
        g->direct[i] = client_connects_to(memcached_address(g->servers[i]));
    }
}

static void group_starts(struct group *g, const char *options)
{
    group_has_servers(g);
    g->m = moongate_start(textf(MG "return mg.pool { name = 'all', on_failure = 'rehash', "
                                   "'%s', '%s', '%s', '%s', %s }\n",
                                memcached_address(g->servers[0]), memcached_address(g->servers[1]),
                                memcached_address(g->servers[2]), memcached_address(g->servers[3]),
                                options),
                          NULL);
    g->c = client_connects(g->m);
}

/* What a server that is asked directly has for a key: "" for nothing. */
static const char *content(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    const char *line = client_sees_line(c);
    if (strcmp(line, "END") == 0) return "";
    if (strncmp(line, "VALUE ", 6) != 0) return line;
    const char *data = client_sees_line(c);
    client_sees(c, "END\r\n");
    return data;
}

static void client_stores(struct client *c, const char *key, const char *data)
{
    client_sends(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(data), data));
    client_sees(c, "STORED\r\n");
}

static void group_stores_keys(struct group *g, const char *data)
{
    for (int i = 0; i < KEYS; i++) client_stores(g->c, key_of(i), data);
}

static int holder_of(const struct group *g, const char *key, const char *data)
{
    for (int s = 0; s < SERVERS; s++)
        if (g->direct[s] && strcmp(content(g->direct[s], key), data) == 0) return s;
    stage_fails("no server has %s = %s", key, data);
}

static void group_learns_homes(struct group *g, const char *data)
{
    for (int i = 0; i < KEYS; i++) g->homes[i] = holder_of(g, key_of(i), data);
}

static void group_has_living(struct group *g, int n)
{
    stat_becomes(g->c, "pools", "all:in_ring", textf("%d", n));
}

static void server_dies(struct group *g, int s)
{
    client_closes(g->direct[s]);
    g->direct[s] = NULL;
    memcached_kill(g->servers[s]);
    stat_becomes(g->c, "servers", textf("%s:down", memcached_address(g->servers[s])), "1");
}

static void server_revives(struct group *g, int s)
{
    memcached_starts_again(g->servers[s]);
    g->direct[s] = client_connects_to(memcached_address(g->servers[s]));
}

/* --- away and home --------------------------------------------------------------------------- */

static void keys_of_a_dead_server_go_to_the_others_and_come_home(void **state)
{
    struct group g = {0};
    int away = 0, took[SERVERS] = {0};

    group_starts(&g, "probe_max = 0.2");
    group_stores_keys(&g, "old");
    group_learns_homes(&g, "old");
    server_dies(&g, 1);
    group_has_living(&g, 3);
    for (int i = 0; i < KEYS; i++) {
        bool moves = g.homes[i] == 1;
        assert_string_equal(content(g.c, key_of(i)), moves ? "" : "old");
        client_stores(g.c, key_of(i), "new");
        int now = holder_of(&g, key_of(i), "new");
        if (!moves) assert_int_equal(now, g.homes[i]); /* other servers' keys never move */
        away += moves;
        took[now] += moves;
    }
    printf("%d of %d keys were away, on %d, 0, %d, %d\n", away, KEYS, took[0], took[2], took[3]);
    assert_in_range(away, KEYS / 10, KEYS / 2);
    for (int s = 0; s < SERVERS; s++) assert_true(s == 1 || took[s] > 0);
    server_revives(&g, 1);
    group_has_living(&g, 4);
    for (int i = 0; i < KEYS; i++)
        assert_string_equal(content(g.c, key_of(i)), g.homes[i] == 1 ? "" : "new");
    group_stores_keys(&g, "newer");
    for (int i = 0; i < KEYS; i++) assert_int_equal(holder_of(&g, key_of(i), "newer"), g.homes[i]);
}

/* The kernel takes connections for a stopped server, so it is connected to again and again. */
static void only_a_good_probe_brings_keys_home(void **state)
{
    struct group g = {0};
    int away = -1;

    group_starts(&g, "timeout = 0.1, connect_timeout = 0.1, probe_min = 0.05, probe_max = 0.05");
    group_stores_keys(&g, "old");
    group_learns_homes(&g, "old");
    memcached_freezes(g.servers[2]);
    for (int i = 0; i < KEYS; i++)
        if (g.homes[i] == 2) away = i;
    const char *failure = failure_of(memcached_address(g.servers[2]));
    for (int i = 0; i < 3; i++) { /* until it is down */
        client_sends(g.c, textf("get %s\r\n", key_of(away)));
        client_sees_line_starting(g.c, textf("%stimeout", failure));
    }
    group_has_living(&g, 3);
    double begun = stage_now();
    const char *closes = textf("%s:closes", memcached_address(g.servers[2]));
    unsigned long probes = stat_number(g.c, "servers", closes);
    while (stat_number(g.c, "servers", closes) < probes + 5) {
        assert_string_equal(content(g.c, key_of(away)), "");
        if (stage_now() > begun + stage_deadline()) stage_fails("nobody probes");
    }
    assert_int_equal(stat_number(g.c, "pools", "all:in_ring"), 3);
    memcached_thaws(g.servers[2]);
    group_has_living(&g, 4);
    for (int i = 0; i < KEYS; i++) assert_string_equal(content(g.c, key_of(i)), "old");
}

/* --- the floor ------------------------------------------------------------------------------- */

static int a_key_at(const struct group *g, int home)
{
    for (int i = 0; i < KEYS; i++)
        if (g->homes[i] == home) return i;
    stage_fails("server %d has no key", home);
}

static bool is_failure_of(const struct group *g, int s, const char *line)
{
    const char *failure = failure_of(memcached_address(g->servers[s]));
    return strncmp(line, failure, strlen(failure)) == 0;
}

static void the_floor_keeps_half_of_the_servers(void **state)
{
    struct group g = {0};

    group_starts(&g, "probe_max = 0.2");
    group_stores_keys(&g, "old");
    group_learns_homes(&g, "old");
    server_dies(&g, 3);
    group_has_living(&g, 3);
    server_dies(&g, 0);
    group_has_living(&g, 2);
    server_dies(&g, 1); /* one more than the floor allows: it stays, and its keys fail */
    group_has_living(&g, 2);
    assert_true(is_failure_of(&g, 1, content(g.c, key_of(a_key_at(&g, 1)))));
    assert_string_equal(content(g.c, key_of(a_key_at(&g, 2))), "old");
    server_revives(&g, 3); /* the first comes home, so the last may go */
    stat_becomes(g.c, "servers", textf("%s:down", memcached_address(g.servers[3])), "0");
    group_has_living(&g, 2);
    assert_string_equal(content(g.c, key_of(a_key_at(&g, 3))), "");
    assert_string_equal(content(g.c, key_of(a_key_at(&g, 2))), "old");
    for (int i = 0; i < KEYS; i++) client_stores(g.c, key_of(i), "new"); /* all find a server */
}

static void a_floor_of_one_ejects_nobody(void **state)
{
    struct group g = {0};

    group_starts(&g, "eject_floor = 1, probe_max = 0.2");
    group_stores_keys(&g, "old");
    group_learns_homes(&g, "old");
    server_dies(&g, 0);
    group_has_living(&g, 4);
    for (int i = 0; i < KEYS; i++) {
        const char *got = content(g.c, key_of(i));
        assert_true(g.homes[i] == 0 ? is_failure_of(&g, 0, got) : strcmp(got, "old") == 0);
    }
}

static void a_floor_of_zero_leaves_the_last_server(void **state)
{
    struct group g = {0};

    group_starts(&g, "eject_floor = 0, probe_max = 0.2");
    for (int s = 0; s < SERVERS - 1; s++) {
        server_dies(&g, s);
        group_has_living(&g, SERVERS - 1 - s);
    }
    group_stores_keys(&g, "x");
    group_learns_homes(&g, "x");
    for (int i = 0; i < KEYS; i++) assert_int_equal(g.homes[i], SERVERS - 1);
    server_dies(&g, SERVERS - 1);
    for (int i = 0; i < KEYS; i++) {
        client_sends(g.c, textf("get %s\r\n", key_of(i)));
        client_sees_line_starting(g.c, "SERVER_ERROR 127.0.0.1:");
    }
    server_revives(&g, 0); /* then it is the last one */
    stat_becomes(g.c, "servers", textf("%s:down", memcached_address(g.servers[0])), "0");
    group_stores_keys(&g, "y");
    for (int i = 0; i < KEYS; i++) assert_int_equal(holder_of(&g, key_of(i), "y"), 0);
}

/* --- as twemproxy has it --------------------------------------------------------------------- */

/* Three pools of the same servers, with weights; what follows names the rest of the options in both languages. */
static const char *const maps[][2] = {
    {"hash: fnv1a_64\n  distribution: ketama", ""},
    {"hash: md5\n  distribution: ketama", "hash = 'md5'"},
    {"hash: fnv1a_64\n  distribution: modula", "distribution = 'modula'"},
};
enum { MAPS = sizeof maps / sizeof *maps };

static const char *twemproxy_pool(const struct group *g, int map, bool weighted)
{
    const char *servers = "";
    for (int s = 0; s < SERVERS; s++)
        servers = textf("%s   - %s:%d s%d\n", servers, memcached_address(g->servers[s]),
                        weighted ? s + 1 : 1, s);
    return textf("  %s\n  auto_eject_hosts: true\n  server_failure_limit: 1\n"
                 "  server_retry_timeout: 600000\n  timeout: 500\n  servers:\n%s",
                 maps[map][0], servers);
}

static const char *moongate_pool(const struct group *g, int map, bool weighted)
{
    const char *servers = "";
    for (int s = 0; s < SERVERS; s++)
        servers = textf("%s'%s:%d s%d', ", servers, memcached_address(g->servers[s]),
                        weighted ? s + 1 : 1, s);
    return textf(MG "return mg.pool { name = 'all', like = 'twemproxy', on_failure = 'rehash', "
                    "eject_floor = 0, %s %s }\n",
                 servers, maps[map][1]);
}

static int failures(struct client *c)
{
    int n = 0;
    for (int i = 0; i < KEYS; i++) n += strstr(content(c, key_of(i)), "ERROR") != NULL;
    return n;
}

static void twemproxy_ejects(struct client *c)
{
    for (double end = stage_now() + stage_deadline(); failures(c) > 0;)
        if (stage_now() > end) stage_fails("nutcracker ejects nobody");
}

static void one_reads_what_the_other_wrote(struct client *writer, struct client *reader,
                                           const char *data)
{
    for (int i = 0; i < KEYS; i++) client_stores(writer, key_of(i), data);
    for (int i = 0; i < KEYS; i++) assert_string_equal(content(reader, key_of(i)), data);
}

static void twemproxy_and_moongate_rehash_alike(int map, bool weighted)
{
    struct group g = {0};
    group_has_servers(&g);
    const char *pool = twemproxy_pool(&g, map, weighted);
    struct client *theirs = client_connects_to(nutcracker_address(nutcracker_start(&pool, 1), 0));
    g.m = moongate_start(moongate_pool(&g, map, weighted), NULL);
    g.c = client_connects(g.m);

    one_reads_what_the_other_wrote(theirs, g.c, "before");
    group_learns_homes(&g, "before");
    for (int dead = 1; dead < SERVERS; dead += 2) { /* one, then another */
        a_key_at(&g, dead);                         /* there is one to move */
        server_dies(&g, dead);
        twemproxy_ejects(theirs);
        group_has_living(&g, SERVERS - 1 - dead / 2);
        one_reads_what_the_other_wrote(theirs, g.c, textf("%d is dead", dead));
        one_reads_what_the_other_wrote(g.c, theirs, textf("%d is still dead", dead));
        group_learns_homes(&g, textf("%d is still dead", dead)); /* on a server that lives */
    }
}

static void the_ring_is_that_of_twemproxy_without_its_ejected_servers(void **state)
{
    for (int map = 0; map < MAPS; map++) {
        for (int weighted = 0; weighted < 2; weighted++) {
            twemproxy_and_moongate_rehash_alike(map, weighted);
            stage_clears();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(keys_of_a_dead_server_go_to_the_others_and_come_home),
        play(only_a_good_probe_brings_keys_home),
        play(the_floor_keeps_half_of_the_servers),
        play(a_floor_of_one_ejects_nobody),
        play(a_floor_of_zero_leaves_the_last_server),
        play(the_ring_is_that_of_twemproxy_without_its_ejected_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
