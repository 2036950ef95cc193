/* Lists of keys: where each is, how they spread, and which move with another script. */
#include "e2e/tools/shop.h"
#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, BAD = 1, USAGE = 2, SYSTEM = 4 };

/* n lines of which each is the format with a number. */
static const char *file_of_keys(const char *before, unsigned n)
{
    char *text = stage_memory((size_t)n * 32 + 1), *at = text;
    for (unsigned i = 0; i < n; i++) at += sprintf(at, "%s%u\n", before, i);
    return moongate_script_file(text);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void keys_of_a_file_get_a_line_each(void **state)
{
    const char *path = moongate_script_file(SHOP);
    const char *keys = moongate_script_file("user:42\r\ntmp:a\n\nnone:1\nbad:1\nuser:{7}:x\nlast");
    struct run run = moongate_runs("explain", path, "--keys", keys, NULL);
    exits(run, OK);
    is_said(run.out, "user:42\tusers\t127.0.0.1:1\n"
                     "tmp:a\tpages\t127.0.0.1:3\n"
                     "none:1\t-\treply miss\n"
                     "bad:1\t-\treply error not here\n"
                     "user:{7}:x\tusers\t127.0.0.1:2\n"
                     "last\tpages\t127.0.0.1:3\n");
    run = moongate_runs("explain", path, "--keys", moongate_script_file("user:\t42\n\x01"), NULL);
    exits(run, OK);
    is_said(run.out, "user:\\x0942\tusers\t127.0.0.1:2\n\\x01\tpages\t127.0.0.1:3\n");
    run = shell_runs(
        textf("$MOONGATE explain %s --json --command set --value abc -k - <%s", path, keys));
    exits(run, OK);
    has(run.out, "\"request\":\"set v2:tmp:a 0 60 3\"}]}\n");
}

static void what_is_no_key_is_named_with_its_line(void **state)
{
    const char *path = moongate_script_file(SHOP);
    const char *keys = moongate_script_file("one\ntwo words\noops:1\nthree\n");
    struct run run = moongate_runs("explain", path, "--keys", keys, "--summary", NULL);
    exits(run, BAD);
    has(run.err, textf("moongate: %s:2: CLIENT_ERROR bad command line format\n", keys));
    has(run.err, "script.lua:9: mine\nstack traceback:");
    has(run.out, "3 keys\n");
    has(run.out, "script error: 1 key, 33.3 %\n");
    has(run.out, "no keys: 1 line\n");
    run = moongate_runs("explain", path, "--keys", keys, "--command", "version", NULL);
    exits(run, BAD);
    has(run.err, ":1: ERROR\n");
    exits(moongate_runs("explain", path, "--keys", "/nonexistent/keys", NULL), SYSTEM);
}

static void is_near(const char *line, const char *name, double expected)
{
    double got = json_member_number(line, name), off = got - expected;
    if (off < -1e-4 || off > 1e-4) stage_fails("%s is %g, not %g", name, got, expected);
}

static void a_summary_adds_up(void **state)
{
    static const double users = 3000;
    const char *user = file_of_keys("user:", 3000), *miss = file_of_keys("none:", 70),
               *error = file_of_keys("bad:", 30), *page = file_of_keys("page:", 900);
    struct run run = shell_runs(textf("cat %s %s %s %s | $MOONGATE explain %s --keys - --summary "
                                      "--json",
                                      user, miss, error, page, moongate_script_file(SHOP)));
    exits(run, OK);
    assert_int_equal(lines_of(run.out), 6);
    const char *line = run.out;
    double one = json_member_number(line, "keys");
    is_said(json_member(line, "server"), "127.0.0.1:1");
    is_near(line, "share", one / users);
    line = next_line(line);
    double two = json_member_number(line, "keys"), larger = one > two ? one : two;
    is_near(line, "keys", users - one);
    assert_true(one > users * 0.4 && two > users * 0.4);
    line = next_line(line); /* the pool: half of its keys is the mean */
    is_near(line, "keys", users);
    is_near(line, "share", 0.75);
    is_near(line, "largest_to_mean", larger / (users / 2));
    is_near(line, "deviation_percent", 100 * (larger - users / 2) / (users / 2));
    line = next_line(next_line(line)); /* the pool of one server */
    is_near(line, "keys", 900);
    is_near(line, "largest_to_mean", 1);
    is_near(line, "deviation_percent", 0);
    line = next_line(line);
    is_near(line, "keys", 4000);
    is_near(line, "misses", 70);
    is_near(line, "errors", 30);
    is_near(line, "script_errors", 0);
}

static void a_summary_shows_weights(void **state)
{
    const char *path = moongate_script_file(
        MG "return mg.pool { { '127.0.0.1:1', weight = 3 }, '127.0.0.1:2', hash = 'md5' }\n");
    const char *keys = file_of_keys("k", 8000);
    struct run run = moongate_runs("explain", path, "--summary", "--keys", keys, NULL);
    exits(run, OK);
    has(run.out, "8000 keys\npool pool1: 8000 keys, 100.0 %; largest/mean 1.");
    has(run.out, " %, weight 3\n  127.0.0.1:2 ");
    run = moongate_runs("explain", path, "--summary", "--keys", keys, "--json", NULL);
    exits(run, OK);
    is_near(run.out, "weight", 3);
    is_near(next_line(run.out), "weight", 1);
    assert_true(json_member_number(run.out, "share") > 0.6);
}

static void a_random_pool_has_a_key_anywhere(void **state)
{
    const char *path = moongate_script_file(
        MG "return mg.pool { '127.0.0.1:1', '127.0.0.1:2', distribution = 'random' }\n");
    const char *keys = file_of_keys("k", 1000);
    struct run run = moongate_runs("explain", path, "get a", NULL);
    exits(run, OK);
    has(run.out, "  hash          none\n  server        any\n  request       get a\n");
    has(moongate_runs("explain", path, "get a", "--json", NULL).out,
        "\"random\",\"request\":\"get "
        "a\",\"places\":[{\"pool\":\"pool1\",\"server\":\"127.0.0.1:1\","
        "\"role\":\"main\",\"when\":\"always\",\"share\":0.5,");
    has(moongate_runs("explain", path, "--keys", keys, NULL).out, "k7\tpool1\tany\n");
    run = moongate_runs("diff", path, path, "--keys", keys, "--json", NULL);
    exits(run, OK);
    assert_int_equal(lines_of(run.out), 3);
    double moved = json_member_number(next_line(next_line(run.out)), "share");
    assert_true(moved > 0.4 && moved < 0.6);
}

/* --- diff ------------------------------------------------------------------------------------- */

static const char *ring_of(unsigned servers, const char *more)
{
    const char *list = "";
    for (unsigned i = 1; i <= servers; i++) list = textf("%s'127.0.0.1:%u', ", list, i);
    return moongate_script_file(textf(MG "local p = mg.pool { %s name = 'ring', hash = 'md5' }\n"
                                         "return function(req) %s return p end\n",
                                      list, more));
}

static void equal_scripts_move_no_key(void **state)
{
    const char *keys = file_of_keys("key:", 1000);
    struct run run = moongate_runs("diff", ring_of(3, ""), ring_of(3, ""), "--keys", keys,
                                   "--max-moved", "0", NULL);
    exits(run, OK);
    is_said(run.out, "1000 keys: 0 move, 0.0 %; 0 to another pool, 0 under another key\n");
}

static void another_server_on_a_ring_moves_its_own_share_of_keys(void **state)
{
    const char *keys = file_of_keys("key:", 6000);
    struct run run =
        moongate_runs("diff", ring_of(5, ""), ring_of(6, ""), "-k", keys, "--json", NULL);
    exits(run, OK);
    assert_int_equal(lines_of(run.out), 6);
    double moved = 0, before = 6000;
    const char *line = run.out;
    for (int i = 0; i < 5; i++, line = strchr(line, '\n') + 1) {
        is_said(json_member(line, "to"), "127.0.0.1:6");
        assert_true(json_member_number(line, "keys") <= before); /* most first */
        before = json_member_number(line, "keys");
        moved += before;
    }
    assert_true(
        json_member_number(line, "keys") == 6000 && json_member_number(line, "moved") == moved &&
        json_member_number(line, "other_pool") == 0 && json_member_number(line, "other_key") == 0);
    assert_true(moved > 6000 / 6.0 * 0.75 && moved < 6000 / 6.0 * 1.25);
}

static void too_many_moving_keys_fail_the_command(void **state)
{
    const char *keys = file_of_keys("key:", 1000), *old = ring_of(2, ""), *new = ring_of(3, "");
    exits(moongate_runs("diff", old, new, "-k", keys, "--max-moved", "50%", NULL), OK);
    struct run run = moongate_runs("diff", old, new, "-k", keys, "--max-moved", "0.1", NULL);
    exits(run, BAD);
    has(run.err, "moongate: diff: more keys move than --max-moved allows: 0.");
    exits(moongate_runs("diff", old, new, "-k", keys, "--max-moved", "1.5", NULL), USAGE);
    exits(moongate_runs("diff", old, new, "-k", keys, "--max-moved", "x", NULL), USAGE);
}

static void the_old_name_of_an_option_works_with_a_warning(void **state)
{
    static const char warning[] = "moongate: --fail-over is now --max-moved: give that, the next "
                                  "version removes the old name\n";
    const char *keys = file_of_keys("key:", 1000), *old = ring_of(2, ""), *new = ring_of(3, "");
    struct run plain = moongate_runs("diff", old, new, "-k", keys, "--max-moved", "50%", NULL);
    struct run run = moongate_runs("diff", old, new, "-k", keys, "--fail-over", "50%", NULL);
    exits(run, OK);
    is_said(run.out, plain.out);
    is_said(run.err, warning);
    run = moongate_runs("diff", old, new, "-k", keys, "--fail-over=0.1", NULL);
    exits(run, BAD);
    has(run.err, textf("%smoongate: diff: more keys move than --max-moved allows: 0.", warning));
}

static void keys_of_another_name_or_pool_are_counted(void **state)
{
    const char *keys = file_of_keys("key:", 10), *old = ring_of(1, "");
    struct run run =
        moongate_runs("diff", old, ring_of(1, "req.key = 'v2:' .. req.key"), "-k", keys, NULL);
    exits(run, OK);
    is_said(run.out, "10 keys: 10 move, 100.0 %; 0 to another pool, 10 under another key\n"
                     "  127.0.0.1:1 -> 127.0.0.1:1 under another key: 10, 100.0 %\n");
    const char *other =
        moongate_script_file(MG "local p = mg.pool { '127.0.0.1:1', name = 'other' }\n"
                                "return function(req)\n"
                                "  if req.key == 'key:7' then return mg.reply.miss() end\n"
                                "  return p\n"
                                "end\n");
    run = moongate_runs("diff", old, other, "-k", keys, NULL);
    exits(run, OK);
    is_said(run.out, "10 keys: 1 move, 10.0 %; 9 to another pool, 0 under another key\n"
                     "  127.0.0.1:1 -> reply miss: 1, 10.0 %\n");
}

static void a_script_error_fails_a_diff(void **state)
{
    const char *keys = file_of_keys("key:", 10);
    struct run run =
        moongate_runs("diff", ring_of(1, ""), ring_of(1, "error 'mine'"), "-k", keys, NULL);
    exits(run, BAD);
    has(run.err, "script.lua:3: mine\nstack traceback:");
    has(run.out, "  127.0.0.1:1 -> script error: 10, 100.0 %\n");
}

static void a_route_to_one_server_counts_for_its_pool(void **state)
{
    const char *script = moongate_script_file(
        MG "return mg.each(mg.pool { '127.0.0.1:1', '127.0.0.1:2', name = 'all' })[2]\n");
    struct run run =
        moongate_runs("explain", script, "--summary", "--keys", file_of_keys("k", 10), NULL);
    exits(run, OK);
    has(run.out, "pool all: 10 keys, 100.0 %");
    has(run.out, "  127.0.0.1:2                      10  100.0 %\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(keys_of_a_file_get_a_line_each),
        play(what_is_no_key_is_named_with_its_line),
        play(a_summary_adds_up),
        play(a_summary_shows_weights),
        play(a_random_pool_has_a_key_anywhere),
        play(a_route_to_one_server_counts_for_its_pool),
        play(equal_scripts_move_no_key),
        play(another_server_on_a_ring_moves_its_own_share_of_keys),
        play(too_many_moving_keys_fail_the_command),
        play(the_old_name_of_an_option_works_with_a_warning),
        play(keys_of_another_name_or_pool_are_counted),
        play(a_script_error_fails_a_diff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
