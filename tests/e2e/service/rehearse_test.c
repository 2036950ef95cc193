/* The rehearsal before a reload: a script that fails for requests that clients have really sent is refused. */
#include "e2e/service/rehearse.h"

/* --- what is refused --------------------------------------------------------------------------- */

static void
a_script_that_fails_for_a_key_of_a_client_is_refused_and_the_log_says_where(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "good", "old");
    client_hears(c, "user:\xff\x01", "old");
    const char *line =
        refuses(m, saying("new", "\nif req:has_prefix 'user:' then error 'which user' end\n"));
    line_has(line, "1 of 2 requests fail, 0 with the script in use");
    line_has(line, textf("first 'get user:\\xff\\x01': %s:3: which user\\nstack traceback:",
                         moongate_script_path(m)));
    line_has(line, "; generation 1 goes on");
    client_hears(c, "good", "old");
    moongate_reloads(m, saying("new", "if req:has_prefix 'users:' then error 'no' end"));
    has_rehearsed(m, "2 requests asked, 0 failed, 0 with the script in use");
    client_hears(c, "good", "new");
    client_sees_nothing_more(c);
}

static void a_loop_without_an_end_is_refused(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--script-timeout", "0.1", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "good", "old");
    client_hears(c, "loop", "old");
    const char *line = refuses(m, saying("new", "while req.key == 'loop' do end"));
    line_has(line, "1 of 2 requests fail");
    line_has(line, "'get loop': ");
    line_has(line, "script timeout");
    client_hears(c, "loop", "old");
}

/* Where no error can interrupt it: the child ends, and no worker ever runs it. */
static void a_call_of_c_that_does_not_end_is_refused(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--script-timeout", "0.1", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "good", "old");
    client_hears(c, "stuck", "old");
    line_has(refuses(m, saying("new", "if req.key == 'stuck' then string.match(('a'):rep(40), "
                                      "('a?'):rep(40) .. ('a'):rep(40) .. 'b') end")),
             "1 of 2 requests fail, 0 with the script in use (--rehearse); first 'get stuck': does "
             "not end");
    client_hears(c, "stuck", "old");
}

/* Nor does a process that ends: what comes behind is asked in another one. */
static void a_script_that_ends_its_process_is_refused(void **state)
{
    const char *body = "if req.key == 'a' or req.key == 'c' then os.exit(3) end";
    struct moongate *m = moongate_start(saying("old", ""), "--unsafe-lua", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "old");
    client_hears(c, "b", "old");
    client_hears(c, "c", "old");
    line_has(
        refuses(m, saying("new", body)),
        "2 of 3 requests fail, 0 with the script in use (--rehearse); first 'get a': its process "
        "ended with ");
    client_hears(c, "c", "old");
    line_has(refuses(m, saying("new", "if req.key == 'b' then os.exit(0) end")),
             "1 of 3 requests fail");
}

/* In functions that wait and in what they spawn, also behind policies that hide errors from clients. */
static void errors_that_clients_would_not_see_count(void **state)
{
    static const char *const routes[] = {
        "mg.async(function(req) mg.sleep(5) error 'boom' end)",
        "mg.async(function(req) mg.call(p, req) error 'boom' end)",
        "mg.failover { function(req) error 'boom' end, p }",
        "mg.async(function(req) mg.call(mg.route and p or p, req) local x = nil x.y = 1 end)",
        "function(req) mg.spawn(f, req) return p end",
    };
    struct backend *b = backend_listens();
    const char *const pool = textf(MG "local p = mg.pool { '%s' }\n"
                                      "local f = mg.async(function(req) error 'boom' end)\n",
                                   backend_address(b));
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "k", "old");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *line = refuses(m, textf("%s return %s\n", pool, routes[i]));
        line_has(line, "1 of 1 requests fail");
        line_has(line, "'get k': ");
    }
    client_hears(c, "k", "old");
}

/* --- what is not ------------------------------------------------------------------------------- */

static void
a_script_that_fails_less_than_the_one_in_use_is_taken_and_one_that_fails_more_is_not(void **state)
{
    struct moongate *m = moongate_start(
        saying("old", "if req.key == 'a' or req.key == 'b' then error 'old' end"), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "script error");
    client_hears(c, "b", "script error");
    client_hears(c, "c", "old");
    line_has(refuses(m, saying("new", "error 'all'")),
             "3 of 3 requests fail, 2 with the script in use");
    moongate_reloads(m, saying("new", "if req.key == 'c' then error 'new' end"));
    has_rehearsed(m, "3 requests asked, 1 failed, 2 with the script in use");
    client_hears(c, "a", "new");
    client_hears(c, "c", "script error");
    /* What failed in the first script is no excuse for the third. */
    line_has(refuses(m, saying("third", "if req.key ~= 'c' then error 'ab' end")),
             "2 of 3 requests fail, 1 with the script in use");
    moongate_reloads(m, saying("third", "if req.key == 'a' then error 'a' end"));
}

/* A waiting function's errors mark the samples, too. */
static void what_fails_in_a_waiting_function_in_use_is_known(void **state)
{
    const char *script = MG "return mg.async(function(req)\n"
                            "    if req.key == 'a' then mg.sleep(0.01) error 'old' end\n"
                            "    return mg.reply.error 'old'\n"
                            "end)\n";
    struct moongate *m = moongate_start(script, NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "script error");
    client_hears(c, "b", "old");
    moongate_reloads(m, saying("new", "if req.key == 'b' then error 'new' end"));
    has_rehearsed(m, "2 requests asked, 1 failed, 1 with the script in use");
}

/* Values are made up, and servers are empty: the script in use fails for that as much. */
static void what_fails_only_in_a_rehearsal_fails_in_both(void **state)
{
    const char *body = "if req.value and req.value ~= 'yes' then error 'what value' end";
    struct moongate *m = moongate_start(saying("old", body), NULL);
    struct client *c = client_connects(m);

    client_asks(c, "set k 0 0 3\r\nyes\r\n", "SERVER_ERROR old\r\n");
    client_hears(c, "k", "old");
    moongate_reloads(m, saying("new", body));
    has_rehearsed(m, "2 requests asked, 1 failed, 1 with the script in use");
    client_hears(c, "k", "new");
    line_has(refuses(m, saying("third", "error 'any'")),
             "2 of 2 requests fail, 1 with the script in use");
}

static void zero_asks_nothing(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--rehearse", "0", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "k", "old");
    moongate_reloads(m, saying("new", "error 'all'"));
    client_hears(c, "k", "script error");
    assert_int_equal(moongate_log_count(m, "rehearsal"), 0);
}

#define WANTS(n) "require 'moongate'.options { rehearse = " n " }\n"

static void a_script_may_say_how_many_and_the_command_line_wins(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "old");
    client_hears(c, "b", "old");
    moongate_reloads(m, textf("%s%s", WANTS("0"), saying("new", "error 'any'")));
    has_rehearsed(m, "left out: the script sets rehearse to 0");
    m = moongate_start(saying("old", ""), "--rehearse", "5", NULL);
    c = client_connects(m);
    client_asks(c, "get a b\r\n", "SERVER_ERROR old\r\n");
    line_has(refuses(m, textf("%s%s", WANTS("1"), saying("new", "error 'any'"))),
             "2 of 2 requests fail");
}

static void at_first_there_is_nothing_to_ask(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    moongate_reloads(m, saying("new", "error 'all'"));
    assert_int_equal(moongate_log_count(m, "rehearsal"), 0);
}

/* --- nothing of the service changes -------------------------------------------------------------- */

#define DICT "local d = mg.shared('d', 65536)\n"

/* `get n` shows what the dictionary has. */
static const char *counting(const char *body)
{
    return textf(MG DICT "return function(req) %s\n"
                         "    if req.key == 'n' then return mg.reply.error('n ' .. d:get 'n') end\n"
                         "    d:incr('n', 1, 0)\n"
                         "    return mg.reply.miss()\n"
                         "end\n",
                 body);
}

static void dictionaries_and_counters_are_copies(void **state)
{
    struct moongate *m = moongate_start(counting(""), NULL);
    struct client *c = client_connects(m);

    client_asks(c, "get a b c\r\n", "END\r\n");
    client_asks(c, "get n\r\n", "SERVER_ERROR n 3\r\n");
    unsigned long routed = stat_number(c, "proxy", "keys_routed");
    /* What it finds there is what the service has. */
    line_has(refuses(m, counting("d:incr('n', 10) d:set('x', req.key) error('n ' .. d:get 'n')")),
             ": n 13\\n");
    client_asks(c, "get n\r\n", "SERVER_ERROR n 3\r\n");
    moongate_reloads(m, counting("d:set('x', req.key) d:incr('n', 0)"));
    client_asks(c, "get n\r\n", "SERVER_ERROR n 3\r\n");
    assert_int_equal(stat_number(c, "proxy", "keys_routed"), routed + 2);
    assert_int_equal(stat_number(c, "proxy", "script_errors"), 0);
}

static void servers_get_nothing_and_no_connection(void **state)
{
    struct backend *old = backend_listens(), *new = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(old), ""), NULL);
    struct client *c = client_connects(m);

    get_misses(c, "k", old, "k");
    client_sends(c, "set s 0 0 1\r\nx\r\n");
    backend_sees(old, "set s 0 0 1\r\nx\r\n");
    backend_answers(old, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    const char *both =
        textf(MG "local old, new = mg.pool { '%s' }, mg.pool { '%s' }\n"
                 "local all = mg.all_sync { old, new }\n"
                 "return mg.async(function(req) mg.call(all, req) error 'boom' end)\n",
              backend_address(old), backend_address(new));
    line_has(refuses(m, both), "2 of 2 requests fail");
    backend_has_nothing_anywhere(old);
    backend_has_nothing_anywhere(new);
    assert_int_equal(backend_links(old), 1);
    assert_int_equal(backend_links(new), 0);
    get_misses(c, "k", old, "k");
}

/* Each request is a second later than the one before. */
static void timers_do_not_run(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "old");
    client_hears(c, "b", "old");
    moongate_reloads(m, MG "local ran = false\n"
                           "mg.timer.every(0.1, function() ran = true end)\n"
                           "return mg.async(function(req)\n"
                           "    mg.sleep(0.5)\n"
                           "    if ran and req.key ~= 'c' then error 'it ran' end\n"
                           "    return mg.reply.error(ran and 'ran' or 'still')\n"
                           "end)\n");
    has_rehearsed(m, "2 requests asked, 0 failed");
    client_hears(c, "c", "ran");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_script_that_fails_for_a_key_of_a_client_is_refused_and_the_log_says_where),
        play(a_loop_without_an_end_is_refused),
        play(a_call_of_c_that_does_not_end_is_refused),
        play(a_script_that_ends_its_process_is_refused),
        play(errors_that_clients_would_not_see_count),
        play(a_script_that_fails_less_than_the_one_in_use_is_taken_and_one_that_fails_more_is_not),
        play(what_fails_in_a_waiting_function_in_use_is_known),
        play(what_fails_only_in_a_rehearsal_fails_in_both),
        play(zero_asks_nothing),
        play(a_script_may_say_how_many_and_the_command_line_wins),
        play(at_first_there_is_nothing_to_ask),
        play(dictionaries_and_counters_are_copies),
        play(servers_get_nothing_and_no_connection),
        play(timers_do_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
