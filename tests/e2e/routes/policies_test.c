/* Each policy before real servers: a and b are there, d is dead. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <glob.h>
#include <string.h>

/* One role sends something or sees something; where that starts with ~, only what the one line starts with counts. */
struct step {
    char who; /* m: by moongate; a, b: directly */
    const char *sends, *sees;
};

struct play {
    const char *route;
    struct step steps[8];
};

#define ERROR   "~SERVER_ERROR 127.0.0.1:"
#define SET(k)  "set " k " 0 0 1\r\nx\r\n"
#define GET(k)  "get " k "\r\n"
#define HIT(k)  "VALUE " k " 0 1\r\nx\r\nEND\r\n"
#define STORED  "STORED\r\n"
#define MISS    "END\r\n"
#define LIVING  "mg.failover { d, a }"
#define UP_TO60 "~HD t" /* the number is checked below */

/* Routes to the dead server: for the second copy of a split key, for the parts of a large value. */
#define COPY_1_DEAD "mg.by_prefix { { ['k::1'] = d }, default = a }"
#define PARTS_DEAD  "mg.by_prefix { { ['k:'] = d }, default = a }"
#define TEN(x)      x x x x x x x x x x
#define LONG        TEN(TEN("eleven byte"))

static const struct play plays[] = {
    {"mg.all_sync { a, b }",
     {{'m', SET("k"), STORED}, {'a', GET("k"), HIT("k")}, {'b', GET("k"), HIT("k")}}},
    {"mg.all_sync { a, d }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}, {'a', GET("k"), HIT("k")}}},
    {"mg.all_fastest { d, a }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.all_fastest { a, b, d, hit = true }",
     {{'b', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', GET("none"), MISS}}},
    {"mg.all_initial { a, d }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.all_initial { d, a }", {{'m', SET("k"), ERROR}, {'a', GET("k"), HIT("k")}}},
    {"mg.all_majority { a, b, d }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.all_majority { a, d, d }", {{'m', SET("k"), ERROR}}},
    {"mg.all_async { a, d }", {{'m', SET("k"), "NOT_STORED\r\n"}, {'m', GET("k"), MISS}}},
    {LIVING, {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'a', GET("k"), HIT("k")}}},
    {"mg.failover { a, d }", {{'m', SET("k"), STORED}, {'m', GET("none"), MISS}}},
    {"mg.failover { a, b, on = { 'error', 'miss' } }",
     {{'b', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', GET("none"), MISS}}},
    {"mg.failover { d, d }", {{'m', SET("k"), ERROR}}},
    {"mg.by_prefix { { ['u:'] = a, ['u:d:'] = d }, default = b }",
     {{'m', SET("u:1"), STORED},
      {'a', GET("u:1"), HIT("u:1")},
      {'m', SET("u:d:1"), ERROR},
      {'m', SET("k"), STORED},
      {'b', GET("k"), HIT("k")}}},
    {"mg.by_route_prefix { { ['/x/a/'] = a, ['/x/d/'] = d }, default = '/x/a/' }",
     {{'m', SET("/x/a/k"), STORED},
      {'a', GET("k"), HIT("k")},
      {'m', GET("k"), HIT("k")},
      {'m', SET("/x/d/k"), ERROR}}},
    {"mg.failover { mg.each(d), a, within = 9 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.failover { d, a, commands = 'get' }",
     {{'a', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', SET("k"), ERROR}}},
    {"mg.by_command { get = mg.failover { d, a }, update = a, default = d }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", ERROR}}},
    {"mg.latest { d, d, a, tries = 3 }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.key_split { " LIVING ", 2, id = 1, all_sync = true }",
     {{'m', SET("k"), STORED},
      {'a', GET("k"), HIT("k")},
      {'a', GET("k::1"), HIT("k::1")},
      {'m', GET("k"), HIT("k")},
      {'m', "delete k\r\n", "DELETED\r\n"},
      {'a', GET("k::1"), MISS}}},
    {"mg.key_split { a, 3, id = 2, first_hit = true }",
     {{'a', SET("k::1"), STORED}, {'m', GET("k"), HIT("k")}, {'m', GET("none"), MISS}}},
    {"mg.key_split { d, 2, id = 1, first_hit = true }",
     {{'m', GET("k"), ERROR}, {'m', SET("k"), ERROR}, {'m', "gets k\r\n", ERROR}}},
    {"mg.key_split { " COPY_1_DEAD ", 2, id = 0 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'a', GET("k"), HIT("k")}}},
    {"mg.key_split { " COPY_1_DEAD ", 2, id = 1, first_hit = true }",
     {{'a', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', SET("k"), ERROR}}},
    {"mg.key_split { " COPY_1_DEAD ", 2, id = 0, all_sync = true }",
     {{'m', SET("k"), ERROR}, {'a', GET("k"), HIT("k")}}},
    {"mg.modify_key { " LIVING ", add = 'p:' }",
     {{'m', SET("k"), STORED}, {'a', GET("p:k"), HIT("p:k")}, {'m', GET("k"), HIT("k")}}},
    {"mg.modify_key { d, add = 'p:' }", {{'m', SET("k"), ERROR}}},
    {"mg.set_ttl { " LIVING ", 60 }", {{'m', SET("k"), STORED}, {'a', "mg k t\r\n", UP_TO60}}},
    {"mg.cap_ttl { " LIVING ", 60 }",
     {{'m', SET("k"), STORED},
      {'a', "mg k t\r\n", UP_TO60},
      {'m', "ms m 1\r\nx\r\n", "HD\r\n"},
      {'a', "mg m t\r\n", UP_TO60},
      {'m', "mg m T9999 t\r\n", UP_TO60},
      {'m', "ma n N0 J5 v k O1\r\n", "VA 1 kn O1\r\n5\r\n"},
      {'a', "mg n t\r\n", UP_TO60}}},
    {"mg.set_ttl { d, 60 }", {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}}},
    {"mg.cap_ttl { d, 60 }", {{'m', SET("k"), ERROR}, {'m', "touch k 5\r\n", ERROR}}},
    {"mg.failover_with_exptime { d, d, 60 }", {{'m', SET("k"), ERROR}}},
    {"mg.failover_with_exptime { d, a, 60 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'a', "mg k t\r\n", UP_TO60}}},
    {"mg.failover_with_exptime { a, d, 60 }",
     {{'m', SET("k"), STORED}, {'a', "mg k t\r\n", "HD t-1\r\n"}}},
    {"mg.zone_failover { here = 'x', zones = { x = d, y = a, z = b } }",
     {{'m', SET("k"), STORED},
      {'a', GET("k"), HIT("k")},
      {'b', GET("k"), HIT("k")},
      {'m', GET("k"), HIT("k")}}},
    {"mg.zone_failover { here = 'x', zones = { x = a, y = d, z = b }, on = { 'error', 'miss' } }",
     {{'b', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', GET("none"), MISS}}},
    {"mg.zone_failover { here = 'x', zones = { x = d, y = d } }", {{'m', SET("k"), ERROR}}},
    {"mg.rate_limit { a, get = { rate = 0.001, burst = 1 }, over = d }",
     {{'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', GET("k"), ERROR},
      {'m', SET("k"), STORED}}},
    {"mg.rate_limit { d, rate = 0.001, over = a }",
     {{'m', SET("k"), ERROR}, {'m', SET("k"), STORED}}},
    {"mg.outstanding_limit { d, 1 }", {{'m', SET("k"), ERROR}, {'m', SET("k"), ERROR}}},
    {"mg.outstanding_limit { a, 1, over = d }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.delay { " LIVING ", before = 0.01, after = 0.01 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.delay { d, 0.01 }", {{'m', SET("k"), ERROR}}},
    {"mg.allow { ['user:bob'] = a, otherwise = d }", {{'m', SET("k"), ERROR}}},
    {"mg.allow { ['user:bob'] = d, otherwise = a }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.deny { " LIVING ", commands = 'delete', keys = 'no' }",
     {{'m', SET("k"), STORED},
      {'m', "delete k\r\n", "SERVER_ERROR denied\r\n"},
      {'m', GET("no"), "SERVER_ERROR denied\r\n"},
      {'m', GET("k"), HIT("k")}}},
    {"mg.deny { d, commands = 'delete', keys = 'no' }",
     {{'m', SET("k"), ERROR},
      {'m', "delete k\r\n", "SERVER_ERROR denied\r\n"},
      {'m', GET("no"), "SERVER_ERROR denied\r\n"}}},
    {"mg.null()",
     {{'m', SET("k"), "NOT_STORED\r\n"},
      {'m', GET("k"), MISS},
      {'m', "incr k 1\r\nmg k v\r\nms k 1\r\nx\r\n", "NOT_FOUND\r\nEN\r\nNS\r\n"}}},
    {"mg.error 'closed'",
     {{'m', SET("k"), "SERVER_ERROR closed\r\n"}, {'m', GET("k"), "SERVER_ERROR closed\r\n"}}},
    {"mg.coalesce { " LIVING " }",
     {{'m', SET("k"), STORED},
      {'m', "get k k none k\r\n",
       "VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n"}}},
    {"mg.coalesce { d }", {{'m', GET("k"), ERROR}, {'m', SET("k"), ERROR}}},
    {"mg.compare { " LIVING ", d, share = 1 }",
     {{'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', "mg k v\r\n", "VA 1\r\nx\r\n"},
      {'m', "get none\r\n", MISS}}},
    {"mg.compare { d, a, share = 1 }", {{'a', SET("k"), STORED}, {'m', GET("k"), ERROR}}},
    {"mg.hedge { d, a }",
     {{'a', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', "mg k v\r\n", "VA 1\r\nx\r\n"},
      {'m', SET("k"), ERROR},
      {'m', "gets k\r\n", ERROR}}},
    {"mg.hedge { a, d }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.lease { " LIVING ", ttl = 30, wait = 0.01 }",
     {{'m', GET("k"), MISS},
      {'m', GET("k"), MISS},
      {'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', "mg k v\r\n", "VA 1\r\nx\r\n"}}},
    {"mg.lease { d, ttl = 30 }", {{'m', GET("k"), ERROR}, {'m', "delete k\r\n", ERROR}}},
    {"mg.near { mg.store { size = '1m' }, " LIVING ", ttl = 60 }",
     {{'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', GET("k"), HIT("k")},
      {'m', "mg k v f\r\n", "VA 1 f0\r\nx\r\n"},
      {'m', "get k k none k\r\n",
       "VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n"}}},
    {"mg.near { mg.store { size = '1m' }, " LIVING ", ttl = 60 }",
     {{'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'a', "delete k\r\n", "DELETED\r\n"},
      {'m', GET("k"), HIT("k")},
      {'m', "gets k\r\n", MISS},
      {'m', "delete k\r\n", "NOT_FOUND\r\n"},
      {'m', GET("k"), MISS}}},
    {"mg.near { mg.store { size = '1m' }, d }", {{'m', GET("k"), ERROR}, {'m', SET("k"), ERROR}}},
    {"mg.negative_cache { " LIVING ", 60 }",
     {{'m', GET("k"), MISS},
      {'a', SET("k"), STORED},
      {'m', GET("k"), MISS},
      {'m', "mg k v\r\n", "EN\r\n"},
      {'m', "touch k 0\r\n", "TOUCHED\r\n"},
      {'m', GET("k"), HIT("k")}}},
    {"mg.negative_cache { " LIVING ", 60 }",
     {{'m', GET("k"), MISS},
      {'m', SET("k"), STORED},
      {'m', GET("k"), HIT("k")},
      {'m', "delete k\r\n", "DELETED\r\n"},
      {'m', GET("k"), MISS}}},
    {"mg.negative_cache { d, 60 }", {{'m', GET("k"), ERROR}, {'m', GET("k"), ERROR}}},
    {"mg.shadow { a, to = d, share = 1 }", {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.shadow { d, to = a, share = 1 }", {{'m', SET("k"), ERROR}}},
    {"mg.log_requests { d }", {{'m', SET("k"), ERROR}}},
    {"mg.migrate { d, a, start = os.time() + 9999, interval = 9999 }",
     {{'m', SET("k"), ERROR}, {'m', "delete k\r\n", ERROR}}},
    {"mg.migrate { d, a, start = os.time() - 99, interval = 9 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", "DELETED\r\n"}}},
    {"mg.migrate { a, d, start = os.time() - 99, interval = 9999 }",
     {{'m', "delete k\r\n", ERROR}, {'m', "md k\r\n", ERROR}}},
    {"mg.migrate { a, d, start = os.time() - 99, interval = 9 }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}}},
    {"mg.migrate { a, d, start = os.time() + 99, interval = 9, writes = 'both' }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", ERROR}}},
    {"mg.migrate { d, a, start = os.time() + 99, interval = 9, writes = 'both' }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}, {'m', "delete k\r\n", ERROR}}},
    {"mg.migrate { d, a, start = os.time() - 99, interval = 9, writes = 'both' }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", "DELETED\r\n"}}},
    {"mg.big_value { " PARTS_DEAD ", threshold = 1024 }",
     {{'m', SET("k"), STORED},
      {'m', "set k 0 0 1100\r\n" LONG "\r\n", ERROR},
      {'m', GET("k"), HIT("k")},
      {'m', "append k 0 0 1\r\nx\r\n", STORED}}},
    {"mg.big_value { d }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}, {'m', "touch k 5\r\n", ERROR}}},
    {"mg.warm_up { d, a }",
     {{'a', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', SET("k"), ERROR}}},
    {"mg.warm_up { a, d }",
     {{'m', GET("k"), ERROR}, {'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}}},
    {"mg.l1_l2 { d, a, exptime = 60 }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", ERROR}}},
    {"mg.l1_l2 { a, d, exptime = 60 }",
     {{'a', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', SET("k"), ERROR}}},
    {"mg.hash { d }", {{'m', SET("k"), ERROR}}},
    {"mg.random { d, d }", {{'m', SET("k"), ERROR}}},
    {"mg.spool_deletes { d, dir = spool }",
     {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}, {'m', "delete k\r\n", "NOT_FOUND\r\n"}}},
    {"mg.staging { a, d }",
     {{'m', SET("k"), STORED}, {'m', GET("k"), HIT("k")}, {'m', "delete k\r\n", "DELETED\r\n"}}},
    {"mg.staging { d, a }", {{'m', SET("k"), ERROR}, {'m', GET("k"), ERROR}}},
};

static struct memcached *servers[2];
static const char *folder;

static const char *script_with(const char *route)
{
    return textf(MG "local a, b = mg.pool { '%s', name = 'a' }, mg.pool { '%s', name = 'b' }\n"
                    "local d = mg.pool { '%s', name = 'd' }\n"
                    "local spool = '%s/spool'\n"
                    "return %s\n",
                 memcached_address(servers[0]), memcached_address(servers[1]), address_of_nobody(),
                 folder, route);
}

static struct moongate *moongate_with(const char *route)
{
    for (int i = 0; i < 2; i++) servers[i] = memcached_start(NULL);
    folder = program_folder();
    return moongate_start(script_with(route), NULL);
}

static void play_step(struct client *c, const struct step *step)
{
    client_sends(c, step->sends);
    if (strcmp(step->sees, UP_TO60) == 0) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "HD t60") != 0 && strncmp(line, "HD t5", 5) != 0)
            stage_fails("%s: %s", step->sends, line);
    } else if (step->sees[0] == '~') {
        client_sees_line_starting(c, step->sees + 1);
    } else {
        client_sees(c, step->sees);
    }
}

/* One moongate and two servers serve all plays: each begins with another script and empty servers. */
static void every_policy_does_what_it_says(void **state)
{
    struct moongate *m = moongate_with("mg.null()");
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        struct client *by = client_connects(m);
        struct client *a = client_connects_to(memcached_address(servers[0]));
        struct client *b = client_connects_to(memcached_address(servers[1]));
        client_sends(a, "flush_all\r\n");
        client_sends(b, "flush_all\r\n");
        client_sees(a, "OK\r\n");
        client_sees(b, "OK\r\n");
        moongate_reloads(m, script_with(plays[i].route));
        for (const struct step *step = plays[i].steps; step->who; step++)
            play_step(step->who == 'm' ? by : step->who == 'a' ? a : b, step);
        client_sees_nothing_more(by);
    }
}

/* True when the route is made of that policy and, somewhere in it, the dead server. */
static bool fails_with(const char *route, const char *policy)
{
    static const char *const dead[] = {"{ d", ", d ", ", d,", "= d "};
    bool is_dead = false;
    for (size_t i = 0; i < sizeof dead / sizeof *dead; i++)
        is_dead |= strstr(route, dead[i]) != NULL;
    return is_dead && strstr(route, textf("mg.%s {", policy));
}

/* Those that have routes below them, that is: null and error have none. */
static void every_policy_has_a_play_with_a_dead_server(void **state)
{
    glob_t files;
    assert_int_equal(glob("lua/moongate/routes/*.lua", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = strrchr(files.gl_pathv[i], '/') + 1;
        const char *policy = textf("%.*s", (int)strcspn(file, "."), file);
        bool has_play = strcmp(policy, "null") == 0 || strcmp(policy, "error") == 0;
        for (size_t p = 0; p < sizeof plays / sizeof *plays; p++)
            has_play |= fails_with(plays[p].route, policy);
        if (!has_play) stage_fails("mg.%s has no play with d, the dead server", policy);
    }
    globfree(&files);
}

/* --- what is left to chance, or to the key ----------------------------------------------------- */

/* Of 60 keys, how many are stored; the others fail. */
static unsigned stored(struct client *c)
{
    unsigned n = 0;
    for (int i = 0; i < 60; i++) {
        client_sends(c, textf("set key:%d 0 0 1\r\nx\r\n", i));
        const char *line = client_sees_line(c);
        if (strcmp(line, "STORED") != 0 && strncmp(line, "SERVER_ERROR ", 13) != 0)
            stage_fails("%s", line);
        n += line[0] == 'S' && line[1] == 'T';
    }
    return n;
}

static void a_dead_route_costs_hash_and_random_their_share(void **state)
{
    struct client *c = client_connects(moongate_with("mg.hash { a, d }"));
    unsigned n = stored(c);
    assert_in_range(n, 15, 45);
    assert_int_equal(stored(c), n); /* the same keys */
    stage_clears();
    c = client_connects(moongate_with("mg.random { a, d }"));
    assert_in_range(stored(c), 15, 45);
    stage_clears();
    c = client_connects(moongate_with("mg.hash { mg.failover { a, b }, mg.failover { d, b } }"));
    assert_int_equal(stored(c), 60);
}

static void a_shadow_gets_what_the_first_route_gets(void **state)
{
    struct client *c = client_connects(moongate_with("mg.shadow { a, to = b, keys = 1 }"));
    client_sends(c, SET("k"));
    client_sees(c, STORED);
    client_asks_until(client_connects_to(memcached_address(servers[1])), "mg k\r\n", "HD\r\n");
}

static void the_log_tells_what_came_of_requests(void **state)
{
    struct moongate *m =
        moongate_with("mg.log_requests { mg.failover { d, a }, per_second = 1000 }");
    struct client *c = client_connects(m);
    client_sends(c, SET("k") GET("none") "mg AQ== b v\r\nget \x02\t\r\n");
    client_sees(c, STORED MISS "EN\r\n" MISS);
    moongate_sees_log(m, "route log_requests(failover): set k: hit (1 bytes sent, 8 received, ");
    moongate_sees_log(m,
                      "route log_requests(failover): get none: miss (0 bytes sent, 5 received, ");
    moongate_sees_log(m, "route log_requests(failover): mg \\x01: miss");
    moongate_sees_log(m, "route log_requests(failover): get \\x02\\t: miss");
}

static void a_server_that_dies_and_comes_back_is_failed_over_and_back(void **state)
{
    struct client *c = client_connects(moongate_with("mg.failover { a, mg.set_ttl { b, 60 } }"));
    client_sends(c, SET("k"));
    client_sees(c, STORED);
    memcached_kill(servers[0]);
    client_asks_until(c, SET("k"), STORED);
    client_sends(c, GET("k"));
    client_sees(c, HIT("k"));
    memcached_starts_again(servers[0]);
    client_asks_until(c, "mg k\r\n", "EN\r\n"); /* it is empty now */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_policy_does_what_it_says),
        play(every_policy_has_a_play_with_a_dead_server),
        play(a_dead_route_costs_hash_and_random_their_share),
        play(a_shadow_gets_what_the_first_route_gets),
        play(the_log_tells_what_came_of_requests),
        play(a_server_that_dies_and_comes_back_is_failed_over_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
