/* --auth-file: who is let in, and what those who are not get: what memcached -Y answers. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_YET   "CLIENT_ERROR unauthenticated\r\n"
#define FAILURE   "CLIENT_ERROR authentication failure\r\n"
#define APP       "set login 0 0 10\r\napp secret\r\n"
#define WRONG     "set login 0 0 10\r\napp secreT\r\n"
#define TWO_USERS "app:secret\nbob:pass word\r\n"

static const char *file(const char *text)
{
    return moongate_script_file(text);
}

static void rewrite(const char *path, const char *text)
{
    FILE *to = fopen(path, "w");
    if (!to || fputs(text, to) < 0 || fclose(to) != 0) stage_fails("%s: not written", path);
}

static struct client *is_in(struct client *c)
{
    client_asks(c, APP, "STORED\r\n");
    client_sees_nothing_more(c);
    return c;
}

/* --- one client ------------------------------------------------------------------------------- */

static void nothing_reaches_a_server_before_the_client_is_a_user(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS), NULL);
    struct client *c = client_connects(m);
    static const char *const lines[] = {"get k\r\n",
                                        "version\r\n",
                                        "stats\r\n",
                                        "quit\r\n",
                                        "mn\r\n",
                                        "flush_all\r\n",
                                        "\r\n",
                                        "config get cluster\r\n",
                                        "mg k v\r\n",
                                        "verbosity 1\r\n",
                                        "stats explain get k\r\n",
                                        "lru_crawler metadump all\r\n",
                                        "watch\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) client_asks(c, lines[i], NOT_YET);
    client_asks(c, WRONG, FAILURE);
    client_asks(c, "set k 0 0 3\r\napp\r\n", "CLIENT_ERROR bad authentication token format\r\n");
    client_asks(c, "set k 0 0 3\r\napp secret\r\n",
                "CLIENT_ERROR bad command line termination\r\n" NOT_YET);
    client_asks(c, APP, "STORED\r\n");
    get_misses(c, "k", b, "k");
    assert_int_equal(stat_number(c, "proxy", "auth_cmds"), 2);
    assert_int_equal(stat_number(c, "", "auth_errors"), 1);
    assert_string_equal(stat_text(c, "settings", "auth_enabled_ascii"), "yes");
    client_sees_nothing_more(c);
}

static void a_set_that_is_cut_anywhere_is_one(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS), NULL);
    static const char all[] = WRONG "get a\r\n" APP "get k\r\n";
    for (size_t piece = 1; piece < sizeof all; piece += piece < 8 ? 1 : 9) {
        struct client *c = client_connects(m);
        client_sends_in_pieces(c, all, sizeof all - 1, piece);
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, FAILURE NOT_YET "STORED\r\nEND\r\n");
        client_closes(c);
    }
}

static void what_has_no_end_is_closed(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS), NULL);
    struct client *c = client_connects(m);
    client_sends(c, textf("%02049d", 0));
    client_sees_closed(c);
    c = client_connects(m);
    client_sends(c, "set login 0 0 2049\r\n");
    client_sees(c, "CLIENT_ERROR auth token too long\r\n");
    client_sees_closed(c);
    assert_int_equal(backend_links(b), 1);
}

static void a_failure_is_logged_with_the_name_and_never_with_the_password(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS), NULL);
    struct client *c = client_connects(m);
    client_asks(c, "set k 0 0 14\r\nmallory\t hunter2\r\n",
                "CLIENT_ERROR bad command line termination\r\n" NOT_YET);
    client_asks(c, "set k 0 0 17\r\nmallory\x01\x1b hunter2\r\n", FAILURE);
    moongate_sees_log(m, "authentication failure: user \"mallory\\x01\\x1b\"");
    assert_non_null(strstr(moongate_log_line(m, "authentication failure"), "client 127.0.0.1:"));
    is_in(c);
    assert_int_equal(moongate_log_count(m, "hunter2"), 0);
    assert_int_equal(moongate_log_count(m, "secret"), 0);
}

static void the_log_of_slow_requests_names_the_user(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), "--auth-file",
                                        file(TWO_USERS), "--slow-log", "0.000001", NULL);
    struct client *c = is_in(client_connects(m));
    client_asks(c, "get k\r\n", "END\r\n");
    const char *line = moongate_log_line(m, "slow request: get k: ");
    if (!strstr(line, " ms: miss, client user:app@127.0.0.1:")) stage_fails("%s", line);
}

/* --- which clients ---------------------------------------------------------------------------- */

static void a_listener_may_let_everybody_in(void **state)
{
    struct backend *b = backend_listens();
    const char *open = textf("unix:%s.open", file(""));
    const char *shut = textf("unix:%s.shut", file(""));
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS), "-b",
                       textf("%s,auth=off", open), "-b", shut, NULL);
    struct client *free = client_connects_to(open), *bound = client_connects_to(shut);
    get_misses(free, "k", b, "k");
    client_asks(bound, "get k\r\n", NOT_YET);
    client_sends(bound, "set k a b 12\r\nget k\r\n"); /* a value that is cut is no request either */
    client_is_read(bound);
    client_asks(bound, "get l\r\n", FAILURE);
    client_asks(bound, APP, "STORED\r\n");
    get_misses(bound, "k", b, "k");
    (void)m;
}

static void a_user_stays_in_when_it_moves_to_another_worker(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), "--auth-file",
                                        file(TWO_USERS), NULL);
    struct client *in = is_in(client_connects(m)), *out = client_connects(m);
    client_asks(out, "get k\r\n", NOT_YET);
    kill(moongate_worker(m), SIGTERM);
    stat_becomes(in, "proxy", "moved_connections", "2");
    client_asks(in, "get k\r\n", "END\r\n");
    client_asks(out, "get k\r\n", NOT_YET);
    client_asks(out, APP, "STORED\r\n");
    client_asks(out, "get k\r\n", "END\r\n");
}

static void a_user_stays_in_over_an_upgrade(void **state)
{
    struct memcached *s = memcached_start(NULL);
    upgrade_begins();
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), "--auth-file",
                                        file(TWO_USERS), NULL);
    struct client *in = is_in(client_connects(m)), *out = client_connects(m);
    client_asks(out, "get k\r\n", NOT_YET);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    client_asks(in, "get k\r\n", "END\r\n");
    client_asks(out, "get k\r\n", NOT_YET);
    client_asks(out, APP, "STORED\r\n");
}

/* --- the file --------------------------------------------------------------------------------- */

static void a_reload_reads_it_again_and_leaves_those_who_are_in(void **state)
{
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), ""), *users = file(TWO_USERS);
    struct moongate *m = moongate_start(script, "-j", "2", "--auth-file", users, NULL);
    struct client *in = is_in(client_connects(m)), *out = client_connects(m);
    rewrite(users, "app:other\n");
    client_asks(out, WRONG, FAILURE);
    moongate_reloads(m, script);
    client_sees_nothing_more(in);
    client_asks(out, APP, FAILURE);
    for (int i = 0; i < 4; i++) {
        struct client *c = client_connects(m);
        client_asks(c, APP, FAILURE);
        client_asks(c, "set login 0 0 9\r\napp other\r\n", "STORED\r\n");
    }
}

static void a_changed_file_is_read_by_itself_where_files_are_watched(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *users = file(TWO_USERS);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), "--auth-file",
                                        users, "--watch", NULL);
    struct client *c = is_in(client_connects(m));
    rewrite(users, "app:other\n");
    moongate_sees_log(m, "reloaded: generation 2");
    client_asks(client_connects(m), APP, FAILURE);
    client_sees_nothing_more(c);
}

/* A new script is asked about requests as if from the clients that sent them. */
static void a_rehearsal_knows_who_has_asked(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *pool = textf("mg.pool { '%s' }", memcached_address(s));
    struct moongate *m = moongate_start(textf(MG "return mg.allow { app = %s }\n", pool),
                                        "--auth-file", file(TWO_USERS), NULL);
    struct client *c = is_in(client_connects(m));
    for (int i = 0; i < 20; i++) client_asks(c, textf("get k%d\r\n", i), "END\r\n");
    moongate_gets_script(m,
                         textf(MG "local pool = %s\nreturn mg.allow { app = function(req)\n"
                                  "  if req.identity == 'user:app' then error 'not this one' end\n"
                                  "  return pool end }\n",
                               pool));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "not this one");
    moongate_sees_log(m, "generation 1 goes on");
    moongate_reloads(m, textf(MG "return mg.allow { ['user:app'] = %s }\n", pool));
    client_asks(c, "get k\r\n", "END\r\n");
}

/* Whatever is wrong refuses the reload, in all workers. */
static void a_bad_file_refuses_the_reload(void **state)
{
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), ""), *users = file(TWO_USERS);
    struct moongate *m = moongate_start(script, "-j", "2", "--auth-file", users, NULL);
    rewrite(users, "app:other\nhunter2\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("not loaded: --auth-file %s: line 2: it has no colon: write "
                               "user:password; generation 1 goes on",
                               users));
    rewrite(users, "");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("not loaded: --auth-file %s: it is empty", users));
    unlink(users);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("not loaded: --auth-file %s: No such file", users));
    is_in(client_connects(m));
    is_in(client_connects(m));
    assert_int_equal(moongate_log_count(m, "hunter2"), 0);
    (void)b;
}

/* A worker that starts later has the users of the others, not those of the disk. */
static void a_worker_that_starts_later_has_the_users_in_use(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *users = file(TWO_USERS);
    struct moongate *m =
        moongate_start(NULL, "--servers", memcached_address(s), "--auth-file", users, NULL);
    struct client *in = is_in(client_connects(m));
    rewrite(users, "app:other\n");
    kill(moongate_worker(m), SIGTERM);
    stat_becomes(in, "proxy", "moved_connections", "1");
    is_in(client_connects(m));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "generation 2 loaded");
    client_asks(client_connects(m), APP, FAILURE);
}

static void a_bad_file_keeps_it_from_starting(void **state)
{
    const char *users = file("app:secret\n:x\n"), *none = textf("%s.none", users);
    struct run r = moongate_runs("-p", "0", "--servers", "127.0.0.1:1", "--auth-file", users, NULL);
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, textf("--auth-file %s: line 2: it has no user name", users)));
    r = moongate_runs("-t", "--servers", "127.0.0.1:1", "--auth-file", none, NULL);
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, textf("--auth-file %s: No such file", none)));
}

static void it_is_not_kept_on_the_disk(void **state)
{
    struct backend *b = backend_listens();
    const char *dir = textf("%s.state", file(""));
    assert_int_equal(mkdir(dir, 0700), 0);
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--auth-file", file(TWO_USERS),
                       "--state-dir", dir, "--probation", "0", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    FILE *kept = fopen(textf("%s/last-good", dir), "r");
    assert_non_null(kept);
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, kept);
    fclose(kept);
    assert_true(n > 0 && memmem(bytes, n, "mg.pool", 7));
    assert_null(memmem(bytes, n, "secret", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_reaches_a_server_before_the_client_is_a_user),
        play(a_set_that_is_cut_anywhere_is_one),
        play(what_has_no_end_is_closed),
        play(a_failure_is_logged_with_the_name_and_never_with_the_password),
        play(the_log_of_slow_requests_names_the_user),
        play(a_listener_may_let_everybody_in),
        play(a_user_stays_in_when_it_moves_to_another_worker),
        play(a_user_stays_in_over_an_upgrade),
        play(a_reload_reads_it_again_and_leaves_those_who_are_in),
        play(a_changed_file_is_read_by_itself_where_files_are_watched),
        play(a_rehearsal_knows_who_has_asked),
        play(a_bad_file_refuses_the_reload),
        play(a_worker_that_starts_later_has_the_users_in_use),
        play(a_bad_file_keeps_it_from_starting),
        play(it_is_not_kept_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
