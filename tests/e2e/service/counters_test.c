/* Counters by server, pool, command and listener: they say what clients sent and were told, whatever the route and whichever
 * process answers. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Every cell of an entry that a row names must have that value. */
static void counts(struct client *c, const char *about, const char *entry, const char *wanted)
{
    char cell[32];
    unsigned long number;
    int n;
    for (; sscanf(wanted, " %31[a-z_] %lu%n", cell, &number, &n) == 2; wanted += n) {
        unsigned long is = stat_number(c, about, textf("%s:%s", entry, cell));
        if (is != number)
            stage_fails("stats %s: %s:%s is %lu, not %lu", about, entry, cell, is, number);
    }
    if (wanted[strspn(wanted, " ")]) stage_fails("not understood: %s", wanted);
}

/* --- every command ------------------------------------------------------------------------------ */

struct told {
    const char *request, *answer;
};

static const struct told commands[] = {
    {"set k 5 0 3\r\nabc\r\n", "STORED\r\n"},
    {"set j 0 0 1\r\n1\r\n", "STORED\r\n"},
    {"set q 0 0 1 noreply\r\n1\r\n", ""},
    {"get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n"},
    {"get k none j\r\n", "VALUE k 5 3\r\nabc\r\nVALUE j 0 1\r\n1\r\nEND\r\n"},
    {"get none\r\n", "END\r\n"},
    {"gets none nil\r\n", "END\r\n"},
    {"gat 100 k none\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n"},
    {"gats 100 none\r\n", "END\r\n"},
    {"add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
    {"replace k 7 0 2\r\nde\r\n", "STORED\r\n"},
    {"append k 0 0 1\r\nf\r\n", "STORED\r\n"},
    {"prepend k 0 0 1\r\nc\r\n", "STORED\r\n"},
    {"cas none 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"},
    {"cas k 0 0 1 999999\r\nx\r\n", "EXISTS\r\n"},
    {"incr j 41\r\n", "42\r\n"},
    {"incr none 1\r\n", "NOT_FOUND\r\n"},
    {"incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
    {"decr j 2\r\n", "40\r\n"},
    {"decr none 2\r\n", "NOT_FOUND\r\n"},
    {"touch k 100\r\n", "TOUCHED\r\n"},
    {"touch none 100\r\n", "NOT_FOUND\r\n"},
    {"delete j\r\n", "DELETED\r\n"},
    {"delete none\r\n", "NOT_FOUND\r\n"},
    {"delete none noreply\r\n", ""},
    {"mg k\r\n", "HD\r\n"},
    {"mg none v\r\n", "EN\r\n"},
    {"mg none v q\r\nmn\r\n", "MN\r\n"},
    {"ms m 1\r\n1\r\n", "HD\r\n"},
    {"ma m\r\n", "HD\r\n"},
    {"ma none\r\n", "NF\r\n"},
    {"md m\r\n", "HD\r\n"},
    {"md m\r\n", "NF\r\n"},
    {"me none\r\n", "EN\r\n"},
    {"version\r\n", NULL},
    {"verbosity 1\r\n", "OK\r\n"},
    {"flush_all\r\n", "OK\r\n"},
    {"shutdown\r\n", "ERROR: shutdown not enabled\r\n"},
    {"slabs reassign 1 2\r\n", NULL},
};

/* What must stand in `stats commands` when all of these have been sent `times` times. Of delete and set, also what says noreply. */
static const char *const counted[][2] = {
    {"get", "requests 3 hits 3 misses 2 client_errors 0 server_errors 0 script_errors 0"},
    {"gets", "requests 1 hits 0 misses 2"},
    {"gat", "requests 1 hits 1 misses 1"},
    {"gats", "requests 1 hits 0 misses 1"},
    {"set", "requests 3 hits 0 misses 0 client_errors 0"},
    {"add", "requests 1 hits 0 misses 0"},
    {"replace", "requests 1"},
    {"append", "requests 1"},
    {"prepend", "requests 1"},
    {"cas", "requests 2 hits 0 misses 1"},
    {"incr", "requests 3 hits 1 misses 1 client_errors 1"},
    {"decr", "requests 2 hits 1 misses 1"},
    {"touch", "requests 2 hits 1 misses 1"},
    {"delete", "requests 3 hits 1 misses 2"},
    {"mg", "requests 3 hits 1 misses 2"},
    {"ms", "requests 1 hits 0 misses 0"},
    {"ma", "requests 2 hits 1 misses 1"},
    {"md", "requests 2 hits 1 misses 1"},
    {"me", "requests 1 hits 0 misses 0"},
    {"mn", "requests 1"},
    {"version", "requests 1"},
    {"verbosity", "requests 1"},
    {"flush_all", "requests 1 client_errors 0"},
    {"shutdown", "requests 1 client_errors 1"},
    {"slabs", "requests 1 client_errors 1"},
};

enum { HITS = 11, MISSES = 16 }; /* of them all */

static void all_commands_are_sent(struct client *c)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        client_sends(c, commands[i].request);
        if (commands[i].answer)
            client_sees(c, commands[i].answer);
        else
            (void)client_sees_line(c);
    }
}

static void each_command_counts(struct client *c)
{
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        counts(c, "commands", counted[i][0], counted[i][1]);
}

/* `near` answers everything, whatever the route is. */
static void every_command_counts_once(const char *route)
{
    struct memcached *s = memcached_start(NULL), *spare = memcached_start(NULL);
    struct moongate *m =
        moongate_start(textf(MG "local near = mg.pool { '%s', name = 'near' }\n"
                                "local spare = mg.pool { '%s', name = 'spare' }\n%s",
                             memcached_address(s), memcached_address(spare), route),
                       "-b", "web=127.0.0.1", NULL);
    struct client *c = client_connects(m);
    stat_becomes(c, "pools", "near:answering", "1");
    unsigned long asked = stat_number(c, "commands", "stats:requests");
    all_commands_are_sent(c);
    each_command_counts(c);
    unsigned long statistics = stat_number(c, "commands", "stats:requests");
    assert_true(statistics > asked);
    counts(c, "listeners", "web",
           textf("workers 1 curr_connections 1 total_connections 1 hits %d misses %d "
                 "client_errors 3 server_errors 0 script_errors 0",
                 HITS, MISSES));
    unsigned long requests = stat_number(c, "listeners", "web:requests");
    assert_int_equal(stat_number(c, "proxy", "requests"), requests + 1);
    counts(c, "pools", "near",
           textf("hits %d misses %d server_errors 1 in_flight 0 users 1", HITS, MISSES));
    counts(c, "servers", memcached_address(s), textf("hits %d misses %d", HITS, MISSES));
    /* flush_all goes to the server, and through no pool. */
    unsigned long calls = stat_number(c, "pools", "near:requests");
    counts(c, "servers", memcached_address(s), textf("requests %lu", calls + 1));
    client_sees_nothing_more(c);
}

static void through_a_pool_every_command_counts_once(void **state)
{
    every_command_counts_once("return near\n");
}

static void through_a_failover_every_command_counts_once(void **state)
{
    every_command_counts_once("return mg.failover { near, spare }\n");
}

static void through_a_function_that_waits_every_command_counts_once(void **state)
{
    every_command_counts_once("return mg.async(function(req) return mg.call(near, req) end)\n");
}

/* --- errors ------------------------------------------------------------------------------------ */

static void errors_count_by_their_kind(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        textf(MG "local near = mg.pool { '%s', name = 'near' }\n"
                 "local gone = mg.pool { '127.0.0.1:1', name = 'gone' }\n"
                 "local quiet = mg.pool { '127.0.0.1:1', name = 'quiet', on_failure = 'miss' }\n"
                 "local waits = mg.async(function(req) error 'waits' end)\n"
                 "return function(req)\n"
                 "  if req:has_prefix 'e' then error 'x' end\n"
                 "  if req:has_prefix 'w' then return waits end\n"
                 "  if req:has_prefix 'f' then return mg.reply.error 'no' end\n"
                 "  if req:has_prefix 'm' then return mg.reply.miss() end\n"
                 "  if req:has_prefix 'q' then return quiet end\n"
                 "  if req:has_prefix 'g' then return gone end\n"
                 "  return near\n"
                 "end\n",
              memcached_address(s)),
        "--max-value", "1k", NULL);
    struct client *c = client_connects(m);
    client_asks_until(c, "get g\r\n", textf("%sConnection refused\r\n", failure_of("127.0.0.1:1")));
    unsigned long tried = stat_number(c, "commands", "get:requests");
    char value[2001] = "";
    memset(value, 'v', 2000);
    client_asks(c, "get e\r\n", "SERVER_ERROR script error\r\n");
    client_asks(c, "get w\r\n", "SERVER_ERROR script error\r\n");
    client_asks(c, "get f\r\n", "SERVER_ERROR no\r\n");
    client_asks(c, "get m\r\n", "END\r\n");
    client_asks(c, "get q\r\n", "END\r\n");
    client_sends(c, "get none g1 g2\r\n");
    client_sees_line_starting(c, "SERVER_ERROR 127.0.0.1:1");
    client_asks(c, "get\r\n", "ERROR\r\n");
    client_asks(c, "nonsense\r\n", "ERROR\r\n");
    client_asks(c, "stats nonsense\r\n", "ERROR\r\n");
    client_asks(c, "incr k x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n");
    client_sends(c, "set e 0 0 1 noreply\r\nx\r\nset g 0 0 1 noreply\r\nx\r\n");
    client_asks(c, textf("set k 0 0 2000\r\n%s\r\n", value),
                "SERVER_ERROR object too large for cache\r\n");
    client_asks(c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    counts(c, "commands", "get",
           textf("requests %lu hits 0 misses 2 client_errors 1 script_errors 2 server_errors %lu",
                 tried + 7, tried + 2));
    counts(c, "commands", "set",
           "requests 4 hits 0 misses 0 client_errors 0 script_errors 1 server_errors 2");
    counts(c, "commands", "unknown", "requests 1 client_errors 1");
    counts(c, "commands", "stats", "client_errors 1");
    counts(c, "listeners", "127.0.0.1",
           textf("client_errors 4 script_errors 3 server_errors %lu", tried + 4));
    counts(c, "pools", "gone", textf("requests 0 refused %lu", tried + 3));
    counts(c, "pools", "quiet", "requests 0 refused 1 misses 0");
    assert_int_equal(stat_number(c, "proxy", "get_misses"), 2);
    /* Of a set that is too large moongate deletes the old value: no client has asked for that. */
    assert_int_equal(stat_number(c, "proxy", "delete_misses"), 0);
    client_sees_nothing_more(c);
}

/* --- what a pool sends --------------------------------------------------------------------------- */

/* A server that answers as the play says: bytes and calls are known to the byte. */
static void a_pool_counts_its_own_calls_and_bytes(void **state)
{
    struct backend *b = backend_listens();
    const char *address = backend_address(b);
    struct moongate *m = moongate_start(
        textf(MG "local a, z = mg.pool { '%s', name = 'a' }, mg.pool { '%s', name = 'z' }\n"
                 "return function(req) return req:has_prefix 'a' and a or z end\n",
              address, address),
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a1 a2 a3\r\nget z1\r\nset a 0 0 5\r\nhello\r\n");
    backend_sees(b, "get a1 a2 a3\r\nget z1\r\nset a 0 0 5\r\nhello\r\n");
    counts(client_connects(m), "pools", "a",
           "requests 2 in_flight 2 bytes_written 34 bytes_read 0 hits 0 misses 0");
    backend_answers(b, textf("%sEND\r\n%sSTORED\r\n", hit("a2", "x"), hit_and_end("z1", "y")));
    client_sees(c, textf("%sEND\r\n%sSTORED\r\n", hit("a2", "x"), hit_and_end("z1", "y")));
    counts(c, "pools", "a",
           "requests 2 in_flight 0 bytes_written 34 bytes_read 30 hits 1 misses 2");
    counts(c, "pools", "z", "requests 1 in_flight 0 bytes_written 8 bytes_read 22 hits 1 misses 0");
    counts(c, "servers", address, "requests 3 responses 3 in_flight 0 hits 2 misses 2");
    assert_true(stat_number(c, "servers", textf("%s:bytes_written", address)) >= 42);
    assert_true(stat_number(c, "servers", textf("%s:bytes_read", address)) >= 50);
    client_sees_nothing_more(c);
}

/* Keys of one get, in one call. */
static void a_call_of_two_pools_counts_for_the_first(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local a, z = mg.pool { '%s', name = 'a' }, mg.pool { '%s', name = 'z' }\n"
                 "return function(req) return req:has_prefix 'a' and a or z end\n",
              backend_address(b), backend_address(b)),
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a1 z1\r\n");
    backend_sees(b, "get a1 z1\r\n");
    backend_answers(b, hit_and_end("z1", "y"));
    client_sees(c, hit_and_end("z1", "y"));
    counts(c, "pools", "a", "requests 1 hits 1 misses 1");
    counts(c, "pools", "z", "requests 0 hits 0 misses 0");
    client_sees_nothing_more(c);
}

/* --- times -------------------------------------------------------------------------------------- */

/* A lower bound is safe on any machine. */
static void a_time_is_that_of_the_whole_request(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local slow = mg.pool { '%s', name = 'slow', timeout = 60 }\n"
                                "return mg.async(function(req)\n"
                                "  mg.sleep(0.05)\n"
                                "  return mg.call(slow, req)\n"
                                "end)\n",
                             backend_address(b)),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    stage_turns(60);
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    assert_true(stat_number(c, "commands", "get:p50_us") >= 100000);
    assert_true(stat_number(c, "listeners", "127.0.0.1:p999_us") >= 100000);
    assert_true(stat_number(c, "pools", "slow:p50_us") >= 50000);
    assert_true(stat_number(c, "servers", textf("%s:p50_us", backend_address(b))) >= 50000);
    client_sees_nothing_more(c);
}

static void the_longest_turn_is_shown(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "return function(req)\n"
                 "  local till = mg.time() + 0.06\n"
                 "  while mg.time() < till do local n = 0; for i = 1, 1e5 do n = n + i end end\n"
                 "  return pool\n"
                 "end\n",
              backend_address(b)),
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    assert_true(stat_number(c, "proxy", "longest_turn_us") >= 60000);
    client_sees_nothing_more(c);
}

static void calls_in_flight_late_and_lost_count_for_their_pool(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local slow = mg.pool { '%s', name = 'slow', timeout = 0.1 }\n"
                 "local fast = mg.pool { '%s', name = 'fast', timeout = 60 }\n"
                 "return function(req) return req:has_prefix 's' and slow or fast end\n",
              backend_address(b), backend_address(b)),
        NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "get s\r\n");
    backend_sees(b, "get s\r\n");
    client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
    counts(other, "pools", "slow", "requests 1 timeouts 1 in_flight 1 failed 0");
    counts(other, "pools", "fast", "requests 0 timeouts 0 in_flight 0");
    backend_answers(b, "END\r\n");
    stat_becomes(other, "pools", "slow:in_flight", "0");
    counts(other, "pools", "slow", "misses 1 bytes_written 7 bytes_read 5");
    client_sends(c, "incr f 1\r\n");
    backend_sees(b, "incr f 1\r\n");
    counts(other, "pools", "fast", "requests 1 in_flight 1");
    counts(other, "servers", backend_address(b), "requests 2 timeouts 1");
    backend_closes(b);
    client_sees_line_starting(c, "SERVER_ERROR");
    counts(other, "pools", "fast", "requests 1 in_flight 0 failed 1 bytes_written 10 bytes_read 0");
    counts(other, "pools", "slow", "failed 0");
    client_sees_nothing_more(c);
}

/* --- processes that come and go ----------------------------------------------------------------- */

/* As many gets of other keys, all of which miss. */
static void misses(struct client *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) client_asks(c, textf("get k%u\r\n", i), "END\r\n");
}

static void a_replaced_worker_loses_no_count(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        textf(MG "return mg.pool { '%s', name = 'p' }\n", memcached_address(s)), NULL);
    struct client *c = client_connects(m);
    misses(c, 5);
    kill(moongate_worker(m), SIGTERM);
    stat_becomes(c, "proxy", "moved_connections", "1");
    stat_becomes(c, "listeners", "127.0.0.1:workers", "1");
    misses(c, 3);
    counts(c, "commands", "get", "requests 8 misses 8");
    counts(c, "pools", "p", "requests 8 misses 8 users 1 servers 1 in_flight 0");
    counts(c, "listeners", "127.0.0.1", "curr_connections 1 total_connections 2 misses 8");
    counts(c, "servers", memcached_address(s), "requests 8 misses 8");
    client_sees_nothing_more(c);
}

static void a_pool_that_comes_back_goes_on_counting(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *with = textf(MG "return mg.pool { '%s', name = 'p' }\n", memcached_address(s));
    const char *without = textf(MG "return mg.pool { '%s', name = 'q' }\n", memcached_address(s));
    struct moongate *m = moongate_start(with, NULL);
    struct client *c = client_connects(m);
    misses(c, 2);
    moongate_reloads(m, with);
    stat_becomes(c, "pools", "p:users", "1");
    misses(c, 2);
    counts(c, "pools", "p", "requests 4 misses 4");
    moongate_reloads(m, without);
    misses(c, 3);
    counts(c, "pools", "q", "requests 3 misses 3");
    moongate_reloads(m, with);
    misses(c, 1);
    counts(c, "pools", "p", "requests 5 misses 5 in_flight 0");
    stat_becomes(c, "pools", "p:users", "1");
    counts(c, "commands", "get", "requests 8 misses 8");
    counts(c, "servers", memcached_address(s), "requests 8");
    client_sees_nothing_more(c);
}

static void counters_survive_an_upgrade(void **state)
{
    struct memcached *s = memcached_start(NULL);
    upgrade_begins();
    struct moongate *m = moongate_start(
        textf(MG "return mg.pool { '%s', name = 'p' }\n", memcached_address(s)), NULL);
    struct client *c = client_connects(m);
    misses(c, 4);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    struct client *next = client_connects(m);
    stat_becomes(next, "listeners", "127.0.0.1:workers", "1"); /* what the old one had is cleared */
    misses(next, 2);
    counts(next, "commands", "get", "requests 6 misses 6");
    counts(next, "pools", "p", "requests 6 misses 6 users 1 in_flight 0");
    counts(next, "listeners", "127.0.0.1", "curr_connections 2 misses 6");
    counts(next, "servers", memcached_address(s), "requests 6 misses 6");
    assert_int_equal(stat_number(next, "proxy", "generation"), 1);
    client_sees_nothing_more(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(through_a_pool_every_command_counts_once),
        play(through_a_failover_every_command_counts_once),
        play(through_a_function_that_waits_every_command_counts_once),
        play(errors_count_by_their_kind),
        play(a_pool_counts_its_own_calls_and_bytes),
        play(a_call_of_two_pools_counts_for_the_first),
        play(a_time_is_that_of_the_whole_request),
        play(the_longest_turn_is_shown),
        play(a_replaced_worker_loses_no_count),
        play(a_pool_that_comes_back_goes_on_counting),
        play(counters_survive_an_upgrade),
        play(calls_in_flight_late_and_lost_count_for_their_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
