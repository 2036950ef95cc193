/* `moongate explain` of requests: what it says, to people and to programs. */
#include "e2e/tools/shop.h"
#include "lib/moongate.h"
#include "lib/said.h"

#include <string.h>

enum { OK = 0, BAD = 1, USAGE = 2 };

/* --- requests --------------------------------------------------------------------------------- */

static void a_request_is_explained_step_by_step(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", path, "get user:42", NULL);
    exits(run, OK);
    is_said(run.out, textf("get user:42\n"
                           "  route         function at %s:5 -> pool users\n"
                           "  pool          users\n"
                           "  distribution  modula\n"
                           "  hash          md5 0x18dfda56\n"
                           "  server        127.0.0.1:1\n"
                           "  request       get user:42\n",
                           path));
}

static void a_point_is_named_where_there_is_a_ring(void **state)
{
    struct run run =
        moongate_runs("explain", "-s", "127.0.0.1:1,127.0.0.1:2", "get a", "mg a v t", NULL);
    exits(run, OK);
    has(run.out, "  route         pool pool1\n");
    has(run.out, "  distribution  ketama\n  hash          xxh3 0x");
    has(run.out, "\n  point         0x");
    has(run.out, "\n  request       mg a v t\n");
}

static void each_key_of_a_get_is_explained_by_itself(void **state)
{
    struct run run =
        moongate_runs("explain", moongate_script_file(SHOP), "gat 30 a user:{7}:x none:1", NULL);
    exits(run, OK);
    has(run.out, "gat 30 a\n");
    has(run.out, "  server        127.0.0.1:3\n  request       gat 30 a\n\ngat 30 user:{7}:x\n");
    has(run.out, "  hash          md5 0x5fe4148f\n  hashed        7\n  server        127.0.0.1:2\n"
                 "  request       gat 30 user:{7}:x\n\ngat 30 none:1\n");
    has(run.out, "-> reply miss\n");
}

static const char TWO_WAYS[] = MG "local a = mg.pool { '10.0.0.1', name = 'a' }\n"
                                  "local b = mg.pool { '10.0.0.2', name = 'b', ask = 'get' }\n"
                                  "return mg.failover { a, b }\n";

/* The request is what clients ask; the words of a version are shown beside it when that is asked for. */
static void the_words_for_a_server_of_a_version_are_shown(void **state)
{
    const char *path = moongate_script_file(TWO_WAYS);
    struct run run = moongate_runs("explain", "--wire", "1.6.18", path, "get k", "get k l", NULL);
    exits(run, OK);
    has(run.out, "  place 2       b 10.0.0.2:11211, on an error of a: get k\n"
                 "  wire 1        mg k v f c k\n  wire 2        get k\n");
    has(run.out, "  place 2       b 10.0.0.2:11211, on an error of a: get l\n");
    assert_null(strstr(run.out, "mg l")); /* one of two keys */
    run = moongate_runs("explain", "--wire", "1.6.18", path, "set k 0 0 1", NULL);
    has(run.out, "  wire 2        set k 0 0 1\n");
    run = moongate_runs("explain", "--wire", "1.6.45", path, "get k", NULL);
    has(run.out, "  wire 1        get k\n");
    run = moongate_runs("explain", "--json", "--wire", "1.6.34", path, "get k", NULL);
    has(run.out, "\"request\":\"get k\",\"wire\":\"mg k v f c k\"}");
    run = moongate_runs("explain", path, "get k", NULL);
    assert_null(strstr(run.out, "wire"));
    run = moongate_runs("explain", "--wire", "new", path, "get k", NULL);
    exits(run, USAGE);
    has(run.err, "--wire: not a version");
}

static void what_the_script_rewrites_is_shown_as_it_would_be_sent(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", path, "set tmp:a 5 0 3 noreply", NULL);
    exits(run, OK);
    has(run.out, textf("set tmp:a 5 0 3\n  route         function at %s:5 -> function at %s:11 -> "
                       "pool pages\n",
                       path, path));
    has(run.out, "  hash          none\n"); /* a single server */
    has(run.out, "  request       set v2:tmp:a 5 60 3\n");
}

static void a_value_is_made_up_or_given(void **state)
{
    const char *path =
        moongate_script_file(MG "return function(req) return mg.reply.error(req.value) end\n");
    has(moongate_runs("explain", path, "set a 0 0 4", NULL).out, "-> reply error xxxx\n");
    has(moongate_runs("explain", path, "ms a 5", "--value", "given", NULL).out,
        "-> reply error given\n");
    has(moongate_runs("explain", path, "set a 0 0 3\r\nabc", NULL).out, "-> reply error abc\n");
    struct run run = moongate_runs("explain", path, "set a 0 0 4", "--value", "given", NULL);
    exits(run, BAD);
    has(run.out, "  error         CLIENT_ERROR bad data chunk\n");
    run = moongate_runs("explain", path, "--max-value", "1k", "set a 0 0 1025", NULL);
    exits(run, BAD);
    has(run.out, "SERVER_ERROR object too large for cache\n");
}

static void a_script_says_how_large_values_may_be_but_the_command_line_wins(void **state)
{
    const char *two = moongate_script_file(MG "mg.options { max_value = '2k' }\n"
                                              "return mg.pool { '127.0.0.1:1' }\n");
    const char *one = moongate_script_file(MG "return mg.pool { '127.0.0.1:1' }\n");
    const char *keys = moongate_script_file("a\n"), *large = textf("%02049d", 1);
    exits(moongate_runs("explain", two, "set a 0 0 2048", NULL), OK);
    struct run run = moongate_runs("explain", two, "set a 0 0 2049", NULL);
    exits(run, BAD);
    has(run.out, "SERVER_ERROR object too large for cache\n");
    exits(moongate_runs("explain", two, "--max-value", "4k", "set a 0 0 2049", NULL), OK);
    exits(moongate_runs("explain", one, "set a 0 0 2049", NULL), OK);
    exits(moongate_runs("explain", "--help", NULL), OK);

    run = moongate_runs("diff", one, two, "-k", keys, "--command", "set", "--value", large, NULL);
    exits(run, BAD);
    has(run.err, ":1: SERVER_ERROR object too large for cache\n");
    exits(moongate_runs("diff", one, two, "-k", keys, "--command", "set", "--value", large,
                        "--max-value", "4k", NULL),
          OK);

    has(shell_runs(textf("echo 'set a 0 0 2049' | $MOONGATE repl --fake %s", two)).out,
        "SERVER_ERROR object too large for cache\n");
    const char *typed = "echo 'set a 0 0 2049' | $MOONGATE repl --fake --max-value 4k";
    has_not(shell_runs(textf("%s %s", typed, two)).out, "SERVER_ERROR");
}

static void replies_without_a_server_are_told(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", path, "get none:1", "incr bad:1 1", NULL);
    exits(run, OK);
    is_said(run.out,
            textf("get none:1\n  route         function at %s:5 -> reply miss\n\n"
                  "incr bad:1 1\n  route         function at %s:5 -> reply error not here\n",
                  path, path));
    path = moongate_script_file(MG "return function(req) return mg.reply.value 'x' end\n");
    run = moongate_runs("explain", path, "get a", NULL);
    exits(run, OK);
    is_said(run.out, textf("get a\n  route         function at %s:2 -> reply value\n", path));
}

static void a_malformed_request_gets_memcacheds_error(void **state)
{
    static const char *const bad[][2] = {
        {"get", "ERROR"},
        {"frobnicate a", "ERROR"},
        {"set a x 0 1", "CLIENT_ERROR bad command line format"},
        {"incr a x", "CLIENT_ERROR invalid numeric delta argument"},
        {"touch a x", "CLIENT_ERROR invalid exptime argument"},
        {"mg !!! b", "CLIENT_ERROR error decoding key"},
        {"mg a v v", "CLIENT_ERROR duplicate flag"},
        {"", "ERROR"},
        {"version", "not about a key"},
        {"get a\r\nget b", "more than one request"},
    };
    const char *path = moongate_script_file(SHOP);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct run run = moongate_runs("explain", path, bad[i][0], "get fine", NULL);
        exits(run, BAD);
        has(run.out, textf("\n  error         %s", bad[i][1]));
        has(run.out, "\n  request       get fine\n");
    }
}

static void a_missing_command_or_script_is_named(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", path, "user:1", "set a x 0 1", NULL);
    exits(run, BAD);
    is_said(run.out, "user:1\n  error         ERROR\n"
                     "  hint          not a request: give a whole one in quotes, such as 'get "
                     "user:1'\n\n"
                     "set a x 0 1\n  error         CLIENT_ERROR bad command line format\n");
    run = moongate_runs("explain", "get a", NULL);
    exits(run, BAD);
    is_said(run.err, "moongate: script get a: No such file or directory: the script comes first, "
                     "then requests\n");
    run = moongate_runs("explain", "/nowhere.lua", NULL);
    exits(run, BAD);
    has(run.err, "/nowhere.lua: No such file or directory: give the path of a readable file\n");
}

static void a_script_error_is_told_with_its_traceback(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", path, "get oops:1", "get fine", NULL);
    exits(run, BAD);
    has(run.out, textf("  route         function at %s:5 -> script error\n"
                       "  error         %s:9: mine\n"
                       "  traceback     %s:9: in function",
                       path, path, path));
    has(run.out, "\n  request       get fine\n");
    path = moongate_script_file(MG "local p = mg.pool { '127.0.0.1:1' }\n"
                                   "return function(req) req.exptime = 1.5 return p end\n");
    run = moongate_runs("explain", path, "touch a 1", NULL);
    exits(run, BAD);
    has(run.out,
        textf("-> script error\n  error         %s:3: req.exptime is a whole number", path));
}

static void a_script_that_does_not_load_says_why(void **state)
{
    struct run run =
        moongate_runs("explain", moongate_script_file("local x\nerror 'no'\n"), "get a", NULL);
    exits(run, BAD);
    has(run.err, "script.lua:2: no");
    is_said(run.out, "");
    run = moongate_runs("explain", "/nonexistent/script.lua", "get a", NULL);
    exits(run, BAD);
    has(run.err, "/nonexistent/script.lua");
}

static void requests_come_from_the_standard_input(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = shell_runs(
        textf("printf 'get a\\r\\n\\nget b\\nset tmp:c 0 0 2' | $MOONGATE explain %s", path));
    exits(run, OK);
    has(run.out, "  request       get a\n\nget b\n");
    has(run.out, "  request       set v2:tmp:c 0 60 2\n");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void programs_get_one_object_a_line(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run = moongate_runs("explain", "--json", path, "get user:42 tmp:a", "get",
                                   "get none:1", "get oops:1", NULL);
    exits(run, BAD);
    const char *expected = textf(
        "{\"asked\":\"get user:42\",\"key\":\"user:42\",\"route\":[\"function at "
        "%s:5\",\"pool users\"],\"pool\":\"users\",\"distribution\":\"modula\",\"hash\":\"md5\","
        "\"hash_value\":\"0x18dfda56\",\"hashed\":\"user:42\",\"server\":\"127.0.0.1:1\","
        "\"request\":\"get user:42\",\"places\":[{\"pool\":\"users\",\"server\":"
        "\"127.0.0.1:1\",\"role\":\"main\",\"when\":\"always\",\"share\":1,"
        "\"request\":\"get user:42\"}]}\n"
        "{\"asked\":\"get tmp:a\",\"key\":\"tmp:a\",\"route\":[\"function at %s:5\",\"function at "
        "%s:11\",\"pool pages\"],\"pool\":\"pages\",\"distribution\":\"ketama\","
        "\"server\":\"127.0.0.1:3\",\"request\":\"get v2:tmp:a\",\"places\":[{\"pool\":"
        "\"pages\",\"server\":\"127.0.0.1:3\",\"role\":\"main\",\"when\":\"always\","
        "\"share\":1,\"request\":\"get v2:tmp:a\"}]}\n"
        "{\"asked\":\"get\",\"error\":\"ERROR\",\"hint\":\"not a request: give a whole one in "
        "quotes, such as 'get user:1'\"}\n"
        "{\"asked\":\"get none:1\",\"key\":\"none:1\",\"route\":[\"function at %s:5\",\"reply "
        "miss\"],\"places\":[]}\n"
        "{\"asked\":\"get oops:1\",\"key\":\"oops:1\",\"route\":[\"function at %s:5\",\"script "
        "error\"],\"error\":\"%s:9: mine\\nstack traceback:\\n\\t",
        path, path, path, path, path, path);
    begins_with(run.out, expected);
    assert_int_equal(lines_of(run.out), 5);
}

static void keys_of_any_bytes_are_escaped(void **state)
{
    const char *path = moongate_script_file(SHOP);
    struct run run =
        moongate_runs("explain", "--json", path, "get a\"\\\xc3\xa9", "get \xff\xfe", NULL);
    exits(run, OK);
    has(run.out, "\"key\":\"a\\\"\\\\\xc3\xa9\",\"route\"");
    has(run.out, "\"key\":\"\\ufffd\\ufffd\",\"key_base64\":\"//4=\",\"route\"");
    has(run.out, "\"request\":\"get \\ufffd\\ufffd\",\"request_base64\":\"Z2V0IP/+\"}]}\n");
    run = moongate_runs("explain", path, "get \xff\xfe", "mg dXNlcjp7Cn0= b v", NULL);
    exits(run, OK);
    has(run.out, "get \\xff\\xfe\n");
    has(run.out, "  hashed        \\x0a\n"); /* the base64 key is user:{\n} */
    has(run.out, "  request       mg dXNlcjp7Cn0= b v\n");
    run = moongate_runs("explain", path, "get tab\tbed", "set \x01\x7f 0 0 1", NULL);
    exits(run, OK);
    has(run.out, "get tab\\x09bed\n");
    has(run.out, "  request       set \\x01\\x7f 0 0 1\n");
    run = moongate_runs("explain", "--json", path, "get \x01\t\x7f", NULL);
    exits(run, OK);
    has(run.out, "{\"asked\":\"get \\u0001\\t\\u007f\",\"key\":\"\\u0001\\t\\u007f\"");
}

/* --- the command line ------------------------------------------------------------------------- */

static void every_command_has_its_help(void **state)
{
    struct run run = moongate_runs("help", NULL);
    exits(run, OK);
    has(run.out, "  moongate explain SCRIPT.lua");
    has(run.out, "  moongate diff OLD.lua NEW.lua");
    assert_string_equal(moongate_runs("--help", NULL).out, run.out);
    struct run explain = moongate_runs("explain", "--help", NULL);
    exits(explain, OK);
    has(explain.out, "--summary");
    has_not(explain.out, "--max-moved");
    assert_string_equal(moongate_runs("help", "explain", NULL).out, explain.out);
    struct run diff = moongate_runs("diff", "-h", NULL);
    exits(diff, OK);
    has(diff.out, "--max-moved SHARE");
    has_not(diff.out, "--fail-over");
    exits(moongate_runs("help", "nothing", NULL), USAGE);
}

static void a_misused_command_says_what_to_do(void **state)
{
    const char *path = moongate_script_file(SHOP);
    static const char *const nothing[] = {"explain", "diff", NULL};
    for (size_t i = 0; nothing[i]; i++) {
        struct run run = moongate_runs(nothing[i], NULL);
        exits(run, USAGE);
        has(run.err, "give ");
        run = moongate_runs(nothing[i], "--nonsense", path, NULL);
        exits(run, USAGE);
        has(run.err, textf("unknown option --nonsense: moongate %s -h lists", nothing[i]));
    }
    exits(moongate_runs("explain", path, "get a", "--keys", path, NULL), USAGE);
    exits(moongate_runs("explain", path, "--summary", NULL), USAGE);
    exits(moongate_runs("diff", path, path, NULL), USAGE);
    exits(moongate_runs("diff", path, "-k", path, NULL), USAGE);
    exits(moongate_runs("explain", "-s", "127.0.0.1:99999", "get a", NULL), USAGE);
}

static void a_script_may_have_a_commands_name(void **state)
{
    const char *path = moongate_script_file(SHOP);
    const char *folder = textf("%.*s", (int)(strrchr(path, '/') - path), path);
    struct run run =
        shell_runs(textf("cd %s && cp script.lua explain && $MOONGATE -t ./explain", folder));
    exits(run, OK);
    has(run.out, "pool users");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_request_is_explained_step_by_step),
        play(a_point_is_named_where_there_is_a_ring),
        play(each_key_of_a_get_is_explained_by_itself),
        play(the_words_for_a_server_of_a_version_are_shown),
        play(what_the_script_rewrites_is_shown_as_it_would_be_sent),
        play(a_value_is_made_up_or_given),
        play(a_script_says_how_large_values_may_be_but_the_command_line_wins),
        play(replies_without_a_server_are_told),
        play(a_malformed_request_gets_memcacheds_error),
        play(a_missing_command_or_script_is_named),
        play(a_script_error_is_told_with_its_traceback),
        play(a_script_that_does_not_load_says_why),
        play(requests_come_from_the_standard_input),
        play(programs_get_one_object_a_line),
        play(keys_of_any_bytes_are_escaped),
        play(every_command_has_its_help),
        play(a_misused_command_says_what_to_do),
        play(a_script_may_have_a_commands_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
