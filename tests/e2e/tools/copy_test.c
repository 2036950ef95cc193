/* moongate copy: items of the old script's servers are where the new script looks for them, and nothing else has changed. */
#include "lib/moving.h"
#include "lib/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- what is copied ---------------------------------------------------------------------------- */

static void only_keys_that_move_are_copied(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "a", 100);
    stores_many(s.at_a, "b", 200);
    struct run run = copies(&s);
    exits(run, WHOLE);
    is_said(json_member(run.out, "end"), "whole");
    copy_counts(run, "listed", 300);
    copy_counts(run, "copied", 200);
    copy_counts(run, "stays", 100);
    copy_counts(run, "lost", 0);
    assert_int_equal(count_of(s.at_b, "b", 200), 200);
    assert_int_equal(count_of(s.at_b, "a", 100), 0);
    assert_int_equal(count_of(s.at_a, "b", 200), 200);
    client_asks(s.at_b, "get b7\r\n", "VALUE b7 7 2\r\nb7\r\nEND\r\n");
    run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 0);
    copy_counts(run, "there", 200);
}

static void a_dry_run_only_counts(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "a", 10);
    stores_many(s.at_a, "b", 20);
    struct run run = moongate_runs("copy", s.old, s.new, "--dry-run", NULL);
    exits(run, WHOLE);
    begins_with(run.out, "20 would be copied\n10 skipped\n  10 stay where they are\n0 lost\n");
    assert_int_equal(count_of(s.at_b, "b", 20), 0);
}

static void values_and_flags_are_the_same(void **state)
{
    struct moving s = moving_starts();
    enum { LONG = 900000 };
    char *value = stage_memory(LONG + 1);
    for (int i = 0; i < LONG; i++) value[i] = (char)('a' + i * 7 % 26);
    stores(s.at_a, "set b-none 0 0", "");
    stores(s.at_a, "set b-one 4294967295 0", "x");
    stores(s.at_a, "set b-lines 5 0", "END\r\nVALUE b 0 1\r\n");
    stores(s.at_a, "set b-long 3 0", value);
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 4);
    copy_counts(run, "bytes", 1 + 18 + LONG);
    client_asks(s.at_b, "get b-none\r\n", "VALUE b-none 0 0\r\n\r\nEND\r\n");
    client_asks(s.at_b, "get b-one\r\n", "VALUE b-one 4294967295 1\r\nx\r\nEND\r\n");
    client_asks(s.at_b, "get b-lines\r\n",
                "VALUE b-lines 5 18\r\nEND\r\nVALUE b 0 1\r\n\r\nEND\r\n");
    client_asks(s.at_b, "get b-long\r\n", textf("VALUE b-long 3 %d\r\n%s\r\nEND\r\n", LONG, value));
}

/* What mg says of the time that is left. */
static long left_at(struct client *c, const char *key)
{
    client_sends(c, textf("mg %s t\r\n", key));
    const char *line = client_sees_line(c), *t = strstr(line, " t");
    if (!t) stage_fails("%s: %s", key, line);
    return strtol(t + 2, NULL, 10);
}

/* To two seconds: each server's clock has a second's grain. */
static void has_the_same_lifetime(const struct moving *s, const char *key)
{
    long before = left_at(s->at_a, key), after = left_at(s->at_b, key);
    if (before < after - 2 || before > after + 2)
        stage_fails("%s: %ld s are left, and %ld s of its copy", key, before, after);
}

static void lifetimes_go_along(void **state)
{
    struct moving s = moving_starts();
    enum { YEAR = 365 * 24 * 3600 }; /* memcached takes more than 30 days for a time */
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b-ever 0 0", "x");
    stores(s.at_a, "set b-minute 0 60", "x");
    stores(s.at_a, "set b-month 0 2592000", "x");
    stores(s.at_a, textf("set b-year 0 %ld", (long)time(NULL) + YEAR), "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 4);
    assert_int_equal(left_at(s.at_b, "b-ever"), -1);
    assert_in_range(left_at(s.at_b, "b-year"), YEAR - 300, YEAR + 2);
    has_the_same_lifetime(&s, "b-minute");
    has_the_same_lifetime(&s, "b-month");
    has_the_same_lifetime(&s, "b-year");
}

static void what_is_newer_there_stays(void **state)
{
    struct moving s = moving_starts();
    stores(s.at_a, "set b1 0 0", "old");
    stores(s.at_a, "set b2 0 0", "old");
    stores(s.at_b, "set b1 0 0", "new");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    copy_counts(run, "there", 1);
    client_gets_value(s.at_b, "b1", "new");
    client_gets_value(s.at_b, "b2", "old");
}

static void a_prefix_leaves_out_all_others(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b:x:", 10);
    stores_many(s.at_a, "b:y:", 10);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--prefix", "b:x:", "--rate", "max", NULL);
    exits(run, WHOLE);
    copy_counts(run, "copied", 10);
    copy_counts(run, "other_prefix", 10);
    assert_int_equal(count_of(s.at_b, "b:y:", 10), 0);
}

static void what_lies_where_no_script_looks_is_not_copied(void **state)
{
    struct moving s = moving_starts();
    s.old = moving_script(&s, "return function(req)\n"
                              "  if req:has_prefix 'bad' then return b end\n"
                              "  return a\n"
                              "end");
    stores(s.at_a, "set bad 0 0", "stray");
    stores(s.at_a, "set b1 0 0", "x");
    stores(s.at_b, "set a1 0 0", "stray");
    stores(s.at_b, "set b2 0 0", "of the new script");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    copy_counts(run, "strays", 2);
    double copies = json_member_number(run.out, "copies"); /* what was just copied may be listed */
    if (copies != 1 && copies != 2) stage_fails("copies: %g", copies);
    client_asks(s.at_b, "get bad\r\n", "END\r\n");
}

static void an_item_too_large_for_its_new_server_is_counted(void **state)
{
    struct moving s = moving_between(memcached_start(NULL), memcached_start("-I", "512k", NULL));
    char *value = stage_memory(700001);
    memset(value, 'x', 700000);
    stores(s.at_a, "set b-large 0 0", value);
    stores(s.at_a, "set b-small 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    copy_counts(run, "too_large", 1);
}

static void keys_in_base64_go_along(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    client_asks(s.at_a, "ms YiBieXRlcw== 3 b T100 F7\r\nabc\r\n", "HD\r\n"); /* "b bytes" */
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    client_sends(s.at_b, "mg YiBieXRlcw== b v f k\r\n");
    client_sees(s.at_b, "VA 3 f7 kYiBieXRlcw== b\r\nabc\r\n");
}

/* Who asks first stores it again: on both servers. */
static void a_stale_item_is_stale_and_its_win_is_left(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b 0 0", "old");
    client_asks(s.at_a, "md b I T60\r\n", "HD\r\n");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "copied", 1);
    client_asks(s.at_a, "mg b v\r\n", "VA 3 X W\r\nold\r\n");
    client_asks(s.at_b, "mg b v\r\n", "VA 3 X W\r\nold\r\n");
}

static void what_a_client_is_filling_is_left_to_it(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    client_sends(s.at_a, "mg b N30 v\r\n");
    client_sees(s.at_a, "VA 0 W\r\n\r\n");
    struct run run = copies(&s);
    exits(run, WHOLE);
    copy_counts(run, "filling", 1);
    client_asks(s.at_b, "get b\r\n", "END\r\n");
}

static void an_item_looks_unread_where_it_was(void **state)
{
    struct moving s = moving_starts();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b 0 0", "x");
    exits(copies(&s), WHOLE);
    client_asks(s.at_a, "mg b h\r\n", "HD h0\r\n");
}

/* --- the service ------------------------------------------------------------------------------- */

/* The moongate that clients use meanwhile, with that script. Returns its admin socket. */
static const char *serves(const char *script)
{
    const char *path = textf("%s/admin.sock", program_folder());
    moongate_start(script, "--admin", textf("unix:%s", path), NULL);
    return path;
}

static const char *old_and_new(const struct moving *s, const char *route)
{
    return textf(MG "local a, b = mg.pool { '%s' }, mg.pool { '%s' }\nreturn %s\n",
                 memcached_address(s->a), memcached_address(s->b), route);
}

static void writes_that_go_to_one_place_stop_it(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 20);
    const char *socket = serves(old_and_new(&s, "a"));
    struct run run = moongate_runs("copy", s.old, s.new, "--service", socket, NULL);
    exits(run, LOSES);
    has(run.err, "moongate: copy: in the service, set b");
    has(run.err, textf(" does not go to %s", memcached_address(s.b)));
    has(run.out, "0 copied");
    assert_int_equal(count_of(s.at_b, "b", 20), 0);
}

static void writes_that_go_to_both_let_it_run(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 300);
    const char *socket = serves(old_and_new(
        &s, "mg.migrate { a, b, start = 4102444800, interval = 3600, writes = 'both' }"));
    struct run run = moongate_runs("copy", s.old, s.new, "--service", socket, "--json", NULL);
    exits(run, WHOLE);
    copy_counts(run, "copied", 300);
    assert_int_equal(count_of(s.at_b, "b", 300), 300);
}

static void without_a_service_it_refuses(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 20);
    struct run run = moongate_runs("copy", s.old, s.new, "--service", "/nonexistent/sock", NULL);
    exits(run, NO_SERVICE);
    has(run.err, "written to both places? socket /nonexistent/sock: No such file or directory");
    has(run.err, "and give --service /path; or give --repeat");
    assert_int_equal(count_of(s.at_b, "b", 20), 0);
}

/* --- mistakes ---------------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
    struct moving s = moving_starts();
    struct run run = moongate_runs("copy", s.old, NULL);
    exits(run, USAGE);
    has(run.err, "copy: takes two scripts: give OLD.lua NEW.lua");
    run = moongate_runs("copy", s.old, s.new, "--rate", "fast", NULL);
    exits(run, USAGE);
    has(run.err, "--rate: not a rate: fast: give one such as 20k/s, 500/s or max");
    run = moongate_runs("copy", s.old, "/nonexistent.lua", "--repeat", NULL);
    exits(run, LOSES);
    has(run.err, "moongate: /nonexistent.lua: No such file or directory: give the path of a "
                 "readable file");
    run = moongate_runs("copy", s.old, moongate_script_file("return 5 +\n"), "--repeat", NULL);
    exits(run, LOSES);
    has(run.err, "unexpected symbol near '<eof>'");
}

/* --- versions ---------------------------------------------------------------------------------- */

static void any_version_to_any_other(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    for (size_t i = 0; i < n; i++) {
        struct moving s = moving_between(memcached_start_of(all[i].path, NULL),
                                         memcached_start_of(all[(i + 1) % n].path, NULL));
        stores_many(s.at_a, "a", 100);
        stores_many(s.at_a, "b", 500);
        stores(s.at_a, "set b-minute 9 60", "x");
        struct run run = copies(&s);
        exits(run, WHOLE);
        copy_counts(run, "copied", 501);
        copy_counts(run, "stays", 100);
        assert_int_equal(count_of(s.at_b, "b", 500), 500);
        client_asks(s.at_b, "get b-minute\r\n", "VALUE b-minute 9 1\r\nx\r\nEND\r\n");
        has_the_same_lifetime(&s, "b-minute");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(only_keys_that_move_are_copied),
        play(a_dry_run_only_counts),
        play(values_and_flags_are_the_same),
        play(lifetimes_go_along),
        play(what_is_newer_there_stays),
        play(a_prefix_leaves_out_all_others),
        play(what_lies_where_no_script_looks_is_not_copied),
        play(an_item_too_large_for_its_new_server_is_counted),
        play(keys_in_base64_go_along),
        play(a_stale_item_is_stale_and_its_win_is_left),
        play(what_a_client_is_filling_is_left_to_it),
        play(an_item_looks_unread_where_it_was),
        play(writes_that_go_to_one_place_stop_it),
        play(writes_that_go_to_both_let_it_run),
        play(without_a_service_it_refuses),
        play(mistakes_are_named),
        play(any_version_to_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
