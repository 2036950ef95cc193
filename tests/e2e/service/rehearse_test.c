/* The rehearsal before a reload: a script that fails for requests that clients have really sent is refused. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFUSED "not loaded: rehearsal: "

/* A script that needs no server, with this body of its function; `mg` is there. */
static const char *answering(const char *body)
{
    return textf(MG "return function(req) %s return mg.reply.miss() end\n", body);
}

/* One that says which one it is, so that clients see which is in use. */
static const char *saying(const char *word, const char *body)
{
    return textf(MG "return function(req) %s return mg.reply.error '%s' end\n", body, word);
}

static void client_asks(struct client *c, const char *request, const char *answer)
{
    client_sends(c, request);
    client_sees(c, answer);
}

static void client_hears(struct client *c, const char *key, const char *word)
{
    client_asks(c, textf("get %s\r\n", key), textf("SERVER_ERROR %s\r\n", word));
}

/* The line of the log that says so. */
static const char *refuses(struct moongate *m, const char *script)
{
    size_t before = moongate_log_count(m, REFUSED);
    moongate_gets_script(m, script);
    moongate_signal(m, SIGHUP);
    return moongate_log_nth_line(m, REFUSED, before + 1);
}

static void line_has(const char *line, const char *text)
{
    if (!strstr(line, text)) stage_fails("not %s: %s", text, line);
}

static void has_rehearsed(struct moongate *m, const char *text)
{
    moongate_sees_log(m, textf("reload: rehearsal: %s", text));
}

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
        "ended with exit 3");
    client_hears(c, "c", "old");
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

/* --- which requests ------------------------------------------------------------------------------ */

static void every_kind_of_request_is_asked_as_it_came(void **state)
{
    struct moongate *m = moongate_start(answering(""), NULL);
    struct client *c = client_connects(m);

    client_asks(c, "get g1 g\x01\x80\xff g3\r\n", "END\r\n");
    client_asks(c, "gets g\r\ngat 30 g\r\ngats 30 g\r\n", "END\r\nEND\r\nEND\r\n");
    client_asks(c, "set s 7 60 5\r\nhello\r\nadd s 0 0 0\r\n\r\n", "NOT_STORED\r\nNOT_STORED\r\n");
    client_asks(c, "cas s 0 0 1 99\r\nx\r\nappend s 0 0 1\r\nx\r\n", "NOT_FOUND\r\nNOT_STORED\r\n");
    client_asks(c, "incr i 18\r\ndecr i 1\r\ntouch t 30\r\n",
                "NOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\n");
    client_asks(c, "delete d\r\nset quiet 0 0 1 noreply\r\nx\r\n", "NOT_FOUND\r\n");
    client_asks(c, "mg m v t Oabc\r\nmg AP8B b v\r\nms m 3 T30 F5\r\nabc\r\n",
                "EN Oabc\r\nEN\r\nNS\r\n");
    client_asks(c, "md m q\r\nma m N60 J1\r\nmn\r\n", "NF\r\nNF\r\nMN\r\n");
    const char *line = refuses(
        m, MG "local expected = {\n"
              "    ['get g1'] = 0, ['get g\\1\\128\\255'] = 0, ['get g3'] = 0, ['gets g'] = 0,\n"
              "    ['gat g 30'] = 0, ['gats g 30'] = 0, ['set s 60 xxxxx'] = 7, ['add s '] = 0,\n"
              "    ['cas s x'] = 0, ['append s x'] = 0, ['incr i'] = 0, ['decr i'] = 0,\n"
              "    ['touch t 30'] = 0, ['delete d'] = 0, ['set quiet x'] = 0, ['mg m vtO'] = 0,\n"
              "    ['mg \\0\\255\\1 v'] = 0, ['ms m 30 xxx'] = 5, ['md m'] = 0, ['ma m NJ'] = 0 }\n"
              "local n = 0\n"
              "return function(req)\n"
              "    local text = req.command .. ' ' .. req.key\n"
              "    if req.exptime ~= 0 then text = text .. ' ' .. req.exptime end\n"
              "    if req.value then text = text .. ' ' .. req.value end\n"
              "    local flags = ''\n"
              "    for _, f in ipairs { 'v', 't', 'O', 'N', 'J' } do\n"
              "        if req:flag(f) then flags = flags .. f end\n"
              "    end\n"
              "    if flags ~= '' then text = text .. ' ' .. flags end\n"
              "    if expected[text] ~= req.flags then error('not sent: ' .. text) end\n"
              "    expected[text] = nil\n"
              "    n = n + 1\n"
              "    if n == 20 then error 'all were asked' end\n"
              "    return mg.reply.miss()\n"
              "end\n");
    line_has(line, "1 of 20 requests fail");
    line_has(line, "all were asked");
}

static void a_request_is_asked_once_and_the_last_ones_are(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--rehearse", "3", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "a", "old");
    for (int i = 0; i < 3; i++) client_hears(c, "b", "old");
    line_has(refuses(m, saying("new", "error 'any'")), "2 of 2 requests fail");
    /* Now and then one is taken: in the end each was. */
    for (int i = 0; i < 2000; i++) {
        client_sends(c, textf("get n%d\r\n", i % 3));
        client_sees(c, "SERVER_ERROR old\r\n");
    }
    line_has(refuses(m, saying("new", "if #req.key == 2 then error 'last' end")),
             "3 of 3 requests fail");
}

static void a_request_is_asked_at_the_listener_that_it_came_by(void **state)
{
    struct moongate *m =
        moongate_start(saying("old", ""), "-b", "one=127.0.0.1:0", "-b", "two=127.0.0.2:0", NULL);
    struct client *two = client_connects_to(moongate_listener(m, "127.0.0.2:"));
    struct client *one = client_connects_to(moongate_listener(m, "127.0.0.1:"));

    client_hears(one, "k", "old");
    client_hears(two, "k", "old");
    client_hears(two, "l", "old");
    const char *line = refuses(m, saying("new", "error('by ' .. req.listener .. req.key)"));
    line_has(line, "3 of 3 requests fail");
    line = refuses(m, saying("new", "if req.listener == 'two' then error 'two' end"));
    line_has(line, "2 of 3 requests fail");
    line = refuses(m, saying("new", "if req.listener == 'one' then error 'one' end"));
    line_has(line, "1 of 3 requests fail");
}

/* --- workers ------------------------------------------------------------------------------------- */

static void requests_of_all_workers_are_asked_also_of_one_that_has_died(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "-j", "2", NULL);
    struct client *a = client_connects(m);
    client_hears(a, "a", "old");
    struct client *b = client_connects(m); /* the other worker's: that has fewer clients */
    pid_t workers[2];

    client_hears(b, "b", "old");
    client_hears(b, "a", "old");
    line_has(refuses(m, saying("new", "error 'all'")), "2 of 2 requests fail");
    moongate_workers(m, workers, 2);
    for (int i = 0; i < 2; i++) kill(workers[i], SIGKILL);
    client_sees_closed(a);
    client_sees_closed(b);
    a = client_connects(m);
    client_hears(a, "c", "old");
    stat_becomes(a, "proxy", "ready", "2");
    line_has(refuses(m, saying("new", "if req.key == 'b' then error 'all' end")),
             "1 of 3 requests fail, 0 with the script in use");
    client_hears(a, "a", "old");
}

static void the_error_is_read_from_the_log_also_as_json(void **state)
{
    struct moongate *m = moongate_start(saying("old", ""), "--log-format", "json", NULL);
    struct client *c = client_connects(m);

    client_hears(c, "k", "old");
    line_has(refuses(m, saying("new", "error 'boom'")), "first 'get k': ");
    line_has(moongate_log_line(m, REFUSED), ": boom\\nstack traceback:");
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
        play(every_kind_of_request_is_asked_as_it_came),
        play(a_request_is_asked_once_and_the_last_ones_are),
        play(a_request_is_asked_at_the_listener_that_it_came_by),
        play(requests_of_all_workers_are_asked_also_of_one_that_has_died),
        play(the_error_is_read_from_the_log_also_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
