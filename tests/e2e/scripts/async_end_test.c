/* Functions that wait while the world ends around them: their client, their server, their script, their process; and how
 * many may wait. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* --- the client -------------------------------------------------------------------------------- */

static const char *in_two_steps(const struct backend *b)
{
    return script_waiting(b, "  if req.key == 'alive' then return pool end\n"
                             "  mg.call(pool, mg.request.get(req.key .. '1'))\n"
                             "  return mg.call(pool, req)");
}

/* A client that only closed its side still gets its answers; one that is reset is gone. That has been seen once another one's request is. */
static void a_read_ends_with_its_client(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(in_two_steps(b), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "get k\r\nmg j v\r\n");
    backend_sees(b, "get k1\r\nget j1\r\n");
    client_resets(c);
    client_sends(other, "get alive\r\n");
    backend_sees(b, "get alive\r\n");
    backend_answers(b, "END\r\nEND\r\nEND\r\n");
    client_sees(other, "END\r\n");
    client_sends(other, "get alive\r\n"); /* and nothing came in between */
    backend_sees(b, "get alive\r\n");
    backend_answers(b, "END\r\n");
    client_sees(other, "END\r\n");
}

static void a_write_goes_on_without_its_client(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(in_two_steps(b), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "set k 0 0 1\r\nx\r\ndelete j\r\nincr i 1\r\n");
    backend_sees(b, "get k1\r\nget j1\r\nget i1\r\n");
    client_resets(c);
    client_sends(other, "get alive\r\n");
    backend_sees(b, "get alive\r\n");
    backend_answers(b, "END\r\nEND\r\nEND\r\nEND\r\n");
    backend_sees(b, "set k 0 0 1\r\nx\r\ndelete j\r\nincr i 1\r\n");
    backend_answers(b, "STORED\r\nDELETED\r\n1\r\n");
    client_sees(other, "END\r\n");
    client_sees_nothing_more(other);
}

/* What sleeps for an hour is gone at once: moongate's drain, which waits for functions, ends at once. */
static void a_sleeping_read_ends_with_its_client(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "local sleeper = mg.async(function(req) mg.sleep(3600) return pool end)\n"
                 "local both = mg.failover { sleeper, pool }\n"
                 "local outer = mg.async(function(req) return mg.call(both, req) end)\n"
                 "return function(req)\n"
                 "  if req.key == 'alive' then return pool end\n"
                 "  return req.key == 'deep' and outer or sleeper\n"
                 "end\n",
              backend_address(b)),
        "--drain-timeout", "60", NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "get alive\r\nget k j i\r\nget deep\r\n");
    backend_sees(b, "get alive\r\n");
    client_resets(c);
    client_sends(other, "get alive\r\n");
    backend_sees(b, "get alive\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(other, "END\r\n");
    client_closes(other);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

static void a_client_that_goes_in_a_policy_takes_the_functions_below_along(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                                 "local inner = mg.async(function(req)\n"
                                                 "  mg.call(pool, mg.request.get(req.key .. '1'))\n"
                                                 "  return mg.call(pool, req)\n"
                                                 "end)\n"
                                                 "local both = mg.failover { inner, inner }\n"
                                                 "return mg.async(function(req)\n"
                                                 "  if req.key == 'alive' then return pool end\n"
                                                 "  local res = mg.call(both, req)\n"
                                                 "  return mg.call(both, req)\n"
                                                 "end)\n",
                                              backend_address(b)),
                                        NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k1\r\n");
    client_resets(c);
    client_sends(other, "get alive\r\n");
    backend_sees(b, "get alive\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(other, "END\r\n");
    get_misses(other, "alive", b, "alive");
}

static void what_was_spawned_goes_on_without_the_client(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                                 "local later = mg.async(function(req)\n"
                                                 "  mg.call(pool, mg.request.get 'first')\n"
                                                 "  return mg.call(pool, req)\n"
                                                 "end)\n"
                                                 "return mg.async(function(req)\n"
                                                 "  mg.spawn(later, mg.request.get 'then')\n"
                                                 "  mg.sleep(3600)\n"
                                                 "end)\n",
                                              backend_address(b)),
                                        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get first\r\n");
    client_resets(c);
    backend_answers(b, "END\r\n");
    backend_sees(b, "get then\r\n");
    backend_answers(b, "END\r\n");
}

/* --- the server -------------------------------------------------------------------------------- */

static void a_server_that_goes_is_an_error_to_the_function(void **state)
{
    struct backend *b = backend_listens(), *spare = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool, spare = mg.pool { '%s' }, mg.pool { '%s' }\n"
                                "return mg.async(function(req)\n"
                                "  local res = mg.call(pool, req)\n"
                                "  if res.kind == 'lost' and res.error:find 'server' then return "
                                "mg.call(spare, req) end\n"
                                "  return res\n"
                                "end)\n",
                             backend_address(b), backend_address(spare)),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, "mg k v\r\nset k 0 0 1\r\nx\r\n");
    backend_sees(b, "mg k v\r\nset k 0 0 1\r\nx\r\n");
    backend_closes(b);
    backend_sees(spare, "mg k v\r\nset k 0 0 1\r\nx\r\n");
    backend_answers(spare, "VA 1\r\ny\r\nSTORED\r\n");
    client_sees(c, "VA 1\r\ny\r\nSTORED\r\n");
    client_sees_nothing_more(c);
}

/* --- the script -------------------------------------------------------------------------------- */

static void functions_that_wait_end_on_the_script_that_they_began_with(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_waiting(b, "  local res = mg.call(pool, mg.request.get(req.key .. ':old'))\n"
                          "  res = mg.call(pool, mg.request.get(req.key .. ':still'))\n"
                          "  return mg.reply.value('old ' .. res.kind)"),
        "-v", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k:old\r\n");
    moongate_reloads(m, script_waiting(b, "  return mg.reply.value('new')"));
    moongate_reloads(m, script_waiting(b, "  return mg.reply.value('newer')"));
    moongate_sees_log(m, "generation 2 ended"); /* nothing waited there */
    client_sends(c, "get j\r\n");
    backend_answers(b, "END\r\n");
    backend_sees(b, "get k:still\r\n");
    assert_int_equal(moongate_log_count(m, "generation 1 ended"), 0);
    backend_answers(b, "END\r\n");
    client_sees(c, textf("%s%s", hit_and_end("k", "old miss"), hit_and_end("j", "newer")));
    moongate_sees_log(m, "generation 1 ended");
    client_sees_nothing_more(c);
}

static void reloads_while_functions_wait_keep_no_script_for_ever(void **state)
{
    enum { RELOADS = 20, FUNCTIONS = 12 };
    struct backend *b = backend_listens();
    const char *waiting = script_waiting(b, "  local one = mg.call(pool, req)\n"
                                            "  mg.sleep(0.001)\n"
                                            "  local two = mg.call(pool, req)\n"
                                            "  return mg.reply.value(one.value .. two.value)");
    const char *script = textf("require('moongate').defaults { timeout = 20 }\n%s", waiting);
    struct moongate *m = moongate_start(script, "-v", NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < RELOADS; i++) {
        for (int k = 0; k < FUNCTIONS; k++) client_sends(c, textf("get k%d\r\n", k));
        for (int k = 0; k < FUNCTIONS; k++) backend_sees(b, textf("get k%d\r\n", k));
        moongate_reloads(m, script);
        for (int k = 0; k < FUNCTIONS; k++)
            backend_answers(b, hit_and_end(textf("k%d", k), textf("%d", k)));
        for (int k = 0; k < FUNCTIONS; k++) {
            const char *key = backend_sees_line(b) + strlen("get "); /* in any order */
            backend_answers(b, hit_and_end(key, key + 1));
        }
        for (int k = 0; k < FUNCTIONS; k++)
            client_sees(c, hit_and_end(textf("k%d", k), textf("%d%d", k, k)));
        moongate_sees_log(m, textf("generation %d ended", i + 1));
    }
    client_sees_nothing_more(c);
}

/* --- the process ------------------------------------------------------------------------------- */

static void a_drain_waits_for_functions(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_waiting(b, "  mg.call(pool, req)\n"
                                         "  mg.sleep(0.1)\n"
                                         "  return mg.call(pool, mg.request.get 'last')"),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining");
    backend_answers(b, "END\r\n");
    backend_sees(b, "get last\r\n");
    backend_answers(b, hit_and_end("last", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_closed(c);
    moongate_exits(m, 0);
}

static void a_drain_without_time_ends_functions_that_wait(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_waiting(b, "  mg.spawn(pool, req)\n"
                                         "  if req.key == 'k' then mg.sleep(3600) end\n"
                                         "  mg.call_all({ pool, pool }, req, { wait = 1 })\n"
                                         "  return pool"),
                       "--drain-timeout", "0.2", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\nget j\r\n");
    backend_sees(b, "get k\r\nget j\r\nget j\r\n"); /* both calls of call_all share one */
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "cut short");
    moongate_exits(m, 0);
}

/* --- how many, how much ------------------------------------------------------------------------ */

/* A get of n keys, each of which is a function's. */
static void ask_for(struct client *c, unsigned n)
{
    struct octets line = {0};
    octets_add(&line, "get", 3);
    for (unsigned i = 0; i < n; i++) {
        char key[16];
        octets_add(&line, key, (size_t)snprintf(key, sizeof key, " %u", i));
    }
    octets_add(&line, "\r\n", 2);
    client_sends_bytes(c, octets_at(&line), octets_n(&line));
    octets_release(&line);
}

/* What a round leaves behind would show in the last one: 20 rounds of 0.6 KiB a function, say, are 120 MB. */
static void ten_thousand_functions_wait_at_once_in_bounded_memory(void **state)
{
    enum { FUNCTIONS = 10000, KIB_EACH = 8, ROUNDS = 20 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_waiting(b, "  local key = req.key\n"
                                                          "  mg.sleep(0.02)\n"
                                                          "  return mg.reply.value(key)"),
                                        NULL);
    struct client *c = client_connects(m);
    struct octets all = {0};
    pid_t worker = moongate_worker(m);
    size_t before = program_rss_kib(worker);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        const char *one = hit(textf("%u", i), textf("%u", i));
        octets_add(&all, one, strlen(one));
    }
    octets_add(&all, "END\r\n", 5);
    for (int round = 0; round < ROUNDS; round++) {
        ask_for(c, FUNCTIONS);
        client_sees_bytes(c, octets_at(&all), octets_n(&all));
    }
    if (!stage_is_sanitized())
        assert_in_range(program_peak_kib(worker) - before, 0, FUNCTIONS * KIB_EACH);
    client_sees_nothing_more(c);
    octets_release(&all);
}

static void more_functions_than_may_wait_are_refused(void **state)
{
    enum { MOST = 65536 };
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_waiting(b, "  mg.sleep(1)\n  return mg.reply.miss()"), NULL);
    struct client *c = client_connects(m);
    ask_for(c, MOST);
    client_sees(c, "END\r\n");
    ask_for(c, MOST + 1);
    client_sees(c, "SERVER_ERROR too many functions wait\r\n");
    client_sends(c, "get k\r\n");
    client_sees(c, "END\r\n");
}

static void a_function_holds_no_more_than_it_may(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_waiting(b, "  local n = 0\n"
                                         "  local good, why = pcall(function()\n"
                                         "    while true do\n"
                                         "      local res = mg.call(pool, req)\n"
                                         "      n = n + 1\n"
                                         "    end\n"
                                         "  end)\n"
                                         "  return mg.reply.error(n .. ' ' .. why:match ': (.*)')"),
                       "--client-buffer", "64k", "--max-value", "10k", NULL);
    struct client *c = client_connects(m);
    char *value = stage_memory(10001);
    memset(value, 'x', 10000);
    client_sends(c, "get k\r\n");
    for (int i = 0; i < 8; i++) {
        backend_sees(b, "get k\r\n");
        backend_answers(b, hit_and_end("k", value));
    }
    client_sees(c,
                "SERVER_ERROR 8 this function holds as many bytes as it may (--client-buffer)\r\n");
    client_sends(c, "get none\r\n");
    for (int i = 0; i < 4096; i++) {
        backend_sees(b, "get none\r\n");
        backend_answers(b, "END\r\n");
    }
    client_sees(c, "SERVER_ERROR 4096 a function makes 4096 calls at most\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_read_ends_with_its_client),
        play(a_write_goes_on_without_its_client),
        play(a_sleeping_read_ends_with_its_client),
        play(a_client_that_goes_in_a_policy_takes_the_functions_below_along),
        play(what_was_spawned_goes_on_without_the_client),
        play(a_server_that_goes_is_an_error_to_the_function),
        play(functions_that_wait_end_on_the_script_that_they_began_with),
        play(reloads_while_functions_wait_keep_no_script_for_ever),
        play(a_drain_waits_for_functions),
        play(a_drain_without_time_ends_functions_that_wait),
        play(ten_thousand_functions_wait_at_once_in_bounded_memory),
        play(more_functions_than_may_wait_are_refused),
        play(a_function_holds_no_more_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
