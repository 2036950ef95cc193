/* moongate copy in front of servers that fail, ended at any time, and at the rates that it is given. */
#include "lib/moving.h"
#include "lib/servers.h"
#include "lib/versions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 2000, SOME = 900 };

static void the_same_command_goes_on_after_a_kill(void **state)
{
    struct moving s = moving_starts();
    const char *file = textf("%s/state", program_folder());
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, textf("--state %s --rate 2k/s", file));
    so_many_are_copied(s.at_b, 200);
    program_kill(&r->program);
    int before = count_of(s.at_b, "b", MANY);
    if (before == 0 || before == MANY) stage_fails("%d were copied", before);
    has(content_of(file), "moongate copy 1\n");
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--rate", "max", "--state", file, NULL);
    exits(run, WHOLE);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
    assert_int_equal(access(file, F_OK), -1);
}

/* Ends it by a signal once the server has so many items. */
static struct run stops_at(const struct moving *s, unsigned long n, const char *file)
{
    struct running *r = begins_to_copy(s, textf("--state %s --rate 2k/s", file));
    so_many_are_copied(s->at_b, n);
    kill(r->program.pid, SIGINT);
    return copy_ends(r);
}

/* In front of the newest server at hand: older ones list their keys in no order. */
static struct moving moving_of_newest(void)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].suite, "forky") == 0)
            return moving_between(memcached_start_of(all[i].path, NULL), memcached_start(NULL));
    return moving_starts();
}

/* Once before the first keys are settled that a marker stands for, and once behind them. */
static void a_signal_ends_it_with_a_state(void **state)
{
    struct moving s = moving_of_newest();
    const char *file = textf("%s/state", program_folder());
    stores_many(s.at_a, "b", MANY);
    struct run run = stops_at(&s, 200, file);
    exits(run, LOSES);
    is_said(json_member(run.out, "end"), "stopped");
    has(run.err, "the same command goes on from here");
    has(content_of(file), "\nbegun ");
    exits(stops_at(&s, 1200, file), LOSES);
    bool is_ordered = versions_compare(memcached_version(s.a), "1.6.38") >= 0;
    has(content_of(file), is_ordered ? "\nat " : "\nbegun ");
    run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1", "--rate",
                        "max", "--state", file, NULL);
    exits(run, WHOLE);
    copy_counts(run, "done_before", is_ordered ? 1024 : 0);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
}

static void a_state_of_something_else_is_refused(void **state)
{
    struct moving s = moving_starts();
    const char *file = moongate_script_file("something else\n");
    stores(s.at_a, "set b 0 0", "x");
    struct run run = moongate_runs("copy", s.old, s.new, "--repeat", "--state", file, NULL);
    exits(run, SYSTEM);
    has(run.err, "no state of a copy that can be read: remove it, and begin again");
    is_said(content_of(file), "something else\n");
    file_becomes(file, "moongate copy 1\nidentity 0000000000000001\nend\n");
    run = moongate_runs("copy", s.old, s.new, "--repeat", "--state", file, NULL);
    exits(run, SYSTEM);
    has(run.err, "of other scripts, or of another --prefix");
    run = moongate_runs("copy", s.old, s.new, "--repeat", "--state", "/nonexistent/state", NULL);
    exits(run, SYSTEM);
    has(run.err, "--state /nonexistent/state: not written");
    client_asks(s.at_b, "get b\r\n", "END\r\n");
}

/* After so many items: between the first one and three fifths of them. */
static unsigned long some_moment(void)
{
    static bool has_begun;
    const char *seed = getenv("SEED");
    long begin = seed ? atol(seed) : (long)time(NULL);
    if (!has_begun) {
        srand48(begin);
        print_message("SEED=%ld\n", begin);
        has_begun = true;
    }
    return 1 + (unsigned long)lrand48() % (SOME * 3 / 5);
}

static void a_new_server_that_comes_back_gets_its_items(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", SOME);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, some_moment());
    memcached_freezes(s.b);
    stage_turns(100);
    memcached_thaws(s.b);
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    copy_counts(run, "lost", 0);
    assert_int_equal(count_of(s.at_b, "b", SOME), SOME);
}

/* What it had is lost with it, and nothing says that it was not there: the copy is whole as far as it can know. */
static void a_new_server_that_dies_is_waited_for(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", SOME);
    stores_many(s.at_a, "c", 100);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, some_moment());
    memcached_kill(s.b);
    memcached_starts_again(s.b);
    moving_looks(&s);
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    copy_counts(run, "lost", 0);
    if (count_of(s.at_b, "b", SOME) == 0) stage_fails("nothing was copied any more");
}

static void what_goes_to_a_dead_server_is_lost_and_nothing_else(void **state)
{
    struct memcached *third = memcached_start(NULL);
    struct moving s = moving_starts();
    struct client *at_third = client_connects_to(memcached_address(third));
    s.new = moving_script(&s, textf("local c = %s\n"
                                    "return function(r)\n"
                                    "  if r:has_prefix 'c' then return c end\n"
                                    "  return b\n"
                                    "end",
                                    pool_of(third)));
    stores_many(s.at_a, "b", 300);
    stores_many(s.at_a, "c", 300);
    memcached_kill(s.b);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--rate", "max", "--patience", "1", NULL);
    exits(run, LOSES);
    copy_counts(run, "copied", 300);
    copy_counts(run, "lost", 300);
    has(run.err, textf("moongate: %s: 300 keys lost: ", memcached_address(s.b)));
    assert_int_equal(count_of(at_third, "c", 300), 300);
}

static void an_old_server_that_was_never_there_is_named(void **state)
{
    struct moving s = moving_starts();
    memcached_kill(s.a);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--patience", "0.3", NULL);
    exits(run, LOSES);
    copy_counts(run, "unread_servers", 1);
    has(run.err, textf("%s: has not listed all its keys: ", memcached_address(s.a)));
}

static void an_old_server_that_dies_loses_what_it_had(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", SOME);
    struct running *r = begins_to_copy(&s, "--rate 500/s --patience 1");
    so_many_are_copied(s.at_b, some_moment());
    memcached_kill(s.a);
    struct run run = copy_ends(r);
    exits(run, LOSES);
    double copied = json_member_number(run.out, "copied"),
           lost = json_member_number(run.out, "lost");
    int there = count_of(s.at_b, "b", SOME);
    if (copied > there || there > copied + 256) stage_fails("%g copied, %d there", copied, there);
    if (copied + lost != SOME) stage_fails("%g copied and %g lost of %d", copied, lost, SOME);
}

static void an_old_server_that_is_restarted_loses_what_it_had(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", SOME);
    struct running *r = begins_to_copy(&s, "--rate 500/s");
    so_many_are_copied(s.at_b, some_moment());
    memcached_kill(s.a);
    memcached_starts_again(s.a);
    struct run run = copy_ends(r);
    exits(run, LOSES);
    has(run.err, "restarted: what it held is gone");
    double copied = json_member_number(run.out, "copied"),
           lost = json_member_number(run.out, "lost");
    if (copied + lost != SOME) stage_fails("%g copied and %g lost of %d", copied, lost, SOME);
}

static void a_frozen_old_server_goes_on(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", SOME);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, some_moment());
    memcached_freezes(s.a);
    stage_turns(100);
    memcached_thaws(s.a);
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    assert_int_equal(count_of(s.at_b, "b", SOME), SOME);
}

/* --- how fast, how often ----------------------------------------------------------------------- */

static void the_rate_is_kept(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 500);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--rate", "1k/s", NULL);
    exits(run, WHOLE);
    double seconds = json_member_number(run.out, "seconds");
    if (seconds < 0.45) stage_fails("500 items in %g s", seconds);
    run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1", "--rate",
                        "20k/s", NULL);
    if (json_member_number(run.out, "seconds") > 5) stage_fails("not in time: %s", run.out);
}

static void so_is_the_bandwidth(void **state)
{
    struct moving s = moving_starts();
    char *value = stage_memory(10001);
    memset(value, 'x', 10000);
    for (int i = 0; i < 60; i++) stores(s.at_a, textf("set b%d 0 0", i), value);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--repeat", "--passes", "1",
                                   "--rate", "max", "--bandwidth", "1m", NULL);
    exits(run, WHOLE);
    copy_counts(run, "copied", 60);
    double seconds = json_member_number(run.out, "seconds");
    if (seconds < 0.4) stage_fails("600 kB in %g s", seconds);
}

static void passes_are_repeated_until_nothing_is_new(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 100);
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--repeat", NULL);
    exits(run, WHOLE);
    copy_counts(run, "passes", 2);
    copy_counts(run, "copied", 100);
    copy_counts(run, "there", 100);
    client_asks(s.at_b, "delete b5\r\n", "DELETED\r\n");
    run = moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--repeat", "--passes",
                        "1", NULL);
    copy_counts(run, "passes", 1);
    copy_counts(run, "copied", 1);
}

static bool is_lowered(void *what)
{
    return getpriority(PRIO_PROCESS, (id_t)((struct running *)what)->program.pid) == 19;
}

/* The last one: this process has that priority from now on. */
static void it_never_gives_itself_a_higher_priority(void **state)
{
    struct moving s = moving_starts();
    stores_many(s.at_a, "b", 100);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 15), 0);
    struct running *copy = begins_to_copy(&s, "--rate 50 --repeat --passes 1");
    assert_true(stage_waits(is_lowered, copy));
    exits(copy_ends(copy), WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_same_command_goes_on_after_a_kill),
        play(a_signal_ends_it_with_a_state),
        play(a_state_of_something_else_is_refused),
        play(a_new_server_that_comes_back_gets_its_items),
        play(a_new_server_that_dies_is_waited_for),
        play(what_goes_to_a_dead_server_is_lost_and_nothing_else),
        play(an_old_server_that_was_never_there_is_named),
        play(an_old_server_that_dies_loses_what_it_had),
        play(an_old_server_that_is_restarted_loses_what_it_had),
        play(a_frozen_old_server_goes_on),
        play(the_rate_is_kept),
        play(so_is_the_bandwidth),
        play(passes_are_repeated_until_nothing_is_new),
        play(it_never_gives_itself_a_higher_priority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
