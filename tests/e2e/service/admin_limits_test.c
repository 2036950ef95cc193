/* The admin socket is bounded, and keeps nobody waiting: crowds, long lines, rubbish, peers that do not read, workers that do not turn, and
 * socket files that others have left.
 */
#include "lib/backend.h"
#include "lib/desk.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const NOTHING = MG "return mg.reply.miss()\n";

static struct moongate *starts(const char *path)
{
    return moongate_start(NOTHING, "--admin", textf("unix:%s", path), "-j", "2", NULL);
}

static void two_sessions_at_once_get_their_own_answers(void **state)
{
    const char *path = desk_path("a.sock");
    starts(path);
    struct client *one = desk_opens(path), *two = desk_opens(path);
    for (int i = 0; i < 20; i++) {
        client_sends(one, "log-level\nexplain get one\n");
        client_sends(two, "json explain get two\n");
        assert_non_null(strstr(desk_sees_answer(two), "miss"));
        assert_non_null(strstr(desk_sees_answer(one), "level "));
        assert_non_null(strstr(desk_sees_answer(one), "miss"));
    }
}

/* Those that say nothing make room for those that come. */
static void a_thousand_connections_keep_no_operator_out(void **state)
{
    enum { CROWD = 1000 };
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path);
    struct client *first = desk_opens(path);
    desk_gets(first, "status", "running");
    size_t before = program_descriptors(moongate_pid(m), "");
    for (int i = 0; i < CROWD; i++) {
        struct client *c = desk_opens(path);
        if (i % 50 == 0) desk_gets(c, "log-level", "END\n");
    }
    struct client *last = desk_opens(path);
    desk_gets(last, "status", "workers       2 of 2\n");
    client_sees_closed(first);
    assert_true(program_descriptors(moongate_pid(m), "") <= before + 40);
}

static void a_line_that_is_too_long_ends_the_session(void **state)
{
    const char *path = desk_path("a.sock");
    starts(path);
    struct client *c = desk_opens(path), *d = desk_opens(path);
    char *line = stage_memory(5000);
    memset(line, 'x', 4999);
    client_sends_what_fits(c, line, 4999);
    client_sees(c, "ERROR a line has 2048 bytes at most\n");
    client_sees_closed(c);
    /* One that fits is a word like any other. */
    line[2000] = '\0';
    desk_gets(d, line, "ERROR no command 'xxxx");
    desk_gets(d, textf("explain get %s", line), "ERROR ");
    desk_gets(d, textf("drain %.1900s", line), "ERROR ");
    desk_gets(d, "status", "running");
}

static void rubbish_gets_errors_and_harms_nobody(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path);
    unsigned seed = 7;
    for (int i = 0; i < 100; i++) {
        char bytes[600];
        for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (char)random_next(&seed);
        struct client *c = desk_opens(path);
        struct octets answer = {0};
        client_sends_bytes(c, bytes, sizeof bytes);
        client_half_closes(c);
        client_sees_end(c, &answer);
        octets_release(&answer);
    }
    desk_gets(desk_opens(path), "status", "running");
    assert_true(moongate_runs_on(m));
}

/* It gets no further answers while those before wait (tests/unit/net/lines_test.c has the rest), and others go on. */
static void a_session_that_does_not_read_holds_no_memory_and_nobody_up(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path);
    struct client *c = desk_opens(path), *other = desk_opens(path);
    size_t before = program_rss_kib(moongate_pid(m));
    client_stops_reading(c);
    char *asks = stage_memory(60001);
    for (int i = 0; i < 10000; i++) memcpy(asks + 5 * i, "help\n", 5);
    client_sends_what_fits(c, asks, 50000);
    for (int i = 0; i < 50; i++) desk_gets(other, "log-level", "info");
    assert_true(program_rss_kib(moongate_pid(m)) < before + 20 * 1024);
    client_closes(c);
    desk_gets(other, "status", "running");
}

static void commands_a_second_are_limited(void **state)
{
    enum { SENT = 300 };
    const char *path = desk_path("a.sock");
    starts(path);
    struct client *c = desk_opens(path), *other = desk_opens(path);
    char asks[SENT * 10 + 1] = "";
    for (int i = 0; i < SENT; i++) memcpy(asks + 10 * i, "log-level\n", 11);
    double began = stage_now();
    client_sends(c, asks);
    for (int i = 0; i < SENT; i++) assert_non_null(strstr(desk_sees_answer(c), "info"));
    assert_true(stage_now() - began > 0.5);
    desk_gets(other, "log-level", "info");
}

/* A line ends a watch, and is a command itself: also where the watch was the last command of this second. */
static void a_command_that_ends_a_watch_is_not_lost(void **state)
{
    enum { PAIRS = 150 };
    static const char pair[] = "watch\nlog-level\n";
    const char *path = desk_path("a.sock");
    starts(path);
    struct client *c = desk_opens(path);
    char *asks = stage_memory(PAIRS * sizeof pair + 16);
    strcpy(asks, "log-level\n"); /* so that the watch is the one with an even number */
    for (int i = 0; i < PAIRS; i++) strcat(asks, pair);
    client_sends(c, asks);
    for (int i = 0; i < PAIRS; i++) {
        assert_non_null(strstr(desk_sees_answer(c), "info"));
        assert_non_null(strstr(desk_sees_answer(c), "# time"));
    }
    assert_non_null(strstr(desk_sees_answer(c), "info"));
}

/* Killed with SIGKILL it leaves its file behind. */
static void a_socket_file_that_nobody_listens_on_is_replaced(void **state)
{
    const char *path = desk_path("a.sock");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    strncpy(addr.sun_path, path, sizeof addr.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    close(fd);
    struct moongate *m = starts(path);
    moongate_sees_log(m, "file of a dead process removed");
    desk_gets(desk_opens(path), "status", "running");
    struct run run =
        moongate_runs("-s", "127.0.0.1:1", "-p", "0", "--admin", textf("unix:%s", path), NULL);
    assert_int_equal(run.code, 3);
    assert_non_null(strstr(run.err, "address in use: choose another path with --admin"));
    desk_gets(desk_opens(path), "status", "running");
}

static void wrong_sockets_are_refused_at_start(void **state)
{
    static const struct {
        const char *item, *error;
        int code;
    } wrong[] = {
        {"127.0.0.1:1", "give unix:/path", 2},
        {"a=unix:/tmp/x", "give unix:/path", 2},
        {"unix:/tmp/x,read-only,read-only", "read-only is given twice", 2},
        {"unix:/tmp/x,mode=0999", "mode= takes octal digits", 2},
        {"unix:/tmp/x,user=me", "'user=me' is none of", 2},
        {"unix:/nowhere/x", "choose another path with --admin", 3},
        {"unix:/tmp/x,owner=nobody-knows", "is not known on this system", 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct run run =
            moongate_runs("-s", "127.0.0.1:1", "-p", "0", "--admin", wrong[i].item, NULL);
        if (run.code != wrong[i].code || !strstr(run.err, wrong[i].error))
            stage_fails("%s: exit %d: %s", wrong[i].item, run.code, run.err);
    }
    struct run run =
        moongate_runs("-s", "127.0.0.1:1", "--single-process", "--admin", "unix:/tmp/x", NULL);
    assert_int_equal(run.code, 2);
}

static void systemds_folder_has_a_socket_unless_admin_says_otherwise(void **state)
{
    const char *folder = program_folder(), *path = textf("%s/admin.sock", folder);
    struct stat file;
    setenv("RUNTIME_DIRECTORY", textf("%s:/somewhere/else", folder), 1);
    struct moongate *m = moongate_start(NOTHING, NULL);
    desk_gets(desk_opens(path), "status", "running");
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_not_equal(stat(path, &file), 0);
    /* A folder that is not there costs the socket, not the service. */
    setenv("RUNTIME_DIRECTORY", textf("%s/none", folder), 1);
    m = moongate_start(NOTHING, NULL);
    moongate_sees_log(m, "admin: no socket in RUNTIME_DIRECTORY: give one with --admin");
    unsetenv("RUNTIME_DIRECTORY");
}

/* --- workers that do not turn --------------------------------------------------------------------- */

static void a_worker_that_is_stopped_is_left_out_and_named(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path);
    struct client *c = desk_opens(path), *other = desk_opens(path);
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGSTOP);
    while (!program_is_stopped(workers[0])) stage_turns(5);
    /* What all know, one that turns says at once; the master waits for nobody meanwhile. */
    desk_gets(c, "pools", "END\n");
    client_sends(c, "clients\n");
    for (int i = 0; i < 10; i++) desk_gets(other, "status", "running");
    assert_non_null(strstr(desk_sees_answer(c), "note: 1 worker has not answered within 2 s"));
    kill(workers[0], SIGCONT);
    desk_lacks(c, "clients", "note:");
}

static void a_worker_that_dies_is_not_waited_for(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m = starts(path);
    struct client *c = desk_opens(path);
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGSTOP);
    while (!program_is_stopped(workers[0])) stage_turns(5);
    client_sends(c, "clients\n");
    stage_turns(20);
    kill(workers[0], SIGKILL);
    moongate_sees_log(m, "gone: signal 9");
    assert_non_null(strstr(desk_sees_answer(c), "note: 1 worker has not answered"));
    desk_asks_until(c, "status", "workers       2 of 2");
    desk_lacks(c, "clients", "note:");
}

/* Workers hold neither the socket nor its sessions: else the one that outlives the master would keep both alive. */
static void nothing_of_it_outlives_the_master(void **state)
{
    const char *path = desk_path("a.sock");
    struct moongate *m =
        moongate_start(MG "return mg.async(function() mg.sleep(0.5) return mg.reply.miss() end)\n",
                       "--admin", textf("unix:%s", path), NULL);
    struct client *c = desk_opens(path), *user;
    desk_gets(c, "status", "running");
    kill(moongate_worker(m), SIGKILL); /* the next one is forked while there is a session */
    moongate_sees_log(m, "gone: signal 9");
    desk_asks_until(c, "status", "workers       1 of 1");
    user = client_connects(m);
    client_sends(user, "version\r\nget k\r\n");
    client_sees_line(user);
    moongate_signal(m, SIGKILL);
    moongate_ends(m);
    client_sees_closed(c);
    assert_true(client_is_refused(textf("unix:%s", path)));
    client_sees(user, "END\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(two_sessions_at_once_get_their_own_answers),
        play(a_thousand_connections_keep_no_operator_out),
        play(a_line_that_is_too_long_ends_the_session),
        play(rubbish_gets_errors_and_harms_nobody),
        play(a_session_that_does_not_read_holds_no_memory_and_nobody_up),
        play(commands_a_second_are_limited),
        play(a_command_that_ends_a_watch_is_not_lost),
        play(a_socket_file_that_nobody_listens_on_is_replaced),
        play(wrong_sockets_are_refused_at_start),
        play(systemds_folder_has_a_socket_unless_admin_says_otherwise),
        play(a_worker_that_is_stopped_is_left_out_and_named),
        play(a_worker_that_dies_is_not_waited_for),
        play(nothing_of_it_outlives_the_master),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
