/* `stats explain` of the running daemon: it says the same as `moongate explain`, and both say the truth. */
#include "e2e/tools/shop.h"
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

/* --- the running daemon ----------------------------------------------------------------------- */

/* `stats explain` of that request, as `moongate explain` would print it. */
static const char *explained_by_daemon(struct client *c, const char *request, const char *head)
{
    const char *text = textf("%s\n", head);
    client_sends(c, textf("stats explain %s\r\n", request));
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return text;
        if (strncmp(line, "STAT ", 5) != 0) stage_fails("no STAT: %s", line);
        size_t name = strcspn(line + 5, " ");
        text = textf("%s  %-13.*s%s\n", text, (int)name, line + 5, line + 5 + name);
    }
}

static void the_daemon_says_the_same(void **state)
{
    static const char *const requests[][2] = {
        {"get user:42", "get user:42"},         {"get user:{7}:x", "get user:{7}:x"},
        {"set tmp:a", "set tmp:a 0 0 0"},       {"incr page:1", "incr page:1 0"},
        {"touch tmp:a", "touch tmp:a 0"},       {"mg none:1", "mg none:1"},
        {"delete bad:1", "delete bad:1"},       {"cas page:1", "cas page:1 0 0 0 0"},
        {"gats page:\xff", "gats 0 page:\xff"}, {"get oops:1", "get oops:1"},
        {"ms page:2", "ms page:2 0"},
    };
    struct moongate *m = moongate_start(SHOP, NULL);
    struct client *c = client_connects(m);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct run run = moongate_runs("explain", moongate_script_path(m), requests[i][1], NULL);
        char *head = textf("%.*s", (int)strcspn(run.out, "\n"), run.out);
        assert_string_equal(explained_by_daemon(c, requests[i][0], head), run.out);
    }
    client_sees_nothing_more(c);
}

static void an_explained_request_has_its_place_and_sends_nothing(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "name = 'only'"), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a1\r\nstats explain set x\r\nget a2 a3\r\nversion\r\n");
    backend_sees(b, "get a1\r\n");
    backend_sees(b, "get a2 a3\r\n");
    client_has_nothing_yet(c);
    backend_answers(b, hit_and_end("a1", "x"));
    client_sees(c, hit_and_end("a1", "x"));
    client_sees(c, textf("STAT route pool only\r\nSTAT pool only\r\nSTAT distribution ketama\r\n"
                         "STAT hash none\r\nSTAT server %s\r\nSTAT request set x 0 0 0\r\nEND\r\n",
                         backend_address(b)));
    client_has_nothing_yet(c);
    backend_answers(b, hit_and_end("a3", "y"));
    client_sees(c, hit_and_end("a3", "y"));
    client_sees_line_starting(c, "VERSION ");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

static void a_script_meets_explained_requests_in_the_clients_order(void **state)
{
    struct client *c = client_connects(
        moongate_start(MG "local n = 0\n"
                          "return function(req)\n"
                          "  n = n + 1\n"
                          "  req.key = req.key .. n\n"
                          "  return mg.reply.error('call ' .. n .. ' ' .. req.key)\n"
                          "end\n",
                       NULL));
    client_sends(c, "get a b\r\nget c\r\nstats explain get d\r\nget e\r\n");
    client_sees(c, "SERVER_ERROR call 1 a1\r\nSERVER_ERROR call 3 c3\r\n");
    client_sees_line_starting(c, "STAT route function at ");
    client_sees(c, "END\r\nSERVER_ERROR call 5 e5\r\n");
    client_sees_nothing_more(c);
}

static void an_explained_script_error_costs_and_counts_nothing(void **state)
{
    struct moongate *m = moongate_start(SHOP, NULL);
    struct client *c = client_connects(m);
    client_sends(c, "stats explain get oops:1\r\n");
    client_sees_line_starting(c, "STAT route function at ");
    client_sees(c, textf("STAT error %s:9: mine\r\n", moongate_script_path(m)));
    while (strcmp(client_sees_line(c), "END") != 0) continue;
    client_sends(c, "get none:1\r\n");
    client_sees(c, "END\r\n");
    client_sends(c, "stats proxy\r\n");
    for (;;) {
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) break;
        if (strstr(line, "keys_routed")) assert_string_equal(line, "STAT keys_routed 1");
        if (strstr(line, "script_errors")) assert_string_equal(line, "STAT script_errors 0");
    }
    client_sees_nothing_more(c);
    assert_int_equal(moongate_log_count(m, "mine"), 0);
}

/* All of them come in one read, and the worker has other clients. */
static void a_turn_has_little_time_to_explain(void **state)
{
    enum { ASKED = 50 };
    struct client *c = client_connects(moongate_start(MG "return function(req)\n"
                                                         "  while true do end\n"
                                                         "end\n",
                                                      "--script-timeout", "0.1", NULL));
    const char *all = "";
    int explained = 0, refused = 0;
    for (int i = 0; i < ASKED; i++) all = textf("%sstats explain get k\r\n", all);
    client_sends(c, textf("%sversion\r\n", all));
    while (explained + refused < ASKED) {
        const char *line = client_sees_line(c);
        explained += strcmp(line, "END") == 0;
        refused += strcmp(line, "SERVER_ERROR too much to explain at once: send one request at a "
                                "time") == 0;
    }
    assert_in_range(explained, 1, 10);
    client_sees_line_starting(c, "VERSION ");
    client_sends(c, "stats explain get k\r\n");
    client_sees_line_starting(c, "STAT route function at ");
}

static void wrong_questions_are_refused(void **state)
{
    static const char usage[] = "CLIENT_ERROR usage: stats explain <command> <key>\r\n";
    struct client *c = client_connects(moongate_start(SHOP, NULL));
    client_sends(c, "stats explain\r\nstats explain get\r\nstats explain get a b\r\n");
    client_sees(c, textf("%s%s%s", usage, usage, usage));
    client_sends(c,
                 "stats explain version x\r\nstats explain frob x\r\nstats explain get a\rb\r\n");
    client_sees(c, "ERROR\r\nERROR\r\nCLIENT_ERROR bad command line format\r\n");
    char *key = stage_memory(252);
    memset(key, 'k', 251);
    client_sends(c, textf("stats explain get %s\r\nstats explain get noreply\r\n", key));
    client_sees(c, "CLIENT_ERROR bad command line format\r\n");
    client_sees_line_starting(c, "STAT route ");
    while (strcmp(client_sees_line(c), "END") != 0) continue;
    client_sees_nothing_more(c);
}

static void after_a_reload_the_new_script_is_explained(void **state)
{
    struct moongate *m = moongate_start(script_of_one("127.0.0.1:1", "name = 'before'"), NULL);
    struct client *c = client_connects(m);
    has(explained_by_daemon(c, "get a", ""), "before\n");
    moongate_reloads(m, script_of_one("127.0.0.1:1", "name = 'after'"));
    has(explained_by_daemon(c, "get a", ""), "after\n");
}

/* --- the truth -------------------------------------------------------------------------------- */

/* The servers hold what was set through moongate exactly where explain says, under the name that it says. */
static void holds_what_it_should(const char *const *servers, const char *line)
{
    const char *server = json_member(line, "server"), *request = json_member(line, "request");
    const char *key = textf("%.*s", (int)strcspn(request + 4, " "), request + 4);
    for (int i = 0; i < 3; i++) {
        struct client *c = client_connects_to(servers[i]);
        client_sends(c, textf("get %s\r\n", key));
        client_sees(c, strcmp(servers[i], server) == 0 ? hit_and_end(key, json_member(line, "key"))
                                                       : "END\r\n");
        client_closes(c);
    }
}

static void keys_are_where_it_says(const char *const *servers, const char *options)
{
    enum { KEYS = 200 };
    const char *list = textf("'%s', '%s', '%s'", servers[0], servers[1], servers[2]);
    struct moongate *m = moongate_start(
        textf(MG "local first = mg.pool { %s, %s }\n"
                 "local second = mg.pool { %s, name = 'second', distribution = 'modula' }\n"
                 "return function(req)\n"
                 "  if req.key:find '7' then req.key = 'v2:' .. req.key end\n"
                 "  if req:has_prefix 'k1' then return second end\n"
                 "  return first\n"
                 "end\n",
              list, options, list),
        NULL);
    struct client *c = client_connects(m);
    for (int i = 0; i < KEYS; i++) {
        const char *key = textf("k%d{%d}", i, i % 50);
        client_sends(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(key), key));
        client_sees(c, "STORED\r\n");
    }
    const char *command = textf("i=0; while [ $i -lt %d ]; do echo \"k$i{$((i %% 50))}\"; "
                                "i=$((i + 1)); done | $MOONGATE explain %s --json --keys - "
                                "--command set",
                                KEYS, moongate_script_path(m));
    struct run run = shell_runs(command);
    exits(run, 0);
    assert_int_equal(lines_of(run.out), KEYS);
    for (const char *line = run.out; *line; line = strchr(line, '\n') + 1)
        holds_what_it_should(servers, line);
}

/* While a server is down, its keys are said to be where they go meanwhile. */
static void keys_of_a_server_that_is_down_are_explained_where_they_go_now(void **state)
{
    enum { KEYS = 20 };
    struct memcached *s = memcached_start(NULL);
    const char *living = textf("\n  server        %s\n", memcached_address(s));
    struct client *c = client_connects(
        moongate_start(textf(MG "return mg.pool { '%s', '%s', on_failure = 'rehash' }\n",
                             memcached_address(s), address_of_nobody()),
                       NULL));
    double start = stage_now();
    for (int i = 0; i < KEYS;) {
        const char *key = textf("get k%d", i);
        if (strstr(explained_by_daemon(c, key, ""), living))
            i++;
        else if (stage_now() > start + stage_deadline())
            stage_fails("still on the server that is down: %s", explained_by_daemon(c, key, ""));
    }
    for (int i = 0; i < KEYS; i++) {
        client_sends(c, textf("set k%d 0 0 1\r\nx\r\n", i));
        client_sees(c, "STORED\r\n");
    }
}

static void a_key_is_where_explain_says(void **state)
{
    static const char *const options[] = {"hash = 'md5'", "hash_tag = '{}'",
                                          "distribution = 'jump'", "distribution = 'rendezvous'"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *servers[3];
        for (int s = 0; s < 3; s++) servers[s] = memcached_address(memcached_start(NULL));
        keys_are_where_it_says(servers, options[i]);
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_daemon_says_the_same),
        play(an_explained_request_has_its_place_and_sends_nothing),
        play(a_script_meets_explained_requests_in_the_clients_order),
        play(an_explained_script_error_costs_and_counts_nothing),
        play(a_turn_has_little_time_to_explain),
        play(wrong_questions_are_refused),
        play(after_a_reload_the_new_script_is_explained),
        play(keys_of_a_server_that_is_down_are_explained_where_they_go_now),
        play(a_key_is_where_explain_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
