/* Functions that wait: mg.async, mg.call, mg.call_all, mg.call_each, mg.spawn, mg.sleep, and what they answer. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void a_function_goes_on_where_it_waited(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_waiting(b,
                       "  local key, list = req.key, { 1, 2 }\n"
                       "  local one = mg.call(pool, mg.request.get(key .. 1))\n"
                       "  list[3] = one.value\n"
                       "  local two = mg.call(pool, mg.request.get(key .. 2))\n"
                       "  return mg.reply.value(table.concat(list, ',') .. ',' .. two.value, 9)"),
        NULL));
    for (int i = 0; i < 3; i++) { /* coroutines are used again */
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k1\r\n");
        backend_answers(b, hit_and_end("k1", "a"));
        backend_sees(b, "get k2\r\n");
        backend_answers(b, hit_and_end("k2", "b"));
        client_sees(c, "VALUE k 9 7\r\n1,2,a,b\r\nEND\r\n");
    }
    client_sees_nothing_more(c);
}

/* The kinds of what call_all gives for three servers, as a value. */
static const char *call_all_over(struct backend *const b[3], const char *options)
{
    return textf(MG "local pools = { mg.pool { '%s' }, mg.pool { '%s' }, mg.pool { '%s' } }\n"
                    "return mg.async(function(req)\n"
                    "  local kinds = {}\n"
                    "  for i, res in ipairs(mg.call_all(pools, req, %s)) do\n"
                    "    kinds[i] = res and res.kind or 'none'\n"
                    "  end\n"
                    "  return mg.reply.error(table.concat(kinds, ' '))\n"
                    "end)\n",
                 backend_address(b[0]), backend_address(b[1]), backend_address(b[2]), options);
}

static void call_all_waits_as_it_is_told(void **state)
{
    static const struct {
        const char *options, *answers[3], *kinds;
    } cases[] = {
        {"nil",
         {"VALUE k 0 1\r\nx\r\nEND\r\n", "END\r\n", "SERVER_ERROR no\r\n"},
         "hit miss server_error"},
        {"{ wait = 'all' }", {"END\r\n", "END\r\n", "END\r\n"}, "miss miss miss"},
        {"{ wait = 'first' }", {NULL, "END\r\n", NULL}, "none miss none"},
        {"{ wait = 'first' }", {"SERVER_ERROR no\r\n", "END\r\n", NULL}, "server_error miss none"},
        {"{ wait = 'hit' }", {"END\r\n", NULL, "VALUE k 0 0\r\n\r\nEND\r\n"}, "miss none hit"},
        {"{ wait = 'hit' }", {"END\r\n", "END\r\n", "END\r\n"}, "miss miss miss"},
        {"{ wait = 'majority' }", {"END\r\n", "END\r\n", NULL}, "miss miss none"},
        {"{ wait = 1 }", {NULL, NULL, "END\r\n"}, "none none miss"},
        {"{ wait = 2, timeout = 5 }", {"END\r\n", "END\r\n", NULL}, "miss miss none"},
        {"{ wait = 3, timeout = 0.05 }", {"END\r\n", NULL, NULL}, "miss none none"},
        {"{ timeout = 0.05 }", {NULL, NULL, NULL}, "none none none"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct backend *b[3] = {backend_listens(), backend_listens(), backend_listens()};
        struct client *c =
            client_connects(moongate_start(call_all_over(b, cases[i].options), NULL));
        client_sends(c, "get k\r\n");
        for (int k = 0; k < 3; k++) backend_sees(b[k], "get k\r\n");
        for (int k = 0; k < 3; k++) {
            if (cases[i].answers[k]) backend_answers(b[k], cases[i].answers[k]);
        }
        client_sees(c, textf("SERVER_ERROR %s\r\n", cases[i].kinds));
        for (int k = 0; k < 3; k++) { /* answers that come late are nobody's */
            if (!cases[i].answers[k]) backend_answers(b[k], hit_and_end("k", "late"));
        }
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void call_each_sends_many_requests_at_once(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_waiting(b, "  local list = {}\n"
                          "  for i = 1, 3 do list[i] = mg.request.get(req.key .. i) end\n"
                          "  local got = mg.call_each(pool, list)\n"
                          "  return mg.reply.value(got[1].value .. got[2].kind .. got[3].value)"),
        NULL));
    client_sends(c, "get k\r\n");
    for (int i = 1; i <= 3; i++) backend_sees(b, textf("get k%d\r\n", i));
    backend_answers(b, textf("%sEND\r\n%s", hit_and_end("k1", "a"), hit_and_end("k3", "c")));
    client_sees(c, hit_and_end("k", "amissc"));
}

static void a_call_has_a_time_limit_of_its_own(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_waiting(b, "  local res = mg.call(pool, req, 0.05)\n"
                                         "  return mg.reply.error(res.kind .. ': ' .. res.error)"),
                       NULL));
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sees(c, "SERVER_ERROR timeout: timeout\r\n");
    backend_answers(b, hit_and_end("k", "late"));
    client_sees_nothing_more(c);
}

static void what_is_spawned_is_not_waited_for(void **state)
{
    struct backend *b = backend_listens(), *other = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "local pool, other = mg.pool { '%s' }, mg.pool { '%s' }\n"
                 "local function plain(req) mg.spawn(other, mg.request.set('s', 'plain')) return "
                 "pool end\n"
                 "local slow = mg.async(function(req)\n"
                 "  mg.spawn(other, mg.request.set('s', 'slow', 1, 2))\n"
                 "  mg.spawn(other, req)\n"
                 "  return mg.reply.miss()\n"
                 "end)\n"
                 "return function(req) return req.key == 'slow' and slow or plain end\n",
              backend_address(b), backend_address(other)),
        NULL));
    client_sends(c, "get slow\r\n");
    client_sees(c, "END\r\n");
    backend_sees(other, "set s 1 2 4\r\nslow\r\nget slow\r\n");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_sees(other, "set s 0 0 5\r\nplain\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    backend_answers(other, "STORED\r\nEND\r\nSTORED\r\n");
    client_sees_nothing_more(c);
}

static void what_spawns_itself_comes_to_an_end(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG
              "local pool = mg.pool { '%s' }\n"
              "local again\n"
              "again = mg.async(function(req) mg.spawn(again, req) return mg.call(pool, req) end)\n"
              "return again\n",
              backend_address(b)),
        NULL));
    client_sends(c, "get k\r\n");
    for (int i = 0; i < 33; i++) {
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
    }
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

/* Whatever is decided first, or begun later: what a client asked for first is sent first. */
static void what_functions_send_goes_out_with_their_requests(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "local waits = mg.async(function(req) return (mg.call(pool, req)) end)\n"
                 "return function(req)\n"
                 "  if req.key == 'wait' then return waits end\n"
                 "  if req.key == 'spawn' then mg.spawn(pool, mg.request.delete 'more') end\n"
                 "  return pool\n"
                 "end\n",
              backend_address(b)),
        NULL));
    client_sends(c, "delete wait\r\ndelete plain\r\ndelete spawn\r\ndelete wait\r\n");
    backend_sees(b, "delete wait\r\ndelete plain\r\ndelete more\r\ndelete spawn\r\n"
                    "delete wait\r\n");
    backend_answers(b, "DELETED\r\nNOT_FOUND\r\nDELETED\r\nDELETED\r\nNOT_FOUND\r\n");
    client_sees(c, "DELETED\r\nNOT_FOUND\r\nDELETED\r\nNOT_FOUND\r\n");
}

static void a_function_may_sleep(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_waiting(b, "  mg.sleep(0.05)\n  return mg.reply.miss()"), NULL));
    double began = stage_now();
    client_sends(c, "get k\r\n");
    client_sees(c, "END\r\n");
    assert_true(stage_now() - began >= 0.045);
}

static void functions_stand_in_policies_and_policies_in_functions(void **state)
{
    struct backend *b = backend_listens(), *down = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf(MG "local pool, first = mg.pool { '%s' }, mg.pool { '%s' }\n"
                 "local inner = mg.async(function(req)\n"
                 "  local res = mg.call(first, req)\n"
                 "  return res:is_error() and mg.reply.error 'inner gives up' or res\n"
                 "end)\n"
                 "local both = mg.failover { inner, pool, on = { 'error', 'denied' } }\n"
                 "return mg.async(function(req)\n"
                 "  local res = mg.call(both, req)\n"
                 "  return mg.reply.value('outer ' .. res.value)\n"
                 "end)\n",
              backend_address(b), backend_address(down)),
        NULL));
    client_sends(c, "get k\r\n");
    backend_sees(down, "get k\r\n");
    backend_answers(down, "SERVER_ERROR no\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "outer x"));
}

static void errors_can_be_caught_across_a_wait(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_waiting(
            b,
            "  local good, res = pcall(mg.call, pool, req)\n"
            "  local bad, why = pcall(mg.call, function() mg.sleep(0.01) error 'mine' end, req)\n"
            "  local none, what = pcall(function() return mg.call(pool, { }).value end)\n"
            "  return mg.reply.error(table.concat({ tostring(good), res.kind, tostring(bad),\n"
            "    why:match 'mine', tostring(none), what:match 'own request' }, ' '))"),
        NULL));
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "SERVER_ERROR true miss false mine false own request\r\n");
}

static void an_error_after_a_wait_costs_the_request_and_is_logged(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_waiting(b, "  local function deep() error 'too deep' end\n"
                                         "  if mg.call(pool, req):is_miss() then deep() end\n"
                                         "  return mg.reply.miss()"),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\nget j\r\n");
    backend_sees(b, "get k\r\nget j\r\n");
    backend_answers(b, textf("END\r\n%s", hit_and_end("j", "x")));
    client_sees(c, "SERVER_ERROR script error\r\nEND\r\n");
    const char *line = moongate_log_line(m, "too deep");
    if (!strstr(line, "script.lua:4") || !strstr(line, "stack traceback"))
        stage_fails("no place or no traceback: %s", line);
}

/* A function that has called runs `body` on the response, and returns it. Its request is sent, answered, and seen. */
static struct moongate *a_response_meets(const char *body, const char *sent, const char *answer,
                                         const char *reply)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_waiting(b, textf("  local res = mg.call(pool, req)\n  %s\n  return res", body)),
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, textf("%s\r\n", sent));
    backend_sees(b, textf("%s\r\n", sent));
    backend_answers(b, answer);
    client_sees(c, reply);
    client_sees_nothing_more(c);
    return m;
}

static void a_response_can_be_changed(void **state)
{
    static const struct {
        const char *sent, *answer, *body, *reply;
    } cases[] = {
        {"get k", "VALUE k 5 3\r\nabc\r\nEND\r\n",
         "res.value = res.value .. '!' res.flags = res.flags + 1",
         "VALUE k 6 4\r\nabc!\r\nEND\r\n"},
        {"gets k", "VALUE k 5 3 7\r\nabc\r\nEND\r\n", "res.value = '' res.cas = 8",
         "VALUE k 5 0 8\r\n\r\nEND\r\n"},
        {"gets k", "VALUE k 5 3 7\r\nabc\r\nEND\r\n", "res.cas = '18446744073709551615'",
         "VALUE k 5 3 18446744073709551615\r\nabc\r\nEND\r\n"},
        {"mg k v f c s k Oxy t", "VA 3 f5 c7 s3 kk Oxy t-1\r\nabc\r\n",
         "res.value = 'long enough' res.flags = 0 res.cas = 1 assert(res.ttl == -1)",
         "VA 11 f0 c1 s11 kk Oxy t-1\r\nlong enough\r\n"},
        {"mg k f", "HD f5\r\n", "res.flags = 9", "HD f9\r\n"},
        {"mg k s v", "VA 1 s1\r\nx\r\n", "res.value = ('v'):rep(12)",
         "VA 12 s12\r\nvvvvvvvvvvvv\r\n"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n",
         "res.value = 'yz' assert(res.size == 2 and res.value == 'yz' and res.flags == 5)\n"
         "local set = mg.request.set('copy', res) assert(set.value == 'yz')",
         "VALUE k 5 2\r\nyz\r\nEND\r\n"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n",
         "local sum = 0 for i = 1, 100 do res.value = ('y'):rep(i) sum = sum + res.size end\n"
         "res.value = tostring(sum)",
         "VALUE k 5 4\r\n5050\r\nEND\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        a_response_meets(cases[i].body, cases[i].sent, cases[i].answer, cases[i].reply);
        stage_clears();
    }
}

static void what_a_response_does_not_show_cannot_be_changed(void **state)
{
    static const struct {
        const char *sent, *answer, *body, *wrong;
    } cases[] = {
        {"get k", "END\r\n", "res.value = 'x'", "res.value: this response carries no value"},
        {"get k", "SERVER_ERROR no\r\n", "res.value = 'x'", "carries no value"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.cas = 1", "res.cas: this response does not"},
        {"mg k f", "HD f5\r\n", "res.value = 'x'", "carries no value"},
        {"mg k v", "VA 1\r\nx\r\n", "res.flags = 1", "res.flags: this response does not"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.value = 5", "takes a string, not a number"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.flags = -1", "a whole number from 0 on"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.cas = 'y'", "a whole number from 0 on"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.kind = 'hit'",
         "value, flags and cas can be set"},
        {"get k", "VALUE k 5 1\r\nx\r\nEND\r\n", "res.value = ('x'):rep(2 ^ 20 + 1)",
         "longer than --max-value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct moongate *m = a_response_meets(cases[i].body, cases[i].sent, cases[i].answer,
                                              "SERVER_ERROR script error\r\n");
        moongate_sees_log(m, cases[i].wrong);
        stage_clears();
    }
}

/* The answer to one command as that to another: where it means the same, with the client's key; else an error. */
static void a_result_answers_only_what_it_fits(void **state)
{
    static const struct {
        const char *sent, *request, *seen, *answer, *reply;
    } cases[] = {
        {"get k", "get 'j'", "get j", "VALUE j 5 1\r\nx\r\nEND\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n"},
        {"get k", "gat('j', 3)", "gat 3 j", "VALUE j 5 1\r\nx\r\nEND\r\n",
         "VALUE k 5 1\r\nx\r\nEND\r\n"},
        {"get k", "get 'j'", "get j", "END\r\n", "END\r\n"},
        {"get k", "get 'j'", "get j", "SERVER_ERROR no\r\n", "SERVER_ERROR no\r\n"},
        {"gets k", "get 'j'", "get j", "VALUE j 5 1\r\nx\r\nEND\r\n", NULL},
        {"gets k", "get 'j'", "get j", "END\r\n", "END\r\n"},
        {"get k", "gets 'j'", "gets j", "VALUE j 5 1 7\r\nx\r\nEND\r\n", NULL},
        {"get k", "delete 'j'", "delete j", "DELETED\r\n", NULL},
        {"get k", "delete 'j'", "delete j", "NOT_FOUND\r\n", "END\r\n"},
        {"get k", "set('j', 'x')", "set j 0 0 1\r\nx", "STORED\r\n", NULL},
        {"delete k", "delete 'j'", "delete j", "DELETED\r\n", "DELETED\r\n"},
        {"delete k", "get 'j'", "get j", "VALUE j 5 1\r\nx\r\nEND\r\n", NULL},
        {"delete k", "touch('j', 1)", "touch j 1", "TOUCHED\r\n", NULL},
        {"incr k 1", "decr('j', 1)", "decr j 1", "41\r\n", "41\r\n"},
        {"mg k v", "get 'j'", "get j", "VALUE j 5 1\r\nx\r\nEND\r\n", NULL},
        {"mg k v", "get 'j'", "get j", "END\r\n", "EN\r\n"},
        {"mg k v k", "meta_get('j', 'v k')", "mg j v k", "VA 1 kj\r\nx\r\n", "VA 1 kk\r\nx\r\n"},
        {"mg k v O1", "meta_get('j', 'v')", "mg j v", "VA 1\r\nx\r\n", NULL},
        {"mg k v O1", "meta_get('j', 'v O2')", "mg j v O2", "VA 1 O2\r\nx\r\n", NULL},
        {"mg k v O1", "meta_get('j', 'v O1')", "mg j v O1", "VA 1 O1\r\nx\r\n", "VA 1 O1\r\nx\r\n"},
        {"mg k v O1", "meta_get('j', 'v')", "mg j v", "EN\r\n", "EN O1\r\n"},
        {"get k", "meta_get('j', 'v')", "mg j v", "VA 1\r\nx\r\n", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(moongate_start(
            script_waiting(b, textf("  return mg.call(pool, mg.request.%s)", cases[i].request)),
            NULL));
        client_sends(c, textf("%s\r\n", cases[i].sent));
        backend_sees(b, textf("%s\r\n", cases[i].seen));
        backend_answers(b, cases[i].answer);
        client_sees(c, cases[i].reply ? cases[i].reply : "SERVER_ERROR script error\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_function_goes_on_where_it_waited),
        play(call_all_waits_as_it_is_told),
        play(call_each_sends_many_requests_at_once),
        play(a_call_has_a_time_limit_of_its_own),
        play(what_is_spawned_is_not_waited_for),
        play(what_spawns_itself_comes_to_an_end),
        play(what_functions_send_goes_out_with_their_requests),
        play(a_function_may_sleep),
        play(functions_stand_in_policies_and_policies_in_functions),
        play(errors_can_be_caught_across_a_wait),
        play(an_error_after_a_wait_costs_the_request_and_is_logged),
        play(a_response_can_be_changed),
        play(what_a_response_does_not_show_cannot_be_changed),
        play(a_result_answers_only_what_it_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
