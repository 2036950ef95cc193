/* The script: routing, rewriting, refusing, and what its errors cost. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

static void a_script_may_return_a_pool(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        textf("return require('moongate').pool { '%s' }", backend_address(b)), NULL));
    get_finds(c, "k", b, "k", "x");
}

static void prefixes_choose_the_pool(void **state)
{
    struct backend *users = backend_listens(), *rest = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local users = mg.pool { '%s', name = 'users' }\n"
                                "local rest = mg.pool { '%s' }\n"
                                "return function(req)\n"
                                "  if req:has_prefix 'user:' then return users end\n"
                                "  return rest\n"
                                "end\n",
                             backend_address(users), backend_address(rest)),
                       NULL);
    struct client *c = client_connects(m);

    client_sends(c,
                 "delete user:1\r\ndelete user\r\ndelete user:\r\ndelete xuser:\r\ndelete u\r\n");
    backend_sees(users, "delete user:1\r\ndelete user:\r\n");
    backend_sees(rest, "delete user\r\ndelete xuser:\r\ndelete u\r\n");
    backend_answers(users, "DELETED\r\nNOT_FOUND\r\n");
    backend_answers(rest, "NOT_FOUND\r\nDELETED\r\nDELETED\r\n");
    client_sees(c, "DELETED\r\nNOT_FOUND\r\nNOT_FOUND\r\nDELETED\r\nDELETED\r\n");
}

static void the_script_sees_what_the_client_sent(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(
            b,
            "  return mg.reply.error(table.concat({ req.command, req.key, tostring(req.exptime),\n"
            "    tostring(req.flags), tostring(req.value) }, '|'))"),
        NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set k1 7 100 3\r\nabc\r\n");
    client_sees(c, "SERVER_ERROR set|k1|100|7|abc\r\n");
    client_sends(c, "cas k3 4294967295 -1 1 99\r\nx\r\n");
    client_sees(c, "SERVER_ERROR cas|k3|-1|4294967295|x\r\n");
    static const char *const commands[] = {"get k", "gets k", "delete k", "incr k 1", "decr k 1"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        client_sends(c, textf("%s\r\n", commands[i]));
        client_sees_line_starting(
            c, textf("SERVER_ERROR %.*s|k|", (int)strcspn(commands[i], " "), commands[i]));
    }
    client_sends(c, "touch k 55\r\ngat 66 k\r\ngats 77 k\r\n");
    client_sees_line_starting(c, "SERVER_ERROR touch|k|55|");
    client_sees_line_starting(c, "SERVER_ERROR gat|k|66|");
    client_sees_line_starting(c, "SERVER_ERROR gats|k|77|");
    client_sees_nothing_more(c);
}

static void rewritten_fields_are_what_the_backend_sees(void **state)
{
    static const struct {
        const char *body, *sent, *seen;
    } cases[] = {
        {"req.key = 'new:' .. req.key", "set k 1 2 3\r\nabc\r\n", "set new:k 1 2 3\r\nabc\r\n"},
        {"req.exptime = 60", "set k 1 2 3\r\nabc\r\n", "set k 1 60 3\r\nabc\r\n"},
        {"req.exptime = -1", "add k 1 2 3\r\nabc\r\n", "add k 1 -1 3\r\nabc\r\n"},
        {"req.flags = 4294967295", "set k 1 2 3\r\nabc\r\n", "set k 4294967295 2 3\r\nabc\r\n"},
        {"req.value = req.value .. '\\r\\n!'", "set k 1 2 3\r\nabc\r\n",
         "set k 1 2 6\r\nabc\r\n!\r\n"},
        {"req.value = ''", "set k 1 2 3\r\nabc\r\n", "set k 1 2 0\r\n\r\n"},
        {"req.key, req.flags, req.exptime, req.value = 'z', 9, 8, 'seven'",
         "cas k 1 2 3 44\r\nabc\r\n", "cas z 9 8 5 44\r\nseven\r\n"},
        {"req.key = req.key:upper()", "incr k 5\r\n", "incr K 5\r\n"},
        {"req.key = req.key:upper()", "delete k\r\n", "delete K\r\n"},
        {"req.exptime = 10", "touch k 99\r\n", "touch k 10\r\n"},
        {"req.exptime = 10", "gat 99 k\r\n", "gat 10 k\r\n"},
        {"req.exptime = 10; req.key = 'x'", "set k 0 0 1 noreply\r\n1\r\n",
         "set x 0 10 1\r\n1\r\n"},
        {"req.key = req.key; req.value = req.value", "append k 0 0 3\r\nabc\r\n",
         "append k 0 0 3\r\nabc\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(
            moongate_start(script_routing(b, textf("  %s\n  return pool", cases[i].body)), NULL));
        client_sends(c, cases[i].sent);
        backend_sees(b, cases[i].seen);
        stage_clears();
    }
}

static void a_key_of_250_bytes_may_be_rewritten_to(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_routing(b, "  req.key = ('k'):rep(250)\n  return pool"), NULL));
    char key[251] = "";
    memset(key, 'k', 250);

    client_sends(c, "get a\r\n");
    backend_sees(b, textf("get %s\r\n", key));
    backend_answers(b, hit_and_end(key, "x"));
    client_sees(c, hit_and_end("a", "x"));
}

static void a_script_refuses(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(b, "  if req:has_prefix 'no' then return mg.reply.error 'not today' end\n"
                          "  return mg.reply.miss()"),
        NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get no\r\nset no 0 0 1\r\na\r\nincr no 1\r\ngat 1 no\r\n");
    for (int i = 0; i < 4; i++) client_sees(c, "SERVER_ERROR not today\r\n");
    client_sends(c, "get k\r\ngets k k2\r\ngat 1 k\r\ndelete k\r\nincr k 1\r\ntouch k 1\r\n");
    client_sees(c, "END\r\nEND\r\nEND\r\nNOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

static void a_reply_text_cannot_forge_lines(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(b, "  return mg.reply.error('a\\r\\nVALUE k 0 1\\r\\nx')"), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_sees_nothing_more(c);
}

static void an_error_costs_one_request_and_is_logged_with_its_place(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_routing(b, "  if req.key == 'bad' then\n"
                                         "    error 'on purpose'\n"
                                         "  end\n"
                                         "  if req.key == 'worse' then local t; t.x = 1 end\n"
                                         "  return pool"),
                       NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "get k1\r\nget bad\r\nget k2\r\nset worse 0 0 1\r\nx\r\nget k3 bad k4\r\n");
    client_sends(other, "get k5\r\n");
    backend_sees_links(b, 1);
    for (int n = 0; n < 4; n++) { /* the two clients' requests may come in either order */
        const char *line = backend_sees_line(b) + strlen("get ");
        if (strcmp(line, "k3 k4") == 0)
            backend_answers(b, textf("%s%sEND\r\n", hit("k3", "3"), hit("k4", "4")));
        else
            backend_answers(b, hit_and_end(line, line));
    }
    client_sees(c, hit_and_end("k1", "k1"));
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sees(c, hit_and_end("k2", "k2"));
    client_sees(c, "SERVER_ERROR script error\r\n");
    client_sees(c, textf("%s%sSERVER_ERROR script error\r\n", hit("k3", "3"), hit("k4", "4")));
    client_sees_nothing_more(c);
    client_sees(other, hit_and_end("k5", "k5"));

    const char *line = moongate_log_line(m, "on purpose");
    if (!strstr(line, "script.lua:5:")) stage_fails("no place in: %s", line);
    if (!strstr(line, "traceback")) stage_fails("no traceback in: %s", line);
    moongate_sees_log(m, "script.lua:7:");
}

static void what_is_not_a_route_is_a_script_error(void **state)
{
    static const char *const bodies[] = {"",
                                         "return nil",
                                         "return 7",
                                         "return 'pool'",
                                         "return true",
                                         "return {}",
                                         "return function() end",
                                         "return pool.x",
                                         "return mg"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(
            script_routing(
                b, textf("  if req.key == 'good' then return pool end\n  do %s end", bodies[i])),
            NULL);
        errors_cost_only(m, b, "get bad\r\n", 1);
        moongate_sees_log(m, "script");
        stage_clears();
    }
}

static void keys_that_cannot_be_sent_are_script_errors(void **state)
{
    static const char *const keys[] = {
        "'x\\r\\nflush_all\\r\\n'",
        "'a b'",
        "''",
        "('k'):rep(251)",
        "'a\\nb'",
        "'a\\0b'",
        "'return\\red'",
        "17",
        "{}",
        "true",
        "nil",
        "print",
        "('k'):rep(100000)",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(
            script_routing(
                b, textf("  if req.key ~= 'good' then req.key = %s end\n  return pool", keys[i])),
            NULL);
        errors_cost_only(m, b, "get bad\r\nset bad 0 0 1\r\nx\r\n", 2);
        moongate_sees_log(m, "script.lua:4");
        stage_clears();
    }
}

static void fields_that_cannot_be_sent_are_script_errors(void **state)
{
    static const char *const bodies[] = {
        "req.exptime = 'soon'", "req.flags = -1",           "req.flags = 2^54",
        "req.flags = {}",       "req.value = {}",           "req.value = nil",
        "req.exptime = 0/0",    "req.exptime = 1e300",      "req.command = 'flush_all'",
        "req.nosuchfield = 1",  "local x = req.nosuchfield"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(
            script_routing(b,
                           textf("  if req.key ~= 'good' then %s end\n  return pool", bodies[i])),
            NULL);
        errors_cost_only(m, b, "set bad 0 0 1\r\nx\r\n", 1);
        stage_clears();
    }
}

static void errors_without_end_do_not_fill_the_log(void **state)
{
    enum { REQUESTS = 2000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_routing(b, "  error 'again and again'"), NULL);
    struct client *c = client_connects(m);
    struct octets requests = {0}, replies = {0};

    for (int i = 0; i < REQUESTS; i++) {
        octets_add(&requests, "get k\r\n", 7);
        octets_add(&replies, "SERVER_ERROR script error\r\n", 27);
    }
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    client_sees_bytes(c, octets_at(&replies), octets_n(&replies));
    client_sees_nothing_more(c);
    moongate_sees_log(m, "again and again");
    assert_in_range(moongate_log_count(m, "again and again"), 1, REQUESTS / 10);
    octets_release(&requests);
    octets_release(&replies);
}

static void a_bare_error_object_harms_nobody(void **state)
{
    static const char *const errors[] = {
        "error()",
        "error({})",
        "error(setmetatable({}, { __tostring = function() error 'twice' end }))",
        "error(('x'):rep(1000000))",
        "error 'new\\nline\\27[31m'",
        "local function f() return 1 + f() end f()",
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(
            script_routing(b,
                           textf("  if req.key == 'good' then return pool end\n  %s", errors[i])),
            NULL);
        errors_cost_only(m, b, "get bad\r\n", 1);
        moongate_sees_log(m, "script");
        assert_int_equal(moongate_log_count(m, "\033"), 0);
        stage_clears();
    }
}

static void a_script_keeps_its_state_between_requests(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(MG "local n = 0\n"
                                                 "local pool = mg.pool { '%s' }\n"
                                                 "return function(req)\n"
                                                 "  n = n + 1\n"
                                                 "  req.key = req.key .. n\n"
                                                 "  return pool\n"
                                                 "end\n",
                                              backend_address(b)),
                                        NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get a b\r\nget c\r\n");
    backend_sees(b, "get a1 b2\r\nget c3\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\nEND\r\n");
}

static void the_jit_may_be_off(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_routing(b, "  req.key = 'v:' .. req.key\n  return pool"), "--no-jit", NULL));

    for (int i = 0; i < 300; i++) {
        get_finds(c, "k", b, "v:k", "x");
    }
}

static void a_module_beside_the_script_can_be_required(void **state)
{
    struct backend *b = backend_listens();
    /* The module's file is the only other one of that folder; the script finds it by its own
     * place. */
    const char *module = moongate_script_file("return { prefix = 'from-module:' }\n");
    const char *folder = textf("%.*s", (int)(strrchr(module, '/') - module), module);
    const char *script = textf("%s/main.lua", folder);
    FILE *file = fopen(script, "we");
    assert_non_null(file);
    fprintf(file,
            MG "local names = require 'script'\n"
               "local pool = mg.pool { '%s' }\n"
               "return function(req) req.key = names.prefix .. req.key return pool end\n",
            backend_address(b));
    fclose(file);
    struct client *c = client_connects(moongate_start(NULL, script, NULL));

    client_sends(c, "get k\r\n");
    backend_sees(b, "get from-module:k\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_script_may_return_a_pool),
        play(prefixes_choose_the_pool),
        play(the_script_sees_what_the_client_sent),
        play(rewritten_fields_are_what_the_backend_sees),
        play(a_key_of_250_bytes_may_be_rewritten_to),
        play(a_script_refuses),
        play(a_reply_text_cannot_forge_lines),
        play(an_error_costs_one_request_and_is_logged_with_its_place),
        play(what_is_not_a_route_is_a_script_error),
        play(keys_that_cannot_be_sent_are_script_errors),
        play(fields_that_cannot_be_sent_are_script_errors),
        play(errors_without_end_do_not_fill_the_log),
        play(a_bare_error_object_harms_nobody),
        play(a_script_keeps_its_state_between_requests),
        play(the_jit_may_be_off),
        play(a_module_beside_the_script_can_be_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
