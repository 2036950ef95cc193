/* Functions that wait where they may not, and what they keep longer than it lives: their wrong use costs one request. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* What a function may not do: the log has the reason, the client an error, the server nothing. */
static void wrong_use_is_an_error_of_that_request_alone(void **state)
{
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"return mg.call(5, req)", "takes a route, not a number"},
        {"return mg.call(nil, req)", "takes a route, not nothing"},
        {"return mg.call(pool)", "own request or one of mg.request"},
        {"return mg.call(pool, {})", "own request or one of mg.request"},
        {"return mg.call(pool, 'k')", "own request or one of mg.request"},
        {"return mg.call(pool, pool)", "own request or one of mg.request"},
        {"return mg.call(pool, req, 0)", "takes seconds from 0.001"},
        {"return mg.call(pool, req, 0/0)", "takes seconds from 0.001"},
        {"return mg.call(pool, req, 'x')", "takes seconds from 0.001"},
        {"mg.call_all({}, req)", "takes a list of routes"},
        {"mg.call_all(pool, req)", "takes a list of routes"},
        {"mg.call_all({ pool }, req, { wiat = 1 })", "unknown option 'wiat'"},
        {"mg.call_all({ pool }, req, { wait = 'most' })", "wait takes"},
        {"mg.call_all({ pool }, req, { wait = 0 })", "wait takes"},
        {"mg.call_all({ pool }, req, 'all')", "takes a table of options"},
        {"mg.call_each(pool, req)", "takes a list of requests"},
        {"mg.call_each(pool, { req, 1 })", "own request or one of mg.request"},
        {"mg.sleep(-1)", "takes seconds"},
        {"mg.sleep()", "takes seconds"},
        {"mg.spawn(pool, nil)", "takes a request"},
        {"mg.spawn(nil, req)", "takes a route"},
        {"return 7", "returned a number"},
        {"return nil", "returned nothing"},
        {"return {}", "returned a table"},
        {"coroutine.yield()", "yields through mg.call"},
        {"coroutine.yield(1)", "yields through mg.call"},
        {"return coroutine.wrap(function() return mg.call(pool, req) end)()",
         "can only be called in a function that mg.async"},
        {"return mg.async(function() end)", "while the script loads"},
        {"return mg.pool { '127.0.0.1:1' }", "while the script loads"},
        {"return mg.failover { pool, pool }", "while the script loads"},
        {"return function(r) return r end", "returned a request"},
        {"local function f() return f end return f", "without end"},
        {"req.key = 'a b' return pool", "a key is 1 to 250 bytes"},
        {"req.key = 'a\\r\\nflush_all\\r\\n' return pool", "a key is 1 to 250 bytes"},
        {"req.key = 'a\\0b' return pool", "a key is 1 to 250 bytes"},
        {"req.key = '' return pool", "a key is 1 to 250 bytes"},
        {"req.key = ('k'):rep(251) return pool", "a key is 1 to 250 bytes"},
        {"req.key = nil return pool", "takes a string"},
        {"req.value = 'x' return pool", "carries no value"},
        {"req.exptime = 1.5 return pool", "whole number"},
        {"req.flags = -1 return pool", "whole number"},
        {"req.flags = 'x' return pool", "whole number"},
        {"req.cas = 1 return pool", "has no cas"},
        {"req.nosuch = 1 return pool", "no field 'nosuch'"},
        {"return req.nosuch", "no field 'nosuch'"},
        {"return mg.call(pool, mg.request.get 'a b')", "a key is 1 to 250 bytes"},
        {"return mg.call(pool, mg.request.get 'a\\nb')", "a key is 1 to 250 bytes"},
        {"return mg.call(pool, mg.request.get(('k'):rep(251)))", "a key is 1 to 250 bytes"},
        {"return mg.call(pool, mg.request.get(5))", "takes a string"},
        {"return mg.call(pool, mg.request.get())", "takes a string"},
        {"return mg.call(pool, mg.request.set('k'))", "takes a string"},
        {"return mg.call(pool, mg.request.set('k', ('x'):rep(2000)))", "--max-value"},
        {"return mg.call(pool, mg.request.set('k', 'v', -1))", "whole number"},
        {"return mg.call(pool, mg.request.set('k', 'v', 0, 2 ^ 40))", "whole number"},
        {"return mg.call(pool, mg.request.cas('k', 'v', -1))", "whole number"},
        {"return mg.call(pool, mg.request.meta_get('k', 'v v'))", "each once"},
        {"return mg.call(pool, mg.request.meta_get('k', 'v q'))", "are the client's"},
        {"return mg.call(pool, mg.request.meta_get('k', 'v\\r\\nflush_all'))", "meta flags"},
        {"return mg.call(pool, mg.request.meta_get('a b', 'v'))", "a key is 1 to 250 bytes"},
        {"return mg.call(pool, mg.request.meta_get(('k'):rep(187), 'b'))",
         "a key is 1 to 250 bytes"},
        {"return mg.reply.value(7)", "takes a string"},
        {"return mg.reply.value('x', -1)", "whole number"},
        {"error()", "script"},
        {"error(setmetatable({}, { __tostring = error }))", "script"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(
            script_waiting(b, textf("  if req.key == 'good' then return pool end\n  do %s end",
                                    cases[i].body)),
            "--max-value", "1024", NULL);
        errors_cost_only(m, b, "get bad\r\n", 1);
        moongate_sees_log(m, cases[i].reason);
        stage_clears();
    }
}

static void outside_of_a_waiting_function_nothing_waits(void **state)
{
    static const char *const bodies[] = {"return mg.call(pool, req)",
                                         "return mg.call_all({ pool }, req)", "mg.sleep(1)",
                                         "return mg.call_each(pool, { mg.request.get 'k' })"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                                     "return function(req) %s end\n",
                                                  backend_address(b), bodies[i]),
                                            NULL);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        client_sees(c, "SERVER_ERROR script error\r\n");
        moongate_sees_log(m, "can only be called in a function that mg.async was given");
        backend_has_nothing_yet(b);
        stage_clears();
    }
    static const char *const loads[] = {"mg.call(1, 2)", "mg.sleep(1)",
                                        "mg.spawn(mg.pool { '127.0.0.1:1' }, mg.request.get 'k')",
                                        "mg.async(1)", "mg.async()"};
    for (size_t i = 0; i < COUNT(loads); i++) {
        const char *file =
            moongate_script_file(textf(MG "%s\nreturn mg.pool { '127.0.0.1:1' }\n", loads[i]));
        struct run run = moongate_runs("-t", file, NULL);
        assert_int_equal(run.code, 1);
        assert_non_null(strstr(run.err, "script.lua:2"));
    }
}

/* The error of a wait where nothing can wait is caught; then the function ends, or waits again where it may. */
static void a_wait_that_cannot_be_leaves_nothing_behind(void **state)
{
    static const char *const waits[] = {
        "mg.call(mg.reply.miss(), req)", "mg.call(pool, req)", "mg.sleep(0.001)",
        "mg.call_all({ pool, mg.reply.miss() }, req, { wait = 'first', timeout = 0.001 })"};
    static const char *const ends[] = {"return mg.reply.miss()", "return mg.call(pool, req)",
                                       "return pool", "mg.sleep(0.005) return mg.reply.miss()",
                                       "error 'after all'"};
    for (size_t i = 0; i < COUNT(waits) * COUNT(ends); i++) {
        struct memcached *s = memcached_start(NULL);
        const char *end = ends[i / COUNT(waits)];
        struct client *c = client_connects(moongate_start(
            textf(MG "local pool = mg.pool { '%s' }\n"
                     "return mg.async(function(req)\n"
                     "  local good, why = pcall(table.sort, { 1, 2 }, function() %s end)\n"
                     "  assert(not good and why:find 'yield')\n"
                     "  %s\n"
                     "end)\n",
                  memcached_address(s), waits[i % COUNT(waits)], end),
            NULL));
        for (int k = 0; k < 20; k++) {
            client_sends(c, "get k\r\n");
            client_sees(c, strncmp(end, "error", 5) == 0 ? "SERVER_ERROR script error\r\n"
                                                         : "END\r\n");
        }
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* A script cannot have the coroutine that moongate resumes; those of its own it may. */
/* Ends of functions that look like a call as the last act, and yields that look like a wait. */
static void only_a_call_that_is_the_last_act_ends_a_function(void **state)
{
    static const struct {
        const char *body, *reply, *wrong;
    } cases[] = {
        {"return mg.call(pool, req)", "END\r\n", NULL},
        {"return (mg.call(pool, req))", "END\r\n", NULL},
        {"local function f(r) return mg.call(pool, r) end return f(req)", "END\r\n", NULL},
        {"return select(2, pcall(mg.call, pool, req))", "END\r\n", NULL},
        {"return pcall(mg.call, pool, req)", "SERVER_ERROR script error\r\n", "returned a boolean"},
        {"return setmetatable({}, { __index = function(_, r) return mg.call(pool, r) end })[req]",
         "END\r\n", NULL},
        {"pcall(table.sort, { 1, 2 }, function() mg.call(pool, req) end) coroutine.yield()",
         "SERVER_ERROR script error\r\n", "yields through mg.call"},
        {"pcall(table.sort, { 1, 2 }, function() mg.call(pool, req) end) coroutine.yield(1, 2)",
         "SERVER_ERROR script error\r\n", "yields through mg.call"},
        {"local res for i = 1, 9 do res = mg.call(pool, req) end return res", "END\r\n", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memcached *s = memcached_start(NULL);
        struct moongate *m = moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                                     "return mg.async(function(req) %s end)\n",
                                                  memcached_address(s), cases[i].body),
                                            NULL);
        struct client *c = client_connects(m);
        for (int k = 0; k < 100; k++) { /* compiled by then */
            client_sends(c, "get k\r\n");
            client_sees(c, cases[i].reply);
        }
        if (cases[i].wrong) moongate_sees_log(m, cases[i].wrong);
        stage_clears();
    }
}

static void a_functions_coroutine_is_only_moongates(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                "return mg.async(function(req)\n"
                                "  local has = tostring(coroutine.running())\n"
                                "  local inside = coroutine.wrap(function()\n"
                                "    return type(coroutine.running()) end)()\n"
                                "  mg.call(pool, req)\n"
                                "  return mg.reply.error(has .. ' ' .. inside .. ' ' ..\n"
                                "    tostring(coroutine.running()))\n"
                                "end)\n",
                             backend_address(b)),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "SERVER_ERROR nil thread nil\r\n");
}

/* What a script keeps is over for others, and once its function has ended for all. */
static void what_is_kept_too_long_is_never_anothers(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG
              "local pool = mg.pool { '%s' }\n"
              "local kept = {}\n"
              "local tries = {\n"
              "  function() return kept.req.key end,\n"
              "  function() kept.req.key = 'x' end,\n"
              "  function() return kept.req:has_prefix 'k' end,\n"
              "  function() return kept.res.value end,\n"
              "  function() return kept.res:flag 't' end,\n"
              "  function() return mg.call(pool, kept.req) end,\n"
              "  function() return mg.spawn(pool, kept.req) end,\n"
              "  function() return mg.request.set('k', kept.res) end,\n"
              "  function() return mg.call(pool, kept.set) end,\n"
              "  function() return kept.set.value end,\n"
              "}\n"
              "local function failures()\n"
              "  local failed = 0\n"
              "  for _, f in ipairs(tries) do if not pcall(f) then failed = failed + 1 end end\n"
              "  return mg.reply.error(failed .. ' of ' .. #tries)\n"
              "end\n"
              "local waits = mg.async(function(req)\n"
              "  if req.key == 'other' then return failures() end\n"
              "  kept.req, kept.res = req, mg.call(pool, req)\n"
              "  kept.set = mg.request.set('k', kept.res)\n"
              "  if req.key == 'wait' then mg.call(pool, mg.request.get 'more') end\n"
              "  return kept.res\n"
              "end)\n"
              "return function(req) if req.key == 'sync' then return failures() end return waits "
              "end\n",
              backend_address(b)),
        NULL);
    struct client *c = client_connects(m), *d = client_connects(m);
    get_finds(c, "keep", b, "keep", "x");
    client_sends(c, "get sync\r\n");
    client_sees(c, "SERVER_ERROR 10 of 10\r\n");
    client_sends(c, "get other\r\n"); /* in the same coroutine */
    client_sees(c, "SERVER_ERROR 10 of 10\r\n");

    client_sends(c, "get wait\r\n"); /* lives, and is another's */
    backend_sees(b, "get wait\r\n");
    backend_answers(b, hit_and_end("wait", "z"));
    backend_sees(b, "get more\r\n");
    client_sends(d, "get sync\r\nget other\r\n");
    client_sees(d, "SERVER_ERROR 9 of 10\r\nSERVER_ERROR 9 of 10\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, hit_and_end("wait", "z"));
}

/* Below a policy a request's bytes go with its flow, which may be before the turn ends; and a function that waits takes them over. */
static void a_request_that_was_decided_is_void_in_the_same_turn(void **state)
{
    static const char *const ends[] = {
        "for i = 1, #kept - 1 do if is_there(kept[i]) then return mg.reply.miss() end end"
        "  return mg.reply.value 'x'",
        "return at_once"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(moongate_start(
            textf(MG "local pool = mg.pool { '%s' }\n"
                     "local kept = {}\n"
                     "local function is_there(old)\n"
                     "  return pcall(function() return old.key end) or\n"
                     "    pcall(function() return old:in_share(1) end)\n"
                     "end\n"
                     "local at_once = mg.async(function(req)\n"
                     "  local old = table.remove(kept, 1)\n"
                     "  if is_there(old) then return mg.reply.error 'it is still there' end\n"
                     "  return mg.reply.value 'x'\n"
                     "end)\n"
                     "local function f(req)\n"
                     "  kept[#kept + 1] = req\n"
                     "  %s\n"
                     "end\n"
                     "return mg.failover { f, pool }\n",
                  backend_address(b), ends[i]),
            NULL));
        client_sends(c, "get k1 k2 k3\r\n");
        client_sees(c, "VALUE k1 0 1\r\nx\r\nVALUE k2 0 1\r\nx\r\nVALUE k3 0 1\r\nx\r\nEND\r\n");
        stage_clears();
    }
}

static void another_functions_request_cannot_be_sent_as_its_own(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                "local first, response\n"
                                "return mg.async(function(req)\n"
                                "  if req.key == 'one' then\n"
                                "    first = req\n"
                                "    response = mg.call(pool, req)\n"
                                "    mg.call(pool, mg.request.get 'wait')\n"
                                "    return response\n"
                                "  end\n"
                                "  if req.key == 'two' then return mg.call(pool, first) end\n"
                                "  return response\n"
                                "end)\n",
                             backend_address(b)),
                       NULL);
    struct client *c = client_connects(m), *d = client_connects(m);
    client_sends(c, "get one\r\n");
    backend_sees(b, "get one\r\n");
    backend_answers(b, hit_and_end("one", "1"));
    backend_sees(b, "get wait\r\n");
    client_sends(d, "get two\r\nget three\r\n");
    client_sees(d, "SERVER_ERROR script error\r\nSERVER_ERROR script error\r\n");
    moongate_sees_log(m, "this request is over");
    moongate_sees_log(m, "returned a response, not a response of its own");
    backend_answers(b, "END\r\n");
    client_sees(c, hit_and_end("one", "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(wrong_use_is_an_error_of_that_request_alone),
        play(outside_of_a_waiting_function_nothing_waits),
        play(a_wait_that_cannot_be_leaves_nothing_behind),
        play(only_a_call_that_is_the_last_act_ends_a_function),
        play(a_functions_coroutine_is_only_moongates),
        play(what_is_kept_too_long_is_never_anothers),
        play(a_request_that_was_decided_is_void_in_the_same_turn),
        play(another_functions_request_cannot_be_sent_as_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
