/* Every place that a request may touch: of functions, in each output, in diff, and in the running daemon, where nothing is sent. */
#include "e2e/tools/shows.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/scene.h"

enum { OK = 0, BAD = 1, USAGE = 2 };

/* --- functions --------------------------------------------------------------------------------- */

static const char *explained(const char *route, const char *request)
{
    const char *path = moongate_script_file(textf(POOLS "return %s\n", route));
    return moongate_runs("explain", path, request, NULL).out;
}

static void a_function_that_waits_is_run_with_each_answer(void **state)
{
    const char *out = explained("mg.async(function(req)\n"
                                "  local res = mg.call(a, req)\n"
                                "  if res:is_hit() then return res end\n"
                                "  mg.sleep(3600)\n"
                                "  local found = mg.call(b, mg.request.get('old:' .. req.key))\n"
                                "  if found:is_hit() then\n"
                                "    mg.spawn(a, mg.request.set(req.key, found.value, 0, 60))\n"
                                "  elseif found:is_error() then\n"
                                "    return c\n"
                                "  end\n"
                                "  return found\n"
                                "end)",
                                "get k");
    is_said(places_of(out), "a@1: get k\n"
                            "b@2, on a miss or an error of a: get old:k\n"
                            "c@3, on an error of b: get k\n"
                            "a@1, in the background, on a hit of b: set k 0 60 1\n");
}

static void calls_at_once_do_not_depend_on_each_other(void **state)
{
    const char *out = explained("mg.async(function(req)\n"
                                "  local list = mg.call_all({ a, b }, req)\n"
                                "  if list[1]:is_hit() and list[2]:is_hit() then return c end\n"
                                "  return list[1]\n"
                                "end)",
                                "get k");
    is_said(places_of(out),
            "a@1: get k\nb@2: get k\nc@3, on a hit of a and on a hit of b: get k\n");
}

static void what_a_function_does_without_end_is_cut(void **state)
{
    has(explained("mg.async(function(req) while true do mg.sleep(1) end end)", "get k"), "async ");
    has(explained("mg.async(function(req) while true do mg.call(a, req) end end)", "get k"),
        "  more          there may be more places: explain has not followed all\n");
    has(explained("mg.async(function(req)\n"
                  "  for i = 1, 99 do mg.spawn(a, mg.request.get('k' .. i)) end\n"
                  "  return b\n"
                  "end)",
                  "get k"),
        "  more          there may be more places: explain has not followed all\n");
}

static void an_error_of_a_function_that_waits_is_shown(void **state)
{
    const char *path =
        moongate_script_file(POOLS "return mg.async(function(req)\n"
                                   "  if not mg.call(a, req):is_hit() then error 'mine' end\n"
                                   "  return b\n"
                                   "end)\n");
    struct run run = moongate_runs("explain", path, "get k", NULL);
    exits(run, BAD);
    has(run.out, "script.lua:6: mine\n");
    path = moongate_script_file(POOLS "return mg.async(function(req)\n"
                                      "  if mg.call(a, req):is_hit() then error 'mine' end\n"
                                      "  return b\n"
                                      "end)\n");
    run = moongate_runs("explain", path, "get k", NULL);
    exits(run, OK); /* the model's value may be what it does not like */
    has(run.out, "b 127.0.0.1:2, on a miss or an error of a: get k\n");
}

static void a_function_that_leads_to_itself_ends(void **state)
{
    const char *out =
        explained("(function() local f\n"
                  "f = function(req) return mg.reply.error 'x' and mg.elsewhere or f end\n"
                  "return function(req) local function g() return g end return g end end)()",
                  "get k");
    has(out, "functions return functions without end");
}

/* --- outputs ----------------------------------------------------------------------------------- */

static void programs_get_a_list_of_places(void **state)
{
    const char *path = moongate_script_file(POOLS "return mg.shadow { a, to = b, share = 0.25 }\n");
    struct run run = moongate_runs("explain", path, "--json", "get k", NULL);
    exits(run, OK);
    has(run.out, "{\"pool\":\"a\",\"server\":\"127.0.0.1:1\",\"role\":\"main\",\"when\":\"always\","
                 "\"share\":1,\"request\":\"get k\"}");
    has(run.out,
        "{\"pool\":\"b\",\"server\":\"127.0.0.1:2\",\"role\":\"background\",\"when\":\"while "
        "fewer than 1000 are in flight\",\"share\":0.25,\"request\":\"get k\"}]}\n");
    path =
        moongate_script_file(POOLS "return mg.async(function(req)\n"
                                   "  for i = 1, 99 do mg.call(a, mg.request.get('k' .. i)) end\n"
                                   "  return b\n"
                                   "end)\n");
    has(moongate_runs("explain", path, "--json", "get k", NULL).out, "],\"more_places\":true}\n");
}

static void shares_of_what_is_drawn_add_up(void **state)
{
    const char *path = moongate_script_file(POOLS "return mg.random { a, a, a, b }\n");
    struct run run = moongate_runs("explain", path, "get k", NULL);
    has(run.out, "a 127.0.0.1:1, 75 % of requests: get k\n");
    has(run.out, "b 127.0.0.1:2, 25 % of requests: get k\n");
    path = moongate_script_file(MG "return mg.pool { '127.0.0.1:1', '127.0.0.1:2',\n"
                                   "  name = 'p', distribution = 'random' }\n");
    run = moongate_runs("explain", path, "get k", NULL);
    has(run.out, "  server        any\n");
    has(run.out, "  place 2       p 127.0.0.1:2, 50 % of requests: get k\n");
}

static void a_summary_counts_first_places(void **state)
{
    const char *path = moongate_script_file(POOLS "return mg.warm_up { a, b }\n");
    struct run run =
        shell_runs(textf("printf 'x\\ny\\n' | $MOONGATE explain %s --keys - --summary", path));
    exits(run, OK);
    has(run.out, "pool a: 2 keys, 100.0 %");
    has(run.out, "pool b: 0 keys, 0.0 %\n");
    run = shell_runs(textf("printf 'x\\ny\\n' | $MOONGATE explain %s --keys -", path));
    is_said(run.out, "x\ta\t127.0.0.1:1\ny\ta\t127.0.0.1:1\n");
}

static void a_route_may_look_at_its_client(void **state)
{
    const char *path =
        moongate_script_file(POOLS "return function(req)\n"
                                   "  if req.listener == 'admin' then return b end\n"
                                   "  return req.client and req.client:find '^10%.' and c or a\n"
                                   "end\n");
    has(moongate_runs("explain", path, "get k", NULL).out, "  server        127.0.0.1:1\n");
    struct run run = moongate_runs("explain", path, "--listener", "admin", "get k", NULL);
    has(run.out, "  server        127.0.0.1:2\n");
    run = moongate_runs("explain", path, "--client", "10.0.0.1:4711", "get k", NULL);
    has(run.out, "  server        127.0.0.1:3\n");
    run = moongate_runs("explain", path, "--client", "10.0.0.1 4711", "get k", NULL);
    exits(run, USAGE);
    has(run.err, "--client: not an address: give one such as 10.0.0.1:4711\n");
}

/* --- the running daemon ------------------------------------------------------------------------ */

/* What `stats explain` says, until END. */
static const char *said_by(struct client *c, const char *request)
{
    const char *text = "";
    client_sends(c, textf("stats explain %s\r\n", request));
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return text;
        text = textf("%s%s\n", text, line);
    }
}

static void the_daemon_shows_places_and_sends_nothing(void **state)
{
    struct backend *one = backend_listens(), *two = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local a = mg.pool { '%s', name = 'a' }\n"
                 "local b = mg.pool { '%s', name = 'b' }\n"
                 "local route = mg.rate_limit { mg.warm_up { a, b, exptime = 60 }, rate = 0.001 }\n"
                 "return function(req) mg.spawn(b, mg.request.delete 'old') return route end\n",
              backend_address(one), backend_address(two)),
        NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < 3; i++) { /* a token would be taken by the first */
        const char *said = said_by(c, "get k");
        has(said, textf("STAT server %s\n", backend_address(one)));
        has(said, textf("STAT place:1:pool a\nSTAT place:1:server %s\nSTAT place:1:role main\n"
                        "STAT place:1:when up to 0.001 a second\nSTAT place:1:request get k\n"
                        "STAT place:2:pool b\nSTAT place:2:server %s\nSTAT place:2:role on miss\n",
                        backend_address(one), backend_address(two)));
        has(said, "STAT place:3:request delete old\n");
        has_not(said_by(c, "set k"), "STAT place:3:");
    }
    backend_has_nothing_anywhere(one);
    backend_has_nothing_anywhere(two);
    client_sends(c, "get k\r\n");
    backend_sees(two, "delete old\r\n");
    backend_answers(two, "NOT_FOUND\r\n");
    backend_sees(one, "get k\r\n");
    backend_answers(one, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_nothing_more(c);
}

static void functions_that_wait_meanwhile_are_not_disturbed(void **state)
{
    struct backend *one = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local a = mg.pool { '%s', name = 'a' }\n"
                                "return mg.async(function(req)\n"
                                "  local res = mg.call(a, mg.request.get('1' .. req.key))\n"
                                "  return mg.call(a, req)\n"
                                "end)\n",
                             backend_address(one)),
                       NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(one, "get 1k\r\n");
    has(said_by(other, "get z"), "STAT place:2:request get z\n");
    backend_answers(one, "END\r\n");
    backend_sees(one, "get k\r\n");
    has(said_by(other, "get z"), "STAT place:1:request get 1z\n");
    backend_answers(one, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sends(other, "stats proxy\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(other);
        if (strstr(line, "keys_routed")) assert_string_equal(line, "STAT keys_routed 1");
        if (strstr(line, "script_errors")) assert_string_equal(line, "STAT script_errors 0");
    }
    backend_has_nothing_yet(one);
    client_sees_nothing_more(other);
}

static void an_error_of_a_function_that_is_followed_is_not_counted(void **state)
{
    struct moongate *m = moongate_start(POOLS "return mg.async(function(req)\n"
                                              "  mg.call(a, req) error 'mine'\n"
                                              "end)\n",
                                        NULL);
    struct client *c = client_connects(m);
    has(said_by(c, "get k"), ": mine\n");
    assert_int_equal(moongate_log_count(m, "mine"), 0);
    client_sends(c, "stats proxy\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        if (strstr(line, "script_errors")) assert_string_equal(line, "STAT script_errors 0");
    }
}

/* Each run of the function has --script-timeout; all 64 together would take many times as long. */
static void functions_have_the_time_of_one_together(void **state)
{
    const char *script = POOLS "local endless = function(req)\n"
                               "  while true do end\n"
                               "end\n"
                               "local waits = mg.async(function(req)\n"
                               "  for i = 1, 5 do mg.call(a, mg.request.get('k' .. i)) end\n"
                               "  while true do end\n"
                               "end)\n"
                               "local many = mg.all_sync { endless, waits, endless, waits }\n"
                               "return function(req) return req.key == 'k' and waits or many end\n";
    struct moongate *m = moongate_start(script, "--script-timeout", "0.2", NULL);
    struct client *c = client_connects(m);
    const char *said = said_by(c, "get k");
    has(said, "script timeout");
    has(said, "STAT place:5:request get k5\n");
    has(said, "STAT more there may be more places");
    said = said_by(c, "get other");
    has(said, "script timeout");
    has(said, "STAT more there may be more places");
    client_sends(c, "stats proxy\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0;) {
        line = client_sees_line(c);
        if (strstr(line, "script_timeouts")) assert_string_equal(line, "STAT script_timeouts 2");
    }
}

/* The answer to the last request comes when the loop has turned: a timer of no time would have fired. */
static void a_timer_of_a_function_that_is_explained_does_not_run(void **state)
{
    struct backend *one = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local a = mg.pool { '%s', name = 'a' }\n"
                 "local later = function() mg.spawn(a, mg.request.delete 'late') end\n"
                 "local waits = mg.async(function(req) mg.timer.after(0, later) return mg.call(a, "
                 "req) end)\n"
                 "return function(req)\n"
                 "  local timer = mg.timer.after(0, later)\n"
                 "  mg.timer.every(0.001, later)\n"
                 "  if req.key == 'stops' then timer:stop() end\n"
                 "  return req.key == 'waits' and waits or a\n"
                 "end\n",
              backend_address(one)),
        NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < 1100; i++) /* there may be 1024 timers */
        has_not(said_by(c, i % 3 ? "get waits" : "get stops"), "error");
    backend_has_nothing_anywhere(one);
}

static void the_asking_client_is_the_explained_one(void **state)
{
    struct moongate *m =
        moongate_start(POOLS "return function(req)\n"
                             "  return req.client:find '^127%.0%.0%.1:' and a or b\n"
                             "end\n",
                       NULL);
    has(said_by(client_connects(m), "get k"), "STAT pool a\n");
}

/* --- diff and -t ------------------------------------------------------------------------------- */

static const char *diffs(const char *old, const char *new, const char *more)
{
    const char *path = moongate_script_file(textf(POOLS "return %s\n", old));
    struct run run = shell_runs(textf("printf 'x\\ny\\n' | $MOONGATE diff %s %s --keys - %s", path,
                                      moongate_script_file(textf(POOLS "return %s\n", new)), more));
    return textf("%s%d\n", run.out, run.code);
}

static void keys_that_are_found_after_a_miss_do_not_move(void **state)
{
    is_said(diffs("a", "mg.warm_up { b, a }", "--max-moved 0"),
            "2 keys: 0 move, 0.0 %; 2 to another pool, 0 under another key\n"
            "2 are copied: after a miss they are found in their old place, 100.0 %\n"
            "  127.0.0.1:1 -> 127.0.0.1:2: 2, 100.0 %\n"
            "2 of those that do not move are written elsewhere, 100.0 %\n"
            "0\n");
    has(diffs("a", "mg.warm_up { b, a }", "--json"),
        "{\"keys\":2,\"moved\":0,\"share\":0,\"copied\":2,\"still_sent\":0,"
        "\"written_elsewhere\":2,\"other_pool\":2,\"other_key\":0}\n");
    has(diffs("a", "mg.failover { b, a, on = { 'error', 'miss' } }", ""), "2 are copied: ");
    has(diffs("a", "mg.all_fastest { b, a, hit = true }", ""), "2 are copied: ");
    has(diffs("mg.warm_up { b, a }", "b", ""), "2 keys: 0 move");
    has(diffs("mg.all_sync { a, b }", "b", ""), "2 keys: 0 move");
    has(diffs("a", "mg.by_command { set = b, default = a }", ""),
        "2 keys: 0 move, 0.0 %; 0 to another pool, 0 under another key\n"
        "2 of those that do not move are written elsewhere, 100.0 %\n");
}

static void keys_that_only_go_to_their_old_place_as_well_move(void **state)
{
    static const char still[] = "2 of those are still sent to their old place, which does not "
                                "answer for them, 100.0 %\n";
    static const char *const news[] = {"mg.all_sync { b, a }", "mg.all_initial { b, a }",
                                       "mg.failover { b, a }",
                                       "mg.shadow { b, to = a, share = 1 }"};
    for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
        const char *said = diffs("a", news[i], "--max-moved 0.5");
        has(said, "2 keys: 2 move, 100.0 %;");
        has(said, still);
        has(said, "\n1\n");
    }
    has_not(diffs("a", "mg.warm_up { b, c }", ""), "still");
    has(diffs("a", "mg.warm_up { b, mg.modify_key { a, add = 'x' } }", ""), "2 keys: 2 move");
}

static void a_checked_script_shows_all_that_is_not_usual(void **state)
{
    const char *path = moongate_script_file(
        MG "local p = mg.pool { '10.0.0.1:11211:3 one', '10.0.0.3:11211',\n"
           "  { '10.0.0.2:11219', weight = 2, timeout = 0.3, depth = 9 },\n"
           "  name = 'p', hash_tag = '{}', on_failure = 'miss', connect_timeout = 0.1,\n"
           "  probe = 'connect' }\n"
           "mg.pool { '10.0.0.1:11211', name = 'p', distribution = 'modula', seed = 3 }\n"
           "return p\n");
    struct run run = moongate_runs("-t", path, NULL);
    exits(run, OK);
    is_said(run.out, "pool p: ketama, xxh3, timeout 1 s, 3 servers\n"
                     "  hash_tag {}, on_failure miss, connect_timeout 0.1, probe connect\n"
                     "  server 10.0.0.1:11211: 1 connection, weight 3, name one\n"
                     "  server 10.0.0.3:11211: 1 connection\n"
                     "  server 10.0.0.2:11219: 1 connection, weight 2, timeout 0.3 s, depth 9\n"
                     "pool p: modula, xxh3, timeout 1 s, 1 server\n"
                     "  seed 3\n"
                     "  server 10.0.0.1:11211: 1 connection\n"
                     "warning: another pool is named p: give each pool a name of its own\n"
                     "route: pool p\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_function_that_waits_is_run_with_each_answer),
        play(calls_at_once_do_not_depend_on_each_other),
        play(what_a_function_does_without_end_is_cut),
        play(an_error_of_a_function_that_waits_is_shown),
        play(a_function_that_leads_to_itself_ends),
        play(programs_get_a_list_of_places),
        play(shares_of_what_is_drawn_add_up),
        play(a_summary_counts_first_places),
        play(a_route_may_look_at_its_client),
        play(the_daemon_shows_places_and_sends_nothing),
        play(functions_that_wait_meanwhile_are_not_disturbed),
        play(an_error_of_a_function_that_is_followed_is_not_counted),
        play(functions_have_the_time_of_one_together),
        play(a_timer_of_a_function_that_is_explained_does_not_run),
        play(the_asking_client_is_the_explained_one),
        play(keys_that_are_found_after_a_miss_do_not_move),
        play(keys_that_only_go_to_their_old_place_as_well_move),
        play(a_checked_script_shows_all_that_is_not_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
