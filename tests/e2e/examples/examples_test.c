/* The examples are the user's manual: each runs before four real servers and does what its first line says. Those from 12 on are in the
 * other files here. */
#include "lib/client.h"
#include "lib/example.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void example_01_puts_every_key_on_one_server(void **state)
{
    struct client *c = example_starts("01-minimal");
    for (int i = 0; i < 20; i++) {
        const char *key = textf("key:%d", i);
        client_sets(c, key);
        assert_int_equal(holders(key, 0, 3), 1);
        client_sends(c, textf("get %s\r\n", key));
        client_sees(c, textf("VALUE %s 0 5\r\nhello\r\nEND\r\n", key));
    }
}

static void example_02_puts_users_and_pages_on_servers_of_their_own(void **state)
{
    struct client *c = example_starts("02-two-pools");
    for (int i = 0; i < 10; i++) {
        client_sets(c, textf("user:%d", i));
        assert_int_equal(holders(textf("user:%d", i), 0, 1), 1);
        client_sets(c, textf("page:%d", i));
        assert_int_equal(holders(textf("page:%d", i), 2, 3), 1);
    }
    client_sends(c, "get user:1 page:1 user:2\r\n");
    client_sees(c, "VALUE user:1 0 5\r\nhello\r\nVALUE page:1 0 5\r\nhello\r\n"
                   "VALUE user:2 0 5\r\nhello\r\nEND\r\n");
}

static void example_03_rewrites_times_and_keys(void **state)
{
    struct client *c = example_starts("03-rewriting");
    client_sets(c, "page:1");
    client_sends(c, "get page:1\r\n");
    client_sees(c, "VALUE page:1 0 5\r\nhello\r\nEND\r\n");
    assert_int_equal(holders("v2:page:1", 0, 3), 1);
    assert_int_equal(holders("page:1", 0, 3), 0);
    client_sets(c, "tmp:1");
    client_sets(c, "other");
    client_sends(c, "mg tmp:1 t\r\nmg other t\r\n");
    unsigned left = 0;
    assert_int_equal(sscanf(client_sees_line(c), "HD t%u", &left), 1);
    assert_in_range(left, 1, 60);
    client_sees(c, "HD t-1\r\n");
}

static void example_04_refuses_and_misses(void **state)
{
    struct client *c = example_starts("04-refusing");
    client_sends(c, "set retired:1 0 0 1\r\na\r\nget retired:1\r\n");
    client_sees(c, "NOT_STORED\r\nEND\r\n");
    client_sends(c, "set frozen:1 0 0 1\r\na\r\nget frozen:1\r\n");
    client_sees(c, "SERVER_ERROR this cache is read-only for now\r\nEND\r\n");
    client_sets(c, "k");
    assert_int_equal(holders("k", 0, 3), 1);
}

static void example_05_has_a_gutter_for_a_minute(void **state)
{
    struct client *c = example_starts("05-gutter");
    client_sets(c, "k");
    assert_int_equal(holders("k", 0, 1), 1);
    assert_int_equal(holders("k", 2, 3), 0);
    servers_die(0, 1);
    client_misses(c, "k");
    client_sets(c, "k");
    client_finds(c, "k");
    assert_int_equal(holders("k", 2, 3), 1);
    unsigned left = 0;
    client_sends(c, "mg k t\r\n");
    assert_int_equal(sscanf(client_sees_line(c), "HD t%u", &left), 1);
    assert_in_range(left, 1, 60);
}

static void example_06_takes_the_longest_prefix(void **state)
{
    static const char *const keys[EXAMPLE_SERVERS] = {"user:1", "user:vip:1", "page:1", "else:1"};
    struct client *c = example_starts("06-prefixes");
    for (int i = 0; i < EXAMPLE_SERVERS; i++) {
        client_sets(c, keys[i]);
        assert_int_equal(holders(keys[i], i, i), 1);
        assert_int_equal(holders(keys[i], 0, 3), 1);
    }
    client_sends(c, "set debug:1 0 0 1\r\nx\r\n");
    client_sees(c, "NOT_STORED\r\n");
    assert_int_equal(holders("debug:1", 0, 3), 0);
}

static void example_07_keeps_two_copies(void **state)
{
    struct client *c = example_starts("07-copies");
    client_sets(c, "k");
    assert_int_equal(holders("k", 0, 1), 1);
    assert_int_equal(holders("k", 2, 3), 1);
    server_gets(2, "west");
    server_gets(3, "west");
    client_finds(c, "west"); /* east misses */
    servers_die(0, 1);
    client_finds(c, "k");
    client_sends(c, "set k 0 0 5\r\nworld\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", "world"));
}

static void example_08_finds_what_nutcracker_stored(void **state)
{
    const char *script = example_text("08-moving-in");
    const char *pool =
        textf("  hash: murmur\n  distribution: ketama\n  hash_tag: \"{}\"\n  servers:\n"
              "   - %s:1 cache1\n   - %s:1 cache2\n   - %s:2 cache3\n",
              example_address(0), example_address(1), example_address(2));
    struct client *old = client_connects_to(nutcracker_address(nutcracker_start(&pool, 1), 0));
    struct client *c = client_connects(moongate_start(script, NULL));
    for (int i = 0; i < 60; i++) {
        const char *key = textf(i % 2 ? "{user:%d}:name" : "key:%d", i);
        client_sets(old, key);
        client_finds(c, key);
    }
}

/* How many of 300 keys are in the shadow. */
static int shadowed(struct client *c)
{
    int n = 0;
    for (int i = 0; i < 300; i++) client_sets(c, textf("key:%d", i));
    all_is_answered(c);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(holders(textf("key:%d", i), 0, 1), 1);
        n += holders(textf("key:%d", i), 2, 3);
    }
    return n;
}

static void example_09_shows_a_tenth_of_the_keys_to_a_shadow(void **state)
{
    struct client *c = example_starts("09-shadow");
    int n = shadowed(c);
    assert_in_range(n, 10, 60);
    assert_int_equal(shadowed(c), n); /* the same ones */
    servers_freeze(2, 3);
    for (int i = 0; i < 300; i++) client_finds(c, textf("key:%d", i));
}

static void example_10_fills_a_new_pool_from_the_old_one(void **state)
{
    struct client *c = example_starts("10-warm-up");
    server_gets(0, "old");
    server_gets(1, "old");
    client_finds(c, "old");
    all_is_answered(c);
    assert_int_equal(holders("old", 2, 3), 1);
    servers_die(0, 1);
    client_finds(c, "old");
    client_sets(c, "new");
    assert_int_equal(holders("new", 2, 3), 1);
}

/* Of 100 keys, how many go to the new pool so many seconds after the move began. */
static int gone_over(struct moongate *m, const char *script, long after)
{
    int n = 0;
    moongate_reloads(m, example_with(script, "1798772400", textf("%ld", (long)time(NULL) - after)));
    struct client *c = client_connects(m);
    for (int i = 0; i < 100; i++) {
        const char *key = textf("key:%ld:%d", after, i);
        client_sets(c, key);
        n += holders(key, 2, 3);
        assert_int_equal(holders(key, 0, 3), 1);
    }
    return n;
}

static void example_11_moves_keys_one_by_one(void **state)
{
    enum { HOUR = 3600 };
    const char *script = example_text("11-migrate");
    struct moongate *m = moongate_start(script, NULL);
    assert_int_equal(gone_over(m, script, -HOUR), 0);
    assert_in_range(gone_over(m, script, 6L * HOUR), 10, 40);
    assert_in_range(gone_over(m, script, 18L * HOUR), 60, 90);
    assert_int_equal(gone_over(m, script, 25L * HOUR), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(example_01_puts_every_key_on_one_server),
        play(example_02_puts_users_and_pages_on_servers_of_their_own),
        play(example_03_rewrites_times_and_keys),
        play(example_04_refuses_and_misses),
        play(example_05_has_a_gutter_for_a_minute),
        play(example_06_takes_the_longest_prefix),
        play(example_07_keeps_two_copies),
        play(example_08_finds_what_nutcracker_stored),
        play(example_09_shows_a_tenth_of_the_keys_to_a_shadow),
        play(example_10_fills_a_new_pool_from_the_old_one),
        play(example_11_moves_keys_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
