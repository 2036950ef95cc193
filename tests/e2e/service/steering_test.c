/* drain, undrain, weight: keys move as `explain` says, in all workers, under load, and what was decided stays through reloads and replaced
 * workers.
 */
#include "lib/application.h"
#include "lib/backend.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 3, KEYS = 300 };

struct fleet {
    struct memcached *servers[SERVERS];
    struct client *direct[SERVERS]; /* not through moongate */
    struct moongate *m;
    struct client *desk, *user;
    const char *path;
};

static const char *address(const struct fleet *f, int i)
{
    return memcached_address(f->servers[i]);
}

static const char *script(const struct fleet *f, const char *options)
{
    return textf(MG "return mg.pool { name = 'all', '%s', '%s', '%s', %s }\n", address(f, 0),
                 address(f, 1), address(f, 2), options);
}

static struct fleet fleet_starts(const char *options, const char *workers)
{
    struct fleet f = {.path = desk_path("a.sock")};
    for (int i = 0; i < SERVERS; i++) {
        f.servers[i] = memcached_start(NULL);
        f.direct[i] = client_connects_to(address(&f, i));
    }
    f.m = moongate_start(script(&f, options), "--admin", textf("unix:%s", f.path), "-j", workers,
                         NULL);
    f.desk = desk_opens(f.path);
    f.user = client_connects(f.m);
    return f;
}

static const char *key_of(int i)
{
    return textf("%08x:key", (unsigned)i * 2654435761U);
}

/* Where `stats explain` says that key i goes: the number of the server. */
static int home_of(const struct fleet *f, int i)
{
    int home = -1;
    client_sends(f->user, textf("stats explain get %s\r\n", key_of(i)));
    for (const char *line; strcmp(line = client_sees_line(f->user), "END") != 0;)
        for (int k = 0; k < SERVERS; k++)
            if (strcmp(line, textf("STAT server %s", address(f, k))) == 0) home = k;
    if (home < 0) stage_fails("key %s has no server", key_of(i));
    return home;
}

static bool has_key(struct client *c, const char *key)
{
    client_sends(c, textf("mg %s\r\n", key));
    return strcmp(client_sees_line(c), "HD") == 0;
}

/* A set by a client goes where explain said. */
static void key_is_set_at(const struct fleet *f, int i, int home)
{
    client_sends(f->user, textf("set %s 0 0 1\r\nx\r\n", key_of(i)));
    client_sees(f->user, "STORED\r\n");
    for (int k = 0; k < SERVERS; k++)
        if (has_key(f->direct[k], key_of(i)) != (k == home))
            stage_fails("key %s is not at %s", key_of(i), address(f, home));
    client_sends(f->direct[home], textf("delete %s\r\n", key_of(i)));
    client_sees(f->direct[home], "DELETED\r\n");
}

/* The homes of all keys, which both kinds of explain and a set agree about. */
static void homes_are(const struct fleet *f, int homes[KEYS])
{
    for (int i = 0; i < KEYS; i++) {
        homes[i] = home_of(f, i);
        if (i % 20 > 0) continue;
        key_is_set_at(f, i, homes[i]);
        desk_gets(f->desk, textf("explain get %s", key_of(i)),
                  textf("server        %s\n", address(f, homes[i])));
    }
}

static int count(const int homes[KEYS], int server)
{
    int n = 0;
    for (int i = 0; i < KEYS; i++) n += homes[i] == server;
    return n;
}

/* --- drain ------------------------------------------------------------------------------------ */

static void a_drained_server_gives_its_keys_to_the_others_and_gets_them_back(void **state)
{
    static const char *const options[] = {"on_failure = 'error'", "on_failure = 'rehash'"};
    struct fleet f = fleet_starts(options[0], "2");
    int before[KEYS], drained[KEYS], after[KEYS];
    for (int round = 0; round < 2; round++) {
        if (round == 1) moongate_reloads(f.m, script(&f, options[1]));
        homes_are(&f, before);
        desk_gets(f.desk, textf("drain %s", address(&f, 0)), "drained");
        desk_gets(f.desk, "servers", textf("%s  ready  drained", address(&f, 0)));
        homes_are(&f, drained);
        assert_true(count(before, 0) > KEYS / 8);
        assert_int_equal(count(drained, 0), 0);
        int moved = 0;
        for (int i = 0; i < KEYS; i++) moved += before[i] != drained[i] && before[i] != 0;
        if (moved > KEYS / 8) stage_fails("%d keys of other servers moved", moved);
        desk_gets(f.desk, textf("undrain %s", address(&f, 0)), "undrained");
        homes_are(&f, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

static void the_last_server_of_a_pool_is_not_drained(void **state)
{
    struct fleet f = fleet_starts("", "1");
    desk_gets(f.desk, textf("drain %s", address(&f, 0)), "END\n");
    desk_gets(f.desk, textf("drain %s", address(&f, 1)), "END\n");
    desk_gets(f.desk, textf("drain %s", address(&f, 2)),
              textf("ERROR %s is the last server of pool all that takes keys", address(&f, 2)));
    /* A script that has only drained servers in a_pool keeps them. */
    moongate_reloads(f.m, textf(MG "return mg.pool { name = 'all', '%s' }\n", address(&f, 0)));
    moongate_sees_log(f.m, "all its servers are drained: the drain has no effect here");
    key_is_set_at(&f, 1, 0);
    desk_gets(f.desk, "servers", "served");
}

static void what_is_decided_stays_through_reloads_and_replaced_workers(void **state)
{
    struct fleet f = fleet_starts("", "2");
    pid_t workers[2];
    desk_gets(f.desk, textf("drain %s", address(&f, 1)), "END\n");
    desk_gets(f.desk, textf("weight %s all 5", address(&f, 2)), "END\n");
    moongate_reloads(f.m, script(&f, "timeout = 0.9"));
    desk_gets(f.desk, "json servers", "\"keys\":\"drained\"");
    moongate_workers(f.m, workers, 2);
    kill(workers[0], SIGKILL);
    kill(workers[1], SIGKILL);
    moongate_sees_log_times(f.m, "gone: signal 9", 2);
    desk_asks_until(f.desk, "status", "workers       2 of 2");
    const char *servers = desk_gets(f.desk, "json servers", "\"keys\":\"drained\"");
    assert_non_null(strstr(servers, "\"weight\":5,\"script_weight\":1"));
    client_closes(f.user);
    f.user = client_connects(f.m);
    for (int i = 0; i < 40; i++) assert_int_not_equal(home_of(&f, i), 1);
    stat_becomes(f.user, "pools", "all:in_ring", "2");
    stat_becomes(f.user, "pools", "all:drained", address(&f, 1));
    /* A server that no script names any more can still be taken back. */
    moongate_reloads(f.m, textf(MG "return mg.pool { name = 'all', '%s', '%s' }\n", address(&f, 0),
                                address(&f, 2)));
    desk_gets(f.desk, textf("undrain %s", address(&f, 1)), "END\n");
    desk_gets(f.desk, textf("undrain %s", address(&f, 1)), "ERROR no pool has a server");
    desk_lacks(f.desk, "status", "drained ");
}

static void a_worker_that_is_stopped_drains_when_it_turns_again(void **state)
{
    struct fleet f = fleet_starts("", "2");
    pid_t workers[2];
    moongate_workers(f.m, workers, 2);
    kill(workers[0], SIGSTOP);
    while (!program_is_stopped(workers[0])) stage_turns(5);
    struct client *other = desk_opens(f.path);
    client_sends(other, textf("weight %s 6\n", address(&f, 1)));
    desk_gets(f.desk, textf("drain %s", address(&f, 0)), "note: 1 worker has not done it yet");
    assert_non_null(strstr(desk_sees_answer(other), "note: 1 worker has not done it yet"));
    kill(workers[1], SIGSTOP);
    while (!program_is_stopped(workers[1])) stage_turns(5);
    kill(workers[0], SIGCONT);
    /* It alone answers now. */
    desk_gets(f.desk, "json servers", "\"keys\":\"drained\"");
    desk_gets(f.desk, "json servers", "\"weight\":6,");
    kill(workers[1], SIGCONT);
}

/* No value is wrong, none gets lost, nobody gets an error; and all is quiet at the server that is drained. */
static void under_load_no_client_notices(void **state)
{
    struct fleet f = fleet_starts("", "2");
    struct application *crowd[8];
    for (unsigned i = 0; i < 8; i++) crowd[i] = application_connects(f.m, "k", 1 + i % 4, 50 + i);
    for (int i = 0; i < 6; i++) {
        desk_gets(f.desk, textf("drain %s", address(&f, i % SERVERS)), "END\n");
        desk_asks_until(f.desk, "json servers",
                        "\"keys\":\"drained\",\"weight\":1,\"in_flight\":0");
        stage_turns(20);
        desk_gets(f.desk, textf("undrain %s", address(&f, i % SERVERS)), "END\n");
        desk_gets(f.desk, textf("weight %s %d", address(&f, 2), i + 1), "END\n");
        desk_gets(f.desk, textf("weight %s reset", address(&f, 2)), "END\n");
    }
    for (unsigned i = 0; i < 8; i++) {
        application_rests(crowd[i]);
        struct tally t = application_tally(crowd[i]);
        assert_true(t.hits > 0 && t.stored > 0);
        assert_int_equal(t.errors, 0);
        assert_int_equal(t.closed, 0);
        assert_int_equal(t.lost, 0);
    }
}

/* What waits for the server is still answered by it. */
static void what_is_in_flight_is_answered(void **state)
{
    struct backend *one = backend_listens(), *two = backend_listens();
    const char *path = desk_path("a.sock");
    struct moongate *m = moongate_start(textf(MG "return mg.pool { name = 'p', '%s', '%s' }\n",
                                              backend_address(one), backend_address(two)),
                                        "--admin", textf("unix:%s", path), NULL);
    struct client *c = client_connects(m), *desk = desk_opens(path);
    bool first = strstr(desk_asks(desk, "explain get k"), backend_address(one));
    struct backend *home = first ? one : two, *other = first ? two : one;
    client_sends(c, "get k\r\n");
    backend_sees(home, "get k\r\n");
    desk_gets(desk, textf("drain %s", backend_address(home)), "END\n");
    client_sends(c, "get k\r\n");
    backend_sees(other, "get k\r\n");
    backend_answers(other, "END\r\n");
    backend_answers(home, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees(c, "END\r\n");
}

/* --- weight ----------------------------------------------------------------------------------- */

static void a_weight_moves_the_share_that_it_says(void **state)
{
    struct fleet f = fleet_starts("", "2");
    int before[KEYS], heavier[KEYS], after[KEYS];
    homes_are(&f, before);
    desk_gets(f.desk, textf("weight %s 8", address(&f, 1)), "weight");
    desk_gets(f.desk, "json servers", "\"weight\":8,\"script_weight\":1");
    homes_are(&f, heavier);
    assert_true(count(heavier, 1) > KEYS * 6 / 10);
    desk_gets(f.desk, textf("weight %s reset", address(&f, 1)), "END\n");
    desk_lacks(f.desk, "json servers", "script_weight");
    homes_are(&f, after);
    assert_memory_equal(before, after, sizeof before);
}

static void a_weight_is_for_the_pool_that_is_named(void **state)
{
    struct memcached *one = memcached_start(NULL), *two = memcached_start(NULL);
    const char *path = desk_path("a.sock"), *first = memcached_address(one);
    moongate_start(textf(MG "local a = mg.pool { name = 'a_pool', '%s', '%s' }\n"
                            "local b = mg.pool { name = 'b', '%s', '%s', distribution = 'jump' }\n"
                            "local c = mg.pool { name = 'c', '%s', '%s', "
                            "distribution = 'modula' }\n"
                            "return mg.by_prefix { { a = a, b = b }, default = c }\n",
                         first, memcached_address(two), first, memcached_address(two), first,
                         memcached_address(two)),
                   "--admin", textf("unix:%s", path), NULL);
    struct client *c = desk_opens(path);
    desk_gets(c, textf("weight %s a_pool 2.5", first), "a_pool");
    desk_gets(c, textf("weight %s b 2", first), "ERROR pool b takes no weights: its distribution");
    desk_gets(c, textf("weight %s c 2.5", first), "ERROR pool c has weights that are not whole");
    desk_gets(c, textf("weight %s 2.5", first), "ERROR pool c has weights that are not whole");
    const char *answer = desk_gets(c, textf("weight %s 3", first), "c     ");
    assert_non_null(strstr(answer, "a_pool"));
    desk_gets(c, "json servers", "\"weight\":3,");
    desk_lacks(c, "json servers", "\"weight\":2.5");
    desk_gets(c, textf("weight %s a_pool 2.5", first), "a_pool");
    /* The state is that of connections, which a busy machine makes late. */
    desk_asks_until(c, "json servers",
                    textf("\"pool\":\"a_pool\",\"server\":\"%s\",\"state\":\"ready\","
                          "\"keys\":\"served\",\"weight\":2.5,\"script_weight\":1",
                          first));
    desk_gets(c, "json servers",
              textf("\"pool\":\"c\",\"server\":\"%s\",\"state\":\"ready\","
                    "\"keys\":\"served\",\"weight\":3,\"script_weight\":1",
                    first));
    static const char *const wrong[] = {"0", "-1", "x", "1e9", "1000001", "nan", "1.2.3", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        desk_gets(c, textf("weight %s \"%s\"", first, wrong[i]), "ERROR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_drained_server_gives_its_keys_to_the_others_and_gets_them_back),
        play(the_last_server_of_a_pool_is_not_drained),
        play(what_is_decided_stays_through_reloads_and_replaced_workers),
        play(a_worker_that_is_stopped_drains_when_it_turns_again),
        play(under_load_no_client_notices),
        play(what_is_in_flight_is_answered),
        play(a_weight_moves_the_share_that_it_says),
        play(a_weight_is_for_the_pool_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
