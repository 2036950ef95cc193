/* moongate verify: what servers really hold is said, and only what the script never looks for is deleted. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/servers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RIGHT = 0, WRONG = 1, USAGE = 2, SYSTEM = 4 };

struct scene {
    struct memcached *servers[2];
    struct client *at[2];
};

static struct scene scene(void)
{
    struct scene s;
    for (int i = 0; i < 2; i++) {
        s.servers[i] = memcached_start(NULL);
        s.at[i] = client_connects_to(memcached_address(s.servers[i]));
    }
    return s;
}

/* A script with this route over the pools `a` and `b`. */
static const char *script(const struct scene *s, const char *route)
{
    return moongate_script_file(textf(MG "local a, b = mg.pool { '%s', name = 'a' }, "
                                         "mg.pool { '%s', name = 'b' }\nreturn %s\n",
                                      memcached_address(s->servers[0]),
                                      memcached_address(s->servers[1]), route));
}

static void has_items(struct client *c, const char *keys, const char *value)
{
    char *rest = textf("%s", keys), *key;
    while ((key = strsep(&rest, " ")))
        client_asks(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(value), value), "STORED\r\n");
}

/* When it returns the server has let go of the item: memcached's lists by LRU leave out an item that is being sent. */
static bool is_on(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    if (strcmp(client_sees_line(c), "END") == 0) return false;
    client_sees_line(c);
    client_sees(c, "END\r\n");
    client_sends(c, "version\r\n");
    client_sees_line(c);
    return true;
}

static const char *file_of(const char *lines)
{
    const char *path = textf("%s/keys", program_folder());
    file_becomes(path, lines);
    return path;
}

static void says(struct run run, const char *name, double n)
{
    double is = json_member_number(run.out, name);
    if (is != n) stage_fails("%s is %g, not %g: %s%s", name, is, n, run.out, run.err);
}

#define BY_LETTER "function(req) if req:has_prefix 'b' then return b end return a end"

/* --- what is said --------------------------------------------------------------------------------- */

static void each_key_is_found_missing_or_elsewhere(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "a1 a2 b1 b2", "x");
    has_items(s.at[1], "b1 b3", "x");
    const char *keys = file_of("a1\na2\nb1\r\nb2\n\nb3\nnone");
    struct run run = moongate_runs("verify", script(&s, BY_LETTER), "--keys", keys, "--json", NULL);
    exits(run, WRONG);
    says(run, "keys", 6);
    says(run, "found", 4);
    says(run, "missing", 1);
    says(run, "elsewhere", 1);
    says(run, "duplicated", 2);
    says(run, "differing", 0);
    assert_true(is_on(s.at[0], "b1") && is_on(s.at[0], "b2")); /* nothing is deleted unasked */
}

static void a_list_names_the_servers_of_each_key(void **state)
{
    struct scene s = scene();
    const char *a = memcached_address(s.servers[0]), *b = memcached_address(s.servers[1]);
    has_items(s.at[0], "a1 b1", "x");
    has_items(s.at[1], "b1", "x");
    const char *keys = file_of("a1\n");
    struct run run = moongate_runs("verify", script(&s, BY_LETTER), "--keys", keys, "--list", NULL);
    exits(run, RIGHT);
    begins_with(run.out, textf("a1\tfound\t%s\n1 keys in ", a));
    keys = file_of("b1\n");
    run = moongate_runs("verify", script(&s, BY_LETTER), "--keys", keys, "--list", NULL);
    exits(run, WRONG);
    begins_with(run.out, textf("b1\tfound\t%s\tduplicates: %s\n1 keys in ", b, a));
    run = moongate_runs("verify", script(&s, BY_LETTER), "--keys", keys, "--list", "--json", NULL);
    begins_with(run.out, textf("{\"key\":\"b1\",\"state\":\"found\",\"differs\":false,"
                               "\"servers\":[\"%s\"],\"duplicates\":[\"%s\"]}\n",
                               b, a));
}

static void copies_that_should_be_equal_are_compared(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "same other alone", "x");
    has_items(s.at[1], "same", "x");
    has_items(s.at[1], "other", "y");
    const char *keys = file_of("same\nother\nalone\n");
    struct run run =
        moongate_runs("verify", script(&s, "mg.all_sync { a, b }"), "--keys", keys, "--json", NULL);
    exits(run, WRONG);
    says(run, "found", 3);
    says(run, "differing", 1);
    says(run, "duplicated", 0);
    run =
        moongate_runs("verify", script(&s, "mg.failover { a, b }"), "--keys", keys, "--json", NULL);
    exits(run, RIGHT); /* a set goes to one of them, so they need not be equal */
}

static void keys_come_from_all_servers(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "a1 a2 b1 b2", "x");
    has_items(s.at[1], "b1 b3", "x");
    struct run run = moongate_runs("verify", script(&s, BY_LETTER), "--dump", "--json", NULL);
    exits(run, WRONG);
    says(run, "keys", 5); /* b1 once */
    says(run, "found", 4);
    says(run, "duplicated", 2);
    says(run, "unread_servers", 0);
}

static void a_prefix_of_the_script_is_taken_away(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "p:a1 p:b1 loose", "x");
    struct run run =
        moongate_runs("verify", script(&s, "mg.modify_key { " BY_LETTER ", add = 'p:' }"), "--dump",
                      "--json", NULL);
    says(run, "strays", 1);
    says(run, "keys", 2);
    run = moongate_runs("verify", script(&s, "mg.modify_key { a, add = 'p:' }"), "--keys",
                        file_of("a1\nloose\n"), "--json", NULL);
    exits(run, RIGHT);
    says(run, "found", 1);
    says(run, "missing", 1);
}

/* --- cleaning ------------------------------------------------------------------------------------ */

static void only_what_the_script_never_looks_for_is_deleted(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "a1 a2 b1 b2", "x");
    has_items(s.at[1], "a2 b1 b3", "x");
    struct run run =
        moongate_runs("verify", script(&s, BY_LETTER), "--dump", "--clean", "--json", NULL);
    exits(run, RIGHT);
    says(run, "duplicated", 3);
    assert_true(is_on(s.at[0], "a1") && is_on(s.at[0], "a2"));
    assert_true(is_on(s.at[1], "b1") && is_on(s.at[1], "b3"));
    assert_false(is_on(s.at[0], "b1") || is_on(s.at[0], "b2") || is_on(s.at[1], "a2"));
    run = moongate_runs("verify", script(&s, BY_LETTER), "--dump", "--json", NULL);
    exits(run, RIGHT);
    says(run, "keys", 4);
}

/* Each of these may read the other place, or write it. */
static void a_place_that_may_be_read_is_never_cleaned(void **state)
{
    static const char *const routes[] = {
        "mg.failover { a, b }",
        "mg.failover { a, b, on = { 'error', 'miss' } }",
        "mg.all_sync { a, b }",
        "mg.all_initial { a, b }",
        "mg.warm_up { a, b }",
        "mg.staging { a, b }",
        "mg.shadow { a, to = b, share = 1 }",
        "mg.by_command { get = a, default = b }",
        "mg.random { a, b }",
    };
    struct scene s = scene();
    has_items(s.at[0], "k1 k2 k3", "x");
    has_items(s.at[1], "k1 k2 k3", "y");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct run run =
            moongate_runs("verify", script(&s, routes[i]), "--dump", "--clean", "--json", NULL);
        says(run, "duplicated", 0);
        for (int k = 1; k <= 3; k++)
            assert_true(is_on(s.at[0], textf("k%d", k)) && is_on(s.at[1], textf("k%d", k)));
    }
}

static void keys_that_move_by_the_time_are_not_cleaned(void **state)
{
    static const char *const routes[] = {
        "mg.migrate { a, b, start = os.time() - 99, interval = 9e7 }",
        "mg.migrate { a, b, start = os.time() + 99, interval = 60, writes = 'both' }",
        "mg.set_ttl { mg.migrate { b, a, start = 0, interval = 1 }, 60 }",
    };
    struct scene s = scene();
    has_items(s.at[0], "k1", "x");
    has_items(s.at[1], "k1", "x");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct run run = moongate_runs("verify", script(&s, routes[i]), "--dump", "--clean", NULL);
        exits(run, 2);
        has(run.err, "mg.migrate");
        assert_true(is_on(s.at[0], "k1") && is_on(s.at[1], "k1"));
        says(moongate_runs("verify", script(&s, routes[i]), "--dump", "--json", NULL), "keys", 1);
    }
}

static void a_script_that_fails_cleans_nothing(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "k1", "x");
    has_items(s.at[1], "k1", "x");
    struct run run = moongate_runs("verify", script(&s, "function(req) return req.nothing.at end"),
                                   "--keys", file_of("k1\n"), "--clean", "--json", NULL);
    exits(run, WRONG);
    says(run, "unknown", 1);
    assert_true(is_on(s.at[0], "k1") && is_on(s.at[1], "k1"));
}

/* --- what goes wrong ------------------------------------------------------------------------------ */

static void a_dead_server_is_named_and_its_keys_are_not_known(void **state)
{
    struct scene s = scene();
    has_items(s.at[0], "a1", "x");
    const char *file = script(&s, BY_LETTER), *dead = memcached_address(s.servers[1]);
    memcached_kill(s.servers[1]);
    struct run run = moongate_runs("verify", file, "--keys", file_of("a1\nb1\n"), "--json", NULL);
    exits(run, WRONG);
    says(run, "found", 1);
    says(run, "unknown", 1);
    has(run.err, textf("moongate: %s: 2 keys not known: ", dead));
}

static void bad_command_lines_are_refused(void **state)
{
    struct scene s = scene();
    const char *good = script(&s, "a");
    struct run run = moongate_runs("verify", good, NULL);
    exits(run, USAGE);
    is_said(run.err, "moongate: verify: needs keys: give --keys FILE, or --dump for all that the "
                     "servers list\n");
    run = moongate_runs("verify", good, good, "--dump", NULL);
    exits(run, USAGE);
    run = moongate_runs("verify", good, "--dump", "--keys", "x", NULL);
    exits(run, USAGE);
    run = moongate_runs("verify", good, "--dump", "--rate", "fast", NULL);
    exits(run, USAGE);
    has(run.err, "--rate: not a rate: fast");
    run = moongate_runs("verify", good, "--keys", "/no/such/file", NULL);
    exits(run, SYSTEM);
    has(run.err, "moongate: verify: /no/such/file: No such file or directory");
    run = moongate_runs("verify", "/no/such/script.lua", "--dump", NULL);
    exits(run, WRONG);
}

static void lines_that_are_no_keys_are_counted(void **state)
{
    struct scene s = scene();
    struct run run = moongate_runs("verify", script(&s, "a"), "--keys",
                                   file_of(textf("k1\na b\n%0300d\n", 1)), "--json", NULL);
    exits(run, RIGHT);
    says(run, "keys", 1);
    says(run, "strays", 2);
}

/* Servers of all versions at hand beside each other. */
static void every_version_is_asked_and_cleaned(void **state)
{
    struct server all[SERVERS_MAX];
    size_t n = servers_at_hand(all);
    for (size_t i = 0; i < n; i++) {
        struct scene s;
        s.servers[0] = memcached_start_of(all[i].path, NULL);
        s.servers[1] = memcached_start(NULL);
        for (int k = 0; k < 2; k++) s.at[k] = client_connects_to(memcached_address(s.servers[k]));
        has_items(s.at[0], "a1 b1", "x");
        has_items(s.at[1], "a1 b1", "x");
        struct run run =
            moongate_runs("verify", script(&s, BY_LETTER), "--dump", "--clean", "--json", NULL);
        exits(run, RIGHT);
        says(run, "duplicated", 2);
        assert_true(is_on(s.at[0], "a1") && !is_on(s.at[0], "b1"));
        assert_true(is_on(s.at[1], "b1") && !is_on(s.at[1], "a1"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_key_is_found_missing_or_elsewhere),
        play(a_list_names_the_servers_of_each_key),
        play(copies_that_should_be_equal_are_compared),
        play(keys_come_from_all_servers),
        play(a_prefix_of_the_script_is_taken_away),
        play(only_what_the_script_never_looks_for_is_deleted),
        play(a_place_that_may_be_read_is_never_cleaned),
        play(keys_that_move_by_the_time_are_not_cleaned),
        play(a_script_that_fails_cleans_nothing),
        play(a_dead_server_is_named_and_its_keys_are_not_known),
        play(bad_command_lines_are_refused),
        play(lines_that_are_no_keys_are_counted),
        play(every_version_is_asked_and_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
