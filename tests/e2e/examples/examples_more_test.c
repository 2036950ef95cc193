/* The examples from 12 to 30, but those that other files here have. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/example.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/overtls.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void example_12_copies_hot_keys_and_asks_once(void **state)
{
    struct client *c = example_starts("12-hot-keys");
    client_sets(c, "front:1");
    client_finds(c, "front:1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(holders(i ? textf("front:1::%d", i) : "front:1", 0, 3), 1);
    client_sends(c, "delete front:1\r\n");
    client_sees(c, "DELETED\r\n");
    assert_int_equal(holders("front:1::2", 0, 3), 0);

    client_sets(c, "k");
    unsigned long before = 0, after = 0;
    for (int i = 0; i < EXAMPLE_SERVERS; i++) before += example_stat(i, "cmd_get");
    client_sends(c, "get k\r\nget k\r\nget k\r\n");
    for (int i = 0; i < 3; i++) client_sees(c, hit_and_end("k", "hello"));
    for (int i = 0; i < EXAMPLE_SERVERS; i++) after += example_stat(i, "cmd_get");
    assert_int_equal(after - before, 1);
}

static void example_13_lets_a_batch_job_write_so_much(void **state)
{
    enum { WRITES = 600 };
    struct client *c = example_starts("13-rate-limit");
    int passed = 0;
    double start = stage_now();
    for (int i = 0; i < WRITES; i++) client_sends(c, textf("set batch:%d 0 0 1\r\nx\r\n", i));
    for (int i = 0; i < WRITES; i++) {
        const char *line = client_sees_line(c);
        passed += strcmp(line, "STORED") == 0;
        if (line[0] != 'S' || line[1] == 'E') assert_string_equal(line, "SERVER_ERROR rate limit");
    }
    assert_in_range(passed, 200, 201 + (int)(100 * (stage_now() - start)));
    for (int i = 0; i < WRITES; i++) client_sets(c, textf("other:%d", i));
}

static void example_14_prefers_its_own_zone(void **state)
{
    setenv("ZONE", "west", 1);
    struct client *c = example_starts("14-zones");
    unsetenv("ZONE");
    client_sets(c, "k");
    assert_int_equal(holders("k", 1, 1), 1);
    assert_int_equal(holders("k", 0, 3), 1);
    servers_freeze(1, 1);
    client_sets(c, "far");
    client_finds(c, "far");
    assert_int_equal(holders("far", 0, 0), 1);
    assert_int_equal(holders("far", 2, 3), 1);
}

static void example_15_waits_for_the_old_form_of_a_key(void **state)
{
    struct client *c = example_starts("15-waiting");
    for (int i = 0; i < EXAMPLE_SERVERS; i++) server_gets(i, "user:17");
    client_misses(c, "u2:18");
    client_finds(c, "u2:17");
    all_is_answered(c);
    assert_int_equal(holders("u2:17", 0, 3), 1);
    client_sends(c, "delete user:17\r\n");
    client_sees(c, "DELETED\r\n");
    client_finds(c, "u2:17");
}

static void example_16_asks_the_far_pool_when_the_near_one_is_slow(void **state)
{
    struct client *c = example_starts("16-hedge");
    client_sets(c, "k");
    assert_int_equal(holders("k", 0, 1), 1);
    assert_int_equal(holders("k", 2, 3), 1);
    servers_freeze(0, 1);
    double start = stage_now();
    client_finds(c, "k");
    if (!stage_is_sanitized()) assert_true(stage_now() - start < 0.9); /* a timeout is 1 s */
}

static void example_17_counts_over_all_workers(void **state)
{
    enum { EACH = 600 };
    struct moongate *m = moongate_start(example_text("17-shared"), "-j", "2", NULL);
    struct client *clients[2] = {client_connects(m), client_connects(m)};
    int refused = 0;
    for (int i = 0; i < 2 * EACH; i++) {
        client_sends(clients[i % 2], textf("set shop:%d 0 0 1\r\nx\r\n", i));
        const char *line = client_sees_line(clients[i % 2]);
        if (i < 1000)
            assert_string_equal(line, "STORED");
        else
            refused += strcmp(line, "SERVER_ERROR too many writes") == 0;
    }
    assert_int_equal(refused, 2 * EACH - 1000);
    client_sets(clients[0], "other:1");
    stat_becomes(clients[0], "script", "refused", textf("%d", refused));
}

/* As a discovery wants it: written beside, and renamed into its place. */
static void puts_servers(const char *path, int n)
{
    const char *beside = textf("%s.new", path);
    FILE *file = fopen(beside, "we");
    assert_non_null(file);
    for (int i = 0; i < n; i++) fprintf(file, "%s\n", example_address(i));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

static void example_18_follows_a_file(void **state)
{
    const char *script = example_text("18-discovery");
    const char *path = textf("%s/servers", program_folder());
    puts_servers(path, 3);
    struct moongate *m = moongate_start(example_with(script, "/etc/moongate/servers", path), NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < 100; i++) client_sets(c, textf("key:%d", i));
    puts_servers(path, 4);
    moongate_sees_log(m, ": 4 servers (1 new, 0 gone)");
    int moved = 0;
    for (int i = 0; i < 100; i++) {
        client_sets(c, textf("key:%d", i));
        moved += holders(textf("key:%d", i), 3, 3);
    }
    assert_in_range(moved, 10, 45);
}

static void example_19_stores_a_value_in_parts(void **state)
{
    enum { SIZE = 3 << 20 };
    const char *value = noise(SIZE, 19);
    struct client *c = example_starts("19-big-values");
    client_sends(c, textf("set k 7 0 %d\r\n", SIZE));
    client_sends_bytes(c, value, SIZE);
    client_sends(c, "\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "get k\r\n");
    client_sees(c, textf("VALUE k 7 %d\r\n", SIZE));
    client_sees_bytes(c, value, SIZE);
    client_sees(c, "\r\nEND\r\n");
    unsigned long items = 0;
    for (int i = 0; i < EXAMPLE_SERVERS; i++) items += example_stat(i, "curr_items");
    assert_int_equal(items, 7); /* 6 parts and what says so */
}

#define EIGHT(x) x x x x x x x x
enum { GETS = 16 };

/* Each of them sends 16 gets at once: how many are refused, as too many are in flight. */
static int refused_of(struct client **clients, int n)
{
    int refused = 0;
    for (int i = 0; i < n; i++) client_sends(clients[i], EIGHT("get k\r\nget k\r\n"));
    for (int i = 0; i < n * GETS; i++) {
        const char *line = client_sees_line(clients[i / GETS]);
        bool is_refused = strcmp(line, "SERVER_ERROR too many requests are in flight") == 0;
        if (!is_refused && strncmp(line, "SERVER_ERROR 127.0.0.1:", 23) != 0)
            stage_fails("%s", line);
        refused += is_refused;
    }
    return refused;
}

static void example_20_limits_its_guests(void **state)
{
    enum { CLIENTS = 8 };
    struct moongate *m = moongate_start(example_text("20-guests"), NULL);
    struct client *clients[CLIENTS], *c = client_connects(m);
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);
    client_sets(c, "k");
    client_sends(
        c, "append k 0 0 1\r\nx\r\nincr k 1\r\nget session:1\r\nset internal:1 0 0 1\r\nx\r\n");
    for (int i = 0; i < 4; i++) client_sees(c, "SERVER_ERROR not for guests\r\n");
    client_sends(c, "flush_all\r\n");
    client_sees_line_starting(c, "CLIENT_ERROR ");
    client_sends(c, textf("set k 0 0 %d\r\n", 100000));
    client_sends_bytes(c, noise(100000, 20), 100000);
    client_sends(c, "\r\n");
    client_sees(c, "SERVER_ERROR object too large for cache\r\n");
    client_misses(c, "k"); /* what deletes the old value is not in flight any more */
    servers_freeze(0, 1);
    assert_int_equal(refused_of(clients, CLIENTS), CLIENTS * GETS - 100);
}

static void example_21_passes_its_own_tests(void **state)
{
    struct run run = moongate_runs("test", "examples/21-tested_test.lua", NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.out, "3 passed"));
}

/* On a busy machine the servers on trial may miss their 0.1 s: then the next read puts it there. */
static bool is_on_trial(void *c)
{
    client_finds(c, "old");
    all_is_answered(c);
    return holders("old", 2, 3) == 1;
}

static void example_22_gives_a_pool_on_trial_all_that_the_live_one_gets(void **state)
{
    struct client *c = example_starts("22-trial");
    server_gets(0, "old");
    server_gets(1, "old");
    assert_true(stage_waits(is_on_trial, c));
    client_sets(c, "new");
    all_is_answered(c);
    assert_int_equal(holders("new", 2, 3), 1);
    servers_freeze(2, 3);
    client_sets(c, "newer");
    client_finds(c, "newer");
    servers_die(0, 1);
    client_sends(c, "get newer\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
}

static void example_23_keeps_near_what_was_read(void **state)
{
    struct client *c = example_starts("23-near-cache");
    for (int i = 1; i < EXAMPLE_SERVERS; i++) server_gets(i, "far");
    client_finds(c, "far");
    client_misses(c, "none");
    client_sets(c, "k");
    all_is_answered(c);
    assert_int_equal(holders("far", 0, 0) + holders("k", 0, 0) + holders("none", 0, 0), 3);
    assert_int_equal(holders("k", 1, 3), 1);
    servers_die(1, 3);
    client_finds(c, "far");
    client_misses(c, "none");
    client_sends(c, "delete k\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
    assert_int_equal(holders("k", 0, 0), 0);
}

static void example_24_does_not_ask_again_for_what_is_not_there(void **state)
{
    enum { GETS_AT_ONCE = 64 };
    struct client *c = example_starts("24-absent-keys");
    unsigned long asked = 0;
    client_misses(c, "flag:1");
    for (int i = 0; i < GETS_AT_ONCE; i++) client_sends(c, "get flag:1\r\n");
    for (int i = 0; i < GETS_AT_ONCE; i++) client_sees(c, "END\r\n");
    for (int i = 0; i < EXAMPLE_SERVERS; i++) asked += example_stat(i, "cmd_get");
    assert_in_range(asked, 1, GETS_AT_ONCE / 2); /* one for each 200 ms */
    client_sets(c, "flag:1");
    client_finds(c, "flag:1");
    client_misses(c, "k");
    for (int i = 0; i < EXAMPLE_SERVERS; i++) server_gets(i, "k");
    client_finds(c, "k");
}

static void example_25_has_an_address_for_each_application(void **state)
{
    const char *text = example_text("25-listeners");
    const char *shop = textf("127.0.0.1:%d", address_free_port()),
               *sessions = textf("127.0.0.1:%d", address_free_port()),
               *web = textf("unix:%s/web", program_folder());
    text = example_with(text, "127.0.0.1:22121", shop);
    text = example_with(text, "127.0.0.1:22122", sessions);
    moongate_start(example_with(text, "unix:/tmp/moongate-web.sock", web), NULL);
    client_sets(client_connects_to(shop), "session:1");
    assert_int_equal(holders("session:1", 0, 1), 1);
    client_sets(client_connects_to(sessions), "k");
    assert_int_equal(holders("k", 2, 3), 1);
    struct client *c = client_connects_to(web);
    client_sets(c, "session:2");
    client_sets(c, "page:1");
    assert_int_equal(holders("session:2", 2, 3), 1);
    assert_int_equal(holders("page:1", 0, 1), 1);
}

static void example_26_speaks_tls_to_servers_that_are_not_near(void **state)
{
    const char *text = example_text("26-tls");
    const char *far = textf("\"%s\", \"%s\"", example_address(2), example_address(3));
    struct memcached *s = memcached_start_secure(memcached_at_hand(), over_tls_cert(), NULL);
    text = example_with(text, far, textf("\"%s\"", memcached_address(s)));
    text = example_with(text, "tls = true", textf("tls = { ca = \"%s\" }", over_tls_ca_file()));
    struct client *c = client_connects(moongate_start(text, NULL));

    client_sets(c, "session:1");
    client_finds(c, "session:1");
    client_sets(c, "page:1");
    assert_int_equal(holders("session:1", 0, 3), 0);
    assert_int_equal(holders("page:1", 0, 1), 1);
}

static void example_27_serves_whom_it_knows(void **state)
{
    const char *users = moongate_script_file("shop:one\nbatch:two\nother:three\n");
    struct moongate *m = moongate_start(example_text("27-users"), "--auth-file", users, NULL);
    struct client *shop = client_connects(m), *batch = client_connects(m),
                  *other = client_connects(m);
    client_asks(shop, "set login 0 0 8\r\nshop one\r\n", "STORED\r\n");
    client_asks(batch, "set login 0 0 9\r\nbatch two\r\n", "STORED\r\n");
    client_asks(other, "set login 0 0 11\r\nother three\r\n", "STORED\r\n");
    client_sets(shop, "k");
    assert_int_equal(holders("k", 0, 1), 1);
    client_sets(batch, "l");
    assert_int_equal(holders("l", 2, 3), 1);
    client_finds(other, "k");
    client_misses(other, "l");
    client_asks(other, "set k 0 0 1\r\nx\r\n", "SERVER_ERROR you may only read\r\n");
    m = moongate_start(example_text("27-users"), NULL);
    client_asks(client_connects(m), "get k\r\n", "SERVER_ERROR who are you?\r\n");
}

static void example_28_compares_what_both_answer(void **state)
{
    struct client *c = example_starts("28-compare");
    for (int i = 0; i < 300; i++) client_sets(c, textf("k%d", i));
    all_is_answered(c);
    for (int i = 0; i < 300; i++) client_finds(c, textf("k%d", i));
    stat_becomes(c, "comparisons", "move:waiting", "0");
    assert_in_range(stat_number(c, "comparisons", "move:equal_hits"), 1, 60);
    assert_int_equal(stat_number(c, "comparisons", "move:requests"),
                     stat_number(c, "comparisons", "move:equal_hits"));
    servers_die(2, 3);
    for (int i = 0; i < 300; i++) client_finds(c, textf("k%d", i));
    stat_becomes(c, "comparisons", "move:waiting", "0");
    assert_in_range(stat_number(c, "comparisons", "move:new_errors"), 1, 60);
}

static void example_29_brings_no_deleted_key_back(void **state)
{
    const char *folder = textf("%s/spool", program_folder());
    const char *text =
        example_with(example_text("29-spool-deletes"), "/var/spool/moongate", folder);
    struct client *c = client_connects(moongate_start(text, NULL));
    unsigned i = 0;
    do client_sets(c, textf("k%u", ++i));
    while (!holders(textf("k%u", i), 0, 0));
    memcached_freezes(example_server(0));
    client_sends(c, textf("delete k%u\r\n", i));
    client_sees(c, "NOT_FOUND\r\n");
    client_misses(c, textf("k%u", i));
    memcached_thaws(example_server(0));
    client_misses(c, textf("k%u", i));
    stat_becomes(c, "servers", textf("%s:replayed", example_address(0)), "1");
    stat_becomes(c, "servers", textf("%s:down", example_address(0)), "0");
    assert_int_equal(holders(textf("k%u", i), 0, 0), 0);
    client_sets(c, textf("k%u", i));
    client_finds(c, textf("k%u", i));
}

/* The servers of the east do not answer, and come back with what they had. */
static void example_30_deletes_in_every_region(void **state)
{
    const char *folder = textf("%s/spool", program_folder());
    const char *text = example_with(example_text("30-regions"), "/var/spool/moongate", folder);
    struct client *c = client_connects(moongate_start(text, NULL));
    client_sets(c, "k");
    client_sets(c, "/east/shop/k");
    assert_int_equal(holders("k", 0, 1) + holders("k", 2, 3), 2);
    client_asks(c, "delete k\r\n", "DELETED\r\n");
    assert_int_equal(holders("k", 0, 3), 0);
    client_sets(c, "k");
    client_sets(c, "/east/shop/k");
    servers_freeze(2, 3);
    client_asks(c, "delete k\r\n", "NOT_FOUND\r\n");
    client_misses(c, "k");
    for (int i = 2; i < EXAMPLE_SERVERS; i++) memcached_thaws(example_server(i));
    client_asks_until(c, "get /east/shop/k\r\n", "END\r\n");
    assert_int_equal(holders("k", 0, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(example_12_copies_hot_keys_and_asks_once),
        play(example_13_lets_a_batch_job_write_so_much),
        play(example_14_prefers_its_own_zone),
        play(example_15_waits_for_the_old_form_of_a_key),
        play(example_16_asks_the_far_pool_when_the_near_one_is_slow),
        play(example_17_counts_over_all_workers),
        play(example_18_follows_a_file),
        play(example_19_stores_a_value_in_parts),
        play(example_20_limits_its_guests),
        play(example_21_passes_its_own_tests),
        play(example_22_gives_a_pool_on_trial_all_that_the_live_one_gets),
        play(example_23_keeps_near_what_was_read),
        play(example_24_does_not_ask_again_for_what_is_not_there),
        play(example_25_has_an_address_for_each_application),
        play(example_26_speaks_tls_to_servers_that_are_not_near),
        play(example_27_serves_whom_it_knows),
        play(example_28_compares_what_both_answer),
        play(example_29_brings_no_deleted_key_back),
        play(example_30_deletes_in_every_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
