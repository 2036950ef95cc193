/* Servers that ask for a user and a password: mg.pool { auth = FILE }. Nothing but the credentials goes to a server before it has taken
 * them, they are shown nowhere, and new ones are used by new connections.
 */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SECRET "s3cr3t-w0rd"
#define NAME   "pr1vate-user"
#define LOGIN  "set moongate_auth 0 -1 24\r\n" NAME " " SECRET "\r\n"

static const char *file_of(const char *text)
{
    const char *path = textf("%s/credentials", program_folder());
    file_becomes(path, text);
    return path;
}

static const char *auth(const char *text)
{
    return textf("timeout = 60, stall_timeout = 60, auth = '%s'", file_of(text));
}

/* A server whose every answer is the play's. */
static struct backend *silent(void)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", "");
    return b;
}

/* --- real servers ------------------------------------------------------------------------------ */

static void a_server_that_asks_for_them_serves(void **state)
{
    const char *users = textf("%s/users", program_folder());
    file_becomes(users, "other:x\n" NAME ":" SECRET "\n");
    struct memcached *s = memcached_start("-Y", users, NULL);
    const char *address = memcached_address(s);
    const char *file = file_of(NAME ":wrong\n");
    const char *script =
        script_of_one(address, textf("auth = { file = '%s', mechanism = 'ascii' }", file));
    struct moongate *m = moongate_start(script, "--rehearse", "0", "--probation", "0", NULL);
    struct client *c = client_connects(m);
    client_asks_until(
        c, "get k\r\n",
        textf("%sauthentication failed: see the file of the option auth\r\n", failure_of(address)));
    stat_becomes(c, "servers", textf("%s:state", address), "down");
    file_becomes(file, NAME ":" SECRET "\n");
    moongate_reloads(m, script);
    client_asks_until(c, "get k\r\n", "END\r\n");
    client_stores_value(c, "k", "x");
    client_gets_value(c, "k", "x");
    client_asks(c, "get moongate_auth\r\n", "END\r\n");
    stat_becomes(c, "", "curr_items", "1"); /* asked on a connection of its own */
    assert_int_equal(moongate_log_count(m, SECRET), 0);
    assert_int_equal(moongate_log_count(m, NAME), 0);
}

/* memcached refuses that when it comes together with the command that logs in. */
static void a_server_that_asks_for_them_lists_its_keys(void **state)
{
    const char *users = textf("%s/users", program_folder());
    file_becomes(users, NAME ":" SECRET "\n");
    const char *address = memcached_address(memcached_start("-Y", users, NULL));
    const char *script = script_of_one(address, auth(NAME ":" SECRET));
    client_stores_value(client_connects(moongate_start(script, NULL)), "k", "x");
    struct run run =
        moongate_runs("verify", moongate_script_file(script), "--dump", "--json", NULL);
    assert_int_equal(run.code, 0);
    assert_true(json_member_number(run.out, "keys") == 1);
}

/* It takes the credentials for a set, of which nothing is left. */
static void a_server_without_authentication_serves_too(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), auth("a:b")), NULL));
    client_stores_value(c, "k", "x");
    client_asks(c, "get moongate_auth\r\n", "END\r\n");
}

/* --- what goes over the wire --------------------------------------------------------------------- */

static void nothing_is_asked_before_they_are_taken(void **state)
{
    static const char *const probes[] = {"", ", probe = 'connect'"};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = silent();
        struct client *c = client_connects(moongate_start(
            script_of_one(backend_address(b),
                          textf("connect_timeout = 60, %s%s", auth(NAME ":" SECRET), probes[i])),
            NULL));
        backend_sees(b, LOGIN);
        client_sends(c, "get k\r\nset k 0 0 1\r\nx\r\n");
        for (int turn = 0; turn < 20; turn++) stage_turns(1);
        backend_has_nothing_yet(b);
        backend_answers(b, "STORED\r\n");
        if (i == 0) {
            backend_sees(b, "version\r\n");
            backend_answers(b, "VERSION 1.6.45\r\n");
            backend_sees(b, "mn\r\n");
            backend_answers(b, "MN\r\n");
        }
        backend_sees(b, "get k\r\nset k 0 0 1\r\nx\r\n");
        backend_answers(b, "END\r\nSTORED\r\n");
        client_sees(c, "END\r\nSTORED\r\n");
        stage_clears();
    }
}

/* The connection is closed, nothing else was sent, and the client learns why. */
static void a_refusal_takes_the_server_down(void **state)
{
    static const char *const answers[][2] = {
        {"CLIENT_ERROR authentication failure\r\n",
         "authentication failed: see the file of the option auth"},
        {"CLIENT_ERROR unauthenticated\r\n",
         "authentication failed: see the file of the option auth"},
        {"ERROR\r\n", "answers user and password with: ERROR"},
        {"NOT_STORED\r\n", "answers user and password with: NOT_STORED"},
        {"STORED \r\n", "answers user and password with: STORED "},
        {"STORED\r\nSTORED\r\n", "desync: unsolicited bytes"},
        {"VERSION 1.6.18\r\n", "answers user and password with: VERSION 1.6.18"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct backend *b = silent();
        struct moongate *m = moongate_start(
            script_of_one(backend_address(b),
                          textf("connect_timeout = 60, probe_min = 60, probe_max = 60, %s",
                                auth(NAME ":" SECRET))),
            NULL);
        struct client *c = client_connects(m);
        backend_sees(b, LOGIN);
        client_sends(c, "get k\r\n");
        backend_answers(b, answers[i][0]);
        backend_sees_closed(b);
        client_sees(c, textf("%s%s\r\n", failure_of(backend_address(b)), answers[i][1]));
        stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "down");
        assert_int_equal(moongate_log_count(m, SECRET), 0);
        stage_clears();
    }
}

static void a_server_that_says_nothing_is_left(void **state)
{
    struct backend *b = silent();
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b),
                      textf("connect_timeout = 0.2, probe_min = 60, probe_max = 60, %s",
                            auth(NAME ":" SECRET))),
        NULL));
    backend_sees(b, LOGIN);
    client_asks_until(
        c, "get k\r\n",
        textf("%sno answer to user and password\r\n", failure_of(backend_address(b))));
}

/* A server of a pool may have others, or none. */
static void a_server_may_have_its_own(void **state)
{
    struct backend *one = silent(), *other = backend_listens();
    const char *file = file_of(NAME ":" SECRET);
    moongate_start(textf(MG "return mg.pool { '%s', { '%s', auth = false }, auth = '%s' }\n",
                         backend_address(one), backend_address(other), file),
                   NULL);
    backend_sees(one, LOGIN);
    backend_sees_links(other, 1); /* it was sent a version */
}

/* --- new ones ---------------------------------------------------------------------------------- */

/* What is in flight is answered on the old connection. */
static void new_ones_make_a_new_connection(void **state)
{
    struct backend *b = silent();
    const char *file = file_of("a:b");
    const char *script = script_of_one(
        backend_address(b), textf("timeout = 60, stall_timeout = 60, connect_timeout = 60, probe = "
                                  "'connect', auth = '%s'",
                                  file));
    struct moongate *m = moongate_start(script, "--rehearse", "0", "--probation", "0", NULL);
    struct client *c = client_connects(m);
    backend_sees(b, "set moongate_auth 0 -1 3\r\na b\r\n");
    backend_answers(b, "STORED\r\n");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_reloads(m, script); /* the same ones: the same connection */
    client_sends(c, "get l\r\n");
    backend_sees(b, "get l\r\n");
    file_becomes(file, "a:c");
    moongate_reloads(m, script);
    client_sends(c, "get m\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\nEND\r\n");
    backend_sees_closed(b);
    backend_sees(b, "set moongate_auth 0 -1 3\r\na c\r\n");
    backend_answers(b, "STORED\r\n");
    backend_sees(b, "get m\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

/* --- scripts ----------------------------------------------------------------------------------- */

static void what_is_wrong_in_a_script_is_said(void **state)
{
    const char *two = textf("%s/two", program_folder());
    const char *one = file_of(NAME ":" SECRET "\n");
    file_becomes(two, NAME ":" SECRET "\nb:c\n");
    const char *rows[][2] = {
        {"auth = 7", "mg.pool option 'auth' takes the path of a file, a table or false, not 7"},
        {"auth = true", "takes the path of a file, a table or false, not true"},
        {"auth = { 'x' }", "takes a table of options: auth = { file = \"FILE\" }"},
        {"auth = { mechanism = 'sasl' }", "has a table without file"},
        {"auth = { file = 'x', mechanism = 'plain' }",
         "has a table with option 'mechanism' takes \"ascii\" or \"sasl\", not plain"},
        {"auth = { file = 'x', user = 'y' }", "has a table with unknown option 'user'"},
        {"auth = '/nowhere/at/all'", "file /nowhere/at/all: No such file or directory"},
        {textf("auth = '%s', protocol = 'binary'", one),
         "takes no auth of mechanism \"ascii\" with protocol = \"binary\": write mechanism"},
        {textf("auth = '%s'", two), "has more than one line: it takes one, user:password"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct run run = moongate_runs(
            "explain", moongate_script_file(script_of_one("127.0.0.1:1", rows[i][0])), NULL);
        if (!strstr(run.err, rows[i][1])) stage_fails("%s\n%s", rows[i][0], run.err);
        assert_int_not_equal(run.code, 0);
        assert_null(strstr(run.err, SECRET));
    }
}

static void they_are_shown_nowhere(void **state)
{
    const char *path = moongate_script_file(script_of_one("127.0.0.1:1", auth(NAME ":" SECRET)));
    static const char *const asked[][2] = {{"explain", NULL}, {"explain", "--json"}};
    for (size_t i = 0; i < 2; i++) {
        struct run run = asked[i][1] ? moongate_runs("explain", "--json", path, "get k", NULL)
                                     : moongate_runs("explain", path, NULL);
        assert_int_equal(run.code, 0);
        assert_null(strstr(run.out, SECRET));
        assert_null(strstr(run.out, NAME));
    }
    struct run run = moongate_runs("--check", path, NULL);
    assert_non_null(strstr(run.out, "auth ascii"));
    assert_null(strstr(run.out, SECRET));
    assert_null(strstr(run.out, NAME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_asks_for_them_serves),
        play(a_server_that_asks_for_them_lists_its_keys),
        play(a_server_without_authentication_serves_too),
        play(nothing_is_asked_before_they_are_taken),
        play(a_refusal_takes_the_server_down),
        play(a_server_that_says_nothing_is_left),
        play(a_server_may_have_its_own),
        play(new_ones_make_a_new_connection),
        play(what_is_wrong_in_a_script_is_said),
        play(they_are_shown_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
