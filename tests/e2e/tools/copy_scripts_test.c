/* moongate copy with scripts that change keys, make copies, or have several places for one key. */
#include "lib/moving.h"

#include <string.h>

/* --- scripts ----------------------------------------------------------------------------------- */

static void keys_that_scripts_change_are_found(void **state)
{
    struct moving s = moving_starts();
    s.old = moving_script(&s, "return function(r) r.key = 'v1:' .. r.key return a end");
    s.new = moving_script(&s, "return function(r) r.key = 'v2:' .. r.key return b end");
    stores(s.at_a, "set v1:user:1 0 0", "one");
    stores(s.at_a, "set v1:2 0 0", "two");
    stores(s.at_a, "set user:3 0 0", "stray");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 2);
    copy_counts(run, "strays", 1);
    client_gets_value(s.at_b, "v2:user:1", "one");
    client_gets_value(s.at_b, "v2:2", "two");
    client_asks(s.at_b, "get v1:user:1\r\n", "END\r\n");
}

static void a_prefix_for_some_keys_alone_is_learned(void **state)
{
    struct moving s = moving_starts();
    s.old = moving_script(&s, "return function(r)\n"
                              "  if r:has_prefix 'user:' then r.key = 'shop.' .. r.key end\n"
                              "  return a\n"
                              "end");
    s.new = moving_script(&s, "return function(r)\n"
                              "  if r:has_prefix 'user:' then return b end\n"
                              "  return a\n"
                              "end");
    stores(s.at_a, "set shop.user:1 0 0", "one");
    stores(s.at_a, "set other:1 0 0", "two");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    client_gets_value(s.at_b, "user:1", "one");
}

static void each_copy_of_a_new_script_is_made(void **state)
{
    struct memcached *third = memcached_start(NULL);
    struct client *at_third = client_connects_to(memcached_address(third));
    struct moving s = moving_starts();
    s.new = moving_script(&s, textf("return mg.all_sync { b, %s }", pool_of(third)));
    stores_many(s.at_a, "k", 50);
    stores(at_third, "set k3 0 0", "newer");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 50);
    assert_int_equal(count_of(s.at_b, "k", 50), 50);
    client_gets_value(at_third, "k3", "newer");
    client_asks(at_third, "get k4\r\n", "VALUE k4 4 2\r\nk4\r\nEND\r\n");
}

static void failover_and_warm_up_get_what_is_theirs(void **state)
{
    struct moving s = moving_starts();
    stores(s.at_a, "set k 0 0", "x");
    s.new = moving_script(&s, "return mg.failover { b, a }");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    client_gets_value(s.at_b, "k", "x");
    client_asks(s.at_b, "delete k\r\n", "DELETED\r\n");
    s.new = moving_script(&s, "return mg.warm_up { b, a }");
    exits(copies(&s), WHOLE);
    client_gets_value(s.at_b, "k", "x");
    s.old = s.new; /* found in the warm one after a miss in the cold one */
    s.new = moving_script(&s, "return b");
    client_asks(s.at_b, "delete k\r\n", "DELETED\r\n");
    run = copies(&s);
    copy_counts(run, "copied", 1);
    client_gets_value(s.at_b, "k", "x");
}

static void a_drawn_place_is_every_place(void **state)
{
    struct moving s = moving_starts();
    s.new =
        moongate_script_file(textf(MG "return mg.pool { '%s', '%s', distribution = 'random' }\n",
                                   memcached_address(s.a), memcached_address(s.b)));
    stores(s.at_a, "set k 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "drawn", 1);
    client_gets_value(s.at_b, "k", "x");
}

static void what_the_new_script_keeps_nowhere_is_counted(void **state)
{
    struct moving s = moving_starts();
    s.new = moving_script(&s, "return function(r)\n"
                              "  if r:has_prefix 'n' then return mg.reply.miss() end\n"
                              "  if r:has_prefix 'e' then error 'mine' end\n"
                              "  return b\n"
                              "end");
    stores(s.at_a, "set n 0 0", "x");
    stores(s.at_a, "set k 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "nowhere", 1);
    stores(s.at_a, "set e 0 0", "x");
    run = copies(&s);
    exits(run, LOSES);
    copy_counts(run, "lost", 1);
    has(run.err, "mine");
    has(run.err, textf("%s: 1 keys lost: script error", memcached_address(s.a)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(keys_that_scripts_change_are_found),
        play(a_prefix_for_some_keys_alone_is_learned),
        play(each_copy_of_a_new_script_is_made),
        play(failover_and_warm_up_get_what_is_theirs),
        play(a_drawn_place_is_every_place),
        play(what_the_new_script_keeps_nowhere_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
