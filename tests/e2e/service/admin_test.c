/* The admin socket: what its commands answer, in words and in JSON, and what a socket that is read-only refuses. */
#include "lib/backend.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct backend *a, *b;

/* Two servers in one pool. */
static const char *script(void)
{
    return textf(MG "return mg.pool { name = 'all', '%s', '%s' }\n", backend_address(a),
                 backend_address(b));
}

static struct moongate *starts(const char *path, const char *workers)
{
    a = backend_listens();
    b = backend_listens();
    return moongate_start(script(), "--admin", textf("unix:%s", path), "-j", workers, NULL);
}

static mode_t mode_of(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0) stage_fails("%s is not there", path);
    return file.st_mode & 07777;
}

/* --- commands ----------------------------------------------------------------------------------- */

static void each_command_that_reads_answers_and_ends(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "2");
    struct client *c = desk_opens(path), *user = client_connects(m);
    client_sends(user, "set k 0 0 1 noreply\r\nx\r\nversion\r\n");
    client_sees_line(user);

    desk_gets(c, "help", "\nstatus  ");
    desk_gets(c, "status", "state         running\n");
    desk_gets(c, "status", "workers       2 of 2\n");
    desk_gets(c, "status", "s\nworkers"); /* uptime, with its unit */
    desk_gets(c, "pools", "\nall ");
    const char *servers = desk_gets(c, "servers", backend_address(a));
    assert_non_null(strstr(servers, backend_address(b)));
    assert_null(strstr(servers, "distribution"));
    desk_gets(c, "explain get k", "pool          all\n");
    desk_gets(c, "clients", "127.0.0.1:");
    desk_gets(c, "log-level", "level         info\n");
    /* CR LF is an end of line, too, and an empty line is nothing. */
    client_sends(c, "\r\n\nlog-level\r\n");
    assert_non_null(strstr(desk_sees_answer(c), "info"));
}

static void json_has_an_object_a_line(void **state)
{
    const char *path = desk_path("a.sock");
    starts(path, "1");
    struct client *c = desk_opens(path);
    desk_gets(c, "json status", "\"state\":\"running\"");
    desk_gets(c, "json status", "\"steered\":[]");
    const char *pools =
        desk_gets(c, "json pools", "{\"type\":\"pool\",\"pool\":\"all\",\"servers\":2,");
    assert_non_null(strstr(pools, textf("{\"type\":\"server\",\"pool\":\"all\",\"server\":\"%s\",",
                                        backend_address(a))));
    desk_gets(c, "json pools", "\n{\"ok\":true}\n");
    desk_lacks(c, "json servers", "\"type\":\"pool\"");
    desk_gets(c, "json explain get k", "{\"type\":\"explain\",\"route\":\"pool all\",");
    desk_gets(c, "json clients", "{\"ok\":true}\n");
    desk_gets(c, "json log-level", "{\"type\":\"log\",\"level\":\"info\"}\n");
    assert_string_equal(desk_asks(c, "json no\"such"),
                        "{\"ok\":false,\"error\":\"no command 'no\\\"such': help lists them\"}\n");
    /* The mode is that of one command. */
    desk_gets(c, "log-level", "level  ");
}

static void wrong_commands_are_told_what_is_wrong(void **state)
{
    static const struct {
        const char *line, *error;
    } wrong[] = {
        {"stop", "ERROR no command 'stop': help lists them\n"},
        {"status now", "ERROR status: give status\n"},
        {"drain", "ERROR drain: give drain SERVER\n"},
        {"weight x", "ERROR weight: give weight SERVER [POOL] NUMBER|reset\n"},
        {"weight a b c d", "ERROR weight: give weight SERVER [POOL] NUMBER|reset\n"},
        {"explain nope k", "ERROR not a command about a key, such as get or set\n"},
        {"explain get \"a b\"", "ERROR CLIENT_ERROR bad command line format\n"},
        {"log-level loud",
         "ERROR no level 'loud': give one of error, warn, info, debug, trace, reset\n"},
        {"kill 1.1", "ERROR no client '1.1': `clients` lists them\n"},
        {"kill unix", "ERROR no client 'unix': `clients` lists them\n"},
        {"quit", "ERROR `quit yes` ends the service; `exit` closes this connection\n"},
        {"quit no", "ERROR `quit yes` ends the service; `exit` closes this connection\n"},
        {"rollback", "ERROR there is no earlier script that was good: nothing has changed\n"},
        {"drain nobody", "ERROR no pool has a server 'nobody': `servers` lists them\n"},
        {"weight \"\" 1", "ERROR weight: a word is empty: leave it out, or give one\n"},
        {"weight x \"\" 1", "ERROR weight: a word is empty: leave it out, or give one\n"},
        {"weight x 1 \"\"", "ERROR weight: a word is empty: leave it out, or give one\n"},
        {"watch errors \"\" pool x", "ERROR watch: a word is empty: leave it out, or give one\n"},
        {"weight nobody 1", "ERROR no pool has a server 'nobody': `servers` lists them\n"},
        {"stat\x1b[2J\xff", "ERROR no command 'stat\\x1b[2J\\xff': help lists them\n"},
    };
    const char *path = desk_path("a.sock");
    starts(path, "1");
    struct client *c = desk_opens(path);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_string_equal(desk_asks(c, wrong[i].line), wrong[i].error);
    assert_string_equal(desk_asks(c, "json"),
                        "{\"ok\":false,\"error\":\"no command: help lists them\"}\n");
    desk_gets(c, "explain get \"k", "ERROR not a line of words");
    desk_gets(c, "explain get \"k\\q\"", "ERROR not a line of words");
    client_sends_bytes(c, "sta\0tus\n", 8);
    assert_non_null(strstr(desk_sees_answer(c), "ERROR not a line of words"));
    desk_gets(c, "explain get \"\\x6b\"", "request       get k\n");
}

static void a_name_with_a_slip_gets_names_that_are_near(void **state)
{
    const char *path = desk_path("a.sock");
    starts(path, "1");
    struct client *c = desk_opens(path);
    const char *address = backend_address(a);
    desk_gets(c, textf("drain %.*s", (int)strlen(address) - 1, address),
              textf("there is %s", address));
    desk_gets(c, textf("weight %s al 2", address), "there is no pool 'al': there is all\n");
}

static void a_read_only_socket_changes_nothing(void **state)
{
    static const char *const changes[] = {
        "reload",          "rollback", "drain x",       "undrain x", "weight x 2",
        "log-level debug", "kill 1.1", "json kill 1.1", "upgrade",   "quit yes",
    };
    const char *path = desk_path("a.sock"), *ro = desk_path("ro.sock");
    a = backend_listens();
    b = backend_listens();
    struct moongate *m = moongate_start(script(), "--admin", textf("unix:%s", path), "--admin",
                                        textf("unix:%s,read-only,mode=0666", ro), NULL);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(ro), 0666);
    struct client *c = desk_opens(ro);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        desk_gets(c, changes[i], "this socket is read-only: use one that is not");
    desk_gets(c, "status", "state         running\n");
    desk_gets(c, "log-level", "info");
    desk_gets(c, "clients", "END\n");
    assert_int_equal(moongate_log_count(m, "admin: reload"), 0);
    desk_gets(desk_opens(path), "reload", "accepted");
}

static void changes_are_logged_with_who_made_them(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "1");
    struct client *c = desk_opens(path);
    desk_gets(c, "log-level debug", "END\n");
    moongate_sees_log(
        m, textf("admin: log-level debug by uid %d pid %d", (int)getuid(), (int)getpid()));
    desk_gets(c, "log-level", "debug");
    client_closes(client_connects(m));
    moongate_sees_log(m, "closed: closed by the client"); /* a worker's */
    (void)desk_opens(path);
    moongate_sees_log_times(m, "admin: session of uid", 1);
    desk_gets(c, "log-level error", "END\n");
    desk_gets(c, "log-level", "error");
    desk_gets(c, "reload", "accepted");
    assert_int_equal(moongate_log_count(m, "reloaded: generation 2"), 0);
    desk_gets(c, "log-level reset", "END\n");
    desk_gets(c, "log-level", "info");
    desk_gets(c, textf("drain %s", backend_address(a)), "drained");
    moongate_sees_log(m, textf("admin: drain %s by uid", backend_address(a)));
}

/* --- reload, rollback, upgrade, quit -------------------------------------------------------------- */

static void reload_waits_for_the_outcome_and_tells_the_reason(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "2");
    struct client *c = desk_opens(path), *other = desk_opens(path), *user = client_connects(m);
    desk_gets(c, "reload", "outcome       accepted\ngeneration    2\nEND\n");
    moongate_gets_script(m, "return nonsense\n");
    desk_gets(c, "reload", "ERROR ");
    desk_gets(c, "reload", ":1: ");
    desk_gets(c, "json reload", "\"ok\":false");
    desk_gets(c, "status", "generation    2\n");
    /* Why requests fail is one line: the traceback is for the log. */
    client_sends(user, "set k 0 0 1 noreply\r\nx\r\nversion\r\n");
    client_sees_line(user);
    moongate_gets_script(m, "return function() error 'odd' end\n");
    desk_gets(c, "reload", ":1: odd: generation 2 goes on\n");
    moongate_gets_script(m, script());
    /* Two at once: each gets the outcome of a reload that began after it was asked for. */
    client_sends(c, "reload\n");
    client_sends(other, "reload\n");
    assert_non_null(strstr(desk_sees_answer(c), "accepted"));
    assert_non_null(strstr(desk_sees_answer(other), "accepted"));
}

static void rollback_brings_the_last_good_script_back(void **state)
{
    const char *path = desk_path("a.sock");
    a = backend_listens();
    b = backend_listens();
    struct moongate *m = moongate_start(script(), "--admin", textf("unix:%s", path), "-j", "2",
                                        "--probation", "0", NULL);
    struct client *c = desk_opens(path), *user = client_connects(m);
    moongate_gets_script(m, MG "return mg.reply.error 'new'\n");
    desk_gets(c, "reload", "accepted");
    client_sends(user, "get k\r\n");
    client_sees(user, "SERVER_ERROR new\r\n");
    /* It has passed (no probation), and is the last good one now: the one before it comes back. */
    desk_gets(c, "rollback", "outcome       rolled back\ngeneration    3\nEND\n");
    desk_gets(c, "explain get k", "pool          all\n");
    desk_gets(c, "rollback", "ERROR there is no earlier script");
    desk_gets(c, "reload", "generation    4\n");
    desk_gets(c, "explain get k", "reply error");
    desk_gets(c, "rollback", "generation    5\n");
}

static void rollback_ends_a_probation(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "1");
    struct client *c = desk_opens(path);
    moongate_gets_script(m, MG "return mg.reply.error 'new'\n");
    desk_gets(c, "reload", "accepted");
    desk_gets(c, "status", "on probation");
    desk_gets(c, "json rollback", "\"outcome\":\"rolled back\",\"generation\":3}");
    desk_lacks(c, "status", "on probation");
    desk_gets(c, "explain get k", "pool          all\n");
}

static void an_upgrade_hands_the_sockets_over(void **state)
{
    const char *path = desk_path("a.sock"), *ro = desk_path("ro.sock");
    upgrade_begins();
    a = backend_listens();
    b = backend_listens();
    struct moongate *m = moongate_start(script(), "--admin", textf("unix:%s", path), "--admin",
                                        textf("unix:%s,read-only", ro), NULL);
    struct client *c = desk_opens(path), *idle = desk_opens(path);
    struct stat before, after;
    desk_gets(c, textf("drain %s", backend_address(a)), "drained");
    desk_gets(c, textf("weight %s 3", backend_address(b)), "weight");
    assert_int_equal(stat(path, &before), 0);
    desk_gets(c, "upgrade", " serves\nEND\n");
    client_sees(c, "ERROR another process has taken over: connect again\n");
    client_sees_closed(c);
    client_sees(idle, "ERROR another process has taken over: connect again\n");
    client_sees_closed(idle);
    moongate_becomes_new(m, 1);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    c = desk_opens(path);
    desk_gets(c, "status", textf("drained       %s\n", backend_address(a)));
    desk_gets(c, "status", textf("%s has the weight 3\n", backend_address(b)));
    desk_gets(c, "servers", "drained");
    desk_gets(desk_opens(ro), "reload", "read-only");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(ro, F_OK), 0);
}

/* Whenever they come: each gets an answer, or learns that the other process is to be asked. */
static void nobody_is_refused_during_an_upgrade(void **state)
{
    const char *path = desk_path("a.sock");
    upgrade_begins();
    struct moongate *m = starts(path, "2");
    unsigned told = 0, asked = 0;
    moongate_signal(m, SIGUSR2);
    while (moongate_log_count(m, " has ended") == 0) {
        const char *answer = desk_asks(desk_opens(path), "log-level");
        bool taken_over = strstr(answer, "ERROR another process has taken over");
        assert_true(taken_over || strstr(answer, "info"));
        told += taken_over;
        asked++;
    }
    assert_true(asked > told);
    moongate_becomes_new(m, 1);
}

static void an_upgrade_that_fails_says_why(void **state)
{
    const char *path = desk_path("a.sock");
    upgrade_begins();
    starts(path, "1");
    struct client *c = desk_opens(path);
    upgrade_puts_script("#!/bin/sh\nexit 2\n");
    desk_gets(c, "upgrade", "ERROR not upgraded: exit 2");
    desk_gets(c, "status", "state         running\n");
    upgrade_puts_binary();
}

static void quit_drains_the_service(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "1");
    struct client *c = desk_opens(path), *user = client_connects(m);
    char key = 'k';
    client_sends(user, textf("get %c\r\n", key));
    backend_sees(strstr(desk_asks(c, "explain get k"), backend_address(a)) ? a : b, "get k\r\n");
    assert_string_equal(desk_asks(c, "quit yes"), "END\n");
    moongate_sees_log(m, "draining: SIGTERM");
    /* While it drains it can be looked at, and not be changed. */
    desk_gets(c, "status", "state         draining\n");
    desk_gets(c, "reload", "ERROR reload: the service drains\n");
    desk_gets(c, textf("drain %s", backend_address(a)), "ERROR drain: the service drains\n");
    backend_answers(strstr(desk_asks(c, "explain get k"), backend_address(a)) ? a : b, "END\r\n");
    client_sees(user, "END\r\n");
    client_closes(user);
    moongate_exits(m, 0);
    client_sees_closed(c);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* --- clients ------------------------------------------------------------------------------------ */

/* The nth word (from 0) of the answer's second line, or of the one with that text. */
static const char *word_of(const char *answer, const char *with, int n)
{
    const char *at = strstr(answer, with);
    if (!at) stage_fails("no '%s' in\n%s", with, answer);
    while (at > answer && at[-1] != '\n') at--;
    for (; n > 0; n--) {
        at += strcspn(at, " \n");
        at += strspn(at, " ");
    }
    return textf("%.*s", (int)strcspn(at, " \n"), at);
}

static void clients_are_listed_and_killed_by_id_and_by_address(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path, "2");
    struct client *c = desk_opens(path);
    struct client *one = client_connects(m), *two = client_connects(m), *last = client_connects(m);
    struct client *all[] = {one, two, last};
    for (int i = 0; i < 3; i++) {
        client_sends(all[i], "get\r\nget\r\n");
        client_sees(all[i], "ERROR\r\nERROR\r\n");
    }
    const char *list = desk_asks(c, "clients");
    const char *id = word_of(list, "127.0.0.1:", 0), *address = word_of(list, "127.0.0.1:", 1);
    assert_string_equal(word_of(list, "127.0.0.1:", 5), "2");
    assert_string_equal(word_of(list, "127.0.0.1:", 6), "10");
    assert_string_equal(word_of(list, "127.0.0.1:", 7), "14");
    desk_gets(c, textf("kill %s", id), address);
    desk_gets(c, textf("kill %s", id), "ERROR no client");
    desk_gets(c, textf("kill %s", address), "ERROR no client");
    list = desk_asks(c, "json clients");
    const char *at = strstr(list, "\"address\":\"");
    assert_non_null(at);
    at += strlen("\"address\":\"");
    desk_gets(c, textf("kill %.*s", (int)strcspn(at, "\""), at), "127.0.0.1:");
    int closed = 0;
    list = desk_asks(c, "clients");
    for (const char *p = list; (p = strstr(p, "127.0.0.1:")); p++) closed++;
    assert_int_equal(closed, 1);
    moongate_sees_log(m, textf("admin: kill %s by uid", id));
}

/* --- columns ------------------------------------------------------------------------------------- */

static void values_stand_below_each_other(void **state)
{
    const char *path = desk_path("a.sock");
    a = backend_listens();
    b = backend_listens();
    moongate_start(textf(MG "return mg.failover { mg.pool { '%s', name = 'near' }, "
                            "mg.pool { '%s', '%s', name = 'far' } }\n",
                         backend_address(a), backend_address(a), backend_address(b)),
                   "--admin", textf("unix:%s", path), NULL);
    struct client *c = desk_opens(path);
    desk_gets(c, "explain get k", "\nplace_2_request  get k\n");
    desk_gets(c, "explain get k", "\npool             near\n");
    desk_gets(c, textf("weight %s 3", backend_address(b)), "  weight  keys_moved_percent\n");
    const char *servers = desk_gets(c, "servers", "  weight  script_weight  in_flight  ");
    assert_non_null(strstr(servers, "       1              -          0  "));
    assert_non_null(strstr(servers, "       3              1          0  "));
}

/* --- hot keys ------------------------------------------------------------------------------------- */

/* A key may be anything: no line of a table can be taken for the end of the answer. */
static void hot_keys_are_shown_so_that_no_key_forges_an_answer(void **state)
{
    static const char *const keys[] = {"END", "ERROR", "k\x01<b>\"", "plain"};
    const char *path = desk_path("a.sock");
    struct moongate *m =
        moongate_start(MG "return mg.reply.miss()\n", "--admin", textf("unix:%s", path), NULL);
    struct client *c = desk_opens(path), *user = client_connects(m);
    desk_gets(c, "hot", "END\n");
    for (int i = 0; i < 4000; i++) client_sends(user, textf("get %s\r\n", keys[i % 4]));
    for (int i = 0; i < 4000; i++) client_sees(user, "END\r\n");
    desk_asks_until(c, "json hot", "\"type\":\"key\",\"key\":\"END\"");
    desk_gets(c, "json hot keys", "\"key\":\"k\\u0001<b>\\\"\"");
    client_sends(c, "hot\nlog-level\n");
    const char *hot = desk_sees_answer(c);
    assert_non_null(strstr(hot, "\n END "));
    assert_non_null(strstr(hot, "\n ERROR "));
    assert_non_null(strstr(hot, "\nk\\x01<b>\" "));
    assert_string_equal(desk_sees_answer(c), "level         info\nEND\n");
    desk_gets(c, "json hot clients", "\"client\":\"127.0.0.1\",\"share_percent\":100,");
    desk_gets(c, "hot clients", "\n127.0.0.1          100.0  ");
    desk_gets(c, "hot bytes", "bytes_per_second");
    desk_gets(c, "hot stuff", "ERROR hot: give one of keys, clients, bytes\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_command_that_reads_answers_and_ends),
        play(json_has_an_object_a_line),
        play(wrong_commands_are_told_what_is_wrong),
        play(a_name_with_a_slip_gets_names_that_are_near),
        play(a_read_only_socket_changes_nothing),
        play(changes_are_logged_with_who_made_them),
        play(reload_waits_for_the_outcome_and_tells_the_reason),
        play(rollback_brings_the_last_good_script_back),
        play(rollback_ends_a_probation),
        play(an_upgrade_hands_the_sockets_over),
        play(nobody_is_refused_during_an_upgrade),
        play(an_upgrade_that_fails_says_why),
        play(quit_drains_the_service),
        play(values_stand_below_each_other),
        play(hot_keys_are_shown_so_that_no_key_forges_an_answer),
        play(clients_are_listed_and_killed_by_id_and_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
