/* The log of slow requests: what is slow is named, with its result, its server and where the time went. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdlib.h>
#include <string.h>

/* Slow enough for a lower bound; all else is quick. */
static void time_passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(5);
}

/* The milliseconds behind a word of a line. */
static double ms_behind(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    if (!at) stage_fails("no '%s' in: %s", word, line);
    return strtod(at + strlen(word), NULL);
}

static void line_has(const char *line, const char *text)
{
    if (!strstr(line, text)) stage_fails("no '%s' in: %s", text, line);
}

/* All that take any time: at most ten lines a second. */
static const char *slow_line(struct moongate *m, const char *start)
{
    return moongate_log_line(m, textf("slow request: %s", start));
}

static void a_server_that_takes_long_is_named(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "return mg.pool { '%s', name = 'users' }\n", backend_address(b)),
                       "--slow-log", "100ms", "-b", "web=127.0.0.1:0", NULL);
    struct client *c = client_connects(m);

    get_finds(c, "quick", b, "quick", "x");
    client_sends(c, "get user:42\r\n");
    backend_sees(b, "get user:42\r\n");
    time_passes(0.12);
    backend_answers(b, hit_and_end("user:42", "hello"));
    client_sees(c, hit_and_end("user:42", "hello"));
    const char *line = slow_line(m, "get user:42: ");
    line_has(line, " warn  worker 0[");
    line_has(line, " ms: hit, client 127.0.0.1:");
    line_has(line, textf(", route pool users, pool users, server %s; ", backend_address(b)));
    assert_true(ms_behind(line, "get user:42: ") >= 100);
    assert_true(ms_behind(line, ", connection 0.0 ms, server ") >= 100);
    assert_int_equal(moongate_log_count(m, "slow request"), 1);
}

static void a_call_that_times_out_shows_the_error(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 0.15"),
                                        "--slow-log", "0.1", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set k 0 0 1 noreply\r\nx\r\nget k\r\n");
    backend_sees(b, "set k 0 0 1\r\nx\r\nget k\r\n");
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
    line_has(slow_line(m, "get k: "),
             textf(" ms: %stimeout, client ", failure_of(backend_address(b))));
    line_has(slow_line(m, "set k: "),
             textf(" ms: %stimeout, client ", failure_of(backend_address(b))));
}

static void waiting_for_a_connection_is_told_apart_from_the_server(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "connect_timeout = 0.2"),
                                        "--slow-log", "0.1", NULL);
    struct client *c = client_connects(m);

    get_misses(c, "k", b, "k");
    backend_stays_silent(b);
    backend_closes(b);
    client_sends(c, "get k\r\n");
    client_sees(c, textf("%sno answer to version\r\n", failure_of(backend_address(b))));
    const char *line = slow_line(m, "get k: ");
    assert_true(ms_behind(line, ", connection ") >= 100);
    line_has(line, ", server 0.0 ms");
}

static void a_failover_names_the_server_that_answered(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "return mg.failover { mg.pool { '%s', name = 'one', timeout = 0.15 },\n"
                 "  mg.pool { '%s', name = 'two' } }\n",
              backend_address(a), backend_address(b)),
        "--slow-log", "0.1", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    const char *line = slow_line(m, "get k: ");
    line_has(line, textf(" ms: hit, client 127.0.0.1:"));
    line_has(line, textf(", route failover(pool one, pool two), pool two, server %s; ",
                         backend_address(b)));
    assert_true(ms_behind(line, ", before ") >= 100);
    assert_true(ms_behind(line, ", server ") < ms_behind(line, "get k: "));
}

static void a_script_that_takes_long_is_seen(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(b, "  if req.key == 'w' then local x = 0 "
                          "for i = 1, 3e7 do x = x + i % 7 end end\n"
                          "  if req.key ~= 'p' then return mg.reply.miss() end\n  return pool\n"),
        "--slow-log", "5ms", "--no-jit", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get w\r\n");
    client_sees(c, "END\r\n");
    const char *line = slow_line(m, "get w: ");
    line_has(line, ": miss, client ");
    line_has(line, ", route function; script ");
    assert_true(ms_behind(line, "; script ") >= 5);
}

static void a_function_that_waits_names_the_server_that_it_asked_last(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local one = mg.pool { '%s', name = 'one' }\n"
                 "local two = mg.pool { '%s', name = 'two' }\n"
                 "return mg.async(function(req)\n  mg.call(one, req)\n"
                 "  local res = mg.call(two, req)\n  mg.sleep(0.12)\n  return res\nend)\n",
              backend_address(a), backend_address(b)),
        "--slow-log", "0.1", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "END\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    const char *line = slow_line(m, "get k: ");
    line_has(line, ": hit, client ");
    line_has(line, textf(", route function that waits, pool two, server %s; ", backend_address(b)));
}

static void the_quicker_server_is_the_one_that_answered(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "return mg.all_fastest { mg.pool { '%s', name = 'one' }, mg.pool { '%s', name = "
                 "'two' } }\n",
              backend_address(a), backend_address(b)),
        "--slow-log", "0.000000001", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(a, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    backend_answers(b, "END\r\n");
    line_has(slow_line(m, "get k: "), textf(", pool one, server %s; ", backend_address(a)));
}

/* Each kind of request that moongate can answer, and how. */
static void each_kind_of_request_has_its_result(void **state)
{
    static const struct {
        const char *request, *sent, *answer, *line, *has;
    } kinds[] = {
        {"set k 0 0 5\r\nvalue\r\n", "set k 0 0 5\r\nvalue\r\n", "STORED\r\n",
         "set k: ", " ms: stored"},
        {"add k 0 0 1\r\nx\r\n", "add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n",
         "add k: ", " ms: not_stored"},
        {"cas k 0 0 1 7\r\nx\r\n", "cas k 0 0 1 7\r\nx\r\n", "EXISTS\r\n",
         "cas k: ", " ms: exists"},
        {"delete k\r\n", "delete k\r\n", "DELETED\r\n", "delete k: ", " ms: deleted"},
        {"touch k 0\r\n", "touch k 0\r\n", "NOT_FOUND\r\n", "touch k: ", " ms: miss"},
        {"incr k 1\r\n", "incr k 1\r\n", "6\r\n", "incr k: ", " ms: changed"},
        {"mg k v\r\n", "mg k v\r\n", "VA 1\r\nx\r\n", "mg k: ", " ms: hit"},
        {"ms k 1\r\nx\r\n", "ms k 1\r\nx\r\n", "HD\r\n", "ms k: ", " ms: stored"},
        {"get k\r\n", "get k\r\n", "SERVER_ERROR out of memory\r\n",
         "get k: ", " ms: SERVER_ERROR out of memory"},
    };
    static const struct {
        const char *request, *answer, *line, *has;
    } own[] = {
        {"version\r\n", "VERSION 1.6.45\r\n", "version: ", " ms: answered"},
        {"mn\r\n", "MN\r\n", "mn: ", " ms: answered"},
        {"verbosity 1\r\n", "OK\r\n", "verbosity: ", " ms: answered"},
        {"bogus\r\n", "ERROR\r\n", "?: ", " ms: ERROR, client"},
        {"slabs\r\n",
         "CLIENT_ERROR this command is for a single server: send it to the server itself\r\n",
         "slabs: ", " ms: CLIENT_ERROR this command"},
        {"incr k x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n",
         "incr k: ", " ms: CLIENT_ERROR invalid numeric delta argument"},
    };
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), "");
    struct moongate *m = moongate_start(script, "--slow-log", "0.000000001", NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        client_sends(c, kinds[i].request);
        backend_sees(b, kinds[i].sent);
        backend_answers(b, kinds[i].answer);
        client_sees(c, kinds[i].answer);
        line_has(slow_line(m, kinds[i].line), kinds[i].has);
    }
    m = moongate_start(script, "--slow-log", "0.000000001", NULL);
    c = client_connects(m);
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)),
                 "ready"); /* its version is known */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        client_sends(c, own[i].request);
        client_sees(c, own[i].answer);
        line_has(slow_line(m, own[i].line), own[i].has);
    }
}

/* Each key by itself; silent requests too. */
static void keys_of_one_get_have_their_own_lines(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(a), backend_address(b), "timeout = 0.15"),
                       "--slow-log", "0.000000001", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get a1 b1 a2\r\nmg a3 v q\r\ndelete b2 noreply\r\n");
    backend_sees(a, "get a1 a2\r\nmg a3 v\r\n");
    backend_answers(a, "VALUE a2 0 3\r\nabc\r\nEND\r\nEN\r\n");
    backend_sees(b, "get b1\r\ndelete b2\r\n");
    client_sees(c, textf("VALUE a2 0 3\r\nabc\r\n%stimeout\r\n", failure_of(backend_address(b))));
    line_has(slow_line(m, "get a1: "), textf(": miss, client "));
    line_has(slow_line(m, "get a1: "), textf(", server %s; ", backend_address(a)));
    line_has(slow_line(m, "get a2: "), ": hit, client ");
    line_has(slow_line(m, "get b1: "),
             textf(": %stimeout, client ", failure_of(backend_address(b))));
    line_has(slow_line(m, "mg a3: "), ": miss, client ");
    line_has(slow_line(m, "delete b2: "), textf(", server %s; ", backend_address(b)));
}

static void a_client_that_goes_is_told(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--slow-log", "0.000000001", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_resets(c);
    stat_becomes(client_connects(m), "proxy", "closed_connections", "1");
    backend_answers(b, "END\r\n");
    line_has(slow_line(m, "get k: "), ": client_gone, client (gone)");
}

static void keys_of_any_bytes_are_one_line(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--slow-log", "0.000000001", NULL);
    struct client *c = client_connects(m);

    client_sends(c, "mg AAAKDSBcYQ== b\r\nget \x1b[2J\xff\r\n"); /* 0 0 \n \r space \ a */
    backend_sees(b, "mg AAAKDSBcYQ== b\r\nget \x1b[2J\xff\r\n");
    backend_answers(b, "EN\r\nEND\r\n");
    client_sees(c, "EN\r\nEND\r\n");
    (void)slow_line(m, "mg \\x00\\x00\\x0a\\x0d\\x20\\x5ca: ");
    (void)slow_line(m, "get \\x1b[2J\\xff: ");
}

static void a_script_sets_it_and_the_lines_are_limited(void **state)
{
    enum { MANY = 200 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(MG "mg.options { slow_log = 1e-9 }\n"
                                                 "return mg.pool { '%s' }\n",
                                              backend_address(b)),
                                        NULL);
    struct client *c = client_connects(m);

    for (int i = 0; i < MANY; i++) get_misses(c, "k", b, "k");
    assert_in_range(moongate_log_count(m, "slow request: get k"), 10, MANY / 2);
    moongate_reloads(m, textf(MG "return mg.pool { '%s', name = 'other' }\n", backend_address(b)));
    size_t before = moongate_log_count(m, "slow request: ");
    for (int i = 0; i < MANY; i++) get_misses(c, "k", b, "k");
    assert_int_equal(moongate_log_count(m, "slow request: "), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_takes_long_is_named),
        play(a_call_that_times_out_shows_the_error),
        play(waiting_for_a_connection_is_told_apart_from_the_server),
        play(a_failover_names_the_server_that_answered),
        play(a_script_that_takes_long_is_seen),
        play(a_function_that_waits_names_the_server_that_it_asked_last),
        play(the_quicker_server_is_the_one_that_answered),
        play(each_kind_of_request_has_its_result),
        play(keys_of_one_get_have_their_own_lines),
        play(a_client_that_goes_is_told),
        play(keys_of_any_bytes_are_one_line),
        play(a_script_sets_it_and_the_lines_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
