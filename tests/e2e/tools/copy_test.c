/* moongate copy: items of the old script's servers are where the new script looks for them, and nothing else has changed. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/servers.h"
#include "lib/versions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WHOLE = 0, LOSES = 1, USAGE = 2, SYSTEM = 4 };

/* Two servers: the old script has `a` alone; the new one sends keys that begin with b to `b`. */
struct scene {
    struct memcached *a, *b;
    struct client *at_a, *at_b;
    const char *old, *new;
};

static const char *pool_of(const struct memcached *s)
{
    return textf("mg.pool { '%s' }", memcached_address(s));
}

static void looks_at(struct scene *s)
{
    s->at_a = client_connects_to(memcached_address(s->a));
    s->at_b = client_connects_to(memcached_address(s->b));
}

static struct scene scene_of(struct memcached *a, struct memcached *b)
{
    struct scene s = {.a = a, .b = b};
    looks_at(&s);
    s.old = moongate_script_file(textf(MG "return %s\n", pool_of(a)));
    s.new = moongate_script_file(textf(MG "local a, b = %s, %s\n"
                                          "return function(req)\n"
                                          "  if req:has_prefix 'b' then return b end\n"
                                          "  return a\n"
                                          "end\n",
                                       pool_of(a), pool_of(b)));
    return s;
}

static struct scene scene(void)
{
    return scene_of(memcached_start(NULL), memcached_start(NULL));
}

/* A script whose route is this text, where `a` and `b` are pools. */
static const char *script_with(const struct scene *s, const char *route)
{
    return moongate_script_file(
        textf(MG "local a, b = %s, %s\n%s\n", pool_of(s->a), pool_of(s->b), route));
}

static struct run copies(const struct scene *s)
{
    return moongate_runs("copy", s->old, s->new, "--json", "--rate", "max", NULL);
}

static void counts(struct run run, const char *name, double n)
{
    double is = json_member_number(run.out, name);
    if (is != n) stage_fails("%s is %g, not %g: %s%s", name, is, n, run.out, run.err);
}

static void stores(struct client *c, const char *line, const char *value)
{
    client_asks(c, textf("%s %zu\r\n%s\r\n", line, strlen(value), value), "STORED\r\n");
}

/* Keys BEFORE0..n-1, each with itself as its value. */
static void stores_many(struct client *c, const char *before, int n)
{
    for (int i = 0; i < n; i++) {
        const char *key = textf("%s%d", before, i);
        client_sends(c, textf("set %s %d 0 %zu noreply\r\n%s\r\n", key, i, strlen(key), key));
    }
    client_asks(c, "get nothing\r\n", "END\r\n");
}

static int count_of(struct client *c, const char *before, int n)
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        const char *key = textf("%s%d", before, i);
        client_sends(c, textf("get %s\r\n", key));
        if (strcmp(client_sees_line(c), "END") == 0) continue;
        client_sees(c, textf("%s\r\nEND\r\n", key));
        found++;
    }
    return found;
}

/* --- what is copied ---------------------------------------------------------------------------- */

static void only_keys_that_move_are_copied(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "a", 100);
    stores_many(s.at_a, "b", 200);
    struct run run = copies(&s);
    exits(run, WHOLE);
    is_said(json_member(run.out, "end"), "whole");
    counts(run, "listed", 300);
    counts(run, "copied", 200);
    counts(run, "stays", 100);
    counts(run, "lost", 0);
    assert_int_equal(count_of(s.at_b, "b", 200), 200);
    assert_int_equal(count_of(s.at_b, "a", 100), 0);
    assert_int_equal(count_of(s.at_a, "b", 200), 200);
    client_asks(s.at_b, "get b7\r\n", "VALUE b7 7 2\r\nb7\r\nEND\r\n");
    run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 0);
    counts(run, "there", 200);
}

static void a_dry_run_only_counts(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "a", 10);
    stores_many(s.at_a, "b", 20);
    struct run run = moongate_runs("copy", s.old, s.new, "--dry-run", NULL);
    exits(run, WHOLE);
    begins_with(run.out, "20 would be copied\n10 skipped\n  10 stay where they are\n0 lost\n");
    assert_int_equal(count_of(s.at_b, "b", 20), 0);
}

static void values_and_flags_are_the_same(void **state)
{
    struct scene s = scene();
    enum { LONG = 900000 };
    char *value = stage_memory(LONG + 1);
    for (int i = 0; i < LONG; i++) value[i] = (char)('a' + i * 7 % 26);
    stores(s.at_a, "set b-none 0 0", "");
    stores(s.at_a, "set b-one 4294967295 0", "x");
    stores(s.at_a, "set b-lines 5 0", "END\r\nVALUE b 0 1\r\n");
    stores(s.at_a, "set b-long 3 0", value);
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 4);
    counts(run, "bytes", 1 + 18 + LONG);
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

static void lifetimes_go_along(void **state)
{
    struct scene s = scene();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b-ever 0 0", "x");
    stores(s.at_a, "set b-minute 0 60", "x");
    stores(s.at_a, "set b-month 0 2592000", "x");
    client_asks(s.at_a, "ms b-year 1 T2592000\r\nx\r\n", "HD\r\n");
    client_sends(s.at_a, "mg b-year T31536000\r\n"); /* a time, for memcached: it is over */
    (void)client_sees_line(s.at_a);
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 3);
    assert_int_equal(left_at(s.at_b, "b-ever"), -1);
    long minute = left_at(s.at_b, "b-minute"), month = left_at(s.at_b, "b-month");
    if (minute < 57 || minute > 61) stage_fails("a minute has become %ld s", minute);
    if (month < 2592000 - 3 || month > 2592000 + 1) stage_fails("a month has become %ld s", month);
}

static void what_is_longer_than_a_month_is_so_afterwards(void **state)
{
    struct scene s = scene();
    enum { YEAR = 365 * 24 * 3600 };
    stores(s.at_a, textf("set b 0 %ld", (long)time(NULL) + YEAR), "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    if (!memcached_at_hand_has_meta()) return;
    long left = left_at(s.at_b, "b");
    if (left < YEAR - 4 || left > YEAR + 2) stage_fails("a year has become %ld s", left);
}

static void what_is_newer_there_stays(void **state)
{
    struct scene s = scene();
    stores(s.at_a, "set b1 0 0", "old");
    stores(s.at_a, "set b2 0 0", "old");
    stores(s.at_b, "set b1 0 0", "new");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    counts(run, "there", 1);
    client_gets_value(s.at_b, "b1", "new");
    client_gets_value(s.at_b, "b2", "old");
}

static void a_prefix_leaves_out_all_others(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b:x:", 10);
    stores_many(s.at_a, "b:y:", 10);
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--prefix", "b:x:", "--rate", "max", NULL);
    exits(run, WHOLE);
    counts(run, "copied", 10);
    counts(run, "other_prefix", 10);
    assert_int_equal(count_of(s.at_b, "b:y:", 10), 0);
}

static void what_lies_where_no_script_looks_is_not_copied(void **state)
{
    struct scene s = scene();
    s.old = script_with(&s, "return function(req)\n"
                            "  if req:has_prefix 'bad' then return b end\n"
                            "  return a\n"
                            "end");
    stores(s.at_a, "set bad 0 0", "stray");
    stores(s.at_a, "set b1 0 0", "x");
    stores(s.at_b, "set a1 0 0", "stray");
    stores(s.at_b, "set b2 0 0", "of the new script");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    counts(run, "strays", 2);
    counts(run, "copies", 1);
    client_asks(s.at_b, "get bad\r\n", "END\r\n");
}

static void an_item_too_large_for_its_new_server_is_counted(void **state)
{
    struct scene s = scene_of(memcached_start(NULL), memcached_start("-I", "512k", NULL));
    char *value = stage_memory(700001);
    memset(value, 'x', 700000);
    stores(s.at_a, "set b-large 0 0", value);
    stores(s.at_a, "set b-small 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    counts(run, "too_large", 1);
}

static void keys_in_base64_go_along(void **state)
{
    struct scene s = scene();
    if (!memcached_at_hand_has_meta()) return;
    client_asks(s.at_a, "ms YiBieXRlcw== 3 b T100 F7\r\nabc\r\n", "HD\r\n"); /* "b bytes" */
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    client_sends(s.at_b, "mg YiBieXRlcw== b v f k\r\n");
    client_sees(s.at_b, "VA 3 f7 kYiBieXRlcw== b\r\nabc\r\n");
}

/* Who asks first stores it again: on both servers. */
static void a_stale_item_is_stale_and_its_win_is_left(void **state)
{
    struct scene s = scene();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b 0 0", "old");
    client_asks(s.at_a, "md b I T60\r\n", "HD\r\n");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    client_asks(s.at_a, "mg b v\r\n", "VA 3 X W\r\nold\r\n");
    client_asks(s.at_b, "mg b v\r\n", "VA 3 X W\r\nold\r\n");
}

static void what_a_client_is_filling_is_left_to_it(void **state)
{
    struct scene s = scene();
    if (!memcached_at_hand_has_meta()) return;
    client_sends(s.at_a, "mg b N30 v\r\n");
    client_sees(s.at_a, "VA 0 W\r\n\r\n");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "filling", 1);
    client_asks(s.at_b, "get b\r\n", "END\r\n");
}

static void an_item_looks_unread_where_it_was(void **state)
{
    struct scene s = scene();
    if (!memcached_at_hand_has_meta()) return;
    stores(s.at_a, "set b 0 0", "x");
    exits(copies(&s), WHOLE);
    client_asks(s.at_a, "mg b h\r\n", "HD h0\r\n");
}

/* --- scripts ----------------------------------------------------------------------------------- */

static void keys_that_scripts_change_are_found(void **state)
{
    struct scene s = scene();
    s.old = script_with(&s, "return function(r) r.key = 'v1:' .. r.key return a end");
    s.new = script_with(&s, "return function(r) r.key = 'v2:' .. r.key return b end");
    stores(s.at_a, "set v1:user:1 0 0", "one");
    stores(s.at_a, "set v1:2 0 0", "two");
    stores(s.at_a, "set user:3 0 0", "stray");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 2);
    counts(run, "strays", 1);
    client_gets_value(s.at_b, "v2:user:1", "one");
    client_gets_value(s.at_b, "v2:2", "two");
    client_asks(s.at_b, "get v1:user:1\r\n", "END\r\n");
}

static void a_prefix_for_some_keys_alone_is_learned(void **state)
{
    struct scene s = scene();
    s.old = script_with(&s, "return function(r)\n"
                            "  if r:has_prefix 'user:' then r.key = 'shop.' .. r.key end\n"
                            "  return a\n"
                            "end");
    s.new = script_with(&s, "return function(r)\n"
                            "  if r:has_prefix 'user:' then return b end\n"
                            "  return a\n"
                            "end");
    stores(s.at_a, "set shop.user:1 0 0", "one");
    stores(s.at_a, "set other:1 0 0", "two");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    client_gets_value(s.at_b, "user:1", "one");
}

static void each_copy_of_a_new_script_is_made(void **state)
{
    struct memcached *third = memcached_start(NULL);
    struct client *at_third = client_connects_to(memcached_address(third));
    struct scene s = scene();
    s.new = script_with(&s, textf("return mg.all_sync { b, %s }", pool_of(third)));
    stores_many(s.at_a, "k", 50);
    stores(at_third, "set k3 0 0", "newer");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 50);
    assert_int_equal(count_of(s.at_b, "k", 50), 50);
    client_gets_value(at_third, "k3", "newer");
    client_asks(at_third, "get k4\r\n", "VALUE k4 4 2\r\nk4\r\nEND\r\n");
}

static void failover_and_warm_up_get_what_is_theirs(void **state)
{
    struct scene s = scene();
    stores(s.at_a, "set k 0 0", "x");
    s.new = script_with(&s, "return mg.failover { b, a }");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "copied", 1);
    client_gets_value(s.at_b, "k", "x");
    client_asks(s.at_b, "delete k\r\n", "DELETED\r\n");
    s.new = script_with(&s, "return mg.warm_up { b, a }");
    exits(copies(&s), WHOLE);
    client_gets_value(s.at_b, "k", "x");
    s.old = s.new; /* found in the warm one after a miss in the cold one */
    s.new = script_with(&s, "return b");
    client_asks(s.at_b, "delete k\r\n", "DELETED\r\n");
    run = copies(&s);
    counts(run, "copied", 1);
    client_gets_value(s.at_b, "k", "x");
}

static void a_drawn_place_is_every_place(void **state)
{
    struct scene s = scene();
    s.new =
        moongate_script_file(textf(MG "return mg.pool { '%s', '%s', distribution = 'random' }\n",
                                   memcached_address(s.a), memcached_address(s.b)));
    stores(s.at_a, "set k 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "drawn", 1);
    client_gets_value(s.at_b, "k", "x");
}

static void what_the_new_script_keeps_nowhere_is_counted(void **state)
{
    struct scene s = scene();
    s.new = script_with(&s, "return function(r)\n"
                            "  if r:has_prefix 'n' then return mg.reply.miss() end\n"
                            "  if r:has_prefix 'e' then error 'mine' end\n"
                            "  return b\n"
                            "end");
    stores(s.at_a, "set n 0 0", "x");
    stores(s.at_a, "set k 0 0", "x");
    struct run run = copies(&s);
    exits(run, WHOLE);
    counts(run, "nowhere", 1);
    stores(s.at_a, "set e 0 0", "x");
    run = copies(&s);
    exits(run, LOSES);
    counts(run, "lost", 1);
    has(run.err, "mine");
    has(run.err, textf("%s: 1 keys lost: script error", memcached_address(s.a)));
}

/* --- servers that fail ------------------------------------------------------------------------- */

/* A copy that goes on while the play does. */
struct running {
    struct program program;
    const char *out, *err; /* files */
};

static bool leaves(struct actor *actor)
{
    program_kill((struct program *)(void *)actor);
    return true;
}

static const char *content_of(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = stage_memory(64 * 1024);
    text[in ? fread(text, 1, 64 * 1024 - 1, in) : 0] = '\0';
    if (in) fclose(in);
    return text;
}

static struct running *begins_to_copy(const struct scene *s, const char *options)
{
    static int number;
    struct running *r = stage_memory(sizeof *r);
    *r = (struct running){.program.actor = {.rank = RANK_PROGRAM, .leaves = leaves}};
    r->out = textf("%s/out%d", program_folder(), ++number);
    r->err = textf("%s/err%d", program_folder(), number);
    const char *line = textf("exec \"$MOONGATE\" copy %s %s --json %s >%s 2>%s", s->old, s->new,
                             options, r->out, r->err);
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    program_start(&r->program, argv, -1, -1);
    stage_enter(&r->program.actor);
    return r;
}

static struct run ends(struct running *r)
{
    if (!program_waits(&r->program)) stage_fails("the copy does not end");
    return (struct run){.code = WIFEXITED(r->program.status) ? WEXITSTATUS(r->program.status) : -1,
                        .out = content_of(r->out),
                        .err = content_of(r->err)};
}

enum { MANY = 3000 };

/* Waits until so many items are there. */
static void so_many_are_copied(struct client *c, unsigned long n)
{
    for (;;) {
        client_sends(c, "stats\r\n");
        unsigned long items = 0;
        for (const char *line; strcmp(line = client_sees_line(c), "END") != 0;)
            if (strncmp(line, "STAT curr_items ", 16) == 0) items = strtoul(line + 16, NULL, 10);
        if (items >= n) return;
        stage_turns(1);
    }
}

static void the_same_command_goes_on_after_a_kill(void **state)
{
    struct scene s = scene();
    const char *file = textf("%s/state", program_folder());
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, textf("--state %s --rate 2k/s", file));
    so_many_are_copied(s.at_b, 200);
    program_kill(&r->program);
    int before = count_of(s.at_b, "b", MANY);
    if (before == 0 || before == MANY) stage_fails("%d were copied", before);
    has(content_of(file), "moongate copy 1\n");
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--state", file, NULL);
    exits(run, WHOLE);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
    assert_int_equal(access(file, F_OK), -1);
}

static void a_signal_ends_it_with_a_state(void **state)
{
    struct scene s = scene();
    const char *file = textf("%s/state", program_folder());
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, textf("--state %s --rate 4k/s", file));
    so_many_are_copied(s.at_b, 1500);
    kill(r->program.pid, SIGINT);
    struct run run = ends(r);
    exits(run, LOSES);
    is_said(json_member(run.out, "end"), "stopped");
    has(run.err, "the same command goes on from here");
    run = moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--state", file, NULL);
    exits(run, WHOLE);
    if (json_member_number(run.out, "done_before") < 1000)
        stage_fails("it has begun from zero: %s", run.out);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
}

static void a_state_of_something_else_is_refused(void **state)
{
    struct scene s = scene();
    const char *file = moongate_script_file("something else\n");
    stores(s.at_a, "set b 0 0", "x");
    struct run run = moongate_runs("copy", s.old, s.new, "--state", file, NULL);
    exits(run, SYSTEM);
    has(run.err, "no state of a copy that can be read: remove it, and begin again");
    is_said(content_of(file), "something else\n");
    file_becomes(file, "moongate copy 1\nidentity 0000000000000001\nend\n");
    run = moongate_runs("copy", s.old, s.new, "--state", file, NULL);
    exits(run, SYSTEM);
    has(run.err, "of other scripts, or of another --prefix");
    run = moongate_runs("copy", s.old, s.new, "--state", "/nonexistent/state", NULL);
    exits(run, SYSTEM);
    has(run.err, "--state /nonexistent/state: not written");
    client_asks(s.at_b, "get b\r\n", "END\r\n");
}

static void a_new_server_that_comes_back_gets_its_items(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, 200);
    memcached_freezes(s.b);
    stage_turns(100);
    memcached_thaws(s.b);
    struct run run = ends(r);
    exits(run, WHOLE);
    counts(run, "lost", 0);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
}

/* What it had is lost with it, and nothing says that it was not there: the copy is whole as far as it can know. */
static void a_new_server_that_dies_is_waited_for(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", MANY);
    stores_many(s.at_a, "c", 100);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, 200);
    memcached_kill(s.b);
    memcached_starts_again(s.b);
    looks_at(&s);
    struct run run = ends(r);
    exits(run, WHOLE);
    counts(run, "lost", 0);
    if (count_of(s.at_b, "b", MANY) == 0) stage_fails("nothing was copied any more");
}

static void what_goes_to_a_dead_server_is_lost_and_nothing_else(void **state)
{
    struct memcached *third = memcached_start(NULL);
    struct scene s = scene();
    struct client *at_third = client_connects_to(memcached_address(third));
    s.new = script_with(&s, textf("local c = %s\n"
                                  "return function(r)\n"
                                  "  if r:has_prefix 'c' then return c end\n"
                                  "  return b\n"
                                  "end",
                                  pool_of(third)));
    stores_many(s.at_a, "b", 300);
    stores_many(s.at_a, "c", 300);
    memcached_kill(s.b);
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--patience", "1", NULL);
    exits(run, LOSES);
    counts(run, "copied", 300);
    counts(run, "lost", 300);
    has(run.err, textf("moongate: %s: 300 keys lost: ", memcached_address(s.b)));
    assert_int_equal(count_of(at_third, "c", 300), 300);
}

static void an_old_server_that_dies_loses_what_it_had(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, "--rate 2k/s --patience 1");
    so_many_are_copied(s.at_b, 200);
    memcached_kill(s.a);
    struct run run = ends(r);
    exits(run, LOSES);
    double copied = json_member_number(run.out, "copied"),
           lost = json_member_number(run.out, "lost");
    int there = count_of(s.at_b, "b", MANY);
    if (copied > there || there > copied + 256) stage_fails("%g copied, %d there", copied, there);
    if (copied + lost != MANY) stage_fails("%g copied and %g lost of %d", copied, lost, MANY);
}

static void an_old_server_that_is_restarted_loses_what_it_had(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, "--rate 2k/s");
    so_many_are_copied(s.at_b, 200);
    memcached_kill(s.a);
    memcached_starts_again(s.a);
    struct run run = ends(r);
    exits(run, LOSES);
    has(run.err, "restarted: what it held is gone");
    double copied = json_member_number(run.out, "copied"),
           lost = json_member_number(run.out, "lost");
    if (copied + lost != MANY) stage_fails("%g copied and %g lost of %d", copied, lost, MANY);
}

static void a_frozen_old_server_goes_on(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", MANY);
    struct running *r = begins_to_copy(&s, "--rate 3k/s");
    so_many_are_copied(s.at_b, 200);
    memcached_freezes(s.a);
    stage_turns(100);
    memcached_thaws(s.a);
    struct run run = ends(r);
    exits(run, WHOLE);
    assert_int_equal(count_of(s.at_b, "b", MANY), MANY);
}

/* --- how fast, how often ----------------------------------------------------------------------- */

static void the_rate_is_kept(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", 500);
    struct run run = moongate_runs("copy", s.old, s.new, "--json", "--rate", "1k/s", NULL);
    exits(run, WHOLE);
    double seconds = json_member_number(run.out, "seconds");
    if (seconds < 0.45) stage_fails("500 items in %g s", seconds);
    run = moongate_runs("copy", s.old, s.new, "--json", "--rate", "20k/s", NULL);
    if (json_member_number(run.out, "seconds") > 5) stage_fails("not in time: %s", run.out);
}

static void so_is_the_bandwidth(void **state)
{
    struct scene s = scene();
    char *value = stage_memory(10001);
    memset(value, 'x', 10000);
    for (int i = 0; i < 60; i++) stores(s.at_a, textf("set b%d 0 0", i), value);
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--bandwidth", "1m", NULL);
    exits(run, WHOLE);
    counts(run, "copied", 60);
    double seconds = json_member_number(run.out, "seconds");
    if (seconds < 0.4) stage_fails("600 kB in %g s", seconds);
}

static void passes_are_repeated_until_nothing_is_new(void **state)
{
    struct scene s = scene();
    stores_many(s.at_a, "b", 100);
    struct run run =
        moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--repeat", NULL);
    exits(run, WHOLE);
    counts(run, "passes", 2);
    counts(run, "copied", 100);
    counts(run, "there", 100);
    client_asks(s.at_b, "delete b5\r\n", "DELETED\r\n");
    run = moongate_runs("copy", s.old, s.new, "--json", "--rate", "max", "--repeat", "--passes",
                        "1", NULL);
    counts(run, "passes", 1);
    counts(run, "copied", 1);
}

/* --- mistakes ---------------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
    struct scene s = scene();
    struct run run = moongate_runs("copy", s.old, NULL);
    exits(run, USAGE);
    has(run.err, "copy: takes two scripts: give OLD.lua NEW.lua");
    run = moongate_runs("copy", s.old, s.new, "--rate", "fast", NULL);
    exits(run, USAGE);
    has(run.err, "--rate: not a rate: fast: give one such as 20k/s, 500/s or max");
    run = moongate_runs("copy", s.old, "/nonexistent.lua", NULL);
    exits(run, LOSES);
    has(run.err, "moongate: /nonexistent.lua: No such file or directory: give the path of a "
                 "readable file");
    run = moongate_runs("copy", s.old, moongate_script_file("return 5 +\n"), NULL);
    exits(run, LOSES);
    has(run.err, "unexpected symbol near '<eof>'");
}

/* --- versions ---------------------------------------------------------------------------------- */

static void any_version_to_any_other(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    for (size_t i = 0; i < n; i++) {
        struct scene s = scene_of(memcached_start_of(all[i].path, NULL),
                                  memcached_start_of(all[(i + 1) % n].path, NULL));
        stores_many(s.at_a, "a", 100);
        stores_many(s.at_a, "b", 500);
        stores(s.at_a, "set b-minute 9 60", "x");
        struct run run = copies(&s);
        exits(run, WHOLE);
        counts(run, "copied", 501);
        counts(run, "stays", 100);
        assert_int_equal(count_of(s.at_b, "b", 500), 500);
        client_asks(s.at_b, "get b-minute\r\n", "VALUE b-minute 9 1\r\nx\r\nEND\r\n");
        long left = left_at(s.at_b, "b-minute");
        if (left < 57 || left > 61) stage_fails("a minute has become %ld s", left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(only_keys_that_move_are_copied),
        play(a_dry_run_only_counts),
        play(values_and_flags_are_the_same),
        play(lifetimes_go_along),
        play(what_is_longer_than_a_month_is_so_afterwards),
        play(what_is_newer_there_stays),
        play(a_prefix_leaves_out_all_others),
        play(what_lies_where_no_script_looks_is_not_copied),
        play(an_item_too_large_for_its_new_server_is_counted),
        play(keys_in_base64_go_along),
        play(a_stale_item_is_stale_and_its_win_is_left),
        play(what_a_client_is_filling_is_left_to_it),
        play(an_item_looks_unread_where_it_was),
        play(keys_that_scripts_change_are_found),
        play(a_prefix_for_some_keys_alone_is_learned),
        play(each_copy_of_a_new_script_is_made),
        play(failover_and_warm_up_get_what_is_theirs),
        play(a_drawn_place_is_every_place),
        play(what_the_new_script_keeps_nowhere_is_counted),
        play(the_same_command_goes_on_after_a_kill),
        play(a_signal_ends_it_with_a_state),
        play(a_state_of_something_else_is_refused),
        play(a_new_server_that_comes_back_gets_its_items),
        play(a_new_server_that_dies_is_waited_for),
        play(what_goes_to_a_dead_server_is_lost_and_nothing_else),
        play(an_old_server_that_dies_loses_what_it_had),
        play(an_old_server_that_is_restarted_loses_what_it_had),
        play(a_frozen_old_server_goes_on),
        play(the_rate_is_kept),
        play(so_is_the_bandwidth),
        play(passes_are_repeated_until_nothing_is_new),
        play(mistakes_are_named),
        play(any_version_to_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
