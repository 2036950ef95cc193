/* moongate copy --verify-only: what is put right, what is left alone, and what is counted. */
#include "lib/moving.h"
#include "lib/said.h"
#include "lib/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct run verifies(const struct moving *s)
{
    return moongate_runs("copy", s->old, s->new, "--json", "--rate", "max", "--verify-only",
                         "--settle", "0.2", "--patience", "1", NULL);
}

static void has_item(struct client *c, const char *key, const char *value)
{
    stores(c, textf("set %s 5 0", key), value);
}

static void lacks(struct client *c, const char *key)
{
    client_asks(c, textf("get %s\r\n", key), "END\r\n");
}

/* Seconds that an item has left; -1: no end. */
static long left_at(struct client *c, const char *key)
{
    long left = -3;
    client_sends(c, textf("mg %s t\r\n", key));
    sscanf(client_sees_line(c), "HD t%ld", &left);
    return left;
}

/* --- what is put right ---------------------------------------------------------------------------- */

static void the_new_place_gets_what_the_old_one_has(void **state)
{
    struct moving s = moving_starts();
    stores(s.at_a, "set b-same 5 0", "x");
    stores(s.at_b, "set b-same 5 0", "x");
    stores(s.at_a, "set b-value 5 0", "new");
    stores(s.at_b, "set b-value 5 0", "old");
    stores(s.at_a, "set b-flags 5 0", "x");
    stores(s.at_b, "set b-flags 6 0", "x");
    stores(s.at_a, "set b-lacks 7 0", "");
    stores(s.at_b, "set b-lost 5 0", "x");
    stores(s.at_b, "set a-stray 5 0", "x");
    stores(s.at_a, "set a-stays 5 0", "x");
    struct run run = verifies(&s);
    exits(run, WHOLE);
    copy_counts(run, "compared", 5);
    copy_counts(run, "equal", 1);
    copy_counts(run, "corrected", 2);
    copy_counts(run, "added", 1);
    copy_counts(run, "removed", 1);
    copy_counts(run, "differing", 0);
    client_asks(s.at_b, "get b-value\r\n", "VALUE b-value 5 3\r\nnew\r\nEND\r\n");
    client_asks(s.at_b, "get b-flags\r\n", "VALUE b-flags 5 1\r\nx\r\nEND\r\n");
    client_asks(s.at_b, "get b-lacks\r\n", "VALUE b-lacks 7 0\r\n\r\nEND\r\n");
    lacks(s.at_b, "b-lost");
    client_asks(s.at_b, "get a-stray\r\n",
                "VALUE a-stray 5 1\r\nx\r\nEND\r\n"); /* not its business */
    run = verifies(&s);
    exits(run, WHOLE);
    copy_counts(run, "equal", 4);
}

static void lifetimes_are_put_right(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b-long 5 1000", "x");
    stores(s.at_b, "set b-long 5 500", "x");
    stores(s.at_a, "set b-ends 5 0", "x");
    stores(s.at_b, "set b-ends 5 0", "x");
    client_asks(s.at_a, "touch b-ends 1000\r\n", "TOUCHED\r\n");
    stores(s.at_a, "set b-near 5 1000", "x");
    stores(s.at_b, "set b-near 5 999", "x");
    struct run run = verifies(&s);
    exits(run, WHOLE);
    copy_counts(run, "corrected", 2);
    copy_counts(run, "equal", 1);
    for (int i = 0; i < 2; i++) {
        long left = left_at(s.at_b, i ? "b-long" : "b-ends");
        if (left < 997 || left > 1001) stage_fails("1000 s have become %ld", left);
    }
}

/* A key with a space can only be sent in base64. */
static void keys_in_base64_are_put_right(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    client_asks(s.at_a, "ms YiB4 1 b F7\r\nx\r\n", "HD\r\n");
    client_asks(s.at_b, "ms YiB4 1 b F7\r\ny\r\n", "HD\r\n");
    client_asks(s.at_a, "ms YiB5 1 b F7\r\nx\r\n", "HD\r\n");
    client_asks(s.at_b, "ms YiB6 1 b F7\r\nx\r\n", "HD\r\n");
    struct run run = verifies(&s);
    exits(run, WHOLE);
    copy_counts(run, "corrected", 1);
    copy_counts(run, "added", 1);
    copy_counts(run, "removed", 1);
    client_asks(s.at_b, "mg YiB4 b v f\r\n", "VA 1 f7\r\nx\r\n");
}

static void of_several_old_places_the_first_counts(void **state)
{
    struct moving s = moving_starts();
    struct memcached *c = memcached_start(NULL);
    struct client *at_c = client_connects_to(memcached_address(c));
    s.old = moving_script(&s, "return mg.failover { a, b, on = { 'error', 'miss' } }");
    s.new = moongate_script_file(textf(MG "return %s\n", pool_of(c)));
    has_item(s.at_a, "both", "first");
    has_item(s.at_b, "both", "second");
    has_item(s.at_b, "second", "second");
    struct run run = verifies(&s);
    exits(run, WHOLE);
    client_asks(at_c, "get both\r\n", "VALUE both 5 5\r\nfirst\r\nEND\r\n");
    client_asks(at_c, "get second\r\n", "VALUE second 5 6\r\nsecond\r\nEND\r\n");
}

static void each_copy_of_the_new_script_is_put_right(void **state)
{
    struct moving s = moving_starts();
    struct memcached *c = memcached_start(NULL);
    struct client *at_c = client_connects_to(memcached_address(c));
    s.new =
        moongate_script_file(textf(MG "return mg.all_sync { %s, %s }\n", pool_of(s.b), pool_of(c)));
    has_item(s.at_a, "k", "x");
    has_item(s.at_b, "k", "old");
    has_item(at_c, "lost", "x");
    struct run run = verifies(&s);
    exits(run, WHOLE);
    client_asks(s.at_b, "get k\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n");
    client_asks(at_c, "get k\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n");
}

static void any_version_with_any_other(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    for (size_t i = 0; i < n; i++) {
        struct moving s = moving_between(memcached_start_of(all[i].path, NULL),
                                         memcached_start_of(all[(i + 1) % n].path, NULL));
        stores_many(s.at_a, "b", 200);
        for (int k = 0; k < 100; k++) has_item(s.at_b, textf("b%d", k), "wrong");
        for (int k = 200; k < 250; k++) has_item(s.at_b, textf("b%d", k), "lost");
        struct run run = verifies(&s);
        exits(run, WHOLE);
        copy_counts(run, "corrected", 100);
        copy_counts(run, "added", 100);
        copy_counts(run, "removed", 50);
        assert_int_equal(count_of(s.at_b, "b", 250), 200);
    }
}

/* --- what is left alone ----------------------------------------------------------------------------- */

static void a_dry_run_only_counts(void **state)
{
    struct moving s = moving_starts();
    has_item(s.at_a, "b1", "new");
    has_item(s.at_b, "b1", "old");
    has_item(s.at_b, "b2", "x");
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--verify-only", "--settle",
                                   "0.2", "--dry-run", NULL);
    exits(run, WHOLE);
    copy_counts(run, "corrected", 1);
    copy_counts(run, "removed", 1);
    client_asks(s.at_b, "get b1\r\n", "VALUE b1 5 3\r\nold\r\nEND\r\n");
    client_asks(s.at_b, "get b2\r\n", "VALUE b2 5 1\r\nx\r\nEND\r\n");
}

/* As that of a client whose write has come to one place and not yet to the other. */
static void a_difference_that_goes_by_itself_is_left_to_go(void **state)
{
    struct moving s = moving_starts();
    has_item(s.at_a, "b1", "new");
    has_item(s.at_b, "b1", "old");
    has_item(s.at_a, "b2", "old");
    has_item(s.at_b, "b2", "new");
    struct running *r = begins_to_copy(&s, "--verify-only --settle 1");
    unsigned long before = 0;
    for (;;) { /* until it has read both, which the statistics of the servers say */
        client_sends(s.at_a, "stats\r\n");
        unsigned long gets = 0;
        for (const char *line; strcmp(line = client_sees_line(s.at_a), "END") != 0;)
            if (strncmp(line, "STAT cmd_get ", 13) == 0) gets = strtoul(line + 13, NULL, 10);
        if (gets >= before + 2) break;
        stage_turns(1);
    }
    has_item(s.at_b, "b1", "new");
    has_item(s.at_a, "b2", "new");
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    copy_counts(run, "equal", 2);
    copy_counts(run, "corrected", 0);
}

static void what_is_the_same_is_not_written(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 50);
    stores_many(s.at_b, "b", 50);
    client_sends(s.at_b, "gets b7\r\n");
    const char *before = client_sees_line(s.at_b);
    client_sees(s.at_b, "b7\r\nEND\r\n");
    exits(verifies(&s), WHOLE);
    client_asks(s.at_b, "gets b7\r\n", textf("%s\r\nb7\r\nEND\r\n", before));
}

/* A stale item's next reader by mg is the one to store it again. */
static void the_right_to_renew_a_stale_item_is_left_to_clients(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    has_item(s.at_a, "b1", "x");
    has_item(s.at_b, "b1", "x");
    client_asks(s.at_a, "md b1 I\r\n", "HD\r\n");
    client_asks(s.at_b, "md b1 I\r\n", "HD\r\n");
    exits(verifies(&s), WHOLE);
    client_sends(s.at_a, "mg b1\r\n");
    has(client_sees_line(s.at_a), " W");
    client_sends(s.at_b, "mg b1\r\n");
    has(client_sees_line(s.at_b), " W");
}

/* As after a delete that has come to both places just before the item was added. At this rate there is a quarter of a second between a
 * write and the look at what it has left. */
static void what_was_written_may_differ_again(void **state)
{
    struct moving s = moving_starts();
    has_item(s.at_a, "b1", "x");
    struct running *r = begins_to_copy(&s, "--verify-only --settle 0.1 --rate 4");
    so_many_are_copied(s.at_b, 1);
    client_asks(s.at_a, "delete b1\r\n", "DELETED\r\n");
    exits(copy_ends(r), WHOLE);
    exits(verifies(&s), WHOLE); /* if the delete came behind all looks */
    lacks(s.at_b, "b1");
}

/* --- what goes wrong ------------------------------------------------------------------------------ */

static void what_cannot_be_settled_is_counted(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 30);
    memcached_kill(s.b);
    struct run run = verifies(&s);
    exits(run, LOSES);
    copy_counts(run, "differing", 30);
    copy_counts(run, "unread_servers", 1);
    has(run.err, textf("moongate: %s: 30 keys could not be settled: ", memcached_address(s.b)));
}

static void another_script_that_is_loaded_meanwhile_stops_it(void **state)
{
    struct moving s = moving_starts();
    const char *path = textf("%s/admin.sock", program_folder());
    const char *pools = textf(MG "local a, b = %s, %s\n", pool_of(s.a), pool_of(s.b));
    struct moongate *m = moongate_start(textf("%sreturn mg.staging { a, b }\n", pools), "--admin",
                                        textf("unix:%s", path), NULL);
    stores_many(s.at_a, "b", 2000);
    struct running *r =
        begins_to_copy(&s, textf("--verify-only --settle 0.1 --rate 100 --service %s", path));
    so_many_are_copied(s.at_b, 5);
    moongate_reloads(m, textf("%sreturn a\n", pools));
    struct run run = copy_ends(r);
    exits(run, LOSES);
    has(run.out, "\"end\":\"stopped\"");
    has(run.err, "moongate: copy: in the service, ");
    /* Whichever of set and delete it asked next. */
    has(run.err, textf(" does not go to %s, so the item", memcached_address(s.b)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_new_place_gets_what_the_old_one_has),
        play(lifetimes_are_put_right),
        play(keys_in_base64_are_put_right),
        play(of_several_old_places_the_first_counts),
        play(each_copy_of_the_new_script_is_put_right),
        play(any_version_with_any_other),
        play(a_dry_run_only_counts),
        play(a_difference_that_goes_by_itself_is_left_to_go),
        play(what_is_the_same_is_not_written),
        play(the_right_to_renew_a_stale_item_is_left_to_clients),
        play(what_was_written_may_differ_again),
        play(what_cannot_be_settled_is_counted),
        play(another_script_that_is_loaded_meanwhile_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
